"""How to fix a value of the wrong type, from what it is and where it is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from mgraph.codec import SPECIAL, compact, spelled
from mgraph.errors import quoted
from mgraph.suggestions import did_you_mean

if TYPE_CHECKING:
    from mgraph.errors import Path

A_NUMBER: Final = "a number"
"""What is expected where NaN and the infinities are allowed, too."""

MATH_FIX: Final = 'leave "math" out if exp, tanh and so on are those of a math library'
"""What to do about a `math` of a run that the format doesn't have."""

_SPELLINGS: Final = {"infinity": "inf", "∞": "inf", "-infinity": "-inf", "-∞": "-inf"}


def number_fix(value: object, expected: str) -> str:
    """Say how to write a number; `expected` is `A_NUMBER` where it may be NaN or infinite."""
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


def id_fix(path: Path, value: object) -> str:
    """Say what to write among the arguments of a node instead of something that is not an id."""
    if path[-1] == "args":
        return f"write [{quoted(value)}]" if isinstance(value, str) else ""
    if len(path) < 2 or path[-2] != "args":  # noqa: PLR2004
        return ""
    if isinstance(value, dict):
        return 'put this node into "nodes", and write its id here'
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        node = compact({"id": "c", "op": "const", "data": value})
        return f"arguments are ids: add the node {node}, and write its id here"
    return ""
