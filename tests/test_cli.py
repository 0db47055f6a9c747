"""The command line: what each verb does, says and writes."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET
from inspect import cleandoc
from itertools import product
from typing import TYPE_CHECKING, Any

import click
import pytest

from mgraph import __version__
from mgraph.cli import VERBS, cli
from mgraph.codec import LIMIT_NAMES
from mgraph.errors import CODES
from mgraph.ops import LEAVES, ROWS
from tests.command_line import FIXTURES, HERE, NEURON, Said, Shell, in_shell, strict_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVERY_VERB = [verb for verbs in VERBS.values() for verb in verbs]
TWO_OUTPUTS = ("new", "s = a+b; p = a*b", "--input", "a=2", "--param", "b=3", "-o", "two.json")


@pytest.fixture
def mgraph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Return a folder with the neuron in it, and `mgraph` to call there."""
    (tmp_path / "neuron.json").write_bytes(NEURON.read_bytes())
    return Shell(tmp_path, monkeypatch)


def is_usage_error(said: Said, *words: str) -> bool:
    """Whether a wrong command line was told: status 2, usage, and these words."""
    right = said.status == 2 and said.raw == b"" and said.err.startswith("Usage: mgraph")
    return right and all(word in said.err for word in words)


def codes(said: Said) -> list[str]:
    """Return the codes of the diagnostics on standard error."""
    return re.findall(r"(?:error|warning)\[([a-z0-9-]+)\]", said.err)


def self_recorded(run: dict[str, Any]) -> bool:
    """Whether a run says that mgraph recorded it."""
    origin: str = run["origin"]
    return origin.startswith("mgraph ")


# --- help ------------------------------------------------------------------------------------


def command_of(verb: str) -> click.Command:
    """Return a verb's command."""
    found = cli.get_command(click.Context(cli), verb)
    assert found is not None
    return found


def examples() -> Iterator[tuple[str, str]]:
    """Yield every example of every help text, with the verb it belongs to."""
    for verb in ("", *EVERY_VERB):
        text = cleandoc((command_of(verb) if verb else cli).help or "")
        _, heading, block = text.partition("Example")
        assert heading, f"{verb or 'mgraph'} has no examples"
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("  mgraph "):
                yield verb, " ".join(line.split())


EXAMPLES = list(examples())


def test_every_verb_has_an_example() -> None:
    """An example of each verb calls that verb."""
    assert {verb for verb, line in EXAMPLES if f"mgraph {verb}" in line} == {"", *EVERY_VERB}


@pytest.mark.parametrize(("verb", "line"), EXAMPLES, ids=[line for _, line in EXAMPLES])
def test_examples_work(verb: str, line: str, tmp_path: Path) -> None:
    """An example typed into a shell, beside what it names, does what it says, and no more."""
    _put_beside(tmp_path)
    said = in_shell(line, tmp_path)
    assert said.err == ""
    may_fail = verb == "diff" or "micrograd" in line  # which has a recursion limit
    assert said.status in ((0, 1) if may_fail else (0,))
    target = re.search(r"(?:-o|>|--junit) ([^ ;]+)", line)
    assert target is None or (tmp_path / target[1]).stat().st_size


def _put_beside(folder: Path) -> None:
    """Put the files into a folder that examples name."""
    (folder / "neuron.json").write_bytes(NEURON.read_bytes())
    (folder / "homework").mkdir()
    (folder / "homework" / "neuron.json").write_bytes(NEURON.read_bytes())
    (folder / "train.py").write_text(
        "from micrograd.engine import Value\nx = Value(2.0)\n(x * x).backward()\n"
    )
    (folder / "engine.py").write_bytes((HERE / "engines" / "engine.py").read_bytes())
    (folder / "activation.py").write_text("def tanh(x):\n    return x.tanh()\n")
    engine = HERE.parent / "examples" / "javascript" / "engine.mjs"
    (folder / "engine.mjs").write_bytes(engine.read_bytes())
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "python").symlink_to(sys.executable)


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("verb", EVERY_VERB)
def test_help_of_a_verb(mgraph: Shell, verb: str, flag: str) -> None:
    """Each verb explains itself: usage, examples, every option with words."""
    said = mgraph(verb, flag)
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith(f"Usage: mgraph {verb}")
    assert "  Example" in said.out
    for option in command_of(verb).params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert option.opts[-1] in said.out
    assert max(map(len, said.out.splitlines())) <= 100


def test_help_groups_the_verbs(mgraph: Shell) -> None:
    """`mgraph --help` lists each verb once, under its purpose."""
    said = mgraph("--help")
    assert said.status == 0
    for purpose, verbs in VERBS.items():
        block = said.out.split(f"\n{purpose}:\n")[1].split("\n\n")[0]
        assert [line.split()[0] for line in block.splitlines()] == [*verbs]


def test_version(mgraph: Shell) -> None:
    """The version of the package and of the format, on one line."""
    assert mgraph("--version").out == f"mgraph {__version__}, format 1.0\n"


