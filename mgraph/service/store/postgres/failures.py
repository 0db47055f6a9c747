"""What the database or its driver reports, as errors of a store."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import errors

from mgraph.errors import printable
from mgraph.service.store.errors import DamagedError, StoreError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RETRY_AFTER: Final = 1
"""After how many seconds to ask again, while the database can't be reached."""

_MOST: Final = 300

_DAMAGED: Final = (errors.DataCorrupted, errors.IndexCorrupted)
_BUSY: Final = (errors.QueryCanceled, errors.LockNotAvailable)
_UNPREPARED: Final = (errors.UndefinedTable, errors.InvalidSchemaName, errors.UndefinedColumn)
_LASTING: Final = (
    errors.InsufficientPrivilege,
    errors.ReadOnlySqlTransaction,
    errors.InvalidCatalogName,
    errors.InvalidPassword,
    errors.InvalidAuthorizationSpecification,
)
"""What is still wrong after a moment, until somebody does something about it."""


_OUTAGE: Final = (psycopg.OperationalError, psycopg.InterfaceError)
_KINDS: Final[Sequence[tuple[Any, str, bool]]] = (
    (_BUSY, "the database took too long", True),
    (_UNPREPARED, "the database has no store, or one of another version", False),
    (errors.DiskFull, "the disk of the database is full", False),
    (_LASTING, "the database refuses", False),
    (_OUTAGE, "the database can't be reached", True),
)
"""Kinds of errors, what to say about each, and whether it passes by itself; the first counts."""

_UNKNOWN: Final = ("the database reports", False)


@contextmanager
def told() -> Iterator[None]:
    """Turn each error of the driver in a block into one of a store."""
    try:
        yield
    except psycopg.Error as error:
        raise as_store_error(error) from None


def as_store_error(error: psycopg.Error) -> StoreError:
    """Return an error of the driver as one of a store."""
    said = _said(error)
    if isinstance(error, _DAMAGED):
        damage = DamagedError.of("damaged", f"the database is damaged: {said}")
        damage.what = said
        return damage
    what, does_pass = next((x[1:] for x in _KINDS if isinstance(error, x[0])), _UNKNOWN)
    failure = unavailable(f"{what}: {said}", retry_after=RETRY_AFTER if does_pass else 0)
    failure.is_full = isinstance(error, errors.DiskFull)
    return failure


def is_outage(error: psycopg.Error) -> bool:
    """Whether the database can't be reached at present, as while it is started again."""
    others = (*_BUSY, *_LASTING, errors.DiskFull)
    return isinstance(error, _OUTAGE) and not isinstance(error, others)


def unavailable_now(message: str) -> UnavailableError:
    """Return the error for a store that can't be used at present: come again."""
    return unavailable(message, retry_after=RETRY_AFTER)


def unavailable(message: str, fix: str = "", *, retry_after: int = 0) -> UnavailableError:
    """Return the error for a store that can't be used, and say whether to come again."""
    error = UnavailableError.of("io", message, fix=fix)
    error.retry_after = retry_after
    return error


def _said(error: psycopg.Error) -> str:
    """Return the first line of what was reported; it has no passwords."""
    text = error.diag.message_primary or str(error) or type(error).__name__
    line = text.strip().partition("\n")[0]
    for beginning in ("connection failed: ", "connection is bad: "):  # which says the same again
        line = line.removeprefix(beginning)
    return printable(line[:_MOST])
