"""Hypotheses: the usual mistakes of a backward pass as a whole, as changes of rules to simulate."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Final

from mgraph.grade import simulation as sim
from mgraph.grade.causes import SYMBOLS
from mgraph.grade.op_mistakes import LOSSES, guarded
from mgraph.grade.program import LEAF
from mgraph.ops import OPS, ieee

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from mgraph.grade.program import Program
    from mgraph.grade.simulation import Order, Rules


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A mistake that an engine may have.

    Attributes:
        cause: The id of the cause.
        op: The op that is wrong; empty if all are.
        says: The sentence about what is wrong.
        change: The rules of an engine that has this mistake, too.
        own_seed: Whether each case is seeded with the gradient that its output got.
        forms: The ops, with the kinds of their first two operands, that are concerned; empty for
            all.
        is_seen: Whether it was seen directly in an op's numbers, not only by simulation.
    """

    cause: str
    op: str
    says: str
    change: Callable[[Rules], Rules]
    own_seed: bool = False
    forms: frozenset[tuple[str, str]] = frozenset()
    is_seen: bool = False


FORGETS_UPSTREAM: Final = (
    "no op multiplies its local derivative by out.grad, as the chain rule says"
)
FORGETS_PARTIAL: Final = (
    "no op multiplies the upstream gradient by its local derivative, as the chain rule says"
)
SWAPS_GRADIENTS: Final = "every op gives its operands their gradients in the reverse order"
"""The sentences about mistakes that all ops have in common."""

_TWICE: Final = ("add", "mul", "sub", "div")  # ops that often have one operand twice
_WITH_SIGN: Final = ("abs", "relu")  # ops whose local derivative people write as x / |x|
_CANCELLING: Final = ("sub", "div", "atan2")
"""Ops of which two equal operands get 0 together, as if the result were a constant."""
_NO_SEED: Final = (
    "every gradient is 0 in the end: the output's is not set to 1 before it is passed on, or all "
    "of them are set back to 0"
)
_SIGN_SEED: Final = (
    "the output's gradient starts at 1 or -1, the sign of the output's value; it must start at 1"
)
_OWN_SEED: Final = "the output's gradient starts at the output's value; it must start at 1"
_SCATTER: Final = 0x9E3779B1  # the bits of its multiples look random
_EARLY: Final = "a node must wait until all nodes that use it have passed on their gradients"
_AGAIN: Final = "each node must pass its gradient on once, after all nodes that use it"

_MORE: Final = (
    f"a node that gets more after it was visited passes all that it has on again: {_AGAIN}"
)


def setting(**changes: object) -> Callable[[Rules], Rules]:
    """Return the change that replaces some rules."""
    return lambda rules: rules._replace(**changes)  # type: ignore[arg-type]


def overwriting(
    overwrites: Callable[[str, int], bool], order: Order | None = None, *, resets: bool = False
) -> Callable[[Rules], Rules]:
    """Return the change by which more operands are overwritten, and the order another."""

    def change(rules: Rules) -> Rules:
        before = rules.overwrites
        return rules._replace(
            overwrites=lambda op, k: overwrites(op, k) or (before is not None and before(op, k)),
            order=order or rules.order,
            resets=resets or rules.resets,
        )

    return change


def _also(name: str, is_so: Callable[[str, int], bool], rules: Rules) -> Rules:
    """Return rules by which something is so for further operands."""
    before: Callable[[str, int], bool] | None = getattr(rules, name)

    def either(op: str, k: int) -> bool:
        return is_so(op, k) or (before is not None and before(op, k))

    return rules._replace(**{name: either})  # type: ignore[arg-type]


def whole_passes(  # noqa: PLR0913 - what is known of an engine
    roots: Sequence[tuple[float, float]], gots: Iterable[float], factors: Iterable[float],
    alone: tuple[float, float] | None = None, *, repeatable: Sequence[str] = (), varies: bool,
    is_seed_by_op: bool = False,
) -> Iterator[Hypothesis]:  # fmt: skip
    """Yield the mistakes that concern all ops, the most usual ones first.

    Args:
        roots: Data and gradient of the outputs, after the run.
        gots: Wrong gradients, the most frequent first.
        factors: How many times too large gradients are, the most frequent first.
        alone: Data and gradient of a leaf after its own backward; None if they aren't known.
        repeatable: Ops that were seen to be right although they use an operand twice.
        varies: Whether the order of the backward pass may change from graph to graph.
        is_seed_by_op: Whether the gradient of an output depends on its op alone.
    """
    gots, factors = [*gots], [*factors]
    yield from _seeds(roots, is_by_op=is_seed_by_op) if roots else _seeds_unseen(factors, alone)
    yield from _seeds_elsewhere()
    yield from _without_chain_rule()
    yield from _overwriting(ANY_ORDER if varies else RIGHT_ORDERS)
    yield from _repeated("")
    if repeatable and any(op not in repeatable for op in _TWICE):
        yield from _repeated("", but=repeatable)
    for crossed in (_always_true, _chooses_nothing):
        yield Hypothesis("swapped", "", SWAPS_GRADIENTS, setting(crossed=crossed))
    yield from _orders()
    yield from _aliases()
    yield from _shared_by_number()
    yield from _bounds(gots)
    yield from _other_numbers(factors)
    yield from _never_reached()
    yield from _left_out()
    yield from _of_leaves(gots)
    says = f"a node passes its gradient on before it is complete: {_EARLY}"
    yield Hypothesis("order", "", says, setting(is_early=True))


