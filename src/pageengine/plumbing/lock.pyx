"""The rule for threads: the public calls of one host and its VMs are made one at a time, in
the process that made the host. Swap space by itself keeps it too, as it has a file.
"""

import os
from _thread import allocate_lock
from functools import update_wrapper
from inspect import isfunction

from cpython.pythread cimport PyThread_get_thread_ident

from pageengine import errors

# How many forks lie between this process and the one that loaded the module. To ask for the process
# id instead would be a call to the system at every entry.
cdef uint32_t _forks = 0


def _in_child():
    global _forks
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


cdef class CallLock:
    """A lock that the thread which holds it may take again, since a policy, a callback or a
    finalizer may call the host while the host is at work. Forked where this process is a child of
    the one that made it: the lock may be held there by a thread that is not here. what: whose calls
    it holds apart, for the message.
    """

    def __cinit__(self, str what):
        self._lock, self._what, self._forks = allocate_lock(), what, _forks

    cdef int enter(self) except -1:
        cdef unsigned long me = PyThread_get_thread_ident()
        if self._forks != _forks:
            raise errors.Forked(
                f"this {self._what} was made by the parent of this process, and a forked child "
                f"cannot use it: both would write one swap file. Make the {self._what} in the "
                "child, or start it with multiprocessing.get_context('spawn')"
            )
        if self._depth == 0 or self._owner != me:  # both are set by the thread that holds it alone
            self._lock.acquire()
            self._owner = me
        self._depth += 1
        return 0

    cdef int leave(self) except -1:
        self._depth -= 1
        if self._depth == 0:
            self._owner = 0
            self._lock.release()
        return 0

    def __enter__(self):
        self.enter()

    def __exit__(self, *_):
        self.leave()

    @property
    def forked(self) -> bool:
        return self._forks != _forks

    def __reduce__(self):
        raise TypeError("a lock cannot be pickled")


def serialised(cls):
    """A class whose public methods and properties, and ``[]``, hold ``self._lock`` while they run:
    whatever thread calls, each call finds the host between two others. Functions that the host
    calls meanwhile (a policy, a progress function) may call it again. But for those that are marked
    as ``locks_itself``.
    """
    for name, member in list(vars(cls).items()):
        if name.startswith("_") and name != "__getitem__" or hasattr(member, "locks_itself"):
            continue
        if isinstance(member, property):
            getter, setter = _alone(member.fget), member.fset and _alone(member.fset)
            setattr(cls, name, property(getter, setter, doc=member.__doc__))
        elif isfunction(member):
            setattr(cls, name, _alone(member))
    return cls


def locks_itself(call):
    """A public call that holds the lock for less than its time, or that a forked child may make."""
    call.locks_itself = True
    return call


def _alone(call):
    def alone(self, *args, **kwargs):
        cdef CallLock lock = self._lock
        lock.enter()
        try:
            return call(self, *args, **kwargs)
        finally:
            lock.leave()

    return update_wrapper(alone, call)
