"""The text of the compiled sweeps, generated from the table of ops."""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING, Final

from mgraph import formulas
from mgraph.ops import LEAVES, OPCODES, ROWS, Op

if TYPE_CHECKING:
    from collections.abc import Iterator

_ONE: Final = ("exp", "log", "log1p", "sqrt", "sin", "cos", "tan", "atan", "sinh", "cosh", "tanh")
PRIMITIVES: Final = {
    "div": ("a, b", "a / b"),
    "power": ("a, b", "math.pow(a, b)"),
    **{name: ("a", f"math.{name}(a)") for name in _ONE},
}
"""What each function of `ieee` is in compiled code, where nothing raises: arguments and body."""

_HEAD: Final = '''"""Made by mgraph from its table of ops; made anew when that changes."""

import math

import numpy as np
from numba import njit

rule = njit(error_model="numpy", nogil=True)
sweep = njit(error_model="numpy", nogil=True, cache=True)
'''


SWEEPS: Final = "sweeps"
BATCH: Final = "batch"


@cache
def text(part: str) -> str:
    """Return a whole module: primitives, rules, and the sweeps over one row or over many."""
    sweeps = (_reach(), _forward(), _backward()) if part == SWEEPS else (_batch(),)
    return "\n\n".join([_HEAD, *_functions(), *sweeps])


# --- what the table says ---


def _functions() -> Iterator[str]:
    """Yield primitives, helpers and rules, each compiled on its own and inlined by the sweeps."""
    for name, (names, body) in PRIMITIVES.items():
        yield f"@rule\ndef ieee_{name}({names}):\n    return {body}\n"
    for node in formulas.helpers():
        yield f"@rule\n{_text(_bare(node))}\n"
    for op, *functions in formulas.rows():
        for prefix, function in zip(("value", "slopes"), functions, strict=True):
            names = ", ".join(arg.arg for arg in function.args.args)
            yield f"@rule\ndef {prefix}_{op.name}({names}):\n    return {_text(function.body)}\n"


def _bare(node: ast.FunctionDef) -> ast.FunctionDef:
    """Return a function without annotations and docstring."""
    names = [ast.arg(arg.arg) for arg in node.args.args]
    arguments = ast.arguments([], names, None, [], [], None, [])
    bare = ast.FunctionDef(node.name, arguments, node.body[1:], [], None)
    return ast.fix_missing_locations(bare)


def _text(node: ast.AST) -> str:
    return ast.unparse(node).replace("ieee.", "ieee_")


# --- the sweeps ---


def _reach() -> str:
    """Mark what has an adjoint: the seeded nodes, and all arguments of marked ones."""
    return """@sweep
def reach(first, args, has):
    for i in range(has.size - 1, -1, -1):
        if has[i]:
            for k in range(first[i], first[i + 1]):
                has[args[k]] = 1
"""


def _choice(indent: int, cases: Iterator[tuple[Op, list[str]]]) -> list[str]:
    """Return a chain of branches on the opcode, which compiles to a jump table."""
    space = " " * indent
    lines = []
    word = "if"
    for op, body in cases:
        lines.append(f"{space}{word} code == {OPCODES[op.name]}:")
        lines += [f"{space}    {line}" for line in body]
        word = "elif"
    return lines


def _forward() -> str:
    head = f"""@sweep
def forward(opcode, first, args, primals):
    for i in range(opcode.size):
        code = opcode[i]
        if code < {len(LEAVES)}:
            continue
        at = first[i]
"""
    return head + "\n".join(_choice(8, ((op, _value(op)) for op in ROWS))) + "\n"


def _value(op: Op) -> list[str]:
    if op.fold:
        return [
            "y = primals[args[at]]",
            "for k in range(at + 1, first[i + 1]):",
            f"    y = value_{op.name}(y, primals[args[k]])",
            "primals[i] = y",
        ]
    inputs = ", ".join(f"primals[args[at + {k}]]" for k in range(op.inputs))
    return [f"primals[i] = value_{op.name}({inputs})"]


