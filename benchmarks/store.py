"""What was measured, as JSON: the tables' text and figures, to print or draw them again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.report import Figures


class Made(NamedTuple):
    """A table that was made.

    Attributes:
        text: Its Markdown, from the heading on.
        figures: What `lines` returned.
        date: When, UTC.
        place: With which versions, on what machine.
    """

    text: str
    figures: Figures
    date: str
    place: str


def load(path: Path) -> dict[str, Made]:
    """Read the tables by name; none if there is no such file."""
    if not path.exists():
        return {}
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {name: Made(**table) for name, table in document.items()}


def save(path: Path, name: str, made: Made) -> None:
    """Put a table into a file, in the place of the one of that name."""
    tables = {**load(path), name: made}
    document = {name: table._asdict() for name, table in tables.items()}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
