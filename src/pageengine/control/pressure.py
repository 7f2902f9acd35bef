"""Pressure of a host: for which part of the time its virtual machines waited for memory, as Linux
tells it of tasks (PSI, Documentation/accounting/psi.rst).

A host is told how long each VM ran in a step of time, and not when. So the waits within a step are
taken to overlap as far as they can: ``some`` is then the longest of them, and ``full`` the
shortest. Both are exact where one VM waited, where none did, and of a VM that waited all the time;
else ``some`` is the least that it can have been, and ``full`` the most. Shorter steps leave less
room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pageengine.plumbing.kept import Kept

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class HostPressure(Kept):
    """Counted from decision to decision. A decision with no time since the last is shown what that
    one was shown.
    """

    KEPT = ("_shown", "_time", "_some", "_full")

    def __init__(self) -> None:
        self._shown = 0.0, 0.0
        self._time = self._some = self._full = 0.0

    def advance(self, seconds: float, ran: NDArray[np.float64]) -> None:
        """Time passes. ran: seconds of it that each VM ran; one that has nothing to do ran."""
        self._time += seconds
        if len(ran):
            each = ran.tolist()
            self._some += max(0.0, seconds - min(each))
            self._full += max(0.0, seconds - max(each))

    def shown(self) -> tuple[float, float]:
        """(some, full), parts of the time since the last decision."""
        if self._time > 0:
            self._shown = min(1.0, self._some / self._time), min(1.0, self._full / self._time)
        return self._shown

    def decided(self) -> None:
        """A decision was made: counted anew."""
        self._time = self._some = self._full = 0.0
