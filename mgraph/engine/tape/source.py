"""Generate the text of the kernels: formulas of the op table inside sweeps."""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING, Final

from mgraph.engine.tape import vector_math
from mgraph.ops import CONST, LEAVES, OPCODES, TABLE, Op, formulas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SWEEPS: Final = "sweeps"
REPLAY: Final = "replay"
BATCH: Final = "batch"
PARTS: Final = (SWEEPS, REPLAY, BATCH)
"""Single runs, steps of a replay, and batches. Each part is compiled when it is first needed."""

_LEAF: Final = len(LEAVES)
"""Opcodes below this are leaves."""


@cache
def text(part: str, *, vector: bool = False) -> str:
    """Return the text of a module of kernels, with the formulas as helpers.

    Args:
        part: One of `PARTS`.
        vector: Whether steps compute exp, tanh and so on for several nodes at once.
    """
    generators: dict[str, tuple[Callable[[], str], ...]] = {
        SWEEPS: (_reach, _forward, _backward),
        REPLAY: (
            _levels,
            _sort,
            _arguments,
            lambda: _step_forward(vector=vector),
            _step_backward,
        ),
        BATCH: (_touches, _batch, _add_rows),
    }
    return "\n\n".join([*_functions(), *(generate() for generate in generators[part])])


# --- formulas ---


def _functions() -> Iterator[str]:
    """Yield helpers: those that formulas call, then a value and a partials function per op."""
    for node in (*formulas.helpers(), *formulas.helpers(vector_math)):
        if node.name not in vector_math.PRIMITIVES:
            names = ", ".join(arg.arg for arg in node.args.args)
            yield f"def {node.name}({names}):\n    {_text(node.body[-1])}\n"
    for op, *functions in formulas.parse_table():
        for prefix, function in zip(("value", "partials"), functions, strict=True):
            names = ", ".join(arg.arg for arg in function.args.args)
            yield f"def {prefix}_{op.name}({names}):\n    return {_text(function.body)}\n"


def _text(node: ast.AST) -> str:
    return ast.unparse(node).replace("ieee.", "ieee_")


def _choice(indent: int, cases: Iterable[tuple[int, list[str]]]) -> str:
    """Return branches on the opcode, which compile to a jump table."""
    space = " " * indent
    lines = []
    word = "if"
    for code, body in cases:
        lines.append(f"{space}{word} code == {code}:")
        lines += [f"{space}    {line}" for line in body]
        word = "elif"
    return "\n".join(lines)


def _cases(body: Callable[[Op], list[str]]) -> Iterator[tuple[int, list[str]]]:
    return ((OPCODES[op.name], body(op)) for op in TABLE)


# --- single runs: in evaluation order, over the columns as they are ---


def _reach() -> str:
    """Mark the nodes that have an adjoint: arguments of marked nodes, from the seeded ones on."""
    return """
def reach(first: U32, args: U32, has: U8) -> None:
    for i in range(len(has) - 1, -1, -1):
        if has[i] == 1:
            for k in range(first[i], first[i + 1]):
                has[args[k]] = 1
"""


def _forward() -> str:
    return f"""
def forward(opcode: U8, first: U32, args: U32, primals: F64) -> None:
    for i in range(len(opcode)):
        code = opcode[i]
        at = first[i]
{_choice(8, _cases(_value))}
"""


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
    return f"""
def backward(opcode: U8, first: U32, args: U32, has: U8, primals: F64, adjoints: F64) -> None:
    for i in range(len(opcode) - 1, -1, -1):
        if has[i] == 0:
            continue
        code = opcode[i]
        at = first[i]
        up = adjoints[i]
{_choice(8, _cases(_partials))}
"""


def _partials(op: Op) -> list[str]:
    if op.fold:  # the partial is the same for every argument
        return [
            f"share = up * partials_{op.name}(0.0, 0.0, 0.0)[1]",
            "for k in range(at, first[i + 1]):",
            "    adjoints[args[k]] += share",
        ]
    names = "ab"[: op.inputs]
    inputs = ", ".join(f"primals[{name}]" for name in names)
    return [
        *(f"{name} = args[at + {k}]" for k, name in enumerate(names)),
        *(f"p{name} = primals[{name}]" for name in names),
        "y = primals[i]",
        *(
            f"adjoints[{name}] += up * partials_{op.name}({inputs}, y)[{k}]"
            for k, name in enumerate(names)
        ),
    ]


