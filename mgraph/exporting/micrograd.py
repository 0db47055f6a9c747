"""The program that a graph is, in micrograd's style: what a learner would write."""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING, Final

from mgraph.engine.evaluate import unbound_inputs
from mgraph.exporting import python
from mgraph.exporting.program import Statement, StraightProgram, title_of
from mgraph.ops import CONST, INPUT, OPS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgraph.document import Graph

OPERATORS: Final = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**"}
"""The ops that Python has operators for; the others but `neg` and `abs` are methods."""

MICROGRAD: Final = (*OPERATORS, "neg", "relu")
"""The ops of micrograd's own Value; of `pow`, only with a number as exponent."""

_ABOUT: Final = """A computation graph as the program of Values that builds it."""

_MICROGRADS: Final = "from micrograd.engine import Value"
_OURS: Final = "import mgraph\nfrom mgraph import Value"

_RESERVED: Final = (*keyword.kwlist, "abs", "print", "float", "mgraph", "Value", "name", "value")


def emit(graph: Graph, name: str) -> dict[str, str]:
    """Return the program.

    Raises:
        GraphError: `unbound-input` if an input has no declared value.
    """
    if missing := [graph.columns.ids[i] for i in graph.columns.unbound()]:
        raise unbound_inputs(missing, in_run=False)
    program = StraightProgram(graph, python.LANGUAGE, _RESERVED, title_of(graph, name))
    inline = _inline(program)
    own = all(_is_micrograds(program, node, inline) for node in program.nodes)
    imports = (
        "from micrograd.engine import Value" if own else "import mgraph\nfrom mgraph import Value"
    )
    statements = map(python.assignment, _statements(program, inline, own=own))
    text = "\n".join([imports, "", *statements, "", *_end(program, inline)])
    return python.module(program, _ABOUT, text, ())


def _end(program: StraightProgram, inline: dict[int, str]) -> Iterator[str]:
    (first, variable), *others = program.outputs
    if others:
        yield f"# The graph has more outputs: these are the gradients of {first}."
    ids, names = program.graph.columns.ids, program.names
    shown = python.by_id((ids[node], names[node]) for node in program.nodes if node not in inline)
    yield f"{variable}.backward()\n\nfor name, value in {shown}.items():"
    yield '    print(f"{name:12} data {value.data:<24} grad {value.grad}")'


def _inline(program: StraightProgram) -> dict[int, str]:
    """Return the consts that are plain numbers wherever they are used, beside a Value."""
    columns = program.graph.columns
    consts = {
        node: python.LANGUAGE.number(columns.data[columns.leaf_index[node]])
        for node in program.nodes
        if columns.op(node) == CONST and node not in columns.outputs
    }
    for node in program.nodes:
        args = columns.arguments(node)
        is_operator = columns.op(node) in OPERATORS
        if not is_operator or all(columns.op(arg) == CONST for arg in args):
            for arg in args:
                consts.pop(arg, None)
    return {node: _operand(x) for node, x in consts.items()}


def _literal(text: str) -> str:
    return f'float("{text}")' if text.lstrip("-") in ("inf", "nan") else text


def _operand(text: str) -> str:
    literal = _literal(text)
    return f"({literal})" if literal.startswith("-") else literal


def _is_micrograds(program: StraightProgram, node: int, inline: dict[int, str]) -> bool:
    columns = program.graph.columns
    op, args = columns.op(node), columns.arguments(node)
    return not args or (op in MICROGRAD and (op != "pow" or args[1] in inline))


def _statements(
    program: StraightProgram, inline: dict[int, str], *, own: bool
) -> Iterator[Statement]:
    columns = program.graph.columns
    for node in program.nodes:
        if node not in inline:
            args = [inline.get(arg, program.names[arg]) for arg in columns.arguments(node)]
            text = _expression(columns.op(node), args) if args else _leaf(program, node, own=own)
            yield Statement(program.names[node], text, remark=program.remark_of(node))


def _leaf(program: StraightProgram, node: int, *, own: bool) -> str:
    columns = program.graph.columns
    number = python.LANGUAGE.number(columns.data[columns.leaf_index[node]])
    kind = "" if own or columns.op(node) == INPUT else f".{columns.op(node)}"
    return f"Value{kind}({_literal(number)})"


def _expression(op: str, args: list[str]) -> str:
    if op in OPERATORS:
        return f" {OPERATORS[op]} ".join(args)
    if OPS[op].fold:
        return f"mgraph.sum([{', '.join(args)}])"
    if op in ("neg", "abs"):
        return f"-{args[0]}" if op == "neg" else f"abs({args[0]})"
    return f"{args[0]}.{op}({', '.join(args[1:])})"
