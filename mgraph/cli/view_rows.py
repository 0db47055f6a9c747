"""The rows of `mgraph view --rows`: read, and refused if the page could not train on them."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from mgraph.build.losses import target_ids
from mgraph.cli.files import STREAM, naming, read_bytes
from mgraph.errors import GraphError, printable, quoted, some
from mgraph.format.runs import SETTABLE
from mgraph.viewer import csv_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgraph.codec import Limits
    from mgraph.graph.columns import Columns
    from mgraph.viewer import CsvRows


def read_rows(path: str, limits: Limits) -> CsvRows:
    """Read the file of rows.

    Raises:
        GraphError: It can't be read, or is not what a page holds.
    """
    name = "rows.csv" if path == STREAM else Path(path).name
    with naming(path):
        return csv_rows(read_bytes(path, limits), name)


def check_columns(graph: Columns, rows: CsvRows) -> None:
    """Check that the header has the inputs of a graph; all else, the page says.

    It needs no extra, as `mgraph.rows` does. Which column has the classes for targets, the page
    chooses.

    Raises:
        GraphError: `unbound-input` if an input has neither a column nor a declared value, `column`
            if no column has the name of an input or param.
    """
    header = _header(rows.text)
    settable = (graph.ids[node] for node in graph.leaves if graph.op(node) in SETTABLE)
    leaves = dict.fromkeys(settable)  # to look up many
    is_spare = any(name not in leaves for name in header)
    targets = [*target_ids(1), *target_ids(len(leaves))] if is_spare else []
    known = dict.fromkeys((*header, *targets))
    missing = [graph.ids[node] for node in graph.unbound() if graph.ids[node] not in known]
    if missing:
        shown, plural = some(map(quoted, missing)), len(missing) > 1
        message = f"the input{'s' if plural else ''} {shown} {'have' if plural else 'has'} "
        message += f"neither a column in {printable(rows.file)} nor a declared value"
        raise _refusal("unbound-input", message, rows, header)
    if not any(name in known for name in leaves):
        message = f"no column of {printable(rows.file)} has the name of an input or param"
        raise _refusal("column", message, rows, header)


def _header(text: str) -> list[str]:
    lines = StringIO(text.removeprefix("\ufeff"), newline="")
    try:
        return next(filter(None, csv.reader(lines)), [])
    except csv.Error:  # a cell that no id can be as long as
        return []


def _refusal(code: str, message: str, rows: CsvRows, header: Sequence[str]) -> GraphError:
    expected = "CSV whose first line has the names of the columns"
    if header:
        expected += f"; here these are {some(map(quoted, header))}"
    fix = "name columns like inputs, and put commas between them"
    return GraphError.of(code, message, expected=expected, fix=fix, file=rows.file)
