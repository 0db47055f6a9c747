"""Orders in which engines visit nodes, right and wrong, and hypotheses of the wrong ones."""

from __future__ import annotations

from functools import partial
from itertools import chain, product
from typing import TYPE_CHECKING, Final

from mgraph.grade import traversals
from mgraph.grade.hypotheses.hypothesis import Hypothesis, odd, setting
from mgraph.grade.program import NUMBER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from mgraph.grade.program import Program
    from mgraph.grade.traversals import Order


_SCATTER: Final = 0x9E3779B1  # the bits of its multiples look random
EARLY: Final = "a node must wait until all nodes that use it have passed on their gradients"
_AGAIN: Final = "each node must pass its gradient on once, after all nodes that use it"
_BY_PATHS: Final = f"nodes are visited once for each path to them: {_AGAIN}"
_MORE: Final = (
    f"a node that gets more after it was visited passes its whole gradient on again: {_AGAIN}"
)


def wrong_orders() -> Iterator[Hypothesis]:
    """Yield wrong orders, the most usual ones first, and wrong counts of users."""
    for cause, says, steps in _traversals():
        yield Hypothesis(cause, "", says, setting(order=traversals.all_operands(steps)))
        if cause == "twice":  # operands in a set, in which each occurs once
            once = traversals.all_operands(partial(_of_distinct, steps))
            yield Hypothesis(cause, "", says, setting(order=once))
            passing = partial(of_passing, steps)  # backward goes only where something is passed on
            yield Hypothesis(cause, "", says, setting(by_number=passing))
    yield Hypothesis("twice", "", _BY_PATHS, setting(order=traversals.interleaved))
    says = (
        "a node is added to the topological order each time that it is met, as if a line were "
        f"indented too little: {_AGAIN}"
    )
    for steps in (_met, _met_flipped):
        for listed in (steps, partial(_of_distinct, steps)):
            yield Hypothesis("twice", "", says, setting(order=traversals.all_operands(listed)))
    yield from odd(chain(_odd_orders(), _counts(), _at_visits()))


def _odd_orders() -> Iterator[Hypothesis]:
    """Yield wrong orders that hardly any engine has."""
    steps: Callable[[Program], list[int]]
    says = f"nodes are sorted by their shortest path: {EARLY}"
    for steps in (traversals.by_distance, _by_height):
        yield Hypothesis("order", "", says, setting(order=traversals.all_operands(steps)))
    says = (
        "only the output and its operands pass their gradients on: backward stops after two levels"
    )
    change = setting(order=traversals.all_operands(_root_and_operands))
    yield Hypothesis("order", "", says, change)
    says = (
        "a node is added to the topological order once for each operand, as if a line were "
        f"indented too far: {_AGAIN}"
    )
    for steps in (_appended, _appended_flipped):
        yield Hypothesis("twice", "", says, setting(order=traversals.all_operands(steps)))
    says = (
        "whether a node was visited is checked only when it is put on the stack, not when it is "
        f"taken off, so some nodes are visited twice: {_AGAIN}"
    )
    for steps in (_asked, _asked_flipped, _asked_by_age, _asked_flipped_by_age):
        yield Hypothesis("twice", "", says, setting(order=traversals.all_operands(steps)))
    for again_by in _again_by():
        yield Hypothesis("twice", "", _MORE, setting(by_number=again_by))
    for which, from_list in (
        ("made first", partial(traversals.added_again, once=True, rank=_oldest)),
        ("added last", partial(traversals.added_again, once=True, last=True)),
        ("added last", partial(traversals.added_again, once=True, last=True, flip=True)),
    ):
        says = f"of the nodes that wait for their visit, the one {which} comes first: {EARLY}"
        yield Hypothesis("order", "", says, setting(by_number=from_list))
    for which, by_level in _levels_of_one():
        says = f"nodes are sorted by the level of their {which} operand: {EARLY}"
        yield Hypothesis("order", "", says, setting(order=traversals.all_operands(by_level)))
    first = f"a node passes its gradient on as soon as one of its users has: {EARLY}"
    yield Hypothesis(
        "order", "", first, setting(order=partial(traversals.interleaved, revisit=False))
    )


