"""The usual mistakes of a backward pass, of all ops or of one, the most usual first."""

from __future__ import annotations

import math
import operator
from dataclasses import replace
from functools import partial
from itertools import chain, product
from typing import TYPE_CHECKING, Final

from mgraph.grade import simulation as sim
from mgraph.grade import traversals
from mgraph.grade.causes import SYMBOLS
from mgraph.grade.hypotheses.hypothesis import (
    Hypothesis,
    also,
    always,
    always_true,
    chooses_nothing,
    is_none_of,
    is_one_of,
    is_op,
    is_operand,
    odd,
    setting,
)
from mgraph.grade.hypotheses.numbers import bounds, left_out, of_leaves, other_numbers
from mgraph.grade.hypotheses.orders import (
    ANY_ORDER,
    EARLY,
    READY_ORDERS,
    RIGHT_ORDERS,
    all_below,
    along_one_operand,
    descending,
    every_step,
    late_events,
    late_events_of,
    newest,
    of_passing,
    pre_again,
    reversed_flipped,
    reversed_post,
    unlinked_events,
    until_seen,
    with_first_uses,
    without_last,
    wrong_orders,
)
from mgraph.grade.hypotheses.overwritten import is_flat, keeping_one, overwritten, overwritten_by
from mgraph.grade.hypotheses.seeds import seeds, seeds_elsewhere, seeds_everywhere, seeds_unseen
from mgraph.grade.program import BY_OPERATOR, LEAF, NUMBER
from mgraph.ops import OPS, ieee

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from mgraph.grade.program import Program
    from mgraph.grade.simulation import Passed, Rules
    from mgraph.grade.traversals import Order


FORGETS_UPSTREAM: Final = (
    "no op multiplies its local derivative by out.grad, which the chain rule requires"
)
FORGETS_PARTIAL: Final = (
    "no op multiplies the upstream gradient by its local derivative, which the chain rule requires"
)
SWAPS_GRADIENTS: Final = "every op gives its operands their gradients in the reverse order"
TAKES_FIRST_TWICE: Final = (
    "ops compute their local derivatives as if the second operand were the same as the first"
)
USES_FIRST_FOR_SECOND: Final = (
    "every op uses the local derivative for its first operand for the second one, too"
)
USES_OPERAND_FOR_RESULT: Final = (
    "ops of one operand use it where their local derivative needs their result"
)
EXCHANGES_PLACES: Final = (
    "ops of one operand compute their local derivatives as if the input were the output, and the "
    "output the input"
)
"""The sentences about mistakes that all ops have in common."""
_ONE_OF_EQUALS: Final = (
    "only one of several nodes with equal numbers passes its gradient on: nodes must be told apart "
    "by `is` or `id`, not by `==` or by their numbers"
)
_TWICE: Final = ("add", "mul", "sub", "div")  # ops that often have one operand twice
_WITH_SIGN: Final = ("abs", "relu")  # ops whose local derivative people write as x / |x|
_WITH_NUMBERS: Final = [(op, kinds) for op in BY_OPERATOR for kinds in ("VN", "NV")]
_CANCELLING: Final = ("sub", "div", "atan2")
"""Ops of which two equal operands get 0 together, as if the result were a constant."""


