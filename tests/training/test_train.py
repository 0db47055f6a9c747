"""Training as a whole: its numbers by hand, rows, classes, validation, and what is refused."""

from __future__ import annotations

import io
import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv

import mgraph
from mgraph import GraphError
from mgraph.build.expression import graph_of
from mgraph.build.network import mlp
from mgraph.cli.train import _StepProgress
from mgraph.codec.missing import MISSING
from mgraph.training import Trained, train
from mgraph.training.curve import Curves, RunningLosses, loss_line, loss_svg
from tests.reference.arithmetic import Double, Rounded
from tests.reference.evaluate import forward, in_evaluation_order
from tests.reference.reading import nodes_of
from tests.rows.lines import line
from tests.training import by_hand
from tests.training.by_hand import XS, YS, Plan, measured
from tests.training.test_optimizers import VECTORS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.command_line import Shell

ROWS = pa.table({"x": XS, "y": YS})
"""Seven rows for `line`: loss = (w·x + b - y)²."""

OPTIONS: dict[str, Any] = {"lr": 0.05, "epochs": 3, "batch_size": 3, "random_seed": 5}


def data_of(result: Trained) -> Mapping[str, float]:
    """Return the values of the run on row 0."""
    data = result.graph.runs[0].data
    assert data is not None
    return data


DECIDED = ("optimizer", "weight_decay", "lr", "schedule", "clip", "epochs", "batch_size")


@pytest.mark.parametrize("k", range(len(VECTORS["trainings"]["cases"])))
def test_training_has_the_bits_of_its_formulas(k: int) -> None:
    """Losses, params at the end, and the run on row 0: those of the vectors."""
    given = VECTORS["trainings"]
    graph, case = mgraph.loads(json.dumps(given["graph"])), given["cases"][k]
    options = {name: case[name] for name in DECIDED}
    result = train(graph, pa.table(given["rows"]), random_seed=int(case["random_seed"]), **options)
    assert [entry["loss"] for entry in result.log] == case["losses"]
    data = data_of(result)
    assert {name: data[name] for name in ("b", "w")} == case["params"][-1]
    assert (data["x"], data["y"]) == (XS[0], YS[0])
    last = [Double(case["params"][-1][name]) for name in ("b", "w")]
    assert result.results["before"]["loss"] == measured([*map(Double, by_hand.START)], range(7))[0]
    assert result.results["after"]["loss"] == measured(last, range(7))[0]
    assert result.graph.hash != graph.hash
    assert (result.is_finished, result.checkpoint) == (True, "")


def test_all_rows_at_once() -> None:
    """A step takes all rows without a batch size, or with one that is larger than their number."""
    result = train(line(), ROWS, lr=0.05, epochs=1)
    loss, (of_b, of_w) = measured([Double(1.0), Double(2.0)], range(7))
    assert result.log[0]["loss"] == loss
    data = data_of(result)
    assert (data["b"], data["w"]) == (1.0 - 0.05 * of_b, 2.0 - 0.05 * of_w)
    assert train(line(), ROWS, lr=0.05, epochs=1, batch_size=50).log == result.log


def test_training_can_be_exact(tmp_path: Path) -> None:
    """The plan names the math, the run of the trained graph says it, and its numbers are right."""
    formula = "loss = (tanh(x*w + b) - y)**2"
    leaves: Any = {"w": ("param", 2.0), "b": ("param", 1.0)}
    graph, out = graph_of(formula, leaves), str(tmp_path / "out")
    result = train(graph, ROWS, out, math="exact", schedule="cosine", checkpoint_every=1, **OPTIONS)
    plan = json.loads(Path(result.checkpoint).read_text(encoding="utf-8"))["plan"]
    assert plan["math"]["library"] == "exact"
    assert "math" not in plan["options"]
    (run,) = result.graph.runs
    assert run.math == "exact"
    data = data_of(result)
    nodes = nodes_of(json.loads(b"".join(result.graph.to_bytes())))
    want = forward(Rounded, in_evaluation_order(nodes), run.inputs)
    assert {name: float(x) for name, x in want.items()} == dict(data)


