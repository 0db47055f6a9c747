"""What was computed lately, kept up to a number of bytes."""

from __future__ import annotations

from collections import OrderedDict


class Recent:
    """Byte strings by key; the least recently used are forgotten."""

    def __init__(self, most: int) -> None:
        """Take the most bytes to keep."""
        self._most = most
        self._size = 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    def get(self, key: str) -> bytes | None:
        """Return what is kept under a key."""
        data = self._kept.get(key)
        if data is not None:
            self._kept.move_to_end(key)
        return data

    def forget(self, key: str) -> None:
        """Forget what is kept under a key, if there is anything."""
        self._size -= len(self._kept.pop(key, b""))

    def keep(self, key: str, data: bytes) -> None:
        """Keep something, if it is not larger than all that may be kept."""
        old = self._kept.pop(key, b"")
        self._kept[key] = data
        self._size += len(data) - len(old)
        while self._size > self._most:
            self._size -= len(self._kept.popitem(last=False)[1])
