"""Finds the causes of an engine's failures by testing hypotheses against its numbers in all cases.

First come causes that show directly: crashes, leaves that lost precision, operands that changed.
Then the rules, op by op: where only one path leads from a node to the output, its gradient shows
the local derivative of a single op, and a mistake must explain that number wherever the op was
observed. Then the backward pass as a whole: engines that overwrite, or visit nodes twice or in the
wrong order, are simulated, and must give every number of every case. If nothing explains a
failure, its cause is unknown.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from mgraph.grade.observations import (
    SIMULATED,
    computed,
    is_long,
    leaf_pairs,
    leaf_uses,
    observed,
    root_pair,
    uses,
)
from mgraph.grade.op_mistakes import LOSSES, float32, guarded
from mgraph.grade.op_rules import Fault, Learned, learn
from mgraph.grade.outcomes import Verdict, choices, matches, wrong_numbers
from mgraph.grade.simulation import CORRECT, Rules, simulate
from mgraph.grade.wrong_passes import COMPOSED, WrongPass, clamp, wrong_passes
from mgraph.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mgraph.grade.cases import Case
    from mgraph.grade.outcomes import Outcome
    from mgraph.grade.program import Program

CAUSES: Final[Mapping[str, str]] = {
    "overwritten": "a gradient is overwritten instead of added to",
    "repeated": "an operand that one op uses twice is counted only once",
    "order": "a node passes its gradient on before all nodes that use it have added to it",
    "twice": "a node passes its gradient on more than once",
    "seed": "the gradient of the output doesn't start at 1",
    "stale": "something is left over from an earlier graph",
    "upstream": "the local derivative isn't multiplied by the upstream gradient",
    "inner": "the upstream gradient isn't multiplied by the local derivative",
    "place": "a local derivative is computed from the output instead of the input, or vice versa",
    "swapped": "operands are swapped",
    "sign": "a sign is wrong",
    "exponent": "the local derivative of a power is wrong",
    "factor": "a constant factor is wrong",
    "no-gradient": "an op passes nothing on to an operand",
    "slope": "the local derivative of an op is wrong",
    "value": "an op computes a wrong value",
    "precision": "numbers are rounded to fewer digits than a double has",
    "clipped": "values or gradients are clipped at a bound",
    "depth": "long chains exceed a recursion limit",
    "reflected": "an operator with a plain number on the left is wrong or missing",
    "int-division": "whole-number division",
    "conversion": "a plain number is refused as an operand, or changed",
    "mutated": "an op changes its operand",
}
"""The causes that can be named, and what they mean."""

_SYMBOLS: Final = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**"}
_BUDGET: Final = 600_000  # simulated steps, a few seconds; then no more wrong passes are tried
_MANY: Final = 3  # this many cases are not a coincidence
_FEW: Final = 10  # fewer than one case in ten may have another reason
_SINGLE: Final = 2.0**-22  # relative error of an op in single precision, doubled
_TRIED: Final = 40  # a hypothesis that explains none of this many small failures is given up


@dataclass
class Cause:
    """A likely cause.

    Attributes:
        id: A key of `CAUSES`.
        op: The op that is wrong; empty if it is not a single op.
        says: A sentence for the author of the engine.
        cases: The failures that it explains.
    """

    id: str
    op: str
    says: str
    cases: list[Outcome] = field(default_factory=list)

    @property
    def lesson(self) -> Case:
        """The smallest golden graph that shows the cause, if possible one without a kink."""
        cases = [outcome.case for outcome in self.cases]
        plain = [case for case in cases if next(choices(case.program), None) is None]
        return min(plain or cases, key=lambda case: len(case.graph))


def diagnose(outcomes: Sequence[Outcome]) -> list[Cause]:
    """Find likely causes, and note in each failed outcome which cause explains it.

    Args:
        outcomes: The outcomes of all cases of one engine.

    Returns:
        The causes; those that explain the most failures come first.
    """
    search = _Diagnosis(outcomes)
    for find in (
        search.find_crashes,
        search.find_leftovers,
        search.find_changed_leaves,
        search.find_lost_digits,
        search.find_wrong_rules,
    ):
        find()
    causes = [cause for cause in search.causes if cause.cases]
    for cause in causes:
        for outcome in cause.cases:
            outcome.cause = outcome.cause or cause.id
    return sorted(causes, key=lambda cause: -len(cause.cases))


class _Diagnosis:
    """The search for causes."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        self.outcomes = outcomes
        self.causes: list[Cause] = []
        wrong = (Verdict.WRONG_VALUE, Verdict.WRONG_GRADIENT)
        compared = (Verdict.OK, Verdict.CONVENTION, *wrong)
        self.numeric = [
            outcome
            for outcome in outcomes
            if outcome.answer.has_numbers and outcome.outcome in compared
        ]
        self.wrong = [outcome for outcome in self.numeric if outcome.outcome in wrong]
        self.left: list[Outcome] = []
        self.programs: dict[int, Program] = {}
        self.is_mutated = False
        self.spent = 0
        self.kinks: dict[int, list[dict[str, Sequence[float]]]] = {}
        self.rel = 1e-9
        self.leaf: Callable[[float], float] | None = None

    def name(self, cause: str, op: str, says: str, cases: Sequence[Outcome]) -> None:
        """Add a cause, if there are cases that it explains."""
        if cases:
            self.causes.append(Cause(cause, op, says, [*cases]))

    # --- causes that show directly -------------------------------------------------------------

    def find_crashes(self) -> None:
        """Name recursion limits, and operators that refuse a plain number."""
        crashed = [outcome for outcome in self.outcomes if outcome.outcome == Verdict.CRASHED]
        self._depth([outcome for outcome in crashed if _too_deep(outcome)])
        works = dict.fromkeys(
            (step.op, outcome.answer.program.kinds(i))
            for outcome in self.numeric
            for i, step in enumerate(outcome.answer.program.steps)
        )
        groups: dict[tuple[str, str], list[Outcome]] = {}
        for outcome in crashed:
            if not _too_deep(outcome) and outcome.answer.step is not None:
                program, step = outcome.answer.program, outcome.answer.step
                groups.setdefault((program.steps[step].op, program.kinds(step)), []).append(outcome)
        for kinds in ("NV", "VN"):
            refused = {
                op: cases
                for (op, refused_kinds), cases in groups.items()
                if refused_kinds == kinds
                and (op, kinds) not in works
                and self._works(op, kinds, works)
            }
            if refused:
                self._refused(kinds, refused)

    def _works(self, op: str, kinds: str, works: Mapping[tuple[str, str], None]) -> bool:
        """Whether an op works with other kinds of operands."""
        return (op, "VV") in works or (kinds == "NV" and (op, "VN") in works)

    def _refused(self, kinds: str, refused: Mapping[str, Sequence[Outcome]]) -> None:
        """Name operators that refuse a plain number."""
        cases = [outcome for group in refused.values() for outcome in group]
        error = cases[0].answer.error.partition(":")[0]
        single = next(iter(refused)) if len(refused) == 1 else ""
        raise_ = "raises" if single else "raise"
        symbols = [_SYMBOLS.get(op, op) for op in refused]
        if kinds == "NV":
            formulas = ", ".join(f"2 {symbol} x" for symbol in symbols)
            methods = ", ".join(f"__r{_method(op)}__" for op in refused)
            is_or_are = "is" if single else "are"
            says = f"{formulas} {raise_} {error}: {methods} {is_or_are} missing or wrong"
            self.name("reflected", single, says, cases)
        else:
            formulas = ", ".join(f"x {symbol} 2" for symbol in symbols)
            says = f"{formulas} {raise_} {error}: turn a plain number into a Value first"
            self.name("conversion", single, says, cases)

    def _depth(self, deep: Sequence[Outcome]) -> None:
        if not deep:
            return
        least = min(outcome.answer.program.depth() for outcome in deep)
        most = max((outcome.answer.program.depth() for outcome in self.numeric), default=0)
        says = (
            f"it crashes on a chain of {least:,} ops, but not on one of {most:,}: walk the graph "
            "with a list of nodes still to visit instead of a function that calls itself"
        )
        self.name("depth", "", says, deep)

    def find_leftovers(self) -> None:
        """Name a graph that depends on the graphs before it, and one that changes when rebuilt."""
        unsteady = [
            outcome for outcome in self.outcomes if outcome.outcome == Verdict.NOT_REPRODUCIBLE
        ]
        tried = [outcome.alone for outcome in self.outcomes if outcome.alone is not None]
        ran = [*self.numeric, *unsteady]
        if tried and all(tried):
            says = (
                "a graph that is right on its own is wrong after others: something is shared "
                "between graphs, or kept from the last backward"
            )
            self.name("stale", "", says, [*unsteady, *self.wrong])
        elif len(unsteady) >= _MANY and (op := _all_unsteady(unsteady, ran)):
            says = (
                f"{op} gives other numbers when the same graph is built again: it remembers "
                "something"
            )
            self.name("stale", op, says, unsteady)
        elif len(unsteady) >= _MANY and _FEW * len(unsteady) > len(ran):
            says = (
                "the same graph gives other gradients when it is built again: a node passes its "
                "gradient on before all nodes that use it are done, perhaps because nodes are "
                "visited in the order of a set, which changes"
            )
            self.name("order", "", says, [*unsteady, *self.wrong])

    def find_changed_leaves(self) -> None:
        """Name what a Value does to the number that it is given."""
        seen = [pair for outcome in self.numeric for pair in leaf_pairs(outcome)]
        changed = [(x, got) for x, got in seen if got != x and (got == got or x == x)]
        if not changed:
            return
        says = "a Value turns its number into a whole number"
        hypotheses: list[tuple[str, str, Callable[[float], float]]] = [
            ("conversion", says, guarded(_whole)),
            *(("precision", f"a Value keeps its number {says}", loss) for says, loss in LOSSES),
        ]
        for cause, says, leaf in hypotheses:
            if all(leaf(x) == got for x, got in seen):
                self.leaf = leaf
                if cause == "precision":
                    self.rel = 1e-4 if leaf is float32 else 2e-2
                cases = [outcome for outcome in self.wrong if self._is_rounding(outcome, leaf)]
                self.name(cause, "", says, cases if cause == "precision" else self.wrong)
                return
        self._bounded_leaves(seen, changed)
        if self.leaf is None:
            self._mutated()

    def _is_rounding(self, outcome: Outcome, leaf: Callable[[float], float]) -> bool:
        """Whether the errors are small beside the largest number, as where numbers cancel out."""
        steps, want = outcome.answer.program.steps, outcome.case.want
        known = [step.x for step in steps]
        known += [x for numbers in (want.data, want.grad) for x in (numbers or {}).values()]
        unit = min(self.rel, _SINGLE * len(steps)) if leaf is float32 else self.rel
        if all(
            wrong.got is not None
            and abs(wrong.got - (wrong.expected or 0.0)) <= unit * max(map(abs, known))
            for wrong in wrong_numbers(outcome.case, outcome.answer)
        ):
            return True
        has_choice = next(choices(outcome.answer.program), None) is not None  # at a kink
        is_simulated = has_choice or leaf is not float32
        return is_simulated and self._fits(outcome, CORRECT._replace(leaf=leaf)) is not False

    def _bounded_leaves(
        self, seen: Sequence[tuple[float, float]], changed: Sequence[tuple[float, float]]
    ) -> None:
        bound = max(abs(got) for _, got in changed)
        leaf = partial(clamp, bound)
        if len(changed) > 1 and all(leaf(x) == got for x, got in seen):
            self.leaf = leaf
            says = f"a Value clips its number at {bound:g}"
            self.name("clipped", "", says, self.wrong)

    def _mutated(self) -> None:
        """Find the op that changes its operand."""
        spoilt = [
            outcome for outcome in self.wrong if any(got != x for x, got in leaf_pairs(outcome))
        ]
        leaves = [pair for outcome in self.numeric for pair in leaf_uses(outcome)]
        suspects = {use for _, uses_of_leaf in leaves for use in uses_of_leaf}
        for has_changed, uses_of_leaf in leaves:
            suspects = suspects & uses_of_leaf if has_changed else suspects - uses_of_leaf
        op = min(suspects)[0] if suspects else ""
        says = (
            f"{op or 'an op or backward'} changes the data of an operand: it must make a new Value"
        )
        affected = [outcome for outcome in self.wrong if op and uses(outcome, op)]
        self.name("mutated", op, says, affected or spoilt)
        self.is_mutated = True

    def find_lost_digits(self) -> None:
        """Name a loss of digits that all computed numbers share."""
        if self.leaf is not None or not self.wrong:
            return
        for field_ in ("data", "grad"):
            numbers = [x for outcome in self.numeric for x in computed(outcome, field_)]
            for says, loss in LOSSES:
                slightly = self._slightly_wrong()
                if 2 * len(slightly) < len(self.wrong):
                    return
                if len(numbers) > 1 and all(loss(x) == x for x in numbers):
                    word = "values" if field_ == "data" else "gradients"
                    self.rel = 1e-4 if loss is float32 else 2e-2
                    self.name("precision", "", f"its {word} are {says}", slightly)
                    return

    def _slightly_wrong(self) -> list[Outcome]:
        return [
            outcome
            for outcome in self.wrong
            if outcome.got is not None
            and outcome.expected is not None
            and abs(outcome.got - outcome.expected) <= max(0.1, 0.1 * abs(outcome.expected))
        ]

    # --- rules and the backward pass -----------------------------------------------------------

    def find_wrong_rules(self) -> None:
        """Find the rules and the backward pass that explain the engine's numbers."""
        self.left = self.wrong
        self._settle()
        if not self.left or self.is_mutated:  # nothing else can be told from numbers that change
            return
        base = CORRECT._replace(leaf=self.leaf)
        is_backward = all(outcome.outcome != Verdict.WRONG_VALUE for outcome in self.left)
        if is_backward and self._whole_pass(base, every=True):
            return
        observations = [seen for outcome in self.numeric for seen in observed(outcome)]
        learned = learn(observations, base, self.rel)
        forms = dict.fromkeys((seen.op, seen.kinds[:2]) for seen in observations)
        self._name_rules(learned, forms)
        if len(self.left) >= _MANY:
            while self.left and self._whole_pass(learned.rules, every=False):
                pass  # several ops may be wrong, each in its own way

    def _fits(self, outcome: Outcome, rules: Rules, composes: bool = False) -> bool | None:  # noqa: FBT001, FBT002
        """Whether rules give an outcome's numbers; None if it isn't known.

        Args:
            outcome: The outcome.
            rules: How the engine behaves.
            composes: Whether the engine composes some ops of others.
        """
        if is_long(outcome):
            return None
        program = self._composed(outcome) if composes else outcome.answer.program
        for kinks in ({}, *self._kinks(program)):
            self.spent += len(program.steps)
            predicted = simulate(program, rules._replace(kinks=kinks))
            if predicted.is_unknown:
                return None
            data, grad = predicted.data, predicted.grad
            if matches(outcome.case, outcome.answer, program, data, grad, self.rel):
                return True
        return False

    def _kinks(self, program: Program) -> Sequence[Mapping[str, Sequence[float]]]:
        """Return the partials that an engine may choose at the kinks of a program."""
        if id(program) not in self.kinks:
            self.kinks[id(program)] = [*choices(program)]
        return self.kinks[id(program)]

    def _fits_pass(self, outcome: Outcome, wrong: WrongPass, composes: bool) -> bool | None:  # noqa: FBT001
        """Whether a wrong backward pass gives an outcome's numbers; None if it isn't known."""
        if wrong.orders:
            program = self._composed(outcome) if composes else outcome.answer.program
            matters = any(step.op == wrong.op for step in program.steps)  # else all give the same
            orders = wrong.orders if matters else wrong.orders[:1]
            fits = (
                self._fits(outcome, wrong.rules._replace(order=order), composes) for order in orders
            )
            return None if is_long(outcome) else any(fits)
        if not wrong.own_seed:
            return self._fits(outcome, wrong.rules, composes)
        pair = root_pair(outcome)
        if pair is None:
            return None
        return self._fits(outcome, wrong.rules._replace(seed=lambda _: pair[1]), composes)

    def _composed(self, outcome: Outcome) -> Program:
        """Return the program of an engine that composes some ops of others."""
        key = id(outcome.case)
        if key not in self.programs:
            self.programs[key] = outcome.case.composed({**outcome.case.compose, **COMPOSED})
        return self.programs[key]

    # --- rules ---------------------------------------------------------------------------------

    def _name_rules(self, learned: Learned, forms: Mapping[tuple[str, str], None]) -> None:
        """Name what is wrong with each op, once, and the failures that this explains."""
        explained = [
            outcome for outcome in self.left if self._fits(outcome, learned.rules) is not False
        ]
        if self._name_upstream(learned, forms, explained):
            return
        for op, is_direct, faults in _by_op(learned.faults):
            has_other_forms = any(o == op and kinds != "NV" for o, kinds in forms)
            cause, says = _sentence(op, faults, is_reflected=not is_direct and has_other_forms)
            affected = [(op, fault.kinds) for fault in faults]
            affected += [form for form, parts in learned.followers.items() if op in parts]
            cases = [
                outcome
                for outcome in explained
                if any(uses(outcome, o, [kinds]) for o, kinds in affected)
            ]
            self.name(cause, op, says, cases)
        self._settle()
        also_explained = [
            outcome for outcome in self.left if self.causes and self._fits(outcome, learned.rules)
        ]
        for outcome in also_explained:
            ops = [step.op for step in self._composed(outcome).steps]
            own = [cause for cause in self.causes if cause.op in ops]
            if own or self.leaf is not float32:  # losses in single precision are counted already
                (own or self.causes)[-1].cases.append(outcome)
        self._settle()

    def _settle(self) -> None:
        """Take the explained failures out of those that are left."""
        done = {id(outcome) for cause in self.causes for outcome in cause.cases}
        self.left = [outcome for outcome in self.left if id(outcome) not in done]

    def _name_upstream(
        self, learned: Learned, forms: Mapping[tuple[str, str], None], cases: Sequence[Outcome]
    ) -> bool:
        """Name a mistake that many ops have in common: they forget the upstream gradient."""
        faults = learned.faults
        ops = dict.fromkeys(fault.op for fault in faults)
        all_ops = dict.fromkeys(op for op, _ in forms)
        forget = all(fault.mistake and fault.mistake.cause == "upstream" for fault in faults)
        if not forget or len(ops) < 2 or 2 * len(ops) < len(all_ops):  # noqa: PLR2004
            return False
        says = "no op multiplies its local derivative by out.grad, as the chain rule says"
        self.name("upstream", "", says, cases)
        self._settle()
        return True

    # --- the backward pass ---------------------------------------------------------------------

    def _whole_pass(self, rules: Rules, *, every: bool) -> bool:
        """Name the wrong backward pass that explains the most failures; return whether one does.

        Args:
            rules: What is known about the ops.
            every: Whether all failures must be explained.
        """
        fine = [outcome for outcome in self.numeric if outcome.outcome == Verdict.OK]
        self.left.sort(key=lambda outcome: len(outcome.case.graph))
        styles = (False, True) if any(map(_is_composable, self.left)) else (False,)
        best: Cause | None = None
        least = 0 if every else len([outcome for outcome in self.left if not is_long(outcome)]) // 2
        for wrong in wrong_passes(rules, *self._hints()):
            for composes in styles:
                cases = self._explained(wrong, composes=composes, every=every)
                cases += self._unsteady(wrong, composes=composes) if cases else []
                if len(cases) <= (
                    len(best.cases) if best else min(least, 1) if wrong.op else least
                ):
                    continue
                if all(self._fits_pass(ok, wrong, composes) is not False for ok in fine):
                    best = Cause(wrong.cause, wrong.op, wrong.says, cases)
        if best is None:
            return False
        best.cases += [outcome for outcome in self.left if is_long(outcome)]
        self.causes.append(best)
        self._settle()
        return True

    def _hints(self) -> tuple[Iterable[str], Sequence[tuple[float, float]], Iterable[float]]:
        """Return ops in failures, data and gradient of outputs, and frequent wrong gradients."""
        ops = {
            step.op: None
            for outcome in self.left
            for program in (outcome.answer.program, self._composed(outcome))
            for step in program.steps
            if step.args
        }
        roots = [pair for outcome in self.numeric if (pair := root_pair(outcome)) is not None]
        gots = Counter(
            abs(wrong.got)
            for outcome in self.left
            for wrong in wrong_numbers(outcome.case, outcome.answer)
            if wrong.got and wrong.outcome == Verdict.WRONG_GRADIENT
        )
        return ops, roots, [got for got, _ in gots.most_common(5)]

    def _unsteady(self, wrong: WrongPass, *, composes: bool) -> list[Outcome]:
        """Return the cases whose numbers change because overwriting depends on the order."""
        if wrong.cause != "overwritten":
            return []
        return [
            outcome
            for outcome in self.outcomes
            if outcome.outcome == Verdict.NOT_REPRODUCIBLE
            and any(
                wrong.op in ("", step.op)
                for step in (self._composed(outcome) if composes else outcome.answer.program).steps
            )
        ]

    def _explained(self, wrong: WrongPass, *, composes: bool, every: bool) -> list[Outcome]:
        """Return the failures that a wrong pass explains; none once the budget is spent."""
        explained: list[Outcome] = []
        for i, outcome in enumerate(self.left):
            if self.spent >= _BUDGET:
                return []
            fits = self._fits_pass(outcome, wrong, composes)
            if fits:
                explained.append(outcome)
            elif (fits is False and every) or (i > _TRIED and not explained):
                return []
        return explained


