"""Where something that a group needs is missing, its tests are skipped, or fail where CI is set."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.groups.needs import GROUPS, missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HERE = os.path.dirname(__file__)


class Unprepared(pytest.File):
    """A file of tests that can't even be imported here."""

    def __init__(self, *, reason: str, **node: object) -> None:
        """Take what is missing, and how to get it."""
        super().__init__(**node)  # type: ignore[arg-type] # pytest's
        self.reason = reason

    def collect(self) -> Iterator[pytest.Item]:
        """Yield one test in the place of all."""
        yield NotRun.from_parent(self, name="all")


class NotRun(pytest.Item):
    """Stands for the tests of a file."""

    parent: Unprepared

    def runtest(self) -> None:
        """Skip them all; where CI is set nothing may be missing, so fail."""
        if os.environ.get("CI"):
            pytest.fail(self.parent.reason, pytrace=False)
        pytest.skip(self.parent.reason)


def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Module | Unprepared | None:
    """Collect a file of tests as usual if all is there that its group needs."""
    name = os.path.relpath(module_path, HERE).split(os.sep)[0]
    lacking = missing(GROUPS[name]) if module_path.name.startswith("test_") else []
    if not lacking:
        return None
    reason = f"the group {name} needs {', '.join(lacking)}: {GROUPS[name].install}"
    return Unprepared.from_parent(parent, path=module_path, reason=reason)