def test_only_the_params_that_match_are_trained() -> None:
    """`*` stands for any characters, nothing else is special; data never move."""
    result = line().train(ROWS, train=["w*"], lr=0.05, epochs=1)
    data = data_of(result)
    assert (data["b"], data["x"], data["two"]) == (1.0, XS[0], 2.0)
    assert data["w"] == 2.0 - 0.05 * measured([Double(1.0), Double(2.0)], range(7))[1][1]
    assert result.results["trained"] == 1


def test_a_share_of_the_rows_is_for_validation() -> None:
    """The first ones in the order of epoch 0; the others are trained on, in their own order."""
    held = by_hand.order(5, 0, [*range(7)])[:2]
    rows = [i for i in range(7) if i not in held]
    losses, after = Plan().train(by_hand.ByHand("sgd"), rows)
    result = train(line(), ROWS, validation=0.3, **OPTIONS)
    assert [entry["loss"] for entry in result.log] == losses
    at_ends = [entry["validation_loss"] for entry in result.log if "validation_loss" in entry]
    assert at_ends == [measured(after[k], held)[0] for k in (1, 3, 5)]
    assert result.results["validation"]["loss"] == at_ends[-1]
    assert (result.results["rows"], result.results["validation_rows"]) == (5, 2)


def test_other_rows_for_validation() -> None:
    """Their columns may be in another order."""
    other = pa.table({"y": [1.0, 2.0], "x": [3.0, 4.0]})
    result = train(line(), ROWS, lr=0.05, epochs=1, validation=other)
    params = [Double(data_of(result)[name]) for name in ("b", "w")]
    loss, _ = measured(params, range(2), [3.0, 4.0], [1.0, 2.0])
    assert result.results["validation"]["loss"] == loss


def test_patience_ends_training_at_the_best_epoch() -> None:
    """Too long steps make the loss grow from some epoch on: the params before that are kept."""
    other = pa.table({"x": [10.0], "y": [3.0]})  # what fits the other rows does not fit this one
    losses, params = [], [Double(1.0), Double(2.0)]
    method, kept = by_hand.ByHand("sgd"), params
    for _ in range(40):
        params = method.step(params, measured(params, range(7))[1], 0.05)
        losses.append(measured(params, [0], [10.0], [3.0])[0])
        kept = params if min(losses) == losses[-1] else kept
    best = losses.index(min(losses)) + 1
    assert 1 <= best < 38
    result = train(line(), ROWS, lr=0.05, epochs=40, validation=other, patience=2)
    assert (result.results["best_epoch"], result.results["epochs"]) == (best, best + 2)
    assert [data_of(result)[name] for name in ("b", "w")] == kept


def test_an_equal_validation_loss_is_no_better() -> None:
    """No weight changes the loss of a row whose x is 0: the first epoch is the best."""
    other = pa.table({"x": [0.0], "y": [0.0]})
    result = train(line(), ROWS, train=["w"], lr=0.01, epochs=9, validation=other, patience=2)
    assert (result.results["best_epoch"], result.results["epochs"]) == (1, 3)


def test_a_column_of_a_target_gives_way_to_classes(mgraph: Shell) -> None:
    """Also where it is the column of classes itself, as texts."""
    table = pa.table({"x1": [1.0, 2.0], "y": [7.0, 8.0], "kind": ["b", "a"]})
    data = data_of(train(mlp((1, 1), loss="mse"), table, target="kind", epochs=1))
    assert (data["x1"], data["y"]) == (1.0, 1.0)
    mgraph.write("rows.csv", "x1,y\n1,yes\n2,no\n")
    data = data_of(train(mlp((1, 1), loss="mse"), "rows.csv", target="y", epochs=1))
    assert data["y"] == 1.0
    with pytest.raises(GraphError) as caught:  # the fix is another one
        train(mlp((2, 1), loss="mse"), "rows.csv", target="y", epochs=1)
    assert "--target" not in caught.value.diagnostics[0].fix


