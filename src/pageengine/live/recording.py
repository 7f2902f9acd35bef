"""A recording of real guests: moments gathered into the lab's timelines, and handed on in parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.lab.timeline import HOST, VM
from pageengine.live.moment import HOST_MORE, TEXTS, VM_MORE, Moment, Row, moment_of
from pageengine.live.settings import GuestSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.live.watch import Seen

    Columns = Mapping[str, NDArray[Any]]


class Recording:
    """Gathers what is seen of these guests. write: is given the host's and the guests' columns of
    each part, in which NaN is what was not known. part: seconds that a part is long.
    """

    def __init__(
        self,
        settings: Iterable[GuestSettings],
        write: Callable[[Columns, Columns], object],
        part: float,
    ):
        self._settings = {each.name: each for each in settings}
        self._write, self._part = write, part
        self._began: float | None = None
        self._moments: list[Moment] = []
        self.last: Moment | None = None
        self.looks = self.parts = 0

    def hear(self, seen: Seen) -> Moment:
        """One more moment; writes a part when that is long enough."""
        if self._began is None:
            self._began = seen.host.time
        moment = moment_of(seen, self._settings, self._began, self.last)
        self.last = moment
        self._moments.append(moment)
        self.looks += 1
        if moment.time - self._moments[0].time >= self._part:
            self.flush()
        return moment

    def flush(self) -> None:
        """Writes what has not been written."""
        if self._moments:
            host = _columns((*HOST, *HOST_MORE), [moment.host for moment in self._moments])
            guests = [guest for moment in self._moments for guest in moment.guests]
            self._write(host, _columns((*VM, *VM_MORE), guests))
            self.parts += 1
            self._moments = []


def _columns(names: Iterable[str], rows: Sequence[Row]) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    for name in names:
        values = [row[name] for row in rows]
        if name in TEXTS:
            found[name] = np.array([str(value or "") for value in values], dtype=str)
        else:
            found[name] = np.array([np.nan if v is None else v for v in values], dtype=float)
    return found
