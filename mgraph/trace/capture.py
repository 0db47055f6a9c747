"""A recorded graph with the numbers of its engine, and its conversion to a Graph."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self

from mgraph.codec import LIMITS
from mgraph.collector import paused_collector
from mgraph.document import Graph
from mgraph.engine.evaluate import node_named
from mgraph.errors import REPORTED, Diagnostic, GraphError, printable, quoted
from mgraph.format.ids import are_ids
from mgraph.format.texts import is_short
from mgraph.golden.rerun import mismatches
from mgraph.graph.run import DEFAULT, Run
from mgraph.ops import CONST, INPUT, LEAVES, OPCODES, OPS, PARAM
from mgraph.trace.classes import origin_of
from mgraph.trace.nodes import LEAF, UNKNOWN, attribute, number_of
from mgraph.trace.spellings import DATA, GRAD, LABEL, PARENTS
from mgraph.value import Value, apply, leaf

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mgraph.golden.rerun import Mismatch
    from mgraph.trace.nodes import TracedNode

_SCALARS: Final = "every node of a graph holds one number"
_COMPOSE: Final = "record an op that `mgraph ops` lists, or write it with operators"


class Capture:
    """The nodes that one Value of a program was computed from, and the engine's numbers.

    Attributes:
        nodes: The nodes in ascending order; the last one is the output.
        engine: The class of the output.
        seed: The adjoint that backward gave to the output.
        data: The primal of each node; None if the engine no longer has it.
        grad: The adjoint of each node; None if the engine does not keep it.
        labels: The engine's labels, by index in `nodes`.
        stale: The leaves that had a gradient before backward, by index in `nodes`.
    """

    def __init__(self, nodes: Sequence[TracedNode], values: list[Any], seed: float = 1.0) -> None:
        """Read the gradients of the leaves before backward; deleted Values are None."""
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
        self._faults.clear()  # numbers from before backward are not used

    def read(self) -> Self:
        """Read the current numbers and labels, and drop the Values."""
        for i, node in enumerate(self.nodes):
            value = self._values[i]
            text = getattr(value, self._label, None) if self._label else None
            if isinstance(text, str) and text:
                self.labels[i] = text
            x = self._number(i, self._data)
            self.data.append(self._float(i, node.primal) if x is None else x)
            self.grad.append(None if node.op == CONST else self._number(i, self._grad))
            self._check(i, node, value)
        self._values = []
        return self

    def _number(self, i: int, name: str | None) -> float | None:
        number = getattr(self._values[i], name, None) if name else None
        if type(number) is self.engine and self._data:  # a gradient that can be differentiated
            number = getattr(number, self._data)
        return self._float(i, number)

    def _float(self, i: int, number: object) -> float | None:
        try:
            return number_of(number)
        except ValueError as error:
            self._fault("number", f"{self._name(i)} holds {error}: {_SCALARS}")
            return None

    def _check(self, i: int, node: TracedNode, value: object) -> None:
        """Report a node that can't become a node of mgraph."""
        if node.op == UNKNOWN:
            message = f"{self._name(i)} was made by {printable(node.location)}"
            self._fault("unknown-op", message, _COMPOSE)
        elif node.op == LEAF and node.location and _has_parents(value):
            message = f"{self._name(i)} was computed by something that is not an op of mgraph"
            self._fault("unknown-op", message, _COMPOSE)
        elif node.op in (LEAF, CONST) and self.data[i] is None and not self._faults:
            names = ", ".join(DATA)
            self._fault("number", f"{self._name(i)} has no number: it has none of {names}")

    def _name(self, i: int) -> str:
        return quoted(self.labels[i]) if i in self.labels else f"value {i} of the graph"

    def _fault(self, code: str, message: str, fix: str = "") -> None:
        self._faults.append(Diagnostic(code, message, fix=fix))

    # --- as a graph ----------------------------------------------------------------------------

    def graph(self, names: Mapping[int, str], name: str, doc: str) -> Graph:
        """Return the graph, with the engine's numbers as its run.

        Args:
            names: The program's names of nodes, by index; the engine's labels come first.
            name: The name of the graph.
            doc: The doc of the graph.

        Raises:
            GraphError: `unknown-op` or `number` if a node can't be recorded; also as `Graph.of`.
        """
        if self._faults:
            reported = tuple(self._faults[:REPORTED])
            raise GraphError(reported, len(self._faults) - len(reported))
        ids = self._ids(names)
        with paused_collector():
            graph = Graph.of(self._build(ids), name=name, doc=doc)
        texts = {
            i: text for i, text in self.labels.items() if text != ids.get(i) and _is_label(text)
        }
        graph = replace(graph, columns=replace(graph.columns, labels=texts))
        return graph.with_runs([self._run(graph)])

    def _ids(self, names: Mapping[int, str]) -> dict[int, str]:
        """Return the ids of the nodes whose name is valid and unique."""
        counts = Counter(self.labels.values())
        ids = {i: text for i, text in self.labels.items() if counts[text] == 1 and are_ids([text])}
        taken = {*ids.values()}
        for i, text in names.items():
            if i not in ids and text not in taken and are_ids([text]):
                ids[i] = text
                taken.add(text)
        return ids

    def _build(self, ids: Mapping[int, str]) -> Value:
        """Build the output as a Value of mgraph."""
        index = {node.number: i for i, node in enumerate(self.nodes)}
        values: list[Value] = []
        for i, node in enumerate(self.nodes):
            if node.args:
                args = tuple([values[index[arg.number]] for arg in node.args])
                value = apply(OPS[node.op], args)
            else:
                op = node.op if node.op in LEAVES else PARAM
                value = leaf(op, self.data[i] or 0.0)
            value.name = ids.get(i)
            values.append(value)
        return values[-1]

    def _run(self, graph: Graph) -> Run:
        """Return the engine's numbers as a run.

        The run does not name nodes whose gradient the engine does not keep: if it had all primals,
        it would say that such nodes have no gradient.
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
    """Return a graph in which some params, given by id, are inputs.

    Raises:
        GraphError: `run-node` if one of them is not a param or input.
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
    """Run a recorded graph with mgraph, and return the numbers that differ from the engine's."""
    want = graph.runs[0]
    got = graph.run(want.inputs, seed=want.seed, grad=want.grad is not None)
    return [*mismatches(got, want, want.tolerance or DEFAULT)]


def _has_parents(value: object) -> bool:
    name = attribute(value, PARENTS)
    parents = getattr(value, name) if name else ()
    return isinstance(parents, (list, tuple, set, frozenset)) and len(parents) > 0


def _is_label(text: str) -> bool:
    return text.isprintable() and is_short(text, LIMITS.text)
