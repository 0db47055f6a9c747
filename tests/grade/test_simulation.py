"""What simulated engines give for small programs, with expected numbers by hand."""

from __future__ import annotations

import operator
from functools import partial
from typing import TYPE_CHECKING, Final

from mgraph.grade import traversals
from mgraph.grade.program import LEAF, NUMBER, Instruction, Program
from mgraph.grade.simulation import CORRECT, simulate

if TYPE_CHECKING:
    from collections.abc import Sequence

# x = 2, c = 3, u = x·c = 6, v = u + x = 8, w = u·v = 48
LADDER: Final = Program(
    (
        Instruction(LEAF, (), 2.0),
        Instruction(LEAF, (), 3.0),
        Instruction("mul", (0, 1)),
        Instruction("add", (2, 0)),
        Instruction("mul", (2, 3)),
    ),
    (0, 1, 2, 3, 4),
    4,
)
X, C, U, V, W = range(5)
EQUAL: Final = Program(
    (Instruction(LEAF, (), 3.0), Instruction(LEAF, (), 3.0), Instruction("mul", (0, 1))),
    (0, 1, 2),
    2,
)


def newest(program: Program, _: Sequence[float]) -> list[int]:
    """Rank steps by when they were made."""
    return [*range(len(program.steps))]


def grads(program: Program, **rules: object) -> list[float]:
    """Return the adjoints that an engine gives that differs from a right one by some rules."""
    return [*simulate(program, CORRECT._replace(**rules)).grad]  # type: ignore[arg-type]


def test_right_gradients() -> None:
    """U gets 8 from w and 6 from v, and x gets 6 from v and 3·14 from u."""
    assert grads(LADDER) == [48.0, 28.0, 14.0, 6.0, 1.0]


def test_only_what_came_last_is_passed_on() -> None:
    """U gets 8 from w, then 6 from v, and passes 3·6 on to x, which has 6 from v."""
    assert grads(LADDER, passes_newest=True) == [24.0, 12.0, 14.0, 6.0, 1.0]


def test_what_comes_from_one_user_only() -> None:
    """Of w and v, the first or the last gives something to u, and of v and u to x."""
    assert traversals.taken_from_stack(LADDER) == [W, V, X, U, C]
    first, last = (
        partial(traversals.from_one_user, traversals.taken_from_stack, last=is_last)
        for is_last in (False, True)
    )
    assert grads(LADDER, order=first) == [6.0, 16.0, 8.0, 6.0, 1.0]
    assert grads(LADDER, order=last) == [18.0, 12.0, 6.0, 6.0, 1.0]


def test_a_place_that_is_looked_up() -> None:
    """For an operand that is used twice, it is always the last one, or always the first.

    If it counts only once, the first doesn't come twice.
    """
    twice = Program((Instruction(LEAF, (), 2.0), Instruction("sub", (0, 0))), (0, 1), 1)
    assert grads(twice, keyed=lambda _: True) == [-2.0, 1.0]
    assert grads(twice, keyed=lambda _: True, keyed_first=True) == [2.0, 1.0]
    once = {"once": lambda _: True}
    assert grads(twice, keyed=lambda _: True, keyed_first=True, **once) == grads(twice, **once)
    other = {"once": lambda op: op == "mul"}
    assert grads(twice, keyed=lambda _: True, keyed_first=True, **other) == [2.0, 1.0]


def test_an_operand_that_is_told_only_once() -> None:
    """It gets what its first or last place gets; it waits for the other, and passes nothing on.

    If a node has what it had when it was visited, it has nothing.
    """
    steps = Instruction(LEAF, (), 2.0), Instruction("neg", (0,)), Instruction("sub", (1, 1))
    twice = Program(steps, (0, 1, 2), 2)
    assert grads(twice, order=partial(traversals.told_once, last=False)) == [0.0, 1.0, 1.0]
    told_last = partial(traversals.told_once, last=True)
    assert grads(twice, order=told_last) == [0.0, -1.0, 1.0]
    assert grads(twice, order=told_last, cut=lambda *_: False) == [0.0, -1.0, 1.0]
    assert grads(twice, order=told_last, visit=lambda grad: 2.0 * grad) == [0.0, -2.0, 2.0]
    for last in (False, True):
        order = partial(traversals.told_once, last=last)
        assert grads(twice, order=order, at_visits=True) == [0.0, 0.0, 1.0]
        assert grads(LADDER, order=order, at_visits=True) == grads(LADDER)