def whole_passes(  # noqa: PLR0913 - what is known of an engine
    roots: Sequence[tuple[float, float]], gots: Iterable[float], factors: Iterable[float],
    alone: tuple[float, float] | None = None, *, repeatable: Sequence[str] = (),
    repeating: Sequence[str] = (), untold: Sequence[str] = (), varies: bool,
    is_seed_by_op: bool = False, unary: int = 2,
) -> Iterator[Hypothesis]:  # fmt: skip
    """Yield the mistakes that concern all ops, the most usual ones first.

    Args:
        roots: Data and gradient of the outputs, after the run.
        gots: Wrong gradients, the most frequent first.
        factors: How many times too large gradients are, the most frequent first.
        alone: Data and gradient of a leaf after its own backward; None if they aren't known.
        repeatable: Ops that were seen to be right although they use an operand twice.
        repeating: Other ops that wrong cases have with an operand that is used twice.
        untold: Ops of which nothing can be told.
        varies: Whether the order of the backward pass may change from graph to graph.
        is_seed_by_op: Whether the gradient of an output depends on its op alone.
        unary: How many ops with a single operand were seen.
    """
    gots, factors = [*gots], [*factors]
    yield from seeds(roots, is_by_op=is_seed_by_op) if roots else seeds_unseen(factors, alone)
    yield from odd(seeds_elsewhere())
    yield from _without_chain_rule()
    right = ANY_ORDER if varies else RIGHT_ORDERS
    yield from overwritten(right, unary)
    yield from odd(keeping_one(right))
    shown = any(op in _TWICE for op in repeating)
    others = [op for op in _TWICE if shown and op not in repeating]
    yield from _repeated("", untold=(*untold, *others))
    if repeatable and len(repeating) > 1 and shown:
        yield from _repeated("", but=repeatable, untold=(*untold, *others))
    for crossed in (always_true, chooses_nothing):
        change = setting(crossed=crossed)
        yield Hypothesis("swapped", "", SWAPS_GRADIENTS, change, is_odd=True)
    yield from wrong_orders()
    yield from odd(_passing_newest())
    yield from _aliases()
    yield from odd(_shared_nodes())
    yield from bounds(gots)
    yield from other_numbers(factors)
    yield from _along_one_operand()
    yield from odd(chain(_never_reached(), _late(unary), _passed_over()))
    yield from seeds_everywhere()
    yield from odd(_ends_early(right))
    yield from left_out()
    yield from of_leaves(gots)
    change = setting(by_number=_one_of_equals, by_chance=traversals.any_of_equals)
    yield Hypothesis("no-gradient", "", _ONE_OF_EQUALS, change, is_odd=True)
    says = f"a node passes its gradient on before it is complete: {EARLY}"
    yield Hypothesis("order", "", says, setting(is_early=True), is_odd=True)


def _passing_newest() -> Iterator[Hypothesis]:
    """Yield nodes that pass on what came last."""
    says = (
        "a node passes on only the last of the gradients that it gets; it must pass on the sum of "
        "all of them"
    )
    for order in RIGHT_ORDERS:
        yield Hypothesis("upstream", "", says, setting(passes_newest=True, order=order))


def _without_chain_rule() -> Iterator[Hypothesis]:
    """Yield what ops may do instead of multiplying the upstream gradient by their partial."""
    alone = partial(always, 1.0)
    for change in (
        setting(upstream=alone),
        setting(upstream=alone, order=traversals.all_operands(pre_again)),  # on each path by itself
        setting(upstream=alone, by_number=partial(of_passing, pre_again)),
    ):
        yield Hypothesis("upstream", "", FORGETS_UPSTREAM, change)
    says = "every op multiplies its local derivative by out.data instead of out.grad"
    for order in (None, traversals.all_operands(all_below)):
        yield Hypothesis("upstream", "", says, setting(of_data=True, order=order))
    for change in (
        setting(bare=always_true),
        setting(bare=chooses_nothing),
        setting(combines=_upstream_unless_0),  # what is 0 may not be passed on at all
    ):
        yield Hypothesis("inner", "", FORGETS_PARTIAL, change)
    yield from odd(_combining())


def _combining() -> Iterator[Hypothesis]:
    """Yield other ways in which all ops may combine the upstream gradient with their partial."""
    says = "every op squares its local derivative"
    yield Hypothesis("slope", "", says, setting(combines=_own_squared))
    for how, combines in (
        ("adds the upstream gradient to", operator.add),
        ("divides the upstream gradient by", _upstream_divided),
        ("divides the upstream gradient by", _upstream_divided_unless_0),
    ):
        says = f"every op {how} its local derivative; it must multiply them, as the chain rule says"
        yield Hypothesis("upstream", "", says, setting(combines=combines))
        for ends in (None, is_flat):  # on each path by itself, their sum is another number
            change = setting(combines=combines, by_path=True, ends=ends)
            yield Hypothesis("upstream", "", says, change)
    yield from _in_turn()


def _in_turn() -> Iterator[Hypothesis]:
    """Yield what comes of a gradient that is changed from operand to operand."""
    says = (
        "what an operand gets is multiplied by the local derivatives of the operands before it, "
        "too; out.grad must stay the same for all operands"
    )
    for running in (always_true, bool):  # what is 0 may be left out
        yield Hypothesis("slope", "", says, setting(running=running))


def passes_of_op(op: str, *, varies: bool) -> Iterator[Hypothesis]:
    """Yield the mistakes in the way in which one op takes part in the backward pass."""
    for hypothesis in _in_one_op(op, varies=varies):
        yield replace(hypothesis, op=op, forms=frozenset(_forms(op)))


