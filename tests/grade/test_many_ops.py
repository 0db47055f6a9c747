"""What is said of engines with wrong local derivatives in many ops, each in a way of its own."""

from __future__ import annotations

from typing import Final

from tests.grade.test_learners import said, unary, with_methods

UNARY: Final = {
    "exp": ("math.exp(x)", "x"),  # where the result belongs
    "log": ("math.log(x)", "1 / out.data"),
    "tanh": ("math.tanh(x)", "(1 - out.data)"),
    "sqrt": ("math.sqrt(x)", "2 / out.data"),
    "sin": ("math.sin(x)", "-math.cos(x)"),
}
"""By op, its value, and a local derivative that is wrong."""

NAMED: Final = {
    ("place", "exp"), ("place", "log"), ("slope", "tanh"), ("factor", "sqrt"), ("sign", "sin"),
}  # fmt: skip

TITLES: Final = " ".join(f"op-{op} inside-{op}" for op in UNARY)
FURTHER: Final = "op-add op-mul op-sub diamond x-plus-x x-times-x directly-and-through added-up"


def source(passed: str) -> str:
    """Return an engine in which these ops pass on the wrong local derivative."""
    return with_methods(
        *(unary(op, value, passed.format(slope)) for op, (value, slope) in UNARY.items())
    )


def test_each_is_named() -> None:
    """Five ops are wrong, in four ways; two of five are not said to be what all do."""
    assert {*said(source("self.grad += {} * out.grad"), f"{TITLES} {FURTHER}")} == NAMED


def test_each_is_named_beside_a_mistake_of_all() -> None:
    """They are wrong, and every op overwrites the gradient."""
    engine = source("self.grad += {} * out.grad").replace(".grad += ", ".grad = ")
    says = said(engine, f"{TITLES} {FURTHER}")
    assert {*says} == {*NAMED, ("overwritten", "")}


def test_two_of_four_are_not_all() -> None:
    """What exp and log do isn't said of all ops of one operand: tanh and sqrt do other things."""
    engine = source("self.grad += {} * out.grad").partition("    def sin")[0]
    says = said(engine, TITLES.replace("op-sin inside-sin", FURTHER))
    assert {*says} == NAMED - {("sign", "sin")}


def test_many_alike_beside_one_of_its_own() -> None:
    """Four ops forget the upstream gradient; what tanh does instead isn't known."""
    slopes = {"exp": "out.data", "log": "1 / x", "sqrt": "0.5 / out.data", "sin": "math.cos(x)"}
    methods = [unary(op, UNARY[op][0], f"self.grad += {slope}") for op, slope in slopes.items()]
    tanh = unary("tanh", "math.tanh(x)", "self.grad += x**3 - out.grad")
    says = said(with_methods(*methods, tanh), f"{TITLES} {FURTHER}")
    assert {*says} == {("upstream", ""), ("slope", "tanh")}
    assert says["upstream", ""] == (
        "each of exp, log, sin, sqrt passes on its local derivative alone, without the upstream "
        "gradient"
    )
