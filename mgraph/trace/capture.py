"""A recorded graph with the numbers of its engine, and its conversion to a Graph."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self

from mgraph.codec import LIMITS
from mgraph.collector import paused_collector
from mgraph.document import Graph
from mgraph.engine.evaluate import unknown_node, with_article
from mgraph.errors import REPORTED, Diagnostic, GraphError, printable, quoted, some
from mgraph.format.ids import are_ids
from mgraph.format.texts import is_short
from mgraph.golden.rerun import mismatches
from mgraph.graph.run import DEFAULT, Run
from mgraph.ops import CONST, INPUT, LEAVES, OPCODES, OPS, PARAM
from mgraph.trace.attributes import number_of
from mgraph.trace.classes import origin_of
from mgraph.trace.nodes import LEAF, UNKNOWN, attribute
from mgraph.trace.observer import has_parents
from mgraph.trace.spellings import LABEL
from mgraph.value import Value, apply, leaf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mgraph.golden.rerun import Mismatch
    from mgraph.trace.nodes import TracedNode
    from mgraph.trace.observer import Observer
    from mgraph.trace.sites import Site

_SCALARS: Final = "every node of a graph holds one number"
_COMPOSE: Final = "record an op that `mgraph ops` lists, or write it with operators"


class Capture:
    """The nodes that one Value of a program was computed from, and the engine's numbers.

    Attributes:
        nodes: The nodes in ascending order; the last one is the output.
        engine: The class of the output.
        seed: The adjoint that backward gave to the output.
        call: The call of backward whose numbers these are, from 0; None if there was none.
        variable: The variable that held the output when backward was called; None if none did.
        data: The primal of each node; None if the engine no longer has it.
        grad: The adjoint of each node; None if the engine does not keep it.
        labels: The engine's labels, by index in `nodes`.
        stale: The leaves that had a gradient before backward, by index in `nodes`.
    """

    def __init__(
        self, observer: Observer, nodes: Sequence[TracedNode], seed: float, call: int | None
    ) -> None:
        """Read the gradients of the leaves before backward; deleted Values are None."""
        self.nodes = nodes
        self.seed = seed
        self.call = call
        self.variable: str | None = None
        self.data: list[float | None] = []
        self.grad: list[float | None] = []
        self.labels: dict[int, str] = {}
        self._changes: list[tuple[int, Site]] = []
        self._observer = observer
        self._values = observer.nodes.values(nodes)
        self.engine = type(self._values[-1])
        self._faults: list[Diagnostic] = []
        self._label = attribute(self._values[-1], LABEL)
        leaves = [i for i, node in enumerate(nodes) if not node.args and node.op != CONST]
        self.stale = [i for i in leaves if self._gradient(self._values[i])]
        self._beside = self._values_beside()

    def _values_beside(self) -> Sequence[tuple[TracedNode, Any, float | None]]:
        """Return Values outside of the graph from which a leaf may have been computed.

        They were arguments of the function that made the leaf. Each comes with its gradient.
        """
        made = [node for node in self.nodes if node.near]
        own = {node.number for node in self.nodes if made}
        beside: list[tuple[TracedNode, Any, float | None]] = []
        for node in made:
            near = [x for x in node.near if x.number not in own]
            values = self._observer.nodes.values(near)
            beside.extend((node, x, self._gradient(x)) for x in values if x is not None)
        return beside

    def _gradient(self, value: object) -> float | None:
        """Return a gradient from before backward; None if it is not a number."""
        try:
            return self._observer.attributes.grad_number(value)
        except ValueError:
            return None

    def read(self) -> Self:
        """Read the current numbers and labels, and drop the Values."""
        attributes = self._observer.attributes
        for i, node in enumerate(self.nodes):
            value = self._values[i]
            text = getattr(value, self._label, None) if self._label else None
            if isinstance(text, str) and text:
                self.labels[i] = text
            x = None if value is None else self._number(i, attributes.data_number, value)
            self.data.append(self._number(i, number_of, node.primal) if x is None else x)
            has_grad = value is not None and node.op != CONST
            is_kept = has_grad and getattr(value, "requires_grad", None) is not False
            self.grad.append(self._number(i, attributes.grad_number, value) if is_kept else None)
            self._check(i, node, value)
        self._check_beside()
        self._drop_what_is_not_kept()
        self._find_changes()
        self._values, self._beside = [], []
        return self

    def _number(self, i: int, read: Callable[[Any], float | None], thing: object) -> float | None:
        try:
            return read(thing)
        except ValueError as error:
            self._fault("number", f"{self._name(i)} holds {error}: {_SCALARS}")
            return None

    def _drop_what_is_not_kept(self) -> None:
        """Take the zeros of an engine that keeps only the gradients of leaves for what they are."""
        is_leaf = [not node.args for node in self.nodes]
        inner = [i for i, leaf in enumerate(is_leaf[:-1]) if not leaf]
        has_leaves = any(self.grad[i] for i, leaf in enumerate(is_leaf) if leaf)
        has_inner = any(self.grad[i] for i in inner)
        if has_leaves and not has_inner:
            for i in inner:
                self.grad[i] = None
        if not self.grad[-1] and self.seed and (has_leaves or has_inner):
            self.grad[-1] = None
        if self.call is None and not any(self.grad):
            self.forget_gradients()

    def forget_gradients(self) -> None:
        """Drop gradients that are not those of the output."""
        self.grad = [None] * len(self.nodes)

    def _check(self, i: int, node: TracedNode, value: object) -> None:
        """Report a node that can't become a node of mgraph."""
        if node.args and node.op != UNKNOWN:
            return
        if node.op == UNKNOWN:
            message = f"{self._name(i)} was made by {printable(node.maker)}"
            self._fault("unknown-op", message, _COMPOSE)
        elif node.op == LEAF and node.site and has_parents(value):
            message = f"{self._name(i)} has operands, but no op of mgraph computed it: it was made "
            self._fault("unknown-op", message + f"by {_made(node)}", _COMPOSE)
        elif node.op in (LEAF, CONST) and self.data[i] is None and not self._faults:
            names = ", ".join(self._observer.spellings.data)
            self._fault("number", f"{self._name(i)} has no number: it has none of {names}")

    def _check_beside(self) -> None:
        """Report leaves through which backward passes on gradients to Values outside the graph."""
        for node, value, before in self._beside:
            if self._gradient(value) != before and not self._faults:
                message = (
                    f"backward passes on the gradient of a Value made by {_made(node)}, which "
                )
                self._fault("unknown-op", f"{message}mgraph sees as a leaf", _COMPOSE)

    def notes(self, ids: Sequence[str]) -> list[str]:
        """Return what may explain numbers that differ.

        Args:
            ids: The ids of the nodes, in their order.
        """
        changes = [
            f"the number of {ids[i]} was set in {printable(str(site))}" for i, site in self._changes
        ]
        leaves = [
            f"{ids[i]} was made by {_made(node)}: if it was computed there, that is not recorded"
            for i, node in enumerate(self.nodes)
            if node.near
        ]
        late = ["backward was not seen: the gradients are those in the end"]
        return [*changes, *leaves, *(late if self.call is None and any(self.grad) else ())]

    def _find_changes(self) -> None:
        """Find numbers that were set from outside after they had been computed or used."""
        known = self._observer.nodes.changed
        changed = {i: known[x.key] for i, x in enumerate(self.nodes) if x.key in known}
        leaves = {self.nodes[i].number: i for i in changed if not self.nodes[i].args}
        since = {i: self.nodes[i].number for i in changed if self.nodes[i].args}
        for node in self.nodes:
            for arg in node.args if leaves else ():
                if arg.number in leaves:
                    since.setdefault(leaves[arg.number], node.number)  # its first use
        for i, (number, site) in changed.items():
            if i in since and number > since[i]:
                self._changes.append((i, site))

    def _name(self, i: int) -> str:
        return quoted(self.labels[i]) if i in self.labels else f"value {i} of the graph"

    def _fault(self, code: str, message: str, fix: str = "") -> None:
        self._faults.append(Diagnostic(code, message, fix=fix))

    # --- as a graph ----------------------------------------------------------------------------

    def graph(self, names: Iterable[tuple[int, str]], name: str, doc: str) -> Graph:
        """Return the graph, with the engine's numbers as its run.

        Args:
            names: The program's names of nodes, by index, the best ones first; the engine's labels
                come before them.
            name: The name of the graph.
            doc: The doc of the graph.

        Raises:
            GraphError: `unknown-op` or `number` if a node can't be recorded; also as `Graph.of`.
        """
        if self._faults:
            raise refusal(self._faults)
        ids = self._ids(names)
        with paused_collector():
            graph = Graph.of(self._build(ids), name=name, doc=doc)
        texts = {
            i: text for i, text in self.labels.items() if text != ids.get(i) and _is_label(text)
        }
        graph = replace(graph, columns=replace(graph.columns, labels=texts))
        return graph.with_runs([self._run(graph)])

    def _ids(self, names: Iterable[tuple[int, str]]) -> dict[int, str]:
        """Return the ids of the nodes whose name is valid and unique."""
        counts = Counter(self.labels.values())
        ids = {i: text for i, text in self.labels.items() if counts[text] == 1 and are_ids([text])}
        taken = {*ids.values()}
        for i, text in names:
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

        If the engine does not keep all gradients, the run does not name one leaf, whose value is
        in its node anyway: if it named all nodes, it would say that the others have no gradient.
        """
        ids = [*graph.columns.ids]
        grad = {ids[i]: x for i, x in enumerate(self.grad) if x is not None}
        data = {ids[i]: x for i, x in enumerate(self.data) if x is not None}
        is_partial = any(
            x is None and node.op != CONST for x, node in zip(self.grad, self.nodes, strict=True)
        )
        if grad and is_partial:
            del data[next(ids[i] for i, node in enumerate(self.nodes) if not node.args)]
        return Run(
            data=data,
            grad=grad or None,
            seed={} if self.seed == 1.0 else {ids[-1]: self.seed},
            origin=origin_of(self.engine),
            graph=graph.hash,
        )


def refusal(faults: Sequence[Diagnostic]) -> GraphError:
    """Build the error that reports some faults, as many as are reported of one graph."""
    reported = tuple(faults[:REPORTED])
    return GraphError(reported, len(faults) - len(reported))


def refused_inputs(graph: Graph, ids: Iterable[str]) -> dict[str, Diagnostic]:
    """Return the ids that can't be inputs, with the reason: they are not params or inputs."""
    columns, faults = graph.columns, {}
    leaves = [*graph.inputs, *graph.params]
    expected = f"a leaf that the program made: {some(leaves) or 'there is none'}"
    for name in ids:
        node = columns.index.get(name)
        if node is None:
            faults[name] = unknown_node(columns, name, expected).diagnostics[0]
        elif columns.op(node) not in (PARAM, INPUT):
            message = f"{quoted(name)} is {with_article(columns.op(node))}, and can't be an input"
            faults[name] = Diagnostic("run-node", message, expected=expected)
    return faults


