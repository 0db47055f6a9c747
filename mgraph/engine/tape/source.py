"""Generate the text of the kernels: formulas of the op table inside sweeps."""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING, Final

from mgraph.engine.tape import sum_source, vector_math
from mgraph.ops import CONST, LEAVES, OPCODES, TABLE, Op, formulas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SWEEPS: Final = "sweeps"
REPLAY: Final = "replay"
BATCH: Final = "batch"
SUMS: Final = "sums"
PARTS: Final = (SWEEPS, REPLAY, BATCH, SUMS)
"""Single runs, steps of a replay, batches, and sums. Each is compiled when it is first needed."""

_LEAF: Final = len(LEAVES)
"""Opcodes below this are leaves."""

FOLDS: Final = [OPCODES[op.name] for op in TABLE if op.fold]
"""The opcodes of ops with any number of arguments."""

PAIRS: Final = [OPCODES[op.name] for op in TABLE if op.inputs > 1 and not op.fold]
"""The opcodes of ops with two arguments."""


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
        BATCH: (_chains, _touches, _batch, sum_source.adding, sum_source.adding_products),
        SUMS: (sum_source.adding, sum_source.totals),
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
    run. That is not needed for users of nodes that have no adjoint, such as consts. `lead` marks
    all nodes that depend on marked ones.
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
                if has[args[k]] == 1 and opcode[args[k]] != {OPCODES[CONST]}:
                    done[args[k]] = new
    deepest[0] = most


def lead(first: U32, args: U32, has: U8) -> None:
    for i in range(len(has)):
        for k in range(first[i], first[i + 1]):
            if has[args[k]] == 1:
                has[i] = 1
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
    folds = " or ".join(f"code == {code}" for code in FOLDS)
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

BROADCAST: Final = 32
"""Added to the opcode of a run of `mul`s whose second argument has one value for all rows."""

PRODUCTS: Final = 32
"""Added to the opcode of a run of sums that compute some of their arguments: products."""

ALONE: Final = 64
"""Added to the opcode of a backward run whose nodes add only to their first argument."""

SUMMED: Final = 96
"""The same, if their first argument is a column of sums, and needs no adjoint in each row."""

FRESH: Final = 128
"""Added to the opcode of a backward run whose nodes are the first to add to their arguments."""

SKIPPED: Final = 255
"""The opcode of a run whose nodes are computed elsewhere."""

PLAIN: Final = 2**32 - 1
"""In place of the factor of an argument that is not a product."""

TOGETHER: Final = 4
"""Vectors of a sum of products that are added up in registers."""

_ADD: Final = OPCODES["add"]
_MUL: Final = OPCODES["mul"]
_SUM: Final = OPCODES["sum"]


def _chains() -> str:
    """Find chains of `add`s; `moves` is 1 for sums and `add`s that only one node needs."""
    return f"""
def chains(
    code: U8, a: U32, b: U32, moves: U8, leaves: int, inner: U32, size: U32, last: U32
) -> None:
    none = len(code)
    for i in range(len(code)):
        last[i] = i
        inner[i] = none
    for i in range(leaves, len(code)):
        if code[i] == {_SUM}:
            size[i] = b[i] - a[i]
        elif code[i] == {_ADD}:
            size[i] = 2
            of = none
            if moves[a[i]] == 1:
                of = a[i]
            elif moves[b[i]] == 1:
                of = b[i]
            inner[i] = of
            if of != none:
                size[i] = size[of] + 1
    for i in range(len(code) - 1, leaves - 1, -1):
        if inner[i] != none:
            last[inner[i]] = last[i]
"""


def _touches() -> str:
    """Find the nodes that are the first, in backward order, to add to all of their arguments.

    They can store adjoints there without reading or clearing them before. Adjoints that other nodes
    add to first must be cleared. `seen` is 1 for a seeded node, and 2 for a node whose adjoint is
    not used, such as a const.
    """
    folds = " or ".join(f"op == {code}" for code in FOLDS)
    two = " or ".join(f"op == {code}" for code in PAIRS)
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

    A block is `chunks` vectors of eight rows. The last block may have fewer rows; the last of its
    vectors is filled up with copies of its last row, whose results are neither written nor added
    up. The first vector of the spare node is 1 for the rows of that vector that are not copies, and
    0 for the others.
    """
    return f"""
