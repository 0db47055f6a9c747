"""Groups of tests: each can be run with one command, and says what it lacks."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.command_line import HERE
from tests.groups.conftest import NotRun, Unprepared, pytest_pycollect_makemodule
from tests.groups.needs import GROUPS, Group, missing

ROOT = HERE.parent
COMMAND = re.compile(
    r"^(?:python3 -m venv (\.venv-\w+) && )?(\.venv[\w-]*)/bin/pip install --quiet --editable "
    r"'\.\[(dev,?)?(\w*)\]' && \2/bin/python -m pytest -n auto tests/groups/(\w+)$",
    re.MULTILINE,
)


def test_every_group_has_its_command() -> None:
    """Each folder of groups is listed, and CONTRIBUTING.md has a command and a row for it."""
    folders = {path.parent.name for path in (HERE / "groups").glob("*/test_*.py")}
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    commands = {
        name: (own or ".venv", at, extra) for own, at, _, extra, name in COMMAND.findall(text)
    }
    assert commands == {
        name: (group.environment, group.environment, group.extra) for name, group in GROUPS.items()
    }
    assert {*commands} == folders
    assert {*re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)} == folders


def test_every_extra_is_there() -> None:
    """The extras that groups name are extras of the project."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {group.extra for group in GROUPS.values()} - {""}
    assert extras <= {*project["optional-dependencies"]}


def test_groups_are_only_run_by_name(pytestconfig: pytest.Config) -> None:
    """The README's command passes them over."""
    assert "groups" in pytestconfig.getini("norecursedirs")


def test_what_is_missing_is_named() -> None:
    """A module, a program that has no alternative, and a header, each by its name."""
    assert missing(Group("", ("json", "re"), (("no-such-program", "sh"),))) == []
    lacking = Group("", ("no_such_module",), (("no-such-program", "nor-such"),), "x.h")
    assert missing(lacking) == ["no_such_module", "no-such-program"]


@pytest.mark.parametrize(
    ("ci", "outcome"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)]
)
def test_a_group_that_lacks_something(
    ci: str,
    outcome: type[Exception],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its files aren't imported; one test for each says what to install, and fails in CI."""
    path = HERE / "groups" / "none" / "test_none.py"
    monkeypatch.setitem(GROUPS, "none", Group("browser", ("no_such_module",), packages="x"))
    monkeypatch.setenv("CI", ci)
    found = pytest_pycollect_makemodule(path, request.session)
    assert isinstance(found, Unprepared)
    (test,) = found.collect()
    assert isinstance(test, NotRun)
    with pytest.raises(outcome, match=r"no_such_module: pip install .* and apt-get install x"):
        test.runtest()


def test_a_group_that_lacks_nothing(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files are collected as others are."""
    path = HERE / "groups" / "none" / "test_none.py"
    monkeypatch.setitem(GROUPS, "none", Group())
    assert pytest_pycollect_makemodule(path, request.session) is None
