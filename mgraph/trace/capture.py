"""A recorded graph with the engine's own numbers, and how it becomes one of mgraph's."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self

from mgraph.codec import LIMITS, paused_collector
from mgraph.document import Graph
from mgraph.engine.evaluate import node_named
from mgraph.errors import REPORTED, Diagnostic, GraphError, printable, quoted
from mgraph.format.ids import are_ids
from mgraph.format.texts import is_short
from mgraph.golden.rerun import mismatches
from mgraph.graph.run import DEFAULT, Run
from mgraph.ops import CONST, INPUT, LEAVES, OPCODES, OPS, PARAM
from mgraph.trace.engine import origin_of
from mgraph.trace.nodes import LEAF, UNKNOWN, attribute, number_of
from mgraph.trace.spellings import DATA, GRAD, LABEL, PARENTS
from mgraph.value import Value, apply, leaf

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mgraph.golden.rerun import Mismatch
    from mgraph.trace.nodes import TracedNode

_SCALARS: Final = "graphs are of single numbers"
_COMPOSE: Final = "record an op that `mgraph ops` lists, or write it with operators"


class Capture:
    """What led to one Value of a program, and the engine's numbers.

    Attributes:
        nodes: In ascending order; the last is the output.
        engine: The class of the output.
        seed: The adjoint that backward gave to it.
        data: A number for each node; None where the engine has forgotten it.
        grad: Likewise; None where it keeps none.
        labels: What the engine calls some of them, by place.
        stale: Leaves that had a gradient already before backward, by place.
    """

    def __init__(self, nodes: Sequence[TracedNode], values: list[Any], seed: float = 1.0) -> None:
        """Take the Values, None for the dead, and look at the leaves before backward begins."""
        self.nodes = nodes
        self.engine = type(values[-1])
        self.seed = seed
        self.data: list[float | None] = []
        self.grad: list[float | None] = []
        self.labels: dict[int, str] = {}
        self._values = values
        self._faults: list[Diagnostic] = []
        self._data, self._grad, self._label = (
            attribute(values[-1], names) for names in (DATA, GRAD, LABEL)
        )
        leaves = [i for i, node in enumerate(nodes) if not node.args and node.op != CONST]
        self.stale = [i for i in leaves if self._number(i, self._grad)]
        self._faults.clear()  # whatever stood there before backward

    def read(self) -> Self:
        """Read the numbers and the labels as they are now, and let go of the Values."""
        for i, node in enumerate(self.nodes):
            value = self._values[i]
            text = getattr(value, self._label, None) if self._label else None
            if isinstance(text, str) and text:
                self.labels[i] = text
            x = self._number(i, self._data)
            self.data.append(self._float(i, node.primal) if x is None else x)
            self.grad.append(None if node.op == CONST else self._number(i, self._grad))
            self._judge(i, node, value)
        self._values = []
        return self

    def _number(self, i: int, name: str | None) -> float | None:
        found = getattr(self._values[i], name, None) if name else None
        if type(found) is self.engine and self._data:  # a gradient that can be differentiated
            found = getattr(found, self._data)
        return self._float(i, found)

    def _float(self, i: int, found: object) -> float | None:
        try:
            return number_of(found)
        except ValueError as error:
            self._fault("number", f"{self._called(i)} holds {error}: {_SCALARS}")
            return None

    def _judge(self, i: int, node: TracedNode, value: object) -> None:
        """Find out what keeps a node from being one of mgraph's."""
        if node.op == UNKNOWN:
            made = f"was made by {printable(node.place)}"
            self._fault("unknown-op", f"{self._called(i)} {made}", _COMPOSE)
        elif node.op == LEAF and node.place and _has_parents(value):
            message = f"{self._called(i)} was computed by something that calls no op"
            self._fault("unknown-op", message, _COMPOSE)
        elif node.op in (LEAF, CONST) and self.data[i] is None and not self._faults:
            names = ", ".join(DATA)
            self._fault("number", f"{self._called(i)} has no number: it has none of {names}")

    def _called(self, i: int) -> str:
        return quoted(self.labels[i]) if i in self.labels else f"value {i} of the graph"

    def _fault(self, code: str, message: str, fix: str = "") -> None:
        self._faults.append(Diagnostic(code, message, fix=fix))

    # --- as a graph ----------------------------------------------------------------------------

    def graph(self, names: Mapping[int, str], name: str, doc: str) -> Graph:
        """Return the graph, with the engine's numbers as its run.

        Args:
            names: What the program calls some nodes, by place; the engine's labels go first.
            name: What the graph is called.
            doc: What it is about.

        Raises:
            GraphError: `unknown-op` or `number`; as `Graph.of`.
        """
        if self._faults:
            found = tuple(self._faults[:REPORTED])
            raise GraphError(found, len(self._faults) - len(found))
        ids = self._ids(names)
        with paused_collector():
            graph = Graph.of(self._built(ids), name=name, doc=doc)
        texts = {
            i: text for i, text in self.labels.items() if text != ids.get(i) and _is_label(text)
        }
        graph = replace(graph, columns=replace(graph.columns, labels=texts))
        return graph.with_runs([self._run(graph)])

    def _ids(self, names: Mapping[int, str]) -> dict[int, str]:
        """Return the ids of the nodes that have a name that can be one, each once."""
        often = Counter(self.labels.values())
        ids = {i: text for i, text in self.labels.items() if often[text] == 1 and are_ids([text])}
        taken = {*ids.values()}
        for i, text in names.items():
            if i not in ids and text not in taken and are_ids([text]):
                ids[i] = text
                taken.add(text)
        return ids

    def _built(self, ids: Mapping[int, str]) -> Value:
        """Build the output as one of mgraph's own Values."""
        place = {node.number: i for i, node in enumerate(self.nodes)}
        built: list[Value] = []
        for i, node in enumerate(self.nodes):
            if node.args:
                args = tuple([built[place[arg.number]] for arg in node.args])
                value = apply(OPS[node.op], args)
            else:
                op = node.op if node.op in LEAVES else PARAM
                value = leaf(op, self.data[i] or 0.0)
            value.name = ids.get(i)
            built.append(value)
        return built[-1]

    def _run(self, graph: Graph) -> Run:
        """Return the engine's numbers as a run.

        A node whose gradient the engine does not keep is not named at all: with every primal,
        a run would say that the others have no gradient.
        """
        ids = [*graph.columns.ids]
        is_forward = not self.grad[-1]
        grad = {ids[i]: x for i, x in enumerate(self.grad) if x is not None}
        data = {
            ids[i]: x
            for i, x in enumerate(self.data)
            if x is not None
            and (is_forward or self.grad[i] is not None or self.nodes[i].op == CONST)
        }
        return Run(
            data=data,
            grad=None if is_forward else grad,
            seed={} if self.seed == 1.0 else {ids[-1]: self.seed},
            origin=origin_of(self.engine),
            graph=graph.hash,
        )


