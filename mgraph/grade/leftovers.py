"""Causes that show in graphs that depend on others, or change when they are built again."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from mgraph.grade import simulation as sim
from mgraph.grade import traversals
from mgraph.grade.causes import Cause
from mgraph.grade.evidence import samples_of
from mgraph.grade.hypotheses.hypothesis import number_text
from mgraph.grade.hypotheses.orders import EARLY, descending
from mgraph.grade.observations import root_pair, uses
from mgraph.grade.outcomes import Verdict, judge, matches, wrong_numbers
from mgraph.grade.program import LEAF
from mgraph.grade.search import MANY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mgraph.grade.evidence import Evidence, Sample
    from mgraph.grade.outcomes import Answer, Outcome, Precision
    from mgraph.grade.program import Program

_CARRIED: Final = (
    "something is shared between graphs, kept from the last backward, counted across several "
    "graphs, or sorted by addresses in memory"
)
_AFTER_OTHERS: Final = f"a graph that is right on its own is wrong after others: {_CARRIED}"
_OTHERWISE: Final = f"a graph gives different numbers on its own and after others: {_CARRIED}"
_AS_TEXT: Final = (
    "once there are enough nodes, new nodes are visited after older ones, as if nodes were sorted "
    f"by numbers that are compared as text, in which 10 comes before 9: {EARLY}"
)
_IN_TRAINING: Final = (
    "in a second graph of the same leaves, as in the next step of training, gradients are neither "
    "those of that graph nor, in leaves, the sum of both: something is left over from the first"
)
_AFTER_ZEROS: Final = (
    "if the gradients of leaves are set to 0, and a new graph is made of these leaves, as in the "
    "next step of training, the leaves don't get the gradients of that graph: something is left "
    "over from an earlier one"
)
_OF_THE_FIRST: Final = (
    "the first Value in the first graph of a process gets a wrong gradient, and the same graph is "
    "right when it is built again: if Values have ids, 0 may be taken for no id"
)
_OF_INTEGERS: Final = (
    "/ is done as integer division if both Values are made of integers: Value(7)/Value(2) must be "
    "3.5, not 3"
)
_OF_ALL_NODES: Final = ("seed", "no-gradient", "stale")
"""Causes from which a wrong gradient of a leaf alone may follow."""
_BY_CHANCE: Final = (
    "the same graph gives different numbers when it is built again: the engine uses random numbers"
)
_SEVERAL: Final = 2  # graphs
_WIDTH: Final = 100  # nodes between the newest with a wrong gradient and the first of the new ones
_FEW: Final = 10  # fewer than one case in ten may have another reason


def find_leftovers(evidence: Evidence) -> Iterator[Cause]:
    """Name a graph that depends on the graphs before it, and one that changes when rebuilt."""
    unsteady = evidence.unsteady
    if older := _with_older_first(evidence):
        yield Cause("order", "", _AS_TEXT, older)
        return
    if unsteady and are_random(unsteady):
        yield Cause("stale", "", _BY_CHANCE, unsteady)
        return
    ran = [*evidence.numeric, *unsteady]
    if changed := [outcome for outcome in evidence.outcomes if outcome.is_changed]:
        is_right = any(outcome.afresh and not outcome.afresh.failed for outcome in changed)
        errors = [outcome.answer.error for outcome in changed]
        crashed = [outcome for outcome in evidence.crashed if outcome.answer.error in errors]
        others = [x for x in (*unsteady, *evidence.wrong, *crashed) if x.afresh is None]
        yield Cause("stale", "", _AFTER_OTHERS if is_right else _OTHERWISE, [*changed, *others])
    elif len(unsteady) >= MANY and (op := _all_unsteady(unsteady, ran)):
        says = (
            f"{op} gives different numbers when the same graph is built again: it remembers "
            "something or uses random numbers"
        )
        yield Cause("stale", op, says, unsteady)
    elif len(unsteady) >= MANY and _FEW * len(unsteady) > len(ran):
        says = (
            "the same graph gives different numbers when it is built again: it uses random "
            "numbers or addresses in memory, or something is kept from the last graph"
        )
        yield Cause("stale", "", says, unsteady)


def are_random(outcomes: Iterable[Outcome]) -> bool:
    """Whether the engine used random numbers in all of these cases."""
    return all(outcome.answer.is_random for outcome in outcomes)


def _with_older_first(evidence: Evidence) -> list[Outcome]:
    """Return all failures if in each of them new nodes come after older ones; else none.

    Only some graphs are like that, whichever nodes they consist of, as when the serial number of a
    node is the first one of more digits. If only a further graph of the same leaves is like that,
    its numbers aren't looked at.
    """
    failed = [outcome for outcome in evidence.outcomes if outcome.failed]
    own = [each for each in failed if not any(each is one for one in evidence.following)]
    if not any(x.is_changed or x.answer.again for x in own):
        return []
    if len(dict.fromkeys(outcome.case.file for outcome in own)) < _SEVERAL:
        return []
    samples = samples_of(own, evidence.compositions or {})
    is_so = all(_has_older_first(sample, evidence.precision) for sample in samples)
    return failed if is_so else []


def _has_older_first(sample: Sample, precision: Precision) -> bool:
    """Whether a graph's gradients are those of an order in which new nodes come after older ones.

    If it was built again, that may be so of either of them.
    """
    answer = sample.outcome.answer
    if not answer.has_numbers:
        return False
    answers = [answer]
    if answer.again:
        answers.append(replace(answer, data=answer.again[0], grad=answer.again[1]))
    wrong = [each for each in answers if any(wrong_numbers(sample.outcome.case, each))]
    return bool(wrong) and all(_is_cut(sample, each, precision) for each in wrong)


def _is_cut(sample: Sample, answer: Answer, precision: Precision) -> bool:
    case, program = sample.outcome.case, sample.program
    if any(each.field != "grad" for each in wrong_numbers(case, answer)):
        return False
    right = sim.simulate(program, sim.CORRECT, sample.primals(sim.CORRECT)).grad
    grads = zip(program.step_of_node, answer.grad, strict=True)
    wrong = [
        i for i, got in grads if i >= 0 and got is not None and not precision.near(got, right[i])
    ]
    last = max(wrong, default=program.root)
    for cut in range(last + 1, min(last + _WIDTH, program.root) + 1):
        order = traversals.all_operands(partial(_older_first, cut))
        rules = sim.CORRECT._replace(order=order)
        predicted = sim.simulate(program, rules, sample.primals(rules))
        if matches(case, answer, program, predicted.data, predicted.grad, precision):
            return True
    return False


def _older_first(cut: int, program: Program) -> list[int]:
    steps = descending(program)
    return [*(i for i in steps if i < cut), *(i for i in steps if i >= cut)]


def find_in_leaves(evidence: Evidence, causes: Sequence[Cause]) -> Iterator[Cause]:
    """Name what is left over in a graph's leaves, and what is wrong with those of some kind.

    If data is changed, a second graph of the same leaves is another one; and if one of new leaves
    is wrong, so is whatever a further one may have.
    """
    divided = [outcome for outcome in evidence.of_integers if _is_divided_by_integers(outcome)]
    if divided:
        yield Cause("int-division", "div", _OF_INTEGERS, divided)
    if evidence.first:
        yield Cause("no-gradient", "", _OF_THE_FIRST, evidence.first)
    wrong = dict.fromkeys(outcome.case.file for outcome in evidence.wrong)
    following = [outcome for outcome in evidence.following if outcome.case.file not in wrong]
    if following and not any(cause.id == "mutated" for cause in causes):
        without = (judge(x.case, replace(x.answer, cleared=())) for x in following)
        says = _IN_TRAINING if any(outcome.failed for outcome in without) else _AFTER_ZEROS
        yield Cause("stale", "", says, following)


def is_of_leaf(outcome: Outcome) -> bool:
    """Whether backward is called on a leaf, so that no op and no order of nodes is seen."""
    program = outcome.answer.program
    return program.steps[program.root].op == LEAF


def find_in_lone_leaf(evidence: Evidence, causes: Sequence[Cause]) -> Iterator[Cause]:
    """Name a wrong gradient of a leaf on which backward is called, if it is all that is wrong.

    Otherwise it may follow from what is wrong with other graphs.
    """
    wrong = [x for x in evidence.wrong if x.outcome == Verdict.WRONG_GRADIENT]
    alone = [outcome for outcome in wrong if is_of_leaf(outcome)]
    others = [outcome for outcome in evidence.numeric if not is_of_leaf(outcome)]
    outputs = [pair for outcome in others if (pair := root_pair(outcome)) is not None]
    whole = [cause for cause in causes if cause.id in _OF_ALL_NODES and not cause.op]
    if alone and whole:
        whole[0].cases += alone
    elif alone and outputs and not any(outcome.failed for outcome in others):
        pairs = [root_pair(outcome) for outcome in alone]
        grads = dict.fromkeys(pair[1] for pair in pairs if pair is not None)
        if all(seed == 1.0 for _, seed in outputs) and len(grads) == 1 and 1.0 not in grads:
            (grad,) = grads
            says = (
                f"the gradient of a leaf on which backward is called is {number_text(grad)}; it "
                "must start at 1, like that of any other output"
            )
            yield Cause("seed", "", says, alone)


def _is_divided_by_integers(outcome: Outcome) -> bool:
    """Whether the first wrong number is a quotient without its fraction."""
    got, expected = outcome.got, outcome.expected
    if outcome.op != "div" or outcome.field != "data" or got is None or expected is None:
        return False
    return got in (math.floor(expected), math.trunc(expected))


def afresh(evidence: Evidence) -> Evidence:
    """Return the evidence without what earlier graphs did: the outcomes in new processes.

    It is the evidence itself if no case is other on its own than after others. Otherwise failures
    that were not tried on their own show nothing, except for errors that aren't seen elsewhere.
    """
    errors = [outcome.answer.error for outcome in evidence.outcomes if outcome.is_changed]
    if not errors:
        return evidence
    kept: list[Outcome] = []
    dropped: list[Outcome] = []
    for outcome in evidence.outcomes:
        error = outcome.answer.error
        is_telling = outcome.afresh or not outcome.failed or (error and error not in errors)
        (kept if is_telling else dropped).append(outcome.afresh or outcome)
    return replace(evidence, outcomes=kept, dropped=dropped, is_afresh=True)


def _all_unsteady(unsteady: Sequence[Outcome], ran: Sequence[Outcome]) -> str:
    """Return the op whose cases are exactly those that aren't reproducible, or an empty string.

    It must be the only one, and several graphs must be reproducible without it.
    """
    steady = [outcome for outcome in ran if outcome.outcome != Verdict.NOT_REPRODUCIBLE]
    ops = [
        op
        for op in dict.fromkeys(x.op for x in unsteady[0].answer.program.steps if x.args)
        if all(uses(outcome, op) for outcome in unsteady)
        and not any(uses(outcome, op) for outcome in steady)
    ]
    files = dict.fromkeys(outcome.case.file for outcome in steady)
    return ops[0] if len(ops) == 1 and len(files) >= MANY else ""