def _traversals() -> Iterator[tuple[str, str, Callable[[Program], list[int]]]]:
    """Yield wrong orders of whole nodes, with their causes and what is said of them."""
    unreversed = (
        "only the output passes its gradient on in time: the topological order isn't reversed, or "
        f"backward stops after the first node; {EARLY}"
    )
    early = f"nodes are marked as visited too early: {EARLY}"
    yield from (
        ("order", unreversed, traversals.postorder),
        ("order", unreversed, _flipped),
        ("order", f"nodes are visited in the order in which they were made: {EARLY}", _ascending),
        ("order", f"nodes are visited in preorder: {EARLY}", traversals.preorder),
        ("order", f"nodes are visited in preorder: {EARLY}", _pre_flipped),
        ("order", f"nodes are visited level by level: {EARLY}", traversals.breadth_first),
        ("order", f"nodes are visited level by level: {EARLY}", _breadth_flipped),
        (
            "order",
            f"nodes are visited in the order in which they are found: {EARLY}",
            traversals.discovered,
        ),
        ("order", early, _pushed),
        ("order", early, _pushed_flipped),
        ("order", f"nodes are visited in the wrong order: {EARLY}", _pre_reversed),
        ("order", f"nodes are visited in the wrong order: {EARLY}", _pre_flipped_reversed),
        ("order", f"nodes are visited in the wrong order: {EARLY}", _breadth_reversed),
        ("twice", f"the output passes its gradient on twice: {_AGAIN}", _root_again),
        ("twice", _BY_PATHS, pre_again),
        ("twice", _BY_PATHS, _pre_flip_again),
        ("twice", _BY_PATHS, _post_again),
        ("twice", _BY_PATHS, _post_flip_again),
        ("twice", _BY_PATHS, _breadth_again),
        ("twice", _BY_PATHS, _breadth_flip_again),
        ("twice", _BY_PATHS, traversals.operands_listed_first),
        ("twice", _BY_PATHS, partial(traversals.operands_listed_first, flip=True)),
        ("twice", _BY_PATHS, _high_again),
        ("twice", _BY_PATHS, _late_again),
    )


def _counts() -> Iterator[Hypothesis]:
    """Yield wrong counts of the users for which a node waits."""
    says = (
        "a node that an op uses twice, as in a + a, passes its gradient on too early if other "
        "ops use it, too: an op that uses it twice is counted once, and counted down twice"
    )
    for last in (False, True):
        for flip in (False, True):
            steps = partial(traversals.ready_first, last=last, flip=flip, is_once=True)
            yield Hypothesis("order", "", says, setting(order=traversals.all_operands(steps)))
    says = (
        "a node passes its gradient on when one of its users hasn't yet, and never if there is "
        "only one: it must wait until none is left"
    )
    for last, flip in product((False, True), repeat=2):
        steps = partial(traversals.ready_first, last=last, flip=flip, left=1)
        yield Hypothesis("order", "", says, setting(order=traversals.all_operands(steps)))
    twice = "an operand that an op uses twice, as in x + x,"
    says = (
        f"{twice} gets something only once, and passes nothing on, as if it waited for the second "
        "time forever"
    )
    unvisited = (
        f"{twice} has no gradient in the end, as if it got something only once, and waited for the "
        "second time forever"
    )
    for last in (False, True):
        order = partial(traversals.told_once, last=last)
        yield Hypothesis("repeated", "", says, setting(order=order))
        yield Hypothesis("repeated", "", unvisited, setting(order=order, at_visits=True))
    says = (
        "a node passes nothing on if one of its users has a local derivative of 0, such as a relu "
        "that lets nothing through: the node waits for that user forever"
    )
    for at_visits in (False, True):
        waiting = setting(by_number=traversals.ready_by_slopes, at_visits=at_visits)
        yield Hypothesis("no-gradient", "", says, waiting)
    says = (
        "a node passes nothing on if one of its users passes 0 on to it: the node waits for that "
        "user forever"
    )
    for at_visits in (False, True):
        waiting = setting(by_number=traversals.ready_by_passing, at_visits=at_visits)
        yield Hypothesis("no-gradient", "", says, waiting)


