"""Several processes on one store: exact swaps, and nothing lost when they are killed."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING

import pytest

from mgraph.service.store.cleaning import clean
from mgraph.service.store.files import FileStore
from mgraph.service.store.verify import Verification
from tests.loops import sizes
from tests.service.store.writers import GRAPH, NEURON, started

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs locks between processes")


@pytest.mark.parametrize("count", sizes(25, 250, 1000))
def test_swaps_are_exact(tmp_path: Path, count: int) -> None:
    """Of 4 writers, each sets a name so many times; all changes make one chain, without a gap."""
    folder = str(tmp_path / "store")
    store = FileStore(folder, create=True)
    store.put(NEURON, GRAPH)
    logs = [tmp_path / f"log{i}" for i in range(4)]
    writers = [started("swap", folder, str(log), str(count)) for log in logs]
    assert [writer.wait(600) for writer in writers] == [0] * 4
    lines = [line.split() for log in logs for line in log.read_text().splitlines()]
    assert len(lines) == 4 * count
    after = dict(lines)
    assert len(after) == 4 * count, "a revision was replaced twice"
    at = "-"
    for _ in lines:
        at = after[at]
    assert at == store.get_name("counter").revision


@pytest.mark.parametrize("rounds", sizes(2, 10, 30))
def test_nothing_is_lost_when_writers_are_killed(tmp_path: Path, rounds: int) -> None:
    """Two processes on one store are killed again and again: all that was promised is there."""
    folder = str(tmp_path / "store")
    store = FileStore(folder, create=True)
    logs: list[Path] = []
    for i in range(rounds):
        named = ["named"] if i % 2 else []
        first = [tmp_path / f"round{i}-{j}" for j in range(2)]
        writers = [started("store", folder, str(log), *named) for log in first]
        try:
            _wait_for(first, 4 + i % 5)
        finally:
            for writer in writers:
                writer.kill()
                writer.wait()
        logs += (log for each in first for log in tmp_path.glob(f"{each.name}-*"))
    _check_promises(store, logs)
    damages = [*Verification(store).damages()]
    assert [damage for damage in damages if not damage.is_debris] == []
    clean(store)
    assert [*Verification(store).damages()] == []
    assert os.listdir(tmp_path / "store" / "temporary") == []


def _wait_for(logs: list[Path], count: int) -> None:
    """Wait until each process has set its names so many times, for at most a minute."""
    for _ in range(6000):
        texts = ["".join(x.read_text() for x in log.parent.glob(f"{log.name}-*")) for log in logs]
        if all(text.count("set ") >= count for text in texts):
            return
        time.sleep(0.01)
    pytest.fail("the writers don't write")


def _check_promises(store: FileStore, logs: list[Path]) -> None:
    """Check that what the logs say was stored is there, and names point to the last document."""
    assert logs
    for log in logs:
        lines = re.findall(r"^(try|put|set) (\S+)\n", log.read_text(), re.MULTILINE)
        for what, document in lines:
            assert what == "try" or store.get(document)
        tried = [document for what, document in lines if what == "try"]
        done = [document for what, document in lines if what == "set"]
        if done:
            assert store.get_name(log.name).id in (done[-1], tried[-1])