def _where(
    is_there: Callable[[Sequence[float]], bool], gives: Callable[[float], float],
    keys: Sequence[tuple[str, str, int]], rules: Rules,
) -> Rules:  # fmt: skip
    """Return rules by which operands get something else if an op has certain operands.

    Args:
        is_there: Whether it has them, from their numbers.
        gives: From the upstream gradient to what an operand gets then.
        keys: The op, the kinds of its operands, and the index of an operand, for each of these.
        rules: The other rules; a rule that isn't known stays so.
    """

    def passed(usual: Passed, xs: Sequence[float], y: float, upstream: float) -> float:
        return gives(upstream) if is_there(xs) else usual(xs, y, upstream)

    slopes = {**rules.slopes}
    for key in keys:
        usual = slopes.get(key, partial(_right, key[0], key[2]))
        slopes[key] = partial(passed, usual) if usual else None
    return rules._replace(slopes=slopes)


def _right(op: str, operand: int, xs: Sequence[float], y: float, upstream: float) -> float:
    return OPS[op].partials(xs, y)[operand] * upstream


def _is_first_0(xs: Sequence[float]) -> bool:
    return xs[0] == 0.0


def _are_equal(xs: Sequence[float]) -> bool:
    return xs[0] == xs[1]


def _nan(_: float) -> float:
    return math.nan


def _forms(op: str) -> list[tuple[str, str]]:
    """Return an op with the kinds of operands that it may have."""
    return [(op, kinds) for kinds in ("V", "VV", "VN", "NV")]


def _passing_nothing_on(forms: Sequence[tuple[str, str]], rules: Rules) -> Rules:
    """Return rules by which ops with operands of some kinds pass nothing on."""
    keys = [(op, kinds, kinds.index("V")) for op, kinds in forms]
    keys += [(op, kinds, 1) for op, kinds in forms if kinds == "VV"]
    return _giving_nothing(keys, rules)


def _giving_nothing(keys: Sequence[tuple[str, str, int]], rules: Rules) -> Rules:
    """Return rules by which operands get nothing, by op, kinds and index of the operand."""
    return rules._replace(slopes={**rules.slopes, **dict.fromkeys(keys, _nothing)})


def _nothing(*_: object) -> float:
    return 0.0


def _repeated(op: str, but: Sequence[str] = (), untold: Sequence[str] = ()) -> Iterator[Hypothesis]:
    """Yield how an operand that is used twice may count once, in one op, or in all but some."""
    is_one = partial(is_op, op) if op else partial(is_none_of, but)
    examples = [f"x {SYMBOLS[x]} x" for x in _TWICE if x not in (*but, *untold)]
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
    if not op:
        yield Hypothesis("repeated", op, says, setting(order=with_first_uses))
    kept = (
        "keeps its local derivatives by operand, so that only the last one counts for an operand "
        "that is used twice, as in x - x"
    )
    says = f"{op} {kept}" if op else f"an op {kept}{rest}"
    yield Hypothesis("repeated", op, says, setting(keyed=is_one))
    by_operand = "gets the first local derivative twice, as if it were looked up by operand"
    says = (
        f"an operand that {op} uses twice {by_operand}"
        if op
        else f"an operand that is used twice, as in x - x, {by_operand}{rest}"
    )
    yield Hypothesis("slope", op, says, setting(keyed=is_one, keyed_first=True))


def _aliases() -> Iterator[Hypothesis]:
    says = (
        "a gradient is kept without a copy and changed in place, so that several nodes share one "
        "array; write `a.grad = a.grad + g`, or copy it first"
    )
    for shares in (_passes_as_it_is, _passes_as_it_is_to_first, _passes_on_sums):
        for order in (None, *RIGHT_ORDERS):
            for only in (False, True):
                own = {"order": order} if order else {}
                change = setting(shares=shares, shares_root=only, **own)
                yield Hypothesis("aliased", "", says, change)


def _shared_nodes() -> Iterator[Hypothesis]:
    """Yield how several nodes may have one gradient: those of one term, or with one number."""
    says = (
        "a term that is written twice, such as x * w, is one node with one gradient, as if results "
        "were looked up by op and operands; each of the two must have its own"
    )
    yield Hypothesis("aliased", "", says, setting(one_term=True))
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


