"""A hypothesis: a mistake that an engine may have, as a change of the rules to simulate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mgraph.grade import simulation as sim
from mgraph.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from mgraph.grade.simulation import Rules
    from mgraph.grade.traversals import Order


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
        is_plain: Whether a single graph is enough to show it.
        is_odd: Whether hardly anyone makes it. There are many such mistakes, of which one may fit
            by chance, so it must explain every failure, alone or beside what was seen directly.
    """

    cause: str
    op: str
    says: str
    change: Callable[[Rules], Rules]
    own_seed: bool = False
    forms: frozenset[tuple[str, str]] = frozenset()
    is_seen: bool = False
    is_plain: bool = False
    is_odd: bool = False

    def is_unknown(self, base: Rules) -> bool:
        """Whether it isn't known how some partial is wrong."""
        slopes = self.change(base).slopes
        return any(key[:2] in self.forms and gives is None for key, gives in slopes.items())


def odd(hypotheses: Iterable[Hypothesis]) -> Iterator[Hypothesis]:
    """Yield mistakes as those that hardly anyone makes."""
    return (replace(each, is_odd=True) for each in hypotheses)


def without_edges(lost: Hypothesis) -> Hypothesis:
    """Return the mistake of an op that loses operands, as one that doesn't know them at all."""
    keys = [(op, k) for (op, _, k) in lost.change(sim.CORRECT).slopes]

    def change(rules: Rules) -> Rules:
        return also("cut", lambda op, k: (op, k) in keys, lost.change(rules))

    return replace(lost, change=change)


def without_touching(lost: Hypothesis) -> Hypothesis:
    """Return the mistake of an op that loses operands, as one that has no backward at all.

    If gradients are set with `=`, such an op leaves those of its operands as they are.
    """

    def change(rules: Rules) -> Rules:
        changed = lost.change(rules)
        return changed._replace(keeps=(*changed.keeps, lost.op))

    return replace(lost, change=change)


def setting(**changes: object) -> Callable[[Rules], Rules]:
    """Return the change that replaces some rules."""
    return lambda rules: rules._replace(**changes)  # type: ignore[arg-type]


def overwriting(
    overwrites: Callable[[str, int], bool], order: Order | None = None, *, resets: bool = False,
    keeps: Sequence[str] = (), touches: Sequence[str] = (),
) -> Callable[[Rules], Rules]:  # fmt: skip
    """Return the change by which more operands are overwritten, and the order another.

    Args:
        overwrites: Whether an operand of an op is overwritten.
        order: The order; as it is, if None.
        resets: Whether an op sets an operand to zero once, and then adds.
        keeps: Further ops that leave an operand as it is if they pass 0 on to it.
        touches: Ops that don't.
    """

    def change(rules: Rules) -> Rules:
        before = rules.overwrites
        return rules._replace(
            overwrites=lambda op, k: overwrites(op, k) or (before is not None and before(op, k)),
            order=order or rules.order,
            resets=resets or rules.resets,
            keeps=(*rules.keeps, *keeps),
            touches=(*rules.touches, *touches),
        )

    return change


def also(name: str, is_so: Callable[[str, int], bool], rules: Rules) -> Rules:
    """Return rules by which something is so for further operands."""
    before: Callable[[str, int], bool] | None = getattr(rules, name)

    def either(op: str, k: int) -> bool:
        return is_so(op, k) or (before is not None and before(op, k))

    return rules._replace(**{name: either})  # type: ignore[arg-type]


def always_true(*_: object) -> bool:
    """Return True, whatever is asked."""
    return True


def chooses_nothing(op: str) -> bool:
    """Return whether an op uses all of its operands, as max does not."""
    return op not in sim.CHOOSING


def is_none_of(ops: Sequence[str], op: str, *_: object) -> bool:
    """Return whether an op is none of some."""
    return op not in ops


def is_first(_: str, operand: int) -> bool:
    """Return whether an operand is the first of its op."""
    return operand == 0


def is_last(op: str, operand: int) -> bool:
    """Return whether an operand is the last of its op."""
    return operand == max(OPS[op].inputs, 1) - 1


def is_second(_: str, operand: int) -> bool:
    """Return whether an operand is the second of its op."""
    return operand == 1


def is_only(op: str, _: int) -> bool:
    """Return whether an op has one operand."""
    return OPS[op].inputs == 1


def is_op(op: str, other: str, *_: object) -> bool:
    """Return whether an op is the one meant."""
    return op == other


def is_operand(op: str, operand: int, other_op: str, other_operand: int) -> bool:
    """Return whether an operand of an op is the one meant."""
    return (op, operand) == (other_op, other_operand)


def number_text(x: float) -> str:
    """Return a number in few digits, or in all if few make another one look like 1."""
    return f"{x:.9g}" if f"{x:g}" == "1" else f"{x:g}"


def is_one_of(op: str, operands: Sequence[int], other_op: str, other_operand: int) -> bool:
    """Return whether an operand of an op is one of those meant."""
    return op == other_op and other_operand in operands


def always(x: float, _: float) -> float:
    """Return the first number, whatever the second is."""
    return x