# --- a wrong command line --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("rnu neuron.json", 'did you mean "run"?'),
        ("frobnicate", "the verbs are new, run, trace, view, draw, explain, step, gradcheck"),
        ("neuron.json", "did you mean: mgraph run neuron.json"),
        ("run", "Missing argument 'GRAPH'. For example: mgraph run neuron.json"),
        ("check", "For example: mgraph check neuron.json"),
        ("diff neuron.json", "Missing argument 'B'. For example: mgraph diff"),
        ("convert neuron.json", "For example: mgraph convert neuron.json neuron.msgpack"),
        ("run neuron.json --nograd", "Did you mean '--no-grad'?"),
        ("--json run neuron.json", "behind it: mgraph run GRAPH --json"),
        ("run neuron.json other.json", "unexpected extra argument (other.json)"),
        ("run neuron.json -o neuron.txt", "a name that ends in .json or .msgpack, or -"),
        ("run neuron.json --in-place -o a.json", "exclude each other"),
        ("run - --in-place", "use -o FILE"),
        ("run - --inputs -", "only one of"),
        ("run neuron.json --set x1", "write ID=X, for example x1=0.5"),
        ("run neuron.json --set =3", "for example w1=0.5"),
        ("run neuron.json --set x1=two", "'two' is no number: write x1=0.5"),
        ("run neuron.json --set x1=1_000", "'1_000' is no number"),
        ("run neuron.json --set x1=1e400", "write x1=inf if you mean it"),
        ("run neuron.json --seed o", "for example o=0.5"),
        ("run neuron.json --engine warp", "'warp' is not one of 'auto', 'value'"),
        ("run neuron.json --limit nodes", "for example nodes=20000000 or size=2G"),
        ("check neuron.json --limit depth=201", "depth can be raised to 200 at most"),
        ("explain neuron.json", "For example: mgraph explain neuron.json w1"),
        ("explain neuron.json w1 --paths 0", "0 is not in the range 1<=x<=10000"),
        ("explain neuron.json w1 --run 1", "neuron.json has 1 run: choose --run 0"),
        ("explain - w1 --inputs -", "only one of"),
        ("step - --inputs -", "only one of"),
        ("step neuron.json --run -1", "-1 is not in the range"),
        ("gradcheck - --inputs -", "only one of"),
        ("gradcheck neuron.json -o a.svg", "-o goes with --leaf"),
        (
            "gradcheck neuron.json --leaf w1 -o a.gif",
            "expected a name that ends in .svg or .png, or -",
        ),
        ("gradcheck neuron.json --leaf w1 --all", "exclude each other"),
        ("gradcheck neuron.json --tolerance -1", "a finite number from 0, for example 1e-6"),
        ("test --rel -1", "a finite number from 0, for example 1e-9"),
        ("test --abs nan", "a finite number from 0"),
        ("test --exact --rel 1e-9", "--exact goes with neither --rel nor --abs"),
        ("test --accept", "one file by its name"),
        ("test --accept .", "one file by its name"),
        ("test --accept neuron.json neuron.json", "one file by its name"),
        ("test --accept neuron.json --json", "neither --json nor --junit"),
        ("draw neuron.json", "Missing option '-o'"),
        ("draw neuron.json -o a.gif", "give --format, one of svg, png, dot, mmd"),
        ("draw neuron.json -o -", "the name of standard output does not say what to draw"),
        ("draw neuron.json -o a.svg --hops 2", "--hops goes with --around"),
        ("draw neuron.json -o a.svg --fold -1", "No such option"),
        ("draw --fold neuron.json -o a.svg", "'neuron.json' is no depth: write --fold 1"),
        ("draw neuron.json -o a.svg --theme pink", "'pink' is not one of 'light', 'dark'"),
        ("draw neuron.json -o a.svg --run 7", "neuron.json has 1 run: choose --run 0"),
        ("draw - -o a.svg --inputs -", "only one of"),
        ("diff - -", "only one of the two files"),
        ("convert neuron.json a.yaml", ".json or .msgpack, or -"),
        ("convert neuron.json a.json --to 0.9", "there is no format 0.9: choose one of 1.0"),
        ("convert neuron.json a.json --to 1.1", "choose one of 1.0"),
        ("convert neuron.json a.json --to one", "choose one of 1.0"),
        ("view", "For example: mgraph view neuron.json"),
        ("view neuron.json -o neuron.json", "a name that ends in .html"),
        ("new", "give either a formula or --mlp SIZES: for example mgraph new"),
    ],
    ids=lambda value: value if " " in value else None,
)
def test_a_wrong_command_line_says_what_to_type(mgraph: Shell, line: str, words: str) -> None:
    """Status 2, usage and a hint on standard error, nothing written."""
    said = mgraph(*line.split())
    assert is_usage_error(said, words)
    assert said.err.splitlines()[1].startswith("Try 'mgraph")
    assert mgraph.files() == ["neuron.json"]


def test_without_arguments_there_is_help(mgraph: Shell) -> None:
    """`mgraph` alone shows the verbs, as a wrong command line."""
    said = mgraph()
    assert said.status == 2
    assert "Make and run:" in said.err


# --- run -------------------------------------------------------------------------------------

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
    """Id, formula, value and gradient stand under each other, points too."""
    said = mgraph("run", "neuron.json")
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith("neuron: One tanh neuron, from Andrej Karpathy's micrograd lecture.")
    wrote = "wrote     neuron.annotated.json (run 2 of 2)\n"
    assert said.out.split("\n\n", 1)[1] == TABLE + wrote


def test_run_writes_the_annotated_file_here(mgraph: Shell) -> None:
    """The default target is in the current folder, wherever the graph is, in its encoding."""
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
    assert "wrote     neuron.annotated.json (run 2 of 2)" in said.out
    assert mgraph.files() == ["neuron.annotated.json", "neuron.json"]


def test_run_leaves_the_graph_alone(mgraph: Shell) -> None:
    """The annotated file holds the same nodes and foreign runs, to the letter."""
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
    assert "wrote     neuron.json (run 2 of 2)" in said.out
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
    assert "(run 3 of 4)" in said.out
    runs = mgraph.document("neuron.json")["runs"]
    assert [self_recorded(run) for run in runs] == [False, True, True, True]
    assert [run.get("inputs") for run in runs] == [None, None, {"x1": 0.5}, None]
    assert [run.get("seed") for run in runs] == [None, {"o": 1.0}, None, {"o": 2.0}]
    assert runs[0] == strict_json(NEURON.read_bytes())["runs"][0]


def test_a_replaced_run_keeps_its_tolerance(mgraph: Shell) -> None:
    """What somebody said of how exact a run must be is not forgotten."""
    document = mgraph.document("neuron.json")
    document["runs"][0] |= {"origin": "mgraph 0.0 value", "tolerance": {"rel": 0.5}}
    mgraph.write("neuron.json", document)
    mgraph("run", "neuron.json", "--in-place")
    (run,) = mgraph.document("neuron.json")["runs"]
    assert run["tolerance"] == {"rel": 0.5}
    assert run["origin"] == f"mgraph {__version__} value"


