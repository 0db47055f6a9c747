"""Orders in which engines go through a program in the backward pass, right and wrong ones."""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from heapq import heappop, heappush
from itertools import chain, islice, product
from typing import TYPE_CHECKING, Final

from mgraph.grade.program import NUMBER
from mgraph.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from mgraph.grade.program import Program

    Order = Callable[[Program], Iterable[tuple[int, int]]]
    """The order of the backward pass: pairs of a step and the index of one of its operands."""
    Rank = Callable[[Program, Sequence[float]], Sequence[float]]
    """From a program and its primals to a number for each step."""

MOST: Final = 50_000
"""Limit of contributions in one backward pass: a graph walked path by path has too many."""
MOST_VISITS: Final = 5_000
"""Limit of visits where steps come again in an order of their own, or on each path by itself."""
_CHOICES: Final = 64
"""Limit of the choices that are tried in one graph, where an engine may have any of them."""
_KEPT: Final = 512
"""How many programs each order of the backward pass is kept for: as many as there are cases."""
ALL_OPERANDS: Final = slice(None)
FIRST_OPERAND: Final = slice(1)
LAST_OPERAND: Final = slice(-1, None)
STOPPING: Final = ("max", "min", "relu")
"""Ops that may pass nothing on."""


def events_of(program: Program, step: int) -> Iterator[tuple[int, int]]:
    """Return a step with each of its operands in turn; with -1 if it has none."""
    count = len(program.steps[step].args)
    return ((step, operand) for operand in (range(count) if count else (-1,)))


def all_operands(steps: Callable[[Program], Iterable[int]]) -> Order:
    """Return the order in which each of these steps passes on to all of its operands."""

    @lru_cache(_KEPT)
    def events(program: Program) -> Sequence[tuple[int, int]]:
        listed = chain.from_iterable(events_of(program, step) for step in steps(program))
        most = MOST + 2 + sum(len(step.args) for step in program.steps)
        return tuple(islice(listed, most))

    return events


def _descending(program: Program) -> Iterator[int]:
    """Yield the steps on which the root depends, from the last to the first."""
    needed = bytearray(len(program.steps))
    needed[program.root] = 1
    for step in range(program.root, -1, -1):
        if needed[step]:
            for arg in program.steps[step].args:
                needed[arg] = 1
            yield step


as_written: Final = all_operands(_descending)
"""The order from the last step to the first, of those on which the root depends."""


def distinct(program: Program) -> Program:
    """Return a program in which no step has the same operand twice, to list an order of it."""
    steps = tuple(step._replace(args=tuple(dict.fromkeys(step.args))) for step in program.steps)
    return program._replace(steps=steps)


def postorder(
    program: Program, *, flip: bool = False, revisit: bool = False, again: bool = False
) -> list[int]:
    """List the steps that the root depends on in depth-first order, operands before users.

    Args:
        program: The program.
        flip: Whether to visit the last operand first.
        revisit: Whether to visit steps again that were visited before.
        again: Whether to list such steps again, without visiting their operands.
    """
    order: list[int] = []
    seen = bytearray(len(program.steps))
    todo = [(program.root, False)]
    while todo and len(order) < MOST:
        step, is_done = todo.pop()
        if is_done:
            order.append(step)
        elif revisit or not seen[step]:
            seen[step] = 1
            todo.append((step, True))
            args = program.steps[step].args
            todo.extend((arg, False) for arg in (args if flip else reversed(args)))
        elif again:
            order.append(step)
    return order


def appended_after_each(program: Program, *, flip: bool = False) -> list[int]:
    """List the steps as `postorder` does, but each after each of its operands, and no leaves.

    Args:
        program: The program.
        flip: Whether to visit the last operand first.
    """
    order: list[int] = []
    seen = bytearray(len(program.steps))
    seen[program.root] = 1
    todo = [(program.root, 0)]
    while todo:
        step, count = todo.pop()
        args = program.steps[step].args[:: -1 if flip else 1]
        if count:
            order.append(step)
        if count < len(args):
            todo.append((step, count + 1))
            if not seen[args[count]]:
                seen[args[count]] = 1
                todo.append((args[count], 0))
    return order