def _without_chain_rule() -> Iterator[Hypothesis]:
    """Yield what else ops may do than to multiply the upstream gradient by their partial."""
    alone_on_paths = setting(upstream=partial(_always, 1.0), order=sim.all_operands(_pre_again))
    for change in (setting(upstream=partial(_always, 1.0)), alone_on_paths):
        yield Hypothesis("upstream", "", FORGETS_UPSTREAM, change)
    says = "every op squares its local derivative"
    yield Hypothesis("slope", "", says, setting(combines=_own_squared))
    for how, combines in (
        ("adds the upstream gradient to", operator.add),
        ("divides the upstream gradient by", _upstream_divided),
        ("divides the upstream gradient by", _upstream_divided_unless_0),
    ):
        says = f"every op {how} its local derivative; it must multiply them, as the chain rule says"
        yield Hypothesis("upstream", "", says, setting(combines=combines))
        for ends in (None, _is_flat):  # on each path by itself, their sum is another number
            change = setting(combines=combines, by_path=True, ends=ends)
            yield Hypothesis("upstream", "", says, change)
    yield from _in_turn()
    says = "every op multiplies its local derivative by out.data instead of out.grad"
    for order in (None, sim.all_operands(_all_below)):
        yield Hypothesis("upstream", "", says, setting(of_data=True, order=order))
    for change in (
        setting(bare=_always_true),
        setting(bare=_chooses_nothing),
        setting(combines=_upstream_unless_0),  # what is 0 may not be passed on at all
    ):
        yield Hypothesis("inner", "", FORGETS_PARTIAL, change)


def _overwriting(right: Sequence[Order]) -> Iterator[Hypothesis]:
    """Yield how gradients may be overwritten, given the right orders of the backward pass."""
    orders = (None, *right)
    says = "`=` instead of `+=`: a node that is used twice keeps only the last gradient"
    for order in orders:
        for resets in (False, True):
            change = overwriting(_always_true, order, resets=resets)
            yield Hypothesis("overwritten", "", says, change)
    for which, is_it in (("first", _is_first), ("last", _is_last)):
        says = (
            f"`=` instead of `+=` for the {which} operand of each op: what the operand has got "
            "before is lost"
        )
        for order in orders:
            yield Hypothesis("overwritten", "", says, overwriting(is_it, order))
    says = "a node keeps only the first gradient that it gets; it must add up all of them"
    for order in orders:
        change = setting(clip=_first, order=order) if order else setting(clip=_first)
        yield Hypothesis("overwritten", "", says, change)


def _in_turn() -> Iterator[Hypothesis]:
    """Yield what comes of a gradient that is changed from operand to operand."""
    says = (
        "what an operand gets is multiplied by the local derivatives of the operands before it, "
        "too; out.grad must stay the same for all operands"
    )
    for running in (_always_true, bool):  # what is 0 may be left out
        yield Hypothesis("slope", "", says, setting(running=running))


def passes_of_op(op: str, *, varies: bool) -> Iterator[Hypothesis]:
    """Yield the mistakes in the way in which one op takes part in the backward pass."""
    for hypothesis in _in_one_op(op, varies=varies):
        yield Hypothesis(
            hypothesis.cause, op, hypothesis.says, hypothesis.change,
            forms=frozenset((op, kinds) for kinds in ("V", "VV", "VN", "NV")),
        )  # fmt: skip


def _nan_at_0(op: str, rules: Rules) -> Rules:
    """Return rules by which an op passes on NaN where its operand is 0."""
    key = op, "V", 0
    gives = rules.slopes.get(key) or partial(_right, op)

    def passed(xs: Sequence[float], y: float, upstream: float) -> float:
        return gives(xs, y, upstream) if xs[0] else math.nan

    return rules._replace(slopes={**rules.slopes, key: passed})


def _right(op: str, xs: Sequence[float], y: float, upstream: float) -> float:
    return OPS[op].partials(xs, y)[0] * upstream


