"""Graph, the library's main class: load, run, look at and save graphs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self

from mgraph.codec import LIMITS, Limits, read_file, write_file
from mgraph.collector import paused_collector
from mgraph.engine import tape
from mgraph.engine.evaluate import evaluate, given_inputs, unbound_inputs
from mgraph.engine.values import EXACT_VALUE, VALUE, columns_of, values_of
from mgraph.errors import GraphError, counted, printable
from mgraph.format.faults import check_header, check_runs
from mgraph.format.file import GraphFile
from mgraph.format.reading import read
from mgraph.format.writing import to_json, to_msgpack
from mgraph.graph.run import EXACT_MATH, LIBM, over_graph
from mgraph.ops import INPUT, PARAM
from mgraph.value import Value, mimebundle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mgraph.engine.evaluate import Engine
    from mgraph.engine.tape.replay import Replay
    from mgraph.graph.run import Run
    from mgraph.training import Trained

ANNOTATED: Final = ".annotated"
"""Put before the extension in the name of a file that `mgraph run` names itself."""

ENGINES: Final = ("auto", "value", "tape")
"""Names of engines; "auto" chooses by the graph's size and by what is installed."""

MATHS: Final = (LIBM, EXACT_MATH)
"""The math in which a graph is run: the machine's library, or the one right answer."""

LARGE: Final = 200_000
"""Number of nodes from which "auto" uses the tape; importing its libraries takes some time."""

WRITERS: Final[Mapping[str, Callable[[GraphFile], Iterator[bytes]]]] = {
    ".json": to_json,
    ".msgpack": to_msgpack,
}
"""How to write a graph, by the extension of the file."""