def test_inputs_can_be_standardized() -> None:
    """Mean and deviation are those of the rows to train on, and noted in the graph; y stays."""
    table = pa.table({"x": [1.0, 2.0, 3.0, 6.0], "y": [1.0, 2.0, 3.0, 4.0]})
    result = train(line(), table, lr=0.05, epochs=1, standardize=True)
    deviation = math.sqrt(3.5)  # of 1, 2, 3, 6, whose mean is 3: (4 + 1 + 0 + 9) / 4
    assert result.results["standardized"] == {"x": [3.0, deviation]}
    data = data_of(result)
    assert (data["x"], data["y"]) == ((1.0 - 3.0) / deviation, 1.0)
    document = json.loads(b"".join(result.graph.to_bytes()))
    (meta,) = (node["meta"] for node in document["nodes"] if node["id"] == "x")
    assert meta == {"standardized": {"mean": 3.0, "deviation": deviation}}
    document["nodes"][0]["meta"] = {"unit": "m"}
    noted = train(mgraph.loads(json.dumps(document)), table, epochs=1, standardize=True).graph
    assert noted.columns.metas[0] == {"unit": "m", **meta}
    held = by_hand.order(0, 0, [0, 1, 2, 3])[0]
    kept = [x for i, x in enumerate((1.0, 2.0, 3.0, 6.0)) if i != held]
    mean = sum(kept) / 3  # exact but for the quotient
    other = train(line(), table, epochs=1, standardize=True, validation=0.25)
    squares = [float((Double(x) - mean) * (Double(x) - mean)) for x in kept]
    deviation = math.sqrt(by_hand.exact(squares) / Double(3.0))
    assert other.results["standardized"] == {"x": [mean, deviation]}
    again = train(line(), pa.table({"x": [2.0, 2.0], "y": [1.0, 2.0]}), epochs=1, standardize=True)
    assert again.results["standardized"] == {"x": [2.0, 1.0]}


def test_classes_become_targets() -> None:
    """One of three is 1 and the others 0, or -1 for a hinge; two classes of one target likewise."""
    table = pa.table({"x1": [0.5] * 4, "kind": ["10", "9", "b", "9"]})
    for loss, off in (("cross-entropy", 0.0), ("mse", 0.0), ("hinge", -1.0)):
        result = train(mlp((1, 3), loss=loss), table, target="kind", epochs=1)
        data = data_of(result)
        assert [data[f"y{k}"] for k in (1, 2, 3)] == [1.0, off, off], loss
        assert result.results["classes"] == ["10", "9", "b"]
        one = train(mlp((1, 1), loss=loss), table.take([0, 1]), target="kind", epochs=1)
        assert one.results["classes"] == ["9", "10"]  # all are numbers, and 9 is less
        assert data_of(one)["y"] == 1.0
        other = train(mlp((1, 1), loss=loss), table.take([1, 0]), target="kind", epochs=1)
        assert data_of(other)["y"] == off


def test_equal_numbers_are_one_class() -> None:
    """1 and 1.0 in a text file, and 2^53 and 2^53 + 1, which are different, as integers."""
    reader = csv.read_csv(
        io.BytesIO(b"x1,kind\n1,1.0\n2,10\n3,1\n4,9\n"),
        convert_options=csv.ConvertOptions(column_types={"kind": pa.string()}),
    )
    data = train(mlp((1, 3), loss="mse"), reader, target="kind", epochs=1)
    assert data.results["classes"] == ["1.0", "9", "10"]
    validation = pa.table({"x1": [1.0], "kind": ["01.00"]})
    train(mlp((1, 3), loss="mse"), reader, target="kind", epochs=1, validation=validation)
    large = pa.table({"x1": [1.0, 2.0], "kind": [2**53, 2**53 + 1]})
    assert train(mlp((1, 1), loss="mse"), large, target="kind", epochs=1).results["classes"] == [
        2**53, 2**53 + 1,
    ]  # fmt: skip
    with pytest.raises(GraphError, match='has only one class: "a"'):
        train(mlp((1, 1), loss="mse"), pa.table({"x1": [1.0], "kind": ["a"]}), target="kind")


def test_accuracy_is_the_share_of_right_classes() -> None:
    """Of several scores, the largest; of one, its sign. The weights are set by hand."""
    table = pa.table({"x1": [1.0, 2.0, -1.0, -3.0, 0.0], "kind": ["b", "a", "a", "a", "b"]})
    one = weighted(mlp((1, 1), loss="hinge"), {"layer1.neuron1.w1": 1.0})
    result = train(one, table, target="kind", accuracy=True, epochs=1)
    assert result.results["before"]["accuracy"] == 3 / 5  # scores are x1; 0 predicts a
    weights = {"layer1.neuron1.w1": -1.0, "layer1.neuron2.w1": 1.0, "layer1.neuron2.b": 0.5}
    two = weighted(mlp((1, 2), loss="cross-entropy"), weights)
    result = train(two, table, target="kind", accuracy=True, epochs=1)
    assert result.results["before"]["accuracy"] == 4 / 5  # b if x1 > -0.25
    assert result.log[0]["accuracy"] == 4 / 5


