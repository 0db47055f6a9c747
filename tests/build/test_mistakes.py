"""Formulas as people write them at first: the message says how to write them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from mgraph.build.expression import ExpressionError, graph_of
from mgraph.build.functions import FUNCTIONS
from mgraph.build.mistakes import NUMBERS, doubtful_inputs, replacement
from tests.command_line import is_usage_error

if TYPE_CHECKING:
    from tests.command_line import Shell


@pytest.mark.parametrize(
    ("formula", "column", "words"),
    [
        ("y = 2x", 5, "write 2*x"),
        ("y = 1.5x + 1", 5, "write 1.5*x"),
        ("y = a + 2 pi", 9, "write 2*pi"),
        ("y = 2e3x", 5, "write 2e3*x"),
        ("y = x w", 5, "write x*w"),
        ("y = x^2 w", 7, "write 2*w"),
        ("y = (a + b) c", 11, "write * between ) and c"),
        ("y = x*(2 (a + b)", 8, "write * between 2 and ("),
        ("y = 2(x + 1)", 5, "a product is written with *"),
        ("y = x(x + 1)", 5, "for a product, write x*(…)"),
        ("y = sin x", 5, "write sin(x)"),
        ("y = 2*tanh x", 7, "write tanh(x)"),
        ("y = |x|", 5, "write abs(x)"),
        ("y = 2*| x - 1 |", 7, "write abs(x - 1)"),
        ("y = a|b", 5, "write abs(x) for |x|"),
        ("y = lambda*w", 5, '"lambda" is a reserved word'),
        ("y = x*lambda", 7, '"lambda" is a reserved word'),
        ("in = x*2", 1, '"in" is a reserved word'),
        ("y = sig(x)", 5, 'did you mean "sigmoid"?'),
        ("y = ReLU(x)", 5, 'did you mean "relu"?'),
        ("y = multiply(x, w)", 5, 'did you mean "mul"?'),
        ("y = swish(x)", 5, 'did you mean "silu"?'),
        ("y = log10(x)", 5, "write log(x)/log(10)"),
        ("y = np.arctanh(x)", 5, "write (log1p(x) - log1p(-x))/2"),
        ("w1 = 3; y = w1*x", 1, "declare it with --param w1=3"),
        ("w1 = -0.5; y = w1*x", 1, "declare it with --param w1=-0.5"),
        ("y = add(x)", 5, "add takes 2, not 1: sum takes any number"),
        ("y = leaky_relu(x)", 5, "leaky_relu takes 2, not 1: leaky_relu(x, a)"),
        ("y = max(x)", 5, "max takes at least 2, not 1"),
        ("y = π*x", 5, "--const pi=3.141592653589793"),
        ("y = β*x", 5, "write beta"),
        ("y = έ*x", 5, "write epsilon"),
        ("λ = x*w", 1, "write lam, because lambda is a reserved word"),
        ("y = (x*w).tahn()", 5, '".tahn" is not an op: did you mean "tanh"?'),
        ("y = (x*w).frob(x)", 5, '".frob" is not an op: use + - * / **'),
        ("y = x.tanh(w)", 5, '"x.tanh" is not an op'),
        ("y = x.pow(2)", 5, '"x.pow" is not an op: write pow(x, 2)'),
        ("y = 2*x.max(z)", 7, '"x.max" is not an op: write max(x, z)'),
        ("y = (x*w).pow(a + 1)", 5, '".pow" is not an op: write pow(…, …)'),
        ("y = x.mean()", 5, '"x.mean" is not an op: write mean(x)'),
        ("y = np.exp()", 5, '"np.exp" is not an op: did you mean "exp"?'),
        ("y = x + math.sqrt()", 9, '"math.sqrt" is not an op: did you mean "sqrt"?'),
        ("y = torch.max(a, b)", 5, '"torch.max" is not an op: did you mean "max"?'),
        ("y = x₁*w", 6, "write 1"),
        ("y = x⁴", 6, "write **4"),
        ("y = a − b", 7, "write -"),
    ],
)
def test_how_to_write_it(formula: str, column: int, words: str) -> None:
    """The message names the replacement, and the caret stands at what is to be replaced."""
    with pytest.raises(ExpressionError) as caught:
        graph_of(formula, {})
    message = str(caught.value)
    assert words in message.partition("\n")[0]
    assert message.startswith(f"line 1, column {column}: ")


@pytest.mark.parametrize(
    "formula",
    ["y = tanh(x", "y = x)", "y = x +", "y = x!", "y = * x", "y = x # 2x", "y = x, # |x|"],
)
def test_other_mistakes(formula: str) -> None:
    """Nothing is made up for other mistakes, nor about comments."""
    with pytest.raises(ExpressionError) as caught:
        graph_of(formula, {})
    assert "write" not in str(caught.value)


def test_a_name_of_a_module_may_be_that_of_a_node() -> None:
    """If it is declared or assigned, it has the methods of all others."""
    for method, function, leaves in (
        ("y = F.tanh()", "y = tanh(F)", {"F": ("param", 1.0)}),
        ("F = 2*x; y = F.tanh()", "F = 2*x; y = tanh(F)", {}),
    ):
        assert graph_of(method, leaves).hash == graph_of(function, leaves).hash


def test_a_long_line_is_not_searched() -> None:
    """A line of a megabyte is refused without looking for the reason."""
    with pytest.raises(ExpressionError, match="can't be read"):
        graph_of("y = " + "x*" * 20_000 + "2 x", {})


@pytest.mark.parametrize(
    ("formula", "hint"),
    [
        ("y = pi*x", "--const pi=3.141592653589793 makes it the number"),
        ("y = np.pi*x", "--const np.pi=3.141592653589793"),
        ("y = x + inf", "--const inf=inf"),
        ("y = e^x + 1", "write exp(x) for e**x"),
        ("y = tanh*x", "write tanh(x) for the function"),
        ("y = sinx + x", "write sin(x) for the function"),
    ],
)
def test_inputs_that_were_meant_otherwise(mgraph: Shell, formula: str, hint: str) -> None:
    """The graph is made as before, and a hint on standard error says what else may be meant."""
    result = mgraph("new", formula)
    assert result.status == 0
    assert result.json["nodes"]
    assert result.err.startswith("hint: ")
    assert hint in result.err
    assert result.err.count("\n") == 1


def test_inputs_that_are_meant() -> None:
    """What is declared or computed, and an e that is no base of a power, needs no hint."""
    for formula, declared in (
        ("y = pi*x", ("pi",)),
        ("pi = a*b; y = pi*x", ()),
        ("y = e*f", ()),
        ("e = a*b; y = e^x", ()),
        ("y = maximum*x + summary", ()),
    ):
        leaves: dict[str, tuple[str, float | None]] = dict.fromkeys(declared, ("input", None))
        assert [*doubtful_inputs(graph_of(formula, leaves), declared)] == [], formula


def test_a_hint_works(mgraph: Shell) -> None:
    """What the hint about pi says makes the graph compute with π."""
    hint = mgraph("new", "y = pi*x").err
    option = hint.partition("--const ")[2].partition(" makes")[0]
    graph = mgraph("new", "y = pi*x", "--const", option, "--input", "x=2", "-o", "pi.json")
    assert graph.err == ""
    assert mgraph("run", "pi.json", "--json").json["outputs"] == {"y": 2 * math.pi}


def test_numbers_are_no_functions() -> None:
    """A name has one meaning."""
    assert not NUMBERS.keys() & FUNCTIONS.keys()


def test_characters_without_a_replacement() -> None:
    """Letters that are not Greek, and controls, are not guessed."""
    assert [replacement(character) for character in "é中\x07\N{SNOWMAN}"] == [""] * 4


def test_the_command_line_shows_them(mgraph: Shell) -> None:
    """`mgraph new` shows the line with a caret."""
    result = mgraph("new", "y = 2x")
    assert is_usage_error(result, "write 2*x for a product")
    assert result.err.endswith("  y = 2x\n      ^\n")
