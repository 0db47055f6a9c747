"""A tape in C, compiled with gcc if it is installed: a limit that mgraph is measured against."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mgraph.ops import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from mgraph.graph.columns import Columns

EXACT: Final = ("-O3", "-march=native", "-ffp-contract=off")

_TAPE: Final = """
#include <math.h>
#include <stdint.h>
#include <string.h>
void step(int64_t n, const uint8_t *op, const uint32_t *first, const uint32_t *args,
          const uint8_t *has, double *p, double *g) {
  for (int64_t i = 0; i < n; i++) {
    const uint32_t *a = args + first[i];
    switch (op[i]) {
#ifdef ADD
      case ADD: p[i] = p[a[0]] + p[a[1]]; break;
#endif
#ifdef MUL
      case MUL: p[i] = p[a[0]] * p[a[1]]; break;
#endif
#ifdef TANH
      case TANH: p[i] = tanh(p[a[0]]); break;
#endif
#ifdef RELU
      case RELU: p[i] = p[a[0]] > 0.0 ? p[a[0]] : 0.0; break;
#endif
    }
  }
  memset(g, 0, n * sizeof(double));
  g[n - 1] = 1.0;
  for (int64_t i = n - 1; i >= 0; i--) {
    if (!has[i]) continue;
    const uint32_t *a = args + first[i];
    double up = g[i];
    switch (op[i]) {
#ifdef ADD
      case ADD: g[a[0]] += up; g[a[1]] += up; break;
#endif
#ifdef MUL
      case MUL: g[a[0]] += up * p[a[1]]; g[a[1]] += up * p[a[0]]; break;
#endif
#ifdef TANH
      case TANH: g[a[0]] += up * (1.0 - p[i] * p[i]); break;
#endif
#ifdef RELU
      case RELU: g[a[0]] += up * (p[a[0]] > 0.0 ? 1.0 : 0.0); break;
#endif
    }
  }
}
"""


def compiled(folder: Path, name: str, source: str, options: Sequence[str]) -> Any:  # noqa: ANN401 - a library
    """Compile C into a shared library and load it; None if there is no gcc.

    Raises:
        CalledProcessError: The source doesn't compile.
    """
    compiler = shutil.which("gcc")
    if compiler is None:
        return None
    text, compiled_file, library = (folder / f"{name}{suffix}" for suffix in (".c", ".o", ".so"))
    text.write_text(source, encoding="utf-8")
    subprocess.run([compiler, *options, "-fPIC", "-c", text, "-o", compiled_file], check=True)
    # linked with -ffast-math, it would turn off subnormal numbers for the whole process
    subprocess.run([compiler, "-shared", compiled_file, "-o", library, "-lm"], check=True)
    return ctypes.CDLL(str(library))


def pointer(values: NDArray[Any]) -> ctypes.c_void_p:
    """Return the address of an array, which must be kept alive while C uses it."""
    return ctypes.c_void_p(values.ctypes.data)


class Tape:
    """A loop over opcodes, with a branch for each op that the graph has, and no others.

    Attributes:
        primals: float64[N]; set the leaves' before a step.
        adjoints: float64[N], from the last step.
    """

    def __init__(self, graph: Columns, library: Any) -> None:  # noqa: ANN401 - a library
        """Copy a graph into arrays; `library` is what `tape_library` returns for it."""
        self.primals = np.zeros(len(graph))
        self.primals[np.frombuffer(graph.leaves, np.uint32)] = np.frombuffer(graph.data)
        self.adjoints = np.zeros(len(graph))
        self._arrays = (
            np.frombuffer(graph.opcode, np.uint8),
            np.frombuffer(graph.first, np.uint32),
            np.frombuffer(graph.args, np.uint32),
            np.frombuffer(graph.reached(graph.outputs), np.uint8),
            self.primals,
            self.adjoints,
        )
        self._step: Callable[..., object] = library.step
        self._arguments = (ctypes.c_int64(len(graph)), *(pointer(array) for array in self._arrays))

    def step(self) -> None:
        """Run forward and backward."""
        self._step(*self._arguments)


def tape_library(folder: Path, graph: Columns) -> Any:  # noqa: ANN401 - a library
    """Compile the loop for the ops of a graph; None if there is no gcc."""
    names = [f"-D{NAMES[code].upper()}={code}" for code in sorted({*graph.opcode})]
    return compiled(folder, "tape", _TAPE, (*EXACT, *names))
