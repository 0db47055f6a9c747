"""Two C programs that run many rows: a loop over opcodes, and one compiled for a single graph.

Both use tanh of glibc's vector library, as gcc does by itself with `-ffast-math`.
"""

from __future__ import annotations

import ctypes
import platform
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks import c
from benchmarks.flat import ADD, MUL, TANH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.flat import Flat
    from benchmarks.rows import Table

WIDTHS: Final = (16, 32, 64, 128, 256, 512)

_X86: Final = ("-mprefer-vector-width=512",) if platform.machine() == "x86_64" else ()
OPTIONS: Final = ("-O3", "-march=native", "-ffast-math", "-fopenmp-simd", *_X86)

_CACHE_LINE: Final = 64

_BLOCKS: Final = """
#include <math.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif
#define EACH _Pragma("omp simd") for (int j = 0; j < W; j++)
/* The first contribution to an adjoint is stored, the others are added. */
#define GIVE(is_first, to, what) do { double *restrict t = to; \\
    if (is_first) { EACH t[j] = what; } else { EACH t[j] += what; } } while (0)
#define BINARY(code, to_a, to_b) \\
    case code: GIVE(0, ga, to_a); GIVE(0, gb, to_b); break; \\
    case code + 1: GIVE(1, ga, to_a); GIVE(0, gb, to_b); break; \\
    case code + 2: GIVE(0, ga, to_a); GIVE(1, gb, to_b); break; \\
    case code + 3: GIVE(1, ga, to_a); GIVE(1, gb, to_b); break;
#define UNARY(code, to_a) \\
    case code: GIVE(0, ga, to_a); break; \\
    case code + 1: GIVE(1, ga, to_a); break;

/* Write past the caches: the data is not read again soon. */
static void write(double *to, const double *from, int64_t count) {
#ifdef __SSE2__
  if (count == W && ((uintptr_t)to & 15) == 0) {
    for (int j = 0; j < W; j += 2) _mm_stream_pd(to + j, _mm_loadu_pd(from + j));
    return;
  }
#endif
  memcpy(to, from, count * sizeof(double));
}

void batch(int64_t n, const uint8_t *op, const uint8_t *back, const uint32_t *a, const uint32_t *b,
           int64_t rows, int64_t columns, const uint32_t *column, const double *given,
           int64_t leaves, const uint32_t *leaf, double *out, double *grads, double *p, double *g) {
  for (int64_t row = 0; row < rows; row += W) {
    int64_t count = rows - row < W ? rows - row : W;
    for (int64_t k = 0; k < columns; k++)
      memcpy(p + (int64_t)column[k] * W, given + k * rows + row, count * sizeof(double));
    for (int64_t i = 0; i < n; i++) {
      double *restrict y = p + i * W;
      const double *u = p + (int64_t)a[i] * W, *v = p + (int64_t)b[i] * W;
      switch (op[i]) {
        case ADD: EACH y[j] = u[j] + v[j]; break;
        case MUL: EACH y[j] = u[j] * v[j]; break;
        case TANH: EACH y[j] = tanh(u[j]); break;
      }
    }
    write(out + row, p + (n - 1) * W, count);
    EACH g[(n - 1) * W + j] = 1.0;
    for (int64_t i = n - 1; i >= 0; i--) {
      const double *restrict up = g + i * W, *restrict y = p + i * W;
      const double *u = p + (int64_t)a[i] * W, *v = p + (int64_t)b[i] * W;
      double *ga = g + (int64_t)a[i] * W, *gb = g + (int64_t)b[i] * W;
      switch (back[i]) {
        BINARY(4 * ADD, up[j], up[j])
        BINARY(4 * MUL, up[j] * v[j], up[j] * u[j])
        UNARY(4 * TANH, up[j] * (1.0 - y[j] * y[j]))
      }
    }
    for (int64_t k = 0; k < leaves; k++)
      write(grads + k * rows + row, g + (int64_t)leaf[k] * W, count);
  }
}
"""


