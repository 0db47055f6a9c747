"""Outcomes of cases: an engine's numbers, compared with the expected ones."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import product
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mgraph.codec import spelled
from mgraph.golden.rerun import Mismatch, ulps
from mgraph.grade.driver_numbers import differs
from mgraph.grade.simulation import CORRECT, Rules, simulate
from mgraph.ops import CONST, OPCODES, OPS, is_leaf

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mgraph.grade.cases import Case
    from mgraph.grade.compositions import Composition, Known
    from mgraph.grade.program import Program


class Verdict(StrEnum):
    """What an engine's answer to a case is judged to be, as people read it."""

    OK = "ok"
    WRONG_VALUE = "wrong value"
    WRONG_GRADIENT = "wrong gradient"
    NOT_REPRODUCIBLE = "not reproducible"
    UNSUPPORTED = "unsupported"
    CRASHED = "crashed"
    TIMED_OUT = "timed out"
    CONVENTION = "differing convention"


_FOLLOWING: Final = "in a second graph of the same leaves, as in the next step of training"
_CLEARED: Final = "in a third graph of the same leaves, after their gradients were set to 0"
_MANY: Final = 3  # this many cases are not a coincidence

FAILURES: Final = (
    Verdict.WRONG_VALUE,
    Verdict.WRONG_GRADIENT,
    Verdict.NOT_REPRODUCIBLE,
    Verdict.CRASHED,
    Verdict.TIMED_OUT,
)
"""The verdicts that make an engine fail."""


class Failure(NamedTuple):
    """Where an engine raised an exception.

    Attributes:
        exception: The exception's name; empty if there was none, as for data that is None.
        phase: What failed: "build", "backward" or "read".
        file: The name of the engine's file with the innermost call; empty if the exception was
            raised outside of its files, like a TypeError of `+` itself.
        line: The number of the line.
        function: The function that the line is in.
        source: The line without its indent, at most 120 characters.
        caller: The engine's functions from the outermost call to the innermost; if there are more
            than ten, the first and last five.
        repeating: For a RecursionError, the functions that call each other again and again.
        culprit: The first op that gave something that is not a Value, and the kinds of its
            operands, as in "neg:V"; empty if there was none.
        gave: What it gave, in words.
    """

    exception: str
    phase: str
    file: str = ""
    line: int = 0
    function: str = ""
    source: str = ""
    caller: tuple[str, ...] = ()
    repeating: tuple[str, ...] = ()
    culprit: str = ""
    gave: str = ""


@dataclass(frozen=True)
class Answer:
    """An engine's answer to a case of N nodes.

    Attributes:
        program: The steps that the engine ran.
        data: N primals; None where the engine has none.
        grad: N adjoints; None where the engine has none.
        second: The adjoints after a second backward; empty if there was none.
        before: The primals before backward, if backward changed them; else empty.
        own: The adjoints of the graph that is made next, of new leaves; empty if none is made.
        following: Its adjoints as a second graph of the same leaves; empty if there was none.
        cleared: Its adjoints as a third one, before which those of the leaves were set to 0; empty
            if there was none, or they can't be set.
        refused: The error that a second backward raised.
        again: Data and grad when the graph was built a second time, if they differ.
        error: The last line of the engine's error, if it failed.
        kind: How it failed: "crashed", "unsupported", "timed out" or "no-number".
        step: The step at which it failed.
        compositions: The ops that the engine composes of others, by op and kinds of operands; None
            if that isn't known.
        parts: The compositions of single steps that differ, by step.
        what: "data" or "grad", if the failure is that this is not a number.
        failure: Where it failed, if the engine is a class and its process did not end.
        varies: Whether the numbers depend on more than the question: on the order in which sets
            iterate, or for a program, on chance.
        turned: Data and grad if small sets iterate the other way, if they differ.
        is_random: Whether the engine used random numbers, on which its numbers may depend.
        hidden: The steps whose Values have a backward of their own, which hides their class's.
        alone: The gradient of a leaf after its own backward; None if it isn't known.
        starters: The methods that call backward, one of which may be meant to start it.
    """

    program: Program
    data: Sequence[float | None] = ()
    grad: Sequence[float | None] = ()
    second: Sequence[float | None] = ()
    before: Sequence[float | None] = ()
    own: Sequence[float | None] = ()
    following: Sequence[float | None] = ()
    cleared: Sequence[float | None] = ()
    refused: str = ""
    again: tuple[Sequence[float | None], Sequence[float | None]] | None = None
    error: str = ""
    kind: str = ""
    step: int | None = None
    what: str = ""
    compositions: Known | None = None
    parts: Mapping[int, Composition | None] = field(default_factory=dict)
    failure: Failure | None = None
    varies: bool = False
    turned: tuple[Sequence[float | None], Sequence[float | None]] | None = None
    is_random: bool = False
    hidden: Sequence[int] = ()
    alone: float | None = None
    starters: Sequence[str] = ()

    @property
    def has_numbers(self) -> bool:
        """Whether the engine gave numbers to compare."""
        return not self.error

    def differs_from(self, other: Answer) -> bool:
        """Whether another answer to the same case has other numbers, or only one has any."""
        if self.error or other.error:
            return self.has_numbers != other.has_numbers
        return any(
            differs(x, y)
            for some, others in ((self.data, other.data), (self.grad, other.grad))
            for x, y in zip(some, others, strict=True)
        )