def _along_one_operand() -> Iterator[Hypothesis]:
    for (operand, which), (but, rest) in product(
        ((1, "first"), (0, "last")), (((), ""), (sim.CHOOSING, " except max and min"))
    ):
        says = f"backward visits only the {which} operand of each op{rest}"
        cut = traversals.all_operands(partial(along_one_operand, operand, but))
        yield Hypothesis("no-gradient", "", says, setting(order=cut))


def _never_reached() -> Iterator[Hypothesis]:
    says = (
        "only the output has a gradient: it is set after the others were computed, or no node is "
        "visited, or the leaves are visited first, or no op keeps its operands, or passes anything "
        "on to them, or all ops use a gradient other than their result's, or a Value gets none "
        "unless it is asked for"
    )
    yield Hypothesis("no-gradient", "", says, setting(order=lambda _: ()))
    for of, which in ((traversals.FIRST_OPERAND, "first"), (traversals.LAST_OPERAND, "last")):
        says = (
            f"only the {which} operand of each op is visited, but the others count, too: a node "
            "waits forever for users that never pass anything on to it"
        )
        yield Hypothesis("no-gradient", "", says, setting(order=partial(traversals.counted, of=of)))
    on = "and never passes its gradient on: count each user once, if backward reaches it"
    for whom, users in (
        ("users on which the output doesn't depend", every_step),
        ("one gradient for each path to its users", pre_again),
    ):
        says = f"a node waits for {whom}, {on}"
        waits = traversals.all_operands(partial(traversals.ready_first, users=users))
        yield Hypothesis("no-gradient", "", says, setting(order=waits))
    says = (
        "backward leaves out operands that come after one that was visited before, as if `break` "
        "or `return` were written where `continue` belongs: some nodes are never reached"
    )
    for steps in until_seen():
        until = setting(order=traversals.all_operands(steps))
        yield Hypothesis("no-gradient", "", says, until)


def _late(unary: int) -> Iterator[Hypothesis]:
    """Yield what happens if ops set what their operand does in backward, not their result."""
    each = (
        "of several ops with the same first operand, only the last one passes its gradient on, as "
        "if each op set _backward of that operand; it must set that of its result"
    )
    of_one = (
        "ops of one operand set _backward of that operand, which replaces the operand's own; they "
        "must set that of their result"
    )
    for says, single in ((each, False), (of_one, True)) if unary > 1 else ((each, False),):
        for steps in (reversed_post, reversed_flipped, descending):
            change = setting(order=partial(late_events_of, steps, single=single))
            yield Hypothesis("no-gradient", "", says, change)


def _passed_over() -> Iterator[Hypothesis]:
    """Yield nodes that pass nothing on because of their numbers, or those of their operands."""
    for steps in (
        traversals.first_of_equals,
        partial(traversals.first_of_equals, flip=True),
        partial(traversals.added_again, rank=newest, equal=True),
        traversals.one_of_equals_by_level,
        partial(traversals.walked_by_number, last=True),
        partial(traversals.walked_by_number, last=False),
    ):
        yield Hypothesis("no-gradient", "", _ONE_OF_EQUALS, setting(by_number=steps))
    for steps in (
        traversals.one_of_equals_by_level,
        partial(traversals.walked_by_number, last=True),
        partial(traversals.walked_by_number, last=False),
    ):
        change = setting(by_number=steps, at_visits=True)
        yield Hypothesis("no-gradient", "", _ONE_OF_EQUALS, change)
    says = (
        "a node whose gradient is 0 when it is visited passes nothing on, although the paths to it "
        "are walked one by one: their contributions may cancel out for a while"
    )
    yield Hypothesis("no-gradient", "", says, setting(by_path=True, ends=_is_flat_or_cancelled))
    yield Hypothesis("no-gradient", "", says, setting(by_path=True, ends=_is_cancelled))
    says = (
        "in backward, all ops with plain numbers use the number that was used last, as if one "
        "Value held all of them"
    )
    yield Hypothesis("conversion", "", says, setting(one_number=True))
    says = "an op of a Value and a plain number, as in x * 2, passes nothing on to the Value"
    yield Hypothesis("no-gradient", "", says, partial(_passing_nothing_on, _WITH_NUMBERS))


def _one_of_equals(program: Program, data: Sequence[float]) -> list[int]:
    return next(traversals.any_of_equals(program, data))


