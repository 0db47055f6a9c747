"""Measured tables as JSON: their text and figures, to print or plot them again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.report import Figures


class StoredTable(NamedTuple):
    """A table with its figures.

    Attributes:
        text: Its Markdown, from the heading on.
        figures: What `lines` returned.
        date: When it was measured, UTC.
        environment: The versions and the machine it was measured with.
    """

    text: str
    figures: Figures
    date: str
    environment: str


def load(path: Path) -> dict[str, StoredTable]:
    """Return the tables by name; none if the file does not exist."""
    if not path.exists():
        return {}
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {name: StoredTable(**table) for name, table in document.items()}


def save(path: Path, name: str, table: StoredTable) -> None:
    """Store a table in a file. It replaces the table of the same name."""
    tables = {**load(path), name: table}
    document = {key: stored._asdict() for key, stored in tables.items()}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
