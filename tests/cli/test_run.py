"""`mgraph run`: what it prints and writes."""

from __future__ import annotations

import os

import pytest

from mgraph import __version__
from mgraph.codec import LIMIT_NAMES
from tests.command_line import (
    NEURON,
    Shell,
    codes,
    self_recorded,
    strict_json,
)

TWO_OUTPUTS = ("new", "s = a+b; p = a*b", "--input", "a=2", "--param", "b=3", "-o", "two.json")


TABLE = """\
id        formula       data           grad
x1        input          2.0           -1.5
x2        input          0.0            0.5
w1        param         -3.0            1.0
w2        param          1.0            0.0  zero gradient
x1w1      x1·w1         -6.0            0.5
x2w2      x2·w2          0.0            0.5
x1w1x2w2  x1w1 + x2w2   -6.0            0.5
b         param          6.881373587    0.5
n         x1w1x2w2 + b   0.881373587    0.5
o         tanh n         0.7071067812   1.0  output

output    o = 0.7071067812
gradient  x1 -1.5  w1 1.0  x2 0.5  b 0.5  w2 0.0
"""


def test_run_prints_a_table(mgraph: Shell) -> None:
    """Ids, formulas, values and gradients are in columns, with aligned decimal points."""
    said = mgraph("run", "neuron.json")
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith("neuron: One tanh neuron, from Andrej Karpathy's micrograd lecture.")
    wrote = "wrote     neuron.annotated.json (run 1 of runs 0 to 1)\n"
    assert said.out.split("\n\n", 1)[1] == TABLE + wrote


def test_run_writes_the_annotated_file_here(mgraph: Shell) -> None:
    """By default the file is written to the current folder, in the encoding of the graph."""
    mgraph.path("deep").mkdir()
    mgraph("convert", "neuron.json", "deep/net.msgpack")
    assert mgraph("run", "deep/net.msgpack").status == 0
    assert mgraph.files() == ["deep", "deep/net.msgpack", "net.annotated.msgpack", "neuron.json"]
    mgraph("convert", "net.annotated.msgpack", "net.json")
    document = mgraph.document("net.json")
    assert [self_recorded(run) for run in document["runs"]] == [False, True]
    assert document["runs"][1]["data"]["o"] == pytest.approx(0.7071067811865476)


def test_annotated_is_never_doubled(mgraph: Shell) -> None:
    """Running an annotated file writes that file again."""
    mgraph("run", "neuron.json")
    said = mgraph("run", "neuron.annotated.json")
    assert "wrote     neuron.annotated.json (run 1 of runs 0 to 1)" in said.out
    assert mgraph.files() == ["neuron.annotated.json", "neuron.json"]


def test_run_leaves_the_graph_alone(mgraph: Shell) -> None:
    """The annotated file has exactly the same nodes and the same runs from elsewhere."""
    mgraph("run", "neuron.json", "-o", "out.json")
    before, after = mgraph.document("neuron.json"), mgraph.document("out.json")
    (*old, new) = after.pop("runs")
    assert old == before.pop("runs")
    assert after == before
    assert new["origin"] == f"mgraph {__version__} value"
    assert list(new["data"]) == [node["id"] for node in before["nodes"]]


def test_in_place(mgraph: Shell) -> None:
    """`--in-place` writes into the file itself and nowhere else."""
    said = mgraph("run", "neuron.json", "--in-place")
    assert "wrote     neuron.json (run 1 of runs 0 to 1)" in said.out
    assert mgraph.files() == ["neuron.json"]
    assert mgraph("test", "neuron.json").out.startswith("1 file: 2 ok")


