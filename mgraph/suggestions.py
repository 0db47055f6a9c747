"""What may have been meant by a name that is not known."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from mgraph.errors import REPORTED, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

LOOKED_AT: Final = 10_000
"""How many names "did you mean" looks at."""

LONGEST: Final = 128
"""Bytes of a name that something is suggested for: no id or field is longer."""


class Suggestions:
    """What may have been meant by the unknown names of one file.

    A search takes time, and a file can hold a million unknown names: there are as many searches
    as there can be hints that are shown, and some more.
    """

    def __init__(self, most: int = 3 * REPORTED) -> None:
        """Take the number of searches."""
        self.most = most
        self.answers: dict[tuple[str, int], str] = {}

    def closest(self, name: str, known: Iterable[str]) -> str:
        """Return what `closest` does, or an empty string after too many searches."""
        asked = name, id(known)
        if asked not in self.answers and len(self.answers) < self.most:
            self.answers[asked] = closest(name, known)
        return self.answers.get(asked, "")

    def meant(self, members: object, known: tuple[str, ...]) -> list[str]:
        """List the absent fields of an object that its unknown keys were probably meant to be.

        After too many searches these may be all that are absent: what follows from an error is
        no error of its own.
        """
        if not isinstance(members, dict):
            return []
        unknown = [key for key in members if key not in known]
        names = [self.closest(key, known) for key in unknown]
        if unknown and len(self.answers) >= self.most:
            names.extend(known)
        return [name for name in names if name and name not in members]


def closest(name: str, known: Iterable[str]) -> str:
    """Return the known name most like this one, or an empty string if none is."""
    from difflib import get_close_matches  # noqa: PLC0415 - only to complain

    if len(name) > LONGEST:
        return ""
    letters = sorted(name.lower())
    near = [
        each
        for each in islice(known, LOOKED_AT)
        if abs(len(each) - len(name)) <= 3 and (each[:1] in name or each[-1:] in name)  # noqa: PLR2004
    ]
    for each in near:  # other case, or letters in another order: tahn is tanh, not tan
        if len(each) == len(name) and sorted(each.lower()) == letters:
            return each
    return next(iter(get_close_matches(name, near[: LOOKED_AT // 10], n=1, cutoff=0.6)), "")


def did_you_mean(name: str) -> str:
    """Format a suggestion; empty for an empty name."""
    return f"did you mean {quoted(name)}?" if name else ""
