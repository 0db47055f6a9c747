"""Names for nodes that are safe in each language, and texts that can't leave their comment."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mgraph.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LONGEST: Final = 50
"""How many characters a name has at most; C compilers need to tell apart only the first 63."""

_TEXT: Final = 80  # characters of a label that a comment shows
_OTHERS: Final = re.compile(r"[^A-Za-z0-9]+")


def identifier(text: str, otherwise: str = "n") -> str:
    """Return a name that begins with a letter, of letters, digits and single `_` only."""
    name = _OTHERS.sub("_", text)[:LONGEST].strip("_") or otherwise
    return f"n{name}" if name[0].isdigit() else name


class Identifiers:
    """Gives out names, each once."""

    def __init__(self, reserved: Iterable[str]) -> None:
        """Take the names that the language, or the code around, has another meaning for."""
        self._reserved = dict.fromkeys(reserved)
        self._taken: dict[str, None] = {}
        self._counts: dict[str, int] = {}  # of the names that were tried for each stem

    def claim(self, text: str, prefixes: Sequence[str] = ()) -> str:
        """Return a name like a text that is not taken, nor are those with the prefixes."""
        stem = name = identifier(text)
        count = self._counts.get(stem, 1)
        if count > 1 or not self._is_free(name, prefixes):
            name = f"{stem}_" if stem in self._reserved else f"{stem}_2"
            while not self._is_free(name, prefixes):
                count += 1
                name = f"{stem}_{count}"
        self._counts[stem] = count
        self._taken.update(dict.fromkeys([name, *(prefix + name for prefix in prefixes)]))
        return name

    def _is_free(self, name: str, prefixes: Sequence[str]) -> bool:
        names = [name, *(prefix + name for prefix in prefixes)]
        return not any(name in self._taken or name in self._reserved for name in names)

    def claim_all(self, ids: Sequence[str], prefixes: Sequence[str] = ()) -> list[str]:
        """Return a name for each node; ids that can be names come first, so that they keep them."""
        names: dict[int, str] = {}
        can_be = [identifier(text) == text for text in ids]
        for first in (True, False):
            for i, text in enumerate(ids):
                if can_be[i] is first:
                    names[i] = self.claim(text, prefixes)
        return [names[i] for i in range(len(ids))]


def remark(text: str) -> str:
    """Return a label as the text of a comment: one short line that nothing can end or obey."""
    shown = text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
    shown = printable(shown).replace("\\", "\N{FULLWIDTH REVERSE SOLIDUS}")
    for pair in ("*/", "/*", "??"):  # a comment of C; trigraphs
        while pair in shown:
            shown = shown.replace(pair, f"{pair[0]} {pair[1]}")
    return shown