def first_of_equals(program: Program, data: Sequence[float], *, flip: bool = False) -> list[int]:
    """List the steps as `postorder` does, users first, but of those with one primal only one."""
    order: list[int] = []
    seen: dict[float, None] = {}
    todo = [(program.root, False)]
    while todo:
        step, is_done = todo.pop()
        if is_done:
            order.append(step)
        elif data[step] not in seen:
            seen[data[step]] = None
            todo.append((step, True))
            args = program.steps[step].args
            todo.extend((arg, False) for arg in (args if flip else reversed(args)))
    return order[::-1]


def any_of_equals(program: Program, data: Sequence[float]) -> Iterator[list[int]]:
    """Yield orders in which, of the steps below the root with one primal, there is only one.

    It may be any of them. Leaves pass nothing on, so that one of them stands for all.
    """
    ops: dict[float, list[int]] = {}
    leaves: dict[float, list[int]] = {}
    for step in _descending(program):
        (ops if program.steps[step].args else leaves).setdefault(data[step], []).append(step)
    equal = (leaves.get(x, [])[:1] + ops.get(x, []) for x in leaves | ops)
    for kept in islice(product(*equal), _CHOICES):
        yield sorted(kept, reverse=True)


def one_of_equals_by_level(program: Program, data: Sequence[float]) -> list[int]:
    """List the steps below the root, but of the operands of a level with one primal only one."""
    known = {program.root: None}
    level = [program.root]
    while level:
        found = {data[arg]: arg for step in level for arg in program.steps[step].args}
        level = [arg for arg in found.values() if arg not in known]
        known |= dict.fromkeys(level)
    return sorted(known, reverse=True)


def walked_by_number(program: Program, data: Sequence[float], *, last: bool) -> list[int]:
    """List the steps found from the root, the newest first, but of those with one primal only one.

    Args:
        program: The program.
        data: Its primals, by step.
        last: Whether the walk goes on from the step that was found last, or else first.
    """
    known = {data[program.root]: program.root}
    todo = deque([program.root])
    while todo:
        for arg in program.steps[todo.pop() if last else todo.popleft()].args:
            if data[arg] not in known:
                known[data[arg]] = arg
                todo.append(arg)
    return sorted(known.values(), reverse=True)


def without_stopped(program: Program, data: Sequence[float]) -> Program:
    """Return a program without the operands to which `STOPPING` ops pass nothing on.

    Args:
        program: The program.
        data: Its primals, by step.
    """
    steps = list(program.steps)
    for i, step in enumerate(program.steps):
        if step.op in STOPPING:
            partials = _slopes(program, data, i)
            kept = (arg for arg, own in zip(step.args, partials, strict=True) if own != 0.0)
            steps[i] = step._replace(args=tuple(kept))
    return program._replace(steps=tuple(steps))


def preorder(program: Program, *, flip: bool = False, revisit: bool = False) -> list[int]:
    """List the steps that the root depends on in depth-first order, users before operands."""
    order: list[int] = []
    seen = bytearray(len(program.steps))
    todo = [program.root]
    while todo and len(order) < MOST:
        step = todo.pop()
        if seen[step] and not revisit:
            continue
        seen[step] = 1
        order.append(step)
        args = program.steps[step].args
        todo.extend(args if flip else reversed(args))
    return order


def operands_listed_first(program: Program, *, flip: bool = False) -> list[int]:
    """List the root, then on each path all operands of a step, before those of its first one."""
    order = [program.root]
    todo = [program.root]
    while todo and len(order) < MOST:
        args = program.steps[todo.pop()].args[:: -1 if flip else 1]
        order.extend(args)
        todo.extend(reversed(args))
    return order


def breadth_first(program: Program, *, flip: bool = False, revisit: bool = False) -> list[int]:
    """List the steps that the root depends on, level by level from the root."""
    order: list[int] = []
    seen = bytearray(len(program.steps))
    seen[program.root] = 1
    todo = deque([program.root])
    while todo and len(order) < MOST:
        step = todo.popleft()
        order.append(step)
        args = program.steps[step].args
        for arg in reversed(args) if flip else args:
            if revisit or not seen[arg]:
                seen[arg] = 1
                todo.append(arg)
    return order


