"""Moving a store from a folder into a database, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgraph.service.store.copying import copy_store
from mgraph.service.store.files import FileStore
from tests.command_line import HERE, in_shell
from tests.service.store.test_copying import check_copy, filled

if TYPE_CHECKING:
    from pathlib import Path

    from mgraph.service.store.postgres.store import PostgresStore


def test_there_and_back(store: PostgresStore, tmp_path: Path) -> None:
    """A database has all that a folder has, and another folder all that the database has."""
    source, back = (FileStore(str(tmp_path / x), create=True) for x in ("from", "back"))
    secret = filled(source)
    for _ in range(2):
        assert copy_store(source, store) == (8, 9, 1, 1)
        check_copy(source, store, secret)
    assert copy_store(store, back) == (8, 9, 1, 1)
    check_copy(store, back, secret)


def test_the_command(address: str, tmp_path: Path) -> None:
    """It makes the tables, and says what it has copied; `store verify` finds it right."""
    lines = (
        f"mgraph store add shared {HERE.parent / 'fixtures' / 'neuron.json'} --prefix a",
        f"mgraph store copy shared '{address}'",
        f"mgraph store verify '{address}'",
    )
    said = [in_shell(line, tmp_path) for line in lines]
    assert [each.status for each in said] == [0, 0, 0], said
    assert said[1].out == f"{address}: copied 1 document, 1 name, 0 tokens, 0 take-downs\n"
    assert said[2].out.startswith(f"{address}: 1 document, 0 unlisted, 1 name,")
