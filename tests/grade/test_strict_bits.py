"""`mgraph grade --strict-bits`: how many results of libm ops differ from the exact ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import pytest

from tests.command_line import is_usage_error
from tests.engines.mutants import SOURCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.command_line import Said, Shell

E: Final = 2.718281828459045
"""e, as all tables have it: 2.71828182845904523536."""
E_TO_THE_E: Final = 15.154262241479262
"""e to the power of the double E, 15.1542622414792613 with a digit that the double lacks."""

TWICE: Final = {
    "mgraph": "1.0",
    "nodes": [
        {"id": "x", "op": "param", "data": 1.0},
        {"id": "y", "op": "exp", "args": ["x"]},
        {"id": "z", "op": "exp", "args": ["y"]},
        {"id": "s", "op": "add", "args": ["y", "z"]},
    ],
    "outputs": ["s"],
    "runs": [
        {"origin": "tables", "data": {"x": 1.0, "y": E, "z": E_TO_THE_E, "s": E + E_TO_THE_E}}
    ],
}
"""y = exp(1) and z = exp(y): a result that is an argument of the next."""


EXACT: Final = {1.0: E, E: E_TO_THE_E}
BESIDE: Final = 2.7182818284590455
"""The double above E."""

E_TO_THE_BESIDE: Final = 15.15426224147927
"""e to the power of it, 15.1542622414792687."""


@pytest.fixture
def shell(mgraph: Shell) -> Shell:
    """Return a folder with the graph."""
    mgraph.write("twice.json", TWICE)
    return mgraph


def grade(shell: Shell, table: Mapping[float, float], *args: str) -> Said:
    """Grade the ordinary engine with an exp that looks its results up."""
    old = "math.exp(self.data), (self,)"
    assert old in SOURCE
    shell.write("engine.py", SOURCE.replace(old, f"{table}.get(self.data) or {old}"))
    return shell("grade", "engine.py:Value", "twice.json", "--strict-bits", *args)


@pytest.mark.parametrize(
    ("table", "differing"),
    [
        (EXACT, 0),
        (EXACT | {E: math.nextafter(E_TO_THE_E, 0.0)}, 1),
        ({1.0: BESIDE, BESIDE: E_TO_THE_BESIDE}, 1),
        ({1.0: BESIDE, BESIDE: math.nextafter(E_TO_THE_BESIDE, 20.0)}, 2),
    ],
)
def test_results_are_counted_where_they_differ(
    shell: Shell, table: Mapping[float, float], differing: int
) -> None:
    """A result that is right for an operand that isn't exact doesn't count."""
    said = grade(shell, table, "--json")
    assert said.status == 0
    counts = {"results": 2, "differing": differing, "far": 0}
    assert said.json["bits"] == counts | {"ulps": min(differing, 1), "ops": {"exp": counts}}


def test_it_is_said_as_a_fact(shell: Shell) -> None:
    """The sentence names the ops; outcome, causes and exit status stay as they are."""
    said = grade(shell, EXACT | {E: math.nextafter(E_TO_THE_E, 0.0)})
    assert said.status == 0
    sentence = "1 of 2 results of libm ops differ from the exact one in the last bits, by at most 1"
    assert sentence in " ".join(said.out.split())
    assert "(exp 1)" in said.out
    assert "1 case: 1 ok" in said.out
    assert "all 2 results of libm ops have the bits of the exact one" in grade(shell, EXACT).out


def test_another_formula_is_not_rounding(shell: Shell) -> None:
    """Far more ulp than a library is off by are counted apart."""
    said = grade(shell, {1.0: E, E: E_TO_THE_E * (1.0 + 1e-13)}, "--json")
    bits = said.json["bits"]
    assert (bits["differing"], bits["far"], bits["ulps"]) == (0, 1, 0)
    text = " ".join(grade(shell, {1.0: E, E: E_TO_THE_E * (1.0 + 1e-13)}).out.split())
    assert "1 of 2 differ by more than 64 ulp" in text


def test_wrong_values_are_not_counted(shell: Shell) -> None:
    """What is outside of the tolerance is a fault, and left to the cases."""
    said = grade(shell, {1.0: E, E: 15.1}, "--json")
    assert said.status == 1
    assert said.json["bits"]["results"] == 1


def test_only_if_it_is_asked_for(shell: Shell) -> None:
    """Without the option there is no such field, and for a class it is refused."""
    shell.write("engine.py", SOURCE)
    assert "bits" not in shell("grade", "engine.py:Value", "twice.json", "--json").json
    said = shell("grade", "--engines", ".", "--strict-bits")
    assert is_usage_error(said)
    assert "--strict-bits" in said.err
