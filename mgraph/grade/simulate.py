"""How an engine with certain faults would run a program."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.grade.program import LEAF, NUMBER
from mgraph.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from mgraph.grade.program import Program

    Value = Callable[[Sequence[float]], float]
    Passed = Callable[[Sequence[float], float, float], float]
    """Inputs, output and upstream adjoint to what one operand receives."""
    Order = Callable[[Program], Iterable[tuple[int, int]]]
    """The order in which steps pass on: each step and one of its operands, by place."""

MOST: Final = 50_000
"""Contributions of one backward: a graph that is walked path by path may have any number."""


class Simulated(NamedTuple):
    """The numbers of an engine, by step.

    Attributes:
        data: Primals.
        grad: Adjoints.
        unknown: Whether a rule was met of which nobody knows what it gives.
    """

    data: Sequence[float]
    grad: Sequence[float]
    unknown: bool


class Rules(NamedTuple):
    """How an engine behaves.

    Attributes:
        values: What an op gives, by op and kinds of operands, where that is not as in the table;
            None: nobody knows.
        slopes: What an operand receives, by op, kinds and place, likewise.
        leaf: What a leaf makes of its number.
        order: The order of the backward pass.
        keeps: Whether an operand's adjoint is set (instead of added to) by an op, at a place.
        resets: Whether that happens to an operand once for each op, before it adds.
        once: Whether only the last place counts where an operand is used twice by such an op.
        seed: The adjoint of the root.
        start: The adjoint that every step begins with.
        start_all: Whether what is neither a leaf nor the root begins with it, too.
        clip: What becomes of an adjoint and what is added to it.
        visit: What becomes of a step's adjoint before it is passed on.
        upstream: What is passed on of a step's adjoint.
        kinks: Slopes at the kinks, by op.
    """

    values: Mapping[tuple[str, str], Value | None] = {}
    slopes: Mapping[tuple[str, str, int], Passed | None] = {}
    leaf: Callable[[float], float] | None = None
    order: Order | None = None
    keeps: Callable[[str, int], bool] | None = None
    resets: bool = False
    once: Callable[[str], bool] | None = None
    seed: Callable[[float], float] | None = None
    start: float = 0.0
    start_all: bool = True
    clip: Callable[[float, float], float] | None = None
    visit: Callable[[float], float] | None = None
    upstream: Callable[[float], float] | None = None
    kinks: Mapping[str, Sequence[float]] = {}


CORRECT: Final = Rules()
CHOOSING: Final = ("max", "min")
"""Ops that usually do nothing at all for the operand that isn't chosen."""


def simulate(program: Program, rules: Rules) -> Simulated:
    """Run a program as an engine with these rules would."""
    data, unknown = _forward(program, rules)
    grad, slopes = _start(program, rules, data), _slopes(program, rules, data)
    last, olds = -1, dict[int, float]()
    for count, (step, place) in enumerate((rules.order or as_made)(program)):
        if count > MOST:
            return Simulated(data, grad, unknown=True)
        if place < 0:  # visited, with nothing to pass on
            grad[step] = rules.visit(grad[step]) if rules.visit else grad[step]
            continue
        made = program.steps[step]
        if step != last or place == 0:
            last, olds = step, {}
            grad[step] = rules.visit(grad[step]) if rules.visit else grad[step]
        arg = made.args[place]
        if program.steps[arg].op == NUMBER:
            continue
        upstream = rules.upstream(grad[step]) if rules.upstream else grad[step]
        passed = slopes(step, place, upstream)
        if passed is None:
            return Simulated(data, grad, unknown=True)
        base = grad[arg]
        if rules.once and rules.once(made.op):
            base = olds.setdefault(arg, base)
        if rules.keeps and rules.keeps(made.op, place):
            if passed == 0.0 and made.op in CHOOSING:
                continue
            base = base if rules.resets and arg in olds else 0.0
            olds[arg] = 0.0
        grad[arg] = rules.clip(base, passed) if rules.clip else base + passed
    return Simulated(data, grad, unknown)


def _start(program: Program, rules: Rules, data: Sequence[float]) -> list[float]:
    """Return the adjoints with which the backward pass begins."""
    grad = [rules.start] * len(data)
    for step in () if rules.start_all else postorder(program):
        grad[step] = rules.start if program.steps[step].op == LEAF else 0.0
    grad[program.root] = rules.seed(data[program.root]) if rules.seed else 1.0
    return grad


def _forward(program: Program, rules: Rules) -> tuple[list[float], bool]:
    data: list[float] = []
    unknown = False
    for i, step in enumerate(program.steps):
        if step.op == NUMBER:
            data.append(step.x)
        elif step.op == LEAF:
            data.append(rules.leaf(step.x) if rules.leaf else step.x)
        else:
            xs = [data[arg] for arg in step.args]
            key = (step.op, program.kinds(i)[:2]) if rules.values else ("", "")
            if key in rules.values:
                wrong = rules.values[key]
                unknown = unknown or wrong is None
                data.append(wrong(xs) if wrong else OPS[step.op].value(xs))
            else:
                data.append(OPS[step.op].value(xs))
    return data, unknown