# --- preparing a replay: which nodes can be computed together ---


def _levels() -> str:
    """Number the levels, so that nodes of one level do not depend on each other.

    In the backward order a node comes after all its users. Users of the same node also have
    different levels, the last user first, so that adjoints are added up in the order of a single
    run. That is not needed for users of a const, which has no adjoint.
    """
    return f"""
def forward_levels(opcode: U8, first: U32, args: U32, level: U32, deepest: I64) -> None:
    most = 0
    for i in range(len(opcode)):
        new = 0
        for k in range(first[i], first[i + 1]):
            next = level[args[k]] + 1
            if next > new:
                new = next
        level[i] = new
        if new > most:
            most = new
    deepest[0] = most


def backward_levels(
    opcode: U8, first: U32, args: U32, has: U8, done: U32, level: U32, deepest: I64
) -> None:
    most = 0
    for i in range(len(opcode) - 1, -1, -1):
        level[i] = 0
        if has[i] == 1 and opcode[i] >= {_LEAF}:
            new = done[i]
            for k in range(first[i], first[i + 1]):
                last = done[args[k]]
                if last > new:
                    new = last
            new += 1
            level[i] = new
            if new > most:
                most = new
            for k in range(first[i], first[i + 1]):
                if opcode[args[k]] != {OPCODES[CONST]}:
                    done[args[k]] = new
    deepest[0] = most
"""


def _sort() -> str:
    """Sort nodes by level and op with a stable counting sort; `next` starts as the counts."""
    return """
def keys(opcode: U8, level: U32, order: U32, table: U8, kinds: int, key: U32, next: U32) -> None:
    for j in range(len(order)):
        i = order[j]
        value = level[i] * kinds + table[opcode[i]]
        key[j] = value
        next[value] += 1


def sort(key: U32, next: U32, order: U32, sorted: U32) -> None:
    total = 0
    for k in range(len(next)):
        size = next[k]
        next[k] = total
        total += size
    for j in range(len(key)):
        at = next[key[j]]
        next[key[j]] = at + 1
        sorted[at] = order[j]
"""


def _arguments() -> str:
    """Find the positions of nodes and of their first and last arguments, as in `Forward`."""
    folds = " or ".join(f"code == {OPCODES[op.name]}" for op in TABLE if op.fold)
    return f"""
def arguments(
    opcode: U8, first: U32, args: U32, order: U32, position: U32, a: U32, b: U32
) -> None:
    for j in range(len(order)):
        position[order[j]] = j
    for i in range(len(order)):
        code = opcode[i]
        j = position[i]
        if code >= {_LEAF}:
            if {folds}:
                a[j] = first[i]
                b[j] = first[i + 1]
            else:
                a[j] = position[args[first[i]]]
                b[j] = position[args[first[i + 1] - 1]]
"""


# --- steps: nodes in runs of one op, with one branch per run ---


def _step_forward(*, vector: bool) -> str:
    cases = _choice(8, _cases(lambda op: _run_of_values(op, vector=vector)))
    return f"""
def step_forward(
    run_op: U8, run_start: U32, a: U32, b: U32, more: U32, primals: F64
) -> None:
    for r in range(len(run_op)):
        code = run_op[r]
        start = run_start[r]
        stop = run_start[r + 1]
{cases}
"""


def _run_of_values(op: Op, *, vector: bool) -> list[str]:
    if op.fold:
        return [
            "for i in range(start, stop):",
            "    y = primals[more[a[i]]]",
            "    for k in range(a[i] + 1, b[i]):",
            f"        y = value_{op.name}(y, primals[more[k]])",
            "    primals[i] = y",
        ]
    if vector and not op.exact:
        # The last vector writes beyond the run, to nodes that are computed later. It must not read
        # their a and b, which are no positions if they are folds.
        indices = [f"min(i + {k}, stop - 1)" for k in range(8)]
        lanes = [
            f"gathered(primals, {', '.join(f'{name}[{index}]' for index in indices)})"
            for name in "ab"[: op.inputs]
        ]
        return [
            "for i in range(start, stop, 8):",
            f"    put_rows(primals, i, value_{op.name}({', '.join(lanes)}))",
        ]
    inputs = ", ".join(f"primals[{name}[i]]" for name in "ab"[: op.inputs])
    return ["for i in range(start, stop):", f"    primals[i] = value_{op.name}({inputs})"]


