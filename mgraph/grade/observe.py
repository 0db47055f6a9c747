"""What an engine's numbers say about single ops."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mgraph.grade.judge import at_kink
from mgraph.grade.program import LEAF, NUMBER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mgraph.grade.judge import Answer, Outcome

SIMULATED = 300
"""Steps from which on a case is too long to be tried with every hypothesis."""


class Seen(NamedTuple):
    """An op, as it was seen at work.

    Attributes:
        op: Its name.
        kinds: Which operands were Values.
        xs: Its inputs.
        y: Its output, as the engine has it.
        upstream: Its adjoint, as the engine has it; None where that doesn't say enough.
        passed: What each operand received, where nothing else passed anything on to it.
        outcome: Where.
    """

    op: str
    kinds: str
    xs: tuple[float, ...]
    y: float
    upstream: float | None
    passed: tuple[float | None, ...]
    outcome: Outcome


def nodes_of(outcome: Outcome) -> dict[int, int]:
    """Return the node of each step that is one."""
    return {place: node for node, place in enumerate(outcome.answer.program.places) if place >= 0}


def leaf_pairs(outcome: Outcome) -> Iterator[tuple[float, float]]:
    """Yield what leaves were given, and what they hold after the run."""
    program, data = outcome.answer.program, outcome.answer.data
    for node, place in enumerate(program.places):
        if place >= 0 and program.steps[place].op == LEAF:
            got = data[node]
            if got is not None:
                yield program.steps[place].x, got


def computed(outcome: Outcome, name: str) -> Iterator[float]:
    """Yield the numbers that an engine worked out: "data" of ops, or "grad"."""
    program = outcome.answer.program
    numbers = outcome.answer.data if name == "data" else outcome.answer.grad
    for node, place in enumerate(program.places):
        got = numbers[node]
        if place >= 0 and got is not None and (name == "grad" or program.steps[place].args):
            yield got


def root_pair(outcome: Outcome) -> tuple[float, float] | None:
    """Return data and gradient of the root, if it is a node."""
    node = nodes_of(outcome).get(outcome.answer.program.root)
    if node is None:
        return None
    data, grad = outcome.answer.data[node], outcome.answer.grad[node]
    return None if data is None or grad is None else (data, grad)


def observed(outcome: Outcome) -> Iterator[Seen]:
    """Yield the ops of a case as they were seen at work."""
    answer = outcome.answer
    program, nodes = answer.program, nodes_of(outcome)
    if is_long(outcome):
        return
    users: dict[int, list[int]] = {}
    for i, step in enumerate(program.steps):
        for arg in step.args:
            users.setdefault(arg, []).append(i)
    alone = _alone(outcome, users)
    for i, step in enumerate(program.steps):
        if not step.args or i not in nodes or not _are_known(outcome, nodes, i):
            continue
        xs = tuple(_datum(answer, nodes, arg) for arg in step.args)
        grad = _upstream(outcome, nodes[i]) if alone[i] else None
        passed = tuple(
            answer.grad[nodes[arg]] if alone[i] and users[arg] == [i] and arg in nodes else None
            for arg in step.args
        )
        y: float = answer.data[nodes[i]]  # type: ignore[assignment]
        yield Seen(step.op, program.kinds(i), xs, y, grad, passed, outcome)


def _are_known(outcome: Outcome, nodes: Mapping[int, int], i: int) -> bool:
    program, data = outcome.answer.program, outcome.answer.data
    return data[nodes[i]] is not None and all(
        program.steps[arg].op == NUMBER or (arg in nodes and data[nodes[arg]] is not None)
        for arg in program.steps[i].args
    )


def _datum(answer: Answer, nodes: Mapping[int, int], step: int) -> float:
    if answer.program.steps[step].op == NUMBER:
        return answer.program.steps[step].x
    return answer.data[nodes[step]]  # type: ignore[return-value]


def _alone(outcome: Outcome, users: Mapping[int, Sequence[int]]) -> list[bool]:
    """Mark the steps from which just one way leads to the root."""
    program = outcome.answer.program
    alone = [False] * len(program.steps)
    for i in range(len(program.steps) - 1, -1, -1):
        used = users.get(i, ())
        alone[i] = (i == program.root and not used) or (len(used) == 1 and alone[used[0]])
    return alone


def says_slope(each: Seen, place: int) -> bool:
    """Whether an observation tells the local slope by an operand."""
    return (
        each.upstream is not None
        and each.upstream != 0.0
        and each.passed[place] is not None
        and not at_kink(each.op, each.xs)
    )


def _upstream(outcome: Outcome, node: int) -> float | None:
    """Return the adjoint of a node; what it must be, where the engine keeps none."""
    grad = outcome.answer.grad[node]
    return (
        (outcome.case.want.grad or {}).get(outcome.case.graph.columns.ids[node], grad)
        if (grad is None)
        else grad
    )


def is_long(outcome: Outcome) -> bool:
    """Whether a case is too long to be tried with every hypothesis."""
    return len(outcome.answer.program.steps) > SIMULATED


def uses(outcome: Outcome, op: str, forms: Sequence[str] = ()) -> bool:
    """Whether a case has an op; with certain kinds of operands, if any are given."""
    program = outcome.answer.program
    return any(
        step.op == op and (not forms or program.kinds(i)[:2] in forms)
        for i, step in enumerate(program.steps)
    )


def leaf_uses(outcome: Outcome) -> Iterator[tuple[bool, set[tuple[str, int]]]]:
    """Yield of each leaf whether its number was changed, and as what it was used: op and place."""
    program, data = outcome.answer.program, outcome.answer.data
    for node, place in enumerate(program.places):
        if place < 0 or program.steps[place].op != LEAF or data[node] is None:
            continue
        used = {
            (step.op, k)
            for step in program.steps
            for k, arg in enumerate(step.args)
            if arg == place
        }
        yield data[node] != program.steps[place].x, used