def _repeated(op: str, but: Sequence[str] = ()) -> Iterator[Hypothesis]:
    """Yield how an operand that is used twice may count once, in one op, or in all but some."""
    is_one = partial(_is_op, op) if op else partial(_is_none_of, but)
    examples = [f"x {SYMBOLS[x]} x" for x in _TWICE if x not in but]
    rest = f", except by {', '.join(but)}" if but else ""
    says = (
        f"{op} counts an operand only once, even if it is used twice"
        if op
        else f"an operand that is used twice, as in {' or '.join(examples[:2])}, is counted only "
        f"once{rest}"
    )
    for order in (None, *RIGHT_ORDERS):
        change = setting(once=is_one, order=order) if order else setting(once=is_one)
        yield Hypothesis("repeated", op, says, change)
    kept = (
        "keeps its local derivatives by operand, so that of an operand that is used twice, as in "
        "x - x, only the last one counts"
    )
    says = f"{op} {kept}" if op else f"an op {kept}{rest}"
    yield Hypothesis("repeated", op, says, setting(keyed=is_one))


def _aliases() -> Iterator[Hypothesis]:
    says = (
        "a gradient is kept without a copy, and added to in place: several nodes share one array; "
        "write `a.grad = a.grad + g`, or copy it first"
    )
    for shares in (_passes_as_it_is, _passes_as_it_is_to_first, _passes_on_sums):
        for order in (None, *RIGHT_ORDERS):
            for only in (False, True):
                own = {"order": order} if order else {}
                change = setting(shares=shares, shares_root=only, **own)
                yield Hypothesis("aliased", "", says, change)


def _shared_by_number() -> Iterator[Hypothesis]:
    says = (
        "nodes with equal numbers share one gradient: they must be told apart by `is` or `id`, not "
        "by `==` or by their numbers"
    )
    for order in RIGHT_ORDERS:
        yield Hypothesis("aliased", "", says, setting(shared=order))


def _passes_as_it_is(op: str, operand: int) -> bool:
    return op in ("add", "sum") or (op == "sub" and operand == 0)


def _passes_as_it_is_to_first(op: str, operand: int) -> bool:
    return _passes_as_it_is(op, operand) and operand == 0


def _passes_on_sums(op: str, _: int) -> bool:
    return op in ("add", "sum")


def _bounds(gots: Sequence[float]) -> Iterator[Hypothesis]:
    for bound in dict.fromkeys((*gots, 1.0, 5.0, 10.0, 100.0)):
        says = f"gradients are clipped at {bound:g}"
        cut = partial(clamp, bound)
        for change in (
            setting(clip=partial(_clipped_sum, bound)),
            setting(clip=partial(_clipped_part, bound)),
            setting(visit=cut),
            setting(upstream=cut),
        ):
            yield Hypothesis("clipped", "", says, change)
        for side, one_sided, edge in (("above", min, bound), ("below", max, -bound)):
            says = f"gradients are clipped at {edge:g}, from {side} only"
            for change in (
                setting(clip=partial(_changed_sum, partial(one_sided, edge))),
                setting(visit=partial(one_sided, edge)),
            ):
                yield Hypothesis("clipped", "", says, change)
    for how, loss in LOSSES:
        says = f"gradients are {how}" if how.startswith("rounded") else f"gradients are kept {how}"
        yield from _changed("precision", says, loss)
    for n in range(12, 0, -1):  # from the smallest bound, below which all of them are dropped
        says = f"gradients smaller than about {10.0**-n:g} are dropped"
        dropped = partial(_dropped, 10.0**-n)
        yield Hypothesis("clipped", "", says, setting(upstream=dropped))
        yield Hypothesis("clipped", "", says, setting(visit=dropped))
        part = partial(_dropped_part, 10.0**-n)
        yield Hypothesis("clipped", "", says, setting(clip=part))


def _other_numbers(factors: Iterable[float]) -> Iterator[Hypothesis]:
    """Yield changes of all gradients that are more than a loss of digits."""
    for factor in factors:
        says = f"every op passes on {_number(factor)} times what it must"
        if factor == -1.0:
            says = "every op passes its gradients on with the wrong sign"
        cause = "sign" if factor == -1.0 else "factor"
        yield Hypothesis(cause, "", says, setting(upstream=partial(operator.mul, factor)))
    for convert in (int, round):
        says = "gradients are turned into whole numbers"
        yield from _changed("conversion", says, guarded(partial(_converted, convert)))
    yield from _changed("sign", "gradients lose their sign", abs)
    yield from _changed("clipped", "negative gradients are dropped", partial(max, 0.0))