def _step_backward() -> str:
    return f"""
def step_backward(
    run_op: U8, run_start: U32, node: U32, a: U32, b: U32, more: U32, primals: F64, adjoints: F64
) -> None:
    for r in range(len(run_op)):
        code = run_op[r]
        start = run_start[r]
        stop = run_start[r + 1]
{_choice(8, _cases(_run_of_partials))}
"""


def _run_of_partials(op: Op) -> list[str]:
    if op.fold:
        return [
            "for j in range(start, stop):",
            f"    share = adjoints[node[j]] * partials_{op.name}(0.0, 0.0, 0.0)[1]",
            "    for k in range(a[j], b[j]):",
            "        adjoints[more[k]] += share",
        ]
    names = "ab"[: op.inputs]
    inputs = ", ".join(f"p{name}" for name in names)
    return [
        "for j in range(start, stop):",
        "    i = node[j]",
        "    up = adjoints[i]",
        "    y = primals[i]",
        *(f"    p{name} = primals[{name}[j]]" for name in names),
        *(
            f"    adjoints[{name}[j]] += up * partials_{op.name}({inputs}, y)[{k}]"
            for k, name in enumerate(names)
        ),
    ]


# --- batches: the same runs, over blocks of rows ---

FRESH: Final = 128
"""Added to the opcode of a backward run whose nodes are the first to add to their arguments."""


def _touches() -> str:
    """Find the nodes that are the first, in backward order, to add to all of their arguments.

    They can store adjoints there without reading or clearing them before. Adjoints that other nodes
    add to first must be cleared. `seen` is 1 for a seeded node, and 2 for a const, whose adjoint is
    not used.
    """
    folds = " or ".join(f"op == {OPCODES[op.name]}" for op in TABLE if op.fold)
    pairs = [OPCODES[op.name] for op in TABLE if op.inputs > 1 and not op.fold]
    two = " or ".join(f"op == {code}" for code in pairs)
    return f"""
def touches(code: U8, a: U32, b: U32, more: U32, seen: U8, fresh: U8, clear: U8) -> None:
    for j in range(len(code)):
        op = code[j]
        if {folds}:
            for k in range(a[j], b[j]):
                if seen[more[k]] == 0:
                    clear[more[k]] = 1
                    seen[more[k]] = 1
            continue
        before = seen[a[j]]
        if before == 0:
            seen[a[j]] = 1
        other = before
        if {two}:
            other = seen[b[j]]
            if other == 0:
                seen[b[j]] = 1
        if before != 1 and other != 1:
            fresh[j] = 1
            continue
        if before == 0:
            clear[a[j]] = 1
        if other == 0:
            clear[b[j]] = 1
"""


