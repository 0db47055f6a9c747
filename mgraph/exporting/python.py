"""Python that depends on nothing but its standard library."""

from __future__ import annotations

import ast
import inspect
import json
import keyword
from textwrap import indent
from typing import TYPE_CHECKING, Final

from mgraph.exporting.program import Leaf, Statement, StraightProgram, title_of
from mgraph.ops import ieee
from mgraph.ops.language import Language, called

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mgraph.document import Graph

PRIMITIVES: Final = tuple(name for name, value in vars(ieee).items() if inspect.isfunction(value))
"""The functions of `ieee`: an exported program brings those that it needs."""

LANGUAGE: Final = Language(
    primitives={name: name for name in PRIMITIVES},
    choice="{yes} if {test} else {no}",
    logic=("or", "and"),
)

RESERVED: Final = (
    *keyword.kwlist, *keyword.softkwlist, "abs", "float", "math", "inf", "nan", "INF", "NAN",
    "ARGUMENTS", "OUTPUTS", "forward", "gradient", "seed", "seeded", "grad",
)  # fmt: skip
"""What nodes can't be called in Python."""

_ABOUT: Final = """Values and gradients of a computation graph, in plain Python.

forward() returns the outputs by id; gradient() also returns the gradients of inputs and params.
Both take inputs and params as keywords; ARGUMENTS says which keyword each id has."""

_IMPORTS: Final = """\
import math

INF = inf = math.inf
NAN = nan = math.nan"""

SEEDED: Final = '''\
def seeded(seed):
    """Return the gradients that outputs start with: what is given, or 1 for the only output."""
    if not seed and len(OUTPUTS) == 1:
        return {OUTPUTS[0]: 1.0}
    unknown = [name for name in seed or () if name not in OUTPUTS]
    if not seed or unknown:
        wrong = f", not {', '.join(map(str, unknown))}" if unknown else ""
        raise ValueError(f"give a seed for one or more of {', '.join(OUTPUTS)}{wrong}")
    return seed'''
"""The function that `backward` calls."""


def emit(graph: Graph, name: str) -> dict[str, str]:
    """Return the module."""
    program = StraightProgram(graph, LANGUAGE, (*RESERVED, *PRIMITIVES), title_of(graph, name))
    library = [*_primitives(program), *helper_functions(program)]
    floats = [f"{leaf.name} = float({leaf.name})" for leaf in program.needed]
    values = [*floats, *map(assignment, program.forward())]
    passes = [*values, *backward(program, "0.0", "+= {}")]
    parts = [*library, constants(program), SEEDED, *functions(program, values, passes)]
    return module(program, _ABOUT, _IMPORTS, parts)


def module(
    program: StraightProgram, about: str, imports: str, parts: Iterable[str]
) -> dict[str, str]:
    """Return the file of a module: what it is, what graph it was, and its parts."""
    comments = "\n".join(f"# {line}" for line in program.about())
    end = "\n" if "\n" in about else ""
    head = f'"""{about}{end}"""\n\n{comments}\n\n{imports}'
    return {f"{program.title}.py": "\n\n\n".join([head, *parts]) + "\n"}


def constants(program: StraightProgram) -> str:
    """Return what a module says of its arguments and outputs."""
    outputs = "".join(f"{json.dumps(name)}, " for name, _ in program.outputs)
    lines = [f'    {json.dumps(x.id)}: "{x.name}",  # {x.op}' for x in program.leaves]
    return "\n".join([f"OUTPUTS = ({outputs.rstrip()})", "ARGUMENTS = {", *lines, "}"])


def _primitives(program: StraightProgram) -> list[str]:
    """Return the functions that the program calls, with their source as in `mgraph.ops`."""
    waiting = called(*program.formulas())[1]
    for name in waiting:  # grows
        tree = ast.parse(inspect.getsource(getattr(ieee, name)))
        names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
        more = [name for name in names if name in PRIMITIVES and name not in waiting]
        waiting += dict.fromkeys(more)
    return [inspect.getsource(getattr(ieee, name)).rstrip() for name in sorted(waiting)]


def helper_functions(program: StraightProgram, *, whole: bool = False) -> Iterator[str]:
    """Yield the functions of the op table that the program's formulas call."""
    for name, names, body in program.helpers(whole=whole):
        yield f"def {name}({', '.join(names)}):\n    return {body}"


def functions(
    program: StraightProgram, values: Iterable[str], passes: Iterable[str], decorator: str = ""
) -> Iterator[str]:
    """Yield `forward` and `gradient`, given what computes values, and that with the gradients."""
    result = f"return {by_id(program.outputs)}"
    about = "Return the outputs"
    body = block([f'"""{about}, by id."""', *values, result])
    yield f"{decorator}def forward({signature(program, program.leaves)}):\n{body}"
    more = "and the gradients of the inputs and params that have one, by id."
    body = block([f'"""{about}, {more}"""', *passes, f"{result}, grad"])
    yield f"{decorator}def gradient({signature(program, program.leaves, 'seed=None')}):\n{body}"


def signature(program: StraightProgram, leaves: Iterable[Leaf], *more: str, first: str = "") -> str:
    """Return the parameters of a function: leaves as keywords, with their defaults."""
    number = program.language.number
    names = [
        leaf.name if leaf.data is None else f"{leaf.name}={number(leaf.data)}" for leaf in leaves
    ]
    keywords = ["*", *names, *more] if names or more else []
    return ", ".join([*filter(None, [first]), *keywords])


def assignment(statement: Statement) -> str:
    """Spell a statement."""
    text = f"{statement.target} = {statement.expression}"
    return f"{text}  # {statement.remark}" if statement.remark else text


def block(lines: Iterable[str]) -> str:
    """Return the body of a function."""
    return indent("\n".join(lines), "    ")


def by_id(names: Iterable[tuple[str, str]]) -> str:
    """Spell a dict of variables by id."""
    return "{" + ", ".join(f"{json.dumps(key)}: {name}" for key, name in names) + "}"


def backward(program: StraightProgram, zero: str, adding: str) -> Iterator[str]:
    """Yield the backward pass, which leaves the gradients in `grad`.

    Args:
        program: The program.
        zero: What adjoints start with.
        adding: How to add to a variable: `{target}` and `{}`.
    """
    yield "seed = seeded(seed)"
    names = program.adjoints()
    yield from (f"{' = '.join(names[i : i + 8])} = {zero}" for i in range(0, len(names), 8))
    for key, adjoint, flag in program.seeds():
        line = f"{adjoint} {adding.format(f'seed[{json.dumps(key)}]', target=adjoint)}"
        yield (
            line
            if len(program.outputs) == 1
            else f"if ({flag} := {json.dumps(key)} in seed):\n    {line}"
        )
    for flag, causes in program.paths().items():
        yield f"{flag} = {' or '.join(causes)}"
    yield from _additions(program, adding)
    yield "grad = {}"
    for leaf, adjoint, flag in program.gradients():
        line = f"grad[{json.dumps(leaf.id)}] = {adjoint}"
        yield f"if {flag}:\n    {line}" if flag else line


def _additions(program: StraightProgram, adding: str) -> Iterator[str]:
    for flag, statements in program.backward():
        lines = [
            f"{statement.target} {adding.format(statement.expression, target=statement.target)}"
            for statement in statements
        ]
        if lines:
            yield f"if {flag}:\n{block(lines)}" if flag else "\n".join(lines)
