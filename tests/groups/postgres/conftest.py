"""A cluster for all tests of a process, and an empty store for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgraph.service.store.postgres.store import PostgresStore
    from tests.groups.postgres.cluster import Cluster

DATABASE = "graphs"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """Return a cluster that runs."""
    from tests.groups.postgres.cluster import cluster  # noqa: PLC0415 - the extra

    with cluster() as made:
        made.create(DATABASE)
        yield made


@pytest.fixture
def address(postgres: Cluster) -> str:
    """Return the address of a database without a store."""
    postgres.sql(DATABASE, "drop schema if exists mgraph cascade")
    return postgres.address(DATABASE)


@pytest.fixture
def store(address: str) -> Iterator[PostgresStore]:
    """Return an empty store."""
    from mgraph.service.store.postgres.store import PostgresStore  # noqa: PLC0415 - the extra

    made = PostgresStore(address, create=True)
    yield made
    made.close()
