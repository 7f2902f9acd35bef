"""An event loop whose clock jumps to what is due next, so that a test of hours takes milliseconds.

    assert run(coroutine()) ...    # asyncio.sleep, timeouts and loop.time() are of virtual seconds

For what waits for timers and other coroutines only: a thread or a socket takes no virtual time.
"""

import asyncio
import selectors


class _Jumping(selectors.BaseSelector):
    """Waits for nothing: what should be waited for is added to the clock."""

    def __init__(self):
        self._real = selectors.DefaultSelector()
        self.now = 0.0

    def select(self, timeout=None):
        if ready := self._real.select(0):
            return ready
        if timeout is None:
            raise RuntimeError("nothing is due any more: this would wait for ever")
        self.now += max(0.0, timeout)
        return []

    def register(self, *args):
        return self._real.register(*args)

    def unregister(self, *args):
        return self._real.unregister(*args)

    def modify(self, *args):
        return self._real.modify(*args)

    def get_map(self):
        return self._real.get_map()

    def close(self):
        self._real.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self):
        return self._jumping.now


def run(coroutine):
    """As ``asyncio.run``, in virtual time from 0 on."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)


def clock():
    """Of the loop that runs: what programs take as their clock."""
    return asyncio.get_running_loop().time()
