"""Fixtures of the tests of the pytest plugin."""

from __future__ import annotations

import pytest

from tests.golden.test_pytest_plugin import INI, NEURON_TEXT, QUICK, TWO_RUNS, WRONG


@pytest.fixture
def quick(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out plugins of others that take a second to arrive, anew in every process."""
    assert pytester.path.is_dir()  # made before: it drops the variable
    monkeypatch.setenv("PYTEST_ADDOPTS", QUICK)


@pytest.fixture
def project(pytester: pytest.Pytester, quick: None) -> pytest.Pytester:  # noqa: ARG001
    """Return a project: a test, and folders of graphs of which one is right."""
    folder = pytester.mkdir("graphs")
    (folder / "neuron.json").write_text(NEURON_TEXT, encoding="utf-8")
    (folder / "deep").mkdir()
    (folder / "deep" / "two.json").write_text(TWO_RUNS, encoding="utf-8")
    tests = pytester.mkdir("tests")
    (tests / "test_own.py").write_text("def test_own(): pass\n", encoding="utf-8")
    (tests / "data.json").write_text(WRONG, encoding="utf-8")  # not configured: not ours
    pytester.makeini(INI)
    return pytester
