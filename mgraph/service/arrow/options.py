"""What the query asks for: the options of `mgraph replay`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mgraph.codec import SPECIAL
from mgraph.errors import quoted, some
from mgraph.service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgraph.service.exchange import HttpRequest

KNOWN: Final = ("grad", "wrt", "column", "seed", "keep", "bad_rows", "math", "row")
"""The parameters; `wrt`, `column`, `seed` and `keep` may be there several times."""

_SEVERAL: Final = ("wrt", "column", "seed", "keep")
_MOST: Final = 10_000
_GRADS: Final[Mapping[str, Any]] = {"rows": "rows", "none": None}
_ROW: Final = re.compile("[0-9]{1,15}")


class RowsWanted(NamedTuple):
    """What is done with rows.

    Attributes:
        mapper: The keywords of `mgraph.rows.mapper`.
        keep: Which columns of the table are sent back.
        row: The number of the first row, for errors.
    """

    mapper: Mapping[str, Any]
    keep: str | Sequence[str]
    row: int


def rows_wanted(request: HttpRequest) -> RowsWanted:
    """Read the query.

    Raises:
        Problem: 400 for what is wrong with it.
    """
    given = request.queries(*KNOWN, most=_MOST)
    if twice := [name for name, texts in given.items() if len(texts) > 1 and name not in _SEVERAL]:
        raise Problem(400, f"the query has {twice[0]} twice")
    one = {name: texts[0] for name, texts in given.items()}
    grad = one.get("grad", "rows")
    if grad not in _GRADS:
        raise Problem(400, f"grad is rows or none, not {quoted(grad)}; mgraph replay adds up sums")
    wrt = [name for text in given.get("wrt", ()) for name in text.split(",")]
    from mgraph.rows.columns import BAD_ROWS  # noqa: PLC0415 - an extra

    bad_rows = one.get("bad_rows", "fail")
    if bad_rows not in BAD_ROWS:
        raise Problem(400, f"bad_rows is one of {some(BAD_ROWS)}, not {quoted(bad_rows)}")
    row = one.get("row", "0")
    if _ROW.fullmatch(row) is None:
        raise Problem(400, f"row is the number of the first row, not {quoted(row)}")
    mapper = {
        "grad": _GRADS[grad],
        "wrt": wrt or None,
        "columns": dict(_columns(given.get("column", ()))),
        "seed": {name: _double(x) for name, x in _pairs(given.get("seed", ()))},
        "math": one.get("math", "libm"),
        "bad_rows": bad_rows,
    }
    return RowsWanted(mapper, _keep(given.get("keep", ["all"])), int(row))


def _keep(texts: Sequence[str]) -> str | Sequence[str]:
    names = [name for text in texts for name in text.split(",")]
    return names[0] if names in (["all"], ["none"]) else names


def _pairs(texts: Sequence[str]) -> list[tuple[str, str]]:
    return [_pair(text, "seed", "ID=X") for text in texts]


def _columns(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Return leaves and their columns; a column is empty for a leaf that keeps its value."""
    return [_pair(text, "column", "LEAF=COLUMN", can_be_empty=True) for text in texts]


def _pair(text: str, name: str, form: str, *, can_be_empty: bool = False) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals and (value or can_be_empty)):
        raise Problem(400, f"{name} is {form}, not {quoted(text)}")
    return key, value


def _double(text: str) -> float:
    try:
        return SPECIAL[text] if text in SPECIAL else float(text)
    except ValueError:
        raise Problem(400, f"a seed is a number, not {quoted(text)}") from None
