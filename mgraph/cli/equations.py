"""Formulas and partials of nodes as text, with ids and with numbers."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from mgraph.analysis.detailed_run import op_at
from mgraph.appearance import number
from mgraph.cli.report import formula
from mgraph.cli.terminal import clipped
from mgraph.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mgraph.analysis.detailed_run import DetailedRun
    from mgraph.graph.columns import Columns

LABEL: Final = 60
"""How many characters of a label are shown."""

_LETTER: Final = re.compile(r"\b[abxy]\b")
_WORDS: Final = re.compile(r"\b(if|of|to|each)\b")  # in partials that are no formulas
_TERMS: Final = 8  # sums of more are shortened


def label(graph: Columns, node: int) -> str:
    """Return a node's label, printable and in quotes; empty if it has none."""
    text = graph.labels.get(node, "")
    return f"“{clipped(printable(text), LABEL)}”" if text else ""


def factor(x: float) -> str:
    """Spell a number as a factor of a product: in parentheses if it is negative."""
    text = number(x)
    return f"({text})" if text.startswith("-") else text


def full(x: float) -> str:
    """Spell a number for people; if that rounds it, give all digits, too."""
    text = number(x)
    return text if float(text) == x or x != x else f"{text} (in full {x!r})"


def formula_of(graph: Columns, node: int) -> str:
    """Spell what a node computes with the ids of its arguments; a long sum is shortened."""
    args = graph.arguments(node)
    if len(args) > _TERMS:
        return _long([graph.ids[arg] for arg in (*args[:3], args[-1])], len(args))
    return formula(graph, node)


def formula_with_numbers(graph: Columns, node: int, primals: Sequence[float]) -> str:
    """Spell what an op node computes with the primals of its arguments."""
    op, args = op_at(graph, node), graph.arguments(node)
    if op is None:
        return ""
    if len(args) > _TERMS:
        return _long([factor(primals[arg]) for arg in (*args[:3], args[-1])], len(args))
    if op.fold:
        return " + ".join(factor(primals[arg]) for arg in args)
    return _filled(op.formula, _letters(args, [number(primals[arg]) for arg in args]))


def equation(ran: DetailedRun, node: int) -> str:
    """Spell how a node got its primal: `y = a·b = 2.0·(-3.0) = -6.0`."""
    graph, value = ran.graph, number(ran.primals[node])
    if op_at(graph, node) is None:
        return f"{graph.ids[node]} = {value}"
    numbers = formula_with_numbers(graph, node, ran.primals)
    return _chain(graph.ids[node], formula_of(graph, node), numbers, value)


def partial_equation(ran: DetailedRun, node: int, index: int, partial: float) -> str:
    """Spell how an op node got its partial by one argument: `∂y/∂a = b = -3.0`."""
    graph, op = ran.graph, op_at(ran.graph, node)
    args = graph.arguments(node)
    name = partial_name(graph, node, index)
    text = op.partial_text(index) if op is not None else ""
    if op is None or op.fold or not _LETTER.search(text):
        rule = f" ({text})" if _WORDS.search(text) else ""
        return f"{name} = {number(partial)}{rule}"
    ids, primals = [graph.ids[arg] for arg in args], [number(ran.primals[arg]) for arg in args]
    with_ids = _filled(text, {**_letters(args, ids), "y": graph.ids[node]})
    if _WORDS.search(text):
        return f"{name} = {number(partial)} ({with_ids})"
    numbers = _filled(text, {**_letters(args, primals), "y": number(ran.primals[node])})
    return _chain(name, with_ids, numbers, number(partial))


def partial_name(graph: Columns, node: int, index: int) -> str:
    """Spell the name of the partial of a node by an argument: `∂y/∂a`.

    For y = a·a, ∂y/∂a would be the derivative by both operands, so it is `∂y/∂(1st operand)`.
    """
    which = repeated_operand(graph, node, index)
    return f"∂{graph.ids[node]}/∂{f'({which})' if which else argument_name(graph, node, index)}"


def argument_name(graph: Columns, node: int, index: int) -> str:
    """Return the id of an argument of a node."""
    return graph.ids[graph.arguments(node)[index]]


def repeated_operand(graph: Columns, node: int, index: int) -> str:
    """Say which operand an argument is, if the node has it more than once; else return ""."""
    is_repeated = graph.args[graph.first[node] + index] in _repeated(graph, node)
    return f"{_ordinal(index + 1)} operand" if is_repeated else ""


@lru_cache(maxsize=1)  # asked for each argument of a node, and a sum may have 65,535
def _repeated(graph: Columns, node: int) -> frozenset[int]:
    return frozenset(arg for arg, times in Counter(graph.arguments(node)).items() if times > 1)


def _ordinal(n: int) -> str:
    is_teen = 10 < n % 100 < 14  # noqa: PLR2004 - 11th, 12th, 13th
    return f"{n}{'th' if is_teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"


def seeded(graph: Columns, seeds: Mapping[int, float]) -> str:
    """Spell what is differentiated: an output, or a sum of outputs times their seeds."""
    terms = [
        graph.ids[node] if seed == 1.0 else f"{factor(seed)}·{graph.ids[node]}"
        for node, seed in seeds.items()
    ]
    if len(terms) > _TERMS:
        return f"({_long([*terms[:3], terms[-1]], len(terms))})"
    text = " + ".join(terms)
    return text if len(terms) == 1 and list(seeds.values()) == [1.0] else f"({text})"


def _letters(args: Sequence[int], texts: Iterable[str]) -> dict[str, str]:
    return dict(zip("ab" if len(args) > 1 else "x", texts, strict=True))


def _filled(text: str, words: Mapping[str, str]) -> str:
    """Replace letters by words; negative numbers get parentheses where they need them."""

    def word_for(match: re.Match[str]) -> str:
        before, word = text[: match.start()], words.get(match[0], match[0])
        is_free = not before or before.endswith(("(", "|", ", ", "if "))
        is_base = text[match.end() :].startswith("^")
        return f"({word})" if word.startswith("-") and (is_base or not is_free) else word

    return _LETTER.sub(word_for, text)


def _chain(*parts: str) -> str:
    """Join parts with equals signs, leaving out those that repeat the one before."""
    kept = [part for i, part in enumerate(parts) if i == 0 or part != parts[i - 1]]
    return " = ".join(kept)


def _long(terms: Sequence[str], count: int) -> str:
    *first, last = terms
    return f"{' + '.join(first)} + … + {last} ({count:,} terms)"
