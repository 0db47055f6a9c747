"""What tests of rows share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from pyarrow import ipc
from pyarrow import parquet as pq

from tests.rows.lines import CSV, line, rows

if TYPE_CHECKING:
    from tests.command_line import Shell


@pytest.fixture
def shell(mgraph: Shell) -> Shell:
    """Return a folder with the graph of a squared error, and its four rows in each format."""
    line().to_file("line.json")
    table = pa.Table.from_batches([rows()])
    mgraph.write("rows.csv", CSV)
    lines = (json.dumps(row) for row in table.to_pylist())
    mgraph.write("rows.jsonl", "\n".join(lines))
    pq.write_table(table, "rows.parquet", row_group_size=3)
    with ipc.new_file("rows.arrow", table.schema) as file:
        file.write_table(table, max_chunksize=3)
    with ipc.new_stream("rows.arrows", table.schema) as stream:
        stream.write_table(table, max_chunksize=3)
    return mgraph
