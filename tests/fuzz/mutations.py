"""Small damage: to plain data, to texts, to bytes."""

from __future__ import annotations

from copy import deepcopy
from math import inf, nan
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from random import Random

FOUR: Final = b"\x00\x00\x00\x00"
VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, 1, -1, 3, 2**32 - 1, 2**70, -(2**63) - 1, 1.5, -0.0, nan, inf,
    "", "n0", "n1", "n2", "nan", "inf", "x", "tanh", "add", "sum", "const", "ü" * 30, "s" * 70,
    "\u202e\x1b[2J", [], ["n0"], ["n0", "n0"], [[]], [None], {}, {"a": 1}, {"n0": 1.0}, {"at": b""},
    {"at": FOUR, "value": ["q"]}, {"at": FOUR, "value": [None]}, {"at": FOUR}, {"value": FOUR * 2},
    {"value": b""}, b"", b"\x00", FOUR, b"\x01\x00\x00\x00", b"\xff" * 4, FOUR * 2, b"\x01" * 8,
    "exact",
)  # fmt: skip
"""What may stand in the place of another value."""

KEYS: Final = (
    "id", "op", "args", "data", "label", "doc", "meta", "nodes", "outputs", "runs", "inputs",
    "seed", "tolerance", "rel", "abs", "origin", "graph", "grad", "at", "value", "count", "ops",
    "math", "arity", "has_data", "x", "lable", "arg", "Data", "name", "$schema", "n0", "n1", "Runs",
)  # fmt: skip

PIECES: Final = (
    ",", ":", '"', "[", "]", "{", "}", "\\", "\\u12", "\\ud800", "\\udc00", "\\ud83e\\udd86", "\\x",
    "NaN", "Infinity", "-", "+", ".", "e", "E9", "1e400", "-0", "01", "1.", ".5", "0x1", "null",
    "nul", "true", "\x00", "\n", "\t", "\x7f", "\u00a0", "\u2028", "é", "🦆", "//", "#", "'",
    "1" * 400, '"mgraph": "1.0", ', '"a": 1, "a": 2', "[[", "]]",
)  # fmt: skip
"""What may come into a JSON text."""


def containers(value: object) -> list[Any]:
    """Return all that is not empty and holds something, from the outside in."""
    found: list[Any] = []
    todo = [value]
    for each in todo:
        if each and isinstance(each, (dict, list)):
            found.append(each)
            todo.extend(each.values() if isinstance(each, dict) else each)
    return found


def damage(document: dict[str, Any], source: Random) -> None:
    """Change one thing in a document, but for its version."""
    inside = containers(document)
    chosen = source.choice(inside)
    value = source.choice(inside) if source.random() < 0.2 else source.choice(VALUES)
    value = deepcopy(value)
    if isinstance(chosen, list):
        _damage_list(chosen, value, source)
        return
    keys = [key for key in chosen if key != "mgraph"]
    if not keys:
        return
    key = source.choice(keys)
    match source.randint(0, 5):
        case 0:
            del chosen[key]
        case 1:
            chosen[source.choice(KEYS)] = chosen.pop(key)
        case 2:
            chosen[source.choice(KEYS)] = value
        case 3 | 4 if isinstance(chosen[key], bytes):
            chosen[key] = damaged(chosen[key], source)
        case _:
            chosen[key] = value


def _damage_list(chosen: list[Any], value: object, source: Random) -> None:
    i = source.randrange(len(chosen))
    match source.randint(0, 3):
        case 0:
            del chosen[i]
        case 1:
            chosen.insert(i, deepcopy(chosen[i]))
        case 2:
            source.shuffle(chosen)
        case _:
            chosen[i] = value


def damaged(data: bytes, source: Random) -> bytes:
    """Flip a bit, or change, take out, or put in some bytes."""
    changed = bytearray(data)
    at = source.randint(0, len(changed))
    until = min(len(changed), at + source.choice((1, 1, 4, 8)))
    match source.randint(0, 4):
        case 0 if at < len(changed):
            changed[at] ^= 1 << source.randrange(8)
        case 1 if at < len(changed):
            changed[at] = source.randrange(256)
        case 2:
            del changed[at:until]
        case 3:
            changed[at:at] = changed[at:until] or FOUR
        case _:
            changed[at:at] = source.randbytes(source.choice((1, 4)))
    return bytes(changed)


def damaged_text(text: str, source: Random) -> str:
    """Take out, put in, double or cut off a piece of a text."""
    at = source.randint(0, len(text))
    until = min(len(text), at + source.choice((1, 1, 2, 10)))
    match source.randint(0, 5):
        case 0:
            return text[:at] + text[until:]
        case 1:
            return text[:until] + text[at:]
        case 2 if source.random() < 0.2:
            return text[:at]
        case _:
            return text[:at] + source.choice(PIECES) + text[source.choice((at, until)) :]
