"""Addresses of stores in databases: recognising them, and showing them without their passwords."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl

SCHEMES: Final = ("postgresql://", "postgres://")
"""What the address of a store in PostgreSQL begins with, as in all programs of PostgreSQL."""

_SCHEME: Final = re.compile("[A-Za-z][A-Za-z0-9+.-]+://")


def is_address(store: str) -> bool:
    """Whether a store is named by an address of a database, and not by a folder."""
    return store.startswith(SCHEMES)


def is_other_address(store: str) -> bool:
    """Whether a store is named by an address that is none of PostgreSQL, perhaps a mistyped one."""
    return _SCHEME.match(store) is not None and not is_address(store)


def has_password(address: str) -> bool:
    """Whether an address has a password in it, or may have one: malformed ones can't be told."""
    before, _, query = _rest(address).partition("?")
    names = (name for name, _ in parse_qsl(query, keep_blank_values=True))
    user, at, _ = before.rpartition("@")
    is_in_front = bool(at) and ":" in user
    return is_in_front or "@" in query or any(name.endswith("password") for name in names)


def shown(store: str) -> str:
    """Return what to call a store: an address with a password without it and its parameters."""
    if not (is_address(store) and has_password(store)):
        return store
    scheme = store[: store.index("://") + 3]
    before, _, query = _rest(store).partition("?")
    user, at, server = before.rpartition("@")
    if "@" in query:  # all in front of it may be a password, with a question mark
        return f"{scheme}…"
    return f"{scheme}{user.partition(':')[0]}{at}{server}"


def _rest(address: str) -> str:
    return address.partition("://")[2]
