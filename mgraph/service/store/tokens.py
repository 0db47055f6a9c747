"""Tokens as they are stored: who may do what, and how much."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from mgraph.service.store.errors import QuotaError
from mgraph.service.store.ids import is_below


class Scope(StrEnum):
    """What a token is for."""

    READ = "read"
    """Reads all, by unique prefixes of ids, too."""

    WRITE = "write"
    """Stores documents; sets, replaces and removes names."""

    CLASS = "class"
    """Stores documents, and adds names below a prefix; can't replace or remove any."""


class Quota(NamedTuple):
    """The most that may be stored with a token; None is no limit.

    Attributes:
        documents: How many documents.
        bytes: How many bytes of documents.
        names: How many names.
    """

    documents: int | None = None
    bytes: int | None = None
    names: int | None = None


NO_QUOTA: Final = Quota()
CLASS_QUOTA: Final = Quota(documents=1_000, bytes=100 * 2**20, names=1_000)
"""The quota of a class's token, unless another one is asked for."""


class Usage(NamedTuple):
    """How much was stored with a token: documents, bytes of documents, names."""

    documents: int = 0
    bytes: int = 0
    names: int = 0

    def plus(self, other: Usage) -> Usage:
        """Return the sum."""
        return Usage(*(a + b for a, b in zip(self, other, strict=True)))

    def minus(self, other: Usage) -> Usage:
        """Return the difference."""
        return Usage(*(a - b for a, b in zip(self, other, strict=True)))

    def check(self, quota: Quota) -> None:
        """Refuse more than a quota.

        Raises:
            QuotaError: It is more.
        """
        for what, used, most in zip(self._fields, self, quota, strict=True):
            if most is not None and used > most:
                message = f"this token may store {most:,} {what}, and this would make {used:,}"
                fix = "ask for another token, or use one with a higher quota"
                raise QuotaError.of("quota", message, fix=fix)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token as it is stored.

    Attributes:
        id: 8 hexadecimal digits, which are no secret.
        digest: The SHA-256 of the secret, in hexadecimal.
        scope: What it is for.
        prefix: Names are set only below this prefix; empty if anywhere.
        quota: The most that may be stored with it.
        created: When it was made, in UTC, like `2027-03-01T09:30:00Z`.
        expires: When it ends; empty if it doesn't.
        note: For whom it is, or any other text.
    """

    id: str
    digest: str
    scope: Scope
    prefix: str = ""
    quota: Quota = NO_QUOTA
    created: str = ""
    expires: str = ""
    note: str = ""

    @property
    def is_expired(self) -> bool:
        """Whether its time is over."""
        return bool(self.expires) and self.expires <= utc()

    @property
    def may_store(self) -> bool:
        """Whether it stores documents."""
        return self.scope is not Scope.READ

    def may_add(self, name: str) -> bool:
        """Whether it adds a name that does not exist."""
        return self.may_store and is_below(name, self.prefix)

    def may_replace(self, name: str) -> bool:
        """Whether it replaces or removes a name that exists."""
        return self.scope is Scope.WRITE and is_below(name, self.prefix)


def utc(seconds: float | None = None) -> str:
    """Return a time, by default now, in UTC: `2027-03-01T09:30:00Z`; sorts as text."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
