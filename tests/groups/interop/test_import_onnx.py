"""ONNX models as graphs: ONNX's own test cases, models that people make, files that mean harm."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.reference import ReferenceEvaluator

import mgraph
from mgraph.errors import GraphError
from mgraph.importing.onnx_ops import OPERATORS
from tests.cli.test_cli import OF_MODELS
from tests.command_line import Shell, codes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REAL: Final = (TensorProto.DOUBLE, TensorProto.FLOAT)

ELSEWHERE: Final = {
    "And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not",
    "OneHot", "Or", "Range", "Shape", "Size", "Trilu",
}  # fmt: skip
"""Operators whose results are truths or whole numbers in all of ONNX's cases, or indices real."""


def of_inputs(model: Any, data: Sequence[Any]) -> tuple[bytes, dict[str, float]]:  # noqa: ANN401
    """Return a model in which all inputs but real numbers are constants, and the inputs by id."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    own = copy.graph.input
    given: dict[str, float] = {}
    for value, array in [*zip(own, data, strict=True)]:
        if value.type.tensor_type.elem_type not in REAL:
            copy.graph.initializer.append(numpy_helper.from_array(array, value.name))
            own.remove(value)
            continue
        shape = array.shape[1:] if array.ndim > 1 and array.shape[0] == 1 else array.shape
        numbers = array.ravel().tolist()
        for index, x in zip(np.ndindex(*shape), numbers, strict=True):
            given[value.name + "".join(f"[{i}]" for i in index)] = x
    return copy.SerializeToString(), given


def cases() -> Iterator[Any]:
    """Yield ONNX's cases of one operator that is supported, with real numbers as results."""
    for case in collect_testcases(None):
        model = case.model
        ops = {node.op_type for node in model.graph.node}
        kinds = [x.type.tensor_type.elem_type for x in model.graph.output]
        is_plain = all(x.type.WhichOneof("value") == "tensor_type" for x in model.graph.input)
        real = is_plain and all(kind in REAL for kind in kinds)
        if len(model.graph.node) == 1 and ops <= {*OPERATORS} and real:
            yield case


def wrong(case: Any) -> str:  # noqa: ANN401
    """Import a case and run it; say what is wrong."""
    data, outputs = (
        [numpy_helper.to_array(x) if isinstance(x, TensorProto) else x for x in part]
        for part in case.data_sets[0]
    )
    model, given = of_inputs(case.model, data)
    graph = mgraph.from_onnx(model)
    run = graph.run(given, seed=dict.fromkeys(graph.outputs, 1.0), grad=False)
    assert run.data is not None
    want = np.concatenate([np.ravel(x) for x in outputs]).astype(np.float64)
    got = np.array([run.data[name] for name in graph.outputs])
    close = np.allclose(got, want, rtol=case.rtol, atol=1e-6, equal_nan=True)
    return "" if got.shape == want.shape and close else f"{got} instead of {want}"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_cases_of_onnx() -> None:
    """The cases of ONNX's backend test: the right numbers, or a refusal in words."""
    faults: dict[str, str] = {}
    refused: list[str] = []
    right: list[str] = []
    for case in cases():
        try:
            faults |= {case.name: fault} if (fault := wrong(case)) else {}
            right.append(case.model.graph.node[0].op_type)
        except GraphError as error:
            refused.append(f"{case.name}: {error}")
    assert faults == {}
    assert {*OPERATORS} - {*right} == ELSEWHERE
    assert len(right) > 350, refused
    assert len(refused) < 80, refused


# --- models -----------------------------------------------------------------------------------


def model_of(
    nodes: Sequence[Any],
    shape: Sequence[int | str] = ("N", 4),
    weights: Sequence[Any] = (),
    outputs: Sequence[str] = ("y",),
) -> Any:  # noqa: ANN401 - a ModelProto
    """Return a model with the input x and outputs of real numbers."""
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [*nodes], "net", [info("x", TensorProto.DOUBLE, shape)],
        [info(name, TensorProto.DOUBLE, None) for name in outputs], [*weights],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets)


NODE: Final = helper.make_node


