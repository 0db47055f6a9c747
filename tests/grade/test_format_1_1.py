"""Graphs of format 1.1 on other engines: graded where the ops are there, else left out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import pytest

from mgraph.ops import TABLE
from tests.engines.mutants import SOURCE
from tests.grade.test_grade import graph

if TYPE_CHECKING:
    from tests.command_line import Shell

NEW: Final = [op.name for op in TABLE if op.since == "1.1"]

UNARY: Final = """
    def {name}(self):
        out = Value({value}, (self,), "{name}")
        x = self.data

        def _backward():
            self.grad += {slope} * out.grad

        out._backward = _backward
        return out
"""
BINARY: Final = """
    def {name}(self, other):
        other = other if isinstance(other, Value) else Value(other)
        a, b = self.data, other.data
        out = Value({value}, (self, other), "{name}")

        def _backward():
            self.grad += {slope_a} * out.grad
            other.grad += {slope_b} * out.grad

        out._backward = _backward
        return out
"""
METHODS: Final = {
    "erf": UNARY.format(
        name="erf", value="math.erf(self.data)",
        slope="2 / math.sqrt(math.pi) * math.exp(-x**2)",
    ),
    "log1p": UNARY.format(name="log1p", value="math.log1p(self.data)", slope="1 / (1 + x)"),
    "expm1": UNARY.format(name="expm1", value="math.expm1(self.data)", slope="(out.data + 1)"),
    "asin": UNARY.format(
        name="arcsin", value="math.asin(self.data)", slope="(1 - x**2) ** -0.5"
    ),
    "acos": UNARY.format(
        name="arccos", value="math.acos(self.data)", slope="-((1 - x**2) ** -0.5)"
    ),
    "atan2": BINARY.format(
        name="arctan2", value="math.atan2(a, b)",
        slope_a="b / (a**2 + b**2)", slope_b="-a / (a**2 + b**2)",
    ),
    "gate": BINARY.format(
        name="if_else_zero", value="b if a > 0 else 0.0", slope_a="0.0", slope_b="float(a > 0)"
    ),
}  # fmt: skip
"""The ops as an engine may have them, under the names that NumPy and CasADi use."""

NUMBERS: Final = {
    "erf": (0.5204998778130465, (0.8787825789354448,)),
    "log1p": (math.log(1.5), (1 / 1.5,)),
    "expm1": (math.exp(0.5) - 1, (math.exp(0.5),)),
    "asin": (math.pi / 6, (2 / math.sqrt(3),)),
    "acos": (math.pi / 3, (-2 / math.sqrt(3),)),
    "atan2": (math.pi / 4, (1.0, -1.0)),
    "gate": (0.5, (0.0, 1.0)),
}
"""Value and derivatives at a = b = ½, from tables of functions."""


def of(op: str) -> dict[str, Any]:
    """Return a graph of one op at ½."""
    y, slopes = NUMBERS[op]
    names = ["a", "b"][: len(slopes)]
    nodes = [{"id": name, "op": "param", "data": 0.5} for name in names]
    nodes.append({"id": "y", "op": op, "args": names})
    run = {
        "data": {**dict.fromkeys(names, 0.5), "y": y},
        "grad": {**dict(zip(names, slopes, strict=True)), "y": 1.0},
    }
    return graph(nodes, run) | {"mgraph": "1.1"}


@pytest.fixture
def shell(mgraph: Shell) -> Shell:
    """Return a folder with graphs of all new ops, and engines with and without them."""
    mgraph.write("old.py", SOURCE)
    mgraph.write(
        "new.py",
        SOURCE.replace(
            "\n    def backward(self):", "".join(METHODS.values()) + "\n    def backward(self):"
        ),
    )
    for op in NEW:
        mgraph.write(f"{op}.json", of(op))
    return mgraph


def test_every_new_op_is_here() -> None:
    """The table of this file is that of the ops that 1.1 has added."""
    assert [*METHODS] == [*NUMBERS] == NEW


def test_engines_without_the_ops_are_not_wrong(shell: Shell) -> None:
    """What an engine lacks is unsupported: named, not graded, and no reason to fail."""
    said = shell("grade", "old.py:Value", *(f"{op}.json" for op in NEW), "--json")
    assert said.status == 0
    assert [case["outcome"] for case in said.json["cases"]] == ["unsupported"] * len(NEW)
    assert said.json["summary"]["failed"] is False
    text = shell("grade", "old.py:Value", *(f"{op}.json" for op in NEW)).out
    assert all(op in text for op in NEW)


def test_engines_with_the_ops_are_graded(shell: Shell) -> None:
    """By the names that other libraries use; a wrong derivative is found, and its cause."""
    files = [f"{op}.json" for op in NEW]
    said = shell("grade", "new.py:Value", *files, "--json")
    assert [case["outcome"] for case in said.json["cases"]] == ["ok"] * len(NEW)
    source = shell.path("new.py").read_text(encoding="utf-8")
    assert "2 / math.sqrt(math.pi) * " in source
    shell.write("wrong.py", source.replace("2 / math.sqrt(math.pi) * ", ""))
    said = shell("grade", "wrong.py:Value", *files, "--json")
    assert [case["outcome"] for case in said.json["cases"]] == ["wrong gradient", *["ok"] * 6]
    assert "erf forgets the factor 2/√π" in shell("grade", "wrong.py:Value", *files).out


def test_the_golden_set_asks_for_1_0_only(shell: Shell) -> None:
    """An engine is not told that it lacks ops of later versions, unless it is asked about them."""
    said = shell("grade", "old.py:Value", "--quick")
    assert not any(op in said.out for op in NEW)
