"""Wrong backward passes: the usual mistakes in the pass as a whole, as rules to simulate."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.grade import simulation as sim
from mgraph.grade.program import Program
from mgraph.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mgraph.grade.simulation import Order, Rules


class WrongPass(NamedTuple):
    """A backward pass that is wrong as a whole.

    Attributes:
        cause: The id of the cause.
        op: The op that is wrong; empty if all are.
        says: The sentence about what is wrong.
        rules: How the engine behaves.
        own_seed: Whether each case is seeded with the gradient that its output got.
        orders: Orders of the backward pass, any of which a case may have had; empty for the one of
            the rules.
    """

    cause: str
    op: str
    says: str
    rules: Rules
    own_seed: bool = False
    orders: tuple[Order, ...] = ()


COMPOSED: Final = {"neg": "x * -1", "sub": "a + b * -1", "div": "a * b**-1"}
"""Formulas by which many engines compose ops: their backward passes have more steps."""

_SCATTER: Final = 0x9E3779B1  # the bits of its multiples look random
_EARLY: Final = "a node must wait until all nodes that use it have passed on their gradients"
_AGAIN: Final = "each node must pass its gradient on once, after all nodes that use it"


def wrong_passes(
    rules: Rules, ops: Iterable[str], roots: Sequence[tuple[float, float]], gots: Iterable[float]
) -> Iterator[WrongPass]:
    """Yield wrong backward passes, the most usual ones first.

    Args:
        rules: What is known about the ops.
        ops: The ops in cases that failed.
        roots: Data and gradient of the outputs, after the run.
        gots: Wrong gradients, the most frequent first.
    """
    yield from _seeds(rules, roots)
    says = "`=` instead of `+=`: a node that is used twice keeps only the last gradient"
    for order in RIGHT_ORDERS:
        wrong = rules._replace(overwrites=lambda *_: True, order=order)
        yield WrongPass("overwritten", "", says, wrong)
        yield WrongPass("overwritten", "", says, wrong._replace(resets=True))
    says = "an operand that is used twice, as in x + x or x * x, is counted only once"
    for order in RIGHT_ORDERS:
        yield WrongPass("repeated", "", says, rules._replace(once=lambda _: True, order=order))
    yield from _orders(rules)
    yield from _bounds(rules, gots)
    yield from _never_reached(rules)
    for op in ops:
        yield from _in_one_op(rules, op)


def _bounds(rules: Rules, gots: Iterable[float]) -> Iterator[WrongPass]:
    for bound in dict.fromkeys((*gots, 1.0, 5.0, 10.0, 100.0)):
        says = f"gradients are clipped at {bound:g}"
        cut = partial(clamp, bound)
        for cut_rules in (
            rules._replace(clip=partial(_clipped_sum, bound)),
            rules._replace(clip=partial(_clipped_part, bound)),
            rules._replace(visit=cut),
            rules._replace(upstream=cut),
        ):
            yield WrongPass("clipped", "", says, cut_rules)
    for n in range(1, 13):
        says = f"gradients smaller than {10.0**-n:g} are dropped"
        dropped = partial(_dropped, 10.0**-n)
        yield WrongPass("clipped", "", says, rules._replace(upstream=dropped))
        yield WrongPass("clipped", "", says, rules._replace(visit=dropped))
        part = partial(_dropped_part, 10.0**-n)
        yield WrongPass("clipped", "", says, rules._replace(clip=part))


def _never_reached(rules: Rules) -> Iterator[WrongPass]:
    says = "backward visits only the first operand of each op"
    yield WrongPass(
        "no-gradient", "", says, rules._replace(order=sim.all_operands(partial(_cut, "", 1)))
    )
    says = "backward visits only the last operand of each op"
    yield WrongPass(
        "no-gradient", "", says, rules._replace(order=sim.all_operands(partial(_cut, "", 0)))
    )
    says = "the output's gradient is set after the others were computed: all of them stay 0"
    yield WrongPass("seed", "", says, rules._replace(order=lambda _: ()))
    says = "every gradient starts at 1; only the output's must, the others must start at 0"
    yield WrongPass("seed", "", says, rules._replace(start=1.0))
    yield WrongPass("seed", "", says, rules._replace(start=1.0, start_all=False))


def _seeds(rules: Rules, roots: Sequence[tuple[float, float]]) -> Iterator[WrongPass]:
    wrong = [grad for _, grad in roots if grad != 1.0]
    if not wrong:
        return
    if all(grad == 0.0 for _, grad in roots):
        says = "the output's gradient is never set to 1, so every gradient stays 0"
        yield WrongPass("seed", "", says, rules._replace(seed=lambda _: 0.0))
    if all(grad == data for data, grad in roots):
        says = "the output's gradient starts at the output's value; it must start at 1"
        yield WrongPass("seed", "", says, rules._replace(seed=lambda data: data))
    if all(grad == wrong[0] for _, grad in roots):
        says = f"the output's gradient starts at {wrong[0]:g}; it must start at 1"
        yield WrongPass("seed", "", says, rules._replace(seed=partial(_always, wrong[0])))
    says = "the output's gradient doesn't start at 1"
    yield WrongPass("seed", "", says, rules, own_seed=True)


def _orders(rules: Rules) -> Iterator[WrongPass]:
    for cause, says, steps in (
        ("order", f"the topological order isn't reversed: {_EARLY}", sim.postorder),
        ("order", f"the topological order isn't reversed: {_EARLY}", _flipped),
        ("order", f"nodes are visited in the order in which they were made: {_EARLY}", _ascending),
        ("order", f"nodes are visited in preorder: {_EARLY}", sim.preorder),
        ("order", f"nodes are visited in preorder: {_EARLY}", _pre_flipped),
        ("order", f"nodes are visited level by level: {_EARLY}", sim.breadth_first),
        ("order", f"nodes are marked as visited too early: {_EARLY}", _pushed),
        ("order", f"nodes are marked as visited too early: {_EARLY}", _pushed_flipped),
        ("order", f"nodes are sorted by their shortest path: {_EARLY}", sim.by_distance),
        ("order", f"nodes are sorted by their shortest path: {_EARLY}", _by_height),
        ("order", "backward stops after the operands of the output", _only_root),
        ("order", f"nodes are visited in the wrong order: {_EARLY}", _pre_reversed),
        ("twice", f"the output passes its gradient on twice: {_AGAIN}", _root_again),
        ("twice", f"nodes are visited once for each path to them: {_AGAIN}", _pre_again),
        ("twice", f"nodes are visited once for each path to them: {_AGAIN}", _pre_flip_again),
        ("twice", f"nodes are visited once for each path to them: {_AGAIN}", _post_again),
        ("twice", f"nodes are visited once for each path to them: {_AGAIN}", _post_flip_again),
        ("twice", f"nodes are visited once for each path to them: {_AGAIN}", _breadth_again),
    ):
        yield WrongPass(cause, "", says, rules._replace(order=sim.all_operands(steps)))
    says = f"nodes are visited once for each path to them: {_AGAIN}"
    yield WrongPass("twice", "", says, rules._replace(order=sim.interleaved))


def _in_one_op(rules: Rules, op: str) -> Iterator[WrongPass]:
    if OPS[op].inputs > 1:
        says = f"{op} counts an operand only once, even if it is used twice"
        yield WrongPass("repeated", op, says, rules._replace(once=partial(_is_op, op)))
    says = f"{op} sets the gradients of its operands with `=`; it must add to them, with `+=`"
    inputs = OPS[op].inputs
    every = [partial(_is_op, op)]
    single = [partial(_is_operand, op, operand) for operand in range(inputs if inputs > 1 else 0)]
    for overwrites in (*every, *single):
        wrong = rules._replace(overwrites=overwrites)
        for order in RIGHT_ORDERS:
            yield WrongPass("overwritten", op, says, wrong._replace(order=order))
        yield WrongPass("overwritten", op, says, wrong, orders=ANY_ORDER)
    for operand in range(inputs):
        says = f"{op} doesn't keep its operand, so backward never reaches it"
        cut = rules._replace(order=sim.all_operands(partial(_cut, op, operand)))
        yield WrongPass("no-gradient", op, says, cut)
        says = f"{op} sets _backward of its operand, which replaces the operand's own"
        lost = rules._replace(order=sim.all_operands(partial(_without_own, op, operand)))
        yield WrongPass("no-gradient", op, says, lost)


# --- orders --------------------------------------------------------------------------------------

_flipped = partial(sim.postorder, flip=True)
_pre_flipped = partial(sim.preorder, flip=True)
_pre_again = partial(sim.preorder, revisit=True)
_pre_flip_again = partial(sim.preorder, flip=True, revisit=True)
_breadth_again = partial(sim.breadth_first, revisit=True)


def _reversed_post(program: Program) -> list[int]:
    return sim.postorder(program)[::-1]


def _reversed_flipped(program: Program) -> list[int]:
    return sim.postorder(program, flip=True)[::-1]


RIGHT_ORDERS: Final[tuple[Order, ...]] = (
    sim.as_written,
    sim.all_operands(_reversed_post),
    sim.all_operands(_reversed_flipped),
)
"""Correct orders; which one an engine has matters only if it overwrites gradients."""


def _mixed(bit: int, program: Program) -> list[int]:
    """List the steps as an engine with a set of operands might: some ops have theirs reversed."""
    steps = tuple(
        step._replace(args=step.args[::-1]) if i * _SCATTER >> bit & 1 else step
        for i, step in enumerate(program.steps)
    )
    return sim.postorder(program._replace(steps=steps))[::-1]


ANY_ORDER: Final = (
    *RIGHT_ORDERS,
    *(sim.all_operands(partial(_mixed, bit)) for bit in range(8, 32)),
)
"""Correct orders of an engine whose order changes from graph to graph."""


def _ascending(program: Program) -> range:
    return range(program.root + 1)


def _only_root(program: Program) -> list[int]:
    return [program.root]


def _pushed(program: Program) -> list[int]:
    return sim.marked_when_pushed(program)[::-1]


def _pushed_flipped(program: Program) -> list[int]:
    return sim.marked_when_pushed(program, flip=True)[::-1]


_by_height = partial(sim.by_distance, up=True)


def _root_again(program: Program) -> list[int]:
    return [program.root, *_reversed_post(program)]


def _pre_reversed(program: Program) -> list[int]:
    return sim.preorder(program)[::-1]


def _cut(op: str, operand: int, program: Program) -> list[int]:
    """List the steps that backward reaches if an op forgets an operand.

    If `op` is empty, every op keeps only one operand: the first if `operand` is 1, else the last.
    """
    kept = tuple(
        step._replace(args=_kept(step.args, operand, all_but_one=not op))
        if step.op == op or not op
        else step
        for step in program.steps
    )
    return sim.postorder(Program(kept, program.step_of_node, program.root), flip=True)[::-1]


def _without_own(op: str, operand: int, program: Program) -> list[int]:
    """List the steps that pass on their gradient if an op replaces its operand's rule."""
    lost = [step.args[operand] for step in program.steps if step.op == op]
    return [i for i in _reversed_post(program) if i not in lost]


