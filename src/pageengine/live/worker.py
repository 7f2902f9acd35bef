"""A thread of one guest's own for calls that block: of a library, or of the kernel. One that hangs
takes nothing from others, and does not keep the program from ending.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from pageengine.errors import LiveError

T = TypeVar("T")
HANGING_MOST = 3  # threads that hang for one guest, before no more are begun
_Call = tuple[Callable[[], Any], asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


class Worker:
    """Makes calls one after the other. What was not begun when its caller gave up is not made; one
    that may have blocked before it changes anything asks ``check`` first.
    """

    def __init__(self, name: str):
        self._name = name
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._answer: asyncio.Future[Any] | None = None  # of the call that is being made
        self._hanging: list[Worker] = []

    async def run(self, call: Callable[[], T]) -> T:
        """What the call returns or raises. LiveError: too many calls before it hang yet."""
        self._hanging = [each for each in self._hanging if each.hangs]
        if len(self._hanging) >= HANGING_MOST:
            raise LiveError(
                f"{self._name}: {len(self._hanging)} calls hang, and no more are made before one "
                "of them ends"
            )
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._calls.put((call, loop, answer))
        return await answer

    @property
    def hangs(self) -> bool:
        """Whether it is in a call."""
        return self._answer is not None

    def follow(self, before: Worker) -> None:
        """Comes after another one, which may hang yet: a daemon that hangs for a day must not leave
        a thread for each attempt.
        """
        self._hanging = [each for each in (*before._hanging, before) if each.hangs]

    def check(self) -> None:
        """For the call that is being made. LiveError: who asked for it has given it up."""
        if self._answer is not None and self._answer.cancelled():
            raise LiveError("it was given up before it could be done")

    def leave(self, call: Callable[[], object]) -> None:
        """Has a call made that nobody waits for, and whose error nobody hears."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[object] = loop.create_future()
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._calls.put((call, loop, answer))

    def close(self) -> None:
        """The thread ends after the call that it is in; nobody waits for it."""
        if self._thread is not None:
            self._calls.put(None)

    def _work(self) -> None:
        while (one := self._calls.get()) is not None:
            call, loop, answer = one
            if answer.cancelled():
                continue
            result, error, self._answer = None, None, answer
            try:
                result = call()
            except Exception as raised:  # it is raised where the call was asked for
                error = raised
            self._answer = None
            try:
                loop.call_soon_threadsafe(_give, answer, result, error)
            except RuntimeError:  # the loop was closed: nobody is there to be told
                return


def _give(answer: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if answer.done():
        return
    if error is None:
        answer.set_result(result)
    else:
        answer.set_exception(error)