def constant(name: str, *values: int) -> Any:  # noqa: ANN401 - a TensorProto
    """Return whole numbers."""
    return numpy_helper.from_array(np.array(values), name)


def classifier(seed: int = 0) -> Any:  # noqa: ANN401 - a ModelProto
    """Return a network with labels and probabilities, as scikit-learn's converter writes it."""
    rng = np.random.default_rng(seed)
    weights = {
        "coefficient": rng.normal(size=(4, 5)), "intercepts": rng.normal(size=(1, 5)),
        "coefficient1": rng.normal(size=(5, 3)), "intercepts1": rng.normal(size=(1, 3)),
    }  # fmt: skip
    nodes = [
        NODE("MatMul", ["x", "coefficient"], ["mul"]),
        NODE("Add", ["mul", "intercepts"], ["add"]),
        NODE("Relu", ["add"], ["hidden"]),
        NODE("MatMul", ["hidden", "coefficient1"], ["mul1"]),
        NODE("Add", ["mul1", "intercepts1"], ["add1"]),
        NODE("Softmax", ["add1"], ["probabilities"]),
        NODE("ArgMax", ["probabilities"], ["best"], axis=1),
        NODE("ArrayFeatureExtractor", ["classes", "best"], ["label"], domain="ai.onnx.ml"),
    ]
    arrays = [numpy_helper.from_array(x, name) for name, x in weights.items()]
    arrays.append(numpy_helper.from_array(np.arange(3), "classes"))
    model = model_of(nodes, weights=arrays, outputs=["probabilities"])
    label = helper.make_tensor_value_info("label", TensorProto.INT64, [1])
    model.graph.output.insert(0, label)
    return model


def test_labels_are_left_out() -> None:
    """The probabilities of a classifier, as ONNX's reference computes them; params are weights."""
    model = classifier()
    graph = mgraph.from_onnx(model.SerializeToString())
    assert graph.outputs == tuple(f"probabilities[{i}]" for i in range(3))
    x = np.random.default_rng(1).normal(size=(1, 4))
    _, want = ReferenceEvaluator(model).run(None, {"x": x})
    run = graph.run({f"x[{i}]": x[0, i] for i in range(4)}, seed={"probabilities[0]": 1.0})
    assert run.data is not None
    got = [run.data[f"probabilities[{i}]"] for i in range(3)]
    assert got == pytest.approx(want.ravel().tolist(), rel=1e-14)
    assert run.data["coefficient1[4][2]"] == numpy_helper.to_array(model.graph.initializer[2])[4, 2]


def test_models_of_scikit_learn() -> None:
    """A scaler and a linear classifier, against ONNX's reference."""
    nodes = [
        NODE(
            "Scaler", ["x"], ["s"], domain="ai.onnx.ml",
            offset=[1.0, 2.0, 3.0, 4.0], scale=[1.0, 2.0, 1.0, 2.0],
        ),
        NODE(
            "LinearClassifier", ["s"], ["label", "p"], name="scores", domain="ai.onnx.ml",
            coefficients=[0.1 * i for i in range(12)], intercepts=[0.5, -0.5, 0.0],
            classlabels_ints=[0, 1, 2], post_transform="SOFTMAX",
        ),
        NODE("Normalizer", ["p"], ["y"], domain="ai.onnx.ml", norm="L2"),
    ]  # fmt: skip
    model = model_of(nodes)
    x = np.array([[0.5, -1.0, 2.0, 3.0]])
    (want,) = ReferenceEvaluator(model).run(None, {"x": x})
    graph = mgraph.from_onnx(model.SerializeToString())
    given = {f"x[{i}]": x[0, i] for i in range(4)}
    run = graph.run(given, seed=dict.fromkeys(graph.outputs, 1.0))
    assert run.data is not None
    got = [run.data[name] for name in graph.outputs]
    assert got == pytest.approx(want.ravel().tolist(), rel=1e-6)  # the reference rounds to float32
    assert "scores.coefficients[2][3]" in run.data


