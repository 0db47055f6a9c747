"""Why an engine is wrong: hypotheses, held against its numbers over all cases.

First what can be read off: crashes, leaves that lost precision, operands that were changed. Then
rules, op by op: where only one way leads from a node to the output, its gradient shows the local
slope by itself, and a mistake must explain that number at every point where the op was seen. Then
the backward pass as a whole: engines that overwrite, visit in the wrong order or twice are
simulated, and must give every number of every case. What nothing explains stays unknown.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from mgraph.grade.catalogue import LOSSES, float32, guarded
from mgraph.grade.judge import (
    CONVENTION,
    CRASHED,
    NOT_REPRODUCIBLE,
    OK,
    WRONG_GRADIENT,
    WRONG_VALUE,
    choices,
    matches,
    wrong_numbers,
)
from mgraph.grade.learn import Fault, Learned, learn
from mgraph.grade.observe import (
    SIMULATED,
    computed,
    is_long,
    leaf_pairs,
    leaf_uses,
    observed,
    root_pair,
    uses,
)
from mgraph.grade.passes import MADE, Pass, clamp, wrong_passes
from mgraph.grade.simulate import CORRECT, Rules, simulate
from mgraph.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mgraph.grade.cases import Case
    from mgraph.grade.judge import Outcome
    from mgraph.grade.program import Program

CAUSES: Final[Mapping[str, str]] = {
    "overwritten": "the gradient is overwritten where it must be added to",
    "repeated": "an operand that is used twice by one op is counted once",
    "order": "a node passes its gradient on before all of its users have added to it",
    "twice": "a node passes its gradient on more than once",
    "seed": "the gradient of the output doesn't start at 1",
    "stale": "something is left over from an earlier graph",
    "upstream": "the local slope isn't multiplied by the upstream gradient",
    "inner": "the chain rule's inner factor is missing",
    "place": "a slope is taken at the output instead of the input, or the other way round",
    "swapped": "operands are swapped",
    "sign": "a sign is wrong",
    "exponent": "an exponent is wrong in a slope",
    "factor": "a constant factor is wrong",
    "no-gradient": "an op passes nothing on to an operand",
    "slope": "the slope of an op is wrong",
    "value": "an op computes something else",
    "precision": "numbers are rounded to fewer digits than a double has",
    "clipped": "values or gradients are cut off at a bound",
    "depth": "long chains exceed a recursion limit",
    "reflected": "an operator is wrong or missing where the plain number stands on the left",
    "int-division": "whole-number division",
    "conversion": "a plain number isn't taken as an operand, or is changed when it is",
    "mutated": "an op changes its operand",
}
"""What can be named, and what it means."""

_SYMBOLS: Final = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**"}
_BUDGET: Final = 600_000  # simulated steps, some seconds: after them no more passes are tried
_MANY: Final = 3  # cases that are no coincidence
_FEW: Final = 10  # as a part of all cases: less may have another reason
_SINGLE: Final = 2.0**-22  # what an op in single precision may lose, twice
_TRIED: Final = 40  # small failures, after which a hypothesis that explains none is given up


@dataclass
class Cause:
    """A likely cause.

    Attributes:
        id: A key of `CAUSES`.
        op: The op whose rule it is; empty: of all.
        says: A sentence for the one who wrote the engine.
        cases: The failures that it explains.
    """

    id: str
    op: str
    says: str
    cases: list[Outcome] = field(default_factory=list)

    @property
    def lesson(self) -> Case:
        """The smallest golden graph that shows it, and is no matter of convention."""
        cases = [each.case for each in self.cases]
        plain = [case for case in cases if next(choices(case.program), None) is None]
        return min(plain or cases, key=lambda case: len(case.graph))


def diagnose(outcomes: Sequence[Outcome]) -> list[Cause]:
    """Find likely causes, and note in each failed outcome which one explains it.

    Args:
        outcomes: Of one engine, all cases.

    Returns:
        The causes, those that explain most first.
    """
    found = _Diagnosis(outcomes)
    for look in (found.crashes, found.leftovers, found.leaves, found.losses, found.engine):
        look()
    causes = [cause for cause in found.causes if cause.cases]
    for cause in causes:
        for each in cause.cases:
            each.cause = each.cause or cause.id
    return sorted(causes, key=lambda cause: -len(cause.cases))


class _Diagnosis:
    """The search for causes."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        self.outcomes = outcomes
        self.causes: list[Cause] = []
        judged = (OK, CONVENTION, WRONG_VALUE, WRONG_GRADIENT)
        self.numeric = [
            each for each in outcomes if each.answer.has_numbers and each.outcome in judged
        ]
        self.wrong = [
            each for each in self.numeric if each.outcome in (WRONG_VALUE, WRONG_GRADIENT)
        ]
        self.left: list[Outcome] = []
        self.programs: dict[int, Program] = {}
        self.is_mutated = False
        self.spent = 0
        self.kinks: dict[int, list[dict[str, Sequence[float]]]] = {}
        self.rel = 1e-9
        self.leaf: Callable[[float], float] | None = None

    def name(self, cause: str, op: str, says: str, cases: Sequence[Outcome]) -> None:
        """Note a cause."""
        if cases:
            self.causes.append(Cause(cause, op, says, [*cases]))

    # --- what can be read off ------------------------------------------------------------------

    def crashes(self) -> None:
        """Name limits of depth, and operands that are not taken."""
        crashed = [each for each in self.outcomes if each.outcome == CRASHED]
        self._depth([each for each in crashed if _too_deep(each)])
        works = dict.fromkeys(
            (step.op, each.answer.program.kinds(i))
            for each in self.numeric
            for i, step in enumerate(each.answer.program.steps)
        )
        groups: dict[tuple[str, str], list[Outcome]] = {}
        for each in crashed:
            if not _too_deep(each) and each.answer.step is not None:
                program, step = each.answer.program, each.answer.step
                groups.setdefault((program.steps[step].op, program.kinds(step)), []).append(each)
        for kinds in ("NV", "VN"):
            refused = {
                op: cases
                for (op, how), cases in groups.items()
                if how == kinds and (op, kinds) not in works and self._works(op, kinds, works)
            }
            if refused:
                self._refused(kinds, refused)

    def _works(self, op: str, kinds: str, works: Mapping[tuple[str, str], None]) -> bool:
        """Whether an op is done with other operands than these."""
        return (op, "VV") in works or (kinds == "NV" and (op, "VN") in works)

    def _refused(self, kinds: str, refused: Mapping[str, Sequence[Outcome]]) -> None:
        """Name operators that a plain number isn't an operand of."""
        cases = [each for some in refused.values() for each in some]
        raised = cases[0].answer.error.partition(":")[0]
        op = next(iter(refused)) if len(refused) == 1 else ""
        verb = "raises" if op else "raise"
        symbols = [_SYMBOLS.get(each, each) for each in refused]
        if kinds == "NV":
            tried = ", ".join(f"2 {symbol} x" for symbol in symbols)
            methods = ", ".join(f"__r{_method(each)}__" for each in refused)
            says = f"{tried} {verb} {raised}: missing or wrong {methods}"
            self.name("reflected", op, says, cases)
        else:
            tried = ", ".join(f"x {symbol} 2" for symbol in symbols)
            says = f"{tried} {verb} {raised}: turn a plain number into a Value first"
            self.name("conversion", op, says, cases)

    def _depth(self, deep: Sequence[Outcome]) -> None:
        if not deep:
            return
        least = min(each.answer.program.depth() for each in deep)
        most = max((each.answer.program.depth() for each in self.numeric), default=0)
        says = (
            f"a chain of {least:,} ops ends it, one of {most:,} doesn't: walk the graph with a "
            "list of nodes to do instead of a function that calls itself"
        )
        self.name("depth", "", says, deep)

    def leftovers(self) -> None:
        """Name what a graph inherits from those before it."""
        unsteady = [each for each in self.outcomes if each.outcome == NOT_REPRODUCIBLE]
        tried = [each.alone for each in self.outcomes if each.alone is not None]
        ran = [*self.numeric, *unsteady]
        if tried and all(tried):
            says = (
                "a graph that is right when it is the first one is wrong after others: something "
                "is shared between graphs, or kept from the last backward"
            )
            self.name("stale", "", says, [*unsteady, *self.wrong])
        elif len(unsteady) >= _MANY and (op := _all_unsteady(unsteady, ran)):
            says = f"{op} gives other numbers when the same graph is built once more: it remembers"
            self.name("stale", op, says, unsteady)
        elif len(unsteady) >= _MANY and _FEW * len(unsteady) > len(ran):
            says = (
                "the same graph, built once more, gives other gradients: nodes are visited in the "
                "order of a set, which changes, or before all of their users"
            )
            self.name("order", "", says, [*unsteady, *self.wrong])

    def leaves(self) -> None:
        """Name what a Value makes of the number that it is given."""
        seen = [pair for each in self.numeric for pair in leaf_pairs(each)]
        changed = [(x, got) for x, got in seen if got != x and (got == got or x == x)]
        if not changed:
            return
        guesses: list[tuple[str, str, Callable[[float], float]]] = [
            ("conversion", "a Value turns its number into a whole one", guarded(_whole)),
        ]
        guesses += [
            ("precision", f"a Value keeps its number {says}", loss) for says, loss in LOSSES
        ]
        for cause, says, leaf in guesses:
            if all(leaf(x) == got for x, got in seen):
                self.leaf = leaf
                if cause == "precision":
                    self.rel = 1e-4 if leaf is float32 else 2e-2
                cases = [each for each in self.wrong if self._is_rounding(each, leaf)]
                self.name(cause, "", says, cases if cause == "precision" else self.wrong)
                return
        self._bounded_leaves(seen, changed)
        if self.leaf is None:
            self._mutated()

    def _is_rounding(self, each: Outcome, leaf: Callable[[float], float]) -> bool:
        """Whether what is wrong is little beside the largest number: lost where it cancels out."""
        steps, want = each.answer.program.steps, each.case.want
        known = [step.x for step in steps]
        known += [x for numbers in (want.data, want.grad) for x in (numbers or {}).values()]
        unit = min(self.rel, _SINGLE * len(steps)) if leaf is float32 else self.rel
        if all(
            wrong.got is not None
            and abs(wrong.got - (wrong.expected or 0.0)) <= unit * max(map(abs, known))
            for wrong in wrong_numbers(each.case, each.answer)
        ):
            return True
        has_choice = next(choices(each.answer.program), None) is not None  # of a slope at a kink
        is_simulated = has_choice or leaf is not float32
        return is_simulated and self._fits(each, CORRECT._replace(leaf=leaf)) is not False

    def _bounded_leaves(
        self, seen: Sequence[tuple[float, float]], changed: Sequence[tuple[float, float]]
    ) -> None:
        bound = max(abs(got) for _, got in changed)
        leaf = partial(clamp, bound)
        if len(changed) > 1 and all(leaf(x) == got for x, got in seen):
            self.leaf = leaf
            says = f"a Value cuts its number off at {bound:g}"
            self.name("clipped", "", says, self.wrong)

    def _mutated(self) -> None:
        """Find the op after which an operand isn't what it was."""
        spoilt = [each for each in self.wrong if any(got != x for x, got in leaf_pairs(each))]
        leaves = [pair for each in self.numeric for pair in leaf_uses(each)]
        guilty = {place for _, places in leaves for place in places}
        for changed, places in leaves:
            guilty = {place for place in guilty if (place in places) == changed or not changed}
            guilty -= set() if changed else places
        op = min(guilty)[0] if guilty else ""
        says = (
            f"{op or 'an op or backward'} changes the data of an operand: it must make a new Value"
        )
        affected = [each for each in self.wrong if op and uses(each, op)]
        self.name("mutated", op, says, affected or spoilt)
        self.is_mutated = True

    def losses(self) -> None:
        """Name fewer digits than a double has, where all numbers are so."""
        if self.leaf is not None or not self.wrong:
            return
        for field_ in ("data", "grad"):
            numbers = [x for each in self.numeric for x in computed(each, field_)]
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
            each
            for each in self.wrong
            if each.got is not None
            and each.expected is not None
            and abs(each.got - each.expected) <= max(0.1, 0.1 * abs(each.expected))
        ]

    # --- rules and the backward pass -----------------------------------------------------------

    def engine(self) -> None:
        """Find the rules and the backward pass that give the engine's numbers."""
        done = {id(each) for cause in self.causes for each in cause.cases}
        self.left = [each for each in self.wrong if id(each) not in done]
        if not self.left or self.is_mutated:  # nothing else can be said of numbers that change
            return
        base = CORRECT._replace(leaf=self.leaf)
        is_backward = all(each.outcome != WRONG_VALUE for each in self.left)
        if is_backward and self._whole_pass(base, every=True):
            return
        seen = [each for outcome in self.numeric for each in observed(outcome)]
        learned = learn(seen, base, self.rel)
        self._name_rules(learned, dict.fromkeys((each.op, each.kinds[:2]) for each in seen))
        if len(self.left) >= _MANY:
            while self.left and self._whole_pass(learned.rules, every=False):
                pass  # one op after the other may be wrong

    def _fits(self, each: Outcome, rules: Rules, made: bool = False) -> bool | None:  # noqa: FBT001, FBT002
        """Whether rules give an outcome's numbers; None: that can't be said.

        Args:
            each: The outcome.
            rules: How the engine behaves.
            made: Whether it makes some ops of others.
        """
        if is_long(each):
            return None
        program = self._made(each) if made else each.answer.program
        for kinks in ({}, *self._kinks(program)):
            self.spent += len(program.steps)
            ran = simulate(program, rules._replace(kinks=kinks))
            if ran.unknown:
                return None
            if matches(each.case, each.answer, program, ran.data, ran.grad, self.rel):
                return True
        return False

    def _kinks(self, program: Program) -> Sequence[Mapping[str, Sequence[float]]]:
        """Return the other slopes that an engine may have at the kinks of a program."""
        if id(program) not in self.kinks:
            self.kinks[id(program)] = [*choices(program)]
        return self.kinks[id(program)]

    def _passes(self, each: Outcome, wrong: Pass, made: bool) -> bool | None:  # noqa: FBT001
        """Whether a wrong backward pass gives an outcome's numbers; None: that can't be said."""
        if wrong.orders:
            program = self._made(each) if made else each.answer.program
            matters = any(step.op == wrong.op for step in program.steps)  # else all are alike
            orders = wrong.orders if matters else wrong.orders[:1]
            tried = (self._fits(each, wrong.rules._replace(order=order), made) for order in orders)
            return None if is_long(each) else any(tried)
        if not wrong.own_seed:
            return self._fits(each, wrong.rules, made)
        pair = root_pair(each)
        if pair is None:
            return None
        return self._fits(each, wrong.rules._replace(seed=lambda _: pair[1]), made)

    def _made(self, each: Outcome) -> Program:
        key = id(each.case)
        if key not in self.programs:
            self.programs[key] = each.case.composed({**each.case.compose, **MADE})
        return self.programs[key]

    # --- rules ---------------------------------------------------------------------------------

    def _name_rules(self, learned: Learned, forms: Mapping[tuple[str, str], None]) -> None:
        """Say what is wrong with each op, once, and which failures that explains."""
        explained = [each for each in self.left if self._fits(each, learned.rules) is not False]
        if self._name_upstream(learned, forms, explained):
            return
        for op, direct, faults in _by_op(learned.faults):
            others = any(o == op and kinds != "NV" for o, kinds in forms)
            cause, says = _said(op, faults, reflected=not direct and others)
            affected = [(op, each.kinds) for each in faults]
            affected += [form for form, via in learned.followers.items() if op in via]
            cases = [
                each for each in explained if any(uses(each, o, [kinds]) for o, kinds in affected)
            ]
            self.name(cause, op, says, cases)
        self._settle()
        for each in [each for each in self.left if self.causes and self._fits(each, learned.rules)]:
            made = [step.op for step in self._made(each).steps]
            own = [cause for cause in self.causes if cause.op in made]
            if own or self.leaf is not float32:  # whose losses are counted already
                (own or self.causes)[-1].cases.append(each)
        self._settle()

    def _settle(self) -> None:
        """Leave what is explained."""
        done = {id(each) for cause in self.causes for each in cause.cases}
        self.left = [each for each in self.left if id(each) not in done]

    def _name_upstream(
        self, learned: Learned, forms: Mapping[tuple[str, str], None], cases: Sequence[Outcome]
    ) -> bool:
        """Name what many ops have in common: they forget the upstream gradient."""
        faults = learned.faults
        ops = dict.fromkeys(each.op for each in faults)
        all_ops = dict.fromkeys(op for op, _ in forms)
        is_it = all(each.guess and each.guess.cause == "upstream" for each in faults)
        if not is_it or len(ops) < 2 or 2 * len(ops) < len(all_ops):  # noqa: PLR2004
            return False
        says = "no op multiplies its local slope by out.grad: that is the chain rule"
        self.name("upstream", "", says, cases)
        self._settle()
        return True

    # --- the backward pass ---------------------------------------------------------------------

    def _whole_pass(self, rules: Rules, *, every: bool) -> bool:
        """Try engines whose backward pass is wrong as a whole.

        Args:
            rules: What is known of the ops.
            every: Whether all failures must be explained.
        """
        fine = [each for each in self.numeric if each.outcome == OK]
        self.left.sort(key=lambda each: len(each.case.graph))
        styles = (False, True) if any(map(_is_made, self.left)) else (False,)
        best: Cause | None = None
        least = 0 if every else len([each for each in self.left if not is_long(each)]) // 2
        for each in wrong_passes(rules, *self._hints()):
            for made in styles:
                cases = self._explained(each, made=made, every=every)
                cases += self._shaken(each, made=made) if cases else []
                if len(cases) <= (len(best.cases) if best else min(least, 1) if each.op else least):
                    continue
                if all(self._passes(ok, each, made) is not False for ok in fine):
                    best = Cause(each.cause, each.op, each.says, cases)
        if best is None:
            return False
        best.cases += [each for each in self.left if is_long(each)]
        self.causes.append(best)
        self._settle()
        return True

    def _hints(self) -> tuple[Iterable[str], Sequence[tuple[float, float]], Iterable[float]]:
        """Return the ops of what is left, what outputs got, and frequent wrong gradients."""
        ops = {
            step.op: None
            for each in self.left
            for program in (each.answer.program, self._made(each))
            for step in program.steps
            if step.args
        }
        roots = [pair for each in self.numeric if (pair := root_pair(each)) is not None]
        gots = Counter(
            abs(wrong.got)
            for each in self.left
            for wrong in wrong_numbers(each.case, each.answer)
            if wrong.got and wrong.outcome == WRONG_GRADIENT
        )
        return ops, roots, [bound for bound, _ in gots.most_common(5)]

    def _shaken(self, wrong: Pass, *, made: bool) -> list[Outcome]:
        """Return what isn't reproducible since nodes that overwrite are visited in any order."""
        if wrong.cause != "overwritten":
            return []
        return [
            each
            for each in self.outcomes
            if each.outcome == NOT_REPRODUCIBLE
            and any(
                wrong.op in ("", step.op)
                for step in (self._made(each) if made else each.answer.program).steps
            )
        ]

    def _explained(self, wrong: Pass, *, made: bool, every: bool) -> list[Outcome]:
        explained: list[Outcome] = []
        for i, each in enumerate(self.left):
            if self.spent >= _BUDGET:
                return []
            fits = self._passes(each, wrong, made)
            if fits:
                explained.append(each)
            elif (fits is False and every) or (i > _TRIED and not explained):
                return []
        return explained


