"""How engines spell what mgraph knows: the names of ops, operators and attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.grade import driver
from mgraph.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Mapping

SPELLINGS: Final[Mapping[str, tuple[str, ...]]] = {
    op: driver.SPELLINGS.get(op, ("sum", "total")) for op in OPS
}
"""Op to the names of its methods and functions, in lower case, without underscores.

The table of the grader's driver, which has to stand alone: `__add__` is `add`, `reLU` is `relu`.
"""

SYMBOLS: Final[Mapping[str, str]] = {"+": "add", "-": "sub", "*": "mul", "/": "div", "**": "pow"}
"""What engines write into a node for its picture, where that is no name."""

DATA: Final = ("data", "value", "val", "_data", "_value")
"""The attribute that holds the primal; the first that is there counts."""

GRAD: Final = ("grad", "gradient", "adjoint", "derivative", "_grad")
"""The attribute that holds the adjoint; the first that is there counts."""

LABEL: Final = ("label", "name", "_label", "_name")
"""The attribute that names a node; the first that is there counts."""

PARENTS: Final = ("_prev", "prev", "_children", "children", "_parents", "parents", "_inputs")
"""Where engines keep what a node was computed from: order and repeats may be lost there."""


class Spelling(NamedTuple):
    """What a name means.

    Attributes:
        op: As mgraph spells it.
        arity: How many operands it takes; 0 for any number from 1.
        takes_lists: The operands may come in a list.
        is_reflected: They are swapped: `__rsub__`.
    """

    op: str
    arity: int
    takes_lists: bool = False
    is_reflected: bool = False

    def takes(self, count: int) -> bool:
        """Whether so many operands are right."""
        return count == self.arity if self.arity else count >= 1


_OF_LISTS: Final = ("sum", "max", "min")


def _spelling(op: str, *, is_reflected: bool = False) -> Spelling:
    arity = 0 if OPS[op].fold else OPS[op].inputs
    return Spelling(op, arity, op in _OF_LISTS, is_reflected)


def _meanings() -> dict[str, Spelling]:
    found = {name: _spelling(op) for op in OPS for name in SPELLINGS[op]}
    for op in SYMBOLS.values():
        name = driver.plain(driver.SLOTS[op])
        found[name] = _spelling(op)
        found[f"r{name}"] = _spelling(op, is_reflected=True)
        found[f"i{name}"] = _spelling(op)
    return found


_MEANINGS: Final = _meanings()


def is_backward(name: str) -> bool:
    """Whether a method starts the backward pass; `_backward` is usually that of one op."""
    return not name.startswith("_") and driver.plain(name) in driver.SPELLINGS["backward"]


def meaning_of(name: str) -> Spelling | None:
    """Return what the name of a method or a function means; None if mgraph has no such op."""
    return _MEANINGS.get(driver.plain(name))