def test_only_an_own_run_with_the_same_question_is_replaced(mgraph: Shell) -> None:
    """Same inputs and seed replace the old self-recorded run; others are added."""
    run = ("run", "neuron.json", "--in-place")
    mgraph(*run)
    mgraph(*run)
    mgraph(*run, "--seed", "o=1")  # said or not, it is the same seed
    assert len(mgraph.document("neuron.json")["runs"]) == 2
    mgraph(*run, "--set", "x1=0.5")
    mgraph(*run, "--seed", "o=2")
    assert len(mgraph.document("neuron.json")["runs"]) == 4
    said = mgraph(*run, "--set", "x1=0.5")
    assert "(run 2 of runs 0 to 3)" in said.out
    runs = mgraph.document("neuron.json")["runs"]
    assert [self_recorded(run) for run in runs] == [False, True, True, True]
    assert [run.get("inputs") for run in runs] == [None, None, {"x1": 0.5}, None]
    assert [run.get("seed") for run in runs] == [None, {"o": 1.0}, None, {"o": 2.0}]
    assert runs[0] == strict_json(NEURON.read_bytes())["runs"][0]


def test_a_replaced_run_keeps_its_tolerance(mgraph: Shell) -> None:
    """The tolerance that somebody gave to a run is kept."""
    document = mgraph.document("neuron.json")
    document["runs"][0] |= {"origin": "mgraph 0.0 value", "tolerance": {"rel": 0.5}}
    mgraph.write("neuron.json", document)
    mgraph("run", "neuron.json", "--in-place")
    (run,) = mgraph.document("neuron.json")["runs"]
    assert run["tolerance"] == {"rel": 0.5}
    assert run["origin"] == f"mgraph {__version__} value"


@pytest.mark.parametrize("encoding", [".json", ".msgpack"])
def test_a_stream_goes_through(mgraph: Shell, encoding: str) -> None:
    """`-` reads standard input; the document goes out in the same encoding, the table to stderr."""
    mgraph("convert", "neuron.json", f"in{encoding}")
    said = mgraph("run", "-", stdin=mgraph.path(f"in{encoding}").read_bytes())
    assert said.status == 0
    assert TABLE in said.err
    assert "wrote     standard output (run 1 of runs 0 to 1)" in said.err
    mgraph.write(f"out{encoding}", said.raw)
    mgraph("run", "neuron.json", "-o", f"same{encoding}")
    assert mgraph.path(f"same{encoding}").read_bytes() == said.raw
    assert mgraph.files() == sorted(
        ["neuron.json", *(f"{name}{encoding}" for name in ("in", "out", "same"))]
    )


def test_document_to_standard_output(mgraph: Shell) -> None:
    """`-o -` writes the document and nothing else there."""
    said = mgraph("run", "neuron.json", "-o", "-", "--json")
    assert len(said.json["runs"]) == 2
    assert strict_json(said.raw_err)["wrote"] == "standard output"
    assert mgraph.files() == ["neuron.json"]


def test_set_and_inputs(mgraph: Shell) -> None:
    """Inputs and params get other values from a file, a stream or `--set`, which overrides them."""
    mgraph.write("in.json", {"x1": 0.5, "w1": 1, "b": "inf"})
    said = mgraph("run", "neuron.json", "--inputs", "in.json", "--set", "b=-0.0", "--json")
    assert said.json["inputs"] == {"x1": 0.5, "w1": 1.0, "b": -0.0}
    assert said.json["outputs"]["o"] == pytest.approx(0.46211715726000973, rel=1e-12)
    said = mgraph("run", "neuron.json", "--inputs", "-", "--json", stdin=b'{"x1": 7}')
    assert said.json["inputs"] == {"x1": 7.0}
    (_, run) = mgraph.document("neuron.annotated.json")["runs"]
    assert run["inputs"] == {"x1": 7.0}


