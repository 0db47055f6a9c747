"""What an author writes down for one golden file, and how its runs get their numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING

import mpmath

from .arithmetic import Arithmetic, Real, Rounded
from .canonical import canonical_hash
from .evaluate import LEAVES, Node, backward, forward, in_evaluation_order, is_exact, version
from .layout import JsonObject, spelled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DIGITS = f"mpmath {'.'.join(mpmath.__version__.split('.')[:2])}, 50 digits"
BY_RATIONALS = "exact rationals, rounded to binary64 at each operation"
BY_HAND = f"IEEE 754 special cases by hand; finite values {DIGITS}"
BIT_FOR_BIT = {"rel": 0.0, "abs": 0.0}
AGREEMENT = 1e-9  # relative: how far rounding may carry a well-conditioned graph

Numbers = dict[str, float]


@dataclass(frozen=True)
class Run:
    """One run of a graph, before its numbers are known.

    Attributes:
        inputs: Values of leaves that replace the declared ones.
        seed: Adjoint of each seeded output.
        data: The nodes whose values the file shall expect; None for all, () for no such field.
        grad: The nodes whose gradients the file shall expect; likewise.
        tolerance: Overrides what the arithmetic suggests.
        published: What a lecture or a paper prints, digit for digit: `y=11.652`, or `x1'=5.5` for
            a gradient.
    """

    inputs: Mapping[str, float] = field(default_factory=dict)
    seed: Mapping[str, float] = field(default_factory=dict)
    data: tuple[str, ...] | None = None
    grad: tuple[str, ...] | None = None
    tolerance: Mapping[str, float] | None = None
    published: str = ""


@dataclass(frozen=True)
class Golden:
    """One golden file.

    Attributes:
        path: Where it lives under `fixtures/`, without `.json`.
        doc: What a learner can see here.
        program: A node a line: `id = op argument …` or `id = leaf [data]`.
        outputs: Ids, in order, separated by spaces.
        runs: What is to be run; one plain run if nothing is said.
        special: The graph visits edges, kinks or infinities, so it is evaluated as IEEE would.
        notes: `label`, `doc` and `meta` of nodes, by id.
        meta: The document's own `meta`.
        schema: The document's `$schema`.
    """

    path: str
    doc: str
    program: str
    outputs: str
    runs: tuple[Run, ...] = (Run(),)
    special: bool = False
    notes: Mapping[str, JsonObject] = field(default_factory=dict)
    meta: JsonObject | None = None
    schema: str | None = None

    @property
    def name(self) -> str:
        """Return the document's name, which is the file's."""
        return self.path.rsplit("/", 1)[-1]

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Return the nodes of the program, in file order."""
        return tuple(_nodes(self.program))

    def document(self, exactly: Evaluator | None = None) -> JsonObject:
        """Return the finished file, with the numbers of all its runs.

        Args:
            exactly: What computes them in exact math; None for other math.
        """
        return _present(
            {
                "mgraph": "1.1" if exactly else version(self.nodes),
                "$schema": self.schema,
                "name": self.name,
                "doc": self.doc,
                "meta": self.meta,
                "nodes": [_node_fields(node, self.notes.get(node.id, {})) for node in self.nodes],
                "outputs": self.outputs.split(),
                "runs": [self._run_fields(run, exactly) for run in self.runs],
            }
        )

    def _run_fields(self, run: Run, exactly: Evaluator | None) -> JsonObject:
        """Evaluate one run and return its object."""
        data, grad, origin = exactly(self, run) if exactly else self._numbers(run)
        _check_published(self.path, run.published, data, grad)
        bit_for_bit = BIT_FOR_BIT if is_exact(self.nodes) else None
        return _present(
            {
                "inputs": {id_: spelled(x) for id_, x in run.inputs.items()} or None,
                "seed": dict(run.seed) or None,
                "math": "exact" if exactly else None,
                "tolerance": run.tolerance or bit_for_bit,
                "origin": origin,
                "graph": canonical_hash(self.nodes, self.outputs.split()),
                "data": _expected(data, run.data),
                "grad": _expected(grad, run.grad),
            }
        )

    def _numbers(self, run: Run) -> tuple[Numbers, Numbers, str]:
        """Return data, grad and where they come from."""
        data, grad = self._evaluate(Rounded, run)
        if is_exact(self.nodes):
            return data, grad, BY_RATIONALS
        if self.special:
            return data, grad, BY_HAND
        true_data, true_grad = self._evaluate(Real, run)
        _check_agreement(self.path, data, true_data)
        _check_agreement(self.path, grad, true_grad)
        return true_data, true_grad, DIGITS

    def _evaluate(self, k: Arithmetic, run: Run) -> tuple[Numbers, Numbers]:
        """Run the graph forward and backward in one arithmetic; round what comes out."""
        order = in_evaluation_order(self.nodes)
        primals = forward(k, order, run.inputs)
        adjoints = backward(k, order, primals, run.seed or {self.outputs: 1.0})
        data = {id_: float(k.double(value)) for id_, value in primals.items()}
        grad = {id_: float(k.double(value)) for id_, value in adjoints.items()}
        return data, grad


Evaluator = Callable[[Golden, Run], tuple[Numbers, Numbers, str]]
"""Returns data and grad of a run, and where they come from."""


def _nodes(program: str) -> Iterator[Node]:
    for line in filter(None, map(str.strip, program.splitlines())):
        id_, _, definition = line.partition(" = ")
        op, *rest = definition.split()
        if op not in LEAVES:
            yield Node(id_, op, args=tuple(rest))
        else:
            yield Node(id_, op, data=float(rest[0]) if rest else None)


def _present(fields: JsonObject) -> JsonObject:
    return {key: value for key, value in fields.items() if value is not None}


def _node_fields(node: Node, notes: JsonObject) -> JsonObject:
    return _present(
        {
            "id": node.id,
            "op": node.op,
            "args": list(node.args) or None,
            "data": None if node.data is None else spelled(node.data),
            "label": notes.get("label"),
            "doc": notes.get("doc"),
            "meta": notes.get("meta"),
        }
    )


def _expected(numbers: Numbers, wanted: tuple[str, ...] | None) -> JsonObject | None:
    """Return the numbers that the file shall hold, in evaluation order; None if none are wanted."""
    if wanted == ():
        return None
    every = wanted is None
    return {id_: spelled(x) for id_, x in numbers.items() if every or id_ in (wanted or ())}


def _check_agreement(path: str, rounded: Numbers, real: Numbers) -> None:
    """Refuse a graph in which rounding matters: its true numbers are no fair expectation."""
    for id_, want in real.items():
        if not isfinite(want) or not abs(rounded[id_] - want) <= AGREEMENT * abs(want) + 1e-15:
            message = f"{path}: {id_} is {rounded[id_]!r} in binary64, {want!r} in truth"
            raise ArithmeticError(message)


def _check_published(path: str, published: str, data: Numbers, grad: Numbers) -> None:
    """Refuse numbers that disagree with what somebody else has printed, digit for digit."""
    for item in published.split():
        name, _, printed = item.rpartition("=")
        got = grad[name[:-1]] if name.endswith("'") else data[name]
        if Decimal(got).quantize(Decimal(printed)) != Decimal(printed):
            message = f"{path}: {name} is {got!r}, but published as {printed}"
            raise ArithmeticError(message)