def _changed(cause: str, says: str, change: Callable[[float], float]) -> Iterator[Hypothesis]:
    """Yield a change of all gradients: as they are added up, kept, or passed on."""
    for rule in (
        setting(clip=partial(_changed_part, change)),
        setting(clip=partial(_changed_sum, change)),
        setting(visit=change),
        setting(upstream=change),
    ):
        yield Hypothesis(cause, "", says, rule)


def _of_leaves(gots: Sequence[float]) -> Iterator[Hypothesis]:
    """Yield what is done to the gradients of leaves, and not to those of ops."""
    says = "`=` instead of `+=`: a leaf that is used twice keeps only the last gradient"
    for order in (sim.as_written, *RIGHT_ORDERS[1:]):
        change = overwriting(_always_true, order)
        yield Hypothesis("overwritten", "", says, partial(_in_leaves, change))
    for convert in (int, round):
        whole = guarded(partial(_converted, convert))
        says = "the gradients of leaves are turned into whole numbers"
        yield Hypothesis("conversion", "", says, partial(_in_leaves, setting(visit=whole)))
    for how, loss in LOSSES:
        says = f"the gradients of leaves are {how if how[:2] == 'ro' else f'kept {how}'}"
        yield Hypothesis("precision", "", says, partial(_in_leaves, setting(visit=loss)))
    for bound in dict.fromkeys((*gots, 1.0, 5.0, 10.0, 100.0)):
        says = f"the gradients of leaves are clipped at {bound:g}"
        for change in (
            setting(visit=partial(clamp, bound)),
            setting(clip=partial(_clipped_sum, bound)),
            setting(clip=partial(_clipped_part, bound)),
        ):
            yield Hypothesis("clipped", "", says, partial(_in_leaves, change))


def _left_out() -> Iterator[Hypothesis]:
    says = (
        "leaves have no gradient in the end: only the results of ops get one, or those of leaves "
        "are set back to 0 afterwards"
    )
    yield Hypothesis("no-gradient", "", says, partial(_in_leaves, setting(clip=_old)))
    says = (
        "the first leaf that backward finds has no gradient in the end: it is left out, or its "
        "gradient is set back to 0 afterwards"
    )
    for lost in (_first_found, _first_found_flipped):
        yield Hypothesis("no-gradient", "", says, setting(lost=lost))


def _in_leaves(change: Callable[[Rules], Rules], rules: Rules) -> Rules:
    """Return the rules after a change that only leaves show."""
    return change(rules)._replace(only_leaves=True)


def _never_reached() -> Iterator[Hypothesis]:
    for operand, which in ((1, "first"), (0, "last")):
        says = f"backward visits only the {which} operand of each op"
        cut = sim.all_operands(partial(_cut, operand))
        yield Hypothesis("no-gradient", "", says, setting(order=cut))
    for of, which in ((sim.FIRST_OPERAND, "first"), (sim.LAST_OPERAND, "last")):
        says = (
            f"only the {which} operand of each op is visited, but the others count, too: a node "
            "waits without end for users that never pass on to it"
        )
        yield Hypothesis("no-gradient", "", says, setting(order=partial(sim.counted, of=of)))
    on = "and never passes its gradient on: count each user that backward reaches once"
    for whom, users in (
        ("users on which the output doesn't depend", _every_step),
        ("a gradient by each path to its users", _pre_again),
    ):
        says = f"a node waits for {whom}, {on}"
        waits = sim.all_operands(partial(sim.ready_first, users=users))
        yield Hypothesis("no-gradient", "", says, setting(order=waits))
    says = (
        "only the output has a gradient: it is set after the others were computed, or the leaves "
        "are visited first, or no op keeps its operands, or all use another gradient than that of "
        "their result"
    )
    yield Hypothesis("no-gradient", "", says, setting(order=lambda _: ()))
    says = (
        "of nodes with equal numbers only one passes its gradient on: nodes must be told apart by "
        "`is` or `id`, not by `==` or by their numbers"
    )
    for steps in (
        sim.first_of_equals,
        partial(sim.first_of_equals, flip=True),
        partial(sim.added_again, rank=_newest, equal=True),
    ):
        yield Hypothesis("no-gradient", "", says, setting(by_number=steps))
    says = (
        "a node whose gradient is 0 when it is visited passes nothing on, although the paths to it "
        "are walked one by one: what they bring may cancel out for a while"
    )
    yield Hypothesis("no-gradient", "", says, setting(by_path=True, ends=_is_flat_or_cancelled))
    yield Hypothesis("no-gradient", "", says, setting(by_path=True, ends=_is_cancelled))
    says = "every gradient starts at 1; only the output's must, the others must start at 0"
    yield Hypothesis("seed", "", says, setting(start=1.0))
    yield Hypothesis("seed", "", says, setting(start=1.0, start_all=False))
    yield Hypothesis("seed", "", says, setting(start=1.0, seed=partial(_always, 2.0)))