@dataclass
class Outcome:
    """The outcome of one case.

    Attributes:
        case: The case.
        answer: The engine's answer.
        outcome: The verdict.
        node: The first wrong node, in evaluation order (values) or in backward order (gradients);
            empty if it isn't known.
        op: Its op.
        field: "data" or "grad".
        got: The engine's number.
        expected: The expected number; None if there is no path to an output.
        note: Anything else to say, in words.
        cause: The id of a likely cause; empty if none was found.
        afresh: The outcome in a new process, with no graph before it; None if that was not tried.
    """

    case: Case
    answer: Answer
    outcome: Verdict
    node: str = ""
    op: str = ""
    field: str = ""
    got: float | None = None
    expected: float | None = None
    note: str = ""
    cause: str = ""
    afresh: Outcome | None = None

    @property
    def failed(self) -> bool:
        """Whether the engine fails the case; another convention is not a failure."""
        return self.outcome in FAILURES

    @property
    def is_of_integers(self) -> bool:
        """Whether numbers are wrong only because Values are made of integers."""
        return self.case.has_integers and self.failed and self.answer.again is not None

    @property
    def is_changed(self) -> bool:
        """Whether a failed case gave something else in a new process: graphs before it matter."""
        own = self.afresh
        if own is None or not self.failed:
            return False
        return not own.failed or self.answer.differs_from(own.answer)

    @property
    def ulps(self) -> int | None:
        """The distance between the two numbers in units in the last place."""
        return None if self.got is None or self.expected is None else ulps(self.got, self.expected)

    def line(self, *, hide: bool = False) -> str:
        """Describe the outcome in one line; `hide` leaves the expected number out."""
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


def judge(case: Case, answer: Answer) -> Outcome:
    """Judge an engine's answer to a case."""
    if answer.error:
        return _failure(case, answer)
    if case.has_integers and answer.again is not None:
        return _of_integers(case, answer)
    if (unsteady := _unsteady(case, answer)) is not None:
        return unsteady
    wrong = next(wrong_numbers(case, answer), None)
    if wrong is not None:
        return _by_convention(case, answer) or wrong
    if answer.varies:
        note = "the numbers depend on the order in which a set iterates"
        return Outcome(case, answer, Verdict.NOT_REPRODUCIBLE, note=note)
    return (
        _unread(case, answer)
        or _following(case, answer)
        or _second(case, answer)
        or _without_path(case, answer)
        or Outcome(case, answer, Verdict.OK)
    )


