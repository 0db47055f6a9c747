"""The pytest plugin: graph files as tests, and golden files that tests record.

pytest imports this module in every session where mgraph is installed. It imports nothing else of
mgraph until a project's configuration asks for it, or somebody names a graph file.
"""

from __future__ import annotations

from fnmatch import fnmatch
from typing import TYPE_CHECKING

import pytest

from mgraph.golden.pytest_plugin.settings import EXTENSIONS, GOLDENS, PATHS, configured, is_plain

if TYPE_CHECKING:
    from pathlib import Path

    from mgraph.golden.pytest_plugin.items import GoldenFile


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--mgraph-accept`, and what a project can configure."""
    parser.getgroup("mgraph").addoption(
        "--mgraph-accept",
        action="store_true",
        help="show what differs from the golden files of assert_graph, and record it",
    )
    parser.addini(
        PATHS, "graph files, and folders of them, whose every run is a test", type="paths"
    )
    parser.addini(
        GOLDENS, "folders in which every graph file must be used by an assert_graph", type="paths"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Watch the golden files of `assert_graph`, if somebody wants to know of them."""
    if config.getoption("mgraph_accept") or config.getini(GOLDENS):
        from mgraph.golden.pytest_plugin.goldens import Goldens  # noqa: PLC0415 - only when needed

        config.pluginmanager.register(Goldens(config))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Add the configured graph files to a session that nobody narrows.

    Raises:
        UsageError: One of the configured paths is not there, or holds no graph file.
    """
    config = session.config
    for path in configured(config, PATHS):
        if not path.exists():
            message = f"{PATHS}: there is no {path}"
            raise pytest.UsageError(message)
    if is_plain(config):
        for path in configured(config, PATHS):
            _add(path, config)


def _add(path: Path, config: pytest.Config) -> None:
    """Have a path collected, once."""
    from mgraph.golden.pytest_plugin.items import has_graph_files  # noqa: PLC0415 - only when needed

    if not has_graph_files(path):
        message = f"{PATHS}: no graph files found in {path}"
        raise pytest.UsageError(message)
    for arg in config.args:
        folder = config.invocation_params.dir / arg
        if path.is_relative_to(folder):
            _check_walked(path.relative_to(folder), config)
            return
    config.args.append(str(path))


def _check_walked(path: Path, config: pytest.Config) -> None:
    """Refuse to lose a configured path because pytest's walk passes it over."""
    for pattern in config.getini("norecursedirs"):
        if any(fnmatch(name, pattern) for name in path.parts):
            message = (
                f"{PATHS}: pytest passes {path} over, because norecursedirs has {pattern!r}; "
                "set testpaths, or another norecursedirs"
            )
            raise pytest.UsageError(message)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> GoldenFile | None:
    """Collect a graph file that is configured, or that somebody names."""
    if file_path.suffix not in EXTENSIONS:
        return None
    paths = configured(parent.config, PATHS)
    named = parent.session.isinitpath(file_path) or file_path in paths
    if not named and not any(file_path.is_relative_to(path) for path in paths):
        return None
    from mgraph.golden.pytest_plugin.items import collected  # noqa: PLC0415 - only when needed

    return collected(parent, file_path, walked=not named)
