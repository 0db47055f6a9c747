"""Writes ops.js: the op table, its formulas translated from Python to JavaScript."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from mgraph.ops import LEAVES, ieee
from mgraph.ops.language import (
    DIVIDE,
    Language,
    body_of,
    helpers,
    parameters,
    partial,
    table,
)

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator, Sequence

    from mgraph.ops.formulas import Formulas

PRIMITIVES: Final = tuple(
    name
    for name, value in vars(ieee).items()
    if callable(value) and value.__module__ == ieee.__name__ and name[0] != "_"
)
"""The functions of `ieee` that formulas may call; the page's ieee.js has the same names."""

LANGUAGE: Final = Language(
    primitives={**{name: f"ieee.{name}" for name in PRIMITIVES}, "div": DIVIDE},
    choice="{test} ? {yes} : {no}",
    logic=("||", "&&"),
    absolute="Math.abs",
    equality=("===", "!=="),
    infinity="Infinity",
    nan="NaN",
)


@cache
def javascript() -> str:
    """Return the module `ops.js`: the helpers, and `OPS` with one object per op."""
    return "\n".join([
        "/** The table of ops; generated from mgraph/ops/table.py. */",
        'import { ieee } from "./ieee.js";',
        "",
        *(f"const {name} = {_function(parameters(x), body_of(x))};\n"
          for name, x in helpers().items()),
        f"export const LEAVES = {json.dumps(LEAVES)};",
        "",
        "export const OPS = new Map([",
        *_ops(),
        "]);",
        "",
    ])  # fmt: skip


def _ops() -> Iterator[str]:
    for name, formula in table().items():
        yield f"  [{json.dumps(name)}, {{"
        for key, function in (("value", formula.forward), ("partials", formula.partials)):
            yield f"    {key}: {_function(parameters(function), function.body)},"
        yield from _loops(formula)
        for key, value in _texts(formula).items():
            yield f"    {key}: {json.dumps(value, ensure_ascii=False)},"
        yield "  }],"


def _function(names: Sequence[str], result: ast.expr) -> str:
    return f"({', '.join(names)}) => {LANGUAGE.expression(result, {x: x for x in names})}"


def _loops(formula: Formulas) -> Iterator[str]:
    """Yield the value and the contributions of an op, as loops over rows."""
    args, names = parameters(formula.forward), parameters(formula.partials)
    read = [f"{name} = {array}[i]" for name, array in zip(args, "AB", strict=False)]
    value = LANGUAGE.expression(formula.forward.body, {x: x for x in args})
    yield f"    values: (n, Y, A, B) => {{ {_loop(read, [f'Y[i] = {value}'])} }},"
    sent = [
        f"{array}[i] += u * {LANGUAGE.factor(partial(formula, k), {x: x for x in names})}"
        for k, array in enumerate(("toA", "toB")[: len(args)])
    ]
    read = [*read, *(f"{name} = Y[i]" for name in names[len(args) :]), "u = U[i]"]
    yield f"    sends: (n, U, Y, A, B, toA, toB) => {{ {_loop(read, sent)} }},"


def _loop(read: Sequence[str], lines: Sequence[str]) -> str:
    return f"for (let i = 0; i < n; i++) {{ const {', '.join(read)}; {'; '.join(lines)}; }}"


def _texts(formula: Formulas) -> dict[str, Any]:
    op = formula.op
    return {
        "inputs": op.inputs,
        "fold": op.fold,
        "formula": op.formula,
        "partialsText": op.partials_text,
        "since": op.since,
    }