def _by_op(faults: Iterable[Fault]) -> list[tuple[str, bool, list[Fault]]]:
    """Group faults: those of an op as such, and those only where a number stands on the left."""
    found: dict[str, list[Fault]] = {}
    for each in faults:
        found.setdefault(each.op, []).append(each)
    groups = []
    for op, some in found.items():
        direct = [each for each in some if each.kinds != "NV"]
        said = {each.guess and each.guess.cause for each in direct}
        turned = [each for each in some if each.kinds == "NV"]
        own = any(each.guess and each.guess.cause not in said for each in turned)
        if direct:
            groups.append((op, True, direct if own else some))
        if turned and (own or not direct):
            groups.append((op, False, turned))
    return groups


def _all_unsteady(unsteady: Sequence[Outcome], ran: Sequence[Outcome]) -> str:
    """Return the op whose cases are just those that aren't reproducible; empty: none is."""
    ops = dict.fromkeys(step.op for step in unsteady[0].answer.program.steps if step.args)
    for op in ops:
        if all(uses(each, op) == (each.outcome == NOT_REPRODUCIBLE) for each in ran):
            return op
    return ""


# --- sentences -----------------------------------------------------------------------------------


def _said(op: str, faults: Sequence[Fault], *, reflected: bool) -> tuple[str, str]:
    """Return the cause and the sentence for what is wrong with one op."""
    value = next((each for each in faults if each.place is None), None)
    slope = next((each for each in faults if each.place is not None and each.guess), None)
    guess = value.guess if value else slope.guess if slope else None
    if reflected:
        what = f"it {guess.says}" if guess else "it is another function"
        return "reflected", f"2 {_SYMBOLS.get(op, op)} x (__r{_method(op)}__): {what}"
    if guess:
        return guess.cause, f"{op} {guess.says}{_to_one(op, faults)}"
    if value:
        return "value", f"{op} gives a wrong value"
    place = faults[0].place or 0
    return "slope", f"{op} has a wrong slope; it is {OPS[op].partial_text(place)}"


def _to_one(op: str, faults: Sequence[Fault]) -> str:
    """Say which operand gets nothing, where the other one does."""
    places = {each.place for each in faults if each.kinds == "VV"}
    causes = {each.guess and each.guess.cause for each in faults}
    if OPS[op].fold or len(places) != 1 or causes != {"no-gradient"}:
        return ""
    names = ("base", "exponent") if op == "pow" else ("first operand", "second operand")
    return f" to its {names[places.pop() or 0]}"


def _method(op: str) -> str:
    return {"div": "truediv"}.get(op, op)


def _too_deep(outcome: Outcome) -> bool:
    text = outcome.answer.error
    by_signal = any(signal in text for signal in ("SIGSEGV", "SIGABRT", "SIGBUS"))
    return "recursion" in text.lower() or (by_signal and outcome.answer.program.depth() > SIMULATED)


def _whole(x: float) -> float:
    return float(int(x))


def _is_made(outcome: Outcome) -> bool:
    return any(uses(outcome, op) for op in MADE)