def weighted(graph: mgraph.Graph, weights: Mapping[str, float]) -> mgraph.Graph:
    """Return a graph with other values of some params."""
    columns = graph.columns
    changed = columns.with_data({columns.index[name]: w for name, w in weights.items()})
    return type(graph)(changed, graph.header)


SQUARES: tuple[tuple[str, Mapping[str, list[float]], float], ...] = (
    ("score = w*x + b; e = score - y; loss = e*e", {"y": [1, 1, 0, 0]}, 3 / 4),
    ("score = w*x + b; e = y - score; loss = e*e", {"y": [1, 1, -1, -1]}, 2 / 4),
    ("score = w*x + b; loss = relu(1 - y*score)", {"y": [1, 1, -1, -1]}, 2 / 4),
    ("score = w*x + b; loss = softplus(score) - y*score", {"y": [1, 1, 0, 0]}, 2 / 4),
)
"""A graph, the targets of four rows, and the accuracy of the scores 0.6, 0.4, 0.3 and 0.2."""


def test_targets_part_where_the_loss_draws_scores() -> None:
    """A squared error draws them to 0 and 1, or to -1 and 1; other losses away from 0."""
    params = {"w": ("param", 1.0), "b": ("param", 0.0)}
    for formula, targets, accuracy in SQUARES:
        rows = pa.table({"x": [0.6, 0.4, 0.3, 0.2], **targets})
        result = train(graph_of(formula, params, ()), rows, accuracy=True, epochs=1)
        assert result.results["before"]["accuracy"] == accuracy, formula
        assert result.results["threshold"] == (0.5 if accuracy == 3 / 4 else 0.0)
        assert result.model is not None
        assert result.model.outputs == ("score",)


def test_a_hinge_is_known_by_its_form() -> None:
    """Whatever its nodes are called, and also as the lecture's program writes it."""
    rows = pa.table({"x": [1.0, 2.0], "kind": ["a", "b"]})
    params = {"w": ("param", 1.0), "b": ("param", 0.0)}
    for loss, off in (("relu(1 - y*s)", -1.0), ("relu(1 + -y*s)", -1.0), ("relu(1 + -(s*y))", -1.0),
                      ("max(0, 1 - s*y)", -1.0), ("(relu(s) - y)**2", 0.0)):  # fmt: skip
        graph = graph_of(f"s = w*x + b; loss = {loss}", params, ())
        assert data_of(train(graph, rows, target="kind", epochs=1))["y"] == off, loss


def test_scores_have_readable_names() -> None:
    """Those of `model.json` are `score`, or `score1` …; other nodes keep their ids."""
    table = pa.table({"x1": [1.0, 2.0], "kind": ["a", "b"]})
    for outputs, wanted in ((1, ("score",)), (2, ("score1", "score2"))):
        model = train(mlp((1, outputs), loss="mse"), table, target="kind", epochs=1).model
        assert model is not None
        assert model.outputs == wanted
        assert "layer1.neuron1.w1" in model.columns.index
        assert "layer1.neuron1.sum" not in model.columns.index


FIXES: tuple[tuple[int, Mapping[str, list[Any]], str], ...] = (
    (1, {"kind": ["a", "b", "c"]},
     "for 3 classes, use a network with 3 scores: mgraph new --mlp 2,16,3 --loss cross-entropy"),
    (1, {"kind": ["a", "a ", "b"]}, 'write "a" and "a " alike if they are one class; for 3'),
    (1, {"kind": ["a"] * 3}, "look at the rows, or name another column with --target"),
    (1, {"kind": [1, 2, 3]}, "for numbers, and not classes, use --column y=kind; for 3 classes"),
    (2, {"kind": [1, 2, 3]}, "for 3 classes, use a network with 3 scores"),
)  # fmt: skip


def test_a_wrong_number_of_classes_has_its_own_fix() -> None:
    """Texts are no numbers, and names that look alike may be one class."""
    inputs = {"x1": [1.0, 2.0, 3.0], "x2": [0.0] * 3}
    for scores, classes, fix in FIXES:
        with pytest.raises(GraphError) as caught:
            train(mlp((2, scores), loss="mse"), pa.table({**inputs, **classes}), target="kind")
        assert caught.value.diagnostics[0].fix.startswith(fix), classes


