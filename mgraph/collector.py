"""Pausing Python's garbage collector, where it would find nothing."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def paused_collector() -> Iterator[None]:
    """Pause the cyclic garbage collector while modules are imported or millions of objects created.

    Plain data and graphs have no cycles, so collections find nothing, and they triple the time
    of decoding.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