def test_one_hot_by_known_indices() -> None:
    """Indices below zero count from the end, others beyond the depth choose nothing."""
    nodes = [
        NODE("OneHot", ["i", "depth", "values"], ["hot"], axis=0),
        NODE("MatMul", ["x", "hot"], ["y"]),
    ]
    weights = [constant("i", 1, -1, 7), constant("depth", 4), constant("values", 0, 3)]
    model = model_of(nodes, weights=weights)
    graph = mgraph.from_onnx(model.SerializeToString())
    run = graph.run({f"x[{i}]": 10.0**i for i in range(4)}, seed={"y[0]": 1.0})
    assert run.data is not None
    assert [run.data[name] for name in graph.outputs] == [30.0, 3000.0, 0.0]


# --- files that mean harm ---------------------------------------------------------------------


def external(name: str) -> Any:  # noqa: ANN401 - a TensorProto
    """Return a tensor whose values are in another file."""
    tensor = numpy_helper.from_array(np.zeros(4), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=name)
    return tensor


def subgraph() -> Any:  # noqa: ANN401 - a NodeProto
    """Return a loop."""
    body = helper.make_graph([NODE("Identity", ["a"], ["b"])], "body", [], [])
    return NODE("Loop", ["", ""], ["y"], body=body)


def huge_weight() -> Any:  # noqa: ANN401 - a TensorProto
    """Return a tensor that states a huge shape, and has one number."""
    return TensorProto(name="w", dims=[2**40, 2**40], data_type=TensorProto.DOUBLE, double_data=[1])


DOUBLED: Final = [
    NODE("Concat", ["x" if i == 0 else f"c{i}"] * 2, [f"c{i + 1}"], axis=1) for i in range(60)
]

ONES: Final = np.ones((3, 3))

HARMFUL: Final[dict[str, tuple[Any, str]]] = {
    "values in another file": (
        model_of([NODE("Add", ["x", "w"], ["y"])], weights=[external("/etc/passwd")]),
        "io",
    ),
    "a constant in another file": (
        model_of(
            [
                NODE("Constant", [], ["w"], value=external("../secret")),
                NODE("Add", ["x", "w"], ["y"]),
            ]
        ),
        "io",
    ),
    "a loop": (model_of([subgraph()]), "unknown-op"),
    "a cycle": (
        model_of([NODE("Add", ["x", "z"], ["y"]), NODE("Exp", ["y"], ["z"])]),
        "unknown-node",
    ),
    "a node that uses itself": (model_of([NODE("Add", ["x", "y"], ["y"])]), "unknown-node"),
    "an output that nothing makes": (model_of([NODE("Exp", ["x"], ["z"])]), "output"),
    "a huge input": (model_of([NODE("Exp", ["x"], ["y"])], [1, 2**62]), "limit"),
    "a huge weight": (model_of([NODE("Add", ["x", "w"], ["y"])], weights=[huge_weight()]), "limit"),
    "a huge constant": (
        model_of(
            [NODE("ConstantOfShape", ["s"], ["w"]), NODE("Add", ["x", "w"], ["y"])],
            weights=[constant("s", 2**40)],
        ),
        "limit",
    ),
    "a huge product": (
        model_of([NODE("Transpose", ["x"], ["t"]), NODE("MatMul", ["t", "x"], ["y"])], [1, 2**20]),
        "limit",
    ),
    "pads": (
        model_of([NODE("Pad", ["x", "p"], ["y"])], weights=[constant("p", 0, 0, 0, 2**50)]),
        "limit",
    ),
    "windows": (
        model_of([NODE("MaxPool", ["x"], ["y"], kernel_shape=[3], pads=[2**50, 0])], [1, 1, 4]),
        "limit",
    ),
    "doubled sixty times": (
        model_of([NODE("Exp", ["x"], ["c0"]), *DOUBLED, NODE("Exp", ["c60"], ["y"])]),
        "limit",
    ),
    "an axis that is none": (model_of([NODE("Softmax", ["x"], ["y"], axis=7)]), "type"),
    "shapes that don't fit": (
        model_of([NODE("MatMul", ["x", "w"], ["y"])], weights=[numpy_helper.from_array(ONES, "w")]),
        "type",
    ),
    "an attribute of the wrong type": (
        model_of([NODE("Gemm", ["x", "x"], ["y"], alpha="much")]),
        "type",
    ),
    "no inputs": (model_of([NODE("Add", [], ["y"])]), "type"),
    "an operator that there is not": (model_of([NODE("\x1b[31mEvil", ["x"], ["y"])]), "unknown-op"),
    "an open shape": (model_of([NODE("Exp", ["x"], ["y"])], [1, "length"]), "type"),
}


