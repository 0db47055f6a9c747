"""What stands for nothing in texts of tables."""

from __future__ import annotations

from typing import Final

MISSING: Final = ("", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null")
"""What tables write in place of a class that nobody knows; `None` and `na` may well be classes."""
