"""Lazy: a sequence whose items are made when they are used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, overload

T = TypeVar("T")


class Lazy(Sequence[T], Generic[T]):
    """A sequence of items, each made from an integer when it is used.

    Millions of differences can be counted without making one.
    """

    def __init__(self, keys: Sequence[int], make: Callable[[int], T]) -> None:
        """Store an integer per item, and the function that makes the item."""
        self._keys, self._make = keys, make

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        """Make one item, or several."""
        if isinstance(index, slice):
            return [self._make(key) for key in self._keys[index]]
        return self._make(self._keys[index])

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self._keys)
