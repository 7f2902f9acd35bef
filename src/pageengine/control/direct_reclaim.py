"""How a batch of accesses gets machine memory when there is none: ask the policy, and never wait
for what cannot come.
"""

from pageengine import errors


class Room:
    """One batch that stopped for want of a frame."""

    def __init__(self, host, vm):
        self._host, self._vm = host, vm
        self.cause: Exception | None = None

    def more(self) -> bool:
        """Lets the policy act; whether the batch can go on.

        The mark keeps a reserve of frames so that the policy is asked before memory is used up.
        When the policy cannot win anything more, the reserve is used, half of what is left at a
        time, so that the policy sees free memory fall: an access fails only when no frame is idle
        at all.
        """
        host, engine = self._host, self._host._engine
        engine.set_mark(host._governor.mark)
        try:
            host._governor.make_room()
        except errors.SwapError as error:
            self.cause = error
        if not engine.open:
            raise errors.Closed("the host was closed while a batch waited for memory")
        idle = engine.idle
        if idle > host._governor.mark:
            return True
        floor = host._governor.floor
        engine.set_mark(floor + (idle - floor) // 2 if idle > floor else floor)
        return idle > floor

    def enforce_limit(self) -> None:
        """A machine above its limit gives back what is above it."""
        if self._vm.limit < self._vm.size and self._vm.stats.consumed > self._vm.limit:
            self._host.balance()
