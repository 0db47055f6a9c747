"""Addresses of databases: recognised, and never shown with a password."""

from __future__ import annotations

import pytest

from mgraph.service.store.addresses import has_password, is_address, shown

SECRET = "s3cret"  # noqa: S105 - of no account
WITH_PASSWORD = (
    (f"postgresql://ada:{SECRET}@db/graphs", "postgresql://ada@db/graphs"),
    (f"postgres://ada:{SECRET}@db:5432/graphs", "postgres://ada@db:5432/graphs"),
    (f"postgresql://:{SECRET}@db", "postgresql://@db"),
    (
        f"postgresql://ada:{SECRET}@a:1,b:2/graphs?sslmode=require",
        "postgresql://ada@a:1,b:2/graphs",
    ),
    (f"postgresql://ada:{SECRET}@[::1]:5432/graphs", "postgresql://ada@[::1]:5432/graphs"),
    (f"postgresql://db/graphs?password={SECRET}&user=ada", "postgresql://db/graphs"),
    (f"postgresql://db/graphs?%70assword={SECRET}", "postgresql://db/graphs"),
    (f"postgresql://db/graphs?sslpassword={SECRET}", "postgresql://db/graphs"),
    (f"postgresql://ada:x@{SECRET}@db/graphs", "postgresql://ada@db/graphs"),
    (f"postgresql://ada:x/{SECRET}@db/graphs", "postgresql://ada@db/graphs"),
    (f"postgresql://ada:{SECRET}?x@db/graphs", "postgresql://…"),
    (f"postgresql://db/graphs?user=a@b&password={SECRET}", "postgresql://…"),
)
WITHOUT = (
    "postgresql://db/graphs",
    "postgresql://ada@db:5432/graphs?sslmode=verify-full&sslrootcert=system",
    "postgresql:///graphs?host=/run/postgresql&port=5433",
    "postgresql://?service=graphs",
    "postgresql://[::1]:5432/graphs",
)


@pytest.mark.parametrize(("address", "without"), WITH_PASSWORD)
def test_a_password_is_not_shown(address: str, without: str) -> None:
    """Neither a password, nor any part of one that is malformed."""
    assert is_address(address)
    assert has_password(address)
    assert shown(address) == without
    assert SECRET not in shown(address)


@pytest.mark.parametrize("address", WITHOUT)
def test_an_address_without_a_password_is_shown_whole(address: str) -> None:
    """So that it can be copied into the next command."""
    assert is_address(address)
    assert not has_password(address)
    assert shown(address) == address


@pytest.mark.parametrize("folder", ["shared", "/srv/a:b@c?password=d", "postgresql", "http://db/x"])
def test_folders_are_no_addresses(folder: str) -> None:
    """Whatever does not begin like an address of PostgreSQL is a folder, and is shown as it is."""
    assert not is_address(folder)
    assert shown(folder) == folder
