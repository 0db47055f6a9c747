"""NumPy over columns: each input and param is a number, or an array of one number per row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mgraph.exporting import python
from mgraph.exporting.program import StraightProgram, title_of
from mgraph.ops.language import DIVIDE, Language

if TYPE_CHECKING:
    from mgraph.document import Graph

LANGUAGE: Final = Language(
    primitives={  # np.power takes a square root for 0.5, which differs at -inf and -0.0
        "div": DIVIDE, "power": "np.float_power", "sqrt": "np.sqrt", "exp": "np.exp",
        "log": "np.log", "log1p": "np.log1p", "sin": "np.sin", "cos": "np.cos", "tan": "np.tan",
        "atan": "np.arctan", "sinh": "np.sinh", "cosh": "np.cosh", "tanh": "np.tanh",
        "expm1": "np.expm1", "asin": "np.arcsin", "acos": "np.arccos", "atan2": "np.arctan2",
        "erf": "np.vectorize(math.erf, otypes=[float])",
    },
    choice="np.where({test}, {yes}, {no})",
    logic=("|", "&"),
    is_lazy=False,
    absolute="np.abs",
    infinity="np.inf",
    nan="np.nan",
    const="np.float64({})",
)  # fmt: skip

_IMPORTS: Final = "import math\n\nimport numpy as np"

_ABOUT: Final = """Values and gradients of a computation graph over columns, with NumPy.

forward() returns the outputs by id; gradient() also returns the gradients of inputs and params, one
number per row. Both take inputs and params as keywords, each a number or an array; ARGUMENTS says
which keyword each id has."""


def emit(graph: Graph, name: str) -> dict[str, str]:
    """Return the module."""
    program = StraightProgram(
        graph, LANGUAGE, (*python.RESERVED, "np", "zero"), title_of(graph, name)
    )
    arrays = [f"{leaf.name} = np.asarray({leaf.name}, dtype=float)" for leaf in program.needed]
    values = [*arrays, *map(python.assignment, program.forward())]
    shapes = ", ".join(f"{leaf.name}.shape" for leaf in program.needed)
    zero = f"zero = np.zeros(np.broadcast_shapes({shapes}))"
    passes = [*values, zero, *python.backward(program, "zero", "= {target} + {}")]
    decorator = '@np.errstate(all="ignore")\n'
    parts = [
        *python.helper_functions(program),
        python.constants(program),
        python.SEEDED,
        *python.functions(program, values, passes, decorator),
    ]
    return python.module(program, _ABOUT, _IMPORTS, parts)
