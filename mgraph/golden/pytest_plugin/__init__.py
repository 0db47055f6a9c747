"""The pytest plugin: it runs graph files as tests, and records golden files of `assert_graph`.

pytest imports this module in every session where mgraph is installed. It imports nothing else of
mgraph until a project is configured for it, or a graph file is named on the command line.
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
    """Add `--mgraph-accept` and the ini options."""
    parser.getgroup("mgraph").addoption(
        "--mgraph-accept",
        action="store_true",
        help="show what differs from the golden files of assert_graph, and record it",
    )
    parser.addini(PATHS, "graph files or folders; each of their runs is a test", type="paths")
    parser.addini(
        GOLDENS, "folders whose graph files must all be used by an assert_graph", type="paths"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Follow the use of golden files by `assert_graph`, if an option needs it."""
    if config.getoption("mgraph_accept") or config.getini(GOLDENS):
        from mgraph.golden.pytest_plugin.goldens import Goldens  # noqa: PLC0415 - only when needed

        config.pluginmanager.register(Goldens(config))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Collect the configured graph files, too, unless paths are named on the command line.

    Raises:
        UsageError: A configured path does not exist, or has no graph files.
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
    """Add a path to those that pytest collects, unless it does so already."""
    from mgraph.golden.pytest_plugin.items import has_graph_files  # noqa: PLC0415 - only when needed

    if path.is_file() and path.suffix not in EXTENSIONS:
        message = (
            f"{PATHS}: {path} is not collected: expected a name that ends in .json or .msgpack"
        )
        raise pytest.UsageError(message)
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
    """Raise an error if pytest skips a configured path when it walks folders."""
    for pattern in config.getini("norecursedirs"):
        if any(fnmatch(name, pattern) for name in path.parts):
            message = (
                f"{PATHS}: pytest skips {path}, because norecursedirs has {pattern!r}; "
                "set testpaths, or change norecursedirs"
            )
            raise pytest.UsageError(message)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> GoldenFile | None:
    """Collect a graph file that is configured, or named on the command line."""
    if file_path.suffix not in EXTENSIONS:
        return None
    paths = configured(parent.config, PATHS)
    named = parent.session.isinitpath(file_path) or file_path in paths
    if not named and not any(file_path.is_relative_to(path) for path in paths):
        return None
    from mgraph.golden.pytest_plugin.items import collected  # noqa: PLC0415 - only when needed

    return collected(parent, file_path, walked=not named)
