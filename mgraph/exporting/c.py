"""C99: a header and a source, which need only the mathematical library and allocate nothing."""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING, Final

from mgraph.codec.file_names import safe_stem
from mgraph.exporting.c_header import header, prototype
from mgraph.exporting.program import Statement, StraightProgram, title_of
from mgraph.exporting.words import C
from mgraph.ops.language import DIVIDE, Language

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mgraph.document import Graph

LANGUAGE: Final = Language(
    primitives={
        "div": DIVIDE, "power": "pow", "sqrt": "sqrt", "exp": "exp", "log": "log",
        "log1p": "log1p", "sin": "sin", "cos": "cos", "tan": "tan", "atan": "atan",
        "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "expm1": "expm1", "asin": "asin",
        "acos": "acos", "atan2": "atan2", "erf": "erf",
    },
    choice="{test} ? {yes} : {no}",
    logic=("||", "&&"),
    absolute="fabs",
    infinity="INFINITY",
    nan="NAN",
    variable="v->{}",
    adjoint="d->{}",
)  # fmt: skip

CHUNK: Final = 100
"""The most statements of a function; the time that compilers take grows with its square."""


def emit(graph: Graph, name: str) -> dict[str, str]:
    """Return header and source. As one text, they are a source on its own."""
    program = StraightProgram(graph, LANGUAGE, C, title_of(graph, name))
    stem = safe_stem(name or graph.name, program.title)
    return {
        f"{stem}.h": "\n".join(header(program, stem)),
        f"{stem}.c": "\n".join(_source(program, stem)),
    }


def _source(program: StraightProgram, stem: str) -> Iterator[str]:
    title = program.title
    yield f'#ifndef {title.upper()}_H\n#include "{stem}.h"\n#endif\n\n#include <math.h>\n'
    declared = (LANGUAGE.nan if x.data is None else LANGUAGE.number(x.data) for x in program.leaves)
    numbers = ", ".join(declared) or "0.0"
    yield f"const struct {title}_leaves {title}_defaults = {{{numbers}}};\n"
    yield "/* The values of nodes, or the gradients by them. */\nstruct nodes {"
    yield from (f"  double {program.names[node]};" for node in program.nodes)
    yield "};\n"
    for helper, names, body in program.helpers():
        parameters = ", ".join(f"double {name}" for name in names)
        yield f"static double {helper}({parameters}) {_block([f'return {body};'])}"
    yield from _forward(program)
    outputs = [f"outputs->{name} = v->{name};" for _, name in program.outputs]
    yield from _backward(program, outputs)


def _forward(program: StraightProgram) -> Iterator[str]:
    lines = [_assignment(statement) for statement in program.forward()]
    parts = _Parts("forward", "struct nodes *v")
    yield from parts.functions(lines)
    taken = [f"v->{leaf.name} = leaves->{leaf.name};" for leaf in program.needed]
    body = _block([*(taken or ["(void)leaves;"]), *(f"{name}(v);" for name in parts.names)])
    yield f"static void values(const struct {program.title}_leaves *leaves, struct nodes *v) {body}"


def _backward(program: StraightProgram, outputs: Sequence[str]) -> Iterator[str]:
    declared = ["struct nodes value, *v = &value;"]
    body = _block([*declared, "values(leaves, v);", *outputs])
    yield f"{prototype(program.title, 'forward')} {body}"
    calls = []
    parts = _Parts("backward", "const struct nodes *v, struct nodes *d")
    for flag, statements in program.backward():
        before = len(parts.names)
        yield from parts.functions([f"{x.target} += {x.expression};" for x in statements])
        condition = f"if ({flag}) " if flag else ""
        calls += [f"{condition}{name}(v, d);" for name in parts.names[before:]]
    if seeds := [*_seeds(program)]:
        declared.append("struct nodes adjoint = {0}, *d = &adjoint;")
    else:
        declared.append("(void)seed;")
    lines = [*declared, "values(leaves, v);", *outputs, *seeds, *calls, *_gradients(program)]
    yield f"{prototype(program.title, 'gradient')} {_block(lines)}"


def _seeds(program: StraightProgram) -> Iterator[str]:
    for key, adjoint, flag in program.seeds():
        name = program.names[program.graph.columns.index[key]]
        if len(program.outputs) == 1:
            yield f"{adjoint} += seed ? seed->{name} : 1.0;"
        else:
            yield f"int {flag} = seed && seed->{name} == seed->{name};"
            yield f"if ({flag}) {adjoint} += seed->{name};"
    yield from (f"int {flag} = {' || '.join(x)};" for flag, x in program.paths().items())


def _gradients(program: StraightProgram) -> Iterator[str]:
    adjoints = {
        leaf.id: f"{flag} ? {adjoint} : 0.0" if flag else adjoint
        for leaf, adjoint, flag in program.gradients()
    }
    yield from (f"grad->{x.name} = {adjoints.get(x.id, '0.0')};" for x in program.leaves)
    if not program.leaves:
        yield "grad->none = 0.0;"


class _Parts:
    """Functions that together do what one would, had compilers time for it."""

    def __init__(self, name: str, parameters: str) -> None:
        """Take the start of their names, and their parameters."""
        self.name, self.parameters = name, parameters
        self.names: list[str] = []

    def functions(self, lines: Sequence[str]) -> Iterator[str]:
        """Yield functions that execute statements, and note their names."""
        for start in range(0, len(lines), CHUNK):
            body = [*lines[start : start + CHUNK]]
            if "*v," in self.parameters and not any("v->" in line for line in body):
                body.insert(0, "(void)v;")
            self.names.append(f"{self.name}_{len(self.names)}")
            yield f"static void {self.names[-1]}({self.parameters}) {_block(body)}"


def _assignment(statement: Statement) -> str:
    text = f"{statement.target} = {statement.expression};"
    return f"{text} /* {statement.remark} */" if statement.remark else text


def _block(lines: Iterable[str]) -> str:
    return "{\n" + indent("\n".join(lines), "  ") + "\n}\n"
