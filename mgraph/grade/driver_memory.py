"""Lets an engine's objects lie side by side in memory, in each process, for `driver.py`.

An engine that keeps something by `id` after its nodes are gone behaves by which addresses Python
uses again. New objects fill the holes that earlier ones have left, and where those are depends on
the names of folders, among others. When all holes are filled, new objects lie side by side.

Like the driver, this file needs nothing of mgraph, and runs on any Python from 3.8.
"""

from __future__ import annotations

import gc
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself takes time to import
    from collections.abc import Callable
    from typing import Any

LARGEST = 512  # bytes of an object for which Python has blocks of one size
BLOCK = 16
POOL = 2**14 if sys.version_info >= (3, 10) else 2**12  # bytes of blocks of one size
ROOM = 4  # pools of each size in which there is room for new objects
PINS = 2  # objects that keep a pool in use
MOST = 20_000  # objects of each size
HEADER = 33  # bytes of an empty bytes object


def fill_holes() -> list[Any]:
    """Make objects of each size until new ones lie side by side; return them, to be kept."""
    gc.collect()
    kept: list[Any] = []
    for size in range(BLOCK, LARGEST + 1, BLOCK):
        make = maker(size)
        kept += filling(make, size)
        room = [make() for _ in range(ROOM * POOL // size)]
        kept += room[:: POOL // size // PINS]
        del room
    return kept


def maker(size: int) -> Callable[[], Any]:
    """Return a function that makes an object of a size."""
    if size == BLOCK:
        return object
    if size == 2 * BLOCK:
        return lambda: complex(1.0, 2.0)
    return lambda: bytes(size - HEADER)


def filling(make: Callable[[], Any], size: int) -> list[Any]:
    """Return objects of a size, of which the last ones lie side by side."""
    objects: list[Any] = []
    last = run = 0
    wanted = POOL // size - BLOCK // 4  # nearly a whole pool, which was empty then
    while run < wanted and len(objects) < MOST:
        objects.append(make())
        address = id(objects[-1])
        run = run + 1 if address == last + size else 0
        last = address
    return objects
