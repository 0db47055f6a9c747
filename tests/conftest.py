"""What tests are handed: a folder with a command line; and how they are started."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest

from tests.command_line import NEURON, Shell

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


def pytest_configure(config: pytest.Config) -> None:
    """Compile mgraph as usual. Because it is also a plugin, pytest would rewrite its assertions.

    At a cold start, every worker would spend seconds on hundreds of modules that hold none.
    """
    hook = config.pluginmanager.rewrite_hook
    getattr(hook, "_must_rewrite", set()).discard("mgraph")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the garbage collector pass over the million objects that thousands of tests are."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


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
