"""How much the service has to do at present, and how much it takes on."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Final

from mgraph.service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

SMALL: Final = 2**16
"""A body of so many bytes is always received."""

ARRIVING: Final = 2**28
CALLERS: Final = 2**26
"""The most bytes that larger bodies may have which are arriving, of all callers and of one."""

LEAVING: Final = 2**29
CALLERS_LEAVING: Final = 2**27
"""Who has more bytes of larger replies to read than these, of all callers and of one, must wait."""

_NO_ROOM_NEEDED: Final = nullcontext()


class Load:
    """Counts the requests that are worked on, and the bytes of bodies and replies on their way.

    A request whose body is on its way takes no time, only memory: clients that stall keep nobody
    else from being served.

    Attributes:
        count: How many requests are worked on.
    """

    def __init__(self, most: int) -> None:
        """Take how many requests may be worked on at once."""
        self._most = most
        self.count = 0
        self._as_working = _Counting(self, 1)
        self._as_waiting = _Counting(self, -1)
        self._arriving: dict[str, int] = {}
        self._leaving: dict[str, int] = {}

    def working(self) -> _Counting:
        """Count a request for the length of a block."""
        return self._as_working

    def waiting(self) -> _Counting:
        """Don't count a request while its body is on its way."""
        return self._as_waiting

    def check(self, caller: str) -> None:
        """Refuse a request if too many are worked on, or its caller reads replies too slowly.

        Raises:
            Problem: 503.
        """
        if self.count > self._most:
            raise Problem(503, "too many requests at once: come again", retry_after=1)
        mine = self._leaving.get(caller, 0)
        if mine and (mine > CALLERS_LEAVING or sum(self._leaving.values()) > LEAVING):
            raise Problem(503, "read the replies that are on their way first", retry_after=1)

    def receiving(self, caller: str, size: int) -> AbstractContextManager[None]:
        """Make room for a body of at most so many bytes, for the length of a block.

        Raises:
            Problem: 503 if the caller, or all callers, send too much at once.
        """
        return _NO_ROOM_NEEDED if size <= SMALL else self._room(caller, size)

    def _room(self, caller: str, size: int) -> AbstractContextManager[None]:
        mine = self._arriving.get(caller, 0) + size
        if mine > CALLERS or sum(self._arriving.values()) + size > ARRIVING:
            raise Problem(503, "too many large bodies at once: come again", retry_after=2)
        return _counted(self._arriving, caller, size)

    def sending(self, caller: str, size: int) -> AbstractContextManager[None]:
        """Count the bytes of a reply for the length of a block, until its client has read them."""
        return _NO_ROOM_NEEDED if size <= SMALL else _counted(self._leaving, caller, size)


@contextmanager
def _counted(sizes: dict[str, int], caller: str, size: int) -> Iterator[None]:
    """Count bytes of a caller for the length of a block."""
    sizes[caller] = sizes.get(caller, 0) + size
    try:
        yield
    finally:
        sizes[caller] -= size
        if not sizes[caller]:
            del sizes[caller]


class _Counting:
    """Adds to the requests that are worked on, for the length of a block; it has no state."""

    __slots__ = ("_load", "_step")

    def __init__(self, load: Load, step: int) -> None:
        """Take what counts, and by how much."""
        self._load = load
        self._step = step

    def __enter__(self) -> None:
        """Add."""
        self._load.count += self._step

    def __exit__(self, *_: object) -> None:
        """Take away again."""
        self._load.count -= self._step