@pytest.mark.parametrize("number", ["3", "-3", "+3.", ".5", "1E-5", "-0.0", "nan", "inf", "-inf"])
def test_numbers_that_can_be_typed(mgraph: Shell, number: str) -> None:
    """Any number a file may hold, and the usual short spellings."""
    said = mgraph("run", "neuron.json", "--set", f"x1={number}", "--json")
    assert repr(float(said.json["inputs"]["x1"])) == repr(float(number))


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        ('{"x1": "two"}', "number", "in.json:1:8"),
        ('{"x1": true}', "number", "in.json:1:8"),
        ('{"x1": [1]}', "number", "in.json:1:8"),
        ('{"x1": NaN}', "number", "in.json:1:8"),
        ('{"x1": 1e400}', "number", "in.json:1:8"),
        ('{"x1": 1' + "0" * 400 + "}", "number", "in.json:1:8"),
        ('{\n "x1": 1, "x1": 2}', "duplicate-key", "in.json:2:11"),
        ("[1]", "type", "in.json:1:1"),
        ('{"x1": ' + "[" * 10**5, "depth", "in.json:1:39"),
        ("{'x1': 2}", "syntax", "in.json:1:2"),
        ('{"q": 2}', "run-node", "neuron.json"),
        ('{"o": 2}', "run-node", "neuron.json"),
    ],
    ids=[
        "text",
        "bool",
        "list",
        "nan",
        "big",
        "huge",
        "twice",
        "array",
        "deep",
        "python",
        "q",
        "o",
    ],
)
def test_wrong_inputs_are_told(mgraph: Shell, content: str, code: str, place: str) -> None:
    """The file of `--inputs` is checked as strictly as a graph file, and nothing is written."""
    mgraph.write("in.json", content)
    said = mgraph("run", "neuron.json", "--inputs", "in.json")
    assert (said.status, said.raw, codes(said)) == (1, b"", [code])
    assert said.err.startswith(f"{place}: error")
    assert ("with quotes" in said.err) == content.endswith(("NaN}", "1e400}"))
    assert mgraph.files() == ["in.json", "neuron.json"]


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("--set", "q=1"), "run-node"),
        (("--set", "n=1"), "run-node"),
        (("--seed", "n=1"), "seed"),
        (("--seed", "o=nan"), "seed"),
        (("--output", "nothing"), "run-node"),
    ],
    ids=" ".join,
)
def test_settings_that_fit_no_node_are_told(
    mgraph: Shell, args: tuple[str, ...], code: str
) -> None:
    """An id that can't be set or seeded gives an error with the name of the file."""
    said = mgraph("run", "neuron.json", *args)
    assert (said.status, codes(said)) == (1, [code])
    assert said.err.startswith("neuron.json: error")
    assert mgraph.files() == ["neuron.json"]


def test_nothing_is_written(mgraph: Shell) -> None:
    """With `-o /dev/null` (NUL on Windows), the table is printed, and no file is written."""
    said = mgraph("run", "neuron.json", "-o", os.devnull)
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith("neuron: One tanh neuron")
    assert said.out.endswith("wrote     nothing\n")
    assert mgraph("run", "neuron.json", "--json", "-o", os.devnull).json["wrote"] is None
    assert mgraph("convert", "neuron.json", os.devnull).out == "wrote nothing\n"
    assert mgraph("convert", "neuron.json", os.devnull, "--json").json["wrote"] is None
    assert mgraph.files() == ["neuron.json"]


def test_several_outputs(mgraph: Shell) -> None:
    """`--output` seeds an output with 1, `--seed` with any number; one of them is needed."""
    mgraph(*TWO_OUTPUTS)
    said = mgraph("run", "two.json")
    assert (codes(said), "seed one, for example --seed s=1; in" in said.err) == (["seed"], True)
    said = mgraph("run", "two.json", "--output", "p", "--json")
    nodes = {node["id"]: node for node in said.json["nodes"]}
    assert {name: node["grad"] for name, node in nodes.items()} == {
        "a": 3.0, "b": 2.0, "s": None, "p": 1.0,
    }  # fmt: skip
    assert nodes["s"]["flags"] == ["output", "no path to a seeded output"]
    said = mgraph("run", "two.json", "--seed", "p=10", "--output", "s", "--json")
    assert said.json["seed"] == {"s": 1.0, "p": 10.0}
    assert {node["id"]: node["grad"] for node in said.json["nodes"]}["a"] == 31.0