class Blocks:
    """The loop over opcodes, on blocks of rows.

    Attributes:
        compiled: None, because the program is the same for all graphs.
        out: float64[N], the output of every row.
        grads: float64[M, N], the adjoints of the leaves.
    """

    compiled = None

    def __init__(self, work: Table, folder: Path, width: int) -> None:
        """Compile the program for blocks of `width` rows."""
        graph, rows = work.graph, work.rows
        count, leaves = len(graph.opcode), graph.leaves.astype(np.uint32)
        codes = [f"-DADD={ADD}", f"-DMUL={MUL}", f"-DTANH={TANH}", f"-DW={width}"]
        self._batch = c.compiled(folder, f"blocks{width}", _BLOCKS, (*OPTIONS, *codes)).batch
        self.out, self.grads = _aligned(rows), _aligned(len(leaves), rows)
        primals, adjoints = _aligned(count, width), _aligned(count, width)
        primals[:] = graph.data[:, None]
        self._arguments = (
            count, graph.opcode, _codes_backward(graph), graph.a, graph.b,
            rows, len(work.columns), np.array(work.columns, np.uint32), work.given,
            len(leaves), leaves, self.out, self.grads, primals, adjoints,
        )  # fmt: skip

    def run(self) -> None:
        """Run all rows."""
        _call(self._batch, self._arguments)


class Straight:
    """A program for one graph: it has no loop over nodes; primals and adjoints are variables.

    Attributes:
        compiled: Compile time in seconds.
        out: float64[N], the output of every row.
        grads: float64[M, N], the adjoints of the leaves.
    """

    def __init__(self, work: Table, folder: Path) -> None:
        """Write and compile the program."""
        start = perf_counter()
        source = "\n".join(_straight(work.graph, work.columns))
        self._batch = c.compiled(folder, "straight", source, OPTIONS).batch
        self.compiled = perf_counter() - start
        self.out, self.grads = _aligned(work.rows), _aligned(len(work.graph.leaves), work.rows)
        leaf = work.graph.data[work.graph.leaves]
        self._arguments = (work.rows, work.given, leaf, self.out, self.grads)

    def run(self) -> None:
        """Run all rows."""
        _call(self._batch, self._arguments)


def _call(function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    function(*(ctypes.c_int64(x) if isinstance(x, int) else c.pointer(x) for x in arguments))


def _aligned(*shape: int) -> NDArray[np.float64]:
    """Return zeros, aligned to a cache line."""
    count = int(np.prod(shape))
    memory = np.zeros(count * 8 + _CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % _CACHE_LINE
    return memory[start : start + count * 8].view(np.float64).reshape(shape)


def _codes_backward(graph: Flat) -> NDArray[np.uint8]:
    """Return 4·opcode, + 1 where the adjoint of `a` gets its first contribution, + 2 for `b`."""
    has_adjoint = {len(graph.opcode) - 1}
    codes = np.zeros(len(graph.opcode), np.uint8)
    for i, (op, a, b, _) in reversed([*enumerate(graph.nodes())]):
        if op in (ADD, MUL, TANH):
            codes[i] = 4 * op + (a not in has_adjoint)
            has_adjoint.add(a)
            codes[i] += 2 * (b not in has_adjoint)  # never for tanh, whose b is a
            has_adjoint.add(b)
    return codes


def _straight(graph: Flat, columns: tuple[int, ...]) -> Iterator[str]:
    yield "#include <math.h>\n#include <stdint.h>"
    yield "void batch(int64_t rows, const double *restrict given, const double *restrict leaf,"
    yield "           double *restrict out, double *restrict grads) {"
    yield "#pragma omp simd simdlen(8)"
    yield "for (int64_t r = 0; r < rows; r++) {"
    leaves = {leaf: index for index, leaf in enumerate(graph.leaves.tolist())}
    for i, (op, a, b, _) in enumerate(graph.nodes()):
        if i in columns:
            value = f"given[{columns.index(i)} * rows + r]"
        else:
            value = _VALUES[op].format(a=a, b=b) if op in _VALUES else f"leaf[{leaves[i]}]"
        yield f"const double p{i} = {value};"
    yield from _straight_backward(graph)
    yield f"out[r] = p{len(graph.opcode) - 1};"
    for leaf, index in leaves.items():
        yield f"grads[{index} * rows + r] = g{leaf};"
    yield "} }"


_VALUES: Final = {ADD: "p{a} + p{b}", MUL: "p{a} * p{b}", TANH: "tanh(p{a})"}
_SHARES: Final = {
    ADD: ("g{i}", "g{i}"),
    MUL: ("g{i} * p{b}", "g{i} * p{a}"),
    TANH: ("g{i} * (1.0 - p{i} * p{i})",),
}


def _straight_backward(graph: Flat) -> Iterator[str]:
    last = len(graph.opcode) - 1
    yield f"double g{last} = 1.0;"
    known = {last}
    for i, (op, a, b, _) in reversed([*enumerate(graph.nodes())]):
        for to, share in zip((a, b), _SHARES.get(op, ()), strict=False):
            start = f"g{to} +=" if to in known else f"double g{to} ="
            known.add(to)
            yield f"{start} {share.format(i=i, a=a, b=b)};"
