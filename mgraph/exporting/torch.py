"""PyTorch: a module in double precision, whose params are Parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mgraph.exporting import python
from mgraph.exporting.program import Leaf, StraightProgram, title_of
from mgraph.exporting.words import MODULE
from mgraph.ops import OPS, PARAM, Op
from mgraph.ops.language import DIVIDE, Language, branches, parameters, partial, table

if TYPE_CHECKING:
    from mgraph.document import Graph

LANGUAGE: Final = Language(
    primitives={
        "div": DIVIDE, "power": "torch.pow", "sqrt": "torch.sqrt", "exp": "torch.exp",
        "log": "torch.log", "log1p": "torch.log1p", "sin": "torch.sin", "cos": "torch.cos",
        "tan": "torch.tan", "atan": "torch.atan", "sinh": "torch.sinh", "cosh": "torch.cosh",
        "tanh": "torch.tanh", "expm1": "torch.expm1", "asin": "torch.asin", "acos": "torch.acos",
        "atan2": "torch.atan2", "erf": "torch.erf",
    },
    choice="torch.where({test}, {yes}, {no})",
    logic=("|", "&"),
    is_lazy=False,
    absolute="torch.abs",
    infinity="torch.inf",
    nan="torch.nan",
    const="torch.tensor({}, dtype=torch.float64)",
)  # fmt: skip

_RESERVED: Final = (*python.RESERVED, *MODULE, *OPS, "torch", "self")

_ABOUT: Final = """A computation graph as a PyTorch module, in double precision.

The params are Parameters. Inputs are keywords of the call, each a number or a tensor of one number
per row; ARGUMENTS says which name each id has. The call returns the outputs by id. The gradients
are PyTorch's; at kinks, they are those of mgraph."""


def emit(graph: Graph, name: str) -> dict[str, str]:
    """Return the module."""
    program = StraightProgram(graph, LANGUAGE, _RESERVED, title_of(graph, name))
    functions = [_function(op) for op in program.ops() if has_cases(op)]
    helpers = python.helper_functions(program, whole=True)
    parts = [*helpers, *functions, python.constants(program), _module(program)]
    return python.module(program, _ABOUT, "import torch", parts)


def has_cases(op: Op) -> bool:
    """Whether an op's value is chosen between cases, so that a framework can't differentiate it.

    It would multiply the partials of the cases that were not chosen by zero, and get NaN if they
    are not finite; and where two cases meet, it would have another convention.
    """
    return branches(table()[op.name].forward.body)


def _function(op: Op) -> str:
    formula = table()[op.name]
    args, names = parameters(formula.forward), parameters(formula.partials)
    saved = dict(zip(names, names, strict=True))
    sent = [
        f"(up * {LANGUAGE.factor(partial(formula, k), saved)}).sum_to_size({arg}.shape)"
        for k, arg in enumerate(args)
    ]
    value = LANGUAGE.expression(formula.forward.body, dict(zip(args, args, strict=True)))
    kind = op.name.capitalize()
    return f"""
class {kind}(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward({", ".join(args)}):
        return {value}

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs, output)

    @staticmethod
    def backward(ctx, up):
        {", ".join(names)} = ctx.saved_tensors
        return {", ".join(sent)}


{op.name} = {kind}.apply

"""


def _module(program: StraightProgram) -> str:
    params = [leaf for leaf in program.leaves if leaf.op == PARAM]
    inputs = [leaf for leaf in program.leaves if leaf.op != PARAM]
    made = (f"self.{leaf.name} = torch.nn.Parameter({_tensor(leaf)})" for leaf in params)
    body = [
        '"""Return the outputs, by id."""',
        *(f"{x.name} = torch.as_tensor({x.name}, dtype=torch.float64)" for x in inputs),
        *(f"{leaf.name} = self.{leaf.name}" for leaf in params),
        *map(python.assignment, program.forward(has_cases)),
        f"return {python.by_id(program.outputs)}",
    ]
    methods = [
        "def __init__(self):",
        python.block(["super().__init__()", *made]) + "\n",
        f"def forward({python.signature(program, inputs, first='self')}):",
        python.block(body),
    ]
    return f"class {class_name(program.title)}(torch.nn.Module):\n{python.block(methods)}"


def _tensor(leaf: Leaf) -> str:
    return LANGUAGE.const.format(LANGUAGE.number(leaf.data or 0.0))


def class_name(title: str) -> str:
    """Return the name of a class for a title."""
    return "".join(part[:1].upper() + part[1:] for part in title.split("_"))