def test_columns_of_other_names_have_a_fix() -> None:
    """It can be pasted, and says how to train on numbers; headers with other marks are noticed."""
    net = mlp((2, 1), loss="mse")
    for names, fix in (
        (("size", "rooms", "price"), "if it is a number, --column y=price"),
        (("x1", "x2", "my kind"), "if 'my kind' says which class a row is in, --target 'my kind'"),
        (("x1", " x2", " y"), 'leave out the blanks around names in the header: " x2", " y"'),
        (("x1;x2;y",), "put commas between columns"),
    ):  # fmt: skip
        with pytest.raises(GraphError) as caught:
            train(net, pa.table({name: [1.0, 2.0] for name in names}))
        assert fix in caught.value.diagnostics[0].fix, names


def test_bad_rows_can_be_left_out() -> None:
    """A missing value, and a missing class."""
    table = pa.table(
        {"x1": [1.0, None, 2.0, 3.0], "kind": ["a", "a", None, "b"], "y9": [1, 2, 3, 4]}
    )
    result = train(mlp((1, 1), loss="mse"), table, target="kind", epochs=1, bad_rows="skip")
    assert (result.results["rows"], result.results["skipped"]) == (2, 2)
    with pytest.raises(GraphError, match='"x1" is null in row 1'):
        train(mlp((1, 1), loss="mse"), table.slice(0, 2), target="kind", epochs=1)
    with pytest.raises(GraphError, match='"kind" is empty in row 2') as caught:
        train(mlp((1, 1), loss="mse"), table, target="kind", epochs=1)
    assert caught.value.diagnostics[0].fix.endswith("leave them out with --bad-rows skip")


def test_params_to_train_can_be_one_pattern() -> None:
    """A text is a pattern, not one for each of its letters."""
    net = mlp((1, 2, 1), loss="mse")
    one, several = (
        train(net, pa.table({"x1": [1.0], "y": [2.0]}), train=ids, epochs=1, lr=0.1)
        for ids in ("layer1.*", ["layer1.*"])
    )
    assert one.log == several.log
    assert one.results["trained"] == several.results["trained"] == 4


def test_marks_of_missing_classes_are_no_classes() -> None:
    """Whatever the type of the column; what only looks like one of them stays a class."""
    net, x = mlp((1, 1), loss="mse"), [1.0, 2.0, 3.0]
    for mark in MISSING:
        table = pa.table({"x1": x, "kind": ["a", f" {mark} ", "b"]})
        with pytest.raises(GraphError, match=f'"kind" is " {re.escape(mark)} " in row 1'):
            train(net, table, target="kind", epochs=1)
    for column in (
        pa.array(["a", "NA", "none"]),
        pa.array(["a", "NA", "na"]).dictionary_encode(),
        pa.array([0.0, math.nan, 1.0]),
        pa.array(["a", "?", "b"], pa.large_string()),
        pa.array(["a", " NA ", "b"], pa.string_view()),
        pa.array(["a", None, "b"], pa.string_view()),
        pa.array(["a", "NA", "b"], pa.string_view()).dictionary_encode(),
    ):
        result = train(net, pa.table({"x1": x, "kind": column}), target="kind", epochs=1,
                       bad_rows="skip")  # fmt: skip
        assert (result.results["rows"], result.results["skipped"]) == (2, 1)
        assert result.results["classes"] == [column[0].as_py(), column[2].as_py()]


def test_rows_that_are_not_numbers_are_named() -> None:
    """A NaN among the rows is no fault of the learning rate."""
    table = pa.table({"x": [1.0, math.nan], "y": [1.0, 1.0]})
    with pytest.raises(GraphError, match=r'NaN before the first step, .* row 1 of .*"x" is nan'):
        train(line(), table, epochs=1)


