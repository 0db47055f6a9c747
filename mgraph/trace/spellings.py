"""The names that engines use for ops, operators and attributes."""

from __future__ import annotations

from ast import literal_eval
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.grade import driver_spellings as usual
from mgraph.ops import OPS
from mgraph.suggestions import closest, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

SPELLINGS: Final[Mapping[str, tuple[str, ...]]] = {
    op: usual.SPELLINGS.get(op, ("sum", "total")) for op in OPS
}
"""By op, the names of its methods and functions, in lower case and without underscores.

They come from the grader's driver, which must not import mgraph. `__add__` is `add`, `reLU` is
`relu`.
"""

SYMBOLS: Final[Mapping[str, str]] = {"+": "add", "-": "sub", "*": "mul", "/": "div", "**": "pow"}
"""Symbols that engines store in a node to draw it."""

LABEL: Final = ("label", "name", "_label", "_name")
"""Attributes for the name of a node; the first one that exists is used."""

PARENTS: Final = (
    "_prev", "prev", "_children", "children", "_parents", "parents", "_inputs", "inputs", "args",
    "operands", "sources",
)  # fmt: skip
"""Attributes for the operands of a node. They may not keep order and repeats."""

NAMES: Final = (*OPS, "backward", "data", "grad", "number")
"""What the spelling of an engine can be stated for."""

_OF_LISTS: Final = ("sum", "max", "min")
_NO_ARGUMENT: Final = object()


class Spelling(NamedTuple):
    """The meaning of a name.

    Attributes:
        op: The op of mgraph.
        arity: The number of operands; 0 for one or more.
        takes_lists: Whether the operands may be passed in a list.
        is_reflected: Whether the operands are swapped, as by `__rsub__`.
        argument: What is passed after the operands, always the same.
    """

    op: str
    arity: int
    takes_lists: bool = False
    is_reflected: bool = False
    argument: object = _NO_ARGUMENT

    def takes(self, count: int) -> bool:
        """Whether the op takes so many operands."""
        return count == self.arity if self.arity else count >= 1

    @property
    def has_argument(self) -> bool:
        """Whether something is passed after the operands."""
        return self.argument is not _NO_ARGUMENT


def _spelling(op: str, *, is_reflected: bool = False, argument: object = _NO_ARGUMENT) -> Spelling:
    arity = 0 if OPS[op].fold else OPS[op].inputs
    return Spelling(op, arity, op in _OF_LISTS, is_reflected, argument)


def _usual_meanings() -> dict[str, tuple[Spelling, ...]]:
    meanings = {name: _spelling(op) for op in OPS for name in SPELLINGS[op]}
    for op in SYMBOLS.values():
        name = usual.plain(usual.SLOTS[op])
        meanings[name] = _spelling(op)
        meanings[f"r{name}"] = _spelling(op, is_reflected=True)
        meanings[f"i{name}"] = _spelling(op)
    return {name: (meaning,) for name, meaning in meanings.items()}


_USUAL: Final = _usual_meanings()


class Spellings:
    """What names mean in one engine: the usual spellings, and those that `--op` states.

    Attributes:
        data: Names of the attribute with the primal, in lower case and without underscores.
        grad: Names of the attribute with the adjoint.
        number: The function that turns plain numbers into Values; empty if it is not named.
        given: The stated spellings, as they were written.
        seen: The stated names of ops that a function or method of the program was seen to have.
    """

    def __init__(self, given: Mapping[str, str] = MappingProxyType({})) -> None:
        """Take spellings by what they spell, written as for `mgraph grade --op`.

        Raises:
            ValueError: Something that has no spelling is among them.
        """
        unknown = next((what for what in given if what not in NAMES), None)
        if unknown is not None:
            hint = did_you_mean(closest(str(unknown), NAMES)) or f"choose from {', '.join(NAMES)}"
            message = f"{unknown!r} is not the name of an op: {hint}"
            raise ValueError(message)
        self.given = given
        self.seen: dict[str, None] = {}
        self._given: dict[str, tuple[Spelling, ...]] = {}
        self._backward = ""
        for what, text in given.items():
            name, argument = _parsed(text)
            if what in OPS:
                meaning = _spelling(what, argument=argument)
                self._given[name] = (*self._given.get(name, ()), meaning)
            elif what == "backward":
                self._backward = name
        self.data = self._attributes("data", given)
        self.grad = self._attributes("grad", given)
        self.number = _parsed(given.get("number", ""))[0]

    @staticmethod
    def _attributes(what: str, given: Mapping[str, str]) -> tuple[str, ...]:
        name = given.get(what)
        return usual.SPELLINGS[what] if name is None else (usual.plain(name),)

    def meanings_of(self, name: str) -> tuple[Spelling, ...]:
        """Return the meanings of a method or function name; none if mgraph has no such op.

        There are several if an argument tells them apart: `activation('tanh')`.
        """
        if name in self._given:
            self.seen[name] = None
            return self._given[name]
        return _USUAL.get(usual.plain(name), ())

    def is_backward(self, name: str) -> bool:
        """Whether a name starts the backward pass; `_backward` usually is for one op only."""
        if self._backward:
            return name == self._backward
        return not name.startswith("_") and usual.plain(name) in usual.SPELLINGS["backward"]


def name_in(text: str) -> str:
    """Return the last name in a stated spelling, which is all that counts of it."""
    return _parsed(text)[0]


def _parsed(text: str) -> tuple[str, object]:
    """Return the last name in `MODULE:FUNCTION(ARGUMENT)`, and the argument."""
    argument: object = _NO_ARGUMENT
    if text.endswith(")"):
        text, _, source = text[:-1].rpartition("(")
        argument = literal_eval(source)
    return text.rpartition(":")[2].rpartition(".")[2], argument


USUAL: Final = Spellings()
"""The usual spellings only."""


def meaning_of(name: str) -> Spelling | None:
    """Return the usual meaning of a method or function name; None if mgraph has no such op."""
    return next(iter(USUAL.meanings_of(name)), None)
