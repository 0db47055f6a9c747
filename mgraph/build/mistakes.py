"""What people write in formulas that is not one, and how to write it."""

from __future__ import annotations

import math
import re
import unicodedata
from itertools import pairwise
from keyword import iskeyword
from typing import TYPE_CHECKING, Final

from mgraph.build.functions import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from mgraph.document import Graph

NUMBERS: Final[Mapping[str, float]] = {
    "pi": math.pi, "tau": math.tau, "inf": math.inf, "nan": math.nan,
}  # fmt: skip
"""Names that people take for numbers; in a formula they are names like any other."""

ELSEWHERE: Final[Mapping[str, str]] = {
    "log10": "log(x)/log(10)",
    "log2": "log(x)/log(2)",
    "atanh": "(log1p(x) - log1p(-x))/2",
    "arctanh": "(log1p(x) - log1p(-x))/2",
    "erfc": "1 - erf(x)",
    "cot": "1/tan(x)",
    "hypot": "sqrt(a*a + b*b)",
}
"""Functions of mathematical libraries, and how to write them with ops."""

MODULES: Final = frozenset({"F", "jax", "jnp", "math", "nn", "np", "numpy", "tf", "torch"})
"""Names under which people call functions of other libraries."""

_REPLACEMENTS: Final = {
    "·": "*", "⋅": "*", "×": "*", "÷": "/", "−": "-", "–": "-", "√": "sqrt()",
    "∞": "inf, and declare it: --const inf=inf",
    "π": f"pi, and declare it: --const pi={math.pi}",
}  # fmt: skip

_LAMBDA: Final = "lam, because lambda is a reserved word"

_TOKEN: Final = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_][\w.]*)"
    r"|(?P<open>\()|(?P<close>\))|(?P<other>\S)"
)
_LAST: Final = ("number", "name", "close")
_FIRST: Final = ("number", "name", "open")
"""The tokens that a factor can end with, and begin with."""

_LOOKED_AT: Final = 10_000  # characters of a line
_ABS: Final = re.compile(r"\|([^|;]+)\|")


def replacement(character: str) -> str:
    """Return how to write a character that a formula can't hold; empty if nobody can know."""
    if character in _REPLACEMENTS:
        return _REPLACEMENTS[character]
    name = unicodedata.name(character, "")
    if name.startswith("GREEK") and " LETTER " in name:
        letter = name.partition(" WITH ")[0].split()[-1].lower()
        return _LAMBDA if letter == "lamda" else letter
    plain = unicodedata.normalize("NFKC", character)
    if not plain.isascii() or plain == character:
        return ""
    return f"**{plain}" if name.startswith("SUPERSCRIPT") else plain


def misread(line: str) -> tuple[str, int] | None:
    """Explain a line that Python can't parse.

    Returns:
        What is wrong and how to write it, and the column, from 1; None if nothing is known.
    """
    tokens = [*_TOKEN.finditer(line.partition("#")[0])] if len(line) <= _LOOKED_AT else []
    for token in tokens:
        if iskeyword(token[0]):
            message = f'"{token[0]}" is a reserved word, which a formula can\'t use'
            return f"{message}: choose another name", token.start() + 1
    for token in tokens:
        if token[0] == "|":
            inside = _ABS.match(line, token.start())
            fix = f"write abs({inside[1].strip() if inside else 'x'})"
            return f"| can't be used in a formula: {fix}", token.start() + 1
    for left, right in pairwise(tokens):
        if fix := _between(left, right):
            return fix, left.start() + 1
    return None


def _between(left: re.Match[str], right: re.Match[str]) -> str:
    """Say what is missing between two tokens; empty if nothing is."""
    is_call = left.lastgroup == "name" and right.lastgroup == "open"
    if left.lastgroup not in _LAST or right.lastgroup not in _FIRST or is_call:
        return ""
    if left[0] in FUNCTIONS:
        return f"write {left[0]}({right[0]})"
    if left[0] == ")" or right[0] == "(":
        return f"an operator is missing: write * between {left[0]} and {right[0]} for a product"
    return f"an operator is missing: write {left[0]}*{right[0]} for a product"


def doubtful_inputs(graph: Graph, declared: Container[str]) -> Iterator[str]:
    """Yield hints about inputs that were probably meant as something else.

    Args:
        graph: A graph that was made from a formula.
        declared: The names that were declared as leaves, and so are meant.
    """
    columns = graph.columns
    powers = [columns.arguments(i)[0] for i in range(len(columns)) if columns.op(i) == "pow"]
    for node in columns.unbound():
        name = columns.ids[node]
        if name not in declared:
            if name == "e" and node in powers:
                yield "e is an input here: write exp(x) for e**x"
            elif hint := _doubt(name, columns.index):
                yield f"{name} is an input here: {hint}"


def _doubt(name: str, ids: Container[str]) -> str:
    """Say what the name of an input may have been meant as; empty if nothing is likely."""
    number = NUMBERS.get(name.rpartition(".")[2])
    if number is not None:
        return f"--const {name}={number} makes it the number"
    functions = [function for function in FUNCTIONS if name.startswith(function)]
    for function in sorted(functions, key=len, reverse=True):
        if name == function:
            return f"write {function}(x) for the function"
        if name.removeprefix(function) in ids:
            return f"write {function}({name.removeprefix(function)}) for the function"
    return ""
