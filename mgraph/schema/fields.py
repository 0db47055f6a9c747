"""What the format has: its fields, what an id is, what may stand in meta. No pydantic here."""

from __future__ import annotations

import math
import re
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from mgraph.codec import Limits, descend, how_to_raise, too_deep
from mgraph.errors import REPORTED, Diagnostic, Path, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ID: Final = r"[A-Za-z_][A-Za-z0-9_./\[\]-]{0,127}"
ID_BYTES: Final = 128
INTEGERS: Final = 2**53
"""Integers in meta lie within plus and minus this."""

LOOKED_AT: Final = 10_000
"""How many names "did you mean" looks at."""

FIELDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "document": ("mgraph", "$schema", "name", "doc", "meta", "nodes", "outputs", "runs"),
        "node": ("id", "op", "args", "data", "label", "doc", "meta"),
        "run": ("inputs", "seed", "tolerance", "origin", "graph", "data", "grad"),
        "tolerance": ("rel", "abs"),
        "nodes": (
            "count", "ops", "op", "arity", "args", "data", "has_data", "id", "label", "doc", "meta",
        ),
        "sparse": ("at", "value"),
    }
)  # fmt: skip
"""What may stand in each kind of object, in the order in which it is written."""

_NO_ID: Final = re.compile(rf"\n(?!{ID}(?:\n|\Z))")


def are_ids(names: list[str]) -> bool:
    """Whether all strings are well-formed ids; one line each, one search through all."""
    joined = "\n".join(["", *names])
    return joined.count("\n") == len(names) and _NO_ID.search(joined) is None


def is_short(text: object, limit: int) -> bool:
    """Whether something is a text of at most `limit` bytes of UTF-8."""
    if type(text) is not str:
        return False
    return len(text) * 4 <= limit or len(text.encode()) <= limit


def over_limit(path: Path, name: str, found: str, limit: int) -> Diagnostic:
    """Say that a limit is exceeded, and which option raises it."""
    return Diagnostic("limit", found, path, expected=f"at most {limit:,}", fix=how_to_raise(name))


def subject(path: Path) -> str:
    """Name what stands at a path, for a message."""
    last = path[-1] if path else "document"
    if isinstance(last, int):
        return f"item {last} of {quoted(str(path[-2]))}" if len(path) > 1 else f"item {last}"
    return quoted(last)


def shown(value: object) -> str:
    """Describe a value that has the wrong type or size."""
    if isinstance(value, (dict, list, bytes)):
        names = {dict: "an object", list: "an array", bytes: "a byte string"}
        return names[type(value)] + (" (empty)" if not value else "")
    if isinstance(value, int) and abs(value) > INTEGERS**4:
        return "an integer too large for a double"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value}, not finite"
    return f"{'the string ' if isinstance(value, str) else ''}{quoted(value)}"


def known_fields(path: Path) -> tuple[str, ...]:
    """Return the names of the fields of the object at a path."""
    shape = ["*" if isinstance(part, int) else part for part in path]
    name = {
        "": "document",
        "nodes": "nodes",
        "nodes *": "node",
        "runs *": "run",
        "runs * tolerance": "tolerance",
    }.get(" ".join(shape), "sparse")
    return FIELDS[name]


class Hints:
    """What may have been meant by the unknown names of one file.

    A search takes time, and a file can hold a million unknown names: there are as many searches
    as there can be hints that are shown, and some more.
    """

    def __init__(self, most: int = 3 * REPORTED) -> None:
        """Take the number of searches."""
        self.most = most
        self.answers: dict[tuple[str, int], str] = {}

    def closest(self, name: str, known: Iterable[str]) -> str:
        """Return what `closest` does, or an empty string after too many searches."""
        asked = name, id(known)
        if asked not in self.answers and len(self.answers) < self.most:
            self.answers[asked] = closest(name, known)
        return self.answers.get(asked, "")

    def meant(self, members: object, known: tuple[str, ...]) -> list[str]:
        """List the absent fields of an object that its unknown keys were probably meant to be.

        After too many searches these may be all that are absent: what follows from an error is
        no error of its own.
        """
        if not isinstance(members, dict):
            return []
        unknown = [key for key in members if key not in known]
        names = [self.closest(key, known) for key in unknown]
        if unknown and len(self.answers) >= self.most:
            names.extend(known)
        return [name for name in names if name and name not in members]


def closest(name: str, known: Iterable[str]) -> str:
    """Return the known name most like this one, or an empty string if none is."""
    from difflib import get_close_matches  # noqa: PLC0415 - only to complain

    if len(name) > ID_BYTES:
        return ""
    letters = sorted(name.lower())
    near = [
        each
        for each in islice(known, LOOKED_AT)
        if abs(len(each) - len(name)) <= 3 and (each[:1] in name or each[-1:] in name)  # noqa: PLR2004
    ]
    for each in near:  # other case, or letters in another order: tahn is tanh, not tan
        if len(each) == len(name) and sorted(each.lower()) == letters:
            return each
    return next(iter(get_close_matches(name, near[: LOOKED_AT // 10], n=1, cutoff=0.6)), "")


def did_you_mean(name: str) -> str:
    """Ask, if there is something to ask."""
    return f"did you mean {quoted(name)}?" if name else ""


def metas(document: dict[str, Any]) -> Iterator[tuple[Path, object]]:
    """Yield the meta of every node, with its path."""
    nodes = document.get("nodes")
    if isinstance(nodes, list):
        for i, row in enumerate(nodes):
            if isinstance(row, dict) and "meta" in row:
                yield ("nodes", i, "meta"), row["meta"]
    elif isinstance(nodes, dict):
        sparse = nodes.get("meta")
        values = sparse.get("value") if isinstance(sparse, dict) else None
        for i, value in enumerate(values if isinstance(values, list) else ()):
            yield ("nodes", "meta", "value", i), value


def meta_faults(value: object, path: Path, limits: Limits) -> Iterator[Diagnostic]:
    """Find what can't stand in a meta: it is kept as it is, in JSON and in msgpack."""
    if deep := too_deep(value, limits, path):
        yield from deep.diagnostics
        return
    for where, each in descend(value, path):
        if isinstance(each, dict):
            for key in each:
                if not is_short(key, limits.text):
                    yield over_limit((*where, key), "text", "a long key", limits.text)
        elif not isinstance(each, list):
            yield from _scalar_faults(each, where, limits)


def _scalar_faults(value: object, path: Path, limits: Limits) -> Iterator[Diagnostic]:
    if isinstance(value, str) and not is_short(value, limits.text):
        found = f"a text of {len(value.encode()):,} bytes"
        yield over_limit(path, "text", found, limits.text)
    elif isinstance(value, bytes):
        message = f"{subject(path)} is a byte string"
        yield Diagnostic("type", message, path, expected="what JSON can say")
    elif isinstance(value, float) and not math.isfinite(value):
        message = f"{subject(path)} is {shown(value)}"
        yield Diagnostic("number", message, path, expected="a finite number")
    elif isinstance(value, int) and not -INTEGERS <= value <= INTEGERS:
        message = f"{subject(path)} is an integer that a double can't hold exactly"
        expected, fix = "an integer within ±2⁵³", "write it as a string"
        yield Diagnostic("number", message, path, expected=expected, fix=fix)