def _seeds(roots: Sequence[tuple[float, float]], *, is_by_op: bool) -> Iterator[Hypothesis]:
    """Yield wrong gradients with which outputs start.

    One that depends on the other nodes of a graph is not among them: all gradients may be scaled
    after a right backward pass as well, as to clip their norm, with the same numbers.
    """
    wrong = [grad for _, grad in roots if grad != 1.0]
    if not wrong:
        return
    if all(grad == 0.0 for _, grad in roots):
        yield Hypothesis("seed", "", _NO_SEED, setting(seed=lambda _: 0.0))
    if all(grad == data for data, grad in roots):
        yield Hypothesis("seed", "", _OWN_SEED, setting(seed=lambda data: data))
    if all(grad == _sign(data) for data, grad in roots):
        yield Hypothesis("seed", "", _SIGN_SEED, setting(seed=_sign))
    if all(grad == wrong[0] for _, grad in roots):
        says = f"the output's gradient starts at {_number(wrong[0])}; it must start at 1"
        yield Hypothesis("seed", "", says, setting(seed=partial(_always, wrong[0])))
    if is_by_op:
        says = "the output's gradient depends on the output's op; it must start at 1"
        yield Hypothesis("seed", "", says, lambda rules: rules, own_seed=True)


def _seeds_unseen(
    factors: Iterable[float], alone: tuple[float, float] | None
) -> Iterator[Hypothesis]:
    """Yield wrong gradients of an output that keeps none: all others are wrong by one factor.

    A leaf that is the output itself shows its own gradient.
    """
    if alone is None or alone[1] == 0.0:
        yield Hypothesis("seed", "", _NO_SEED, setting(seed=lambda _: 0.0))
    if alone is None or alone[1] in (alone[0], 0.0):
        yield Hypothesis("seed", "", _OWN_SEED, setting(seed=lambda data: data))
    for factor in factors:
        if alone is None or alone[1] in (0.0, factor):
            says = f"the output's gradient starts at {_number(factor)}; it must start at 1"
            yield Hypothesis("seed", "", says, setting(seed=partial(_always, factor)))


def _seeds_elsewhere() -> Iterator[Hypothesis]:
    """Yield gradients of 1 that another node gets than the output."""
    for where, seeded in (
        ("the first op's result", _first_op),
        ("the first leaf", _first_leaf),
        ("the last leaf", _last_leaf),
    ):
        says = f"the gradient of {where} is set to 1 instead of the output's"
        yield Hypothesis("seed", "", says, setting(seeded=seeded))
    says = "backward starts at the node that was made last, not at the one that it is called on"
    order = sim.all_operands(_all_descending)
    yield Hypothesis("seed", "", says, setting(seeded=_last_of_all, order=order))
    says = "a gradient of 0 is replaced by 1; only the output's gradient must start at 1"
    yield Hypothesis("seed", "", says, setting(visit=_one_for_zero))


def _orders() -> Iterator[Hypothesis]:
    unreversed = (
        "only the output passes its gradient on in time: the topological order isn't reversed, or "
        f"backward stops after the first node; {_EARLY}"
    )
    early = f"nodes are marked as visited too early: {_EARLY}"
    again = f"nodes are visited once for each path to them: {_AGAIN}"
    for cause, says, steps in (
        ("order", unreversed, sim.postorder),
        ("order", unreversed, _flipped),
        ("order", f"nodes are visited in the order in which they were made: {_EARLY}", _ascending),
        ("order", f"nodes are visited in preorder: {_EARLY}", sim.preorder),
        ("order", f"nodes are visited in preorder: {_EARLY}", _pre_flipped),
        ("order", f"nodes are visited level by level: {_EARLY}", sim.breadth_first),
        ("order", f"nodes are visited level by level: {_EARLY}", _breadth_flipped),
        ("order", early, _pushed),
        ("order", early, _pushed_flipped),
        ("order", f"nodes are sorted by their shortest path: {_EARLY}", sim.by_distance),
        ("order", f"nodes are sorted by their shortest path: {_EARLY}", _by_height),
        ("order", "backward stops after the operands of the operands", _root_and_operands),
        ("order", f"nodes are visited in the wrong order: {_EARLY}", _pre_reversed),
        ("order", f"nodes are visited in the wrong order: {_EARLY}", _pre_flipped_reversed),
        ("order", f"nodes are visited in the wrong order: {_EARLY}", _breadth_reversed),
        ("twice", f"the output passes its gradient on twice: {_AGAIN}", _root_again),
        ("twice", again, _pre_again),
        ("twice", again, _pre_flip_again),
        ("twice", again, _post_again),
        ("twice", again, _post_flip_again),
        ("twice", again, _breadth_again),
        ("twice", again, _breadth_flip_again),
        ("twice", again, _high_again),
        ("twice", again, _late_again),
    ):
        yield Hypothesis(cause, "", says, setting(order=sim.all_operands(steps)))
        if cause == "twice":  # operands in a set, in which each occurs once
            once = sim.all_operands(partial(_of_distinct, steps))
            yield Hypothesis(cause, "", says, setting(order=once))
            passing = partial(_of_passing, steps)  # backward goes only where something is passed on
            yield Hypothesis(cause, "", says, setting(by_number=passing))
    says = (
        "a node is added to the topological order once for each operand, as if by a line with one "
        f"indent too many: {_AGAIN}"
    )
    for steps in (_appended, _appended_flipped):
        yield Hypothesis("twice", "", says, setting(order=sim.all_operands(steps)))
    for again_by in _again_by():
        yield Hypothesis("twice", "", _MORE, setting(by_number=again_by))
    for which, by_level in _levels_of_one():
        says = f"nodes are sorted by the level of their {which} operand: {_EARLY}"
        yield Hypothesis("order", "", says, setting(order=sim.all_operands(by_level)))
    yield Hypothesis("twice", "", again, setting(order=sim.interleaved))
    first = f"a node passes its gradient on as soon as one of its users has: {_EARLY}"
    yield Hypothesis("order", "", first, setting(order=partial(sim.interleaved, revisit=False)))
    yield from _counts()


