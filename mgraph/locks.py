"""A lock for threads that a forked child process finds free."""

from __future__ import annotations

import os
from threading import RLock
from typing import Final
from weakref import WeakSet


class ThreadLock:
    """A lock for threads: `with thread_lock.lock:`.

    A thread that holds a lock while another one forks the process is not in the child, and would
    never release it there; so the child gets new locks.
    """

    __slots__ = ("__weakref__", "lock")

    def __init__(self) -> None:
        """Make a lock that is free."""
        self.lock = RLock()
        _ALL.add(self)


_ALL: Final[WeakSet[ThreadLock]] = WeakSet()


def _renew() -> None:
    for thread_lock in _ALL:
        thread_lock.lock = RLock()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_renew)