@pytest.mark.parametrize("encoding", [".json", ".msgpack"])
def test_a_stream_goes_through(mgraph: Shell, encoding: str) -> None:
    """`-` reads standard input; the document goes out, in its encoding, and the table to stderr."""
    mgraph("convert", "neuron.json", f"in{encoding}")
    said = mgraph("run", "-", stdin=mgraph.path(f"in{encoding}").read_bytes())
    assert said.status == 0
    assert TABLE in said.err
    assert "wrote     standard output (run 2 of 2)" in said.err
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
    """Inputs and params get other values, by file, by stream, and `--set` wins."""
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
    """What stands in `--inputs` is checked as a graph file is, and nothing is written."""
    mgraph.write("in.json", content)
    said = mgraph("run", "neuron.json", "--inputs", "in.json")
    assert (said.status, said.raw, codes(said)) == (1, b"", [code])
    assert said.err.startswith(f"{place}: error")
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
    """An id that can't be set or seeded is told with the name of the file."""
    said = mgraph("run", "neuron.json", *args)
    assert (said.status, codes(said)) == (1, [code])
    assert said.err.startswith("neuron.json: error")
    assert mgraph.files() == ["neuron.json"]


def test_several_outputs(mgraph: Shell) -> None:
    """`--output` seeds one output with 1, `--seed` with anything; without there is an error."""
    mgraph(*TWO_OUTPUTS)
    assert codes(mgraph("run", "two.json")) == ["seed"]
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
    """`--json` says all that the table says."""
    said = mgraph("run", "neuron.json", "--json")
    found = said.json
    assert (said.status, said.err) == (0, "")
    assert found["outputs"] == {"o": pytest.approx(0.7071067811865476)}
    assert found["seed"] == {"o": 1.0}
    assert found["wrote"] == "neuron.annotated.json"
    assert found["leaves_by_gradient"] == ["x1", "w1", "x2", "b", "w2"]
    assert found["first_non_finite"] is None
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


def test_file_order_is_kept(mgraph: Shell) -> None:
    """A file that lists users before their arguments is evaluated sorted and written as it was."""
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
    """Beyond sixty nodes the middle is left out, unless `--all` asks for it."""
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
    """One clear error, and a hint if the place was not chosen."""
    said = mgraph("run", "neuron.json", "-o", "nowhere/out.json")
    assert (said.status, said.raw, codes(said)) == (1, b"", ["io"])
    mgraph.path("neuron.annotated.json").mkdir()
    said = mgraph("run", "neuron.json")
    assert (said.status, said.raw, codes(said)) == (1, b"", ["io"])
    assert "fix       name another place with -o FILE; -o - writes no file at all" in said.err


def test_limits_can_be_changed(mgraph: Shell) -> None:
    """`--limit` lowers and raises what reading accepts; the error says how."""
    said = mgraph("run", "neuron.json", "--limit", "nodes=9")
    assert (said.status, codes(said)) == (1, ["limit"])
    assert "--limit nodes=" in said.err
    assert mgraph("run", "neuron.json", "--limit", "nodes=10").status == 0
    names = mgraph("run", "--help").out
    assert all(name in names for name in LIMIT_NAMES)


def test_an_input_without_a_value(mgraph: Shell) -> None:
    """Every input without a value is named, and what to type."""
    mgraph("new", "L = x*y", "-o", "open.json")
    said = mgraph("run", "open.json")
    assert (said.status, codes(said)) == (1, ["unbound-input"] * 2)
    assert "--set x=1.0" in said.err
    assert mgraph("run", "open.json", "--set", "x=2", "--set", "y=3").status == 0


# --- check -----------------------------------------------------------------------------------


def test_check_says_one_line(mgraph: Shell) -> None:
    """Version, number of nodes, canonical hash: the same in both encodings."""
    mgraph("convert", "neuron.json", "neuron.msgpack")
    said = mgraph("check", "neuron.json", "neuron.msgpack")
    digest = mgraph.document("neuron.json")["runs"][0]["graph"]
    assert (said.status, said.err) == (0, "")
    assert said.out.splitlines() == [
        f"{name}: ok, format 1.0, 10 nodes, {digest}" for name in ("neuron.json", "neuron.msgpack")
    ]


def test_check_reports_everything(mgraph: Shell) -> None:
    """Every fault of every file, on standard error; good files still get their line."""
    text = mgraph.path("neuron.json").read_text(encoding="utf-8")
    mgraph.write("typos.json", text.replace('"tanh"', '"tanhh"').replace('"x2w2"]', '"x2w3"]'))
    said = mgraph("check", "typos.json", "neuron.json", "nope.json")
    assert said.status == 1
    assert codes(said) == ["unknown-node", "unknown-op", "io"]
    assert "typos.json:12:" in said.err
    assert 'did you mean "tanh"?' in said.err
    assert said.out.startswith("neuron.json: ok")
    assert len(said.out.splitlines()) == 1


def test_check_warns(mgraph: Shell) -> None:
    """A warning is told, and the file is good."""
    warned = next((FIXTURES / "warn" / "unreached").glob("*.json"))
    mgraph.write("warned.json", warned.read_bytes())
    said = mgraph("check", "warned.json")
    assert (said.status, codes(said)) == (0, ["unreached"])
    assert "warned.json: ok" in said.out


def test_check_as_json(mgraph: Shell) -> None:
    """`--json` holds the same, files in the order given, nothing on standard error."""
    mgraph.write("bad.json", "{")
    said = mgraph("check", "bad.json", "neuron.json", "nope.json", "--json")
    bad, good, absent = said.json["files"]
    assert (said.status, said.err) == (1, "")
    assert [each["ok"] for each in (bad, good, absent)] == [False, True, False]
    assert bad["diagnostics"][0]["code"] == "syntax"
    assert (bad["diagnostics"][0]["line"], bad["diagnostics"][0]["column"]) == (1, 2)
    assert (good["nodes"], good["runs"], good["version"]) == (10, 1, "1.0")
    assert absent["diagnostics"][0]["code"] == "io"