def _counts() -> Iterator[Hypothesis]:
    """Yield wrong counts of the users for which a node waits."""
    says = (
        "a node that an op uses twice, as in a + a, passes its gradient on too early if others use "
        "it, too: such an op is counted once, and counted down twice"
    )
    for last in (False, True):
        for flip in (False, True):
            steps = partial(sim.ready_first, last=last, flip=flip, is_once=True)
            yield Hypothesis("order", "", says, setting(order=sim.all_operands(steps)))
    says = (
        "a node passes nothing on if one of its users has a local derivative of 0, as a relu that "
        "lets nothing through: the node waits for that user forever"
    )
    waiting = setting(by_number=sim.ready_by_slopes)
    yield Hypothesis("no-gradient", "", says, waiting)


def _in_one_op(op: str, *, varies: bool) -> Iterator[Hypothesis]:
    if OPS[op].inputs > 1:
        yield from _repeated(op)
    says = f"{op} sets the gradients of its operands with `=`; it must add to them, with `+=`"
    inputs = OPS[op].inputs
    every = [partial(_is_op, op)]
    single = [partial(_is_operand, op, operand) for operand in range(inputs if inputs > 1 else 0)]
    for overwrites in (*every, *single):
        for order in (None, *(ANY_ORDER if varies else RIGHT_ORDERS)):
            yield Hypothesis("overwritten", op, says, overwriting(overwrites, order))
    for operand in range(inputs):
        is_it = partial(_is_operand, op, operand)
        says = f"{op} doesn't keep its operand, so backward never reaches it"
        yield Hypothesis("no-gradient", op, says, partial(_also, "unlinked", is_it))
        says = f"{op} sets _backward of its operand, which replaces the operand's own"
        yield Hypothesis("no-gradient", op, says, partial(_also, "replaced", is_it))
        for steps in (_reversed_post, _reversed_flipped, _descending):
            late = partial(_late_events, op, operand, steps)
            yield Hypothesis("no-gradient", op, says, setting(order=late))
    if inputs == 2 and op not in _CANCELLING and not OPS[op].fold:  # noqa: PLR2004 - operands
        says = (
            f"{op} takes two operands with equal numbers for one, so that the first gets what both "
            "must get; they must be told apart by `is`"
        )
        yield Hypothesis("no-gradient", op, says, setting(merges=partial(_is_op, op)))
    if op in _WITH_SIGN:
        says = f"{op} passes on NaN where its operand is 0, as if it divided 0 by 0"
        yield Hypothesis("slope", op, says, partial(_nan_at_0, op))
    for operands in ([*range(inputs)], *([k] for k in range(inputs if inputs > 1 else 0))):
        says = f"{op} uses the gradient of its operand where it must use out.grad"
        own = partial(_is_one_of, op, tuple(operands))
        yield Hypothesis("upstream", op, says, partial(_also, "own_upstream", own))


# --- orders --------------------------------------------------------------------------------------