def batch(
    run_op: U8, run_start: U32, a: U32, b: U32, more: U32, factor: U32,
    back_op: U8, back_start: U32, node: U32, back_a: U32, back_b: U32, back_more: U32,
    clear: I64, seeded: I64, seeds: F64,
    leaf: F64, copied: I64, given: I64, columns: Columns,
    wanted: I64, asked: I64, added: I64, spare: int,
    start: int, stop: int, rows: int, chunks: int,
    results: F64, primals: Rows, adjoints: Rows,
    lanes: Rows, window: F64, digits: I64, used: U8, room: I64,
) -> None:
    width = chunks * 8
    for k in range(len(copied)):
        i = copied[k]
        for c in range(chunks):
            primals[i * chunks + c] = leaf[i]
    for at in range(start, stop, width):
        size = min(width, stop - at)
        full = size // 8
        vectors = (size + 7) // 8
        for j in range(8):
            put_row(primals, spare * chunks * 8 + j, 1.0 if full * 8 + j < size else 0.0)
        for k in range(len(given)):
            to = given[k] * chunks
            for c in range(full):
                primals[to + c] = column_rows(columns, k, at + c * 8)
            for j in range(full * 8, vectors * 8):
                put_row(primals, to * 8 + j, column_row(columns, k, at + min(j, size - 1)))
        for r in range(len(run_op)):
            code = run_op[r]
            low = run_start[r]
            high = run_start[r + 1]
{_choice(12, _blocks_of_values())}
        for k in range(len(wanted)):
            of = wanted[k] * chunks
            to = k * rows + at
            for c in range(full):
                put_rows(results, to + c * 8, primals[of + c])
            for j in range(full * 8, size):
                results[to + j] = row(primals, of * 8 + j)
        if room[0] < chunks:
            for k in range(len(used)):
                flush(k, lanes, digits, used)
            room[0] = {sum_source.FLUSH}
        room[0] -= chunks
        for k in range(len(clear)):
            to = clear[k] * chunks
            for c in range(vectors):
                adjoints[to + c] = 0.0
        for k in range(len(seeded)):
            to = seeded[k] * chunks
            for c in range(vectors):
                adjoints[to + c] = seeds[k]
        for r in range(len(back_op)):
            code = back_op[r]
            low = back_start[r]
            high = back_start[r + 1]
{_choice(12, _blocks_of_partials())}
        for i in range(len(added)):
            k = added[i]
            of = asked[k] * chunks
            for j in range(size, vectors * 8):
                put_row(adjoints, of * 8 + j, 0.0)
            add_vectors(adjoints, of, vectors, k, lanes, window, digits, used)
        if len(results) > len(wanted) * rows:
            for k in range(len(asked)):
                of = asked[k] * chunks
                to = (len(wanted) + k) * rows + at
                for c in range(full):
                    put_rows(results, to + c * 8, adjoints[of + c])
                for j in range(full * 8, size):
                    results[to + j] = row(adjoints, of * 8 + j)
