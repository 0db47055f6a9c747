"""Hints say how to install an extra from where this mgraph came from."""

from __future__ import annotations

import json
import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from mgraph.extras import NAME, install, pip_install

HERE = Path(__file__).parents[1]


class Installed:
    """A distribution with the record that an installer left."""

    def __init__(self, record: Any) -> None:  # noqa: ANN401 - plain data
        """Take the content of direct_url.json; None if the package came from an index."""
        self.record = record

    def read_text(self, name: str) -> str | None:
        """Return the record, as `importlib.metadata` does."""
        assert name == "direct_url.json"
        return None if self.record is None else json.dumps(self.record)


@pytest.mark.parametrize(
    ("record", "arguments"),
    [  # the kinds of PEP 610, with its own examples of URLs
        (None, ["mgraph-replay[draw]"]),
        ({"url": "file:///home/ada/mgraph", "dir_info": {}}, ["/home/ada/mgraph[draw]"]),
        (
            {"url": "file:///home/ada/my%20graphs", "dir_info": {"editable": True}},
            ["--editable", "/home/ada/my graphs[draw]"],
        ),
        (
            {"url": "file:///tmp/m-1.0-py3-none-any.whl", "archive_info": {}},
            ["/tmp/m-1.0-py3-none-any.whl[draw]"],  # noqa: S108 - a name, not a file
        ),
        (
            {"url": "https://github.com/pypa/pip.git", "vcs_info": {"vcs": "git"}},
            ["mgraph-replay[draw] @ git+https://github.com/pypa/pip.git"],
        ),
        (
            {"url": "https://example.org/m.tar.gz", "archive_info": {}},
            ["mgraph-replay[draw] @ https://example.org/m.tar.gz"],
        ),
    ],
)
def test_an_extra_comes_from_where_mgraph_came_from(
    monkeypatch: pytest.MonkeyPatch,
    record: Any,  # noqa: ANN401 - plain data
    arguments: list[str],
) -> None:
    """The command names the folder, archive or repository, and this Python; a shell can read it."""
    monkeypatch.setattr(metadata, "distribution", lambda _: Installed(record))
    command = shlex.split(install("draw"))
    assert command == [sys.executable, "-m", "pip", "install", *arguments]


def test_an_extra_of_a_folder_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any record, mgraph runs in its folder, which is installed."""

    def none(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", none)
    assert shlex.split(install("fast"))[-1] == f"{HERE}[fast]"


def test_the_name_is_that_of_the_project() -> None:
    """The distribution that is looked up is the one that pyproject.toml builds."""
    assert f'\nname = "{NAME}"\n' in (HERE / "pyproject.toml").read_text(encoding="utf-8")


def test_other_packages_go_to_this_python_too() -> None:
    """A package from an index is installed for the Python that runs."""
    assert shlex.split(pip_install("a b")) == [sys.executable, "-m", "pip", "install", "a b"]
