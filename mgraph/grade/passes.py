"""Wrong backward passes, as engines to be simulated."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.grade import simulate as sim
from mgraph.grade.program import Program
from mgraph.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mgraph.grade.simulate import Order, Rules


class Pass(NamedTuple):
    """A backward pass that is wrong as a whole.

    Attributes:
        cause: The id of the cause.
        op: The op that it is about; empty: all.
        says: What is wrong.
        rules: How the engine behaves.
        own_seed: Whether each case starts at what its output got.
        orders: Ways to walk back that may change from case to case; empty: that of the rules.
    """

    cause: str
    op: str
    says: str
    rules: Rules
    own_seed: bool = False
    orders: tuple[Order, ...] = ()


MADE: Final = {"neg": "x * -1", "sub": "a + b * -1", "div": "a * b**-1"}
"""How many engines make some ops of others, so that they have more steps to go back."""

_SCATTER: Final = 0x9E3779B1  # the bits of its multiples are as good as drawn by lot
_EARLY: Final = "a node must wait until all of its users have passed their gradients on to it"
_AGAIN: Final = "each node must pass its gradient on once, after all of its users"


def wrong_passes(
    rules: Rules, ops: Iterable[str], roots: Sequence[tuple[float, float]], gots: Iterable[float]
) -> Iterator[Pass]:
    """Yield wrong backward passes, usual ones first.

    Args:
        rules: What is known of the ops.
        ops: Those that occur in failures.
        roots: Data and gradient of the outputs, after the run.
        gots: Gradients that are wrong, the most frequent first.
    """
    yield from _seeds(rules, roots)
    says = "`=` stands where `+=` must: a node that is used twice keeps only the last gradient"
    for order in RIGHT_ORDERS:
        whole = rules._replace(keeps=lambda *_: True, order=order)
        yield Pass("overwritten", "", says, whole)
        yield Pass("overwritten", "", says, whole._replace(resets=True))
    says = "an operand that is used twice, as in x + x or x * x, is counted once"
    for order in RIGHT_ORDERS:
        yield Pass("repeated", "", says, rules._replace(once=lambda _: True, order=order))
    yield from _orders(rules)
    yield from _bounds(rules, gots)
    yield from _never_reached(rules)
    for op in ops:
        yield from _in_one_op(rules, op)


def _bounds(rules: Rules, gots: Iterable[float]) -> Iterator[Pass]:
    for bound in dict.fromkeys((*gots, 1.0, 5.0, 10.0, 100.0)):
        says = f"gradients are cut off at {bound:g}"
        cut = partial(clamp, bound)
        for cut_rules in (
            rules._replace(clip=partial(_clipped_sum, bound)),
            rules._replace(clip=partial(_clipped_part, bound)),
            rules._replace(visit=cut),
            rules._replace(upstream=cut),
        ):
            yield Pass("clipped", "", says, cut_rules)
    for n in range(1, 13):
        says = f"gradients smaller than {10.0**-n:g} are dropped"
        dropped = partial(_dropped, 10.0**-n)
        yield Pass("clipped", "", says, rules._replace(upstream=dropped))
        yield Pass("clipped", "", says, rules._replace(visit=dropped))
        part = partial(_dropped_part, 10.0**-n)
        yield Pass("clipped", "", says, rules._replace(clip=part))


def _never_reached(rules: Rules) -> Iterator[Pass]:
    says = "backward goes on from the first operand of each op only"
    yield Pass("no-gradient", "", says, rules._replace(order=sim.whole(partial(_cut, "", 1))))
    says = "backward goes on from the last operand of each op only"
    yield Pass("no-gradient", "", says, rules._replace(order=sim.whole(partial(_cut, "", 0))))
    says = "the output's gradient is set after the others were worked out: all of them stay 0"
    yield Pass("seed", "", says, rules._replace(order=lambda _: ()))
    says = "every gradient starts at 1; only the output's does, the others start at 0"
    yield Pass("seed", "", says, rules._replace(start=1.0))
    yield Pass("seed", "", says, rules._replace(start=1.0, start_all=False))


def _seeds(rules: Rules, roots: Sequence[tuple[float, float]]) -> Iterator[Pass]:
    wrong = [grad for _, grad in roots if grad != 1.0]
    if not wrong:
        return
    if all(grad == 0.0 for _, grad in roots):
        says = "the output's gradient is never set to 1, so that every gradient stays 0"
        yield Pass("seed", "", says, rules._replace(seed=lambda _: 0.0))
    if all(grad == data for data, grad in roots):
        says = "the output's gradient starts as its data; it must start at 1"
        yield Pass("seed", "", says, rules._replace(seed=lambda data: data))
    if all(grad == wrong[0] for _, grad in roots):
        says = f"the output's gradient starts at {wrong[0]:g}; it must start at 1"
        yield Pass("seed", "", says, rules._replace(seed=partial(_always, wrong[0])))
    says = "the output's gradient doesn't start at 1"
    yield Pass("seed", "", says, rules, own_seed=True)


def _orders(rules: Rules) -> Iterator[Pass]:
    for cause, says, steps in (
        ("order", f"the topological order isn't reversed: {_EARLY}", sim.postorder),
        ("order", f"the topological order isn't reversed: {_EARLY}", _flipped),
        ("order", f"nodes are visited in the order of making: {_EARLY}", _ascending),
        ("order", f"nodes are visited on the way down (preorder): {_EARLY}", sim.preorder),
        ("order", f"nodes are visited on the way down (preorder): {_EARLY}", _pre_flipped),
        ("order", f"nodes are visited level by level: {_EARLY}", sim.breadth_first),
        ("order", f"nodes are marked as visited too early: {_EARLY}", _pushed),
        ("order", f"nodes are marked as visited too early: {_EARLY}", _pushed_flipped),
        ("order", f"nodes are sorted by their shortest way: {_EARLY}", sim.by_distance),
        ("order", f"nodes are sorted by their shortest way: {_EARLY}", _by_height),
        ("order", "backward stops after the output's own operands", _only_root),
        ("order", f"nodes are visited in the wrong order: {_EARLY}", _pre_reversed),
        ("twice", f"the output passes its gradient on twice: {_AGAIN}", _root_again),
        ("twice", f"nodes are visited once for each way to them: {_AGAIN}", _pre_again),
        ("twice", f"nodes are visited once for each way to them: {_AGAIN}", _pre_flip_again),
        ("twice", f"nodes are visited once for each way to them: {_AGAIN}", _post_again),
        ("twice", f"nodes are visited once for each way to them: {_AGAIN}", _post_flip_again),
        ("twice", f"nodes are visited once for each way to them: {_AGAIN}", _breadth_again),
    ):
        yield Pass(cause, "", says, rules._replace(order=sim.whole(steps)))
    says = f"nodes are visited once for each way to them: {_AGAIN}"
    yield Pass("twice", "", says, rules._replace(order=sim.interleaved))


def _in_one_op(rules: Rules, op: str) -> Iterator[Pass]:
    if OPS[op].inputs > 1:
        says = f"{op} counts an operand that it uses twice only once"
        yield Pass("repeated", op, says, rules._replace(once=partial(_is_op, op)))
    says = f"{op} sets the gradient of its operands with `=`; it must add with `+=`"
    both = [partial(_is_op, op)]
    one = [partial(_is_place, op, k) for k in range(OPS[op].inputs if OPS[op].inputs > 1 else 0)]
    for keeps in (*both, *one):
        for order in RIGHT_ORDERS:
            yield Pass("overwritten", op, says, rules._replace(keeps=keeps, order=order))
        yield Pass("overwritten", op, says, rules._replace(keeps=keeps), orders=ANY_ORDER)
    for place in range(OPS[op].inputs):
        says = f"{op} doesn't keep its operand, so that backward never goes on from there"
        cut = rules._replace(order=sim.whole(partial(_cut, op, place)))
        yield Pass("no-gradient", op, says, cut)
        says = f"{op} sets _backward of its operand, in the place of the operand's own"
        lost = rules._replace(order=sim.whole(partial(_without_own, op, place)))
        yield Pass("no-gradient", op, says, lost)


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
    sim.as_made,
    sim.whole(_reversed_post),
    sim.whole(_reversed_flipped),
)
"""Ways to walk back that are right; which one matters where gradients are overwritten."""


def _mixed(some: int, program: Program) -> list[int]:
    """List steps as an engine does that keeps operands in a set: now this one first, now that."""
    steps = tuple(
        step._replace(args=step.args[::-1]) if i * _SCATTER >> some & 1 else step
        for i, step in enumerate(program.steps)
    )
    return sim.postorder(program._replace(steps=steps))[::-1]


ANY_ORDER: Final = (*RIGHT_ORDERS, *(sim.whole(partial(_mixed, some)) for some in range(8, 32)))
"""Ways to walk back where that may change from graph to graph."""


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


def _cut(op: str, place: int, program: Program) -> list[int]:
    """List what is reached where an op forgets an operand; where each op keeps one, if empty."""
    kept = tuple(
        step._replace(args=_kept(step.args, place, all_but_one=not op))
        if step.op == op or not op
        else step
        for step in program.steps
    )
    return sim.postorder(Program(kept, program.places, program.root), flip=True)[::-1]


def _without_own(op: str, place: int, program: Program) -> list[int]:
    """List what passes its gradient on where an op's rule takes the place of its operand's."""
    lost = [step.args[place] for step in program.steps if step.op == op]
    return [i for i in _reversed_post(program) if i not in lost]


def _kept(args: tuple[int, ...], place: int, *, all_but_one: bool) -> tuple[int, ...]:
    if all_but_one:
        return args[:1] if place else args[-1:]
    return (*args[:place], *args[place + 1 :])


def _post_again(program: Program) -> list[int]:
    return sim.postorder(program, revisit=True)[::-1]


def _post_flip_again(program: Program) -> list[int]:
    return sim.postorder(program, flip=True, revisit=True)[::-1]


# --- what is bound to a number or an op ----------------------------------------------------------


def clamp(bound: float, x: float) -> float:
    """Cut a number off at a bound, on both sides."""
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


def _is_place(op: str, place: int, other: str, at: int) -> bool:
    return (op, place) == (other, at)


def _always(x: float, _: float) -> float:
    return x