def with_inputs(graph: Graph, ids: Iterable[str]) -> Graph:
    """Return a graph in which some params, given by id, are inputs.

    Raises:
        GraphError: `run-node` if some of them are not params or inputs.
    """
    names = [*ids]
    if refused := refused_inputs(graph, names):
        raise refusal([*refused.values()])
    columns = graph.columns
    opcode = bytearray(columns.opcode)
    for name in names:
        opcode[columns.index[name]] = OPCODES[INPUT]
    changed = replace(graph, columns=replace(columns, opcode=bytes(opcode)), runs=())
    return changed.with_runs(replace(run, graph=changed.hash) for run in graph.runs)


def disagreements(graph: Graph) -> list[Mismatch]:
    """Run a recorded graph with mgraph, and return the numbers that differ from the engine's."""
    want = graph.runs[0]
    got = graph.run(want.inputs, seed=want.seed, grad=want.grad is not None)
    return [*mismatches(got, want, want.tolerance or DEFAULT)]


def compared(graph: Graph) -> tuple[int, int]:
    """Return how many values and gradients of a recorded graph `disagreements` compares.

    The values of leaves are not counted: mgraph takes them from the engine.
    """
    run, columns = graph.runs[0], graph.columns
    values = sum(columns.op(columns.index[name]) not in LEAVES for name in run.data or ())
    return values, len(run.grad or ())


def _made(node: TracedNode) -> str:
    """Describe who constructed a leaf."""
    return printable(f"{node.maker}(…) in {node.site}")


def _is_label(text: str) -> bool:
    return text.isprintable() and is_short(text, LIMITS.text)
