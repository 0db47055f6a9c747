"""Text files of rows, cut into blocks of whole records: lines of CSV and JSON lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from mgraph.errors import GraphError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

BLOCK: Final = 2**20
"""Bytes that are read at once."""

_LONGEST: Final = 2**26
"""The most bytes of one record."""

_LF, _CR, _QUOTE, _COMMA = b'\n\r",'


class Block(NamedTuple):
    """Some whole records.

    Attributes:
        data: Their bytes, with the blank lines between them.
        ends: int64[N], where each record ends, blank lines left out.
        start: Where they start in what was read.
    """

    data: bytes
    ends: NDArray[np.int64]
    start: int = 0

    def after(self, record: int) -> Block:
        """Return the block without its records before and including one of them."""
        end = int(self.ends[record])
        return Block(self.data[end:], self.ends[record + 1 :] - end, self.start + end)

    def lines_to(self, record: int) -> int:
        """Return the line on which a record starts, counted from 1 at the start of the block."""
        start = int(self.ends[record - 1]) if record else 0
        text = self.data[start : self.ends[record]].lstrip(b"\r\n")
        stop = int(self.ends[record]) - len(text) if text else start  # behind blank lines
        return 1 + self.data.count(b"\n", 0, stop)


def blocks(
    read: Callable[[int], bytes],
    shown: str,
    *,
    quotes: bool,
    row: int = 0,
    blank_rows: bool | None = False,
) -> Iterator[Block]:
    """Cut what is read into blocks of at least one whole record.

    Args:
        read: Returns up to so many bytes; none at the end.
        shown: What messages call the file.
        quotes: Whether a line break between quotes belongs to a record, as in CSV.
        row: The number of the first record, for messages.
        blank_rows: Whether blank lines are records, as in CSV with one column; None if the first
            record is the header of CSV, which tells.

    Raises:
        GraphError: `syntax` if quotes are not as in CSV; `size` if a record is too long.
    """
    rest, data, start = b"", read(BLOCK), 0
    while data:
        rest += data
        ends = _record_ends(rest, shown, row) if quotes else _line_ends(rest)
        if ends.size:
            block = Block(rest[: ends[-1]], ends, start)
            if not blank_rows:
                block = _without_blank_lines(block)
            if blank_rows is None and block.ends.size:
                blank_rows = _has_one_field(block)
                block = block._replace(ends=ends[ends >= block.ends[0]]) if blank_rows else block
            rest = rest[ends[-1] :]
            start += len(block.data)
            row += block.ends.size
            if block.ends.size:
                yield block
        elif len(rest) > _LONGEST:
            fix = "close the quote that is open there" if quotes else "write one object per line"
            message = f"{_place(row)} has more than {_LONGEST:,} bytes"
            raise GraphError.of("size", message, fix=fix, file=shown)
        data = read(BLOCK)
    if rest.strip(b"\r"):
        if quotes and rest.count(b'"') % 2:
            raise _quote_error("a quote is not closed", shown, row)
        yield Block(rest, np.array([len(rest)]), start)


def _line_ends(data: bytes) -> NDArray[np.int64]:
    ends: NDArray[np.int64] = np.flatnonzero(np.frombuffer(data, np.uint8) == _LF) + 1
    return ends


def _record_ends(data: bytes, shown: str, row: int) -> NDArray[np.int64]:
    """Return where lines end that don't end between quotes."""
    ends: NDArray[np.int64] = _line_ends(data)
    if b'"' not in data:
        return ends
    text = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(text == _QUOTE)
    ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
    _check_quotes(text, quotes, ends, shown, row)
    return ends


def _check_quotes(
    text: NDArray[np.uint8],
    quotes: NDArray[np.int64],
    ends: NDArray[np.int64],
    shown: str,
    row: int,
) -> None:
    """Check that quotes surround whole fields: only then is it certain where records end.

    A doubled quote inside a field closes it and opens it again.
    """
    opening, closing = quotes[::2], quotes[1::2]
    before = text[opening - 1]
    after = text[np.minimum(closing + 1, text.size - 1)]
    wrong_before = ~np.isin(before, (_COMMA, _LF, _CR, _QUOTE)) & (opening > 0)
    wrong_after = ~np.isin(after, (_COMMA, _LF, _CR, _QUOTE)) & (closing < text.size - 1)
    wrong = np.concatenate([opening[wrong_before], closing[wrong_after]])
    if wrong.size:
        at = row + int(np.searchsorted(ends, wrong.min(), side="right"))
        raise _quote_error("a quote stands inside a field", shown, at)


def _quote_error(what: str, shown: str, row: int) -> GraphError:
    message = f"{what} in {_place(row).rstrip(',')}"
    expected = "quotes around whole fields, and doubled inside of them"
    path = () if row < 0 else (row,)
    return GraphError.of("syntax", message, path, expected=expected, file=shown)


def _place(row: int) -> str:
    return "the header" if row < 0 else f"row {row:,}, counted from 0,"


def _has_one_field(block: Block) -> bool:
    """Whether the first record of CSV has only one field."""
    return b"," not in re.sub(rb'"[^"]*"', b"", block.data[: block.ends[0]])


def _without_blank_lines(block: Block) -> Block:
    text = np.frombuffer(block.data, np.uint8)
    starts = np.concatenate([[0], block.ends[:-1]])
    sizes = block.ends - starts
    is_blank = (sizes == 1) | ((sizes == 2) & (text[starts] == _CR))  # noqa: PLR2004 - CR and LF
    return block._replace(ends=block.ends[~is_blank])