def test_no_grad(mgraph: Shell) -> None:
    """Forward only: no gradient is shown or written."""
    said = mgraph("run", "neuron.json", "--no-grad")
    assert "gradient" not in said.out
    assert "o         tanh n         0.7071067812  -     output" in said.out
    (_, run) = mgraph.document("neuron.annotated.json")["runs"]
    assert "grad" not in run


def test_run_as_json(mgraph: Shell) -> None:
    """`--json` has everything that the table has."""
    said = mgraph("run", "neuron.json", "--json")
    found = said.json
    assert (said.status, said.err) == (0, "")
    assert found["outputs"] == {"o": pytest.approx(0.7071067811865476)}
    assert found["seed"] == {"o": 1.0}
    assert found["wrote"] == "neuron.annotated.json"
    assert found["leaves_by_gradient"] == ["x1", "w1", "x2", "b", "w2"]
    assert found["first_non_finite"] is None
    assert found["first_non_finite_gradient"] is None
    assert [node["id"] for node in found["nodes"]] == [
        line.split()[0] for line in TABLE.splitlines()[1:11]
    ]
    assert found["nodes"][3] == {
        "id": "w2", "op": "param", "formula": "param", "data": 1.0, "grad": 0.0,
        "flags": ["zero gradient"],
    }  # fmt: skip


def test_flags(mgraph: Shell) -> None:
    """The first non-finite node, nodes without a path, and zero gradients are pointed out."""
    document = {
        "mgraph": "1.0",
        "nodes": [
            {"id": "x", "op": "input", "data": 2.0},
            {"id": "zero", "op": "const", "data": 0.0},
            {"id": "q", "op": "div", "args": ["x", "zero"]},
            {"id": "idle", "op": "neg", "args": ["q"]},
            {"id": "y", "op": "relu", "args": ["q"]},
            {"id": "w", "op": "param", "data": -1.0},
            {"id": "dead", "op": "relu", "args": ["w"]},
            {"id": "out", "op": "add", "args": ["y", "dead"]},
        ],
        "outputs": ["out"],
    }
    mgraph.write("flags.json", document)
    said = mgraph("run", "flags.json")
    assert codes(said) == ["unreached"]
    remarks = {line.split()[0]: line for line in said.out.splitlines()[1:9]}
    assert remarks["q"].endswith("  first non-finite")
    assert remarks["idle"].endswith("  no path to the output")
    assert remarks["w"].endswith("  zero gradient")
    assert remarks["out"].endswith("  output")
    assert remarks["zero"].split() == ["zero", "const", "0.0", "-"]
    assert remarks["y"].split() == ["y", "relu", "q", "inf", "1.0"]
    assert "look at   q = x/zero, with x = 2.0, zero = 0.0, is inf" in said.out


@pytest.mark.parametrize(
    ("formula", "node", "grad"),
    [
        ("L = sqrt(x)*w", "x", "inf"),  # 1/(2√0)
        ("m = x*w; L = sqrt(m)*x", "m", "nan"),  # 0 times infinity
        ("n = x*w; L = sqrt(n)*w", "n", "inf"),
        ("L = (sqrt(x) - sqrt(x))*w", "x", "nan"),  # infinity minus infinity
    ],
)
def test_a_gradient_that_is_not_finite(mgraph: Shell, formula: str, node: str, grad: str) -> None:
    """The first one of the backward pass is marked, and named below the table."""
    mgraph("new", formula, "--input", "x=0", "--input", "w=1", "-o", "zero.json")
    said = mgraph("run", "zero.json")
    marked = [line for line in said.out.splitlines() if line.endswith("first non-finite gradient")]
    assert [line.split()[0] for line in marked] == [node]
    hint = f"mgraph explain zero.annotated.json {node} --run 0"
    assert f"look at   the gradient of {node} is {grad}; {hint} shows why\n" in said.out
    found = mgraph("run", "zero.json", "--json").json
    assert found["first_non_finite"] is None
    assert found["first_non_finite_gradient"] == node
    assert f"= {grad}" in mgraph(*hint.split()[1:]).out


