"""How a batch of accesses gets machine memory when there is none: ask the policy, and never wait
for what cannot come.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pageengine import errors

if TYPE_CHECKING:
    from pageengine.core.engine import Engine


class DirectReclaim:
    """One batch that stopped for want of a frame. low: has the policy asked; marks: the mark and
    the floor that are in force, in frames. The mark is in force again when the batch is over.
    """

    def __init__(
        self, engine: Engine, low: Callable[[], None], marks: Callable[[], tuple[int, int]]
    ):
        self._engine, self._low, self._marks = engine, low, marks
        self.cause: Exception | None = None

    def __enter__(self) -> DirectReclaim:
        return self

    def __exit__(self, *_: object) -> None:
        if self._engine.open:
            self._engine.set_mark(self._marks()[0])

    def more(self) -> bool:
        """Lets the policy act; whether the batch can go on.

        The mark keeps a reserve of frames so that the policy is asked before memory is used up.
        When the policy cannot win anything more, the reserve is used, half of what is left at a
        time, so that the policy sees free memory fall: an access fails only when no frame is idle
        at all.
        """
        engine = self._engine
        engine.set_mark(self._marks()[0])
        try:
            self._low()
        except errors.SwapError as error:
            self.cause = error
        if not engine.open:
            raise errors.Closed("the host was closed while a batch waited for memory")
        idle, (mark, floor) = engine.idle, self._marks()
        if idle > mark:
            return True
        engine.set_mark(floor + (idle - floor) // 2 if idle > floor else floor)
        return idle > floor
