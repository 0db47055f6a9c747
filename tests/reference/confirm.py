"""Golden numbers held against JAX's, one by one.

A number that JAX sees differently must be excused by a row of `EXCUSES`, or follow from one that
is. Nothing is left out beforehand: where JAX agrees, the number counts as confirmed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import copysign, inf, isfinite, isnan
from typing import TYPE_CHECKING

from .arithmetic import Rounded
from .by_jax import evaluate
from .evaluate import OPS, Node, Nodes, backward, forward, in_evaluation_order
from .reading import is_complete, nodes_of, numbers, seed_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .layout import JsonObject

SMALLEST_NORMAL = 2.2250738585072014e-308
DEFAULT_TOLERANCE = {"rel": 1e-9, "abs": 1e-12}
BIT_FOR_BIT = {"rel": 0.0, "abs": 0.0}
# JAX writes some slopes in another way, -a/b² for -y/b, and so rounds in other places.
SLOPE_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Excuse:
    """A place where JAX has good reason to differ.

    Attributes:
        op: The op.
        slot: The argument whose slope differs, by its place; None for any; VALUE for the value.
        when: Says of the arguments whether the op is at that place.
        reason: What JAX does there.
    """

    op: str
    slot: int | None
    when: Callable[..., bool]
    reason: str

    @property
    def label(self) -> str:
        """Return the row in one line."""
        return f"{self.op}: {self.reason}"


VALUE = -1
EXCUSES = (
    Excuse("max", VALUE, lambda a, b: a == b == 0.0, "takes +0 for larger than -0"),
    Excuse("min", VALUE, lambda a, b: a == b == 0.0, "takes -0 for smaller than +0"),
    Excuse("abs", 0, lambda x: x == 0.0 or isnan(x), "looks at the sign bit alone: slope 1 or -1"),
    Excuse("max", None, lambda a, b: isnan(a) or isnan(b), "sends no gradient to a NaN"),
    Excuse("min", None, lambda a, b: isnan(a) or isnan(b), "sends no gradient to a NaN"),
    Excuse("pow", 0, lambda a, b: b == 0.0 and (a == 0.0 or isnan(a)), "takes 0 * pow(a, -1)"),
    Excuse("pow", 1, lambda a, b: a == 0.0 and b < 0.0, "takes infinity * 0"),
    Excuse("div", 1, lambda _, b: _square_leaves_range(b), "writes the slope as -a/(b*b)"),
)
FLUSHED = "XLA takes subnormal numbers for 0"
CONSEQUENCE = "follows from another number"


def _square_leaves_range(b: float) -> bool:
    return isfinite(b) and b != 0.0 and not SMALLEST_NORMAL <= b * b < inf


def _is_subnormal(x: float) -> bool:
    return 0.0 < abs(x) < SMALLEST_NORMAL


@dataclass(frozen=True, slots=True)
class Link:
    """One use of a node: the op that takes it, in which slot, and the slope there."""

    user: Node
    slot: int
    partial: float


@dataclass(slots=True)
class Report:
    """What JAX says of a file: how many numbers it confirms, and the others with the reason."""

    confirmed: int = 0
    excused: list[str] = field(default_factory=list)
    refuted: list[str] = field(default_factory=list)

    def count(self, number: str, reason: str | None, *, agrees: bool) -> None:
        """Enter one number."""
        if agrees:
            self.confirmed += 1
        elif reason:
            self.excused.append(reason)
        else:
            self.refuted.append(number)


def confirm(document: JsonObject) -> Report:
    """Hold every number that the file expects against JAX's."""
    order = in_evaluation_order(nodes_of(document))
    report = Report()
    by_seeds: dict[tuple[str, ...], list[JsonObject]] = {}
    for run in document["runs"]:
        by_seeds.setdefault(tuple(seed_of(document, run)), []).append(run)
    for seeded, runs in by_seeds.items():  # JAX takes them together, a lane each
        bound = [numbers(run.get("inputs", {})) for run in runs]
        data, grad = evaluate(
            order,
            {
                node.id: [values.get(node.id, node.data or 0.0) for values in bound]
                for node in order
                if node.is_leaf
            },
            {id_: [seed_of(document, run)[id_] for run in runs] for id_ in seeded},
        )
        for lane, run in enumerate(runs):
            got_data = {id_: float(column[lane]) for id_, column in data.items()}
            got_grad = {id_: float(column[lane]) for id_, column in grad.items()}
            _RunCheck(document, order, run).enter(report, got_data, got_grad)
    return report