def _of_integers(case: Case, answer: Answer) -> Outcome:
    """Judge an answer that is another one with floats in place of integers.

    If it is wrong with floats, too, that is the answer to diagnose.
    """
    data, grad = answer.again or ((), ())
    with_floats = judge(case, replace(answer, data=data, grad=grad, again=None))
    wrong = next(wrong_numbers(case, answer), None)
    if with_floats.failed or wrong is None:
        return with_floats
    return replace(wrong, note="right if the Values are made of floats")


def _failure(case: Case, answer: Answer) -> Outcome:
    if answer.kind == "no-number":
        verdict = Verdict.WRONG_VALUE if answer.what == "data" else Verdict.WRONG_GRADIENT
    elif answer.kind in (Verdict.UNSUPPORTED, Verdict.TIMED_OUT):
        verdict = Verdict(answer.kind)
    else:
        verdict = Verdict.CRASHED
    node = _node_of(answer)
    ids, op = case.graph.columns.ids, case.graph.columns.op
    name_and_op = (ids[node], op(node)) if node is not None else ("", "")
    note = f"its {answer.what} is {answer.error}" if answer.what else answer.error
    return Outcome(case, answer, verdict, *name_and_op, note=note)


def _node_of(answer: Answer) -> int | None:
    """Return the node to which the step of a failure belongs, or None if no step is known."""
    if answer.step is None:
        return None
    steps = enumerate(answer.program.step_of_node)
    return next((node for node, step in steps if step >= answer.step), None)


def _unsteady(case: Case, answer: Answer) -> Outcome | None:
    """Return an outcome if the engine gave other numbers when the graph was built again."""
    if answer.again is None:
        return None
    for what, first, other in zip(
        ("data", "grad"), (answer.data, answer.grad), answer.again, strict=True
    ):
        for node, (x, y) in enumerate(zip(first, other, strict=True)):
            if x is None and y is None:
                continue
            if x is None or y is None or not case.tolerance.allows(y, x):
                name = case.graph.columns.ids[node]
                note = f"{what} of {name}: first {x!r}, then {y!r} when the graph was built again"
                op = case.graph.columns.op(node)
                return Outcome(case, answer, Verdict.NOT_REPRODUCIBLE, name, op, note=note)
    return None


def is_right_again(outcome: Outcome) -> bool:
    """Whether a graph that is not reproducible was right when it was built again."""
    if outcome.answer.again is None:
        return False
    data, grad = outcome.answer.again
    return (
        next(wrong_numbers(outcome.case, replace(outcome.answer, data=data, grad=grad)), None)
        is None
    )


def wrong_numbers(case: Case, answer: Answer) -> Iterator[Outcome]:
    """Yield wrong primals in evaluation order, then wrong adjoints in backward order."""
    graph, want = case.graph.columns, case.want
    for node, got in enumerate(answer.data):
        expected = (want.data or {}).get(graph.ids[node])
        if got is None and not (is_leaf(graph.opcode[node]) or node in graph.outputs):
            continue  # a program in another language may name only outputs and leaves
        if answer.program.step_of_node[node] < 0 or expected is None:
            continue
        if got is None or not case.tolerance.allows(got, expected):
            yield _outcome(case, answer, Verdict.WRONG_VALUE, node, got, expected)
    if want.grad is None:
        return
    for node in range(len(graph) - 1, -1, -1):
        got, expected = answer.grad[node], want.grad.get(graph.ids[node])
        if _is_receiver(case, answer, node) and not _is_adjoint(case, node, got, expected):
            yield _outcome(case, answer, Verdict.WRONG_GRADIENT, node, got, expected)


def _is_receiver(case: Case, answer: Answer, node: int) -> bool:
    """Whether the engine had a Value for a node that may have a gradient."""
    return (
        case.graph.columns.opcode[node] != OPCODES[CONST] and answer.program.step_of_node[node] >= 0
    )


def _is_adjoint(case: Case, node: int, got: float | None, expected: float | None) -> bool:
    """Whether a gradient is right; 0 for a node without a path is a convention, so it passes."""
    if expected is None:
        return not (got and case.is_complete)
    if got is None:  # an engine may keep the gradients of leaves only, or none if it is 0
        return not (expected and is_leaf(case.graph.columns.opcode[node]))
    return case.tolerance.allows(got, expected)