def _at_visits() -> Iterator[Hypothesis]:
    """Yield wrong orders in engines where a node has, in the end, what it had at its visits."""
    says = f"what a node gets after it was visited is lost: {EARLY}"
    for steps in (
        traversals.by_first_use,
        traversals.discovered,
        traversals.breadth_first,
        _breadth_flipped,
        traversals.preorder,
        _pre_flipped,
    ):
        change = setting(order=traversals.all_operands(steps), at_visits=True)
        yield Hypothesis("order", "", says, change)
    says = (
        "at each visit, a node adds all that it has got so far to its gradient, and passes that "
        f"on: {_AGAIN}"
    )
    for steps in (pre_again, _pre_flip_again, _breadth_again, _breadth_flip_again):
        change = setting(order=traversals.all_operands(steps), at_visits=True)
        yield Hypothesis("twice", "", says, change)


_flipped = partial(traversals.postorder, flip=True)
_pre_flipped = partial(traversals.preorder, flip=True)
pre_again = partial(traversals.preorder, revisit=True)
_pre_flip_again = partial(traversals.preorder, flip=True, revisit=True)
_breadth_again = partial(traversals.breadth_first, revisit=True)
_breadth_flipped = partial(traversals.breadth_first, flip=True)
_breadth_flip_again = partial(traversals.breadth_first, flip=True, revisit=True)
_high_again = partial(traversals.by_height, _breadth_again)


def _again_by() -> Iterator[Callable[[Program, Sequence[float]], list[int]]]:
    """Yield orders of engines that add operands again, by what comes first."""
    for last, flip in product((False, True), repeat=2):  # a queue and a stack
        yield partial(traversals.added_again, last=last, flip=flip)
    yield partial(traversals.added_again, rank=_oldest)
    for rank in (_high_by_first, _high_by_last, _largest, _smallest):
        for last in (False, True):
            yield partial(traversals.added_again, rank=rank, last=last)


def _oldest(program: Program, _: Sequence[float]) -> list[int]:
    return [-i for i in range(len(program.steps))]


def newest(program: Program, _: Sequence[float]) -> list[int]:
    """Rank the steps by age: those made last come first."""
    return [*range(len(program.steps))]


def _high_by_first(program: Program, _: Sequence[float]) -> list[int]:
    return traversals.heights(program, traversals.FIRST_OPERAND)


def _high_by_last(program: Program, _: Sequence[float]) -> list[int]:
    return traversals.heights(program, traversals.LAST_OPERAND)


def _largest(_: Program, data: Sequence[float]) -> Sequence[float]:
    return data


def _smallest(_: Program, data: Sequence[float]) -> list[float]:
    return [-x for x in data]


def _late_again(program: Program) -> list[int]:
    return sorted(_breadth_again(program), reverse=True)


def first_found(program: Program) -> int:
    """Return the leaf that comes first in postorder."""
    return traversals.postorder(program)[0]


def first_found_flipped(program: Program) -> int:
    """Return the leaf that comes first in postorder, with the operands taken from the last."""
    return traversals.postorder(program, flip=True)[0]


def all_descending(program: Program) -> range:
    """List all steps of a program, from the last made to the first."""
    return range(len(program.steps) - 1, -1, -1)


def reversed_post(program: Program) -> list[int]:
    """List the steps below the output as the lecture does: in reversed postorder."""
    return traversals.postorder(program)[::-1]


def descending(program: Program) -> list[int]:
    """List the steps below the output, from the last made to the first."""
    return sorted(traversals.postorder(program), reverse=True)


def reversed_flipped(program: Program) -> list[int]:
    """List the steps in reversed postorder, with the operands taken from the last."""
    return traversals.postorder(program, flip=True)[::-1]


def without_last(
    steps: Callable[[Program], Sequence[int]], count: int, program: Program, *, of_all: bool
) -> list[int]:
    """List steps without the last ones of an order.

    Args:
        steps: The order.
        count: How many are left out.
        program: The program.
        of_all: Whether plain numbers count, too, as Values that an engine makes of them.
    """
    order = steps(program)
    counted = [i for i in order if of_all or program.steps[i].op != NUMBER]
    return counted[:-count]


READY_ORDERS: Final[tuple[Order, ...]] = (
    traversals.all_operands(traversals.ready_first),
    traversals.all_operands(partial(traversals.ready_first, last=True)),
    traversals.all_operands(partial(traversals.ready_first, flip=True)),
)
"""Correct orders of engines that count users."""