"""


def _blocks_of_values() -> Iterator[tuple[int, list[str]]]:
    yield from _cases(_block_of_values)
    yield (
        _MUL + BROADCAST,
        [
            "for i in range(low, high):",
            "    to = i * chunks",
            "    of = a[i] * chunks",
            "    number = leaf[b[i]]",
            "    for c in range(vectors):",
            "        primals[to + c] = value_mul(primals[of + c], number)",
        ],
    )
    yield (
        _SUM + PRODUCTS,
        [
            *_sums_of_products(f"0, vectors - {TOGETHER - 1}, {TOGETHER}", TOGETHER),
            *_sums_of_products(f"vectors // {TOGETHER} * {TOGETHER}, vectors", 1),
        ],
    )


def _sums_of_products(chunks: str, together: int) -> list[str]:
    """Add up some vectors of a sum in registers."""

    def step(indent: str, assigned: str) -> Iterator[str]:
        def per_vector(value: str) -> Iterator[str]:
            for v in range(together):
                x, y = f"primals[of + {v}]", f"primals[by + {v}]"
                yield f"{indent}    {assigned.format(v=v, x=value.format(x=x, y=y))}"

        yield f"{indent}of = more[k] * chunks + c"
        yield f"{indent}by = factor[k]"
        yield f"{indent}if by < len(leaf):"
        yield f"{indent}    number = leaf[by]"
        yield from per_vector("value_mul({x}, number)")
        yield f"{indent}elif by == {PLAIN}:"
        yield from per_vector("{x}")
        yield f"{indent}else:"
        yield f"{indent}    by = (by - len(leaf)) * chunks + c"
        yield from per_vector("value_mul({x}, {y})")

    return [
        f"for c in range({chunks}):",
        "    for i in range(low, high):",
        "        to = i * chunks",
        "        k = a[i]",
        *step("        ", "y{v} = {x}"),
        "        for k in range(a[i] + 1, b[i]):",
        *step("            ", "y{v} = value_sum(y{v}, {x})"),
        *(f"        primals[to + c + {v}] = y{v}" for v in range(together)),
    ]


def _block_of_values(op: Op) -> list[str]:
    if op.fold:
        return [
            "for i in range(low, high):",
            "    to = i * chunks",
            "    of = more[a[i]] * chunks",
            "    for c in range(vectors):",
            "        primals[to + c] = primals[of + c]",
            "    for k in range(a[i] + 1, b[i]):",
            "        of = more[k] * chunks",
            "        for c in range(vectors):",
            f"            primals[to + c] = value_{op.name}(primals[to + c], primals[of + c])",
        ]
    names = "ab"[: op.inputs]
    inputs = ", ".join(f"primals[of_{name} + c]" for name in names)
    return [
        "for i in range(low, high):",
        "    to = i * chunks",
        *(f"    of_{name} = {name}[i] * chunks" for name in names),
        "    for c in range(vectors):",
        f"        primals[to + c] = value_{op.name}({inputs})",
    ]


def _blocks_of_partials() -> Iterator[tuple[int, list[str]]]:
    for op in TABLE:
        yield OPCODES[op.name], _block_of_partials(op, "{0} += {1}")
        if not op.fold:
            yield OPCODES[op.name] + FRESH, _block_of_partials(op, "{0} = 0.0 + {1}")
    for code, partial in (
        (_ADD + ALONE, "partials_add(0.0, 0.0, 0.0)[0]"),
        (_MUL + ALONE, "partials_mul(0.0, primals[by + c], 0.0)[0]"),
        (_MUL + BROADCAST, "partials_mul(0.0, leaf[back_b[j]], 0.0)[0]"),
    ):
        yield code, _block_of_shares(partial, "+=")
        yield code + FRESH, _block_of_shares(partial, "= 0.0 +")
    yield (
        _MUL + SUMMED,
        [
            "for j in range(low, high):",
            "    of = node[j] * chunks",
            "    by = back_b[j] * chunks",
            "    to = spare * chunks",
            f"    add_products(primals, by, of, adjoints, to, full, back_a[j], {_SUMS})",
            "    for c in range(full, vectors):",
            "        share = adjoints[of + c] * partials_mul(0.0, primals[by + c], 0.0)[0]",
            "        adjoints[to] = share if primals[to] > 0.0 else 0.0",
            f"        add_vectors(adjoints, to, 1, back_a[j], {_SUMS})",
        ],
    )


_SUMS: Final = "lanes, window, digits, used"


def _block_of_shares(partial: str, adding: str) -> list[str]:
    return [
        "for j in range(low, high):",
        "    of = node[j] * chunks",
        "    to = back_a[j] * chunks",
        "    by = back_b[j] * chunks",
        "    for c in range(vectors):",
        f"        share = adjoints[of + c] * {partial}",
        f"        adjoints[to + c] {adding} share",
    ]


def _block_of_partials(op: Op, adding: str) -> list[str]:
    head = ["for j in range(low, high):", "    of = node[j] * chunks"]
    if op.fold:
        return [
            *head,
            "    for k in range(back_a[j], back_b[j]):",
            "        to = back_more[k] * chunks",
            "        for c in range(vectors):",
            f"            share = adjoints[of + c] * partials_{op.name}(0.0, 0.0, 0.0)[1]",
            "            adjoints[to + c] += share",
        ]
    names = "ab"[: op.inputs]
    inputs = ", ".join(f"p{name}" for name in names)
    return [
        *head,
        *(f"    to_{name} = back_{name}[j] * chunks" for name in names),
        "    for c in range(vectors):",
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