def test_check_reads_standard_input(mgraph: Shell) -> None:
    """`-` is standard input, by that name in diagnostics."""
    assert mgraph("check", "-", stdin=NEURON.read_bytes()).status == 0
    assert mgraph("check", "-", stdin=b"{").err.startswith("standard input:1:2: error[syntax]")
    assert mgraph("check", "-", stdin=b"").err.startswith("standard input:1:1: error[syntax]")


# --- test ------------------------------------------------------------------------------------


def wrong_neuron(mgraph: Shell, name: str, **fields: dict[str, float]) -> str:
    """Write a neuron whose expectation is wrong in some numbers."""
    document = mgraph.document("neuron.json")
    for field, numbers in fields.items():
        document["runs"][0][field].update(numbers)
    return mgraph.write(name, document)


def test_a_folder_is_walked(mgraph: Shell) -> None:
    """Every graph file under it is tested; hidden and self-made ones and lists of faults not."""
    mgraph.path("sub").mkdir()
    mgraph.path(".hidden").mkdir()
    wrong = mgraph.path(wrong_neuron(mgraph, "wrong.json", data={"o": 3.0})).read_bytes()
    for name in (".hidden/a.json", ".b.json", "c.annotated.json", "d.annotated.msgpack", "e.txt"):
        mgraph.write(name, wrong)
    mgraph.write("sub/other.json", {"not": "a graph"})
    mgraph("convert", "neuron.json", "sub/n.msgpack")
    said = mgraph("test")
    assert said.status == 1
    assert said.out.splitlines()[0] == "wrong.json, run 0: wrong"
    assert said.out.splitlines()[-1] == "4 files: 2 ok, 1 wrong, 1 skipped"
    assert mgraph("test", "sub").out == "2 files: 1 ok, 1 skipped\n"
    assert mgraph("test", "c.annotated.json").status == 1  # named, it is tested
    assert mgraph("test", "sub/other.json").status == 1


def test_an_empty_folder(mgraph: Shell) -> None:
    """That nothing was tested is said, and is no success: a name may be misspelt."""
    mgraph.path("empty").mkdir()
    said = mgraph("test", "empty")
    assert (said.status, said.out) == (1, "no graph files found\n")


def test_a_file_without_runs_is_not_tested(mgraph: Shell) -> None:
    """It is counted apart, and is no failure."""
    mgraph("convert", "neuron.json", "plain.json", "--strip")
    said = mgraph("test", "plain.json")
    assert said.status == 0
    assert said.out.startswith("plain.json: not tested")
    assert said.out.endswith("1 file: 0 ok, 1 not tested\n")


def test_a_refused_file_fails(mgraph: Shell) -> None:
    """Its diagnostics go to standard error, its name to standard output."""
    mgraph.write("broken.json", "{")
    said = mgraph("test", "broken.json", "nope.json", "neuron.json")
    assert (said.status, codes(said)) == (1, ["syntax", "io"])
    assert said.out == "broken.json: refused\nnope.json: refused\n3 files: 1 ok, 2 refused\n"


def test_the_first_wrong_value_comes_before_gradients(mgraph: Shell) -> None:
    """Values are judged in evaluation order, and before any gradient."""
    wrong_neuron(mgraph, "w.json", data={"n": 0.9, "o": 0.8}, grad={"o": 2.0})
    said = mgraph("test", "w.json")
    lines = said.out.splitlines()
    assert lines[0] == "w.json, run 0: wrong"
    assert lines[1].startswith("  data of n: got 0.8813735870195432, expected 0.9 (")
    assert lines[1].endswith("relative 0.021)")
    assert lines[2:] == [
        "  and 2 more numbers", "  expected by mpmath 1.4, 50 digits", "1 file: 0 ok, 1 wrong",
    ]  # fmt: skip


def test_the_first_wrong_gradient_is_nearest_to_the_output(mgraph: Shell) -> None:
    """Gradients are judged in backward order."""
    wrong_neuron(mgraph, "w.json", grad={"x1": 7.0, "x1w1": 7.0})
    said = mgraph("test", "w.json", "--json")
    (outcome,) = said.json["outcomes"]
    assert (outcome["field"], outcome["node"], outcome["wrong"]) == ("grad", "x1w1", 2)
    assert said.json["summary"]["wrong"] == 1


def test_a_gradient_where_there_must_be_none(mgraph: Shell) -> None:
    """No path and zero are told apart, both ways."""
    document = mgraph.document("neuron.json")
    del document["runs"][0]["grad"]["w2"]
    mgraph.write("none.json", document)
    said = mgraph("test", "none.json")
    assert "grad of w2: got 0.0, expected no path to a seeded output" in said.out
    document["nodes"][2] = {"id": "w1", "op": "const", "data": -3.0}
    document["runs"][0]["grad"]["w2"] = 0.0
    del document["runs"][0]["graph"]
    mgraph.write("none.json", document)
    said = mgraph("test", "none.json")
    assert "grad of w1: got no path to a seeded output, expected 0.99" in said.out


def test_the_error_is_measured(mgraph: Shell) -> None:
    """In units in the last place, which a learner can count and an engineer can judge."""
    wrong_neuron(mgraph, "w.json", data={"x1w1": -6.000000000000001})
    said = mgraph("test", "w.json", "--exact", "--json")
    first = said.json["outcomes"][0]
    assert (first["node"], first["ulps"]) == ("x1w1", 1)
    assert first["relative"] == pytest.approx(1.48e-16, rel=0.01)