def test_equal_numbers_on_a_walk() -> None:
    """Of u and v, then of v and c, only the one that is found first is walked on from."""
    for last in (False, True):
        walked = partial(traversals.walked_by_number, LADDER, last=last)
        assert walked([2.0, 3.0, 6.0, 6.0, 36.0]) == [W, U, C, X]
        assert walked([2.0, 8.0, 6.0, 8.0, 48.0]) == [W, V, U, X]


def test_any_of_equal_numbers() -> None:
    """Of u and v, or of u and x, one is left; x and c pass nothing on, so that c stands for both.

    What isn't decided is as if the leaf were left.
    """
    equals = partial(traversals.any_of_equals, LADDER)
    assert [*equals([2.0, 3.0, 6.0, 6.0, 36.0])] == [[W, V, C, X], [W, U, C, X]]
    assert [*equals([2.0, 3.0, 2.0, 5.0, 10.0])] == [[W, V, C, X], [W, V, U, C]]
    assert [*equals([3.0, 3.0, 9.0, 12.0, 108.0])] == [[W, V, U, C]]
    assert [*equals([2.0, 3.0, 6.0, 8.0, 48.0])] == [[W, V, U, C, X]]


def test_a_relu_that_leaves_an_operand_as_it_is() -> None:
    """Where relu(x) + x is x, relu sets its operand's adjoint to 0, or doesn't touch it."""
    steps = Instruction(LEAF, (), -2.0), Instruction("relu", (0,)), Instruction("add", (1, 0))
    program = Program(steps, (0, 1, 2), 2)
    always = {"overwrites": lambda *_: True}
    assert grads(program, **always)[0] == 0.0
    assert grads(program, **always, keeps=("relu",))[0] == 1.0


def test_paths_that_are_walked_one_by_one() -> None:
    """As long as they multiply, their sum is right; if they add, each node adds for each path.

    To u lead w with 1 + 8 and v with (1 + 6) + 1, and to x three paths with 12, 11 and 8.
    """
    assert grads(LADDER, by_path=True) == grads(LADDER)
    assert grads(LADDER, by_path=True, combines=operator.add) == [31.0, 21.0, 17.0, 7.0, 1.0]


def test_paths_that_end() -> None:
    """A path ends by what is asked of its partial, here 3 of x, and of the adjoint so far."""
    assert grads(LADDER, by_path=True, ends=lambda own, _: own == 3.0)[X] == 6.0
    assert grads(LADDER, by_path=True, ends=lambda _, adjoint: adjoint == 14.0)[X] == 6.0 + 24.0


def test_nodes_that_are_added_again() -> None:
    """In a queue, u comes before v, which gives it more; a heap of the newest is right."""
    order = partial(traversals.added_again, LADDER, [2.0, 3.0, 6.0, 8.0, 48.0])
    assert order() == [W, U, V, U]
    assert order(last=True) == [W, V, U]
    assert order(rank=newest) == [W, V, U]
    assert order(once=True) == [W, U, V]
    assert order(once=True, last=True) == [W, V, U]
    assert grads(LADDER, by_number=traversals.added_again)[X] == 3.0 * 8.0 + 6.0 + 3.0 * 14.0


def test_an_equal_node_is_not_added() -> None:
    """Of two results with one primal only the first is in the list."""
    same = [2.0, 3.0, 6.0, 6.0, 36.0]
    assert traversals.added_again(LADDER, same, rank=newest, equal=True) == [W, U]


def test_nodes_that_are_appended_for_each_operand() -> None:
    """The line is indented too far: each op stands there twice, and no leaf does."""
    assert traversals.appended_after_each(LADDER) == [U, U, W, V, V, W]


def test_what_is_on_the_stack_twice() -> None:
    """W puts u there, and v puts it there again if it is visited before u."""
    assert traversals.asked_when_pushed(LADDER) == [X, C, U, V, W]
    assert traversals.asked_when_pushed(LADDER, flip=True) == [X, C, U, V, U, W]


def test_a_visited_operand_that_ends_a_loop() -> None:
    """In x + x·exp(x), x is found first, so that the loop over x and exp(x) ends at once.

    In 2 + 2·x, the second 2 is another Value.
    """
    steps = LADDER.steps[0], Instruction("exp", (0,)), Instruction("mul", (0, 1))
    program = Program((*steps, Instruction("add", (0, 2))), (0, 1, 2, 3), 3)
    assert traversals.postorder_until_seen(program) == [0, 2, 3]
    assert traversals.postorder_until_seen(program, flip=True) == [0, 1, 2, 3]
    numbers = Instruction(NUMBER, (), 2.0), Instruction("mul", (1, 0)), Instruction("add", (1, 2))
    with_numbers = Program((LADDER.steps[0], *numbers), (0, 1, 2, 3), 3)
    assert 0 in traversals.postorder_until_seen(with_numbers)
    for last in (False, True):
        assert traversals.found_until_seen(program, last=last) == [3, 0, 2]
        assert 0 in traversals.found_until_seen(with_numbers, last=last)


