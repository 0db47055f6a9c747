"""What tests are handed: a folder with a command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.command_line import NEURON, Shell

if TYPE_CHECKING:
    from pathlib import Path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:  # noqa: ANN401 - xdist's
    """Let workers that are done take tests from others: some files are slow, most are quick."""
    from xdist.scheduler import WorkStealingScheduling  # noqa: PLC0415 - may not be installed

    return WorkStealingScheduling(config, log)


@pytest.fixture
def mgraph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Return a folder with the neuron in it, and `mgraph` to call there."""
    (tmp_path / "neuron.json").write_bytes(NEURON.read_bytes())
    return Shell(tmp_path, monkeypatch)
