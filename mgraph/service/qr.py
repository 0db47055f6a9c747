"""QR codes of links, drawn with characters for a terminal."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from mgraph.errors import GraphError, MissingExtraError
from mgraph.extras import install

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST: Final = 1_200
"""Most characters of a link in a QR code: phones don't read larger codes from a screen."""

_BLACK_ON_WHITE: Final = "\033[38;5;16;48;5;231m"
_RESET: Final = "\033[0m"
_HALVES: Final = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}
"""The character for two modules, one above the other, by which of them are painted."""


def modules(link: str) -> Sequence[Sequence[int]]:
    """Return the modules of a QR code, a row each: 1 is dark. Its quiet zone is included.

    Raises:
        GraphError: `size` if the link is too long for a code that phones can read.
        MissingExtraError: The extra `serve` is not installed.
    """
    if find_spec("segno") is None:
        message = f"a QR code needs segno, which is not installed: {install('serve')}"
        raise MissingExtraError(message)
    if len(link) > LONGEST:
        message = f"the link has {len(link):,} characters, too many for a QR code"
        fix = "store the graph on a server, whose links are short: --to URL"
        raise GraphError.of("size", message, expected=f"at most {LONGEST:,} characters", fix=fix)
    import segno  # noqa: PLC0415 - an extra

    return [[*row] for row in segno.make(link, error="l", micro=False).matrix_iter(border=4)]


def in_colour(rows: Sequence[Sequence[int]]) -> str:
    """Draw a code black on white, whatever the colours of the terminal are."""
    return "\n".join(f"{_BLACK_ON_WHITE}{line}{_RESET}" for line in _lines(rows))


def plain(rows: Sequence[Sequence[int]]) -> str:
    """Draw a code without colours: what is light is painted, as on a dark terminal."""
    inverse = [[1 - module for module in row] for row in rows]
    return "\n".join(_lines(inverse))


def _lines(rows: Sequence[Sequence[int]]) -> list[str]:
    """Return a line of text for every two rows of modules."""
    blank = [0] * len(rows[0])
    padded = [*rows, blank]  # the last row of an odd number is drawn with a blank one
    pairs = zip(padded[::2], padded[1::2], strict=False)
    return ["".join(_HALVES[pair] for pair in zip(*rows, strict=True)) for rows in pairs]