def test_tolerances(mgraph: Shell) -> None:
    """The options go before the run's own tolerance, that before the default."""
    wrong_neuron(mgraph, "w.json", data={"x1w1": -6.006})
    assert mgraph("test", "w.json").status == 1
    assert mgraph("test", "w.json", "--rel", "0.01").status == 0
    assert mgraph("test", "w.json", "--abs", "0.01").status == 0
    assert mgraph("test", "w.json", "--abs", "0.001").status == 1
    document = mgraph.document("w.json")
    document["runs"][0]["tolerance"] = {"abs": 0.01}
    mgraph.write("w.json", document)
    assert mgraph("test", "w.json").status == 0
    assert mgraph("test", "w.json", "--rel", "1e-9").status == 1
    assert mgraph("test", "w.json", "--exact").status == 1


def test_zeros_have_signs_only_when_exact(mgraph: Shell) -> None:
    """At tolerance 0 the zeros are equal; `--exact` compares bits."""
    wrong_neuron(mgraph, "w.json", data={"x2w2": -0.0})
    document = mgraph.document("w.json")
    document["runs"][0]["data"] = {"x2w2": -0.0}
    document["runs"][0]["tolerance"] = {}
    del document["runs"][0]["grad"]
    mgraph.write("w.json", document)
    assert mgraph("test", "w.json").status == 0
    said = mgraph("test", "w.json", "--exact")
    assert said.status == 1
    assert "data of x2w2: got 0.0, expected -0.0 (0 ulp)" in said.out


def test_special_numbers_stay_json(mgraph: Shell) -> None:
    """A wrong infinity or NaN is spelled as files spell it."""
    mgraph("new", "y = log(x)", "--input", "x=0", "-o", "log.json")
    mgraph("run", "log.json", "--in-place")
    document = mgraph.document("log.json")
    document["runs"][0]["data"]["y"] = "nan"
    mgraph.write("log.json", document)
    (outcome,) = mgraph("test", "log.json", "--json").json["outcomes"]
    assert (outcome["got"], outcome["want"], outcome["ulps"]) == ("-inf", "nan", None)


def test_standard_input_and_output(mgraph: Shell) -> None:
    """`test -` reads the file from standard input; `--junit -` writes the report alone there."""
    data = mgraph.path("neuron.json").read_bytes()
    assert mgraph("test", "-", stdin=data).out == "1 file: 1 ok\n"
    wrong = mgraph("test", "-", stdin=data.replace(b'"o": 0.7', b'"o": 0.8', 1))
    assert (wrong.status, wrong.out.splitlines()[0]) == (1, "-, run 0: wrong")
    said = mgraph("test", "neuron.json", "--junit", "-")
    assert ET.fromstring(said.out).attrib["failures"] == "0"  # noqa: S314 - our own report
    assert said.err == "1 file: 1 ok\n"
    assert mgraph.files() == ["neuron.json"]


def test_a_name_alone_chooses_no_output(mgraph: Shell) -> None:
    """A formula that ends in a bare name says how to choose the output."""
    said = mgraph("new", "y = a*b; z = a + y; y")
    assert said.status == 2
    assert "choose the output, --output y" in said.err
    assert mgraph("new", "y = a*b; y").status == 2


def test_junit(mgraph: Shell) -> None:
    """The report is XML that counts what was counted, and the verb says it all the same."""
    wrong_neuron(mgraph, "wrong.json", data={"o": 3.0})
    mgraph.write("bad<&>.json", '{"mgraph": "1.0", "n\\u0007": 1}')
    mgraph("convert", "neuron.json", "plain.json", "--strip")
    mgraph("run", "neuron.json", "--in-place")
    said = mgraph("test", ".", "--junit", "report.xml")
    assert said.out.endswith("it is right\n")
    suite = ET.fromstring(mgraph.path("report.xml").read_bytes())  # noqa: S314 - our own
    cases = [case for case in suite if case.tag == "testcase"]
    counts = {key: int(suite.attrib[key]) for key in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": 5, "failures": 2, "errors": 0, "skipped": 1}
    assert len(cases) == 5
    assert sum(case.find("failure") is not None for case in cases) == 2
    assert sum(case.find("skipped") is not None for case in cases) == 1
    by_name = {(case.get("classname"), case.get("name")): case for case in cases}
    failure = by_name["wrong.json", "run 0"].find("failure")
    assert failure is not None
    assert failure.get("message", "").startswith("data of o: got 0.707")
    refused = by_name["bad<&>.json", "file"].find("failure")
    assert refused is not None
    assert "error[missing-field]" in (refused.text or "")


def test_self_recorded_runs_are_counted(mgraph: Shell) -> None:
    """A green test that only says that nothing changed says so."""
    mgraph("run", "neuron.json", "--in-place")
    said = mgraph("test", "neuron.json")
    assert said.out.splitlines() == [
        "1 file: 2 ok",
        "1 self-recorded: such a run tells that mgraph changed, not that it is right",
    ]
    assert mgraph("test", "neuron.json", "--json").json["summary"]["self-recorded"] == 1


def test_accept(mgraph: Shell) -> None:
    """What is accepted is shown, made the expectation, and marked as self-recorded."""
    wrong_neuron(mgraph, "w.json", data={"n": 0.9}, grad={"x1": 7.0})
    said = mgraph("test", "--accept", "w.json")
    assert said.status == 0
    first, second, last = said.out.splitlines()
    assert first.startswith("run 0, data of n: got 0.88")
    assert second.startswith("run 0, grad of x1: got -1.4")
    assert last == "wrote w.json: its changed runs are self-recorded now"
    (run,) = mgraph.document("w.json")["runs"]
    assert self_recorded(run)
    assert run["data"]["n"] == pytest.approx(0.8813735870195432)
    assert mgraph("test", "w.json").status == 0


def test_accept_changes_nothing_that_holds(mgraph: Shell) -> None:
    """A file whose runs hold keeps its bytes, and its foreign origin."""
    before = mgraph.path("neuron.json").read_bytes()
    assert mgraph("test", "--accept", "neuron.json").out == "nothing differs\n"
    assert mgraph.path("neuron.json").read_bytes() == before
    mgraph("convert", "neuron.json", "plain.json", "--strip")
    said = mgraph("test", "--accept", "plain.json")
    assert said.status == 1
    assert "mgraph run plain.json --in-place" in said.err


def test_accept_keeps_what_a_run_names(mgraph: Shell) -> None:
    """An expectation of some nodes stays one of those nodes."""
    document = mgraph.document("neuron.json")
    document["runs"][0] |= {"data": {"o": 5.0}, "grad": {"b": 5.0}}
    mgraph.write("w.json", document)
    mgraph("test", "--accept", "w.json")
    (run,) = mgraph.document("w.json")["runs"]
    assert list(run["data"]) == ["o"]
    assert list(run["grad"]) == ["b"]


def test_expected_diagnostics(mgraph: Shell) -> None:
    """A file that must be refused is tested by the list beside it."""
    mgraph.write("bad.json", "{")
    expected = {"diagnostics": [{"code": "syntax", "line": 1, "column": 2}]}
    mgraph.write("bad.diagnostic.json", expected)
    assert mgraph("test", "bad.json").out == "1 file: 1 ok\n"
    assert mgraph("test", "bad.json", "bad.diagnostic.json").out == "2 files: 1 ok, 1 skipped\n"
    expected["diagnostics"][0]["code"] = "depth"
    mgraph.write("bad.diagnostic.json", expected)
    said = mgraph("test", "bad.json")
    assert said.status == 1
    assert "expected depth at the document (1:2), found syntax at the document (1:2)" in said.out


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"diagnostics": ["x"]}', '{"diagnostics": 3}', "[" * 10**5, "\xff"],
    ids=range(7),
)
def test_a_list_of_diagnostics_that_cant_be_read(mgraph: Shell, content: str) -> None:
    """It fails the file that it stands beside."""
    mgraph.write("neuron.diagnostic.json", content.encode("latin-1"))
    said = mgraph("test", "neuron.json")
    assert said.status == 1
    assert "its .diagnostic.json file can't be read" in said.out