RIGHT_ORDERS: Final[tuple[Order, ...]] = (
    traversals.as_written,
    traversals.all_operands(reversed_post),
    traversals.all_operands(reversed_flipped),
    *READY_ORDERS,
    traversals.counted,
    *(
        traversals.all_operands(partial(traversals.by_height, first))
        for first in (traversals.discovered, reversed_post, descending)
    ),
)
"""Correct orders. Which one an engine has matters only beside some mistakes, as overwriting."""


def right_orders() -> Iterator[Hypothesis]:
    """Yield the correct orders, which are no mistakes: a wrong one must explain more than they.

    To walk each path by itself is correct, too.
    """
    for order in RIGHT_ORDERS:
        yield Hypothesis("", "", "", setting(order=order))
    yield Hypothesis("", "", "", setting(by_path=True))


def _mixed(bit: int, program: Program) -> list[int]:
    """List the steps as an engine with a set of operands might: some ops have theirs reversed."""
    steps = tuple(
        step._replace(args=step.args[::-1]) if i * _SCATTER >> bit & 1 else step
        for i, step in enumerate(program.steps)
    )
    return traversals.postorder(program._replace(steps=steps))[::-1]


ANY_ORDER: Final = (
    *RIGHT_ORDERS,
    *(traversals.all_operands(partial(_mixed, bit)) for bit in range(8, 32)),
)
"""Correct orders of an engine whose order changes from graph to graph."""


def late_events(
    op: str, operand: int, steps: Callable[[Program], Iterable[int]], program: Program
) -> Iterator[tuple[int, int]]:
    """Yield the order if an op passes on when one of its operands should, and that one never."""
    instead: dict[int, int] = {}
    for step in sorted(steps(program)):
        if program.steps[step].op == op and operand < len(program.steps[step].args):
            instead[program.steps[step].args[operand]] = step
    for step in steps(program):
        if step in instead:
            yield from traversals.events_of(program, instead[step])
        elif program.steps[step].op != op:
            yield from traversals.events_of(program, step)


def unlinked_events(
    op: str, operand: int, steps: Callable[[Program], Iterable[int]], program: Program
) -> Iterator[tuple[int, int]]:
    """Yield the order if an op doesn't keep an operand, but passes on to it all the same.

    Other ops may lead to the operand, which then doesn't wait for this one.

    Args:
        op: The op.
        operand: The index of the operand.
        steps: Lists the steps in the order of the backward pass.
        program: The program.
    """
    kept = [
        step._replace(args=(*step.args[:operand], *step.args[operand + 1 :]))
        if step.op == op
        else step
        for step in program.steps
    ]
    for step in steps(program._replace(steps=tuple(kept))):
        yield from traversals.events_of(program, step)


def late_events_of(
    steps: Callable[[Program], Iterable[int]], program: Program, *, single: bool
) -> Iterator[tuple[int, int]]:
    """Yield the order if ops pass on when their first Value should, and that one never.

    Of such ops with the same first Value, only the last one passes anything on.

    Args:
        steps: Lists the steps in the order of the backward pass.
        program: The program.
        single: Whether only ops of one operand do so, and powers with a plain number.
    """
    instead: dict[int, int] = {}
    late = bytearray(len(program.steps))
    for step, (op, args, _) in enumerate(program.steps):
        values = [arg for arg in args if program.steps[arg].op != NUMBER]
        is_single = len(args) == 1 or (op == "pow" and len(values) == 1)
        if values and (is_single or not single):
            late[step] = 1
            instead[values[0]] = step
    for step in steps(program):
        if step in instead:
            yield from traversals.events_of(program, instead[step])
        elif not late[step]:
            yield from traversals.events_of(program, step)


def every_step(program: Program) -> Iterable[int]:
    """List all steps of a program, in the order in which they were made."""
    return range(len(program.steps))


def all_below(program: Program) -> list[int]:
    """List all steps made before the output, whether or not it needs them."""
    return [*range(program.root, -1, -1)]


def _ascending(program: Program) -> list[int]:
    return sorted(traversals.postorder(program))


def _root_and_operands(program: Program) -> list[int]:
    return [program.root, *dict.fromkeys(program.steps[program.root].args)]