class _RunCheck:
    """One run of a file, with all that is needed to judge a difference."""

    def __init__(self, document: JsonObject, order: Nodes, run: JsonObject) -> None:
        seed = seed_of(document, run)
        self.order = order
        self.tolerance = run.get("tolerance", DEFAULT_TOLERANCE)
        self.primals: dict[str, float] = forward(Rounded, order, numbers(run.get("inputs", {})))
        self.adjoints: dict[str, float] = backward(Rounded, order, self.primals, seed)
        self.data = numbers(run.get("data", {}))
        self.grad = numbers(run.get("grad", {}))
        if is_complete(document, run):  # then absence from `grad` is a statement, too
            without = (n.id for n in order if n.op != "const" and n.id not in self.grad)
            self.grad |= dict.fromkeys(without, 0.0)
        self.links, self.uncancelled = self._trace(seed)
        self.name = f"{document['name']} {run.get('inputs', '')}"

    def _trace(self, seed: Mapping[str, float]) -> tuple[dict[str, list[Link]], dict[str, float]]:
        """Return each node's uses, and what its adjoint would be if nothing cancelled."""
        links: dict[str, list[Link]] = {node.id: [] for node in self.order}
        size = {node.id: abs(seed.get(node.id, 0.0)) for node in self.order}
        for user in reversed(self.order):
            if user.is_leaf or user.id not in self.adjoints:
                continue
            values = [self.primals[id_] for id_ in (*user.args, user.id)]
            partials = OPS[user.op].partials(Rounded, *values)
            for slot, (arg, partial) in enumerate(zip(user.args, partials, strict=True)):
                links[arg].append(Link(user, slot, partial))
                size[arg] += size[user.id] * abs(float(partial))
        return links, size

    def enter(self, report: Report, data: Mapping[str, float], grad: Mapping[str, float]) -> None:
        """Compare JAX's numbers, values forward and gradients backward, and enter them."""
        differs: set[str] = set()  # asked for membership only
        for node in self.order:
            want = float(self.data.get(node.id, self.primals[node.id]))
            slack = self._value_slack(want)
            agrees = _agrees(data[node.id], want, slack)
            if slack == want == 0.0:  # no slack at all: the sign of a zero counts, too
                agrees = agrees and copysign(1.0, data[node.id]) == copysign(1.0, want)
            if not agrees:
                differs.add(node.id)
            if node.id in self.data:
                number = f"{self.name}: {node.id} is {want!r}, JAX says {data[node.id]!r}"
                report.count(number, self._value_excuse(node, differs), agrees=agrees)
        grad_differs: set[str] = set()
        for node in reversed(self.order):
            want = float(self.grad.get(node.id, self.adjoints.get(node.id, 0.0)))
            agrees = _agrees(grad[node.id], want, self._slope_slack(node.id, want))
            if not agrees:
                grad_differs.add(node.id)
            if node.id in self.grad:
                number = f"{self.name}: d {node.id} is {want!r}, JAX says {grad[node.id]!r}"
                report.count(number, self._excuse(node, differs, grad_differs), agrees=agrees)

    def _value_slack(self, want: float) -> float:
        relative, absolute = self.tolerance.get("rel", 0.0), self.tolerance.get("abs", 0.0)
        return max(float(absolute), float(relative) * abs(want))

    def _slope_slack(self, id_: str, want: float) -> float:
        """Return how far a gradient may be off: parts that cancel leave their rounding behind."""
        if self.tolerance != BIT_FOR_BIT:
            return self._value_slack(want)
        size = self.uncancelled[id_]
        return SLOPE_ROUNDING * (size if isfinite(size) else abs(want))

    def _value_excuse(self, node: Node, differs: set[str]) -> str | None:
        """Return why JAX may have another value of this node."""
        if any(arg in differs for arg in node.args):
            return CONSEQUENCE
        values = [float(self.primals[id_]) for id_ in node.args]
        if any(map(_is_subnormal, (*values, self.primals[node.id]))):
            return FLUSHED
        return next(_excuses(node.op, VALUE, values), None)

    def _excuse(self, node: Node, differs: set[str], grad_differs: set[str]) -> str | None:
        """Return why JAX may have another gradient of this node: the reason is at a use of it."""
        for link in self.links[node.id]:
            for reason in self._link_excuses(link, differs, grad_differs):
                return reason
        return None

    def _link_excuses(self, link: Link, differs: set[str], grad_differs: set[str]) -> Iterator[str]:
        user = link.user
        values = [float(self.primals[id_]) for id_ in user.args]
        yield from _excuses(user.op, link.slot, values)
        if user.id in grad_differs or any(id_ in differs for id_ in (*user.args, user.id)):
            yield CONSEQUENCE
        adjoint = float(self.adjoints[user.id])
        near = (*values, self.primals[user.id], link.partial, adjoint, adjoint * link.partial)
        if any(map(_is_subnormal, near)):
            yield FLUSHED


def _excuses(op: str, slot: int, values: Sequence[float]) -> Iterator[str]:
    """Return the reasons that the table has for this slope of this op, here."""
    for excuse in EXCUSES:
        fits = excuse.slot == slot or (excuse.slot is None and slot != VALUE)
        if excuse.op == op and fits and excuse.when(*values):
            yield excuse.label


def _agrees(got: float, want: float, slack: float) -> bool:
    """Apply the format's equality, except that zeros are equal whatever their sign.

    In a gradient the sign of a zero depends on where a sum begins: here at +0.0, in JAX at the
    first contribution.
    """
    if isnan(got) or isnan(want):
        return isnan(got) and isnan(want)
    return got == want or (isfinite(got) and isfinite(want) and abs(got - want) <= slack)
