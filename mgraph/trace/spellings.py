"""The names that engines use for ops, operators and attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.grade import driver
from mgraph.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Mapping

SPELLINGS: Final[Mapping[str, tuple[str, ...]]] = {
    op: driver.SPELLINGS.get(op, ("sum", "total")) for op in OPS
}
"""By op, the names of its methods and functions, in lower case and without underscores.

They come from the grader's driver, which must not import mgraph. `__add__` is `add`, `reLU` is
`relu`.
"""

SYMBOLS: Final[Mapping[str, str]] = {"+": "add", "-": "sub", "*": "mul", "/": "div", "**": "pow"}
"""Symbols that engines store in a node to draw it."""

DATA: Final = ("data", "value", "val", "_data", "_value")
"""Attributes for the primal; the first one that exists is used."""

GRAD: Final = ("grad", "gradient", "adjoint", "derivative", "_grad")
"""Attributes for the adjoint; the first one that exists is used."""

LABEL: Final = ("label", "name", "_label", "_name")
"""Attributes for the name of a node; the first one that exists is used."""

PARENTS: Final = ("_prev", "prev", "_children", "children", "_parents", "parents", "_inputs")
"""Attributes for the operands of a node. They may not keep order and repeats."""


class Spelling(NamedTuple):
    """The meaning of a name.

    Attributes:
        op: The op of mgraph.
        arity: The number of operands; 0 for one or more.
        takes_lists: Whether the operands may be passed in a list.
        is_reflected: Whether the operands are swapped, as by `__rsub__`.
    """

    op: str
    arity: int
    takes_lists: bool = False
    is_reflected: bool = False

    def takes(self, count: int) -> bool:
        """Whether the op takes so many operands."""
        return count == self.arity if self.arity else count >= 1


_OF_LISTS: Final = ("sum", "max", "min")


def _spelling(op: str, *, is_reflected: bool = False) -> Spelling:
    arity = 0 if OPS[op].fold else OPS[op].inputs
    return Spelling(op, arity, op in _OF_LISTS, is_reflected)


def _meanings() -> dict[str, Spelling]:
    meanings = {name: _spelling(op) for op in OPS for name in SPELLINGS[op]}
    for op in SYMBOLS.values():
        name = driver.plain(driver.SLOTS[op])
        meanings[name] = _spelling(op)
        meanings[f"r{name}"] = _spelling(op, is_reflected=True)
        meanings[f"i{name}"] = _spelling(op)
    return meanings


_MEANINGS: Final = _meanings()


def is_backward(name: str) -> bool:
    """Whether a method starts the backward pass; `_backward` usually is for one op only."""
    return not name.startswith("_") and driver.plain(name) in driver.SPELLINGS["backward"]


def meaning_of(name: str) -> Spelling | None:
    """Return the meaning of a method or function name; None if mgraph has no such op."""
    return _MEANINGS.get(driver.plain(name))