# --- diff ------------------------------------------------------------------------------------


def test_diff_of_the_same(mgraph: Shell) -> None:
    """No differences, whatever the encoding: status 0."""
    mgraph("convert", "neuron.json", "neuron.msgpack")
    said = mgraph("diff", "neuron.json", "neuron.msgpack")
    assert (said.status, said.out, said.err) == (0, "no differences\n", "")
    assert mgraph("diff", "-", "neuron.json", stdin=NEURON.read_bytes()).status == 0
    assert mgraph("diff", "neuron.json", "neuron.json", "--json").json == {
        "same": True, "differences": [], "more": 0,
    }  # fmt: skip


def test_diff_finds_structure_and_numbers(mgraph: Shell) -> None:
    """Texts, nodes, arguments, outputs, order and runs are compared by id."""
    document = mgraph.document("neuron.json")
    document["name"] = "other"
    nodes = {node["id"]: node for node in document["nodes"]}
    nodes["b"]["data"] = 6.881373587019544
    nodes["w2"]["op"] = "input"
    nodes["x2w2"] |= {"args": ["w2", "x2"], "label": "L"}
    nodes["o"]["id"] = "out"
    document["nodes"] = [*nodes.values()][::-1]
    document["outputs"] = ["out", "n"]
    document["runs"] = [{"seed": {"n": 2.0}, "inputs": {"x1": 1.0}, "data": {}}]
    mgraph.write("other.json", document)
    said = mgraph("diff", "neuron.json", "other.json", "--json")
    assert said.status == 1
    found = {(each["what"], each["field"]): each for each in said.json["differences"]}
    assert list(found) == [
        ("document", "name"),
        ("node w2", "op"),
        ("node x2w2", "args"),
        ("node x2w2", "label"),
        ("node b", "data"),
        ("node o", ""),
        ("node out", ""),
        ("evaluation order", "first other node"),
        ("outputs", ""),
        ("run 0", ""),
    ]
    assert found["node b", "data"]["ulps"] == 1
    text = mgraph("diff", "neuron.json", "other.json").out
    assert "node b, data  (1 ulp, relative 1.3e-16)" in text
    assert "  - 6.881373587019543\n  + 6.881373587019544\n" in text
    assert "  + x1=1.0; seed n=2.0" in text


def test_diff_compares_runs_that_ask_the_same(mgraph: Shell) -> None:
    """Runs are matched by inputs and seed, not by their place."""
    for value in (1, 2):
        mgraph("run", "neuron.json", "--in-place", "--set", f"x1={value}")
    document = mgraph.document("neuron.json")
    document["runs"].reverse()
    mgraph.write("other.json", document)
    assert mgraph("diff", "neuron.json", "other.json").status == 0
    document["runs"][0]["grad"].pop("x1")
    document["runs"][1]["data"]["o"] = "nan"
    mgraph.write("other.json", document)
    found = mgraph("diff", "neuron.json", "other.json", "--json").json["differences"]
    assert [each["what"] for each in found] == ["run 1, data of o", "run 2, grad of x1"]
    assert (found[0]["b"], found[0]["ulps"]) == ("nan", None)
    assert found[1]["b"] is None


def test_diff_counts_what_it_does_not_show(mgraph: Shell) -> None:
    """A hundred differences are shown, the rest is counted."""
    for seed in (1, 2):
        mgraph("new", "--mlp", "9,16,1", f"--seed={seed}", "-o", f"{seed}.json")
    said = mgraph("diff", "1.json", "2.json")
    assert said.out.endswith(f"… and {1 + 9 * 16 + 16 - 100} more differences\n")
    assert mgraph("diff", "1.json", "2.json", "--json").json["more"] == 61


def test_diff_of_a_broken_file(mgraph: Shell) -> None:
    """It is refused as anywhere."""
    mgraph.write("bad.json", "{")
    said = mgraph("diff", "neuron.json", "bad.json")
    assert (said.status, said.raw, codes(said)) == (1, b"", ["syntax"])


