"""RunPlaces: where in a file the numbers of its runs are."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from mgraph.codec import JSON, binary, encoding_of, text_scan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mgraph.codec import Limits
    from mgraph.errors import Path


class Position(NamedTuple):
    """Where a value is in a file: line and column in JSON, an offset in msgpack.

    Attributes:
        line: The line, from 1; None if the file is not JSON.
        column: The column in code points, from 1; None if the file is not JSON.
        offset: The byte, from 0; None if the file is not msgpack.
    """

    line: int | None = None
    column: int | None = None
    offset: int | None = None

    def __str__(self) -> str:
        """Describe it in words; empty if nothing is known."""
        if self.line is not None:
            return f"line {self.line}, column {self.column}"
        return "" if self.offset is None else f"byte {self.offset}"


class RunPlaces:
    """Finds numbers in a file that was read without errors; it is searched once for all runs."""

    def __init__(self, data: bytes, runs: int, limits: Limits) -> None:
        """Take the content of the file, and the number of its runs."""
        self._data, self._runs, self._limits = data, runs, limits

    def within(self, run: int, paths: Iterable[Path]) -> dict[Path, Position]:
        """Return the positions of values in a run, by path; those that are not there are left out.

        Args:
            run: Which run.
            paths: Paths from the root of the document.
        """
        if run not in self._starts:  # the file has an older version, and other fields
            return {}
        inner = [path[2:] for path in paths]
        string = self._text
        positions = (
            self._in_binary(inner, run) if string is None else self._in_text(string, inner, run)
        )
        return {("runs", run, *path): position for path, position in positions.items()}

    @cached_property
    def _text(self) -> str | None:
        return self._data.decode() if encoding_of(self._data) == JSON else None

    @cached_property
    def _starts(self) -> dict[int, int]:
        """Map each run to the index at which it starts."""
        paths: list[Path] = [("runs", i) for i in range(self._runs)]
        if self._text is None:
            indices = binary.places(self._data, paths, self._limits.levels)
        else:
            indices = text_scan.places(self._text, paths)
        return {i: indices[path, False] for i, path in enumerate(paths) if (path, False) in indices}

    @cached_property
    def _lines(self) -> dict[int, tuple[int, int]]:
        """Map the start of each run to its line and column."""
        return text_scan.lines_and_columns(self._text or "", self._starts.values())

    def _in_binary(self, paths: list[Path], run: int) -> dict[Path, Position]:
        start, end = self._starts[run], self._starts.get(run + 1)
        indices = binary.places(self._data[start:end], paths, self._limits.levels)
        return {
            path: Position(offset=start + at)
            for (path, is_key), at in indices.items()
            if not is_key
        }

    def _in_text(self, string: str, paths: list[Path], run: int) -> dict[Path, Position]:
        start, end = self._starts[run], self._starts.get(run + 1)
        part = string[start:end]
        indices = text_scan.places(part, paths)
        lines = text_scan.lines_and_columns(part, indices.values())
        above, before = (x - 1 for x in self._lines[start])
        positions = {}
        for (path, is_key), at in indices.items():
            line, column = lines[at]
            if not is_key:
                positions[path] = Position(line + above, column + before * (line == 1))
        return positions
