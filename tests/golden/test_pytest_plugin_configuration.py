"""What the pytest plugin does when its configuration names what is not there."""

from __future__ import annotations

import pytest

from tests.command_line import NEURON
from tests.golden.test_pytest_plugin import QUICK

PASSING = "def test_one(): pass\n"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Return a project with one test that passes, and two folders that are not what they seem."""
    monkeypatch.setenv("PYTEST_ADDOPTS", QUICK)
    pytester.makepyfile(test_one=PASSING)
    for name in ("file.t", "upper.JSON", "neuron.json"):
        (pytester.path / name).write_bytes(NEURON.read_bytes())
    return pytester


@pytest.mark.parametrize("workers", [(), ("-n", "1")])
@pytest.mark.parametrize("name", ["nowhere", "neuron.json"])
def test_a_missing_folder_of_goldens_does_not_stop_the_tests(
    project: pytest.Pytester, name: str, workers: tuple[str, ...]
) -> None:
    """All tests run and pass; then a complete session fails, and names the folder."""
    project.makeini(f"[pytest]\nmgraph_goldens = {name}\ntestpaths = .\n")
    done = project.runpytest_subprocess(*workers) if workers else project.runpytest()
    done.assert_outcomes(passed=1)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.stdout.fnmatch_lines([f"mgraph_goldens: there is no folder {name}; --mgraph-accept *"])


@pytest.mark.parametrize("args", [("test_one.py",), ("-k", "one"), ("--collect-only",)])
def test_a_part_of_the_tests_needs_no_folder_of_goldens(
    project: pytest.Pytester, args: tuple[str, ...]
) -> None:
    """Who runs one test is not told about the configuration."""
    project.makeini("[pytest]\nmgraph_goldens = nowhere\ntestpaths = .\n")
    project.makepyfile(test_two="def test_two(): pass\n")
    done = project.runpytest(*args)
    assert done.ret == pytest.ExitCode.OK
    assert "nowhere" not in done.stdout.str() + done.stderr.str()


@pytest.mark.parametrize("name", ["file.t", "upper.JSON"])
def test_a_path_that_gives_no_test_stops_the_session(project: pytest.Pytester, name: str) -> None:
    """A configured file whose name pytest's plugin passes over is an error, not silence."""
    project.makeini(f"[pytest]\nmgraph_paths = neuron.json {name}\ntestpaths = .\n")
    done = project.runpytest()
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"ERROR: mgraph_paths: *{name} is not collected: expected a name *"])
    project.makeini("[pytest]\nmgraph_paths = neuron.json\ntestpaths = .\n")
    project.runpytest().assert_outcomes(passed=2)