class Graph(GraphFile):
    """A graph file in memory: the graph, its texts, and its runs. It can't be changed.

    Any number of threads can use it at once.

    ```python
    graph = mgraph.load("neuron.json")
    run = graph.run(x1=0.5)
    run.data["o"], run.grad["w1"]
    ```
    """

    @classmethod
    def of(cls, *outputs: Value, name: str = "", doc: str = "") -> Self:
        """Return the graph of some Values and everything that they were computed from.

        Args:
            outputs: One or more Values, which become the graph's outputs in this order.
            name: What the graph is called.
            doc: What the graph is about.

        Raises:
            GraphError: `id` or `duplicate-id` if a Value's name can't be its id; `output` if there
                are no outputs, or one is given twice; `type`, `limit` or `encoding` if `name` or
                `doc` is not a text, is too long, or is not valid Unicode.
        """
        header = {key: text for key, text in (("name", name), ("doc", doc)) if text}
        check_header(header)
        return cls(columns_of(outputs), header)

    @property
    def name(self) -> str:
        """What the graph is called; empty if the file does not say."""
        name: str = self.header.get("name", "")
        return name

    @property
    def doc(self) -> str:
        """What the graph is about; empty if the file does not say."""
        doc: str = self.header.get("doc", "")
        return doc

    @property
    def inputs(self) -> Mapping[str, float | None]:
        """The inputs in the file's order: the declared value by id, or None if there is none."""
        unbound = (self.columns.ids[i] for i in self.columns.unbound())
        return {**self._declared(INPUT), **dict.fromkeys(unbound)}

    @property
    def params(self) -> Mapping[str, float]:
        """The params in the file's order: the declared value by id."""
        return self._declared(PARAM)

    def _declared(self, op: str) -> dict[str, float]:
        """Return the declared values of the leaves of one kind; 0 where there is none."""
        columns = self.columns
        pairs = zip(columns.leaves, columns.data, strict=True)
        return {columns.ids[i]: x for i, x in pairs if columns.op(i) == op}

    @property
    def outputs(self) -> tuple[str, ...]:
        """The ids of the outputs, in order."""
        return tuple(self.columns.output_ids)

    def __len__(self) -> int:
        """Return the number of nodes."""
        return len(self.columns)

    def __repr__(self) -> str:
        """Show the name and the numbers of nodes and runs."""
        name = f"{self.name!r}, " if self.name else ""
        return f"<Graph {name}{counted(len(self), 'node')}, {counted(len(self.runs), 'run')}>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """Show the graph in a notebook, with the numbers of a run."""
        return mimebundle(self)

    def run(
        self,
        inputs: Mapping[str, float] | None = None,
        /,
        *,
        seed: Mapping[str, float] | None = None,
        grad: bool = True,
        engine: str = "auto",
        math: str = "libm",
        **more: float,
    ) -> Run:
        """Run the graph forward and backward.

        Args:
            inputs: Values of inputs and params that replace the declared ones, by id.
            seed: Gradients that outputs start with, by id. It may be left out if there is only one
                output, which then starts with 1.0.
            grad: Whether to run backward.
            engine: `"value"` builds Values, `"tape"` uses flat arrays and machine code (the extra
                `fast`), `"auto"` takes the tape for large graphs if it is installed. All of them
                give the same bits.
            math: `"libm"` takes `exp`, `tanh` and so on from the machine's math library. `"exact"`
                rounds each operation correctly, so that all machines get the same bits; the run
                says so (`run.math`), and is run again in exact math by golden tests.
            more: More inputs, as keywords, for ids that are Python names, and none of the above.

        Returns:
            A complete run. `run.data` has the value of every node. `run.grad` has the gradient of
            every node from which a path leads to a seeded output, except consts; it is None
            without `grad`.

        Raises:
            GraphError: `run-node` if an id is not that of an input or param; `number` if something
                given is not a number; `unbound-input` if an input has no value; `seed` if there are
                several outputs and no seed, or the seed is not that of an output or not finite.
            MissingExtraError: The tape engine was asked for and is not installed.
            ValueError: There is no such engine, or no such math.
        """
        given = given_inputs(inputs, more)
        chosen = load_engine(engine, len(self), math)
        return evaluate(self.columns, given, seed, chosen, grad=grad)

    def compile(self, *, math: str = "libm") -> Replay:
        """Prepare the graph to be run many times. Needs the extra `fast`.

        Args:
            math: The library for `exp`, `tanh` and so on, in steps and calls. `"libm"` gives the
                same bits as `run`. `"libmvec"` (part of glibc), `"svml"` (Intel's runtime) and
                `"mgraph"` compute several nodes at once, each op within 2 ulp. `"auto"` is the
                fastest of these that this machine has. `"exact"` rounds each operation correctly,
                so that all machines give the same bits.

        Returns:
            A `Replay`, which holds the graph as flat arrays and reuses them.

        Raises:
            MissingExtraError: NumPy, llvmlite or the library is not installed.
            ValueError: There is no such library.
        """
        tape.require()
        from mgraph.engine.tape.replay import Replay  # noqa: PLC0415 - an extra

        return Replay(self.columns, math)

    def train(
        self,
        rows: Any,  # noqa: ANN401 - names, or any table
        out: str | os.PathLike[str] | None = None,
        **options: Any,  # noqa: ANN401 - those of `training.train`
    ) -> Trained:
        """Train the params on the rows of a table. Needs the extra `rows`.

        Args:
            rows: Names of files, or a table.
            out: A folder for the log, checkpoints and results; None writes nothing.
            options: Those of `mgraph.training.train`, such as `loss`, `optimizer`, `lr`, `epochs`.

        Returns:
            The trained graph, with its log.

        Raises:
            GraphError: Something is wrong with the rows or the folder; `number` if the loss is not
                finite.
            MissingExtraError: pyarrow, NumPy or llvmlite is not installed.
        """
        from mgraph.training import train  # noqa: PLC0415 - an extra, and above this module

        return train(self, rows, out, **options)

    def derive(self, *wrt: str, output: str | None = None) -> Self:
        """Return the gradient as a graph, which can be run, saved or derived like any other.

        Its outputs are the output, then its gradient by each node, in this order. A gradient is
        called `d_L/d_w1`; if that can't be its id, it is its label. Values are those that `run`
        gives, with the same bits, except for the sign of zero.

        ```python
        gradient = graph.derive("w1", "w2")
        second = gradient.derive("w1", "w2", output="d_L/d_w1")
        ```

        Args:
            wrt: The ids of the nodes by which to derive; without any, all inputs and params from
                which a path leads to the output.
            output: The id of the output to derive. It may be left out if there is only one.

        Raises:
            GraphError: `seed` if there are several outputs and none is chosen, or it is not an
                output; `run-node` if an id doesn't exist, is that of a const, or no path leads
                from there to the output.
        """
        from mgraph.analysis import derive  # noqa: PLC0415 - above this module

        columns = derive.derived(self.columns, wrt, output)
        name = derive.title(self.name, columns.ids[columns.outputs[0]])
        return type(self)(columns, {"name": name})

    def values(self, *, math: str = "libm") -> dict[str, Value]:
        """Build a live Value for each node.

        Args:
            math: `"exact"` for ExactValues.

        Returns:
            The Values by id, in evaluation order, with the declared values of the leaves.

        Raises:
            GraphError: `unbound-input` if an input has no declared value.
            ValueError: There is no such math.
        """
        check_math(math)
        if missing := [self.columns.ids[i] for i in self.columns.unbound()]:
            raise unbound_inputs(missing, in_run=False)
        with paused_collector():
            values = values_of(self.columns, math=math)
        return dict(zip(self.columns.ids, values, strict=True))

    def with_runs(self, runs: Iterable[Run]) -> Self:
        """Return the same graph with other runs instead of its own.

        Args:
            runs: Results of `run`, runs of other graph files, or runs made by hand.

        Raises:
            GraphError: A run does not fit this graph; the codes are those that reading the file
                would give.
        """
        converted = tuple(over_graph(run, self.columns) for run in runs)
        check_runs(converted, self.columns)
        return replace(self, runs=converted)

    def to_bytes(self, extension: str = ".json") -> Iterator[bytes]:
        """Yield the content of the graph's file in chunks.

        Args:
            extension: The encoding: `".json"` or `".msgpack"`.

        Raises:
            KeyError: It is neither of these.
        """
        return WRITERS[extension](self)

    def to_file(self, path: str | os.PathLike[str], runs: Iterable[Run] | None = None) -> None:
        """Write the graph to a file, completely or not at all.

        Args:
            path: A name that ends in `.json` or `.msgpack`, which decides the encoding.
            runs: Runs to write instead of the graph's own.

        Raises:
            GraphError: `io` if the file can't be written or its name ends in something else; a run
                does not fit this graph.
        """
        graph = self if runs is None else self.with_runs(runs)
        write_file(path, graph.to_bytes(extension_of(path)))


def engine_for(engine: str, nodes: int) -> str:
    """Return the name of the engine that will run a graph of `nodes` nodes: "value" or "tape".

    Raises:
        ValueError: There is no such engine.
    """
    if engine not in ENGINES:
        message = f"there is no engine {engine!r}: choose one of {', '.join(ENGINES)}"
        raise ValueError(message)
    if engine == "auto":
        return "tape" if nodes >= LARGE and not tape.missing() else "value"
    return engine


def check_math(math: str) -> None:
    """Refuse a math in which no graph is run.

    Raises:
        ValueError: There is no such math.
    """
    if math not in MATHS:
        message = f"there is no math {math!r} for a run: choose one of {', '.join(MATHS)}"
        if not isinstance(math, str):
            message += f"; for an input with the id math, write run({{'math': {math!r}}})"
        raise ValueError(message)


def load_engine(name: str, nodes: int, math: str = LIBM) -> Engine:
    """Return the engine that will run a graph of `nodes` nodes.

    Raises:
        ValueError: There is no such engine, or no such math.
    """
    check_math(math)
    if engine_for(name, nodes) == "value":
        return EXACT_VALUE if math == EXACT_MATH else VALUE
    tape.require()
    from mgraph.engine.tape.sweeps import EXACT_TAPE, TAPE  # noqa: PLC0415 - an extra

    return EXACT_TAPE if math == EXACT_MATH else TAPE


def extension_of(path: str | os.PathLike[str]) -> str:
    """Return the extension of a graph file.

    Raises:
        GraphError: `io` if no encoding has this extension.
    """
    extension = os.path.splitext(path)[1].lower()
    if extension not in WRITERS:
        message = f"can't tell from its name how to write {printable(str(path))}"
        expected = " or ".join(WRITERS)
        raise GraphError.of("io", message, expected=f"a name that ends in {expected}")
    return extension


def load(path: str | os.PathLike[str], limits: Limits = LIMITS) -> Graph:
    """Read a graph file, JSON or msgpack.

    Args:
        path: The file. Its content decides the encoding, not its name.
        limits: The largest size, number of nodes and so on to accept.

    Raises:
        GraphError: The file can't be read, or is not valid; it lists every fault, or one if the
            file can't be parsed or its version is not known.
    """
    name = os.fspath(path)
    return loads(read_file(path, limits), str(name), limits)


def loads(data: bytes | str, name: str = "", limits: Limits = LIMITS) -> Graph:
    """Read a graph file from memory.

    Args:
        data: JSON as text, or the bytes of either encoding.
        name: What diagnostics call the file.
        limits: The largest size, number of nodes and so on to accept.

    Raises:
        GraphError: The data are not valid; it lists every fault, or one if they can't be parsed or
            their version is not known.
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
    """Write the graph of some Values to a file, with a run.

    Ids are the Values' names; those without a name get `n0`, `n1`, … The graph is run again first,
    so the numbers in the file agree with each other even if leaves were changed since; in exact
    math, if all outputs are ExactValues. With several outputs the file gets one run for each of
    them, seeded with 1.0.

    Args:
        outputs: A Value, or a sequence of them.
        path: A name that ends in `.json` or `.msgpack`, which decides the encoding.
        name: What the graph is called.
        doc: What the graph is about.

    Returns:
        The graph, with its runs.

    Raises:
        GraphError: As for `Graph.of` and `Graph.to_file`.
        TypeError: One of the outputs is not a Value.
    """
    values = listed(outputs)
    graph = recorded(Graph.of(*values, name=name, doc=doc), math_of(values))
    graph.to_file(path)
    return graph


def listed(outputs: Value | Sequence[Value]) -> Sequence[Value]:
    """Return the outputs of a graph as a list: one alone, or those of a sequence."""
    return [*outputs] if isinstance(outputs, Iterable) else [outputs]


def math_of(outputs: Sequence[Value]) -> str:
    """Return the math of some Values: exact, if that of all of them is."""
    return EXACT_MATH if all(value.math == EXACT_MATH for value in outputs) else LIBM


def recorded(graph: Graph, math: str = LIBM) -> Graph:
    """Run a graph, once per output, and return it with these runs."""
    seeds: list[dict[str, float]] = [{}]
    if len(graph.outputs) > 1:
        seeds = [{output: 1.0} for output in graph.outputs]
    return graph.with_runs(graph.run(seed=seed, math=math) for seed in seeds)
