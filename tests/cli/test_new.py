"""`mgraph new`: formulas and networks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from tests.command_line import (
    Shell,
    is_usage_error,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Formula = Callable[[float], float]


def test_new_from_a_formula(mgraph: Shell) -> None:
    """Names become ids, declared leaves keep op and value, numbers become constants."""
    said = mgraph("new", "L = tanh(x*w + 0.5)", "--input", "x=2", "--param", "w=-3")
    assert (said.status, said.err) == (0, "")
    assert said.json == {
        "mgraph": "1.0",
        "name": "L",
        "nodes": [
            {"id": "x", "op": "input", "data": 2.0},
            {"id": "w", "op": "param", "data": -3.0},
            {"id": "n2", "op": "mul", "args": ["x", "w"]},
            {"id": "n3", "op": "const", "data": 0.5},
            {"id": "n4", "op": "add", "args": ["n2", "n3"]},
            {"id": "L", "op": "tanh", "args": ["n4"]},
        ],
        "outputs": ["L"],
    }


def test_new_from_statements(mgraph: Shell) -> None:
    """Several statements, by ; or newline; names not declared are inputs without a value."""
    said = mgraph("new", "e = a*b; d = e + c\n  L = d*f", "--input", "a", "-o", "steps.json")
    assert said.out == (
        "wrote steps.json: 7 nodes, 4 inputs without a value\n"
        "to run it: mgraph run steps.json --set a=1.0 --set b=1.0 --set c=1.0 --set f=1.0\n"
    )
    document = mgraph.document("steps.json")
    assert [node["id"] for node in document["nodes"]] == ["a", "b", "c", "f", "e", "d", "L"]
    assert document["outputs"] == ["L"]
    assert all("data" not in node for node in document["nodes"])


def test_new_outputs(mgraph: Shell) -> None:
    """Names that nothing uses are outputs, unless `--output` says otherwise."""
    assert mgraph("new", "s = a+b; p = a*b").json["outputs"] == ["s", "p"]
    assert mgraph("new", "s = a+b; p = s*b", "--output", "s", "--output", "p").json[
        "outputs"
    ] == ["s", "p"]  # fmt: skip
    assert mgraph("new", "a*b + 1").json["outputs"] == ["n4"]


@pytest.mark.parametrize(
    ("formula", "op", "args"),
    [
        ("x ** y", "pow", ["x", "y"]), ("x ^ y", "pow", ["x", "y"]), ("x / y", "div", ["x", "y"]),
        ("x - y", "sub", ["x", "y"]), ("-x", "neg", ["x"]), ("ln(x)", "log", ["x"]),
        ("max(x, y)", "max", ["x", "y"]), ("sum(x, y, x)", "sum", ["x", "y", "x"]),
        ("(x*y).tanh()", "tanh", ["n2"]), ("layer1.w[3].exp()", "exp", ["layer1.w[3]"]),
        ("layer1.w[3] * y", "mul", ["layer1.w[3]", "y"]), ("x * -2", "mul", ["x", "n1"]),
    ],
)  # fmt: skip
def test_new_operators(mgraph: Shell, formula: str, op: str, args: list[str]) -> None:
    """Operators, functions and names are read as people write them."""
    last = mgraph("new", f"L = {formula}").json["nodes"][-1]
    assert (last["op"], last["args"]) == (op, args)


def test_new_const(mgraph: Shell) -> None:
    """`--const` names a constant; a negative number is one constant, not a negation."""
    nodes = mgraph("new", "L = g*x - -2", "--const", "g=9.81").json["nodes"]
    assert nodes[0] == {"id": "g", "op": "const", "data": 9.81}
    assert nodes[3] == {"id": "n3", "op": "const", "data": -2.0}


@pytest.mark.parametrize(
    ("formula", "place", "words"),
    [
        ("__import__('os').system('x')", (1, 1), "is not an op"),
        ("L = os.system(x)", (1, 5), '"os.system" is not an op'),
        ("L = np.tanh(x)", (1, 5), 'did you mean "tanh"?'),
        ("L = tanhh(x)", (1, 5), 'did you mean "tanh"?'),
        ("x = x + 1", (1, 5), "x is used before it is assigned"),
        ("a = b*b; b = 3*x", (1, 5), "b is used before it is assigned"),
        ("L = lambda x: x", (1, 5), "a function can't be used in a formula"),
        ("L = [x for x in y]", (1, 5), "this can't be used in a formula"),
        ("L = x % 2", (1, 5), "% can't be used in a formula: use + - * / **"),
        ("L = x if y else z", (1, 5), "a condition can't be used"),
        ("L = x < y", (1, 5), "a comparison can't be used"),
        ("L = 'text'", (1, 5), "anything but names and numbers can't be used"),
        ("L = True*x", (1, 5), "anything but names and numbers can't be used"),
        ("L = x +\n y", (1, 8), "can't be read"),
        ("a = b^2\nL = a^3 + foo(x)", (2, 11), '"foo" is not an op'),
        ("L = é + 1", (1, 5), "an id is an ASCII letter or _, then"),
        ("\u210c = x + 1", (1, 1), "can't be used in a formula"),  # Python would read it as H
        ("L = x \u00d7 y", (1, 7), "write *"),
        ("L = x\x07y", (1, 6), '"\\u{7}" can\'t be used'),
        ("L = 1e400*x", (1, 5), "too large for a double"),
        (f"L = 1{'0' * 400}*x", (1, 5), "too large for a double"),
        (f"L = 1{'0' * 5000}*x", (1, 1), "too many digits"),
        ("L = x", (1, 1), "another name for x: use x itself"),
        ("L = 3", (1, 1), "declare it with --param L=3"),
        ("L = x*y; L = x+y", (1, 10), "assigned twice"),
        ("x*y; L = x+y", (1, 1), "expected 'name = formula'"),
        ("import os", (1, 1), "expected 'name = formula'"),
        ("a = b = x*y", (1, 1), "expected 'name = formula'"),
        ("a, b = x*y", (1, 1), "can't be an id"),
        ("L = w[i]*x", (1, 5), "x[3] but not x[i]"),
        ("L = tanh(x, y)", (1, 5), "tanh takes 1, not 2"),
        ("L = sum()", (1, 5), "sum takes at least 1, not 0"),
        ("L = sum(*x)", (1, 5), "only plain arguments"),
        ("L = max(a=x, b=y)", (1, 5), "only plain arguments"),
        (f"L = {'x' * 129}*2", (1, 5), "an id of 129 bytes"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)  # fmt: skip
def test_hostile_formulas(mgraph: Shell, formula: str, place: tuple[int, int], words: str) -> None:
    """A formula is parsed, never executed; the error points at what isn't allowed in it."""
    said = mgraph("new", formula, "-o", "out.json")
    assert is_usage_error(said, words)
    _, _, message = said.err.partition("Error: ")
    first, shown, caret = message.rstrip("\n").split("\n")
    assert first.startswith(f"line {place[0]}, column {place[1]}: ")
    line = formula.splitlines()[place[0] - 1].strip().replace("\x07", "\ufffd")  # one column wide
    assert shown.strip() in line
    assert caret.strip() == "^"
    if len(line) < 70:
        assert (shown, caret.index("^")) == (f"  {line}", place[1] + 1)
    assert mgraph.files() == ["neuron.json"]