@pytest.mark.parametrize("args", [("--set", "a=0", "--seed", "b=1"), ("--inputs", "a.json")])
def test_the_hint_to_a_gradient_explains_the_same_run(mgraph: Shell, args: tuple[str, ...]) -> None:
    """Whatever the run was asked for, the command in the hint shows its numbers."""
    mgraph("new", "c = 2*a; b = sqrt(a)", "--param", "a=4", "-o", "two.json")
    mgraph.write("a.json", {"a": 0})
    mgraph("run", "two.json", "--seed", "c=1", "--in-place")
    seed = () if "--seed" in args else ("--output", "b")
    said = mgraph("run", "two.json", *args, *seed, "-o", "my runs.json")
    assert "; mgraph explain 'my runs.json' a --run 1 shows why\n" in said.out
    assert "look at   ∂b/∂a = 0.5/b = 0.5/0.0 = inf" in mgraph(
        "explain", "my runs.json", "a", "--run", "1").out  # fmt: skip
    said = mgraph("run", "two.json", *args, *seed, "-o", os.devnull)
    assert "look at   the gradient of a is inf\n" in said.out  # there is no file to explain


def test_file_order_is_kept(mgraph: Shell) -> None:
    """Nodes listed before their arguments are evaluated after them, and written as listed."""
    document = mgraph.document("neuron.json")
    document["nodes"].reverse()
    del document["runs"]
    mgraph.write("upside.json", document)
    said = mgraph("run", "upside.json", "--json")
    order = [node["id"] for node in said.json["nodes"]]
    assert order.index("x1") < order.index("x1w1") < order.index("n") < order.index("o")
    written = mgraph.document("upside.annotated.json")
    assert written["nodes"] == document["nodes"]
    assert list(written["runs"][0]["data"]) == order


def test_a_long_graph_is_folded(mgraph: Shell) -> None:
    """In a table of more than sixty nodes the middle is left out, unless `--all` is given."""
    sets = [f"--input=x{i}={i}" for i in (1, 2)]
    mgraph("new", "--mlp", "2,16,1", *sets, "-o", "net.json")
    count = len(mgraph.document("net.json")["nodes"])
    said = mgraph("run", "net.json")
    rows = said.out.split("\n\n")[1].splitlines()
    assert len(rows) == 1 + 40 + 1
    assert rows[21] == f"… {count - 40} more nodes; --all shows them …"
    said = mgraph("run", "net.json", "--all")
    assert len(said.out.split("\n\n")[1].splitlines()) == 1 + count
    assert len(mgraph("run", "net.json", "--json").json["nodes"]) == count
    assert max(map(len, said.out.splitlines())) <= 100


def test_a_place_that_cant_be_written(mgraph: Shell) -> None:
    """There is one clear error, and a hint if the file wasn't named on the command line."""
    said = mgraph("run", "neuron.json", "-o", "nowhere/out.json")
    assert (said.status, said.raw, codes(said)) == (1, b"", ["io"])
    mgraph.path("neuron.annotated.json").mkdir()
    said = mgraph("run", "neuron.json")
    assert (said.status, said.raw, codes(said)) == (1, b"", ["io"])
    assert "fix       choose another file with -o FILE; with -o - no file is written" in said.err


def test_limits_can_be_changed(mgraph: Shell) -> None:
    """`--limit` lowers and raises the limits of reading; the error says how."""
    said = mgraph("run", "neuron.json", "--limit", "nodes=9")
    assert (said.status, codes(said)) == (1, ["limit"])
    assert "--limit nodes=" in said.err
    assert mgraph("run", "neuron.json", "--limit", "nodes=10").status == 0
    names = mgraph("run", "--help").out
    assert all(name in names for name in LIMIT_NAMES)


def test_an_input_without_a_value(mgraph: Shell) -> None:
    """Every input without a value is reported, with what to type."""
    mgraph("new", "L = x*y", "-o", "open.json")
    said = mgraph("run", "open.json")
    assert (said.status, codes(said)) == (1, ["unbound-input"] * 2)
    assert "--set x=1.0" in said.err
    assert mgraph("run", "open.json", "--set", "x=2", "--set", "y=3").status == 0
