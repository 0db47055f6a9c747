"""What every store does, done by the one in PostgreSQL: the tests of the others, all of them."""

from __future__ import annotations

from tests.service.store import test_conformance as conformance

TESTS = {name: test for name, test in vars(conformance).items() if name.startswith("test_")}
globals().update(TESTS)


def test_there_are_tests() -> None:
    """The tests of the others are found."""
    assert len(TESTS) >= 19