@pytest.mark.parametrize(
    "formula",
    [
        *("", "  \n ", "# nothing", ";" * 10**5, "L = \x00", "\n" * 10**5 + "é"),
        *("(" * 10**5 + "x" + ")" * 10**5, "-" * 10**5 + "x", "L = " + "f(" * 10**4),
        *("x" + "[0]" * 10**5, "x" + ".a" * 10**5, "not " * 10**5 + "x", "lambda: " * 10**4 + "x"),
        *("L=" + op.join("x" * 10**5) for op in ("+", "**", "^", " if x else ", ";")),
        "x" * (2**20 + 1),
    ],
    ids=range(19),
)
def test_formulas_of_any_size_are_refused_quietly(mgraph: Shell, formula: str) -> None:
    """Formulas that are deeply nested, long or empty give a short message."""
    said = mgraph("new", "--", formula)
    assert is_usage_error(said)
    assert len(said.err) < 700


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("L = x*w", "--param", "w"), "write ID=X, for example w=0.5"),
        (("L = x*w", "--param", "v=1"), 'no output depends on "v"'),
        (("L = x*w", "--param", "a b=1"), 'no output depends on "a b"'),
        (("L = x*w; M = x+1", "--output", "L"), 'no output depends on "M": remove it'),
        (("L = x*w", "--param", "u=1", "--param", "v=1"), 'on "u", "v": remove them, or use them'),
        (("L = x*w", "--param", "L=1"), "L is declared as a leaf, but computed here"),
        (("L = x*w", "--param", "w=1", "--input", "w"), "declared twice: as input, and as param"),
        (("L = x*w", "--output", "Q"), 'the output "Q" is not in the formula'),
        (("layer = x*w", "--output", "layr"), 'did you mean "layer"?'),
        (("L = x*w", "--output", "L", "--output", "L"), "named twice"),
        (("L = x*w", "--mlp", "2,1"), "give either a formula or --mlp"),
        (("L = x*w", "--loss", "mse"), "--loss can only be used with --mlp, not with a formula"),
        (("--mlp", "2,1", "--loss", "l1"), "'l1' is not one of 'mse', 'hinge', 'cross-entropy'"),
        (("--mlp", "1,65536", "--loss", "mse"), "a loss of 65,536 scores; at most 65,535"),
        (("--mlp", "1,1", "--input", "y=1"), "no input y; its inputs are x1"),
        (("--mlp", "2,1", "--loss", "mse", "--input", "y2=1"), "its inputs are x1 … x2 and y"),
        (("--mlp", "2,3", "--loss", "mse", "--input", "y=1"), "are x1 … x2 and y1 … y3"),
        (("L = x*w", "--seed", "3"), "--seed can only be used with --mlp, not with a formula"),
        (("--mlp", "2,1", "--param", "w=3"), "--param can only be used with a formula"),
        (("--mlp", "2"), "for example 2,16,16,1"),
        (("--mlp", "2,0"), "for example 2,16,16,1"),
        (("--mlp", "2,x"), "for example, 2,16,16,1"),
        (("--mlp", "100000,100000"), "20,000,300,000 nodes; at most 10,000,000"),
        (("--mlp", "65535,1"), "at most 65,534"),
        (("--mlp", "2,1", "--input", "x3=1"), "no input x3; its inputs are x1 … x2"),
        (("--mlp", "2,1", "--activation", "max"), "'max' is not one of 'linear'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)  # fmt: skip
def test_new_refuses_what_makes_no_sense(mgraph: Shell, args: tuple[str, ...], words: str) -> None:
    """Options that contradict each other, or would do nothing, are refused."""
    assert is_usage_error(mgraph("new", *args), words)


def test_new_network(mgraph: Shell) -> None:
    """A network has micrograd's structure, clear ids, and the same weights for the same seed."""
    args = ("new", "--mlp", "2,3,1", "--activation", "relu", "--seed", "7", "--input", "x1=-0.0")
    document = mgraph(*args).json
    nodes = {node["id"]: node for node in document["nodes"]}
    assert nodes["x1"] == {"id": "x1", "op": "input", "data": -0.0}
    assert nodes["x2"] == {"id": "x2", "op": "input"}
    assert nodes["layer1.neuron3.x2w2"]["args"] == ["x2", "layer1.neuron3.w2"]
    assert nodes["layer1.neuron3.sum"]["args"] == [
        "layer1.neuron3.b", "layer1.neuron3.x1w1", "layer1.neuron3.x2w2",
    ]  # fmt: skip
    assert nodes["layer1.neuron3.out"]["op"] == "relu"
    assert nodes["layer2.neuron1.x3w3"]["args"] == ["layer1.neuron3.out", "layer2.neuron1.w3"]
    assert document["outputs"] == ["layer2.neuron1.sum"]
    assert len(nodes) == 2 + 3 * (2 * 2 + 3) + 2 * 3 + 2
    params = [node for node in nodes.values() if node["op"] == "param"]
    assert all(-1.0 <= node["data"] <= 1.0 for node in params)
    assert mgraph(*args).json == document
    assert mgraph(*args[:-4], "--seed", "8").json != document


@pytest.mark.parametrize(
    ("loss", "y", "of_score", "slope"),
    [
        ("mse", 0.5, lambda s: (s - 0.5) ** 2, lambda s: 2.0 * (s - 0.5)),
        ("hinge", -1.0, lambda s: max(0.0, 1.0 + s), lambda s: 1.0 if s > -1.0 else 0.0),
        (
            "cross-entropy", 1.0,
            lambda s: math.log(1.0 + math.exp(-s)), lambda s: 1.0 / (1.0 + math.exp(-s)) - 1.0,
        ),
    ],
)  # fmt: skip
def test_new_network_with_a_loss(
    mgraph: Shell, loss: str, y: float, of_score: Formula, slope: Formula
) -> None:
    """The loss is the only output, its target is an input, and the score keeps its id."""
    args = ("new", "--mlp", "2,3,1", "--loss", loss, "--input", "x1=2", "--input", "x2=-0.5")
    mgraph(*args, "-o", "net.json")
    document = mgraph.document("net.json")
    assert document["outputs"] == ["loss"]
    assert [node["id"] for node in document["nodes"] if node["op"] == "input"] == ["x1", "x2", "y"]
    score = next(node for node in document["nodes"] if node["id"] == "layer2.neuron1.sum")
    assert score["label"] == "score"
    assert f"Its loss is {loss}: " in document["doc"]
    assert "scores" not in document["doc"]
    found = mgraph("run", "net.json", "--set", f"y={y}", "--json").json
    numbers = {node["id"]: node for node in found["nodes"]}
    s = numbers["layer2.neuron1.sum"]["data"]
    assert found["outputs"] == {"loss": pytest.approx(of_score(s), rel=1e-14)}
    assert numbers["layer2.neuron1.sum"]["grad"] == pytest.approx(slope(s), rel=1e-14)
    assert numbers["layer2.neuron1.b"]["grad"] == numbers["layer2.neuron1.sum"]["grad"]


def test_new_network_with_several_scores(mgraph: Shell) -> None:
    """Each score has its target and its label, in the order of the last layer."""
    document = mgraph("new", "--mlp", "2,3", "--loss", "cross-entropy", "--input", "y2=1").json
    assert "of the scores" in document["doc"]
    nodes = {node["id"]: node for node in document["nodes"]}
    assert [*nodes][:5] == ["x1", "x2", "y1", "y2", "y3"]
    assert "data" not in nodes["y1"]
    assert nodes["y2"]["data"] == 1.0
    assert [nodes[f"layer1.neuron{i}.sum"]["label"] for i in (1, 2, 3)] == [
        "score 1", "score 2", "score 3",
    ]  # fmt: skip
    assert document["outputs"] == ["loss"]


def test_a_loss_by_hand(mgraph: Shell) -> None:
    """The formula that the help shows has the value of `--loss hinge` and its gradients."""
    formula = "score = x*w + b; loss = relu(1 - y*score)"
    mgraph("new", formula, "--param", "w=-0.5", "--param", "b=0", "-o", "hand.json")
    by_hand = mgraph("run", "hand.json", "--set", "x=0.75", "--set", "y=1", "--json").json
    grads = {node["id"]: node.get("grad") for node in by_hand["nodes"]}
    assert by_hand["outputs"] == {"loss": 1.0 + 0.375}
    assert (grads["w"], grads["b"], grads["score"]) == (-0.75, -1.0, -1.0)
    mgraph("new", "--mlp", "1,1", "--loss", "hinge", "-o", "net.json")
    sets = ("--set", "x1=0.75", "--set", "layer1.neuron1.w1=-0.5", "--set", "y=1")
    network = mgraph("run", "net.json", *sets, "--json").json
    assert network["outputs"] == by_hand["outputs"]
    of_network = {node["id"]: node.get("grad") for node in network["nodes"]}
    assert of_network["layer1.neuron1.w1"] == grads["w"]


def test_what_new_makes_runs(mgraph: Shell) -> None:
    """A formula becomes a file that runs, and its numbers are those of the formula."""
    mgraph("new", "L = (x^2 + 1)/exp(-x)", "--input", "x=0.5", "-o", "f.msgpack")
    found = mgraph("run", "f.msgpack", "--json").json
    assert found["outputs"]["L"] == pytest.approx(1.25 * 2.718281828459045**0.5, rel=1e-12)
    slope = next(node["grad"] for node in found["nodes"] if node["id"] == "x")
    assert slope == pytest.approx((0.25 + 1.0 + 1.0) * 2.718281828459045**0.5, rel=1e-12)