def marked_when_pushed(program: Program, *, flip: bool = False) -> list[int]:
    """List the steps that the root depends on as `postorder`, but mark them seen too early."""
    order: list[int] = []
    seen = bytearray(len(program.steps))
    seen[program.root] = 1
    todo = [(program.root, False)]
    while todo:
        step, is_done = todo.pop()
        if is_done:
            order.append(step)
            continue
        todo.append((step, True))
        args = program.steps[step].args
        for arg in args if flip else reversed(args):
            if not seen[arg]:
                seen[arg] = 1
                todo.append((arg, False))
    return order


def asked_when_pushed(program: Program, *, flip: bool = False) -> list[int]:
    """List steps as `postorder` does, but visit again what was put on the stack more than once."""
    order: list[int] = []
    seen = bytearray(len(program.steps))
    todo = [(program.root, False)]
    while todo:
        step, is_done = todo.pop()
        if is_done:
            order.append(step)
            continue
        seen[step] = 1
        todo.append((step, True))
        args = program.steps[step].args
        todo.extend((arg, False) for arg in (args if flip else reversed(args)) if not seen[arg])
    return order


def found_until_seen(program: Program, *, last: bool, flip: bool = False) -> list[int]:
    """List the steps found from the root, if a step's operands after one found before are left out.

    A plain number was never found before: an engine makes a new Value of it each time.

    Args:
        program: The program.
        last: Whether the walk goes on from the step that was found last, or else first.
        flip: Whether the last operand is looked at first.
    """
    seen = {program.root: None}
    todo = deque([program.root])
    while todo:
        args = program.steps[todo.pop() if last else todo.popleft()].args
        for arg in reversed(args) if flip else args:
            if arg in seen and program.steps[arg].op != NUMBER:
                break
            seen[arg] = None
            todo.append(arg)
    return [*seen]


def postorder_until_seen(
    program: Program, *, flip: bool = False, returns: bool = False
) -> list[int]:
    """List steps as `postorder` does, but visit no operands after one that was visited before.

    Plain numbers don't count, as in `found_until_seen`.

    Args:
        program: The program.
        flip: Whether the last operand is visited first.
        returns: Whether a step with such an operand isn't listed either.
    """
    order: list[int] = []
    seen = bytearray(len(program.steps))
    todo = [(program.root, 0)]
    while todo:
        step, count = todo.pop()
        args = program.steps[step].args[:: -1 if flip else 1]
        if count < len(args) and not seen[args[count]]:
            seen[args[count]] = program.steps[args[count]].op != NUMBER
            todo += [(step, count + 1), (args[count], 0)]
        elif count == len(args) or not returns:
            order.append(step)
    return order


def by_distance(program: Program, *, up: bool = False) -> list[int]:
    """List the steps that the root depends on by their distance from the root, nearest first.

    Args:
        program: The program.
        up: Whether to take the distance from the nearest leaf instead, farthest first.
    """
    steps = postorder(program)[::-1]  # at the same distance, users come first
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


def taken_from_stack(program: Program) -> list[int]:
    """List the steps that the root depends on as they are taken from a stack, each put there once.

    A step puts all of its operands there, from the first to the last.
    """
    order: list[int] = []
    seen = bytearray(len(program.steps))
    seen[program.root] = 1
    todo = [program.root]
    while todo:
        step = todo.pop()
        order.append(step)
        for arg in program.steps[step].args:
            if not seen[arg]:
                seen[arg] = 1
                todo.append(arg)
    return order


def from_one_user(
    steps: Callable[[Program], Iterable[int]], program: Program, *, last: bool
) -> list[tuple[int, int]]:
    """List how each step gets its adjoint from one of its users only, in a right order.

    Args:
        steps: The order in which users are found.
        program: The program.
        last: Whether the last user that is found counts, or else the first.
    """
    chosen: dict[int, tuple[int, int]] = {}
    for step in steps(program):
        for operand, arg in enumerate(program.steps[step].args):
            if last or arg not in chosen:
                chosen[arg] = step, operand
    return [
        (step, operand)
        for step, operand in as_written(program)
        if operand < 0 or chosen[program.steps[step].args[operand]] == (step, operand)
    ]


def discovered(program: Program) -> list[int]:
    """List the steps that the root depends on as a stack finds them: all operands at once."""
    order = [program.root]
    seen = bytearray(len(program.steps))
    seen[program.root] = 1
    todo = [program.root]
    while todo:
        for arg in program.steps[todo.pop()].args:
            if not seen[arg]:
                seen[arg] = 1
                order.append(arg)
                todo.append(arg)
    return order


