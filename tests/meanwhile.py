"""What another thread does while a test makes calls."""

import threading
from contextlib import contextmanager


@contextmanager
def meanwhile(work):
    """``work`` again and again in another thread, until the block is left."""
    stop = threading.Event()

    def again():
        while not stop.is_set():
            work()

    thread = threading.Thread(target=again)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def outcome(call):
    """Whether a call on arrays that others change was done or refused."""
    try:
        call()
        return "done"
    except (IndexError, ValueError):
        return "refused"
