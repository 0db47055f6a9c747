"""JavaScript: an ES module for browsers, Node, Deno and Bun."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Final

from mgraph import viewer
from mgraph.exporting.program import Statement, StraightProgram, title_of
from mgraph.exporting.words import JAVASCRIPT
from mgraph.viewer.ops_to_javascript import LANGUAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mgraph.document import Graph

_RESERVED: Final = (
    *JAVASCRIPT, "ieee", "power", "forward", "gradient", "taken", "seeded", "inputs", "given",
    "starts", "seed", "grad", "LEAVES", "OUTPUTS",
)  # fmt: skip

_START: Final = """\
/**
 * Values and gradients of a computation graph.
 *
 * forward(inputs) returns the outputs by id; gradient(inputs, seed) returns these and the gradients
 * of inputs and params. `inputs` and `seed` are objects of numbers by id, both may be left out.
 */"""

_FUNCTIONS: Final = """\
/** Return what is given by id, or declared. */
function taken(inputs) {
  const names = Object.keys(inputs);
  const unknown = names.filter((id) => !LEAVES.has(id));
  if (unknown.length > 0) throw new TypeError(`there is no input or param ${unknown.join(", ")}`);
  const given = new Map([...LEAVES, ...names.map((id) => [id, Number(inputs[id])])]);
  const missing = [...given.keys()].filter((id) => given.get(id) === undefined);
  if (missing.length > 0) throw new TypeError(`give a value for ${missing.join(", ")}`);
  return given;
}

/** Return the gradients that outputs start with: what is given, or 1 for the only output. */
function seeded(seed) {
  const names = Object.keys(seed);
  if (names.length === 0 && OUTPUTS.length === 1) return new Map([[OUTPUTS[0], 1.0]]);
  const unknown = names.filter((id) => !OUTPUTS.includes(id));
  if (names.length === 0 || unknown.length > 0) {
    const wrong = unknown.length > 0 ? `, not ${unknown.join(", ")}` : "";
    throw new TypeError(`give a seed for one or more of ${OUTPUTS.join(", ")}${wrong}`);
  }
  return new Map(names.map((id) => [id, Number(seed[id])]));
}
"""


def emit(graph: Graph, name: str) -> dict[str, str]:
    """Return the module."""
    program = StraightProgram(graph, LANGUAGE, _RESERVED, title_of(graph, name))
    about = [f"// {line}" for line in program.about()]
    ieee = Path(viewer.__file__).with_name("static") / "ieee.js"
    primitives = ieee.read_text(encoding="utf-8").replace("export const", "const")
    lines = [_START, *about, "", primitives, *_module(program)]
    return {f"{program.title}.mjs": "\n".join(lines)}


def _module(program: StraightProgram) -> Iterator[str]:
    for helper, names, body in program.helpers():
        yield f"const {helper} = ({', '.join(names)}) => {body};\n"
    yield "/** The declared values of inputs and params, by id. */\nexport const LEAVES = new Map(["
    for leaf in program.leaves:
        yield f"  [{json.dumps(leaf.id)}, {_declared(leaf.data)}], // {leaf.op}"
    yield "]);\n"
    yield "/** The ids of the outputs. */"
    yield f"export const OUTPUTS = {json.dumps([name for name, _ in program.outputs])};\n"
    yield _FUNCTIONS
    pairs = ", ".join(f"[{json.dumps(key)}, {variable}]" for key, variable in program.outputs)
    result = f"Object.fromEntries([{pairs}])"
    values = [
        "const given = taken(inputs);",
        *(f"const {leaf.name} = given.get({json.dumps(leaf.id)});" for leaf in program.needed),
        *map(_assignment, program.forward()),
    ]
    yield "/** Return the outputs by id. */"
    yield f"export function forward(inputs = {{}}) {_block([*values, f'return {result};'])}"
    yield "/** Return [outputs, gradients], both by id. */"
    passes = [*values, *_backward(program), f"return [{result}, Object.fromEntries(grad)];"]
    yield f"export function gradient(inputs = {{}}, seed = {{}}) {_block(passes)}"


def _declared(x: float | None) -> str:
    return "undefined" if x is None else LANGUAGE.number(x)


def _assignment(statement: Statement) -> str:
    text = f"{'let ' * statement.is_new}{statement.target} = {statement.expression};"
    return f"{text} // {statement.remark}" if statement.remark else text


def _block(lines: Iterable[str]) -> str:
    return "{\n" + indent("\n".join(lines), "  ") + "\n}\n"


def _backward(program: StraightProgram) -> Iterator[str]:
    yield "const starts = seeded(seed);"
    names = [f"{name} = 0.0" for name in program.adjoints()]
    yield from (f"let {', '.join(names[i : i + 8])};" for i in range(0, len(names), 8))
    for key, adjoint, flag in program.seeds():
        add = f"{adjoint} += starts.get({json.dumps(key)});"
        if len(program.outputs) == 1:
            yield add
        else:
            yield f"const {flag} = starts.has({json.dumps(key)});\nif ({flag}) {add}"
    yield from (f"const {flag} = {' || '.join(x)};" for flag, x in program.paths().items())
    for flag, statements in program.backward():
        lines = [f"{statement.target} += {statement.expression};" for statement in statements]
        yield f"if ({flag}) {_block(lines)}".rstrip() if flag else "\n".join(lines)
    yield "const grad = [];"
    for leaf, adjoint, flag in program.gradients():
        add = f"grad.push([{json.dumps(leaf.id)}, {adjoint}]);"
        yield f"if ({flag}) {add}" if flag else add
