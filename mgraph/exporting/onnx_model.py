"""A model of ONNX: an operator for each part of a formula."""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from mgraph import __version__
from mgraph.exporting import onnx_functions
from mgraph.ops import CONST, INPUT, OPS, formulas
from mgraph.ops.language import body_of, helpers, parameters, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgraph.exporting.program import StraightProgram

OPSET: Final = 18
"""The version of the operators."""

_DOUBLE: Final = 11  # the number of the type in files

OPERATORS: Final = {
    "div": "Div", "power": "Pow", "sqrt": "Sqrt", "exp": "Exp", "log": "Log", "sin": "Sin",
    "cos": "Cos", "tanh": "Tanh",
}  # fmt: skip
"""The primitives that ONNX Runtime has in double precision."""

_SYNTAX: Final = {
    ast.Add: "Add", ast.Sub: "Sub", ast.Mult: "Mul", ast.Or: "Or", ast.And: "And",
    ast.Eq: "Equal", ast.Lt: "Less", ast.LtE: "LessOrEqual", ast.Gt: "Greater",
    ast.GtE: "GreaterOrEqual",
}  # fmt: skip


@cache
def compositions() -> Mapping[str, ast.FunctionDef]:
    """Return the functions that are composed of operators, by name."""
    return {helper.name: helper for helper in formulas.helpers(onnx_functions)}


class OnnxModel:
    """A model that is being made: tensors are named like nodes, those between them `:0`, `:1`."""

    def __init__(self, program: StraightProgram, onnx: Any) -> None:  # noqa: ANN401 - a module without types
        """Take a program, and the module onnx."""
        self.program, self.onnx = program, onnx
        self.columns = program.graph.columns
        self.operators: list[Any] = []
        self.numbers: dict[str, str] = {}
        self.tensors: list[Any] = []

    def made(self) -> Any:  # noqa: ANN401
        """Return the model."""
        helper = self.onnx.helper
        for node in self.program.nodes:
            self._node(node)
        inputs = [self._leaf(leaf.id, leaf.op, leaf.data) for leaf in self.program.leaves]
        outputs = [
            helper.make_tensor_value_info(self.columns.ids[i], _DOUBLE, self._shape(i))
            for i in self.columns.outputs
        ]
        graph = helper.make_graph(
            self.operators, self.program.title, inputs, outputs, initializer=self.tensors
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(
            graph, opset_imports=opsets, producer_name="mgraph", producer_version=__version__
        )
        model.ir_version = 9
        self.onnx.checker.check_model(model)
        return model

    def _leaf(self, name: str, op: str, data: float | None) -> Any:  # noqa: ANN401
        """Describe an input or a param; its declared value is what it has if none is given."""
        shape: list[str | int] = [f"rows of {name}"] if op == INPUT else []
        if data is not None:
            self._tensor(name, data, [1] * len(shape))
        return self.onnx.helper.make_tensor_value_info(name, _DOUBLE, shape)

    def _shape(self, node: int) -> list[str]:
        inputs = self.columns.reached([node])
        has_rows = any(inputs[i] and self.columns.op(i) == INPUT for i in self.columns.leaves)
        return [f"rows of {self.columns.ids[node]}"] if has_rows else []

    def _tensor(self, name: str, data: float, shape: Sequence[int] = ()) -> None:
        tensor = self.onnx.helper.make_tensor(name, _DOUBLE, shape, [data])
        self.tensors.append(tensor)

    def _node(self, node: int) -> None:
        name, args = self.columns.ids[node], self.columns.arguments(node)
        if self.columns.op(node) == CONST:
            self._tensor(name, self.columns.data[self.columns.leaf_index[node]])
        elif args:
            op = OPS[self.columns.op(node)]
            tree = table()[op.name].forward
            values = [self.columns.ids[arg] for arg in args]
            result, *more = values if op.fold else [self._call(tree, values)]
            for value in more:
                result = self._call(tree, [result, value])
            self._operator("Identity", [result], name)

    def _call(self, function: ast.Lambda | ast.FunctionDef, values: Sequence[str]) -> str:
        body = body_of(function) if isinstance(function, ast.FunctionDef) else function.body
        return self._value(body, dict(zip(parameters(function), values, strict=True)))

    def _operator(self, kind: str, inputs: Sequence[str], name: str = "") -> str:
        name = name or f":{len(self.operators)}"
        self.operators.append(self.onnx.helper.make_node(kind, inputs, [name]))
        return name

    def _number(self, x: float) -> str:
        name = self.numbers.get(repr(x))
        if name is None:
            name = self.numbers[repr(x)] = f":{x!r}"
            self._tensor(name, x)
        return name

    def _value(self, node: ast.expr, names: Mapping[str, str]) -> str:  # noqa: C901, PLR0911 - a case each
        """Add the operators for an expression; return the name of its value."""
        match node:
            case ast.Constant(value=float(number)):
                return self._number(number)
            case ast.Name(id=name):
                return names[name]
            case ast.UnaryOp(op=ast.USub()):
                return self._apply("Neg", [node.operand], names)
            case ast.BinOp(op=op, left=left, right=right):
                return self._apply(_SYNTAX[type(op)], [left, right], names)
            case ast.Compare(ops=[ast.NotEq()], left=left, comparators=[right]):
                return self._operator("Not", [self._apply("Equal", [left, right], names)])
            case ast.Compare(ops=[op], left=left, comparators=[right]):
                return self._apply(_SYNTAX[type(op)], [left, right], names)
            case ast.BoolOp(op=op, values=[left, right]):
                return self._apply(_SYNTAX[type(op)], [left, right], names)
            case ast.IfExp(test=test, body=yes, orelse=no):
                return self._apply("Where", [test, yes, no], names)
            case ast.Call(func=ast.Name(id="abs"), args=args):
                return self._apply("Abs", args, names)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args):
                if name in OPERATORS:
                    return self._apply(OPERATORS[name], args, names)
                return self._call(_function(name), [self._value(arg, names) for arg in args])
        message = f"no spelling for {ast.unparse(node)!r}"
        raise ValueError(message)

    def _apply(self, kind: str, args: Sequence[ast.expr], names: Mapping[str, str]) -> str:
        return self._operator(kind, [self._value(arg, names) for arg in args])


def _function(name: str) -> ast.FunctionDef:
    return {**helpers(), **compositions()}[name]
