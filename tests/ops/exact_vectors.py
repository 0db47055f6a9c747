"""Right answers of exact math, from MPFR: rows of arguments and result, by function.

`python -m tests.groups.exact.vectors` writes the file, and the group of tests `exact` checks it.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Final

VECTORS: Final = Path(__file__).with_name("exact_vectors.json")


def rows_of_bits() -> dict[str, list[list[str]]]:
    """Return rows of arguments and result, each as 16 hexadecimal digits, by function."""
    document: dict[str, list[str]] = json.loads(VECTORS.read_text(encoding="utf-8"))
    return {name: [row.split() for row in rows] for name, rows in document.items()}


def rows() -> dict[str, list[list[float]]]:
    """Return rows of arguments and result, by function; power is called pow, as in the op table."""
    return {
        name: [[double_of(digits) for digits in row] for row in found]
        for name, found in rows_of_bits().items()
    }


def double_of(digits: str) -> float:
    """Return the double that has these bits."""
    x: float = struct.unpack(">d", bytes.fromhex(digits))[0]
    return x


def bits_of(x: float) -> str:
    """Return the bits of a double as 16 hexadecimal digits; all NaNs are one."""
    return "7ff8000000000000" if x != x else struct.pack(">d", x).hex()
