"""Graph: what users of the library hold. Load, run, look at, save."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from mgraph.codec import LIMITS, Limits, paused_collector, read_file, write_file
from mgraph.engine import tape
from mgraph.engine.evaluate import evaluate, without_value
from mgraph.engine.values import VALUE, columns_of, values_of
from mgraph.errors import GraphError, printable
from mgraph.format.faults import check_header, check_runs
from mgraph.format.file import GraphFile
from mgraph.format.reading import read
from mgraph.format.writing import to_json, to_msgpack
from mgraph.graph.run import over_graph
from mgraph.value import Value, mimebundle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from mgraph.engine.evaluate import Engine
    from mgraph.engine.tape.replay import Replay
    from mgraph.graph.run import Run

ANNOTATED: Final = ".annotated"
"""What stands before the extension of a file that `mgraph run` has made by itself."""

ENGINES: Final = ("auto", "value", "tape")
"""What can be asked to run a graph; "auto" chooses by its size and by what is installed."""

LARGE: Final = 200_000
"""Nodes from which "auto" takes the tape: below, Values are done before its libraries are."""

WRITERS: Final[Mapping[str, Callable[[GraphFile], Iterator[bytes]]]] = {
    ".json": to_json,
    ".msgpack": to_msgpack,
}
"""How a graph is written, by the extension of the file."""


class Graph(GraphFile):
    """A computation graph, with its texts and the runs that its file holds.

    ```python
    graph = mgraph.load("neuron.json")
    run = graph.run(x1=0.5)
    run.data["o"], run.grad["w1"]
    ```
    """

    @classmethod
    def of(cls, *outputs: Value, name: str = "", doc: str = "") -> Self:
        """Return the graph of everything that some Values were computed from.

        Raises:
            GraphError: `id` or `duplicate-id` if the Values' names can't be ids; `output` if
                there are none, or one is given twice; `type` or `limit` for name and doc.
        """
        header = {key: text for key, text in (("name", name), ("doc", doc)) if text}
        check_header(header)
        return cls(columns_of(outputs), header)

    @property
    def name(self) -> str:
        """What the graph is called; may be empty."""
        name: str = self.header.get("name", "")
        return name

    @property
    def doc(self) -> str:
        """What the graph is about; may be empty."""
        doc: str = self.header.get("doc", "")
        return doc

    @property
    def outputs(self) -> tuple[str, ...]:
        """The ids of the outputs, in order."""
        return tuple(self.columns.ids[i] for i in self.columns.outputs)

    def __len__(self) -> int:
        """Return the number of nodes."""
        return len(self.columns)

    def __repr__(self) -> str:
        """Name it, and say how large it is."""
        name = f"{self.name!r}, " if self.name else ""
        return f"<Graph {name}{len(self):,} nodes, {len(self.runs)} runs>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """Show a notebook the graph, with the numbers of a run."""
        return mimebundle(self)

    def run(
        self,
        inputs: Mapping[str, float] | None = None,
        /,
        *,
        seed: Mapping[str, float] | None = None,
        grad: bool = True,
        engine: str = "auto",
        **more: float,
    ) -> Run:
        """Run forward and backward.

        Args:
            inputs: Primals of inputs and params that replace the declared ones, by id.
            seed: Adjoints of the outputs, by id; none: 1.0 to the only one.
            grad: Whether to run backward.
            engine: One of `ENGINES`.
            more: More inputs, for ids that are Python names.

        Returns:
            A complete run: `run.data` has every node, `run.grad` each that has an adjoint.

        Raises:
            GraphError: `run-node`, `seed` or `unbound-input`.
            MissingExtraError: The tape engine was asked for, and is not installed.
            ValueError: There is no such engine.
        """
        given = {**(inputs or {}), **more}
        return evaluate(self.columns, given, seed, _engine(engine, len(self)), grad=grad)

    def compile(self, *, math: str = "libm") -> Replay:
        """Prepare the graph to be run again and again over the same flat arrays.

        Args:
            math: Where steps take exp, tanh and so on from. "libm" gives the bits of a single
                run; "libmvec" (part of glibc), "svml" (of Intel's runtime) and "mgraph" answer for
                several nodes at once, each op within 2 ulp; "auto" is the fastest that is there.

        Raises:
            MissingExtraError: NumPy or llvmlite is not installed, or that library is not there.
        """
        tape.require()
        from mgraph.engine.tape.replay import Replay  # noqa: PLC0415 - an extra

        return Replay(self.columns, math)

    def values(self) -> dict[str, Value]:
        """Build live Values, by id, in evaluation order.

        Raises:
            GraphError: `unbound-input` if an input has no declared primal.
        """
        if missing := [self.columns.ids[i] for i in self.columns.unbound()]:
            raise without_value(missing)
        with paused_collector():
            values = values_of(self.columns)
        return dict(zip(self.columns.ids, values, strict=True))

    def with_runs(self, runs: Iterable[Run]) -> Self:
        """Return the same graph with other runs.

        Raises:
            GraphError: What a reader would say of a run that was made by hand.
        """
        over = tuple(over_graph(run, self.columns) for run in runs)
        check_runs(over, self.columns)
        return replace(self, runs=over)

    def to_bytes(self, extension: str = ".json") -> Iterator[bytes]:
        """Write the file into memory, in chunks; `extension` is a key of `WRITERS`."""
        return WRITERS[extension](self)

    def to_file(self, path: str | os.PathLike[str], runs: Iterable[Run] | None = None) -> None:
        """Write the file, atomically; its extension says in which encoding.

        Args:
            path: Ends in `.json` or `.msgpack`.
            runs: What to write in the place of the graph's own runs.

        Raises:
            GraphError: `io` if it can't be written, or its name has another extension.
        """
        graph = self if runs is None else self.with_runs(runs)
        write_file(path, graph.to_bytes(extension_of(path)))


def engine_for(engine: str, nodes: int) -> str:
    """Return the engine that will run a graph of so many nodes: "value" or "tape".

    Raises:
        ValueError: There is no such engine.
    """
    if engine not in ENGINES:
        message = f"there is no engine {engine!r}: choose one of {', '.join(ENGINES)}"
        raise ValueError(message)
    if engine == "auto":
        return "tape" if nodes >= LARGE and not tape.missing() else "value"
    return engine


def _engine(name: str, nodes: int) -> Engine:
    """Return the engine that will run a graph of so many nodes."""
    if engine_for(name, nodes) == "value":
        return VALUE
    tape.require()
    from mgraph.engine.tape.engine import TAPE  # noqa: PLC0415 - an extra

    return TAPE


def extension_of(path: str | os.PathLike[str]) -> str:
    """Return the extension of a graph file.

    Raises:
        GraphError: `io` if it is none that can be written.
    """
    extension = Path(path).suffix.lower()
    if extension not in WRITERS:
        message = f"can't tell from its name how to write {printable(str(path))}"
        expected = " or ".join(WRITERS)
        raise GraphError.of("io", message, expected=f"a name that ends in {expected}")
    return extension


def load(path: str | os.PathLike[str], limits: Limits = LIMITS) -> Graph:
    """Read a graph file, JSON or msgpack.

    Raises:
        GraphError: Everything that is wrong with it.
    """
    name = os.fspath(path)
    return loads(read_file(path, limits), str(name), limits)


def loads(data: bytes | str, name: str = "", limits: Limits = LIMITS) -> Graph:
    """Read a graph file from memory.

    Args:
        data: JSON text, or the bytes of either encoding.
        name: What diagnostics call it.
        limits: What it may ask for.

    Raises:
        GraphError: Everything that is wrong with it.
    """
    raw = data.encode(errors="surrogatepass") if isinstance(data, str) else data
    return as_graph(read(raw, name, limits))


def as_graph(file: GraphFile) -> Graph:
    """Return a file's content as a Graph."""
    return Graph(file.columns, file.header, file.runs)


def save(
    outputs: Value | Sequence[Value],
    path: str | os.PathLike[str],
    *,
    name: str = "",
    doc: str = "",
) -> Graph:
    """Record the graph of some Values, and what running it gives, in a file.

    Ids come from the Values' names, else n0, n1, … The graph is run anew, so that the file
    agrees with itself even if leaves were changed since. With several outputs there is a run
    for each of them, seeded with 1.0.

    Args:
        outputs: A Value, or several.
        path: Ends in `.json` or `.msgpack`.
        name: What the graph is called.
        doc: What it is about.

    Returns:
        The graph, with its runs.

    Raises:
        GraphError: As `Graph.of` and `Graph.to_file`.
    """
    listed = [outputs] if isinstance(outputs, Value) else [*outputs]
    graph = recorded(Graph.of(*listed, name=name, doc=doc))
    graph.to_file(path)
    return graph


def recorded(graph: Graph) -> Graph:
    """Return a graph with what it gives when it is run: with several outputs, a run for each."""
    seeds: list[dict[str, float]] = [{}]
    if len(graph.outputs) > 1:
        seeds = [{each: 1.0} for each in graph.outputs]
    return graph.with_runs(graph.run(seed=seed) for seed in seeds)