@pytest.mark.parametrize("name", HARMFUL)
def test_files_that_mean_harm(name: str, mgraph: Shell) -> None:
    """Status 1 and a diagnostic, no traceback, no control characters; nothing is written."""
    model, code = HARMFUL[name]
    said = mgraph("import", mgraph.write("bad.onnx", model.SerializeToString()), "-o", "out.json")
    assert (said.status, codes(said)) == (1, [code])
    assert "bad.onnx" in said.err
    assert "\x1b" not in said.err
    assert mgraph.files() == ["bad.onnx", "neuron.json"]


def test_wrong_types_of_inputs(mgraph: Shell) -> None:
    """Whole numbers, texts and sequences are no inputs of a graph."""
    for kind in (TensorProto.INT64, TensorProto.STRING, 77):
        model = model_of([NODE("Exp", ["x"], ["y"])])
        model.graph.input[0].type.tensor_type.elem_type = kind
        said = mgraph("import", mgraph.write("bad.onnx", model.SerializeToString()), "-o", "o.json")
        assert (said.status, codes(said)) == (1, ["type"])


def test_damaged_files(mgraph: Shell) -> None:
    """A model that is cut off anywhere, or has other bytes, is refused or read: no traceback."""
    whole = classifier().SerializeToString()
    rng = np.random.default_rng(3)
    for _ in range(40):
        length = int(rng.integers(0, len(whole)))
        changed = bytearray(whole if rng.random() < 0.7 else whole[:length])
        for place in rng.integers(0, max(1, len(changed)), 3):
            changed[place : place + 1] = bytes([int(rng.integers(256))])
        said = mgraph("import", mgraph.write("bad.onnx", bytes(changed)), "-o", "out.json")
        assert said.status in {0, 1}
        assert "Traceback" not in said.err
        assert said.status == 0 or codes(said)


def test_all_that_is_not_supported_is_listed() -> None:
    """Each operator with its name, its op and the shapes; what follows from that is not."""
    nodes = [
        NODE("Floor", ["x"], ["a"], name="first"),
        NODE("Exp", ["a"], ["b"]),
        NODE("Round", ["x"], ["c"], name="second"),
        NODE("Add", ["b", "c"], ["y"]),
    ]
    with pytest.raises(GraphError) as raised:
        mgraph.from_onnx(model_of(nodes).SerializeToString())
    faults = raised.value.diagnostics
    assert [(x.code, x.pointer) for x in faults] == [
        ("unknown-op", "/graph/node/0"),
        ("unknown-op", "/graph/node/2"),
    ]
    assert '"first" (Floor)' in faults[0].message
    assert "[1, 4]" in faults[0].message


# --- the command ------------------------------------------------------------------------------


def test_examples_work(mgraph: Shell) -> None:
    """Each example of the help makes a graph; what it says is counted by hand."""
    mgraph.write("digits.onnx", classifier().SerializeToString())
    assert OF_MODELS
    for _, line in OF_MODELS:
        said = mgraph(*line.split()[1:])
        out = line.split()[-1]
        assert (said.status, said.err) == (0, "")
        assert said.out == f"wrote {out}: 115 nodes, 4 inputs, 43 params, 3 outputs\n"
        assert mgraph("check", out).status == 0
    said = mgraph("import", "digits.onnx", "-o", "-", "--json")
    assert json.loads(said.out) == mgraph.document("digits.json")
    assert json.loads(said.err)["params"] == 43
    assert mgraph("import", "digits.onnx", "--output", "nope", "-o", "x.json").status == 1
