"""Lets an engine's objects lie side by side in memory, in each process, for `driver.py`.

An engine that keeps something by `id` after its nodes are gone behaves by which addresses Python
uses again. New objects fill the holes that earlier ones have left, and where those are depends on
the names of folders, among others. When all holes are filled, new objects lie side by side.

Like the driver, this file needs nothing of mgraph, and runs on any Python from 3.8.
"""

from __future__ import annotations

import gc
import sys
from itertools import repeat

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself takes time to import
    from collections.abc import Callable, Iterable
    from typing import Any

LARGEST = 512  # bytes of an object for which Python has blocks of one size
BLOCK = 16
POOL = 2**14 if sys.version_info >= (3, 10) else 2**12  # bytes of blocks of one size
ROOM = 4  # pools of each size in which there is room for new objects
PINS = 2  # objects that keep a pool in use
MOST = 20_000  # objects of each size
SPARE = 4  # blocks of a pool that are not used for objects
HEADER = 33  # bytes of an empty bytes object


def fill_holes() -> list[Any]:
    """Make objects of each size until new ones lie side by side; return them, to be kept."""
    gc.collect()
    kept: list[Any] = []
    for size in range(BLOCK, LARGEST + 1, BLOCK):
        kept += filling(maker(size), size)
    room: list[Any] = []
    for size in range(BLOCK, LARGEST + 1, BLOCK):
        objects: list[Any] = []
        add(objects, maker(size), repeat(None, ROOM * POOL // size))
        kept += objects[:: POOL // size // PINS]
        room += objects
    # All at once, at the end: what is made between two sizes would use some of the room again.
    del objects, size
    room.clear()
    return kept


def maker(size: int) -> Callable[[], Any]:
    """Return a function that makes an object of a size."""
    if size == BLOCK:
        return object
    if size == 2 * BLOCK:
        return lambda: complex(1.0, 2.0)
    return lambda: bytes(size - HEADER)


def filling(make: Callable[[], Any], size: int) -> list[Any]:
    """Return objects of a size that fill all holes, and the pool in which the last one is."""
    objects: list[Any] = []
    count, rest = 2 * POOL // size, None
    while rest is None and len(objects) < MOST:
        add(objects, make, repeat(None, count))
        rest = room_after(objects[-count:], size)
    add(objects, make, rest or ())
    return objects


def add(objects: list[Any], make: Callable[[], Any], times: Iterable[None]) -> None:
    """Make an object each time, and nothing else meanwhile: not even a number that counts them."""
    for _ in times:
        objects.append(make())  # noqa: PERF401 - a comprehension is an object, too


def room_after(objects: list[Any], size: int) -> Iterable[None] | None:
    """Return something for each object for which the pool of the last one of some has room.

    It is None if no pool was empty when they were made, so that there may be holes elsewhere. Each
    address is an object, too; that is why they are looked at only after a batch.
    """
    last = run = longest = 0
    for address in map(id, objects):
        run = run + 1 if address == last + size else 1
        longest = max(longest, run)
        last = address
    if longest < POOL // size - SPARE:
        return None
    return repeat(None, (POOL - last % POOL) // size - 1)
