"""A figure that shows itself. matplotlib's own do so in a notebook only once pyplot was imported,
and then those that pyplot made; ours are made without it."""

from matplotlib.figure import Figure


class Shown(Figure):
    """A matplotlib figure that a notebook displays as the picture it is."""

    def _repr_png_(self) -> bytes:
        from pageengine.report import saved

        return saved(self)