_flipped = partial(sim.postorder, flip=True)
_pre_flipped = partial(sim.preorder, flip=True)
_pre_again = partial(sim.preorder, revisit=True)
_pre_flip_again = partial(sim.preorder, flip=True, revisit=True)
_breadth_again = partial(sim.breadth_first, revisit=True)
_breadth_flipped = partial(sim.breadth_first, flip=True)
_breadth_flip_again = partial(sim.breadth_first, flip=True, revisit=True)
_high_again = partial(sim.by_height, _breadth_again)


def _again_by() -> Iterator[Callable[[Program, Sequence[float]], list[int]]]:
    """Yield orders of engines that add operands again, by what comes first."""
    for last, flip in product((False, True), repeat=2):  # a queue and a stack
        yield partial(sim.added_again, last=last, flip=flip)
    yield partial(sim.added_again, rank=_oldest)
    for rank in (_high_by_first, _high_by_last, _largest, _smallest):
        for last in (False, True):
            yield partial(sim.added_again, rank=rank, last=last)


def _oldest(program: Program, _: Sequence[float]) -> list[int]:
    return [-i for i in range(len(program.steps))]


def _newest(program: Program, _: Sequence[float]) -> list[int]:
    return [*range(len(program.steps))]


def _high_by_first(program: Program, _: Sequence[float]) -> list[int]:
    return sim.heights(program, sim.FIRST_OPERAND)


def _high_by_last(program: Program, _: Sequence[float]) -> list[int]:
    return sim.heights(program, sim.LAST_OPERAND)


def _largest(_: Program, data: Sequence[float]) -> Sequence[float]:
    return data


def _smallest(_: Program, data: Sequence[float]) -> list[float]:
    return [-x for x in data]


def _late_again(program: Program) -> list[int]:
    return sorted(_breadth_again(program), reverse=True)


def _all_descending(program: Program) -> range:
    return range(len(program.steps) - 1, -1, -1)


def _last_of_all(program: Program) -> int:
    return len(program.steps) - 1


def _reversed_post(program: Program) -> list[int]:
    return sim.postorder(program)[::-1]


def _descending(program: Program) -> list[int]:
    return sorted(sim.postorder(program), reverse=True)


def _reversed_flipped(program: Program) -> list[int]:
    return sim.postorder(program, flip=True)[::-1]


