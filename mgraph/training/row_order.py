"""The order in which an epoch visits the rows, from a random seed, by SplitMix64.

Source:
    Steele, Lea & Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Words = NDArray[np.uint64]

_GAMMA: Final = np.uint64(0x9E3779B97F4A7C15)
_STEPS: Final = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)
_LAST: Final = np.uint64(31)

_SHIFT: Final = np.uint64(48)
_BINS: Final = 2**16
"""Keys are counted by their upper 16 bits."""

_BLOCK: Final = 2**18
"""Rows whose keys are computed at once."""


def _mix(words: Words) -> Words:
    """Return SplitMix64's mix of each word."""
    for shift, factor in _STEPS:
        words = (words ^ (words >> shift)) * factor
    return words ^ (words >> _LAST)


def order_of(seed: int, epoch: int, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return rows in the order of an epoch.

    Args:
        seed: The random seed, s; its lower 64 bits count.
        epoch: The number of the epoch, e.
        rows: int64[N], the numbers of the rows, ascending.

    Returns:
        int64[N], sorted by mix(mix(s + e·gamma) + i·gamma) modulo 2^64, then by the row, i.
    """
    return rows[np.argsort(keys_of(seed, epoch, rows), kind="stable")]


def keys_of(seed: int, epoch: int, rows: NDArray[np.int64]) -> Words:
    """Return the words by which `order_of` sorts; no two rows have the same.

    A mix can be undone, gamma is odd, and so each row has a word of its own.
    """
    start = _mix(np.array([seed % 2**64], np.uint64) + np.array([epoch], np.uint64) * _GAMMA)
    return _mix(start + rows.astype(np.uint64) * _GAMMA)


def last_key(seed: int, epoch: int, count: int, first: int) -> np.uint64:
    """Return the key of the last one of the first rows in the order of an epoch.

    A row is among them if its key is not larger. This takes little memory, however many rows there
    are.

    Args:
        seed: The random seed.
        epoch: The number of the epoch.
        count: The number of all rows, which have the numbers from 0 on.
        first: How many of them come first; from 1 to `count`.
    """
    sizes = np.zeros(_BINS, np.int64)
    for keys in _key_blocks(seed, epoch, count):
        sizes += np.bincount((keys >> _SHIFT).astype(np.int64), minlength=_BINS)
    ends = np.cumsum(sizes)
    bin_ = int(np.searchsorted(ends, first))
    inside = [keys[keys >> _SHIFT == bin_] for keys in _key_blocks(seed, epoch, count)]
    rank = first - int(ends[bin_] - sizes[bin_])
    return np.uint64(np.sort(np.concatenate(inside))[rank - 1])


def _key_blocks(seed: int, epoch: int, count: int) -> Iterator[Words]:
    for at in range(0, count, _BLOCK):
        yield keys_of(seed, epoch, np.arange(at, min(at + _BLOCK, count)))
