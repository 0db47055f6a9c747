"""JAX: functions that can be compiled, differentiated and mapped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mgraph.exporting import python
from mgraph.exporting.program import StraightProgram, title_of
from mgraph.ops import OPS, Op
from mgraph.ops.language import DIVIDE, Language, branches, parameters, partial, table

if TYPE_CHECKING:
    from mgraph.document import Graph

LANGUAGE: Final = Language(
    primitives={
        "div": DIVIDE, "power": "jnp.power", "sqrt": "jnp.sqrt", "exp": "jnp.exp",
        "log": "jnp.log", "log1p": "jnp.log1p", "sin": "jnp.sin", "cos": "jnp.cos",
        "tan": "jnp.tan", "atan": "jnp.arctan", "sinh": "jnp.sinh", "cosh": "jnp.cosh",
        "tanh": "jnp.tanh", "expm1": "jnp.expm1", "asin": "jnp.arcsin", "acos": "jnp.arccos",
        "atan2": "jnp.arctan2", "erf": "jax.lax.erf",
    },
    choice="jnp.where({test}, {yes}, {no})",
    logic=("|", "&"),
    is_lazy=False,
    absolute="jnp.abs",
    infinity="jnp.inf",
    nan="jnp.nan",
    const="jnp.float64({})",
)  # fmt: skip

_ABOUT: Final = """Values and gradients of a computation graph, with JAX in double precision.

forward() returns the outputs by id; gradient() also returns the gradients of all inputs and params,
0 where there is no path. Both take inputs and params as keywords; ARGUMENTS says which keyword each
id has. The gradients are JAX's; at kinks, they are those of mgraph."""

_IMPORTS: Final = """\
import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)  # for the whole process"""

_GRADIENT: Final = '''\
def gradient(*, seed=None, **leaves):
    """Return the outputs, and the gradients of all inputs and params, by id."""
    leaves = {name: jnp.asarray(x, jnp.float64) for name, x in {**DEFAULTS, **leaves}.items()}
    seed = {name: jnp.float64(x) for name, x in seeded(seed).items()}

    def seeded_outputs(leaves):
        outputs = forward(**leaves)
        return {name: outputs[name] for name in seed}, outputs

    values, pull, outputs = jax.vjp(seeded_outputs, leaves, has_aux=True)
    (grad,) = pull({name: jnp.broadcast_to(x, values[name].shape) for name, x in seed.items()})
    return outputs, {key: grad[name] for key, name in ARGUMENTS.items()}'''


_SET_PARTIALS: Final = '''\
def set_partials(function, *partials):
    """Give a function its derivatives; where a tangent is known to be zero, none is needed."""

    def rule(primals, tangents):
        y = function(*primals)
        total = jnp.zeros_like(y)
        for tangent, partial in zip(tangents, partials):
            if not isinstance(tangent, jax.custom_derivatives.SymbolicZero):
                total += tangent * partial(*primals, y)
        return y, total

    function.defjvp(rule, symbolic_zeros=True)'''


def emit(graph: Graph, name: str) -> dict[str, str]:
    """Return the module."""
    reserved = (*python.RESERVED, *OPS, "jax", "jnp", "DEFAULTS", "set_partials")
    program = StraightProgram(graph, LANGUAGE, reserved, title_of(graph, name))
    functions = [_function(op) for op in program.ops() if _has_cases(op)]
    helpers = python.helper_functions(program, whole=True)
    rule = [_SET_PARTIALS] if functions else []
    constants = [python.constants(program), _defaults(program), python.SEEDED]
    parts = [*helpers, *rule, *functions, *constants, _forward(program), _GRADIENT]
    return python.module(program, _ABOUT, _IMPORTS, parts)


def _has_cases(op: Op) -> bool:
    """Whether an op's value or a partial is chosen between cases: see `torch.has_cases`.

    JAX has derivatives of `power`, but NaN where the base is zero.
    """
    formula = table()[op.name]
    return branches(formula.forward.body) or branches(formula.partials.body)


def _function(op: Op) -> str:
    formula = table()[op.name]
    args, names = parameters(formula.forward), parameters(formula.partials)
    value = LANGUAGE.expression(formula.forward.body, dict(zip(args, args, strict=True)))
    variables = dict(zip(names, names, strict=True))
    partials = (
        f"    lambda {', '.join(names)}: {LANGUAGE.expression(partial(formula, k), variables)},"
        for k in range(len(args))
    )
    head = f"@jax.custom_jvp\ndef {op.name}({', '.join(args)}):\n    return {value}\n"
    return "\n".join([f"{head}\n\nset_partials(", f"    {op.name},", *partials, ")"])


def _defaults(program: StraightProgram) -> str:
    given = [leaf for leaf in program.leaves if leaf.data is not None]
    lines = [f'    "{leaf.name}": {LANGUAGE.number(leaf.data or 0.0)},' for leaf in given]
    return "\n".join(["DEFAULTS = {", *lines, "}"])


def _forward(program: StraightProgram) -> str:
    body = [
        '"""Return the outputs, by id."""',
        *(f"{leaf.name} = jnp.asarray({leaf.name}, jnp.float64)" for leaf in program.needed),
        *map(python.assignment, program.forward(_has_cases)),
        f"return {python.by_id(program.outputs)}",
    ]
    return f"def forward({python.signature(program, program.leaves)}):\n{python.block(body)}"