def test_a_loss_that_is_not_finite_ends_training() -> None:
    """The step is named at which it happens, and what to do; no folder, no checkpoint."""
    steps, params = 0, [Double(1.0), Double(2.0)]
    method = by_hand.ByHand("sgd")
    while math.isfinite(measured_or_nan(params)):
        params = method.step(params, measured(params, range(7))[1], 1e3)
        steps += 1
    with pytest.raises(GraphError) as caught:
        train(line(), ROWS, lr=1e3, epochs=1000)
    (fault,) = caught.value.diagnostics
    assert fault.code == "number"
    assert f"from step {steps + 1} on: the learning rate is too large" in fault.message
    assert fault.fix == "try a smaller --lr (it was 1000.0), or --clip 1"
    with pytest.raises(GraphError, match=f"from step {steps + 1} on"):  # after the last step
        train(line(), ROWS, lr=1e3, epochs=steps)


def measured_or_nan(params: list[Double]) -> float:
    """Return the loss, or NaN if it has no exact sum."""
    try:
        return measured(params, range(7))[0]
    except (OverflowError, ValueError):
        return math.nan


GRAPH = "e = w*x + b - y; loss = e*e; other = e*2"
REFUSED: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({}, "output", "the graph has several outputs"),
    ({"loss": "los"}, "output", 'the loss "los" is not an output'),
    ({"loss": "e"}, "output", 'the loss "e" is not an output'),
    ({"loss": "loss", "train": ["v*"]}, "run-node", 'no param matches "v*"'),
    ({"loss": "loss", "train": ["x"]}, "run-node", 'no param matches "x"'),
    ({"loss": "loss", "train": ["w", "[bw]"]}, "run-node", 'no param matches "[bw]"'),
    ({"loss": "loss", "columns": {"w": "x"}}, "column", 'the param "w" is trained'),
    ({"loss": "loss", "columns": {"x": "z"}}, "column", 'no column "z" for "x"'),
    ({"loss": "loss", "target": "z"}, "column", 'no column "z" with classes'),
    ({"loss": "loss", "target": "x"}, "column", "x is an input, too"),
    ({"loss": "loss", "accuracy": True}, "output", "no node is named score"),
    ({"loss": "loss", "validation": pa.table({"y": [1.0]})}, "unbound-input", 'the input "x"'),
)


@pytest.mark.parametrize(("options", "code", "message"), REFUSED)
def test_what_does_not_fit_is_refused(options: dict[str, Any], code: str, message: str) -> None:
    """By its code, and named."""
    graph = graph_of(GRAPH, {"w": ("param", 1.0), "b": ("param", 0.0)}, ("loss", "other"))
    with pytest.raises(GraphError) as caught:
        train(graph, ROWS, **options)
    assert caught.value.diagnostics[0].code == code
    assert message in caught.value.diagnostics[0].message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs is at least 1, not 0"),
        ({"batch_size": 0}, "batch_size is at least 1, not 0"),
        ({"lr": 0.0}, r"lr is a positive finite number, not 0\.0"),
        ({"lr": math.nan}, "lr is a positive finite number, not nan"),
        ({"clip": -1.0}, "clip is a positive finite"),
        ({"validation": 1.0}, "a share of the rows"),
        ({"patience": 2}, "patience looks at the validation loss"),
        ({"resume": True}, "need a folder"),
        ({"checkpoint_every": 2}, "need a folder"),
        ({"bad_rows": "null"}, 'bad_rows is "fail" or "skip"'),
        ({"schedule": "slow"}, "'slow' is not a valid Schedule"),
        ({"format": "xls"}, "'xls' is not a valid RowFormat"),
        ({"math": "fdlibm"}, "fdlibm"),
    ],
)
def test_options_that_cannot_be_used(options: dict[str, Any], message: str) -> None:
    """Each is a ValueError that says what was expected."""
    with pytest.raises(ValueError, match=message):
        train(line(), ROWS, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": "a"}, "lr is a number, not 'a'"),
        ({"epochs": 2.5}, "epochs is an integer, not 2.5"),
        ({"weight_decay": "0"}, "weight_decay is a number, not '0'"),
    ],
)
def test_options_of_wrong_types(options: dict[str, Any], message: str) -> None:
    """Each is a TypeError that names the option."""
    with pytest.raises(TypeError, match=message):
        train(line(), ROWS, **options)


def test_python_is_spoken_to() -> None:
    """A short repr, the name of the full batch, and what rows can be."""
    result = train(line(), ROWS, lr=0.05, epochs=9, batch_size="full")
    before, after = (result.results[key]["loss"] for key in ("before", "after"))
    assert repr(result) == f"<Trained steps=9, loss={before!r} → {after!r}>"
    assert result.log == train(line(), ROWS, lr=0.05, epochs=9).log
    with pytest.raises(TypeError, match=r"Table\.from_pylist makes one .*not a list with dict"):
        train(line(), [{"x": 1.0, "y": 2.0}])


