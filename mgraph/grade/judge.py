"""What became of a case: an engine's numbers, held against those that must come out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from mgraph.codec import spelled
from mgraph.golden.rerun import Mismatch, ulps
from mgraph.grade.simulate import CORRECT, Rules, simulate
from mgraph.ops import CONST, OPCODES, OPS, is_leaf

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.grade.cases import Case
    from mgraph.grade.program import Program

OK: Final = "ok"
WRONG_VALUE: Final = "wrong value"
WRONG_GRADIENT: Final = "wrong gradient"
NOT_REPRODUCIBLE: Final = "not reproducible"
UNSUPPORTED: Final = "unsupported"
CRASHED: Final = "crashed"
TIMED_OUT: Final = "timed out"
CONVENTION: Final = "differing convention"
OUTCOMES: Final = (
    OK, WRONG_VALUE, WRONG_GRADIENT, NOT_REPRODUCIBLE, UNSUPPORTED, CRASHED, TIMED_OUT, CONVENTION,
)  # fmt: skip
"""What can become of a case."""

FAILURES: Final = (WRONG_VALUE, WRONG_GRADIENT, NOT_REPRODUCIBLE, CRASHED, TIMED_OUT)
"""The outcomes that make an engine fail."""


@dataclass(frozen=True)
class Answer:
    """What an engine gave for a case of N nodes.

    Attributes:
        program: The steps that were taken.
        data: N primals; None where there is none to read.
        grad: N adjoints; None where there is none to read.
        second: The adjoints after a second backward; empty if there was none.
        before: The primals before backward, where they were others; else empty.
        refused: What a second backward raised.
        again: Data and grad of a second building, where these were others.
        error: The engine's own last line, if it failed.
        kind: How: "crashed", "unsupported", "timed out" or "no-number".
        step: The step at which it failed.
        what: "data" or "grad", where that was no number.
    """

    program: Program
    data: Sequence[float | None] = ()
    grad: Sequence[float | None] = ()
    second: Sequence[float | None] = ()
    before: Sequence[float | None] = ()
    refused: str = ""
    again: tuple[Sequence[float | None], Sequence[float | None]] | None = None
    error: str = ""
    kind: str = ""
    step: int | None = None
    what: str = ""

    @property
    def has_numbers(self) -> bool:
        """Whether there is anything to compare."""
        return not self.error


@dataclass
class Outcome:
    """What became of one case.

    Attributes:
        case: The case.
        answer: What the engine gave.
        outcome: One of `OUTCOMES`.
        node: The node that is wrong, the first in evaluation order (values) or in backward
            order (gradients); empty if that can't be said.
        op: Its op.
        field: "data" or "grad".
        got: What came out.
        expected: What must come out; None beside `got`: no path to an output.
        note: The rest, in words.
        cause: The id of a likely cause; empty: none was found.
        alone: Whether the same is right in a process where no graph came before it; None: that
            was not tried.
    """

    case: Case
    answer: Answer
    outcome: str
    node: str = ""
    op: str = ""
    field: str = ""
    got: float | None = None
    expected: float | None = None
    note: str = ""
    cause: str = ""
    alone: bool | None = None

    @property
    def failed(self) -> bool:
        """Whether the engine is wrong here, whatever the conventions."""
        return self.outcome in FAILURES

    @property
    def ulps(self) -> int | None:
        """How many doubles lie between."""
        return None if self.got is None or self.expected is None else ulps(self.got, self.expected)

    def line(self, *, hide: bool = False) -> str:
        """Return one line for people; `hide` leaves the expected number out."""
        if not self.field:
            return self.note
        what = f"{self.field} of {self.node}"
        if hide:
            return f"{what} ({self.op}) is wrong"
        return Mismatch(self.node, self.field, self.got, self.expected).describe_answer()

    def as_json(self, *, hide: bool = False) -> dict[str, Any]:
        """Return the fields as plain data."""
        got, expected = (x if x is None else spelled(x) for x in (self.got, self.expected))
        return {
            "file": self.case.file,
            "run": self.case.run,
            "outcome": self.outcome,
            "node": self.node or None,
            "op": self.op or None,
            "field": self.field or None,
            "got": got,
            "expected": None if hide else expected,
            "ulps": None if hide else self.ulps,
            "cause": self.cause or None,
            "note": self.note or None,
        }


def judged(case: Case, answer: Answer) -> Outcome:
    """Say what became of a case."""
    if answer.error:
        return _failed(case, answer)
    if (other := _unsteady(case, answer)) is not None:
        return other
    wrong = _first(case, answer)
    if wrong is not None:
        return _by_convention(case, answer) or wrong
    return _second(case, answer) or _without_path(case, answer) or Outcome(case, answer, OK)


def _failed(case: Case, answer: Answer) -> Outcome:
    kinds = {"unsupported": UNSUPPORTED, "timed out": TIMED_OUT}
    if answer.kind == "no-number":
        outcome = WRONG_VALUE if answer.what == "data" else WRONG_GRADIENT
    else:
        outcome = kinds.get(answer.kind, CRASHED)
    node = _node_of(case, answer)
    ids, op = case.graph.columns.ids, case.graph.columns.op
    where = (ids[node], op(node)) if node is not None else ("", "")
    note = f"its {answer.what} is {answer.error}" if answer.what else answer.error
    return Outcome(case, answer, outcome, *where, note=note)


def _node_of(case: Case, answer: Answer) -> int | None:
    """Return the node that a step belongs to."""
    places = case.program.places if answer.program is case.program else answer.program.places
    if answer.step is None:
        return None
    return next((i for i, place in enumerate(places) if place >= answer.step), None)


def _unsteady(case: Case, answer: Answer) -> Outcome | None:
    """Compare with what the same engine gave for the same graph a moment later."""
    if answer.again is None:
        return None
    for field, first, other in zip(
        ("data", "grad"), (answer.data, answer.grad), answer.again, strict=True
    ):
        for node, (x, y) in enumerate(zip(first, other, strict=True)):
            if x is None and y is None:
                continue
            if x is None or y is None or not case.tolerance.allows(y, x):
                name = case.graph.columns.ids[node]
                note = f"{field} of {name}: first {x!r}, and {y!r} when built once more"
                op = case.graph.columns.op(node)
                return Outcome(case, answer, NOT_REPRODUCIBLE, name, op, note=note)
    return None


def _first(case: Case, answer: Answer) -> Outcome | None:
    return next(wrong_numbers(case, answer), None)


def wrong_numbers(case: Case, answer: Answer) -> Iterator[Outcome]:
    """Yield wrong primals in evaluation order, then wrong adjoints in backward order."""
    graph, want = case.graph.columns, case.want
    for node, got in enumerate(answer.data):
        expected = (want.data or {}).get(graph.ids[node])
        if got is None and not (is_leaf(graph.opcode[node]) or node in graph.outputs):
            continue  # a program in another language may tell of outputs and leaves only
        if answer.program.places[node] < 0 or expected is None:
            continue
        if got is None or not case.tolerance.allows(got, expected):
            yield _outcome(case, answer, WRONG_VALUE, node, got, expected)
    if want.grad is None:
        return
    for node in range(len(graph) - 1, -1, -1):
        got, expected = answer.grad[node], want.grad.get(graph.ids[node])
        if _is_receiver(case, answer, node) and not _is_adjoint(case, node, got, expected):
            yield _outcome(case, answer, WRONG_GRADIENT, node, got, expected)


def _is_receiver(case: Case, answer: Answer, node: int) -> bool:
    """Whether a node was a Value that may have a gradient."""
    return case.graph.columns.opcode[node] != OPCODES[CONST] and answer.program.places[node] >= 0


def _is_adjoint(case: Case, node: int, got: float | None, expected: float | None) -> bool:
    """Whether a gradient is right; whether one without a path may be 0 is asked elsewhere."""
    if expected is None:
        return not (got and case.is_complete)
    if got is None:  # kept for leaves only; none, where it is 0
        return not (expected and is_leaf(case.graph.columns.opcode[node]))
    return case.tolerance.allows(got, expected)


def _outcome(  # noqa: PLR0913, PLR0917 - the fields of what it makes
    case: Case, answer: Answer, outcome: str, node: int, got: float | None, expected: float | None
) -> Outcome:
    field = "data" if outcome == WRONG_VALUE else "grad"
    graph = case.graph.columns
    note = f"the engine has no {field} here" if got is None else ""
    return Outcome(
        case, answer, outcome, graph.ids[node], graph.op(node), field, got, expected, note
    )


# --- conventions -------------------------------------------------------------------------------

KINK_SLOPES: Final = {
    "relu": ((0.0,), (0.5,), (1.0,)),
    "abs": ((0.0,), (1.0,), (-1.0,)),
    "max": ((0.5, 0.5), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)),
    "min": ((0.5, 0.5), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)),
}
"""Slopes that engines choose at a kink, by op: between those on both sides, or none at all."""


def at_kink(op: str, xs: Sequence[float]) -> bool:
    """Whether an op has several fair slopes at a point."""
    return op in KINK_SLOPES and OPS[op].kink_distance(*xs) == 0.0


def kinked(program: Program, primals: Sequence[float]) -> list[str]:
    """Return the ops of a program that are at a kink somewhere."""
    found: dict[str, None] = {}
    for step in program.steps:
        if step.args and at_kink(step.op, [primals[arg] for arg in step.args]):
            found[step.op] = None
    return [*found]


def choices(program: Program) -> Iterator[dict[str, Sequence[float]]]:
    """Yield other fair slopes at the kinks that a program meets, by op; none if it meets none."""
    ops = kinked(program, simulate(program, CORRECT).data)
    for choice in product(*(KINK_SLOPES[op] for op in ops)) if ops else ():
        yield dict(zip(ops, choice, strict=True))


def _by_convention(case: Case, answer: Answer) -> Outcome | None:
    """Try other slopes at kinks: if one choice for each op explains all numbers, it is that."""
    for at in choices(answer.program):
        if explains(case, answer, CORRECT._replace(kinks=at)):
            said = ", ".join(_slope_said(op, slopes) for op, slopes in at.items())
            note = f"slope at the kink: {said}"
            return Outcome(case, answer, CONVENTION, op=next(iter(at)), note=note, cause="kink")
    return None


def _slope_said(op: str, slopes: Sequence[float]) -> str:
    given = ", ".join(f"{slope:g}" for slope in slopes)
    where = "at 0" if len(slopes) == 1 else "where both are equal"
    return f"{op} has {given} {where}"


def explains(case: Case, answer: Answer, rules: Rules) -> bool:
    """Whether an engine with these rules gives just these numbers."""
    predicted = simulate(answer.program, rules)
    return not predicted.unknown and matches(
        case, answer, answer.program, predicted.data, predicted.grad
    )


def matches(  # noqa: PLR0913, PLR0917 - two sides
    case: Case, answer: Answer, program: Program, data: Sequence[float], grad: Sequence[float],
    rel: float = 1e-9,
) -> bool:  # fmt: skip
    """Whether an engine's numbers are predicted ones, which are given by step of a program."""
    opcode = case.graph.columns.opcode
    for node, place in enumerate(program.places):
        if place < 0:
            continue
        x, got = answer.data[node], answer.grad[node]
        if x is not None and not near(x, data[place], rel):
            return False
        if opcode[node] == OPCODES[CONST]:
            continue
        is_silent = x is None or (got is None and grad[place] != 0.0)
        if is_silent and is_leaf(opcode[node]):
            return False
        if got is not None and not near(got, grad[place], rel):
            return False
    return True