def _by_op(faults: Iterable[Fault]) -> list[tuple[str, bool, list[Fault]]]:
    """Group faults by op, and those with a number on the left apart if they have another cause.

    Returns:
        The op, whether its faults are not only those with a number on the left, and the faults.
    """
    by_op: dict[str, list[Fault]] = {}
    for fault in faults:
        by_op.setdefault(fault.op, []).append(fault)
    groups = []
    for op, of_op in by_op.items():
        direct = [fault for fault in of_op if fault.kinds != "NV"]
        causes = {fault.mistake and fault.mistake.cause for fault in direct}
        reflected = [fault for fault in of_op if fault.kinds == "NV"]
        is_apart = any(fault.mistake and fault.mistake.cause not in causes for fault in reflected)
        if direct:
            groups.append((op, True, direct if is_apart else of_op))
        if reflected and (is_apart or not direct):
            groups.append((op, False, reflected))
    return groups


def _all_unsteady(unsteady: Sequence[Outcome], ran: Sequence[Outcome]) -> str:
    """Return the op whose cases are exactly those that aren't reproducible, or an empty string."""
    ops = dict.fromkeys(step.op for step in unsteady[0].answer.program.steps if step.args)
    for op in ops:
        if all(
            uses(outcome, op) == (outcome.outcome == Verdict.NOT_REPRODUCIBLE) for outcome in ran
        ):
            return op
    return ""


