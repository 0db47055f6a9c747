"""Suggestions for unknown names: "did you mean …?"."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from mgraph.errors import REPORTED, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LOOKED_AT: Final = 10_000
"""How many known names an unknown one is compared with."""

_USUAL: Final = 16
"""How many letters names usually have; shorter ones take as much time."""

_TOGETHER: Final = 30 * LOOKED_AT * _USUAL
"""How many letters of known names all unknown ones of a file are compared with, together."""

_PER_PAIR: Final = 4
"""What comparing each letter of a name with each of another costs, in letters of `_TOGETHER`."""

LONGEST: Final = 128
"""Nothing is suggested for longer names: no id or field is longer."""


_ABBREVIATION: Final = 3  # letters; with fewer, too much begins with them
_SIMILAR: Final = 0.65  # one wrong letter of three is; two of five, as in train and trace, are not

OTHER_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    # leaves
    "parameter": ("param",), "weight": ("param",), "trainable": ("param",),
    "constant": ("const",), "number": ("const",), "literal": ("const",),
    "placeholder": ("input",), "variable": ("input",),
    # ops
    "+": ("add",), "plus": ("add",), "addition": ("add",),
    "-": ("sub",), "minus": ("sub",), "subtract": ("sub",),
    "*": ("mul",), "times": ("mul",), "multiply": ("mul",), "product": ("mul",),
    "/": ("div",), "divide": ("div",), "division": ("div",),
    "^": ("pow",), "**": ("pow",), "power": ("pow",),
    "negative": ("neg",), "negate": ("neg",), "absolute": ("abs",), "fabs": ("abs",),
    "maximum": ("max",), "minimum": ("min",), "total": ("sum",),
    "ln": ("log",), "exponential": ("exp",), "arctan": ("atan",),
    "arcsin": ("asin",), "arccos": ("acos",), "arctan2": ("atan2",), "if_else_zero": ("gate",),
    "logistic": ("sigmoid",), "expit": ("sigmoid",), "swish": ("silu",),
    "average": ("mean",), "avg": ("mean",),
    # fields
    "value": ("data",), "values": ("data",), "val": ("data",),
    "gradient": ("grad",), "gradients": ("grad",), "adjoint": ("grad",), "adjoints": ("grad",),
    "inputs": ("args",), "arguments": ("args",), "operands": ("args",), "children": ("args",),
    "parents": ("args",), "prev": ("args",), "operation": ("op",), "operator": ("op",),
    "type": ("op",), "kind": ("op",), "name": ("id",), "title": ("name", "label"),
    "description": ("doc",), "comment": ("doc",), "version": ("mgraph",),
    "rtol": ("rel",), "relative": ("rel",), "atol": ("abs",),
    # commands
    "show": ("draw",), "plot": ("draw",), "render": ("draw",), "picture": ("draw",),
    "validate": ("check",), "verify": ("check",), "lint": ("check",), "compare": ("diff",),
    "eval": ("run",), "evaluate": ("run",), "forward": ("run",), "backward": ("run",),
    "grad": ("run",), "create": ("new",), "make": ("new",), "record": ("trace",),
    "fit": ("train",), "learn": ("train",), "optimize": ("train",),
    "debug": ("step",), "why": ("explain",), "html": ("view",),
    "link": ("share",), "send": ("share",),
}  # fmt: skip
"""Names that people know from elsewhere, in lower case, and what they are called here."""


class Suggestions:
    """Suggestions for the unknown names of one file.

    A search takes time, and a file can have a million unknown names, so the number of searches
    is limited: a few for each diagnostic that can be shown, and fewer if there are many known
    names to look at, or long ones.
    """

    def __init__(self, most: int = 3 * REPORTED) -> None:
        """Allow `most` searches."""
        self.most = most
        self.answers: dict[tuple[str, int], str] = {}
        self._left = _TOGETHER

    def closest(self, name: str, known: Iterable[str]) -> str:
        """Return the known name that was probably meant, or an empty string if none is close.

        It is empty after too many searches, too.
        """
        key = name, id(known)
        if key not in self.answers and len(self.answers) < self.most and self._left > 0:
            self.answers[key] = self._search(name, known) if len(name) <= LONGEST else ""
        return self.answers.get(key, "")

    def _search(self, name: str, known: Iterable[str]) -> str:
        lower = name.lower()
        looked_at = dict.fromkeys(islice(known, LOOKED_AT))
        self._left -= len(looked_at) * max(_USUAL, len(name))
        for other in OTHER_NAMES.get(lower, ()):
            if other in looked_at:
                return other
        beginnings = [other for other in looked_at if other.lower().startswith(lower)]
        if len(beginnings) == 1 and len(name) >= _ABBREVIATION:  # sig is sigmoid, not sin
            return beginnings[0]
        return self._misspelt(lower, looked_at)

    def _misspelt(self, name: str, known: Iterable[str]) -> str:
        """Return the known name that differs in few letters; `name` is in lower case."""
        letters = sorted(name)
        near: dict[str, str] = {}
        for other in known:
            lower = other.lower()
            if abs(len(lower) - len(name)) <= 3 and (lower[:1] in name or lower[-1:] in name):  # noqa: PLR2004
                near.setdefault(lower, other)
        for lower, other in near.items():  # letters in another order: tahn is tanh, not tan
            if sorted(lower) == letters:
                return other
        return near.get(self._most_similar(name, islice(near, LOOKED_AT // 10)), "")

    def _most_similar(self, name: str, others: Iterable[str]) -> str:
        """Return what `difflib.get_close_matches` puts first, or an empty string.

        It compares letter by letter only those that may be more similar than the best so far: for
        long names, that takes a thousand times as long as counting letters.
        """
        from difflib import SequenceMatcher  # noqa: PLC0415 - for error messages only

        matcher = SequenceMatcher(b=name)
        bounds: list[tuple[float, str]] = []
        for other in others:
            matcher.set_seq1(other)
            bounds.append((matcher.quick_ratio(), other))
        best = _SIMILAR, ""
        for bound, other in sorted(bounds, reverse=True):
            if (bound, other) < best or self._left <= 0:
                break
            self._left -= _PER_PAIR * len(name) * len(other)
            matcher.set_seq1(other)
            best = max(best, (matcher.ratio(), other))
        return best[1]

    def meant_fields(self, members: object, known: tuple[str, ...]) -> list[str]:
        """List the missing fields of an object that its unknown keys were probably meant to be.

        After too many searches these are all missing fields: any of them may be meant, and errors
        that merely follow from others are not reported.
        """
        if not isinstance(members, dict):
            return []
        unknown = [key for key in members if key not in known]
        names = [self.closest(key, known) for key in unknown]
        if unknown and (len(self.answers) >= self.most or self._left <= 0):
            names.extend(known)
        return [name for name in names if name and name not in members]


def closest(name: str, known: Iterable[str]) -> str:
    """Return the known name that was probably meant, or an empty string if none is close."""
    return Suggestions().closest(name, known)


def did_you_mean(name: str) -> str:
    """Format a suggestion; empty for an empty name."""
    return f"did you mean {quoted(name)}?" if name else ""
