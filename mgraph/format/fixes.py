"""How to fix a value of the wrong type, from what it is and where it is."""

from __future__ import annotations

import math
from itertools import chain, count
from typing import TYPE_CHECKING, Final

from mgraph.codec import SPECIAL, compact, spelled
from mgraph.errors import quoted
from mgraph.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgraph.errors import Path

A_NUMBER: Final = "a number"
"""What is expected where NaN and the infinities are allowed, too."""

MATH_FIX: Final = 'leave "math" out if exp, tanh and so on are those of a math library'
"""What to do about a `math` of a run that the format doesn't have."""

_SPELLINGS: Final = {"infinity": "inf", "∞": "inf", "-infinity": "-inf", "-∞": "-inf"}


def number_fix(value: object, expected: str) -> str:
    """Say how to write a number; `expected` is `A_NUMBER` where it may be NaN or infinite."""
    if value is None:
        return "leave it out if it is not known"
    is_special = expected == A_NUMBER
    if isinstance(value, str) and is_special:
        lower = value.strip().lower().removeprefix("+")
        special = _SPELLINGS.get(lower, lower)
        suggestion = did_you_mean(special) if special in SPECIAL else ""
        return suggestion or 'numbers have no quotes; only "nan", "inf" and "-inf" do'
    if isinstance(value, str):
        return "write a finite number, without quotes"
    if isinstance(value, float) and not math.isfinite(value) and is_special:
        meant = "" if math.isnan(value) else ", if infinity is meant"
        return f"write {quoted(spelled(value))}, with quotes{meant}"
    return ""


def id_fix(path: Path, value: object, new_ids: Iterator[str]) -> str:
    """Say what to write among the arguments of a node instead of something that is not an id."""
    if path[-1] == "args":
        return f"write [{quoted(value)}]" if isinstance(value, str) else ""
    if len(path) < 2 or path[-2] != "args":  # noqa: PLR2004
        return ""
    if isinstance(value, dict):
        return 'put this node into "nodes", and write its id here'
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        node = compact({"id": next(new_ids), "op": "const", "data": value})
        return f"arguments are ids: add the node {node}, and write its id here"
    return ""


def new_ids(nodes: object) -> Iterator[str]:
    """Yield ids for nodes to add that no node of a list has, each once."""
    taken: dict[str, None] = {}
    if isinstance(nodes, list):
        ids = (node.get("id") for node in nodes if isinstance(node, dict))
        taken = dict.fromkeys(name for name in ids if isinstance(name, str))
    names = chain(("c",), (f"c{i}" for i in count(2)))
    yield from (name for name in names if name not in taken)