def test_the_curve_has_round_numbers() -> None:
    """On a logarithmic scale if all losses are positive, as in the terminal; else a linear one."""
    for losses, ticks, is_log in (
        ([1.7, 0.01], ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1"], True),
        ([0.7, 0.66], ["0.66", "0.67", "0.68", "0.69", "0.7"], True),
        ([1e6, 1e-3], ["0.001", "0.1", "10", "1000", "100000"], True),
        ([3.1, 0.0], ["0", "1", "2", "3"], False),
        ([0.5, -1.2], ["-1", "-0.5", "0", "0.5"], False),
        ([2.0], ["1", "2", "3", "4"], True),
    ):
        text = loss_svg({"step": k, "loss": loss} for k, loss in enumerate(losses, start=1))
        assert ("log scale" in text) == is_log, losses
        found = re.findall(r'x="64" [^>]*>([^<]+)<', text)
        assert found == ticks, losses
        heights = [float(y) for y in re.findall(r'<path d="M72 ([\d.]+)H', text)]
        assert all(40 <= y <= 312 for y in heights), losses


def test_losses_of_a_training_that_goes_on() -> None:
    """However many there are, the curve has at most 500 points, each the mean of as many steps."""
    losses = RunningLosses()
    for step in range(1, 10_001):
        losses.add(step, 3.0 * step)
        assert len(losses.points) <= 500
        if step in (1, 499, 500, 999, 1000, 10_000):
            size = {1: 1, 499: 1, 500: 2, 999: 2, 1000: 4, 10_000: 32}[step]
            means = [k * size + (size + 1) / 2 for k in range(step // size)]
            assert losses.points == [(mean, 3.0 * mean) for mean in means], step


def test_the_line_of_a_training_shows_the_curve() -> None:
    """The loss as it falls, on a logarithmic scale, in at most 20 columns."""
    shown = _StepProgress()
    assert shown.line() == "reading the rows"
    for step in range(1, 41):
        shown.report({"step": step, "loss": 2.0**-step, "norm": 1.0}, 80)
    assert re.fullmatch(
        r"██▇▇▇▆▆▅▅▅▄▄▄▃▃▂▂▂▁▁ step 40 of 80, loss 9\.095e-13, [\d,]+ steps/s, [\d,]+ s left",
        shown.line(),
    )


def test_losses_that_are_not_finite_are_not_drawn() -> None:
    """What is drawn ends in no error, however far apart losses are."""
    for losses, drawn in (
        ([2.0, math.inf, 1.0], "█▁"), ([-2.0, math.nan, -1.0], "▁█"), ([math.inf], ""),
        ([1.7e308, -1.7e308], "█▁"), ([1.7e308] * 3, "▁▁▁"), ([5e-324, 1.0], "▁█"),
    ):  # fmt: skip
        assert loss_line(Curves([*enumerate(losses)], ()), 40) == drawn
        lines = [{"step": k, "loss": loss} for k, loss in enumerate(losses, start=1)]
        assert loss_svg(lines).endswith("</svg>\n"), losses
    shown = _StepProgress()
    shown.report({"step": 1, "loss": "nan", "norm": "nan"}, 2)
    assert shown.line().startswith(" step 1 of 2, loss nan, ")


def test_params_that_change_nothing_are_not_trained() -> None:
    """Weight decay would move them otherwise; a loss without params is refused."""
    graph = graph_of("loss = w*x; other = v*x", {"w": ("param", 1.0), "v": ("param", 1.0)}, ())
    table = pa.table({"x": [1.0]})
    result = train(graph, table, loss="loss", epochs=1, weight_decay=0.5)
    assert (data_of(result)["v"], result.results["trained"]) == (1.0, 1)
    with pytest.raises(GraphError, match="depends on none of the params"):
        train(graph, table, loss="loss", train=["v"], epochs=1)


def test_the_package_can_be_reached() -> None:
    """As `mgraph.training`, without an import of its own."""
    assert mgraph.training.train is train
    assert np.isfinite(line().train(ROWS, epochs=1).results["after"]["loss"])
