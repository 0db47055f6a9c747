"""The chain rule at one node as LaTeX; needs amsmath."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Final

from mgraph.appearance import number
from mgraph.cli.equations import argument_name, repeated_operand
from mgraph.cli.terminal import folded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mgraph.analysis.detailed_run import DetailedRun
    from mgraph.analysis.explain import Explanation, Path

_FACTORS: Final = 12  # of one product that are shown
_BREAK: Final = " \\\\\n  &"


def chain_rule(ran: DetailedRun, node: int, explanation: Explanation | None) -> str:
    """Write the derivative by a node as a sum over paths: with names, with numbers, as a number.

    Args:
        ran: The run.
        node: The node.
        explanation: Explains the node's adjoint; None if it has none.
    """
    return "\n".join(("\\begin{align*}", *_lines(ran, node, explanation), "\\end{align*}"))


def _lines(ran: DetailedRun, node: int, explanation: Explanation | None) -> Iterator[str]:
    whole = f"\\frac{{\\partial {_outputs(ran)}}}{{\\partial {_name(ran, node)}}}"
    if explanation is None:
        yield f"{whole} &= 0"
        return
    paths = explanation.paths
    shown, has_more = paths.shown, paths.count > len(paths.shown)
    dots = ["\\cdots"] if has_more else []
    names = [*(_with_names(ran, path) for path in shown), *dots]
    others = [_number(paths.rest)] if has_more else []
    numbers = [*(_with_numbers(path) for path in shown), *others]
    result = _number(ran.adjoints[node])
    # Of a single path of one arrow or none, names or numbers would only repeat what is said.
    lines = [names] if names not in ([whole], numbers) else []
    lines += [numbers] if numbers not in ([result], [f"({result})"]) else []
    yield whole
    for line in lines:
        yield f"  &= {_BREAK.join(_signed(line))} \\\\"
    yield f"  &= {result}"


def _signed(terms: Sequence[str]) -> list[str]:
    return [term if i == 0 else f"\\quad + {term}" for i, term in enumerate(terms)]


def _outputs(ran: DetailedRun) -> str:
    if list(ran.seeds.values()) == [1.0]:
        return _name(ran, next(iter(ran.seeds)))
    terms = [f"{_factor(seed)} \\, {_name(ran, node)}" for node, seed in ran.seeds.items()]
    return f"({' + '.join(terms)})"


def _with_names(ran: DetailedRun, path: Path) -> str:
    def factor(i: int) -> str:
        graph, node, argument = ran.graph, path.nodes[i], path.arguments[i]
        which = repeated_operand(graph, node, argument)
        by = f"({which})" if which else argument_name(graph, node, argument)
        return f"\\frac{{\\partial {_name(ran, node)}}}{{\\partial {_text(by)}}}"

    return _product(path, factor)


def _with_numbers(path: Path) -> str:
    return _product(path, lambda i: _factor(path.partials[i]))


def _product(path: Path, factor: Callable[[int], str]) -> str:
    factors = [] if path.seed == 1.0 else [_factor(path.seed)]
    first, last = folded(len(path.partials), _FACTORS)
    for i in (*first, *last):
        if last and i == last[0]:
            factors.append("\\cdots")
        factors.append(factor(i))
    return " \\cdot ".join(factors) or _number(1.0)


def _name(ran: DetailedRun, node: int) -> str:
    return _text(ran.graph.ids[node])


def _text(name: str) -> str:
    escaped = name.replace("_", "\\_")  # the only special character that ids may hold
    return f"\\text{{{escaped}}}"


def _number(x: float) -> str:
    if not isfinite(x):
        return "\\text{NaN}" if x != x else "\\infty" if x > 0.0 else "-\\infty"
    digits, _, exponent = number(x).partition("e")
    return f"{digits} \\cdot 10^{{{int(exponent)}}}" if exponent else digits


def _factor(x: float) -> str:
    text = _number(x)
    return f"({text})" if text.startswith("-") else text