def _kept(args: tuple[int, ...], operand: int, *, all_but_one: bool) -> tuple[int, ...]:
    if all_but_one:
        return args[:1] if operand else args[-1:]
    return (*args[:operand], *args[operand + 1 :])


def _post_again(program: Program) -> list[int]:
    return sim.postorder(program, revisit=True)[::-1]


def _post_flip_again(program: Program) -> list[int]:
    return sim.postorder(program, flip=True, revisit=True)[::-1]


# --- functions with a bound or an op as their first argument -------------------------------------


def clamp(bound: float, x: float) -> float:
    """Clip a number to between -bound and bound."""
    return max(-bound, min(bound, x))


def _clipped_sum(bound: float, old: float, new: float) -> float:
    return clamp(bound, old + new)


def _clipped_part(bound: float, old: float, new: float) -> float:
    return old + clamp(bound, new)


def _dropped(bound: float, x: float) -> float:
    return 0.0 if abs(x) < bound else x


def _dropped_part(bound: float, old: float, new: float) -> float:
    return old + _dropped(bound, new)


def _is_op(op: str, other: str, *_: object) -> bool:
    return op == other


def _is_operand(op: str, operand: int, other_op: str, other_operand: int) -> bool:
    return (op, operand) == (other_op, other_operand)


def _always(x: float, _: float) -> float:
    return x