def _slopes(
    program: Program, rules: Rules, data: Sequence[float]
) -> Callable[[int, int, float], float | None]:
    known: dict[int, tuple[float, ...]] = {}

    def passed(i: int, place: int, upstream: float) -> float | None:
        step = program.steps[i]
        xs = [data[arg] for arg in step.args]
        if rules.slopes:
            key = (step.op, program.kinds(i)[:2], place)
            if key in rules.slopes:
                wrong = rules.slopes[key]
                return wrong(xs, data[i], upstream) if wrong else None
        if i not in known:
            partials = OPS[step.op].partials(xs, data[i])
            if step.op in rules.kinks and OPS[step.op].kink_distance(*xs) == 0.0:
                partials = tuple(rules.kinks[step.op])
            known[i] = partials
        return known[i][place] * upstream

    return passed


# --- orders of the backward pass -----------------------------------------------------------------


def places(program: Program, step: int) -> Iterator[tuple[int, int]]:
    """Yield what one step passes on, operand by operand; -1 where it has none."""
    count = len(program.steps[step].args)
    return ((step, place) for place in (range(count) if count else (-1,)))


def whole(steps: Callable[[Program], Iterable[int]]) -> Order:
    """Return the order in which each step passes on to all of its operands at once."""

    def events(program: Program) -> Iterator[tuple[int, int]]:
        for step in steps(program):
            yield from places(program, step)

    return events


def as_made(program: Program) -> Iterator[tuple[int, int]]:
    """Walk from the root back in the order of making: the users of a step before it."""
    for step in range(program.root, -1, -1):
        yield from places(program, step)


def postorder(program: Program, *, flip: bool = False, revisit: bool = False) -> list[int]:
    """List what the root depends on, operands before users, by a walk into the depth.

    Args:
        program: The program.
        flip: Whether the last operand is walked into first.
        revisit: Whether a step that was seen is walked into once more.
    """
    found: list[int] = []
    seen = bytearray(len(program.steps))
    todo = [(program.root, False)]
    while todo and len(found) < MOST:
        step, done = todo.pop()
        if done:
            found.append(step)
        elif revisit or not seen[step]:
            seen[step] = 1
            todo.append((step, True))
            args = program.steps[step].args
            todo.extend((arg, False) for arg in (args if flip else reversed(args)))
    return found


def preorder(program: Program, *, flip: bool = False, revisit: bool = False) -> list[int]:
    """List what the root depends on, users before operands, by a walk into the depth."""
    found: list[int] = []
    seen = bytearray(len(program.steps))
    todo = [program.root]
    while todo and len(found) < MOST:
        step = todo.pop()
        if seen[step] and not revisit:
            continue
        seen[step] = 1
        found.append(step)
        args = program.steps[step].args
        todo.extend(args if flip else reversed(args))
    return found


def breadth_first(program: Program, *, revisit: bool = False) -> list[int]:
    """List what the root depends on, level by level from the root."""
    found: list[int] = []
    seen = bytearray(len(program.steps))
    seen[program.root] = 1
    todo = deque([program.root])
    while todo and len(found) < MOST:
        step = todo.popleft()
        found.append(step)
        for arg in program.steps[step].args:
            if revisit or not seen[arg]:
                seen[arg] = 1
                todo.append(arg)
    return found


def marked_when_pushed(program: Program, *, flip: bool = False) -> list[int]:
    """List what the root depends on by a walk that marks a step as seen before it is there."""
    found: list[int] = []
    seen = bytearray(len(program.steps))
    seen[program.root] = 1
    todo = [(program.root, False)]
    while todo:
        step, done = todo.pop()
        if done:
            found.append(step)
            continue
        todo.append((step, True))
        args = program.steps[step].args
        for arg in args if flip else reversed(args):
            if not seen[arg]:
                seen[arg] = 1
                todo.append((arg, False))
    return found


def by_distance(program: Program, *, up: bool = False) -> list[int]:
    """List what the root depends on by the shortest way to the root, or down to a leaf.

    Args:
        program: The program.
        up: Whether ways are counted from the leaves, and the farthest come first.
    """
    steps = postorder(program)[::-1]  # users first, where ways are as long
    far = dict.fromkeys(steps, len(steps))
    if up:
        for step in reversed(steps):
            args = program.steps[step].args
            far[step] = 1 + min(far[arg] for arg in args) if args else 0
        return sorted(steps, key=lambda step: -far[step])
    far[program.root] = 0
    for step in breadth_first(program):
        for arg in program.steps[step].args:
            far[arg] = min(far[arg], far[step] + 1)
    return sorted(steps, key=lambda step: far[step])


def interleaved(program: Program) -> Iterator[tuple[int, int]]:
    """Pass on to one operand and walk into it at once, then to the next: no step is kept back."""
    todo = [(program.root, 0)]
    while todo:
        step, place = todo.pop()
        args = program.steps[step].args
        if place == 0 and not args:
            yield step, -1
        if place < len(args):
            yield step, place
            todo.extend(((step, place + 1), (args[place], 0)))
