"""A thread for calls that block: an order that was given up before it was begun must never be
carried out later, and one that hangs must not hold up anybody else.
"""

import asyncio
import threading
import time

import pytest

from pageengine.live.worker import Worker


def test_what_a_call_returns_and_raises():
    async def main():
        worker = Worker("w")
        assert await worker.run(lambda: threading.current_thread().name) == "w"
        with pytest.raises(ZeroDivisionError):
            await worker.run(lambda: 1 / 0)
        worker.close()

    asyncio.run(main())


def test_a_call_that_was_given_up_before_it_began_is_not_made():
    async def main():
        worker, hangs, made = Worker("w"), threading.Event(), []
        first = asyncio.create_task(worker.run(hangs.wait))
        second = asyncio.create_task(worker.run(lambda: made.append("an order")))
        await asyncio.sleep(0.05)
        second.cancel()
        await asyncio.sleep(0)
        hangs.set()
        assert await first
        await worker.run(lambda: made.append("after it"))
        worker.close()
        return made

    assert asyncio.run(main()) == ["after it"]


def test_one_that_hangs_keeps_neither_others_nor_the_program_waiting():
    hangs = threading.Event()

    async def main():
        stuck, other = Worker("stuck"), Worker("other")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await stuck.run(hangs.wait)
        assert await other.run(lambda: 5) == 5
        stuck.close()
        other.close()

    started = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - started < 30
    hangs.set()


def test_a_call_that_nobody_waits_for_raises_nothing_anywhere(recwarn):
    async def main():
        worker, made = Worker("w"), []
        worker.leave(lambda: 1 / 0)
        worker.leave(lambda: made.append(1))
        await worker.run(lambda: None)
        worker.close()
        return made

    assert asyncio.run(main()) == [1]