def _backward() -> str:
    head = f"""@sweep
def backward(opcode, first, args, has, primals, adjoints):
    for i in range(opcode.size - 1, -1, -1):
        code = opcode[i]
        if code < {len(LEAVES)} or not has[i]:
            continue
        at = first[i]
        up = adjoints[i]
"""
    return head + "\n".join(_choice(8, ((op, _slopes(op)) for op in ROWS))) + "\n"


def _slopes(op: Op) -> list[str]:
    if op.fold:  # the partial is the same for every argument
        return [
            f"share = up * slopes_{op.name}(0.0, 0.0, 0.0)[1]",
            "for k in range(at, first[i + 1]):",
            "    adjoints[args[k]] += share",
        ]
    names = "ab"[: op.inputs]
    inputs = ", ".join(f"primals[{name}]" for name in names)
    return [
        *(f"{name} = args[at + {k}]" for k, name in enumerate(names)),
        f"slope = slopes_{op.name}({inputs}, primals[i])",
        *(f"adjoints[{name}] += up * slope[{k}]" for k, name in enumerate(names)),
    ]


def _batch() -> str:
    """Sweep over blocks of rows: one branch a node and block, vector loops inside."""
    forward = "\n".join(_choice(12, ((op, _values_of_block(op)) for op in ROWS)))
    backward = "\n".join(_choice(16, ((op, _slopes_of_block(op)) for op in ROWS)))
    return f'''@sweep
def batch(
    opcode, first, args, has, leaf, given, columns, start, stop, width,
    seeded, seeds, wanted, outputs, asked, grads, backwards,
):
    """Rows start to stop, width at a time; columns[k] are the primals of node given[k]."""
    primals = np.empty((opcode.size, width))
    adjoints = np.empty((opcode.size if backwards else 0, width))
    for i in range(opcode.size):
        if opcode[i] < {len(LEAVES)}:
            primals[i, :] = leaf[i]
    for row in range(start, stop, width):
        size = min(width, stop - row)
        for k in range(given.size):
            primals[given[k], :size] = columns[k, row : row + size]
        for i in range(opcode.size):
            code = opcode[i]
            if code < {len(LEAVES)}:
                continue
            at = first[i]
            y = primals[i]
            a = primals[args[at]]
            b = primals[args[first[i + 1] - 1]]
{forward}
        for k in range(wanted.size):
            outputs[k, row : row + size] = primals[wanted[k], :size]
        if backwards:
            adjoints[:, :] = 0.0
            for k in range(seeded.size):
                adjoints[seeded[k], :] += seeds[k]
            for i in range(opcode.size - 1, -1, -1):
                code = opcode[i]
                if code < {len(LEAVES)} or not has[i]:
                    continue
                at = first[i]
                y = primals[i]
                up = adjoints[i]
                a = primals[args[at]]
                b = primals[args[first[i + 1] - 1]]
                to_a = adjoints[args[at]]
                to_b = adjoints[args[first[i + 1] - 1]]
{backward}
            for k in range(asked.size):
                grads[k, row : row + size] = adjoints[asked[k], :size]
'''


def _values_of_block(op: Op) -> list[str]:
    if op.fold:
        return [
            "for j in range(size):",
            "    y[j] = a[j]",
            "for k in range(at + 1, first[i + 1]):",
            "    x = primals[args[k]]",
            "    for j in range(size):",
            f"        y[j] = value_{op.name}(y[j], x[j])",
        ]
    inputs = ", ".join(f"{name}[j]" for name in "ab"[: op.inputs])
    return ["for j in range(size):", f"    y[j] = value_{op.name}({inputs})"]


def _slopes_of_block(op: Op) -> list[str]:
    if op.fold:
        return [
            "for k in range(at, first[i + 1]):",
            "    to = adjoints[args[k]]",
            "    for j in range(size):",
            f"        to[j] += up[j] * slopes_{op.name}(0.0, 0.0, 0.0)[1]",
        ]
    names = "ab"[: op.inputs]
    inputs = ", ".join(f"{name}[j]" for name in names)
    return [
        "for j in range(size):",
        f"    slope = slopes_{op.name}({inputs}, y[j])",
        *(f"    to_{name}[j] += up[j] * slope[{k}]" for k, name in enumerate(names)),
    ]