def with_inputs(graph: Graph, ids: Iterable[str]) -> Graph:
    """Return a graph some of whose params are inputs, by id.

    Raises:
        GraphError: `run-node`: one of them is no param or input.
    """
    columns = graph.columns
    opcode = bytearray(columns.opcode)
    for name in ids:
        node = node_named(columns, name)
        if columns.op(node) not in (PARAM, INPUT):
            message = f"{quoted(name)} is a {columns.op(node)}, and can't be an input"
            raise GraphError.of("run-node", message, expected="a leaf that the program made")
        opcode[node] = OPCODES[INPUT]
    changed = replace(graph, columns=replace(columns, opcode=bytes(opcode)), runs=())
    return changed.with_runs(replace(run, graph=changed.hash) for run in graph.runs)


def disagreements(graph: Graph) -> list[Mismatch]:
    """Return where mgraph's own run of a recorded graph differs from the engine's numbers."""
    want = graph.runs[0]
    got = graph.run(want.inputs, seed=want.seed, grad=want.grad is not None)
    return [*mismatches(got, want, want.tolerance or DEFAULT)]


def _has_parents(value: object) -> bool:
    name = attribute(value, PARENTS)
    found = getattr(value, name) if name else ()
    return isinstance(found, (list, tuple, set, frozenset)) and len(found) > 0


def _is_label(text: str) -> bool:
    return text.isprintable() and is_short(text, LIMITS.text)
