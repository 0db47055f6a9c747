"""File to graph to Values, and Values to graph."""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from mgraph import migrate
from mgraph.codec import (
    LIMITS,
    MSGPACK,
    Blocks,
    Entries,
    Limits,
    Reading,
    Rows,
    binary,
    compact,
    decode,
    encoding_of,
    literal,
    located,
    over,
    paused_collector,
    single_precision,
    spelled,
    text,
    too_deep,
)
from mgraph.errors import REPORTED, Diagnostic, GraphError, Path, quoted
from mgraph.graph import passes
from mgraph.graph.columns import Columns, some, starts
from mgraph.graph.ids import default_id
from mgraph.graph.numbers import canonical, is_rounded
from mgraph.graph.pack import from_packed, hash_of, packed
from mgraph.graph.rows import from_rows
from mgraph.ops import NAMES, OPCODES, OPS, is_leaf
from mgraph.runs import Numbers, Run, as_number
from mgraph.runs.read import runs_from
from mgraph.schema.fields import FIELDS, are_ids, is_short, meta_faults
from mgraph.value import Value, ancestry, apply, leaf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

HEADER: Final = ("$schema", "name", "doc", "meta")
"""The fields of a document that are neither version nor graph nor runs."""

INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Characters that take no place, or change the order in which others are shown."""


@dataclass(frozen=True, eq=False)
class GraphFile:
    """A graph file in memory: the checked graph, its texts, its runs. It can't be changed.

    Attributes:
        columns: The checked graph as flat arrays, for internal use.
        header: The fields `$schema`, `name`, `doc` and `meta`, as far as the file has them.
        runs: What happened, or must happen, when the graph is run.
    """

    columns: Columns
    header: Mapping[str, Any] = field(default_factory=dict)
    runs: tuple[Run, ...] = ()

    @property
    def hash(self) -> str:
        """The canonical hash of the graph with its declared values: `mgraph1-sha256:…`."""
        return hash_of(self.columns)

    @property
    def version(self) -> str:
        """The lowest version of the file format that has all ops of the graph."""
        used = (name for code, name in enumerate(NAMES) if code in self.columns.opcode)
        return migrate.spelled(migrate.lowest(used))


@dataclass(frozen=True)
class Inspection:
    """What reading a file gave.

    Attributes:
        diagnostics: Errors, or the warnings if there are none, in file order.
        more: How many there were beyond those.
        graph: The file's content; None if it was refused.
    """

    diagnostics: tuple[Diagnostic, ...]
    more: int
    graph: GraphFile | None


def inspect(
    data: bytes, name: str = "", limits: Limits = LIMITS, *, strip: bool = False
) -> Inspection:
    """Check the bytes of a graph file, and read it if it is clean.

    Args:
        data: JSON or msgpack.
        name: What the file is called, for the diagnostics.
        limits: What it may ask for.
        strip: Leave out the runs, whatever is wrong with them.
    """
    with paused_collector():
        try:
            if len(data) > limits.size:
                raise over("size", f"{len(data):,} bytes", limits.size, line=1, column=1)
            reading = Reading(limits, encoding_of(data) == MSGPACK)
            rest, document, graph = _without_ids(data, reading, strip=strip)
            if graph is None:
                rest, document = data, _upgraded(decode(data, limits), limits, strip=strip)
                graph = clean(document, reading)
            if graph is None:
                found, count = _faults(document, reading)
            else:
                worth = _Found()
                worth.add(_warnings(document, graph, rest, limits))
                found, count = worth.kept, worth.count
        except GraphError as error:
            found, count, graph = [*error.diagnostics], 0, None
        placed = located(found, data, limits)
    named = tuple(replace(each, file=name) for each in placed)
    return Inspection(named, max(0, count - REPORTED), graph)


def _without_ids(
    data: bytes, reading: Reading, *, strip: bool
) -> tuple[bytes, dict[str, Any], GraphFile | None]:
    """Read a large packed file without making its ids; None means: look again, at all of it.

    Returns:
        The bytes without the ids, what is in them, and the graph.
    """
    limits = reading.limits
    header = apart = None
    if reading.is_binary and len(data) >= passes.MANY:
        header = binary.array_at(data, ("nodes", "id", "value"), limits.levels)
    if header is not None and passes.passes_for(header.count) is not passes.PLAIN:
        apart = binary.without_texts(data, header)
    if apart is None:
        return b"", {}, None
    rest, names = apart
    try:
        document = decode(rest, limits)
        document["nodes"]["id"]["value"] = names
        document = _upgraded(document, limits, strip=strip)
    except GraphError:
        return b"", {}, None
    return rest, document, clean(document, reading)


def _upgraded(document: Any, limits: Limits, *, strip: bool) -> dict[str, Any]:  # noqa: ANN401
    try:
        document = migrate.upgraded(document)
    except GraphError as error:  # values nested too deeply are a fault of the bytes, and go first
        raise too_deep(document, limits) or error from None
    return {key: value for key, value in document.items() if not (strip and key == "runs")}


def read(data: bytes, name: str = "", limits: Limits = LIMITS) -> GraphFile:
    """Read the bytes of a graph file.

    Raises:
        GraphError: Everything that is wrong with it.
    """
    found = inspect(data, name, limits)
    if found.graph is None:
        raise GraphError(found.diagnostics, found.more)
    return found.graph


def clean(document: dict[str, Any], reading: Reading) -> GraphFile | None:
    """Read a document of the current version; None means: look again."""
    limits = reading.limits
    header: dict[str, Any] = {key: document[key] for key in HEADER if key in document}
    known = all(key in FIELDS["document"] for key in document)
    short = all(
        is_short(header.get(key, ""), limits.doc if key == "doc" else limits.text)
        for key in ("$schema", "name", "doc")
    )
    if not (known and short) or any(meta_faults(header.get("meta"), ("meta",), limits)):
        return None
    nodes: Any = document.get("nodes")
    outputs = document.get("outputs", [])
    is_packed = isinstance(nodes, dict)
    columns = (from_packed if is_packed else from_rows)(nodes, outputs, reading)
    runs = None if columns is None else runs_from(document, columns, reading)
    if columns is None or runs is None:
        return None
    return GraphFile(columns, header, tuple(runs))


# --- what is wrong, or strange ---------------------------------------------------------------


class _Found:
    """Diagnostics: all counted, and as many kept as may be sorted by place."""

    def __init__(self) -> None:
        self.kept: list[Diagnostic] = []
        self.count = 0

    def add(self, diagnostics: Iterable[Diagnostic | int]) -> None:
        for each in diagnostics:
            self.count += each if isinstance(each, int) else 1
            if isinstance(each, Diagnostic) and len(self.kept) < _KEPT:
                self.kept.append(each)


_KEPT: Final = 100 * REPORTED


def _faults(document: dict[str, Any], reading: Reading) -> tuple[list[Diagnostic], int]:
    """Find everything that is wrong with a document that is not clean."""
    from mgraph.graph import check  # noqa: PLC0415 - only when there is something to say
    from mgraph.runs.check import run_faults  # noqa: PLC0415
    from mgraph.schema.faults import faults  # noqa: PLC0415 - pydantic takes its time

    limits = reading.limits
    nodes, outputs = document.get("nodes"), document.get("outputs")
    is_packed = isinstance(nodes, dict) and reading.is_binary
    if deep := too_deep(document, replace(limits, depth=limits.levels) if is_packed else limits):
        return [*deep.diagnostics], 1
    found = _Found()
    found.add(faults(document, reading))
    if isinstance(nodes, dict) and not reading.is_binary:
        return found.kept, found.count
    size = nodes.get("count") if isinstance(nodes, dict) else nodes
    size = len(size) if isinstance(size, list) else size
    if isinstance(size, int) and size > limits.nodes:
        return found.kept, found.count
    names = check.names_of(document)
    if isinstance(nodes, list):
        found.add(check.faults_of_rows(nodes, names))
    elif isinstance(nodes, dict):
        found.add(check.faults_of_packed(nodes, names, limits))
    if isinstance(outputs, list):
        found.add(check.output_faults(outputs, names))
    bare = clean({**document, "runs": []}, reading)
    found.add(run_faults(document, names, bare.columns if bare else None))
    return found.kept, found.count


def _warnings(
    document: dict[str, Any], graph: GraphFile, data: bytes, limits: Limits
) -> Iterator[Diagnostic]:
    """Find what is worth a mention in a clean document; its bytes may lack the ids."""
    columns = graph.columns
    if lost := columns.unreached():
        names = some(columns.ids[i] for i in lost)
        nodes = "1 node has" if len(lost) == 1 else f"{len(lost):,} nodes have"
        message = f"{nodes} no path to an output, and so no gradient: {names}"
        yield Diagnostic("unreached", message, _node_path(document, columns, lost[0]))
    for path, value in _integers(document):
        if is_rounded(value):
            message = f"a double can't hold {quoted(value)}: it was rounded to {float(value)!r}"
            yield Diagnostic("rounded", message, path)
    for path in single_precision(data, document, limits):
        message = "a number of single precision: most of its digits are lost already"
        yield Diagnostic("float32", message, path, fix="write it as float64")
    for path, words in _texts(document, graph):
        if isinstance(words, str) and not words.isascii() and (hidden := INVISIBLE.search(words)):
            message = f"the text holds the invisible character U+{ord(hidden[0]):04X}"
            yield Diagnostic("invisible", message, path, fix="take it out, if it is not meant")


def _node_path(document: dict[str, Any], graph: Columns, node: int) -> Path:
    """Return where a node stands in its document."""
    if isinstance(document["nodes"], dict):
        return ("nodes",)
    return ("nodes", node if graph.order is None else graph.order.index(node))


def _integers(document: dict[str, Any]) -> Iterator[tuple[Path, int]]:
    """Yield the numbers of a clean document that are written as integers."""
    rows = document["nodes"]
    for i, row in enumerate(rows if isinstance(rows, list) else ()):
        if type(row.get("data")) is int:
            yield ("nodes", i, "data"), row["data"]
    for i, run in enumerate(document.get("runs", ())):
        for key in ("inputs", "seed", "data", "grad", "tolerance"):
            for name, value in run.get(key, {}).items():
                if type(value) is int:
                    yield ("runs", i, key, name), value


def _texts(document: dict[str, Any], graph: GraphFile) -> Iterator[tuple[Path, object]]:
    """Yield the texts that are shown to people."""
    for key in ("name", "doc"):
        yield (key,), graph.header.get(key)
    for field_name, texts in (("label", graph.columns.labels), ("doc", graph.columns.docs)):
        if isinstance(document["nodes"], dict):
            for k, words in enumerate(texts.values()):
                yield ("nodes", field_name, "value", k), words
        else:
            for i, row in enumerate(document["nodes"] if texts else ()):
                yield ("nodes", i, field_name), row.get(field_name)
    for i, run in enumerate(graph.runs):
        yield ("runs", i, "origin"), run.origin


# --- writing ---------------------------------------------------------------------------------


def to_json(graph: GraphFile) -> Iterator[bytes]:
    """Write a graph file as JSON, in chunks."""
    yield from text.encode(_document(graph, Rows(_lines(graph.columns)), _json_run))


def to_msgpack(graph: GraphFile) -> Iterator[bytes]:
    """Write a graph file as packed msgpack, in chunks."""
    document = _document(graph, packed(graph.columns), _packed_run)
    if graph.runs:
        document["runs"] = document["runs"].objects
    yield from binary.encode(document)


def _document(graph: GraphFile, nodes: object, run: Any) -> dict[str, Any]:  # noqa: ANN401
    columns = graph.columns
    document: dict[str, Any] = {"mgraph": graph.version}
    document.update((key, graph.header[key]) for key in HEADER if key in graph.header)
    document["nodes"] = nodes
    document["outputs"] = [columns.ids[i] for i in columns.outputs]
    if graph.runs:
        document["runs"] = Blocks([run(each) for each in graph.runs])
    return document


def _lines(graph: Columns) -> Iterator[str]:
    """Yield every node as JSON text, in file order."""
    ids, args, first = [*graph.ids], graph.args, graph.first
    has = graph.has_data
    given = {"label": graph.labels, "doc": graph.docs, "meta": graph.metas}
    noted = [(key, texts) for key, texts in given.items() if texts]
    for i in range(len(graph)) if graph.order is None else graph.order:
        code = graph.opcode[i]
        line = f'{{"id": "{ids[i]}", "op": "{NAMES[code]}"'
        if is_leaf(code):
            place = graph.leaf_place[i]
            if has is None or has[place]:
                line += f', "data": {literal(graph.data[place])}'
        else:
            names = '", "'.join([ids[arg] for arg in args[first[i] : first[i + 1]]])
            line += f', "args": ["{names}"]'
        for key, texts in noted:
            if i in texts:
                line += f', "{key}": {compact(texts[i])}'
        yield line + "}"


def _json_run(run: Run) -> dict[str, Any]:
    return _run(run, lambda numbers: Entries(numbers, _values_of(numbers)))


def _packed_run(run: Run) -> dict[str, Any]:
    return _run(run, _packed_numbers)


def _run(run: Run, numbers: Any) -> dict[str, Any]:  # noqa: ANN401
    fields = {
        "inputs": {name: spelled(value) for name, value in run.inputs.items()},
        "seed": {name: spelled(value) for name, value in run.seed.items()},
        "origin": run.origin,
        "graph": run.graph,
    }
    written = {key: value for key, value in fields.items() if value}
    if run.tolerance is not None:
        halves = {"rel": run.tolerance.rel, "abs": run.tolerance.abs}
        stated = {key: spelled(half) for key, half in halves.items() if half is not None}
        written["tolerance"] = stated
    for key, given in (("data", run.data), ("grad", run.grad)):
        if given is not None:
            written[key] = numbers(given)
    return {key: written[key] for key in FIELDS["run"] if key in written}


def _values_of(numbers: Mapping[str, float]) -> Iterable[float]:
    return numbers.numbers if isinstance(numbers, Numbers) else numbers.values()


def _packed_numbers(numbers: Numbers) -> dict[str, array[Any]]:
    if not numbers:
        return {}
    values = {"value": canonical(numbers.numbers)}
    return values if numbers.at is None else {"at": numbers.at, **values}


def over_graph(run: Run, graph: Columns) -> Run:
    """Return a run whose numbers are columns over a graph.

    Raises:
        GraphError: `run-node` if data or grad name a node that is not there; `number`.
    """
    return replace(
        run,
        data=_over(run.data, graph),
        grad=_over(run.grad, graph),
        inputs={name: as_number(name, value) for name, value in run.inputs.items()},
        seed={name: as_number(name, value) for name, value in run.seed.items()},
    )


def are_clean(runs: Iterable[Run], graph: Columns) -> bool:
    """Whether a reader will accept runs that are over a graph; False means: look again."""
    try:
        rows = [_run(replace(run, data=None, grad=None), dict) for run in runs]
        compact(rows).encode()
    except ValueError:  # half of a surrogate pair
        return False
    return runs_from({"nodes": [], "runs": rows}, graph, Reading()) is not None


def _over(given: Mapping[str, float] | None, graph: Columns) -> Mapping[str, float] | None:
    if given is None or (isinstance(given, Numbers) and given.graph is graph):
        return given
    for name in given:
        if name not in graph.index:
            message = f"the run names {quoted(name)}, which is no node of this graph"
            raise GraphError.of("run-node", message)
    pairs = sorted((graph.index[name], as_number(name, value)) for name, value in given.items())
    at, values = array("I", [i for i, _ in pairs]), array("d", [x for _, x in pairs])
    return Numbers(graph, at, values)


# --- Values ----------------------------------------------------------------------------------


def values_of(graph: Columns) -> list[Value]:
    """Build the live Values of a graph whose leaves all have primals, in evaluation order."""
    values: list[Value] = []
    data, ends = iter(graph.data), iter(graph.first)
    args, at = graph.args, next(ends)
    for code, end, name in zip(graph.opcode, ends, graph.ids, strict=True):
        row = _ROWS[code]
        if row is None:
            value = leaf(NAMES[code], next(data))
        else:
            value = apply(row, tuple([values[arg] for arg in args[at:end]]))
        value.name = name
        at = end
        values.append(value)
    return values


_ROWS: Final = tuple(OPS.get(name) for name in NAMES)


def columns_of(
    outputs: Sequence[Value], ids: Callable[[Sequence[Value]], list[str]] | None = None
) -> Columns:
    """Return the graph of everything that some Values were computed from.

    Args:
        outputs: The Values.
        ids: What names all of them, in evaluation order; None for their own names.

    Raises:
        GraphError: `id` or `duplicate-id` if the names of the Values can't be ids; `output` if
            there are none, or one is given twice; `limit` if a sum has too many arguments.
        TypeError: One of them is no Value.
    """
    for value in outputs:
        if not isinstance(value, Value):
            message = f"expected a Value, not {type(value).__name__}"
            raise TypeError(message)
    values = ancestry(outputs)
    place = {id(value): i for i, value in enumerate(values)}
    named_outputs = tuple(place[id(value)] for value in outputs)
    if not outputs or len({*named_outputs}) < len(outputs):
        raise GraphError.of("output", "expected at least one output, each once")
    leaves = array("I", (i for i, value in enumerate(values) if not value.args))
    if (most := max(len(value.args) for value in values)) > LIMITS.args:
        raise over("args", f"a node of {most:,} arguments", LIMITS.args)
    return Columns(
        opcode=bytes(OPCODES[value.op] for value in values),
        first=starts(len(value.args) for value in values),
        args=array("I", (place[id(arg)] for value in values for arg in value.args)),
        leaves=leaves,
        data=array("d", (values[i].data for i in leaves)),
        has_data=None,
        ids=(ids or _ids_of)(values),
        outputs=named_outputs,
    )


def _ids_of(values: Sequence[Value]) -> list[str]:
    """Name every Value: by its own name, or n0, n1, … where that is free."""
    taken: dict[str, None] = {}
    for value in values:
        if value.name is None:
            continue
        if not isinstance(value.name, str) or not are_ids([value.name]):
            message = f"the name {quoted(value.name)} can't be an id"
            expected = "a letter or _, then letters, digits and _ . - / [ ]"
            raise GraphError.of("id", message, expected=expected)
        if value.name in taken:
            message = f"two values have the name {quoted(value.name)}"
            raise GraphError.of("duplicate-id", message, expected="another name")
        taken[value.name] = None
    ids = []
    for i, value in enumerate(values):
        name = default_id(i) if value.name is None else value.name
        while value.name is None and name in taken:
            name += "_"
        ids.append(name)
    return ids