def _outcome(  # noqa: PLR0913, PLR0917 - the fields of an outcome
    case: Case, answer: Answer, verdict: Verdict, node: int, got: float | None,
    expected: float | None,
) -> Outcome:  # fmt: skip
    field = "data" if verdict == Verdict.WRONG_VALUE else "grad"
    graph = case.graph.columns
    note = f"the engine has no {field} here" if got is None else ""
    return Outcome(
        case, answer, verdict, graph.ids[node], graph.op(node), field, got, expected, note
    )


# --- engines that keep the gradients of leaves only ---------------------------------------------


def graded_by_leaves(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """Judge the cases of an engine again that clears the gradients of interior nodes.

    Returns:
        The outcomes as they are if some interior node has a gradient; else those by the leaves.
    """
    numeric = [outcome for outcome in outcomes if outcome.answer.has_numbers]
    if not _is_cleared(numeric, is_output=False):
        return outcomes
    has_outputs = not _is_cleared(numeric, is_output=True)
    return [
        _by_leaves(outcome, has_outputs=has_outputs) if outcome.answer.has_numbers else outcome
        for outcome in outcomes
    ]


def has_leaves_only(outcomes: Sequence[Outcome]) -> bool:
    """Whether an engine has gradients of leaves, and none of the nodes inside of its graphs."""
    due = [
        all(outcome.answer.grad[node] is None for node in nodes)
        for outcome in outcomes
        if outcome.answer.has_numbers
        and (nodes := _due(outcome, is_output=False))
        and _have_leaves_received(outcome)
    ]
    return len(due) >= _MANY and all(due)


def _is_cleared(numeric: Sequence[Outcome], *, is_output: bool) -> bool:
    """Whether no op has a gradient where it should, although leaves have."""
    due = [
        any(outcome.answer.grad[node] for node in nodes)
        for outcome in numeric
        if (nodes := _due(outcome, is_output=is_output)) and _have_leaves_received(outcome)
    ]
    return len(due) >= _MANY and not any(due)


def _due(outcome: Outcome, *, is_output: bool) -> list[int]:
    """Return the ops that are outputs, or are not, and should have a gradient."""
    graph, want = outcome.case.graph.columns, outcome.case.want.grad or {}
    return [
        node
        for node in range(len(graph))
        if not is_leaf(graph.opcode[node])
        and (node in graph.outputs) == is_output
        and want.get(graph.ids[node])
    ]


def _have_leaves_received(outcome: Outcome) -> bool:
    """Whether leaves have more than a single gradient of 1, which may have been set there."""
    opcode = outcome.case.graph.columns.opcode
    grads = [got for node, got in enumerate(outcome.answer.grad) if got and is_leaf(opcode[node])]
    return grads not in ([], [1.0])


def _by_leaves(outcome: Outcome, *, has_outputs: bool) -> Outcome:
    graph, answer = outcome.case.graph.columns, outcome.answer
    program = answer.program
    kept = (
        program.root if has_outputs else None
    )  # a seeded output is an interior node of the program
    grad = [
        got if is_leaf(graph.opcode[node]) or program.step_of_node[node] == kept else None
        for node, got in enumerate(answer.grad)
    ]
    again = judge(outcome.case, replace(answer, grad=grad))
    if outcome.afresh is not None and outcome.afresh.answer.has_numbers:
        again.afresh = _by_leaves(outcome.afresh, has_outputs=has_outputs)
    if again.outcome == Verdict.OK and outcome.failed:
        note = "the gradients of interior nodes are cleared; it is graded by the leaves"
        return replace(again, outcome=Verdict.CONVENTION, note=note, cause="interior")
    return again


# --- conventions -------------------------------------------------------------------------------

KINK_SLOPES: Final = {
    "relu": ((0.0,), (0.5,), (1.0,)),
    "abs": ((0.0,), (1.0,), (-1.0,)),
    "max": ((0.5, 0.5), (1.0, 0.0), (0.0, 1.0)),
    "min": ((0.5, 0.5), (1.0, 0.0), (0.0, 1.0)),
}
"""Partials that engines choose at a kink, by op, one for each operand."""

WRONG_AT_KINKS: Final = ((0.0, 0.0), (1.0, 1.0))
"""Those of an op of two operands whose local derivatives are wrong elsewhere, too."""


def at_kink(op: str, xs: Sequence[float]) -> bool:
    """Whether an op has several acceptable partials at a point."""
    return op in KINK_SLOPES and OPS[op].kink_distance(*xs) == 0.0


def kinked(program: Program, primals: Sequence[float]) -> list[str]:
    """Return the ops of a program that are at a kink in some step."""
    return [
        *dict.fromkeys(
            step.op
            for step in program.steps
            if step.args and at_kink(step.op, [primals[arg] for arg in step.args])
        )
    ]


def choices(program: Program, wrong: Sequence[str] = ()) -> Iterator[dict[str, Sequence[float]]]:
    """Yield the acceptable partials at a program's kinks, by op; nothing if it has no kinks.

    Args:
        program: The program.
        wrong: Ops whose partials may be wrong there, as they are elsewhere.
    """
    ops = kinked(program, simulate(program, CORRECT).data)
    of_each = [KINK_SLOPES[op] + (WRONG_AT_KINKS if op in wrong else ()) for op in ops]
    for choice in product(*of_each) if ops else ():
        yield dict(zip(ops, choice, strict=True))


def _by_convention(case: Case, answer: Answer) -> Outcome | None:
    """Return an outcome if another choice at the kinks, the same for each op, explains it all."""
    for kinks in choices(answer.program):
        if explains(case, answer, CORRECT._replace(kinks=kinks)):
            chosen = ", ".join(_choice(op, partials) for op, partials in kinks.items())
            note = f"local derivative at the kink: {chosen}"
            op = next(iter(kinks))
            return Outcome(case, answer, Verdict.CONVENTION, op=op, note=note, cause="kink")
    return None


def _choice(op: str, partials: Sequence[float]) -> str:
    numbers = ", ".join(f"{partial:g}" for partial in partials)
    where = "at 0" if len(partials) == 1 else "where both operands are equal"
    return f"{op} has {numbers} {where}"


def explains(case: Case, answer: Answer, rules: Rules, precision: Precision | None = None) -> bool:
    """Whether an engine with these rules gives this answer."""
    predicted = simulate(answer.program, rules)
    return not predicted.is_unknown and matches(
        case, answer, answer.program, predicted.data, predicted.grad, precision
    )


class Precision(NamedTuple):
    """How near a number must be to a predicted one.

    Attributes:
        rel: The relative error that is allowed.
        abs: The absolute error that is allowed.
    """

    rel: float = 1e-9
    abs: float = 1e-12

    def at_least(self, rel: float, abs_: float = 0.0) -> Precision:
        """Return this precision, or a lower one if these errors are larger."""
        return Precision(max(self.rel, rel), max(self.abs, 1e-3 * rel, abs_))

    def near(self, got: float | None, predicted: float) -> bool:
        """Whether a number is the predicted one; NaN is."""
        if got is None:
            return False
        if got != got or predicted != predicted:
            return got != got and predicted != predicted
        if not math.isfinite(predicted):
            return got == predicted  # a relative error of an infinity would allow anything
        return got == predicted or abs(got - predicted) <= max(self.abs, self.rel * abs(predicted))


def matches(  # noqa: PLR0913, PLR0917 - an answer and its prediction
    case: Case, answer: Answer, program: Program, data: Sequence[float], grad: Sequence[float],
    precision: Precision | None = None,
) -> bool:  # fmt: skip
    """Whether an engine's numbers are the predicted ones, which are given by step."""
    opcode, near = case.graph.columns.opcode, (precision or Precision()).near
    for node, step in enumerate(program.step_of_node):
        if step < 0:
            continue
        x, got = answer.data[node], answer.grad[node]
        if x is not None and not near(x, data[step]):
            return False
        if opcode[node] == OPCODES[CONST]:
            continue
        is_missing = x is None or (got is None and grad[step] != 0.0)
        if is_missing and is_leaf(opcode[node]):
            return False
        if got is not None and not near(got, grad[step]):
            return False
    return True


def _second(case: Case, answer: Answer) -> Outcome | None:
    """Return an outcome unless a second backward doubles the leaves' gradients, as in PyTorch."""
    if answer.refused:
        note = f"a second backward raises {answer.refused}"
        return Outcome(case, answer, Verdict.CONVENTION, note=note, cause="second-backward")
    if not answer.second:
        return None
    graph = case.graph.columns
    leaves = [i for i in range(len(graph)) if is_leaf(graph.opcode[i]) and answer.grad[i]]
    ratios = [_ratio(answer.second[i], answer.grad[i]) for i in leaves]
    if all(Precision().near(ratio, 2.0) for ratio in ratios):
        return None
    if all(Precision().near(ratio, 1.0) for ratio in ratios):
        note = "a second backward gives the same gradients again"
    else:
        note = "a second backward adds to the gradients that the results of ops kept from the first"
    return Outcome(case, answer, Verdict.CONVENTION, note=note, cause="second-backward")


def _unread(case: Case, answer: Answer) -> Outcome | None:
    """Return an outcome if the same graph has other gradients when it is made of new leaves.

    None of its values is read before backward.
    """
    if answer.program.following != answer.program.root:
        return None
    for node, (got, own) in enumerate(zip(answer.grad, answer.own, strict=False)):
        if got is not None and not (own is not None and case.tolerance.allows(own, got)):
            name, op = case.graph.columns.ids[node], case.graph.columns.op(node)
            note = (
                f"grad of {name}: {got!r}, but {own!r} in another graph with new leaves, of which "
                "no value was read before backward"
            )
            alone = replace(answer, own=(), following=(), cleared=())
            return Outcome(case, alone, Verdict.NOT_REPRODUCIBLE, name, op, note=note)
    return None


def _following(case: Case, answer: Answer) -> Outcome | None:
    """Return an outcome unless further graphs of the same leaves have the gradients of a new one.

    In a second graph, a leaf may add its gradient to that of the first.
    """
    opcode, near = case.graph.columns.opcode, Precision(1e-6, 1e-9).near
    had = answer.second or answer.grad
    for grads, where in ((answer.following, _FOLLOWING), (answer.cleared, _CLEARED)):
        for node, got in enumerate(grads):
            own, is_of_leaf = answer.own[node], is_leaf(opcode[node])
            if own is None and got is not None and is_of_leaf:
                own = 0.0
            if own is None or near(got, own):
                continue
            total = own + (had[node] or 0.0)
            if not (grads is answer.following and is_of_leaf and near(got, total)):
                name, op = case.graph.columns.ids[node], case.graph.columns.op(node)
                note = f"grad of {name}: {own!r} with new leaves, {got!r} {where}"
                return Outcome(case, answer, Verdict.NOT_REPRODUCIBLE, name, op, note=note)
    return None


def _ratio(a: float | None, b: float | None) -> float:
    return a / b if a is not None and b else 0.0


def _without_path(case: Case, answer: Answer) -> Outcome | None:
    """Return an outcome if the engine has a gradient of 0 for a node without a path."""
    graph, want = case.graph.columns, case.want
    if want.grad is None or not case.is_complete:
        return None
    for node, got in enumerate(answer.grad):
        has_no_path = got is not None and graph.ids[node] not in want.grad
        if has_no_path and _is_receiver(case, answer, node):
            note = f"{graph.ids[node]} has no path to the output; its gradient is {got!r}"
            return Outcome(case, answer, Verdict.CONVENTION, note=note, cause="unreached")
    return None
