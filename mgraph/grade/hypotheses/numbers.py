"""Hypotheses about gradients as numbers: they are clipped, rounded, scaled or replaced."""

from __future__ import annotations

import operator
from functools import partial
from typing import TYPE_CHECKING, Final

from mgraph.grade import traversals
from mgraph.grade.hypotheses.hypothesis import (
    Hypothesis,
    always_true,
    number_text,
    odd,
    overwriting,
    setting,
)
from mgraph.grade.hypotheses.orders import RIGHT_ORDERS, first_found, first_found_flipped
from mgraph.grade.op_mistakes import LOSSES, guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from mgraph.grade.simulation import Rules
    from mgraph.grade.traversals import Order


_FEW: Final = 2  # of the most frequent wrong gradients


def bounds(gots: Sequence[float]) -> Iterator[Hypothesis]:
    """Yield bounds at which gradients are clipped, and losses of digits."""
    for bound in dict.fromkeys((*gots, 1.0, 5.0, 10.0, 100.0)):
        says = f"gradients are clipped at {bound:g}"
        cut = partial(clamp, bound)
        for change in (
            setting(clip=partial(_clipped_sum, bound)),
            setting(clip=partial(_clipped_part, bound)),
            setting(visit=cut),
            setting(upstream=cut),
            setting(afterwards=cut),
            *(_in_order(bound, order) for order in RIGHT_ORDERS if bound in gots[:_FEW]),
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
        says = f"local derivatives are {how}"
        yield Hypothesis("precision", "", says, setting(combines=partial(_with_less, loss)))
    yield from odd(_dropping())


def _dropping() -> Iterator[Hypothesis]:
    """Yield bounds below which gradients are dropped."""
    for n in range(12, 0, -1):  # from the smallest bound, below which all of them are dropped
        says = f"gradients smaller than about {10.0**-n:g} are dropped"
        dropped = partial(_dropped, 10.0**-n)
        yield Hypothesis("clipped", "", says, setting(upstream=dropped))
        yield Hypothesis("clipped", "", says, setting(visit=dropped))
        part = partial(_dropped_part, 10.0**-n)
        yield Hypothesis("clipped", "", says, setting(clip=part))


def other_numbers(factors: Iterable[float]) -> Iterator[Hypothesis]:
    """Yield changes of all gradients that are more than a loss of digits."""
    for factor in factors:
        says = f"every op passes on {number_text(factor)} times what it must"
        if factor == -1.0:
            says = "every op passes its gradients on with the wrong sign"
        cause = "sign" if factor == -1.0 else "factor"
        times = partial(operator.mul, factor)
        for change in (setting(upstream=times), setting(visit=times)):  # the output's own, too
            yield Hypothesis(cause, "", says, change)
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


def of_leaves(gots: Sequence[float]) -> Iterator[Hypothesis]:
    """Yield what is done to the gradients of leaves, and not to those of ops."""
    says = "`=` instead of `+=`: a leaf that is used twice keeps only the last gradient"
    for order in (traversals.as_written, *RIGHT_ORDERS[1:]):
        change = overwriting(always_true, order)
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


def left_out() -> Iterator[Hypothesis]:
    """Yield leaves that have no gradient in the end."""
    says = (
        "leaves have no gradient in the end: only the results of ops get one, or those of leaves "
        "are set back to 0 afterwards"
    )
    yield Hypothesis("no-gradient", "", says, partial(_in_leaves, setting(clip=_old)))
    says = (
        "the first leaf that backward finds has no gradient in the end: it is left out, or its "
        "gradient is set back to 0 afterwards"
    )
    for lost in (first_found, first_found_flipped):
        yield Hypothesis("no-gradient", "", says, setting(lost=lost))


def _in_order(bound: float, order: Order) -> Callable[[Rules], Rules]:
    """Return the change that clips sums as they grow: what is lost depends on what comes first."""
    return setting(clip=partial(_clipped_sum, bound), order=order)


def _in_leaves(change: Callable[[Rules], Rules], rules: Rules) -> Rules:
    """Return the rules after a change that only leaves show."""
    return change(rules)._replace(only_leaves=True)


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


def _with_less(loss: Callable[[float], float], own: float, upstream: float) -> float:
    return loss(own) * upstream


def keep_first(old: float, new: float) -> float:
    """Return the gradient that came first, unless it is 0."""
    return old or new


def _old(old: float, _: float) -> float:
    return old


def _converted(convert: Callable[[float], float], x: float) -> float:
    return float(convert(x))


def _dropped(bound: float, x: float) -> float:
    return 0.0 if abs(x) < bound else x


def _dropped_part(bound: float, old: float, new: float) -> float:
    return old + _dropped(bound, new)
