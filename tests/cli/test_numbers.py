"""Numbers on the command line."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from tests.command_line import is_usage_error

if TYPE_CHECKING:
    from tests.command_line import Shell


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("1/3", Fraction(1, 3)),
        ("-2/7", Fraction(-2, 7)),
        ("1/-8", Fraction(-1, 8)),
        ("3e2/4", Fraction(75)),
        ("−0.5", Fraction(-1, 2)),
        ("−1/3", Fraction(-1, 3)),
    ],
)
def test_fractions(mgraph: Shell, text: str, exact: Fraction) -> None:
    """A fraction is the double nearest to it, in `new` and in `run`, as in the page."""
    node = mgraph("new", "y = w*2", "--param", f"w={text}").json["nodes"][0]
    assert node == {"id": "w", "op": "param", "data": float(exact)}
    run = mgraph("run", "neuron.json", "--set", f"w1={text}", "--json").json
    assert next(node["data"] for node in run["nodes"] if node["id"] == "w1") == float(exact)


@pytest.mark.parametrize(("text", "data"), [("∞", "inf"), ("−∞", "-inf"), ("nan", "nan")])
def test_special_numbers(mgraph: Shell, text: str, data: str) -> None:
    """The infinities can be written as the page shows them."""
    assert mgraph("new", "y = w*2", "--param", f"w={text}").json["nodes"][0]["data"] == data


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1/0", "is not a number"),
        ("1/2/3", "is not a number"),
        ("1/", "is not a number"),
        ("1,5", "write w=1.5"),
        ("pi", "write w=0.5"),
        ("1e400", "write w=inf if you mean infinity"),
        ("1e300/1e-300", "write w=inf if you mean infinity"),
        ("1/1e999", "is not a number"),
    ],
)
def test_what_is_not_a_number(mgraph: Shell, text: str, words: str) -> None:
    """A comma may separate thousands, so it is not read as a point."""
    assert is_usage_error(mgraph("new", "y = w*2", "--param", f"w={text}"), words)
