"""A hostile file, and what must be said about it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from tests.hostile.pack import At, Raw, Wide, pack

Severity = Literal["error", "warning"]
Place = dict[str, int]  # line and column, or offset
Source = str | Mapping[Any, object] | Raw | Wide | At

MARK = "⟦"  # stands in JSON text right before the place of a diagnostic
AS_IS = "surrogateescape"  # how a text carries bytes that are not UTF-8
REPORTED = 100  # diagnostics beyond these are only counted


@dataclass(frozen=True, slots=True)
class Fault:
    """One expected diagnostic; its place is the mark at the same rank in the source."""

    code: str
    pointer: str = ""
    severity: Severity = "error"


@dataclass(frozen=True, slots=True)
class Case:
    """A file of `fixtures/`.

    Attributes:
        name: File name without extension.
        source: JSON text, or a value to pack as msgpack; with marks.
        faults: What must be said, in order of place.
        same_as: A file in the same folder that holds the same graph.
        suffix: The extension, where it is not the encoding's.
    """

    name: str
    source: Source
    faults: tuple[Fault, ...] = ()
    same_as: str = ""
    suffix: str = ""

    @property
    def folder(self) -> str:
        """Where the file lies, under `fixtures/`."""
        if not self.faults:
            return "warn/accepted"
        first = self.faults[0]
        return f"{'reject' if first.severity == 'error' else 'warn'}/{first.code}"

    @property
    def filename(self) -> str:
        """The file's name in its folder."""
        return self.name + (
            self.suffix or (".json" if isinstance(self.source, str) else ".msgpack")
        )

    def render(self) -> tuple[bytes, list[dict[str, str | int]]]:
        """Return the file, and every diagnostic that is due.

        Raises:
            ValueError: Marks and faults don't pair up.
        """
        if isinstance(self.source, str):
            data, places = read_marks(self.source)
        else:
            packer = pack(self.source)
            data, places = bytes(packer.data), [{"offset": offset} for offset in packer.places]
        if len(places) != len(self.faults):
            message = f"{self.folder}/{self.name}: {len(places)} marks, {len(self.faults)} faults"
            raise ValueError(message)
        return data, [
            {"code": fault.code, "severity": fault.severity, "pointer": fault.pointer} | place
            for fault, place in zip(self.faults, places, strict=True)
        ]

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield path under `fixtures/` and content: the file, then its diagnostics."""
        data, diagnostics = self.render()
        yield f"{self.folder}/{self.filename}", data
        yield f"{self.folder}/{self.name}.diagnostic.json", expectation(diagnostics, self.same_as)


def read_marks(source: str) -> tuple[bytes, list[Place]]:
    """Split a marked text into the file's bytes and the marked places."""
    first, *rest = source.split(MARK)
    text, places = first, []
    for piece in rest:
        line_start = text.rfind("\n") + 1
        places.append({"line": text.count("\n") + 1, "column": len(text) - line_start + 1})
        text += piece
    return text.encode(errors=AS_IS), places


def expectation(diagnostics: list[dict[str, str | int]], same_as: str = "") -> bytes:
    """Return a `*.diagnostic.json`: one diagnostic a line."""
    rows = ",\n    ".join(json.dumps(row) for row in islice(diagnostics, REPORTED))
    members = [f'"diagnostics": [\n    {rows}\n  ]' if rows else '"diagnostics": []']
    if len(diagnostics) > REPORTED:
        members.append(f'"more": {len(diagnostics) - REPORTED}')
    if same_as:
        members.append(f'"same_as": {json.dumps(same_as)}')
    return ("{\n  " + ",\n  ".join(members) + "\n}\n").encode()


def reject(code: str, name: str, source: Source, *pointers: str, suffix: str = "") -> Case:
    """Return a file refused for faults of one code; without pointers, for one of the whole."""
    faults = tuple(Fault(code, pointer) for pointer in pointers or ("",))
    return Case(name, source, faults, suffix=suffix)


def warn(code: str, name: str, source: Source, *pointers: str) -> Case:
    """Return a file accepted with warnings of one code."""
    return Case(name, source, tuple(Fault(code, pointer, "warning") for pointer in pointers))


def accept(name: str, source: Source, *, same_as: str = "", suffix: str = "") -> Case:
    """Return a file accepted without a word."""
    return Case(name, source, same_as=same_as, suffix=suffix)


def many(name: str, source: Source, *faults: tuple[str, str]) -> Case:
    """Return a file refused for faults of several codes, each with its pointer."""
    return Case(name, source, tuple(Fault(code, pointer) for code, pointer in faults))
