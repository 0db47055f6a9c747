"""Writing a graph file, as JSON for people or as packed msgpack."""

from __future__ import annotations

from itertools import chain, compress, islice, repeat
from typing import TYPE_CHECKING, Any

from mgraph.codec import Blocks, Entries, Rows, binary, compact, literals, spelled, text
from mgraph.format.fields import FIELDS
from mgraph.format.file import HEADER, GraphFile
from mgraph.format.numbers import canonical
from mgraph.format.packed.nodes import packed
from mgraph.graph.run import Numbers, Run
from mgraph.ops import NAMES

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator, Mapping, Sequence

    from mgraph.graph.columns import Columns


def to_json(graph: GraphFile) -> Iterator[bytes]:
    """Write a graph file as JSON, in chunks."""
    yield from text.encode(_document(graph, Rows(_lines(graph.columns)), _json_run))


def to_msgpack(graph: GraphFile) -> Iterator[bytes]:
    """Write a graph file as packed msgpack, in chunks."""
    document = _document(graph, packed(graph.columns), _packed_run)
    if graph.runs:
        document["runs"] = document["runs"].objects
    yield from binary.encode(document)


def _document(graph: GraphFile, nodes: object, write_run: Any) -> dict[str, Any]:  # noqa: ANN401
    columns = graph.columns
    document: dict[str, Any] = {"mgraph": graph.version}
    document.update((key, graph.header[key]) for key in HEADER if key in graph.header)
    document["nodes"] = nodes
    document["outputs"] = columns.output_ids
    if graph.runs:
        document["runs"] = Blocks([write_run(run) for run in graph.runs])
    return document


def _lines(graph: Columns) -> Iterator[str]:
    """Yield every node as a line of JSON, in file order."""
    ids, first = [*graph.ids], graph.first
    order = range(len(graph)) if graph.order is None else graph.order
    used = graph.args if graph.order is None else chain.from_iterable(map(graph.arguments, order))
    args = map(ids.__getitem__, used)
    has_data = graph.has_data or repeat(1)
    declared = dict(compress(zip(graph.leaves, literals(graph.data), strict=True), has_data))
    starts = [f'", "op": "{name}"' for name in NAMES]
    notes = {"label": graph.labels, "doc": graph.docs, "meta": graph.metas}
    noted = [(key, texts) for key, texts in notes.items() if texts]
    for i in order:
        line = f'{{"id": "{ids[i]}{starts[graph.opcode[i]]}'
        if names := '", "'.join(islice(args, first[i + 1] - first[i])):
            line += f', "args": ["{names}"]'
        elif i in declared:
            line += f', "data": {declared[i]}'
        for key, texts in noted:
            if i in texts:
                line += f', "{key}": {compact(texts[i])}'
        yield line + "}"


def _json_run(run: Run) -> dict[str, Any]:
    return run_fields(run, lambda numbers: Entries(numbers, _values_of(numbers)))


def _packed_run(run: Run) -> dict[str, Any]:
    return run_fields(run, _packed_numbers)


def run_fields(run: Run, numbers: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a run as plain data; the function `numbers` writes data and grad."""
    fields = {
        "inputs": {name: spelled(value) for name, value in run.inputs.items()},
        "seed": {name: spelled(value) for name, value in run.seed.items()},
        "math": run.math,
        "origin": run.origin,
        "graph": run.graph,
    }
    written = {key: value for key, value in fields.items() if value}
    if run.tolerance is not None:
        parts = {"rel": run.tolerance.rel, "abs": run.tolerance.abs}
        stated = {key: spelled(part) for key, part in parts.items() if part is not None}
        written["tolerance"] = stated
    for key, given in (("data", run.data), ("grad", run.grad)):
        if given is not None:
            written[key] = numbers(given)
    return {key: written[key] for key in FIELDS["run"] if key in written}


def _values_of(numbers: Mapping[str, float]) -> Sequence[float]:
    return numbers.numbers if isinstance(numbers, Numbers) else [*numbers.values()]


def _packed_numbers(numbers: Numbers) -> dict[str, array[Any]]:
    if not numbers:
        return {}
    values = {"value": canonical(numbers.numbers)}
    return values if numbers.at is None else {"at": numbers.at, **values}
