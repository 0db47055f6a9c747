"""Files to start from: all fixtures, as they are and in the other encoding."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from mgraph.format.reading import inspect
from mgraph.format.writing import to_msgpack

if TYPE_CHECKING:
    from collections.abc import Iterator

FIXTURES: Final = Path(__file__).parent.parent.parent / "fixtures"
LARGEST: Final = 2**16
"""Bytes of a file that is worth damaging."""

READERS: Final = ("json", "msgpack")


def seeds(reader: str) -> Iterator[bytes]:
    """Yield the fixtures of one encoding, those to be refused too; the same on every machine."""
    for path in sorted(FIXTURES.rglob("*")):
        if path.suffix == ".diagnostic.json" or not path.is_file():
            continue
        data = path.read_bytes()
        if len(data) > LARGEST:
            continue
        if path.suffix == f".{reader}":
            yield data
        elif path.suffix == ".json" and (graph := inspect(data).graph):
            yield b"".join(to_msgpack(graph))