RIGHT_ORDERS: Final[tuple[Order, ...]] = (
    sim.as_written,
    sim.all_operands(_reversed_post),
    sim.all_operands(_reversed_flipped),
    sim.all_operands(sim.ready_first),
    sim.all_operands(partial(sim.ready_first, last=True)),
    sim.all_operands(partial(sim.ready_first, flip=True)),
    sim.counted,
    *(
        sim.all_operands(partial(sim.by_height, first))
        for first in (sim.discovered, _reversed_post, _descending)
    ),
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


def _late_events(
    op: str, operand: int, steps: Callable[[Program], Iterable[int]], program: Program
) -> Iterator[tuple[int, int]]:
    """Yield the order if an op passes on when one of its operands should, and that one never."""
    instead: dict[int, int] = {}
    for step in sorted(steps(program)):
        if program.steps[step].op == op:
            instead[program.steps[step].args[operand]] = step
    for step in steps(program):
        if step in instead:
            yield from sim.events_of(program, instead[step])
        elif program.steps[step].op != op:
            yield from sim.events_of(program, step)


def _every_step(program: Program) -> Iterable[int]:
    return range(len(program.steps))


def _all_below(program: Program) -> list[int]:
    return [*range(program.root, -1, -1)]


def _ascending(program: Program) -> list[int]:
    return sorted(sim.postorder(program))


def _root_and_operands(program: Program) -> list[int]:
    return [program.root, *dict.fromkeys(program.steps[program.root].args)]


def _pushed(program: Program) -> list[int]:
    return sim.marked_when_pushed(program)[::-1]


def _pushed_flipped(program: Program) -> list[int]:
    return sim.marked_when_pushed(program, flip=True)[::-1]


_by_height = partial(sim.by_distance, up=True)


def _levels_of_one() -> Iterator[tuple[str, Callable[[Program], list[int]]]]:
    """Yield orders by levels that count one operand of each op only."""
    for which, of in (("first", sim.FIRST_OPERAND), ("last", sim.LAST_OPERAND)):
        for first in (sim.discovered, sim.breadth_first, _reversed_post, _descending, _ascending):
            yield which, partial(sim.by_height, first, of=of)


def _appended(program: Program) -> list[int]:
    return sim.appended_after_each(program)[::-1]


def _appended_flipped(program: Program) -> list[int]:
    return sim.appended_after_each(program, flip=True)[::-1]


def _root_again(program: Program) -> list[int]:
    return [program.root, *_reversed_post(program)]


def _pre_reversed(program: Program) -> list[int]:
    return sim.preorder(program)[::-1]


def _pre_flipped_reversed(program: Program) -> list[int]:
    return sim.preorder(program, flip=True)[::-1]


def _breadth_reversed(program: Program) -> list[int]:
    return sim.breadth_first(program)[::-1]


def _of_passing(
    steps: Callable[[Program], Iterable[int]], program: Program, data: Sequence[float]
) -> Iterable[int]:
    return steps(sim.without_stopped(program, data))


def _of_distinct(steps: Callable[[Program], Iterable[int]], program: Program) -> Iterable[int]:
    return steps(sim.distinct(program))


def _cut(operand: int, program: Program) -> list[int]:
    """List the steps that backward reaches if every op keeps only one operand.

    That is the first if `operand` is 1, else the last.
    """
    steps = tuple(
        step._replace(args=step.args[:1] if operand else step.args[-1:]) for step in program.steps
    )
    return sim.postorder(program._replace(steps=steps), flip=True)[::-1]


def _post_again(program: Program) -> list[int]:
    return sim.postorder(program, revisit=True)[::-1]


def _post_flip_again(program: Program) -> list[int]:
    return sim.postorder(program, flip=True, revisit=True)[::-1]


# --- steps that are seeded instead of the root ---------------------------------------------------


def _first_op(program: Program) -> int:
    return next((i for i, step in enumerate(program.steps) if step.args), program.root)


def _first_leaf(program: Program) -> int:
    return next((i for i, step in enumerate(program.steps) if step.op == LEAF), program.root)


def _last_leaf(program: Program) -> int:
    return max((i for i, step in enumerate(program.steps) if step.op == LEAF), default=program.root)


def _first_found(program: Program) -> int:
    return sim.postorder(program)[0]


def _first_found_flipped(program: Program) -> int:
    return sim.postorder(program, flip=True)[0]


# --- functions with a bound or an op as their first argument -------------------------------------


def clamp(bound: float, x: float) -> float:
    """Clip a number to between -bound and bound."""
    return max(-bound, min(bound, x))


def _clipped_sum(bound: float, old: float, new: float) -> float:
    return clamp(bound, old + new)


def _clipped_part(bound: float, old: float, new: float) -> float:
    return old + clamp(bound, new)


def _changed_part(change: Callable[[float], float], old: float, new: float) -> float:
    return old + change(new)


def _changed_sum(change: Callable[[float], float], old: float, new: float) -> float:
    return change(old + new)


def _first(old: float, new: float) -> float:
    return old or new


def _old(old: float, _: float) -> float:
    return old


def _sign(x: float) -> float:
    return float((x > 0.0) - (x < 0.0))


def _one_for_zero(x: float) -> float:
    return x or 1.0


def _is_flat(own: float, _: float) -> bool:
    return own == 0.0


def _is_cancelled(_: float, adjoint: float) -> bool:
    return adjoint == 0.0


def _is_flat_or_cancelled(own: float, adjoint: float) -> bool:
    return 0.0 in {own, adjoint}


def _own_squared(own: float, upstream: float) -> float:
    return own * own * upstream


def _upstream_unless_0(own: float, upstream: float) -> float:
    return upstream if own else 0.0


def _upstream_divided(own: float, upstream: float) -> float:
    return ieee.div(upstream, own)


def _upstream_divided_unless_0(own: float, upstream: float) -> float:
    return upstream / (own or 1.0)


def _converted(convert: Callable[[float], float], x: float) -> float:
    return float(convert(x))


def _dropped(bound: float, x: float) -> float:
    return 0.0 if abs(x) < bound else x


def _dropped_part(bound: float, old: float, new: float) -> float:
    return old + _dropped(bound, new)


def _always_true(*_: object) -> bool:
    return True


def _chooses_nothing(op: str) -> bool:
    return op not in sim.CHOOSING


def _is_none_of(ops: Sequence[str], op: str, *_: object) -> bool:
    return op not in ops


def _is_first(_: str, operand: int) -> bool:
    return operand == 0


def _is_last(op: str, operand: int) -> bool:
    return operand == max(OPS[op].inputs, 1) - 1


def _is_op(op: str, other: str, *_: object) -> bool:
    return op == other


def _is_operand(op: str, operand: int, other_op: str, other_operand: int) -> bool:
    return (op, operand) == (other_op, other_operand)


def _number(x: float) -> str:
    """Return a number in few digits, or in all if few make another one look like 1."""
    return f"{x:.9g}" if f"{x:g}" == "1" else f"{x:g}"


def _is_one_of(op: str, operands: Sequence[int], other_op: str, other_operand: int) -> bool:
    return op == other_op and other_operand in operands


def _always(x: float, _: float) -> float:
    return x