def _pushed(program: Program) -> list[int]:
    return traversals.marked_when_pushed(program)[::-1]


def _pushed_flipped(program: Program) -> list[int]:
    return traversals.marked_when_pushed(program, flip=True)[::-1]


_by_height = partial(traversals.by_distance, up=True)


def _levels_of_one() -> Iterator[tuple[str, Callable[[Program], list[int]]]]:
    """Yield orders by levels that count one operand of each op only."""
    for which, of in (("first", traversals.FIRST_OPERAND), ("last", traversals.LAST_OPERAND)):
        for first in (
            traversals.discovered,
            traversals.breadth_first,
            reversed_post,
            descending,
            _ascending,
        ):
            yield which, partial(traversals.by_height, first, of=of)


def _met(program: Program) -> list[int]:
    return traversals.postorder(program, again=True)[::-1]


def _met_flipped(program: Program) -> list[int]:
    return traversals.postorder(program, flip=True, again=True)[::-1]


def _appended(program: Program) -> list[int]:
    return traversals.appended_after_each(program)[::-1]


def _appended_flipped(program: Program) -> list[int]:
    return traversals.appended_after_each(program, flip=True)[::-1]


def _asked(program: Program) -> list[int]:
    return traversals.asked_when_pushed(program)[::-1]


def _asked_flipped(program: Program) -> list[int]:
    return traversals.asked_when_pushed(program, flip=True)[::-1]


def _asked_by_age(program: Program) -> list[int]:
    return sorted(traversals.asked_when_pushed(program), reverse=True)


def _asked_flipped_by_age(program: Program) -> list[int]:
    return sorted(traversals.asked_when_pushed(program, flip=True), reverse=True)


def until_seen() -> Iterator[Callable[[Program], list[int]]]:
    """Yield orders of the steps that are found if one that was found before ends a loop."""
    for last, flip in product((True, False), repeat=2):  # a stack and a queue
        yield partial(_newest_until_seen, last=last, flip=flip)
    for returns, flip in product((False, True), repeat=2):
        yield partial(_post_until_seen, flip=flip, returns=returns)


def _newest_until_seen(program: Program, *, last: bool, flip: bool) -> list[int]:
    return sorted(traversals.found_until_seen(program, last=last, flip=flip), reverse=True)


def _post_until_seen(program: Program, *, flip: bool, returns: bool) -> list[int]:
    return traversals.postorder_until_seen(program, flip=flip, returns=returns)[::-1]


def _root_again(program: Program) -> list[int]:
    return [program.root, *reversed_post(program)]


def _pre_reversed(program: Program) -> list[int]:
    return traversals.preorder(program)[::-1]


def _pre_flipped_reversed(program: Program) -> list[int]:
    return traversals.preorder(program, flip=True)[::-1]


def _breadth_reversed(program: Program) -> list[int]:
    return traversals.breadth_first(program)[::-1]


def of_passing(
    steps: Callable[[Program], Iterable[int]], program: Program, data: Sequence[float]
) -> Iterable[int]:
    """List the steps of a backward pass that goes only where something is passed on."""
    return steps(traversals.without_stopped(program, data))


def _of_distinct(steps: Callable[[Program], Iterable[int]], program: Program) -> Iterable[int]:
    return steps(traversals.distinct(program))


def with_first_uses(program: Program) -> Iterator[tuple[int, int]]:
    """Yield the right order, but of an operand that an op uses twice only the first use."""
    for step, k in traversals.as_written(program):
        args = program.steps[step].args
        if k < 0 or args.index(args[k]) == k:
            yield step, k


def along_one_operand(operand: int, but: Sequence[str], program: Program) -> list[int]:
    """List the steps that backward reaches if every op but some keeps only one operand.

    That is the first if `operand` is 1, else the last.
    """
    kept = slice(1) if operand else slice(-1, None)
    steps = tuple(
        step if step.op in but else step._replace(args=step.args[kept]) for step in program.steps
    )
    return traversals.postorder(program._replace(steps=steps), flip=True)[::-1]


def _post_again(program: Program) -> list[int]:
    return traversals.postorder(program, revisit=True)[::-1]


def _post_flip_again(program: Program) -> list[int]:
    return traversals.postorder(program, flip=True, revisit=True)[::-1]
