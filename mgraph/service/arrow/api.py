"""`POST /api/graphs/REF/rows`: a stream of record batches in, one out."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from mgraph.engine import tape
from mgraph.errors import MissingExtraError
from mgraph.service.admission import Work
from mgraph.service.arrow.messages import BATCH, DICTIONARY, SCHEMA, ArrowMessage, MessageReader
from mgraph.service.arrow.options import rows_wanted
from mgraph.service.exchange import Reply, Stream
from mgraph.service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mgraph.document import Graph
    from mgraph.service.arrow.options import RowsWanted
    from mgraph.service.arrow.stream import BatchReader, RowsStream
    from mgraph.service.documents import Documents
    from mgraph.service.exchange import HttpRequest

ARROW_TYPE: Final = b"application/vnd.apache.arrow.stream"

_SMALL: Final = 2**16
"""A schema of more bytes is read in a thread."""

_PREPARING: Final = 500
"""Compiling a graph takes about as long as running so many rows."""


class RowsApi:
    """The function behind the path."""

    def __init__(self, documents: Documents) -> None:
        """Take the documents."""
        self._documents = documents
        self._most = documents.settings.tensors
        self._seconds = documents.settings.deadline

    async def post_rows(self, request: HttpRequest) -> Reply:
        """Run a graph over rows; the reply begins when the first of them are done."""
        request.accepted(ARROW_TYPE)
        _check_type(request)
        _check_installed()
        wanted = rows_wanted(request)
        await request.within(self._documents.math())
        document = await self._documents.find_to_run(request.parameters["reference"], request)
        graph = (await request.within(self._documents.graph(document))).graph
        messages = MessageReader(request, self._most)
        first = await messages.next()
        if first is None or first.kind != SCHEMA:
            raise Problem(400, "the Arrow stream does not begin with a schema")
        reader, stream = await request.within(self._begun(graph, wanted, first))
        blocks = self._blocks(request, messages, reader, stream, wanted.row)
        start = await anext(blocks)
        return Reply(200, start, ARROW_TYPE, stream=Stream(blocks))

    async def _begun(
        self,
        graph: Graph,
        wanted: RowsWanted,
        schema: ArrowMessage,
    ) -> tuple[BatchReader, RowsStream]:
        from mgraph.service.arrow.stream import BatchReader, RowsStream  # noqa: PLC0415 - an extra

        is_small = len(schema.data) <= _SMALL
        reader = BatchReader(schema) if is_small else await asyncio.to_thread(BatchReader, schema)
        admission = self._documents.admission
        cost = Work(len(graph), rows=0, weight=_PREPARING)
        try:
            return reader, await admission(
                cost, RowsStream, graph, wanted, reader.schema, self._most
            )
        except MissingExtraError as error:
            raise Problem(501, str(error)) from None

    async def _blocks(
        self,
        request: HttpRequest,
        messages: MessageReader,
        reader: BatchReader,
        stream: RowsStream,
        row: int,
    ) -> AsyncIterator[bytes]:
        """Yield the bytes of the reply: the results of some rows at a time.

        Each batch has the time of a request: to arrive, and to be answered.
        """
        while (message := await messages.next()) is not None:
            if message.kind == DICTIONARY:
                reader.add(message, self._most)
                continue
            if message.kind != BATCH:
                raise Problem(400, "the Arrow stream has a second schema")
            async for block in self._results(request, reader, stream, message, row):
                yield block
            row += message.rows
        yield stream.end()

    async def _results(
        self,
        request: HttpRequest,
        reader: BatchReader,
        stream: RowsStream,
        message: ArrowMessage,
        row: int,
    ) -> AsyncIterator[bytes]:
        """Yield the bytes for the rows of one message."""
        self._check_rows(message, stream)
        admission, size = self._documents.admission, len(message.data)
        checking = Work(stream.columns * message.rows, rows=0, size=size)
        batch = await request.within(admission(checking, stream.checked, reader, message, row))
        for at in range(0, max(batch.num_rows, 1), stream.rows):
            rows = batch.slice(at, stream.rows)
            held = size + stream.size_of(rows.num_rows)
            cost = Work(stream.nodes, rows.num_rows, held, stream.weight)
            yield await request.within(admission(cost, stream.results_of, rows, row + at))
            request.go_on(self._seconds)

    def _check_rows(self, message: ArrowMessage, stream: RowsStream) -> None:
        """Refuse more rows than their bytes can hold as doubles: encodings can repeat a value."""
        size = 8 * message.rows * max(stream.columns, 1)
        if size > self._most:
            detail = f"a record batch has {message.rows:,} rows"
            raise Problem(413, f"{detail}, which take more than {self._most:,} bytes: send fewer")


def _check_type(request: HttpRequest) -> None:
    stated = request.header(b"content-type").partition(";")[0].strip().lower()
    if stated.encode() != ARROW_TYPE:
        raise Problem(415, f"rows are sent as {ARROW_TYPE.decode()}")
    if request.header(b"content-encoding").lower() not in ("", "identity"):
        raise Problem(415, "rows are sent without a content encoding", accept_encoding="identity")


def _check_installed() -> None:
    lacking = tape.missing() or ("" if find_spec("pyarrow") else "pyarrow")
    if lacking:
        raise Problem(501, f"this server can't run rows: it lacks {lacking} (extra rows)")