def _without_last() -> Iterator[Hypothesis]:
    """Yield right orders in which the last nodes are missing."""
    says = "backward stops too early: the last nodes in its order pass nothing on"
    for whole in (descending, reversed_post, reversed_flipped):
        for count, of_all in product((2, 1, 3), (True, False)):
            short = traversals.all_operands(partial(without_last, whole, count, of_all=of_all))
            yield Hypothesis("no-gradient", "", says, setting(order=short))


def _ends_early(right: Sequence[Order]) -> Iterator[Hypothesis]:
    yield from _without_last()
    says = "a node whose value is 0 passes nothing on"
    yield Hypothesis("no-gradient", "", says, setting(silent=_is_0))
    for what, stops in (
        ("plain number", partial(_is_leaf, (NUMBER,))),
        ("leaf", partial(_is_leaf, (LEAF, NUMBER))),
        ("leaf", _is_leaf_or_node),
        ("leaf", partial(_is_leaf, (LEAF,))),
        ("node whose gradient is 0", _has_no_adjoint),
        ("node whose gradient is 0", _is_result_without_adjoint),
    ):
        says = f"backward ends at the first {what} that it comes to: nodes after it get too little"
        for order in right:
            yield Hypothesis("no-gradient", "", says, setting(stops=stops, order=order))
        for order in READY_ORDERS if what == "leaf" else ():  # those after it aren't even listed
            change = setting(stops=stops, order=order, at_visits=True)
            yield Hypothesis("no-gradient", "", says, change)


def _is_0(x: float) -> bool:
    return x == 0.0


def _is_leaf(kinds: Sequence[str], program: Program, i: int, _: float = 0.0) -> bool:
    return program.steps[i].op in kinds


def _is_leaf_or_node(program: Program, i: int, _: float) -> bool:
    """Return whether a step is a leaf, or a plain number of which an engine makes a node.

    Of exponents many make none.
    """
    exponents = (step.args[1] for step in program.steps if step.op == "pow")
    return _is_leaf((LEAF,), program, i) or (_is_leaf((NUMBER,), program, i) and i not in exponents)


def _has_no_adjoint(program: Program, i: int, adjoint: float) -> bool:
    """Return whether a Value has an adjoint of 0: those of plain numbers aren't simulated."""
    return adjoint == 0.0 and program.steps[i].op != NUMBER


def _is_result_without_adjoint(program: Program, i: int, adjoint: float) -> bool:
    """Return whether the result of an op has an adjoint of 0: leaves pass nothing on anyway."""
    return adjoint == 0.0 and bool(program.steps[i].args)


def _in_one_op(op: str, *, varies: bool) -> Iterator[Hypothesis]:
    if OPS[op].inputs > 1:
        yield from _repeated(op)
    yield from overwritten_by(op, varies=varies)
    for operand in range(OPS[op].inputs):
        is_it = partial(is_operand, op, operand)
        says = f"{op} doesn't keep its operand, so backward can't get from the result to it"
        yield Hypothesis("no-gradient", op, says, partial(also, "unlinked", is_it))
        for steps in (reversed_post, reversed_flipped, descending):
            alone = partial(unlinked_events, op, operand, steps)
            yield Hypothesis("no-gradient", op, says, setting(order=alone), is_odd=True)
        says = f"{op} sets _backward of its operand, which replaces the operand's own"
        yield Hypothesis("no-gradient", op, says, partial(also, "replaced", is_it))
        for steps in (reversed_post, reversed_flipped, descending):
            late = partial(late_events, op, operand, steps)
            yield Hypothesis("no-gradient", op, says, setting(order=late), is_odd=True)
    yield from odd(_of_equal_operands(op))
    if op in _WITH_SIGN:
        says = f"{op} passes on NaN where its operand is 0, as if it divided 0 by 0"
        # NaN has no other reason there, so that it is as good as seen directly, in a single graph.
        nan_at_0 = partial(_where, _is_first_0, _nan, [(op, "V", 0)])
        yield Hypothesis("slope", op, says, nan_at_0, is_seen=True, is_plain=True)
    yield from odd(chain(_kept_for_backward(op), _waited_for(op), _by_own_gradient(op)))


