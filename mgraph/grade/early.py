"""Finds an order of the backward pass that explains gradients, if nodes pass on too early.

Which wrong order an engine has may depend on anything. But whatever it is, every node still gets
what its users pass on; and what a node passes on itself is made of what some of its users had
passed on before.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.grade.program import NUMBER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mgraph.grade.program import Program

    PassedOn = Callable[[int, int, float], float | None]
    """From a step, the index of an operand and the step's adjoint to what the operand receives."""
    Near = Callable[[float | None, float], bool]

TRIES: Final = 2_000
"""Choices after which it is given up."""
_USERS: Final = 6  # of more users, there are too many choices


class _Choice(NamedTuple):
    """What a step passes on.

    Attributes:
        adjoint: What it has when it passes on.
        before: The users that have passed on before.
        after: Those that pass on too late.
    """

    adjoint: float
    before: tuple[int, ...]
    after: tuple[int, ...]


def early_order(
    program: Program, passed_on: PassedOn, grads: Sequence[float | None], near: Near
) -> tuple[list[int] | None, int]:
    """Return an order in which each step passes on once, after at least one of its users.

    Args:
        program: The program.
        passed_on: What the operands of steps receive.
        grads: The engine's adjoints, by step; None where they aren't known.
        near: Whether a number is the one that is expected.

    Returns:
        Steps in an order that gives these adjoints, or None if there is none, or none was found;
        and the number of choices that were tried.
    """
    users = _users(program)
    steps = [*users]
    chosen: dict[int, _Choice] = {}
    open_: list[Iterator[_Choice]] = [iter((_Choice(1.0, (), ()),))]
    for tries in range(TRIES):
        if not open_:
            return None, tries
        step = steps[len(open_) - 1]
        choice = next(open_[-1], None)
        if choice is None:
            chosen.pop(step, None)
            open_.pop()
            continue
        chosen[step] = choice
        if len(open_) < len(steps):
            below = steps[len(open_)]
            open_.append(_choices(program, below, users[below], chosen, passed_on, grads, near))
        elif (order := _sorted(steps, chosen)) is not None:
            return order, tries
    return None, TRIES


def _users(program: Program) -> dict[int, list[int]]:
    """Return the steps on which the root depends, users first, each with its users."""
    users: dict[int, list[int]] = {program.root: []}
    for step in range(program.root, -1, -1):
        for arg in dict.fromkeys(program.steps[step].args if step in users else ()):
            if program.steps[arg].op != NUMBER:
                users.setdefault(arg, []).append(step)
    return dict(sorted(users.items(), reverse=True))


def _choices(  # noqa: PLR0913, PLR0917 - what is known of a step
    program: Program, step: int, users: Sequence[int], chosen: dict[int, _Choice],
    passed_on: PassedOn, grads: Sequence[float | None], near: Near,
) -> Iterator[_Choice]:  # fmt: skip
    """Yield what a step may pass on; first all that it gets, as it should."""
    gets: dict[int, float] = {}
    for user in users:
        args = program.steps[user].args
        parts = [
            passed_on(user, k, chosen[user].adjoint) for k, arg in enumerate(args) if arg == step
        ]
        if any(part is None for part in parts):
            return
        gets[user] = sum(part for part in parts if part is not None)
    if grads[step] is not None and not near(grads[step], sum(gets.values())):
        return
    yield _Choice(sum(gets.values()), tuple(users), ())
    if not program.steps[step].args or len(users) > _USERS:
        return
    for count in range(len(users) - 1, 0, -1):
        for before in combinations(users, count):
            after = tuple(user for user in users if user not in before)
            yield _Choice(sum(gets[user] for user in before), before, after)


def _sorted(steps: Sequence[int], chosen: dict[int, _Choice]) -> list[int] | None:
    """Return the steps so that those that must pass on before others do; None if they can't."""
    waits: dict[int, set[int]] = {step: {*chosen[step].before} for step in steps}
    for step in steps:
        for late in chosen[step].after:
            waits[late].add(step)
    order: list[int] = []
    left = [*steps]
    while left:
        ready = next((step for step in left if waits[step].isdisjoint(left)), None)
        if ready is None:
            return None
        order.append(ready)
        left.remove(ready)
    return order
