"""Connections to a database: a pool of them, transactions, and what happens while it is down."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
from psycopg import IsolationLevel, errors
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool, PoolTimeout, TooManyRequests

from mgraph.service.store.addresses import shown
from mgraph.service.store.errors import StoreError
from mgraph.service.store.postgres.failures import (
    as_store_error,
    is_outage,
    unavailable,
    unavailable_now,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

CONNECTIONS: Final = 8
"""The most connections of one server."""

T = TypeVar("T")

logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())  # its errors are raised

_DEFAULTS: Final[Mapping[str, str | int]] = {
    "application_name": "mgraph",
    "connect_timeout": 3,
    "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds; else a lost machine is noticed after minutes
}  # fmt: skip
"""Parameters of connections, unless the address has others."""

_SESSION: Final = """
select set_config('search_path', 'pg_catalog', false),
    set_config('statement_timeout', '10s', false),
    set_config('lock_timeout', '5s', false),
    set_config('idle_in_transaction_session_timeout', '20s', false),
    case current_setting('synchronous_commit')
        when 'off' then set_config('synchronous_commit', 'on', false) end
"""
"""What holds in each session. What was acknowledged is to be on the disk."""

_WAIT: Final = 2.0
"""For how many seconds to wait for a connection."""

_PAUSE: Final = 1.0
"""For how many seconds nobody tries again, after the database could not be reached."""

_HINDERED: Final = (
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.ForeignKeyViolation,  # a document got a name in the moment in which it was removed
)
"""Errors after which a transaction is begun again."""

_NO_CONNECTION: Final = (PoolTimeout, TooManyRequests)
"""No connection became free, or could be made."""

_ATTEMPTS: Final = 5
_WAITING: Final = 200


def parameters(address: str) -> dict[str, Any]:
    """Return the parameters of connections to an address.

    Raises:
        UnavailableError: It is malformed. The error does not repeat it: it may have a password.
    """
    try:
        given = conninfo_to_dict(address)
    except psycopg.Error:
        expected = "postgresql://USER@HOST:PORT/DATABASE"
        raise unavailable(
            f"{shown(address)} is not an address of a database", f"write {expected}"
        ) from None
    return {**_DEFAULTS, **given, "autocommit": True}


def configure(connection: psycopg.Connection[Any]) -> None:
    """Prepare a new connection: times, isolation, and writing that lasts."""
    connection.isolation_level = IsolationLevel.READ_COMMITTED
    connection.execute(_SESSION)


class Outage:
    """Remembers that the database can't be reached, so that not every request waits for it.

    While it is down, one call in a second tries, and all others fail at once.
    """

    def __init__(self) -> None:
        """Begin without an outage."""
        self._lock = Lock()
        self._until = 0.0
        self._reached = 0.0
        self._said = ""

    def check(self) -> None:
        """Fail at once during an outage, unless it is time to try again.

        Raises:
            UnavailableError: The database can't be reached.
        """
        if self._until:
            with self._lock:
                now = monotonic()
                if now < self._until:
                    raise unavailable_now(self._said)
                if self._until:
                    self._until = now + _WAIT + _PAUSE  # others don't wait for this call

    def was_reached(self) -> bool:
        """Whether the database was reached a moment ago: then connections are all in use."""
        return monotonic() - self._reached < _WAIT

    def begin(self, said: str) -> None:
        """Note that the database can't be reached, and why."""
        with self._lock:
            self._said, self._until = said, monotonic() + _PAUSE

    def end(self) -> None:
        """Note that it can be reached."""
        self._reached = monotonic()
        if self._until:
            with self._lock:
                self._until = 0.0


@dataclass
class _Progress:
    """How far a transaction has come: whether it may have been done when an error is raised."""

    is_ending: bool = False


class Database:
    """A database, by a few connections that are used again."""

    def __init__(self, address: str) -> None:
        """Take an address; connections are made when they are needed."""
        self._outage = Outage()
        self.pool = ConnectionPool(
            kwargs=parameters(address), configure=configure, min_size=0, max_size=CONNECTIONS,
            timeout=_WAIT, max_waiting=_WAITING, reconnect_timeout=_WAIT, open=True,
        )  # fmt: skip

    def close(self) -> None:
        """Close the connections."""
        self.pool.close()

    def rows(self, query: str, values: Sequence[Any] = ()) -> Sequence[tuple[Any, ...]]:
        """Return the rows that one query finds.

        Raises:
            StoreError: The database can't be read.
        """
        return self._repeated(lambda connection, _: rows(connection, query, values))

    def transaction(self, work: Callable[[psycopg.Connection[Any]], T]) -> T:
        """Do some work as a whole or not at all; it is begun again if it stood in others' way.

        Raises:
            StoreError: As the work raises it; or the database can't be read or written. If the
                connection was lost at the very end, the work may have been done.
        """

        def whole(connection: psycopg.Connection[Any], progress: _Progress) -> T:
            with connection.transaction():
                result = work(connection)
                progress.is_ending = True
            return result

        return self._repeated(whole)

    def _repeated(self, work: Callable[[psycopg.Connection[Any], _Progress], T]) -> T:
        """Do some work; again, if it was hindered before its end."""
        for left in reversed(range(_ATTEMPTS)):
            progress = _Progress()
            self._outage.check()
            try:
                with self.pool.connection() as connection:
                    result = work(connection, progress)
            except StoreError:
                self._outage.end()
                raise
            except psycopg.Error as error:
                if not (left and self._may_repeat(error, is_ending=progress.is_ending)):
                    raise self._failure(error) from None
            else:
                self._outage.end()
                return result
        raise AssertionError  # the last attempt returns or raises

    def _may_repeat(self, error: psycopg.Error, *, is_ending: bool) -> bool:
        """Whether nothing was done, and another attempt may succeed: get new connections for it."""
        if isinstance(error, _HINDERED):
            return True
        was_lost = is_outage(error) and not isinstance(error, _NO_CONNECTION)
        if was_lost and not is_ending:
            self.pool.check()
            return True
        return False

    def _failure(self, error: psycopg.Error) -> StoreError:
        failure = as_store_error(error)
        is_busy = isinstance(error, _NO_CONNECTION) and self._outage.was_reached()
        if is_outage(error) and not is_busy:
            self._outage.begin(failure.diagnostics[0].message)
        return failure


def rows(
    connection: psycopg.Connection[Any], query: str, values: Sequence[Any] = ()
) -> Sequence[tuple[Any, ...]]:
    """Return the rows that a query finds, on a connection."""
    with connection.cursor(binary=True) as cursor:
        cursor.execute(query, values)
        return cursor.fetchall() if cursor.description else ()