# --- sentences -----------------------------------------------------------------------------------


def _sentence(op: str, faults: Sequence[Fault], *, is_reflected: bool) -> tuple[str, str]:
    """Return the cause and the sentence for the faults of one op."""
    value = next((fault for fault in faults if fault.operand is None), None)
    slope = next((fault for fault in faults if fault.operand is not None and fault.mistake), None)
    mistake = value.mistake if value else slope.mistake if slope else None
    if is_reflected:
        what = f"it {mistake.says}" if mistake else "it computes another function"
        return "reflected", f"2 {_SYMBOLS.get(op, op)} x (__r{_method(op)}__): {what}"
    if mistake:
        return mistake.cause, f"{op} {mistake.says}{_to_one(op, faults)}"
    if value:
        return "value", f"{op} gives a wrong value"
    derivative = OPS[op].partial_text(faults[0].operand or 0)
    return "slope", f"{op} has a wrong local derivative; it is {derivative}"


def _to_one(op: str, faults: Sequence[Fault]) -> str:
    """Name the operand that gets nothing, if the other one gets its gradient."""
    operands = {fault.operand for fault in faults if fault.kinds == "VV"}
    causes = {fault.mistake and fault.mistake.cause for fault in faults}
    if OPS[op].fold or len(operands) != 1 or causes != {"no-gradient"}:
        return ""
    names = ("base", "exponent") if op == "pow" else ("first operand", "second operand")
    return f" to its {names[operands.pop() or 0]}"


def _method(op: str) -> str:
    return {"div": "truediv"}.get(op, op)


def _too_deep(outcome: Outcome) -> bool:
    text = outcome.answer.error
    by_signal = any(signal in text for signal in ("SIGSEGV", "SIGABRT", "SIGBUS"))
    return "recursion" in text.lower() or (by_signal and outcome.answer.program.depth() > SIMULATED)


def _whole(x: float) -> float:
    return float(int(x))


def _is_composable(outcome: Outcome) -> bool:
    return any(uses(outcome, op) for op in COMPOSED)
