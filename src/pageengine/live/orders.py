"""Orders: what a decision asks to be done on a real host. Plain data: to make them changes nothing,
and who only recommends stops here.
"""

from __future__ import annotations

from collections.abc import Mapping

from pageengine.plumbing.frozen import Frozen, fresh


class Orders(Frozen):
    """What is to be done.

    Attributes:
        balloon: [bytes by name] what each driver is to be told to hold
        page_out: [bytes by name] what is to be paged out of each
        pause: [yes or no by name] who is to be paused, or to go on
        scan: [pages per second] that KSM is to look at; None: as it is
    """

    balloon: Mapping[str, int] = fresh(factory=dict)
    page_out: Mapping[str, int] = fresh(factory=dict)
    pause: Mapping[str, bool] = fresh(factory=dict)
    scan: float | None = None

    @property
    def names(self) -> frozenset[str]:
        """The guests that something is to be done with."""
        return frozenset([*self.balloon, *self.page_out, *self.pause])

    @property
    def nothing(self) -> bool:
        """Whether all stays as it is."""
        return not self.names and self.scan is None