# --- convert ---------------------------------------------------------------------------------


def test_there_and_back(mgraph: Shell) -> None:
    """JSON to msgpack and back gives the same bytes."""
    said = mgraph("convert", "neuron.json", "n.msgpack")
    size = mgraph.path("n.msgpack").stat().st_size
    assert said.out == f"wrote n.msgpack: 10 nodes, {size} bytes\n"
    mgraph("convert", "n.msgpack", "back.json")
    assert mgraph.path("back.json").read_bytes() == mgraph.path("neuron.json").read_bytes()


def test_strip_and_sort(mgraph: Shell) -> None:
    """`--strip` leaves out the runs, `--sort` lists arguments before their users."""
    document = mgraph.document("neuron.json")
    document["nodes"].reverse()
    del document["runs"][0]["graph"]
    mgraph.write("up.json", document)
    mgraph("convert", "up.json", "plain.json", "--strip", "--sort")
    plain = mgraph.document("plain.json")
    assert "runs" not in plain
    order = [node["id"] for node in plain["nodes"]]
    assert order == ["b", "w2", "w1", "x2", "x2w2", "x1", "x1w1", "x1w1x2w2", "n", "o"]
    mgraph("convert", "up.json", "same.json", "--to", "1.0")
    assert mgraph.document("same.json") == document


def test_convert_streams(mgraph: Shell) -> None:
    """`-` on both sides keeps the encoding, and nothing else is written."""
    data = mgraph.path("neuron.json").read_bytes()
    said = mgraph("convert", "-", "-", stdin=data)
    assert (said.raw, said.raw_err) == (data, b"")
    mgraph("convert", "-", "n.msgpack", stdin=data)
    packed = mgraph.path("n.msgpack").read_bytes()
    assert mgraph("convert", "n.msgpack", "-").raw == packed
    assert mgraph("convert", "-", "-", stdin=packed).raw == packed
    mgraph("convert", "-", "back.json", stdin=packed)
    assert mgraph.path("back.json").read_bytes() == data


def test_convert_onto_itself(mgraph: Shell) -> None:
    """Output and input may be the same file."""
    mgraph("convert", "neuron.json", "neuron.json", "--strip")
    assert "runs" not in mgraph.document("neuron.json")


# --- new -------------------------------------------------------------------------------------


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
    assert said.out == "wrote steps.json: 7 nodes, 4 inputs without a value\n"
    document = mgraph.document("steps.json")
    assert [node["id"] for node in document["nodes"]] == ["a", "b", "c", "f", "e", "d", "L"]
    assert document["outputs"] == ["L"]
    assert all("data" not in node for node in document["nodes"])


def test_new_outputs(mgraph: Shell) -> None:
    """What nothing uses is an output, unless `--output` names others."""
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
        ("__import__('os').system('x')", (1, 1), "is no op"),
        ("L = os.system(x)", (1, 5), '"os.system" is no op'),
        ("L = np.tanh(x)", (1, 5), 'did you mean "tanh"?'),
        ("L = tanhh(x)", (1, 5), 'did you mean "tanh"?'),
        ("x = x + 1", (1, 5), "x is used before it is assigned"),
        ("a = b*b; b = 3*x", (1, 5), "b is used before it is assigned"),
        ("L = lambda x: x", (1, 5), "a function can't stand in a formula"),
        ("L = [x for x in y]", (1, 5), "this can't stand in a formula"),
        ("L = x % 2", (1, 5), "% can't stand in a formula: use + - * / **"),
        ("L = x if y else z", (1, 5), "a condition can't stand"),
        ("L = x < y", (1, 5), "a comparison can't stand"),
        ("L = 'text'", (1, 5), "anything but names and numbers can't stand"),
        ("L = True*x", (1, 5), "anything but names and numbers can't stand"),
        ("L = x +\n y", (1, 8), "can't be read"),
        ("a = b^2\nL = a^3 + foo(x)", (2, 11), '"foo" is no op'),
        ("L = é + 1", (1, 5), "ids are of a-z, A-Z, 0-9"),
        ("\u210c = x + 1", (1, 1), "can't stand in a formula"),  # Python would read it as H
        ("L = x \u00d7 y", (1, 7), "write *"),
        ("L = x\x07y", (1, 6), '"\\u{7}" can\'t stand'),
        ("L = 1e400*x", (1, 5), "beyond every double"),
        (f"L = 1{'0' * 400}*x", (1, 5), "beyond every double"),
        (f"L = 1{'0' * 5000}*x", (1, 1), "too many digits"),
        ("L = x", (1, 1), "another name for x: use x itself"),
        ("L = 3", (1, 1), "declare it, --const L=3.0"),
        ("L = x*y; L = x+y", (1, 10), "assigned twice"),
        ("x*y; L = x+y", (1, 1), "expected 'name = formula'"),
        ("import os", (1, 1), "expected 'name = formula'"),
        ("a = b = x*y", (1, 1), "expected 'name = formula'"),
        ("a, b = x*y", (1, 1), "can't be an id"),
        ("L = w[i]*x", (1, 5), "x[3] but not x[i]"),
        ("L = tanh(x, y)", (1, 5), "tanh takes 1, not 2"),
        ("L = sum()", (1, 5), "sum takes at least 1, not 0"),
        ("L = sum(*x)", (1, 5), "plain arguments only"),
        ("L = max(a=x, b=y)", (1, 5), "plain arguments only"),
        (f"L = {'x' * 129}*2", (1, 5), "too long"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)  # fmt: skip