def near(got: float | None, predicted: float, rel: float) -> bool:
    """Whether a number is what was predicted."""
    if got is None:
        return False
    if got != got or predicted != predicted:
        return got != got and predicted != predicted
    return got == predicted or abs(got - predicted) <= max(1e-3 * rel, rel * abs(predicted))


def _second(case: Case, answer: Answer) -> Outcome | None:
    """Look at what a second backward gave: leaves add up, as in PyTorch, or something else."""
    if answer.refused:
        note = f"a second backward raises {answer.refused}"
        return Outcome(case, answer, CONVENTION, note=note, cause="second-backward")
    if not answer.second:
        return None
    graph = case.graph.columns
    leaves = [i for i in range(len(graph)) if is_leaf(graph.opcode[i]) and answer.grad[i]]
    ratios = [_ratio(answer.second[i], answer.grad[i]) for i in leaves]
    if all(near(ratio, 2.0, 1e-9) for ratio in ratios):
        return None
    if all(near(ratio, 1.0, 1e-9) for ratio in ratios):
        note = "a second backward starts from zero"
    else:
        note = "a second backward adds to what interior nodes kept from the first"
    return Outcome(case, answer, CONVENTION, note=note, cause="second-backward")


def _ratio(a: float | None, b: float | None) -> float:
    return a / b if a is not None and b else 0.0


def _without_path(case: Case, answer: Answer) -> Outcome | None:
    """Note where the engine says 0 and the graph says that there is no way at all."""
    graph, want = case.graph.columns, case.want
    if want.grad is None or not case.is_complete:
        return None
    for node, got in enumerate(answer.grad):
        is_lost = got is not None and graph.ids[node] not in want.grad
        if is_lost and _is_receiver(case, answer, node):
            note = f"{graph.ids[node]} has no path to the output; its gradient is {got!r}"
            return Outcome(case, answer, CONVENTION, note=note, cause="unreached")
    return None