def by_height(
    first: Callable[[Program], list[int]], program: Program, *, of: slice = ALL_OPERANDS
) -> list[int]:
    """List the steps that the root depends on by their longest path from a leaf, the highest first.

    Args:
        first: The order of steps of the same height.
        program: The program.
        of: The operands through which paths are counted.
    """
    height = heights(program, of)
    return sorted(first(program), key=lambda step: -height[step])


def heights(program: Program, of: slice = ALL_OPERANDS) -> list[int]:
    """Return the longest path from a leaf to each step, in steps, through some of the operands."""
    height: list[int] = []
    for step in program.steps:
        height.append(1 + max((height[arg] for arg in step.args[of]), default=0))
    return height


def uses(program: Program, users: Iterable[int], *, is_once: bool = False) -> list[int]:
    """Count for each step how often these users take it as an operand, or how many do."""
    count = [0] * len(program.steps)
    for step in users:
        args = program.steps[step].args
        for arg in dict.fromkeys(args) if is_once else args:
            count[arg] += 1
    return count


def ready_first(  # noqa: PLR0913 - what an engine may count
    program: Program, *, last: bool = False, flip: bool = False,
    is_once: bool = False, left: int = 0,
    users: Callable[[Program], Iterable[int]] | None = None,
) -> list[int]:  # fmt: skip
    """List the steps that the root depends on as soon as all of their users are listed.

    Args:
        program: The program.
        last: Whether the step that was ready last comes first, as from a stack.
        flip: Whether the last operand is counted first.
        is_once: Whether a user that has an operand twice is expected only once.
        left: How many users aren't waited for; a step that has no more isn't listed.
        users: The users that are counted; those on which the root depends, if None.
    """
    waiting = uses(program, (users or postorder)(program), is_once=is_once)
    order: list[int] = []
    ready = deque([program.root])
    while ready:
        step = ready.pop() if last else ready.popleft()
        order.append(step)
        args = program.steps[step].args
        for arg in reversed(args) if flip else args:
            waiting[arg] -= 1
            if waiting[arg] == left:
                ready.append(arg)
    return order


def added_again(  # noqa: PLR0913 - what an engine may do
    program: Program, data: Sequence[float], *, rank: Rank | None = None, last: bool = False,
    flip: bool = False, equal: bool = False, once: bool = False,
) -> list[int]:  # fmt: skip
    """List the steps as they come from a list of steps to visit, to which each visit adds operands.

    No step is in the list twice, but one that was visited may come again. Leaves aren't added.

    Args:
        program: The program.
        data: Its primals.
        rank: The number of each step; the step with the largest comes first.
        last: Whether of equal ones the step that was added last comes first.
        flip: Whether the last operand is added first.
        equal: Whether a step isn't added if one with the same primal is in the list.
        once: Whether a step isn't added if it was visited.
    """
    ranks = rank(program, data) if rank else [0.0] * len(program.steps)
    order: list[int] = []
    todo = [program.root]
    while todo and len(order) < MOST_VISITS:
        numbers = [ranks[step] for step in todo]
        most = max(numbers)
        k = len(todo) - 1 - numbers[::-1].index(most) if last else numbers.index(most)
        step = todo.pop(k)
        order.append(step)
        args = program.steps[step].args
        for arg in reversed(args) if flip else args:
            is_in = any(data[arg] == data[x] for x in todo) if equal else arg in todo
            if program.steps[arg].args and not is_in and not (once and arg in order):
                todo.append(arg)
    return order


def _slopes(program: Program, data: Sequence[float], i: int) -> Sequence[float]:
    """Return the partials of a step; 1 each, if some of its operands were cut off."""
    op, args = OPS[program.steps[i].op] if program.steps[i].args else None, program.steps[i].args
    if op is None or len(args) < op.inputs:
        return (1.0,) * len(args)
    return op.partials([data[arg] for arg in args], data[i])


def ready_when_told(program: Program, tells: Callable[[int, int], bool]) -> list[int]:
    """List the steps that the root depends on as soon as they were told by all of their users.

    Args:
        program: The program.
        tells: Whether a step tells an operand that it has passed on, from its index; it is asked in
            the order of the list.
    """
    waiting = uses(program, postorder(program))
    order = [program.root]
    for step in order:  # grows
        for operand, arg in enumerate(program.steps[step].args):
            if tells(step, operand):
                waiting[arg] -= 1
                if not waiting[arg]:
                    order.append(arg)
    return order