def test_hostile_formulas(mgraph: Shell, formula: str, place: tuple[int, int], words: str) -> None:
    """A formula is read, never run; what can't stand in it is pointed at."""
    said = mgraph("new", formula, "-o", "out.json")
    assert is_usage_error(said, words)
    _, _, message = said.err.partition("Error: ")
    first, shown, caret = message.rstrip("\n").split("\n")
    assert first.startswith(f"line {place[0]}, column {place[1]}: ")
    line = formula.splitlines()[place[0] - 1].strip()
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
    """Nesting, length and emptiness end in a short message, whatever Python thinks of them."""
    said = mgraph("new", "--", formula)
    assert is_usage_error(said)
    assert len(said.err) < 700


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("L = x*w", "--param", "w"), "write ID=X, for example w=0.5"),
        (("L = x*w", "--param", "v=1"), 'no output depends on "v"'),
        (("L = x*w", "--param", "a b=1"), 'no output depends on "a b"'),
        (("L = x*w; M = x+1", "--output", "L"), 'no output depends on "M"'),
        (("L = x*w", "--param", "L=1"), "L is declared as a leaf, and computed here"),
        (("L = x*w", "--param", "w=1", "--input", "w"), "declared twice: as input, and as param"),
        (("L = x*w", "--output", "Q"), 'the output "Q" is not in the formula'),
        (("layer = x*w", "--output", "layr"), 'did you mean "layer"?'),
        (("L = x*w", "--output", "L", "--output", "L"), "named twice"),
        (("L = x*w", "--mlp", "2,1"), "give either a formula or --mlp"),
        (("L = x*w", "--seed", "3"), "--seed goes with --mlp, not with a formula"),
        (("--mlp", "2,1", "--param", "w=3"), "--param goes with a formula, not with --mlp"),
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
    """Options that contradict each other, or would do nothing, are told."""
    assert is_usage_error(mgraph("new", *args), words)


def test_new_network(mgraph: Shell) -> None:
    """A network has micrograd's structure, telling ids, and the same weights for the same seed."""
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


def test_what_new_makes_runs(mgraph: Shell) -> None:
    """A formula becomes a file that runs, and its numbers are those of the formula."""
    mgraph("new", "L = (x^2 + 1)/exp(-x)", "--input", "x=0.5", "-o", "f.msgpack")
    found = mgraph("run", "f.msgpack", "--json").json
    assert found["outputs"]["L"] == pytest.approx(1.25 * 2.718281828459045**0.5, rel=1e-12)
    slope = next(node["grad"] for node in found["nodes"] if node["id"] == "x")
    assert slope == pytest.approx((0.25 + 1.0 + 1.0) * 2.718281828459045**0.5, rel=1e-12)


# --- ops, schema -----------------------------------------------------------------------------


def test_ops(mgraph: Shell) -> None:
    """Every row of the table of ops is printed, with its formula, slopes and edges."""
    said = mgraph("ops")
    assert said.status == 0
    lines = said.out.splitlines()
    for op in ROWS:
        row = next(line for line in lines if line.split()[:1] == [op.name])
        assert op.formula in row
        assert op.slopes in row
        assert not op.at_kink or f"{op.name:<10}{op.at_kink}" in lines
    assert all(any(line.startswith(f"{name} ") for line in lines) for name in LEAVES)
    assert max(map(len, lines)) <= 85


def test_ops_as_json(mgraph: Shell) -> None:
    """`--json` has every row and every leaf, each with all there is to know."""
    found = mgraph("ops", "--json").json
    assert [row["name"] for row in found["ops"]] == [op.name for op in ROWS]
    assert [leaf["name"] for leaf in found["leaves"]] == [*LEAVES]
    by_name = {row["name"]: row for row in found["ops"]}
    assert by_name["sum"]["inputs"] == "1 or more"
    assert (by_name["tanh"]["inputs"], by_name["pow"]["inputs"]) == (1, 2)
    assert by_name["log"]["domain"] == [{"low": 0.0, "high": None, "open_low": True}]
    assert {row["exact"] for row in found["ops"]} == {True, False}


def test_schema(mgraph: Shell) -> None:
    """The schema accepts the neuron and refuses a typo."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = mgraph("schema").json
    document = mgraph.document("neuron.json")
    jsonschema.validate(document, schema)
    document["outputz"] = []
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)


# --- every verb on every bad file ------------------------------------------------------------

REJECTED = sorted(
    path
    for path in (FIXTURES / "reject").rglob("*")
    if path.is_file() and not path.name.endswith(".diagnostic.json")
)
READERS = (
    ("run", "{}"), ("explain", "{}", "x1"), ("step", "{}"), ("gradcheck", "{}"),
    ("check", "{}"), ("test", "{}"), ("test", "--accept", "{}"),
    ("diff", "{}", "neuron.json"), ("diff", "neuron.json", "{}"), ("convert", "{}", "out.json"),
)  # fmt: skip


@pytest.mark.parametrize("folder", sorted({path.parent.name for path in REJECTED}))
def test_no_verb_swallows_a_bad_file(mgraph: Shell, folder: str) -> None:
    """Status 1, the code on standard error, no traceback, nothing written."""
    assert folder in CODES
    chosen = [path for path in REJECTED if path.parent.name == folder]
    for path, verb in product(chosen, READERS):
        name = mgraph.write(f"bad{path.suffix}", path.read_bytes())
        said = mgraph(*(word.format(name) for word in verb))
        assert said.status == 1, (path, verb)
        assert codes(said)[0] == folder, (path, verb)
        assert said.raw == b"" or verb[0] == "test", (path, verb)
        mgraph.path(name).unlink()
    assert mgraph.files() == ["neuron.json"]


@pytest.mark.parametrize("verb", READERS, ids=" ".join)
@pytest.mark.parametrize("name", ["nope.json", "tab\there.json", "\udcff.json", "nul\0.json"])
def test_every_verb_names_a_missing_file(mgraph: Shell, verb: tuple[str, ...], name: str) -> None:
    """A file that is not there, or can't be: one error, printable."""
    said = mgraph(*(word.format(name) for word in verb))
    assert (said.status, codes(said)) == (1, ["io"])
    assert "\t" not in said.err + said.out
    assert mgraph.files() == ["neuron.json"]