def test_nodes_that_wait_for_others() -> None:
    """U waits for v, which is no first operand; or for a user on which nothing depends.

    X waits for two gradients from u if it is counted once for each of the paths to u.
    """
    assert [*traversals.counted(LADDER, of=traversals.FIRST_OPERAND)] == [(W, 0)]
    more = LADDER._replace(steps=(*LADDER.steps, Instruction("exp", (U,))))
    assert traversals.ready_first(more, users=lambda program: range(len(program.steps))) == [W, V]
    by_path = partial(traversals.preorder, revisit=True)
    assert traversals.ready_first(LADDER, users=by_path) == [W, V, U]
    assert traversals.ready_first(LADDER) == [W, V, U, X, C]
    assert traversals.ready_first(more)[:3] == [W, V, U]


def test_only_what_gets_something_is_visited() -> None:
    """Of max(u, v) with u = 6 and v = 8, only v gets something; a relu of -1 passes nothing on."""
    larger = LADDER._replace(steps=(*LADDER.steps[:4], Instruction("max", (U, V))))
    assert traversals.preorder(larger, revisit=True) == [W, U, X, C, V, U, X, C, X]
    passing = traversals.without_stopped(larger, [2.0, 3.0, 6.0, 8.0, 8.0])
    assert traversals.preorder(passing, revisit=True) == [W, V, U, X, C, X]
    shut = LADDER._replace(steps=(*LADDER.steps[:4], Instruction("relu", (V,))))
    assert traversals.preorder(
        traversals.without_stopped(shut, [-0.25, 3.0, -0.75, -1.0, 0.0])
    ) == [W]


def test_what_stands_in_the_place_of_an_adjoint() -> None:
    """The primal of an op, and the product of the partials of the operands so far."""
    assert grads(LADDER, of_data=True) == [8.0 + 18.0, 12.0, 8.0 * 48.0 + 8.0, 6.0 * 48.0, 1.0]
    assert grads(LADDER, running=bool) == [48.0 + 3.0 * 56.0, 6.0 * 56.0, 56.0, 48.0, 1.0]


def test_nodes_with_equal_numbers() -> None:
    """Two factors of 3 share one adjoint, or the first gets what both must get."""
    assert grads(EQUAL) == [3.0, 3.0, 1.0]
    assert grads(EQUAL, shared=traversals.as_written) == [6.0, 6.0, 1.0]
    assert grads(EQUAL, merges=lambda op: op == "mul") == [6.0, 0.0, 1.0]
    assert grads(EQUAL, merges=lambda op: op == "add") == [3.0, 3.0, 1.0]


def test_a_leaf_that_is_left_out() -> None:
    """It keeps the 0 that it had before, and the others get theirs."""
    assert grads(LADDER, lost=lambda _: X) == [0.0, 28.0, 14.0, 6.0, 1.0]


def test_operands_that_are_cut_off() -> None:
    """No path leads through the first operand of a product: x gets 6 from v alone.

    Nor is u visited for w; it passes on to c what v has given it.
    """
    cut = {"cut": lambda op, operand: (op, operand) == ("mul", 0)}
    assert grads(LADDER, **cut) == [6.0, 12.0, 6.0, 6.0, 1.0]
    again = traversals.all_operands(partial(traversals.postorder, revisit=True))
    assert grads(LADDER, order=again, **cut) == [
        0.0, 0.0, 0.0, 6.0, 1.0,
    ]  # fmt: skip
    by_slopes = grads(LADDER, by_number=traversals.ready_by_slopes, **cut)
    assert by_slopes == [6.0, 12.0, 6.0, 6.0, 1.0]


def test_a_pass_that_ends_early() -> None:
    """What is visited after v, to which u comes last, gets nothing more."""
    assert grads(LADDER, stops=lambda program, step, _: program.steps[step].op == "add") == [
        0.0, 0.0, 8.0, 6.0, 1.0,
    ]  # fmt: skip
    assert grads(LADDER, stops=lambda _, __, adjoint: adjoint == 14.0) == [6.0, 0.0, 14.0, 6.0, 1.0]


def test_steps_that_are_silent() -> None:
    """A step passes nothing on because of its primal; others do."""
    assert grads(LADDER, silent=lambda x: x == 8.0) == [24.0, 16.0, 8.0, 6.0, 1.0]
