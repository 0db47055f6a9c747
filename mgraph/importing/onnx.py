"""ONNX models as graphs: the model is read as data, and no other file is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mgraph.codec import LIMITS
from mgraph.errors import GraphError, quoted
from mgraph.importing.onnx_ops import LEARNING, OPERATORS, Call
from mgraph.importing.packages import require
from mgraph.importing.problems import Problems, refuse
from mgraph.importing.scalars import Scalars, Tensor, is_whole, known
from mgraph.ops import INPUT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mgraph.codec import Limits
    from mgraph.document import Graph
    from mgraph.errors import Path
    from mgraph.importing.onnx_ops import Operator
    from mgraph.importing.scalars import Array

_DOMAINS: Final[Mapping[str, Mapping[str, Operator]]] = {
    "": OPERATORS,
    "ai.onnx": OPERATORS,
    "ai.onnx.ml": LEARNING,
}

_REAL: Final = ("FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16")


def read_onnx(data: bytes, outputs: Sequence[str] = (), limits: Limits = LIMITS) -> Graph:
    """Return the graph that a model computes.

    Args:
        data: The bytes of the model.
        outputs: The names of the outputs to import; by default all that are real numbers.
        limits: The most nodes.

    Raises:
        GraphError: `syntax` if this is no model; otherwise everything that can't be imported.
        MissingExtraError: The package onnx is not installed.
    """
    return _ModelReader(_parsed(data), limits).graph(outputs)


def _parsed(data: bytes) -> Any:
    onnx = require("onnx")
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - comes with onnx

    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except (DecodeError, RuntimeError) as error:
        raise GraphError.of("syntax", f"this is not an ONNX model: {error}") from None
    if not model.HasField("graph") or not (model.graph.node or model.graph.output):
        raise GraphError.of("syntax", "this is not an ONNX model: there is no graph in it")
    return model


class _ModelReader:
    """Evaluates a model, with node numbers for numbers."""

    def __init__(self, model: Any, limits: Limits) -> None:
        self._onnx = require("onnx")
        self._proto = model.graph
        self._versions = {x.domain: x.version for x in model.opset_import}
        self._initialized = dict.fromkeys(x.name for x in self._proto.initializer)
        self._problems = Problems()
        self._scalars = Scalars(limits)
        self._tensors: dict[str, Tensor | None] = {"": None}
        self._lost: dict[str, None] = {}

    def graph(self, outputs: Sequence[str]) -> Graph:
        """Return the graph."""
        chosen = [*self._outputs(outputs)]
        self._problems.check()
        needed = self._needed([x.name for x in chosen])
        for i, value in enumerate(self._proto.input):
            self._input(i, value)
        self._initialize()
        for i, node in enumerate(self._proto.node):
            if needed[i]:
                self._node(node, f"node {_called(node, i)}", ("graph", "node", i))
        ends = []
        for i, value in enumerate(chosen):
            tensor = self._tensors.get(value.name)
            if tensor is not None:
                ends.append((value.name, tensor))
            elif value.name not in self._lost:
                where = f"output {quoted(value.name)}"
                self._problems.add("output", where, "nothing makes it", ("graph", "output", i))
        self._problems.check()
        return self._scalars.graph(ends, self._proto.name, self._proto.doc_string)

    def _outputs(self, names: Sequence[str]) -> Iterator[Any]:
        """Yield the outputs to import."""
        own = {x.name: x for x in self._proto.output}
        for name in names:
            if name in own:
                yield own[name]
            else:
                fix = f"outputs: {', '.join(map(quoted, own))}"
                self._problems.add("output", f"output {quoted(name)}", "there is none", fix=fix)
        if names:
            return
        real = [x for x in self._proto.output if self._may_be_real(x.type)]
        if not real:
            self._problems.add("output", "", "the model has no output of real numbers")
        yield from real

    def _may_be_real(self, kind: Any) -> bool:
        """Whether an output may hold real numbers: labels and truths are left out."""
        if kind.WhichOneof("value") == "tensor_type":
            return self._type_name(kind.tensor_type.elem_type) in {*_REAL, "UNDEFINED"}
        return True

    def _type_name(self, number: int) -> str:
        try:
            name: str = self._onnx.TensorProto.DataType.Name(number)
        except ValueError:
            name = f"type {number}"
        return name

    def _needed(self, outputs: Sequence[str]) -> list[bool]:
        """Return which nodes lead to the outputs."""
        wanted = dict.fromkeys(outputs)
        needed = [False] * len(self._proto.node)
        for i in reversed(range(len(needed))):
            node = self._proto.node[i]
            if any(name in wanted for name in node.output if name):
                needed[i] = True
                wanted |= dict.fromkeys(node.input)
        return needed

    def _initialize(self) -> None:
        for i, proto in enumerate(self._proto.initializer):
            self._lost[proto.name] = None
            with self._problems.noted(
                f"initializer {quoted(proto.name)}", ("graph", "initializer", i)
            ):
                values = self._array(proto)
                constant = is_whole(values) or not values.ndim
                self._tensors[proto.name] = (
                    known(values) if constant else self._scalars.param(proto.name, values)
                )
        for i, proto in enumerate(self._proto.sparse_initializer):
            self._lost[proto.values.name] = None
            where = f"initializer {quoted(proto.values.name)}"
            self._problems.add(
                "unknown-op", where, "it is sparse", ("graph", "sparse_initializer", i)
            )

    def _array(self, proto: Any) -> Array:
        """Return the values of a tensor, which must be in the model itself."""
        if proto.data_location == self._onnx.TensorProto.EXTERNAL or proto.external_data:
            fix = "save the model with its weights in one file"
            refuse("its values are in another file, which is not opened", "io", fix)
        self._scalars.room(proto.dims)
        array = self._onnx.numpy_helper.to_array(proto)
        if array.dtype.kind not in "fiub" and "float" not in str(array.dtype):
            refuse(f"values of the type {array.dtype}", "type")
        return np.asarray(array if array.dtype.kind in "iub" else array.astype(np.float64))

    def _input(self, index: int, value: Any) -> None:
        if value.name in self._initialized:
            return  # an initializer that is listed as an input, as in old models
        self._lost[value.name] = None
        with self._problems.noted(f"input {quoted(value.name)}", ("graph", "input", index)):
            if value.type.WhichOneof("value") != "tensor_type":
                refuse("it is no tensor", "type")
            kind = self._type_name(value.type.tensor_type.elem_type)
            if kind not in _REAL:
                refuse(f"it has the type {kind.lower()}; inputs are real numbers", "type")
            shape = self._shape(value.type.tensor_type)
            self._tensors[value.name] = self._scalars.leaf(INPUT, value.name, shape)

    def _shape(self, kind: Any) -> list[int]:
        """Return the shape of an input; a first dimension without a size is the batch, of 1."""
        if not kind.HasField("shape"):
            refuse("its shape is not stated", "type")
        sizes: list[int] = []
        for i, dimension in enumerate(kind.shape.dim):
            if dimension.WhichOneof("value") == "dim_value" and dimension.dim_value >= 0:
                sizes.append(dimension.dim_value)
            elif i:
                fix = "export the model with fixed sizes; only the first, the batch, may be open"
                refuse(f"dimension {i} of its shape has no size", "type", fix)
            else:
                sizes.append(1)
        return sizes

    def _node(self, node: Any, where: str, path: Path) -> None:
        known_before = {*self._tensors, *self._lost}
        self._lost |= dict.fromkeys(name for name in node.output if name)
        operator = _DOMAINS.get(node.domain, {}).get(node.op_type)
        if operator is None:
            domain = f" of {quoted(node.domain)}" if node.domain else ""
            message = f"the operator {quoted(node.op_type)}{domain} can't be imported"
            self._problems.add("unknown-op", where + self._shapes(node), message, path)
            return
        unknown = [x for x in node.input if x not in known_before]
        if unknown:
            message = f"nothing before it makes {', '.join(map(quoted, unknown))}"
            self._problems.add("unknown-node", where, message, path)
        if any(x not in self._tensors for x in node.input):
            return  # follows from another problem
        with self._problems.noted(where + self._shapes(node), path):
            named = [x for x in node.output if x]
            name = named[0] if len(named) == 1 else node.name or named[0]
            made = self._scalars.named(name, lambda: operator(self._scalars, self._call(node)))
            many = [made] if isinstance(made, Tensor) else made
            self._tensors |= {
                name: tensor
                for name, tensor in zip(node.output, many, strict=False)
                if name and tensor is not None
            }

    def _call(self, node: Any) -> Call:
        attributes = {x.name: self._attribute(x) for x in node.attribute}
        inputs = [self._tensors[x] for x in node.input]
        version = self._versions.get("", self._versions.get("ai.onnx", 1))
        outputs = sum(1 for x in node.output if x)
        return Call(node.op_type, inputs, attributes, version, outputs)

    def _attribute(self, proto: Any) -> Any:
        if proto.ref_attr_name:
            refuse(f"the attribute {quoted(proto.name)} refers to one of a function")
        if proto.type == self._onnx.AttributeProto.TENSOR:
            return self._array(proto.t)
        return self._onnx.helper.get_attribute_value(proto)

    def _shapes(self, node: Any) -> str:
        tensors = [self._tensors.get(name) for name in node.input if name]
        if not tensors or None in tensors:
            return ""
        return f" of {', '.join(str(list(x.shape)) for x in tensors if x is not None)}"


def _called(node: Any, index: int) -> str:
    name = node.name or (node.output[0] if node.output else "") or str(index)
    return f"{quoted(name)} ({node.op_type})"
