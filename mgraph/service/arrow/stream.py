"""Record batches out of messages, through a graph, and into bytes again."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pyarrow as pa
from pyarrow import ipc

from mgraph.errors import GraphError, printable
from mgraph.graph.run import EXACT_MATH
from mgraph.rows.mapper import mapper
from mgraph.rows.transform import transform_of
from mgraph.service.admission import EXACT_ROWS
from mgraph.service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgraph.document import Graph
    from mgraph.rows.mapper import RowMapper
    from mgraph.rows.transform import Transform
    from mgraph.service.arrow.messages import ArrowMessage
    from mgraph.service.arrow.options import RowsWanted

_BYTES: Final = 2**22
"""Bytes of the results that are computed at once, about."""

_COST: Final = 2**24
"""Nodes × rows that are computed at once: a twentieth of a second or so."""

_FEWEST: Final = 256
_MOST_ROWS: Final = 2**16
"""Rows that are computed at once, at least and at most."""


class BatchReader:
    """Makes record batches of the messages of one stream."""

    def __init__(self, schema: ArrowMessage) -> None:
        """Take the first message.

        Raises:
            Problem: 400 if it is damaged.
        """
        self._first = schema.data
        self._dictionaries: list[bytearray] = []
        with _understood():
            self.schema = ipc.read_schema(pa.py_buffer(schema.data))

    def add(self, dictionary: ArrowMessage, most: int) -> None:
        """Take a dictionary, which later batches refer to.

        Raises:
            Problem: 413 if all of them have more than `most` bytes.
        """
        self._dictionaries.append(dictionary.data)
        if sum(map(len, self._dictionaries)) > most:
            raise Problem(413, f"the dictionaries have more than {most:,} bytes: send plain values")

    def batch(self, message: ArrowMessage) -> pa.RecordBatch:
        """Return a record batch, all of whose columns are valid.

        Raises:
            Problem: 400 if it is damaged.
        """
        with _understood():
            if self._dictionaries:
                data = b"".join((self._first, *self._dictionaries, message.data))
                batch = ipc.open_stream(pa.BufferReader(data)).read_next_batch()
            else:
                read = ipc.read_message(pa.py_buffer(message.data))
                batch = ipc.read_record_batch(read, self.schema)
            batch.validate(full=True)  # Arrow trusts offsets when it writes
        return batch


@contextmanager
def _understood() -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        text = printable(str(error).partition("\n")[0])
        raise Problem(400, f"the Arrow stream is damaged: {text}") from None


class RowsStream:
    """A graph, ready for the rows of one stream.

    Attributes:
        nodes: The number of nodes.
        columns: The number of columns that the graph reads.
        results: The number of columns that it adds.
        rows: How many rows are computed at once.
    """

    def __init__(self, graph: Graph, wanted: RowsWanted, schema: pa.Schema, most: int) -> None:
        """Compile the graph, and choose the columns.

        Args:
            graph: The graph.
            wanted: What is done with rows.
            schema: The schema of the table.
            most: The most bytes that the results of rows may take that are computed at once.

        Raises:
            GraphError: The graph can't be run like this, or the table doesn't fit it.
            MissingExtraError: The math library is not on this machine.
            Problem: 400 if an option has none of its values.
        """
        try:
            self._mapper: RowMapper = mapper(graph, **wanted.mapper)
            self._transform: Transform = transform_of(self._mapper, schema, wanted.keep)
        except ValueError as error:
            if isinstance(error, GraphError):
                raise
            raise Problem(400, str(error)) from None
        self.nodes = len(graph)
        self.weight = EXACT_ROWS if wanted.mapper["math"] == EXACT_MATH else 1
        self._written = _Blocks()
        self._writer = ipc.new_stream(self._written, self._transform.schema)
        self.results = len(self._mapper.results)
        self.columns = len(self._transform.leaves)
        rows = min(_BYTES // (8 * self.results), _COST // (self.nodes * self.weight), _MOST_ROWS)
        fewest = _FEWEST // self.weight
        self.rows = max(1, min(max(rows, fewest), most // self.size_of(1)))

    def size_of(self, rows: int) -> int:
        """Return how many bytes the results of some rows take, as numbers and as a message."""
        return 16 * self.results * rows

    def checked(self, reader: BatchReader, message: ArrowMessage, row: int) -> pa.RecordBatch:
        """Return a record batch of rows none of which is refused later.

        Raises:
            GraphError: `number` or `column` if one is.
            Problem: 400 if it is damaged.
        """
        batch = reader.batch(message).select(self._transform.columns)
        self._mapper.check(batch, row=row)
        return batch

    def results_of(self, batch: pa.RecordBatch, row: int) -> bytes:
        """Run over rows, and return the bytes of the batch that is sent for them."""
        done = self._mapper.apply(batch, row=row).select(self._transform.schema.names)
        self._writer.write_batch(done)
        return self._written.take()

    def end(self) -> bytes:
        """Return the bytes that end the stream."""
        self._writer.close()
        return self._written.take()


class _Blocks:
    """A file to write to, whose bytes can be taken away."""

    closed = False

    def __init__(self) -> None:
        self._blocks: list[bytes] = []

    def write(self, data: pa.Buffer) -> int:
        """Keep a copy of some bytes."""
        block = bytes(data)
        self._blocks.append(block)
        return len(block)

    def flush(self) -> None:
        """Do nothing."""

    def take(self) -> bytes:
        """Return what was written since the last time."""
        data = b"".join(self._blocks)
        self._blocks.clear()
        return data
