"""Observations: what an engine's numbers show about single ops."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mgraph.grade.outcomes import at_kink
from mgraph.grade.program import LEAF, NUMBER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mgraph.grade.outcomes import Answer, Outcome
    from mgraph.grade.program import Program

SIMULATED = 300
"""Cases with more steps than this are not simulated with every hypothesis."""


class Observation(NamedTuple):
    """One op in one case: what went in, and what the engine made of it.

    Attributes:
        op: Its name.
        kinds: Which operands were Values (V), and which were plain numbers (N).
        xs: Its inputs.
        y: The output that the engine computed.
        upstream: The adjoint that the engine gave to the op; None where several paths lead from
            it to the root, so that the adjoint shows nothing about a single op.
        passed: The adjoint that each operand received; None where it received others, too.
        outcome: The case in which the op was observed.
        step: Its step there.
    """

    op: str
    kinds: str
    xs: tuple[float, ...]
    y: float
    upstream: float | None
    passed: tuple[float | None, ...]
    outcome: Outcome
    step: int


def nodes_of(outcome: Outcome) -> dict[int, int]:
    """Return the node that each step computes; some steps compute none."""
    steps = outcome.answer.program.step_of_node
    return {step: node for node, step in enumerate(steps) if step >= 0}


def leaf_pairs(outcome: Outcome) -> Iterator[tuple[float, float]]:
    """Yield for each leaf the number it was given, and the number it holds after the run."""
    program, data = outcome.answer.program, outcome.answer.data
    for node, step in enumerate(program.step_of_node):
        if step >= 0 and program.steps[step].op == LEAF:
            got = data[node]
            if got is not None:
                yield program.steps[step].x, got


def computed(outcome: Outcome, name: str) -> Iterator[float]:
    """Yield the numbers that an engine computed: "data" of ops, or "grad" of all nodes."""
    program = outcome.answer.program
    numbers = outcome.answer.data if name == "data" else outcome.answer.grad
    for node, step in enumerate(program.step_of_node):
        got = numbers[node]
        if step >= 0 and got is not None and (name == "grad" or program.steps[step].args):
            yield got


def root_pair(outcome: Outcome) -> tuple[float, float] | None:
    """Return the data and gradient of the root, or None if the root is not a node."""
    node = nodes_of(outcome).get(outcome.answer.program.root)
    if node is None:
        return None
    data, grad = outcome.answer.data[node], outcome.answer.grad[node]
    return None if data is None or grad is None else (data, grad)


def observed(outcome: Outcome) -> Iterator[Observation]:
    """Yield the observations of a case, op by op."""
    answer = outcome.answer
    program, nodes = answer.program, nodes_of(outcome)
    if is_long(outcome):
        return
    users: dict[int, list[int]] = {}
    for i, step in enumerate(program.steps):
        for arg in step.args:
            users.setdefault(arg, []).append(i)
    has_one_path = _has_one_path(outcome, users)
    for i, step in enumerate(program.steps):
        if not step.args or i not in nodes or not _are_known(outcome, nodes, i):
            continue
        xs = tuple(_datum(answer, nodes, arg) for arg in step.args)
        grad = _upstream(outcome, nodes[i], i) if has_one_path[i] else None
        passed = tuple(
            _received(answer, arg, nodes[arg])
            if has_one_path[i] and users[arg] == [i] and arg in nodes
            else None
            for arg in step.args
        )
        y: float = answer.data[nodes[i]]  # type: ignore[assignment]
        yield Observation(step.op, program.kinds(i), xs, y, grad, passed, outcome, i)


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


def _has_one_path(outcome: Outcome, users: Mapping[int, Sequence[int]]) -> list[bool]:
    """Say for each step whether exactly one path leads from it to the root."""
    program = outcome.answer.program
    has_one = [False] * len(program.steps)
    for i in range(len(program.steps) - 1, -1, -1):
        own = users.get(i, ())
        has_one[i] = (i == program.root and not own) or (len(own) == 1 and has_one[own[0]])
    return has_one


def shows_partial(observation: Observation, operand: int) -> bool:
    """Whether an observation shows the local derivative by an operand."""
    return (
        observation.upstream is not None
        and observation.upstream != 0.0
        and observation.passed[operand] is not None
        and not at_kink(observation.op, observation.xs)
    )


def _received(answer: Answer, step: int, node: int) -> float | None:
    """Return the adjoint of an operand; a leaf that has none has received nothing."""
    got = answer.grad[node]
    return 0.0 if got is None and answer.program.steps[step].op == LEAF else got


def _upstream(outcome: Outcome, node: int, step: int) -> float | None:
    """Return a node's adjoint: the engine's, or the right one where the engine keeps none."""
    grad = outcome.answer.grad[node]
    if grad is not None:
        return grad
    if step == outcome.answer.program.root:
        return 1.0
    if outcome.failed:
        return None  # the engine may have had another
    return (outcome.case.want.grad or {}).get(outcome.case.graph.columns.ids[node])


def is_long(outcome: Outcome) -> bool:
    """Whether a case is too long to be simulated with every hypothesis."""
    return len(outcome.answer.program.steps) > SIMULATED


def uses(outcome: Outcome, op: str, forms: Sequence[str] = ()) -> bool:
    """Whether a case has an op, on operands of one of the given kinds if any are given."""
    program = outcome.answer.program
    return any(
        step.op == op and (not forms or program.kinds(i)[:2] in forms)
        for i, step in enumerate(program.steps)
    )


def forms_of(outcome: Outcome) -> dict[tuple[str, str], None]:
    """Return the ops of a case, with the kinds of their first two operands."""
    program = outcome.answer.program
    steps = enumerate(program.steps)
    return dict.fromkeys((step.op, program.kinds(i)[:2]) for i, step in steps if step.args)


class LeafUse(NamedTuple):
    """What a leaf is an operand of.

    Attributes:
        op: The op.
        kinds: The kinds of its first two operands.
        operand: The index of the operand.
        caller: The op that calls it, if the leaf is an operand of that one.
    """

    op: str
    kinds: str
    operand: int
    caller: str = ""


def leaf_uses(outcome: Outcome, ran: Program) -> Iterator[tuple[bool, dict[LeafUse, None]]]:
    """Yield for each leaf whether its number has changed, and its uses, with those in parts of ops.

    Args:
        outcome: The outcome of a case.
        ran: Its program, with the parts of which the engine composes some ops.
    """
    program, data = outcome.answer.program, outcome.answer.data
    known = outcome.answer.compositions or {}
    for node, leaf in enumerate(program.step_of_node):
        if leaf < 0 or program.steps[leaf].op != LEAF or data[node] is None:
            continue
        own = [*_uses_of(program, leaf), *_uses_of(ran, ran.step_of_node[node])]
        inner = [
            LeafUse(op, use.kinds, use.operand, use.op)
            for use in own
            if (composition := known.get((use.op, use.kinds))) is not None
            for op in composition.calls
        ]
        yield data[node] != program.steps[leaf].x, dict.fromkeys((*own, *inner))


def _uses_of(program: Program, leaf: int) -> Iterator[LeafUse]:
    for i, step in enumerate(program.steps):
        for k, arg in enumerate(step.args):
            if arg == leaf:
                yield LeafUse(step.op, program.kinds(i)[:2], k)