def _of_equal_operands(op: str) -> Iterator[Hypothesis]:
    """Yield how an op may treat two operands with the same number."""
    if OPS[op].inputs == 2 and op not in _CANCELLING and not OPS[op].fold:  # noqa: PLR2004 - operands
        says = (
            f"{op} takes two operands with equal numbers for the same one, so that the first gets "
            "the gradients of both; they must be told apart by `is`"
        )
        yield Hypothesis("no-gradient", op, says, setting(merges=partial(is_op, op)))
    if op in sim.CHOOSING:
        yield from where_equal(op)
    if op in _CANCELLING:
        says = (
            f"two operands of {op} with equal numbers get nothing in the end, as if the result "
            "were a constant, or both operands were one node"
        )
        keys = [(op, "VV", 0), (op, "VV", 1)]
        yield Hypothesis("no-gradient", op, says, partial(_where, _are_equal, _nothing, keys))


def where_equal(*ops: str) -> Iterator[Hypothesis]:
    """Yield what ops that choose an operand may pass on where there is nothing to choose."""
    both, is_one = " and ".join(ops), len(ops) == 1
    passes, gradient = ("passes", "its gradient") if is_one else ("pass", "their gradient")
    to_both = f"{both} {passes} all of {gradient} on to each of two operands that are equal"
    to_none = (
        f"{both} {passes} nothing on where both operands are equal: there, too, one of them must "
        "get the gradient, or each must get half of it"
    )
    for cause, partials, says in (
        ("slope", (1.0, 1.0), to_both),
        ("no-gradient", (0.0, 0.0), to_none),
    ):
        change = partial(_at_kinks, dict.fromkeys(ops, partials))
        yield Hypothesis(cause, ops[0] if is_one else "", says, change)


def _at_kinks(partials: Mapping[str, Sequence[float]], rules: Rules) -> Rules:
    """Return rules by which ops have some partials at their kinks."""
    return rules._replace(kinks={**rules.kinks, **partials})


def _by_own_gradient(op: str) -> Iterator[Hypothesis]:
    """Yield how an op may use the gradient of its operand where it must not."""
    if op == "relu":
        says = (
            "relu passes a gradient on if its operand's gradient is positive; it must check "
            "whether the operand itself is"
        )
        yield Hypothesis("slope", op, says, setting(gated=partial(is_op, op)))
    says = (
        f"{op} passes nothing on to an operand that has no gradient yet; it may use that gradient "
        "instead of out.grad"
    )  # explains as much as the next one unless some operand has a gradient before
    yield Hypothesis("no-gradient", op, says, partial(_passing_nothing_on, _forms(op)))
    if op == "mul":
        says = (
            "mul multiplies out.grad by the gradient of the other operand; it must be its value, "
            "as in other.data * out.grad"
        )
        for order in (traversals.as_written, *RIGHT_ORDERS):
            yield Hypothesis("slope", op, says, setting(by_grads=partial(is_op, op), order=order))
    inputs = OPS[op].inputs
    for operands in ([*range(inputs)], *([k] for k in range(inputs if inputs > 1 else 0))):
        says = f"{op} uses the gradient of its operand where it must use out.grad"
        own = partial(is_one_of, op, tuple(operands))
        yield Hypothesis("upstream", op, says, partial(also, "own_upstream", own))


def _kept_for_backward(op: str) -> Iterator[Hypothesis]:
    """Yield what an op may look at instead of its own operands and result."""
    if not OPS[op].fold:
        says = (
            f"{op} computes its local derivative from the result or an operand of another {op}, "
            "made later, as if both were stored in one place"
        )
        yield Hypothesis("slope", op, says, setting(of_last=partial(is_op, op)))


def _waited_for(op: str) -> Iterator[Hypothesis]:
    """Yield how an operand may wait for an op without end."""
    for operand in range(OPS[op].inputs if OPS[op].inputs > 1 else 0):
        which = ("first", "second")[operand]
        says = f"{op} passes nothing on to its {which} operand, which waits for it forever"
        keys = [(op, kinds, operand) for kinds in ("VV", "VN", "NV")]
        order = traversals.all_operands(partial(traversals.missed, op, operand))
        for at_visits in (False, True):
            waiting = partial(_giving_nothing_in_order, keys, order, at_visits=at_visits)
            yield Hypothesis("no-gradient", op, says, waiting)


def _giving_nothing_in_order(
    keys: Sequence[tuple[str, str, int]], order: Order, rules: Rules, *, at_visits: bool
) -> Rules:
    """Return rules by which operands get nothing, and nodes are visited in another order."""
    return _giving_nothing(keys, rules)._replace(order=order, at_visits=at_visits)


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
