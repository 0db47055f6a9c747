"""The cause that shows where Values have a backward that hides the one of their class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgraph.grade.causes import Cause
from mgraph.grade.observations import forms_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgraph.grade.evidence import Evidence
    from mgraph.grade.outcomes import Outcome


def find_hidden(evidence: Evidence) -> tuple[list[Cause], list[Outcome]]:
    """Name ops that set backward of their result, where others set what that calls.

    There must be a graph that is right without: else it may be how the engine works, unless nothing
    is passed on in any graph.

    Returns:
        The cause, if there is one, and all outcomes with such ops, of which nothing else is known.
    """
    if any(map(_is_in_leaf, evidence.outcomes)):  # it may be how the engine works
        causes = [*_in_every_value(evidence)]
        return causes, [*evidence.outcomes] if causes else []
    composed = evidence.compositions or {}
    hidden = dict.fromkeys(form for outcome in evidence.numeric for form in _hidden(outcome))
    ops = dict.fromkeys(op for op, kinds in hidden if (op, kinds) not in composed)
    if "add" in ops:  # a sum may be made with +
        ops.pop("sum", None)
    if not ops or not any(_passes_on(outcome) for outcome in evidence.numeric):
        return [], []
    users = {
        form: None
        for form, known in composed.items()
        if form in hidden or known is None or known.ops.keys() & ops.keys()
    }
    concerned = [
        outcome
        for outcome in evidence.outcomes
        if outcome.answer.hidden or any(form in users for form in forms_of(outcome))
    ]
    wrong = {id(outcome) for outcome in evidence.wrong}
    says = (
        f"{', '.join(ops)} {'set' if len(ops) > 1 else 'sets'} backward of the result, which hides "
        "the backward of the class: what an op passes on must be kept where other ops keep it"
    )
    cases = [outcome for outcome in concerned if id(outcome) in wrong]
    if not cases:
        return [], []
    victims = dict.fromkeys(op for op, kinds in users if composed[op, kinds] and op not in ops)
    return [
        Cause("no-gradient", next(iter(ops)) if len(ops) == 1 else "", says, cases, [*victims])
    ], concerned


def _in_every_value(evidence: Evidence) -> Iterator[Cause]:
    """Yield the cause if leaves have a backward of their own, too, and none passes anything on."""
    numeric = evidence.numeric
    if all(map(_is_in_leaf, numeric)) and not any(any(x.answer.grad) for x in numeric):
        says = (
            "each Value has an attribute backward of its own, as if __init__ set it; it hides the "
            "method of the class"
        )
        yield Cause("no-gradient", "", says, [*evidence.wrong])


def _is_in_leaf(outcome: Outcome) -> bool:
    """Whether a leaf has a backward of its own."""
    steps = outcome.answer.program.steps
    return any(not steps[i].args for i in outcome.answer.hidden)


def _passes_on(outcome: Outcome) -> bool:
    """Whether a graph without such results is right, and something is passed on in it."""
    program, answer = outcome.answer.program, outcome.answer
    return not (outcome.failed or answer.hidden) and any(
        grad and step != program.root
        for step, grad in zip(program.step_of_node, answer.grad, strict=True)
    )


def _hidden(outcome: Outcome) -> list[tuple[str, str]]:
    """Return the ops with results that have a backward of their own, with kinds of operands."""
    program = outcome.answer.program
    return [(program.steps[i].op, program.kinds(i)[:2]) for i in outcome.answer.hidden]
