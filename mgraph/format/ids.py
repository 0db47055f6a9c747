"""What an id is: the quick check of many ids, and the diagnostic for a malformed one."""

from __future__ import annotations

import re
from typing import Final

from mgraph.errors import Diagnostic, Path, quoted

ID: Final = r"[A-Za-z_][A-Za-z0-9_./\[\]-]{0,127}"
ID_BYTES: Final = 128
IN_WORDS: Final = (
    f"an ASCII letter or _, then letters, digits and _ . - / [ ], at most {ID_BYTES} bytes"
)

_NO_ID: Final = re.compile(rf"\n(?!{ID}(?:\n|\Z))")


def are_ids(names: list[str]) -> bool:
    """Whether all strings are well-formed ids; one search through all, as lines of a text."""
    joined = "\n".join(["", *names])
    return joined.count("\n") == len(names) and _NO_ID.search(joined) is None


def bad_id(path: Path, value: str) -> Diagnostic:
    """Describe what is wrong with a malformed id."""
    size = len(value.encode(errors="replace"))
    message = f"{quoted(value)} can't be an id"
    if size > ID_BYTES:
        message = f"an id of {size:,} bytes"
    elif not value:
        message = "an empty id"
    elif value[0] in "0123456789":
        message += ": it starts with a digit"
    return Diagnostic("id", message, path, expected=IN_WORDS, fix='"label" can hold any text')