def ready_by_slopes(program: Program, data: Sequence[float]) -> list[int]:
    """List steps as `ready_first` does, but don't count down a user with a local derivative of 0.

    Args:
        program: The program.
        data: Its primals, by step.
    """
    return ready_when_told(program, lambda step, k: _slopes(program, data, step)[k] != 0.0)


def ready_by_passing(program: Program, data: Sequence[float]) -> list[int]:
    """List steps as `ready_first` does, but don't count down a user that passes on 0.

    Args:
        program: The program.
        data: Its primals, by step.
    """
    grad = [0.0] * len(program.steps)
    grad[program.root] = 1.0

    def tells(step: int, operand: int) -> bool:
        passed = _slopes(program, data, step)[operand] * grad[step]
        grad[program.steps[step].args[operand]] += passed
        return passed != 0.0

    return ready_when_told(program, tells)


def by_first_use(program: Program) -> list[int]:
    """List the steps as they are reached, the newest first, as if leaves were made when first used.

    A step is reached as soon as one of its users is listed.
    """
    made: dict[int, int] = {}
    for step, instruction in enumerate(program.steps):
        made.setdefault(step, 2 * step)
        for arg in instruction.args:
            if not program.steps[arg].args and made[arg] == 2 * arg:
                made[arg] = 2 * step + 1
    order: list[int] = []
    todo = [(-made[program.root], program.root)]
    seen = {program.root: None}
    while todo:
        _, step = heappop(todo)
        order.append(step)
        for arg in program.steps[step].args:
            if arg not in seen:
                seen[arg] = None
                heappush(todo, (-made[arg], arg))
    return order


def missed(op: str, operand: int, program: Program) -> list[int]:
    """List steps as `ready_first` does, but don't count down an op for one of its operands.

    Args:
        op: The op.
        operand: The index of the operand.
        program: The program.
    """
    lost = op, operand
    return ready_when_told(program, lambda step, k: (program.steps[step].op, k) != lost)


def told_once(program: Program, *, last: bool) -> Iterator[tuple[int, int]]:
    """Pass on as `ready_first` does, but only once to an operand that waits for each of its places.

    Each step is visited before it passes on; leaves are visited, too.

    Args:
        program: The program.
        last: Whether it gets what the last of these places gets, or else the first.
    """
    waiting = uses(program, postorder(program))
    ready = deque([program.root])
    while ready:
        step = ready.popleft()
        args = program.steps[step].args
        places = [len(args) - 1 - args[::-1].index(x) if last else args.index(x) for x in args]
        if 0 not in places:
            yield step, -1
        for arg, place in dict(zip(args, places, strict=True)).items():
            yield step, place
            waiting[arg] -= 1
            if not waiting[arg]:
                ready.append(arg)


def counted(program: Program, *, of: slice = ALL_OPERANDS) -> Iterator[tuple[int, int]]:
    """Pass on to one operand, and visit it at once if that was the last of its users.

    Args:
        program: The program.
        of: The operands to which a step passes on; all wait for it.
    """
    waiting = uses(program, postorder(program))
    todo = [(program.root, 0)]
    while todo:
        step, count = todo.pop()
        args = program.steps[step].args
        if not args:
            yield step, -1
        operands = range(len(args))[of]
        if count < len(operands):
            operand = operands[count]
            yield step, operand
            todo.append((step, count + 1))
            waiting[args[operand]] -= 1
            if not waiting[args[operand]]:
                todo.append((args[operand], 0))


def interleaved(program: Program, *, revisit: bool = True) -> Iterator[tuple[int, int]]:
    """Pass on to one operand and visit it at once, then go on to the next operand.

    Args:
        program: The program.
        revisit: Whether to visit operands again that were visited before.
    """
    seen = bytearray(len(program.steps))
    todo = [(program.root, 0)]
    while todo:
        step, operand = todo.pop()
        args = program.steps[step].args
        if operand == 0 and not args:
            yield step, -1
        if operand < len(args):
            yield step, operand
            todo.append((step, operand + 1))
            if revisit or not seen[args[operand]]:
                seen[args[operand]] = 1
                todo.append((args[operand], 0))
