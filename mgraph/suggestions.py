"""Suggestions for unknown names: "did you mean …?"."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from mgraph.errors import REPORTED, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

LOOKED_AT: Final = 10_000
"""How many known names an unknown one is compared with."""

LONGEST: Final = 128
"""Nothing is suggested for longer names: no id or field is longer."""


class Suggestions:
    """Suggestions for the unknown names of one file.

    A search takes time, and a file can have a million unknown names, so the number of searches
    is limited: a few for each diagnostic that can be shown.
    """

    def __init__(self, most: int = 3 * REPORTED) -> None:
        """Allow `most` searches."""
        self.most = most
        self.answers: dict[tuple[str, int], str] = {}

    def closest(self, name: str, known: Iterable[str]) -> str:
        """Call the function `closest`; return an empty string after too many searches."""
        key = name, id(known)
        if key not in self.answers and len(self.answers) < self.most:
            self.answers[key] = closest(name, known)
        return self.answers.get(key, "")

    def meant_fields(self, members: object, known: tuple[str, ...]) -> list[str]:
        """List the missing fields of an object that its unknown keys were probably meant to be.

        After too many searches these are all missing fields: any of them may be meant, and errors
        that merely follow from others are not reported.
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
    from difflib import get_close_matches  # noqa: PLC0415 - for error messages only

    if len(name) > LONGEST:
        return ""
    letters = sorted(name.lower())
    near = [
        other
        for other in islice(known, LOOKED_AT)
        if abs(len(other) - len(name)) <= 3 and (other[:1] in name or other[-1:] in name)  # noqa: PLR2004
    ]
    for other in near:  # other case, or letters in another order: tahn is tanh, not tan
        if len(other) == len(name) and sorted(other.lower()) == letters:
            return other
    return next(iter(get_close_matches(name, near[: LOOKED_AT // 10], n=1, cutoff=0.6)), "")


def did_you_mean(name: str) -> str:
    """Format a suggestion; empty for an empty name."""
    return f"did you mean {quoted(name)}?" if name else ""