def _batch() -> str:
    """Sweep over blocks of rows, with one branch per run of nodes and vectors inside.

    A block is `chunks` vectors of eight rows. Only the first `leaves` of `asked` are leaves; the
    others fill up vectors, and stay zero. The last block may have fewer rows; it is filled up with
    copies of its last row, whose results are not written.
    """
    return f"""
def batch(
    run_op: U8, run_start: U32, a: U32, b: U32, more: U32,
    back_op: U8, back_start: U32, node: U32, back_a: U32, back_b: U32,
    leaf: F64, given: I64, columns: Columns, wanted: I64, clear: I64,
    seeded: I64, seeds: F64, asked: I64, leaves: int,
    start: int, stop: int, rows: int, first: int, stride: int, chunks: int,
    outputs: F64, grads: F64, sums: F64, primals: Rows, adjoints: Rows,
) -> None:
    width = chunks * 8
    for i in range(len(leaf)):
        for c in range(chunks):
            primals[i * chunks + c] = leaf[i]
    for at in range(start, stop, width):
        size = min(width, stop - at)
        for k in range(len(given)):
            to = given[k] * chunks
            if size == width:
                for c in range(chunks):
                    primals[to + c] = column_rows(columns, k, at + c * 8)
            else:
                for j in range(width):
                    put_row(primals, to * 8 + j, column_row(columns, k, at + min(j, size - 1)))
        for r in range(len(run_op)):
            code = run_op[r]
            low = run_start[r]
            high = run_start[r + 1]
{_choice(12, _cases(_block_of_values))}
        for k in range(len(wanted)):
            of = wanted[k] * chunks
            to = k * rows + at
            if size == width:
                for c in range(chunks):
                    put_rows(outputs, to + c * 8, primals[of + c])
            else:
                for j in range(size):
                    outputs[to + j] = row(primals, of * 8 + j)
        for k in range(len(clear)):
            to = clear[k] * chunks
            for c in range(chunks):
                adjoints[to + c] = 0.0
        for k in range(len(seeded)):
            to = seeded[k] * chunks
            for c in range(chunks):
                adjoints[to + c] = seeds[k]
        for r in range(len(back_op)):
            code = back_op[r]
            low = back_start[r]
            high = back_start[r + 1]
{_choice(12, _blocks_of_partials())}
        for k in range(0, len(sums), 8):
            total = rows_at(sums, k)
            for j in range(size):
                total += gathered(adjoints, {_LANES_ASKED})
            put_rows(sums, k, total)
        if len(grads) > 0:
            for k in range(leaves):
                of = asked[k] * chunks
                to = k * stride + at - first
                if size == width:
                    for c in range(chunks):
                        put_rows(grads, to + c * 8, adjoints[of + c])
                else:
                    for j in range(size):
                        grads[to + j] = row(adjoints, of * 8 + j)
"""


_LANES_ASKED: Final = ", ".join(f"asked[k + {lane}] * width + j" for lane in range(8))


def _block_of_values(op: Op) -> list[str]:
    if op.fold:
        return [
            "for i in range(low, high):",
            "    to = i * chunks",
            "    of = more[a[i]] * chunks",
            "    for c in range(chunks):",
            "        primals[to + c] = primals[of + c]",
            "    for k in range(a[i] + 1, b[i]):",
            "        of = more[k] * chunks",
            "        for c in range(chunks):",
            f"            primals[to + c] = value_{op.name}(primals[to + c], primals[of + c])",
        ]
    names = "ab"[: op.inputs]
    inputs = ", ".join(f"primals[of_{name} + c]" for name in names)
    return [
        "for i in range(low, high):",
        "    to = i * chunks",
        *(f"    of_{name} = {name}[i] * chunks" for name in names),
        "    for c in range(chunks):",
        f"        primals[to + c] = value_{op.name}({inputs})",
    ]


def _blocks_of_partials() -> Iterator[tuple[int, list[str]]]:
    for op in TABLE:
        yield OPCODES[op.name], _block_of_partials(op, "{0} += {1}")
        if not op.fold:
            yield OPCODES[op.name] + FRESH, _block_of_partials(op, "{0} = 0.0 + {1}")


def _block_of_partials(op: Op, adding: str) -> list[str]:
    head = ["for j in range(low, high):", "    of = node[j] * chunks"]
    if op.fold:
        return [
            *head,
            "    for k in range(back_a[j], back_b[j]):",
            "        to = more[k] * chunks",
            "        for c in range(chunks):",
            f"            share = adjoints[of + c] * partials_{op.name}(0.0, 0.0, 0.0)[1]",
            "            adjoints[to + c] += share",
        ]
    names = "ab"[: op.inputs]
    inputs = ", ".join(f"p{name}" for name in names)
    return [
        *head,
        *(f"    to_{name} = back_{name}[j] * chunks" for name in names),
        "    for c in range(chunks):",
        "        up = adjoints[of + c]",
        "        y = primals[of + c]",
        *(f"        p{name} = primals[to_{name} + c]" for name in names),
        *(
            "        "
            + adding.format(
                f"adjoints[to_{name} + c]", f"up * partials_{op.name}({inputs}, y)[{k}]"
            )
            for k, name in enumerate(names)
        ),
    ]


def _add_rows() -> str:
    """Add up rows that several workers computed, in row order."""
    return """
def add_rows(grads: F64, stride: int, size: int, sums: F64) -> None:
    for k in range(len(sums)):
        total = sums[k]
        for j in range(size):
            total += grads[k * stride + j]
        sums[k] = total
"""
