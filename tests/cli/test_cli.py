"""The command line as a whole: help, wrong words, tables, and every command on every bad file."""

from __future__ import annotations

import re
import shlex
import sys
from inspect import cleandoc
from itertools import product
from typing import TYPE_CHECKING

import click
import pyarrow as pa
import pytest
from pyarrow import parquet

from mgraph import __version__, load
from mgraph.build.expression import graph_of
from mgraph.build.network import mlp
from mgraph.cli import COMMANDS, cli
from mgraph.errors import CODES
from mgraph.ops import LEAVES, TABLE
from mgraph.service.store.files import FileStore
from mgraph.service.store.tokens import AccessToken, Scope, utc
from tests.command_line import (
    FIXTURES,
    HERE,
    NEURON,
    Shell,
    codes,
    in_shell,
    is_usage_error,
)
from tests.loops import shared, thinned
from tests.service.test_links import NODE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


NAMES = [name for names in COMMANDS.values() for name in names]
GROUPS = {
    "store": ("add", "list", "get", "copy", "verify", "gc", "rm"),
    "token": ("new", "list", "revoke"),
}
ALL_NAMES = [*NAMES, *(f"{name} {inner}" for name, names in GROUPS.items() for inner in names)]
"""All commands, those under others, too."""


# --- help ------------------------------------------------------------------------------------


def command_of(name: str) -> click.Command:
    """Return the command of that name, or of these two."""
    command: click.Command | None = cli
    for word in name.split():
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    assert command is not None
    return command


def test_commands_under_others() -> None:
    """The list of commands that have commands under them is complete."""
    groups = {name: command_of(name) for name in NAMES}
    found = {name: (*x.commands,) for name, x in groups.items() if isinstance(x, click.Group)}
    assert found == GROUPS


def examples() -> Iterator[tuple[str, str]]:
    """Yield every example of every help text, with the command it belongs to."""
    for name in ("", *ALL_NAMES):
        text = cleandoc(command_of(name).help or "")
        _, heading, block = text.partition("Example")
        assert heading, f"{name or 'mgraph'} has no examples"
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("  mgraph "):
                yield name, " ".join(line.split())


EXAMPLES = list(examples())


def test_every_command_has_an_example() -> None:
    """An example of each command calls that command."""
    assert {name for name, line in EXAMPLES if f"mgraph {name}" in line} == {"", *ALL_NAMES}


def test_examples_name_nodes_of_the_neuron() -> None:
    """Ids in examples on neuron.json are in the neuron.json that other examples make, too."""
    lines = [line for _, line in EXAMPLES if " neuron.json" in line]
    named = {*re.findall(r"\w+", " ".join(lines))} & {*load(NEURON).columns.ids}
    formulas = [shlex.split(line)[2] for line in lines if line.startswith("mgraph new ")]
    assert len(formulas) == 2
    for formula in formulas:
        assert named <= {*graph_of(formula, {}).columns.ids}


WITH_NODE = [(name, line) for name, line in EXAMPLES if "node " in line]
"""Examples with an engine in JavaScript; the group `examples` runs them."""

ENDLESS = [(name, line) for name, line in EXAMPLES if name == "serve"]
"""Examples that go on until a signal; tests/service/test_server.py starts and ends them."""

ON_A_CLUSTER = [(name, line) for name, line in EXAMPLES if "--cluster" in line]
"""Examples for machines that are elsewhere; the group `cluster` runs such lines on its own."""

OF_MODELS = [(name, line) for name, line in EXAMPLES if name == "import"]
"""Examples with a model of ONNX; the group `interop` runs them."""

ELSEWHERE = (*WITH_NODE, *ENDLESS, *ON_A_CLUSTER, *OF_MODELS)
HERE_AND_NOW = [example for example in EXAMPLES if example not in ELSEWHERE]


@pytest.mark.parametrize(
    "example", thinned(HERE_AND_NOW, 5), ids=[line for _, line in HERE_AND_NOW]
)
def test_examples_work(example: tuple[str, str], tmp_path: Path) -> None:
    """Each example works when it is typed into a shell in a folder with the files that it names."""
    assert_works(*example, tmp_path)


def assert_works(name: str, line: str, tmp_path: Path) -> None:
    """Type an example into a shell."""
    _put_beside(tmp_path)
    said = in_shell(line, tmp_path)
    notes = (
        "note: engines run without a sandbox",  # as where bubblewrap is not installed
        "note: mgraph open reads this link;",
        "note: copied is a new store",
        "note: there is no model.json, which predicts: ",  # of a graph without a target
        *(["token "] if name.startswith("token") else []),  # what the token is for
    )
    assert [text for text in said.err.splitlines() if not text.startswith(notes)] == []
    may_fail = name == "diff" or "micrograd" in line  # which has a recursion limit
    assert said.status in ((0, 1) if may_fail else (0,))
    target = re.search(r"(?:-o|>|--junit) ([^ ;]+)", line)
    assert target is None or (tmp_path / target[1]).stat().st_size


def _put_beside(folder: Path) -> None:
    """Put the files that examples name into a folder."""
    (folder / "neuron.json").write_bytes(NEURON.read_bytes())
    (folder / "homework").mkdir()
    (folder / "homework" / "neuron.json").write_bytes(NEURON.read_bytes())
    for script in (folder / "train.py", folder / "homework" / "train.py"):
        script.write_text(
            "from micrograd.engine import Value\nx = Value(2.0)\n(x * x).backward()\n"
        )
    (folder / "handed-in").mkdir()
    for engine in (folder / "engine.py", folder / "handed-in" / "anna.py"):
        engine.write_bytes((HERE / "engines" / "engine.py").read_bytes())
    (folder / "activation.py").write_text("def tanh(x):\n    return x.tanh()\n")
    engine = HERE.parent / "examples" / "javascript" / "engine.mjs"
    (folder / "engine.mjs").write_bytes(engine.read_bytes())
    (folder / "link.txt").write_text(f"mgraph:{NODE}\n")
    (folder / "rows").mkdir()
    for rows in (folder / "rows.csv", folder / "rows" / "may.csv"):
        rows.write_text("x1,x2\n2,0\n0.5,1\n")
    parquet.write_table(pa.table({"x1": [2.0], "x2": [0.5]}), folder / "rows.parquet")
    moons = HERE.parent / "examples" / "moons.csv"
    (folder / "huge").mkdir()
    for copy in (folder / "moons.csv", folder / "huge" / "moons.csv"):
        copy.write_bytes(moons.read_bytes())
    network = mlp((2, 4, 1), "relu", loss="hinge")
    network.to_file(folder / "moons.json", [network.run(x1=1.0, x2=0.5, y=1.0)])
    line = graph_of("loss = (w1*x1 + b - x2)**2", {"w1": ("param", 1.0), "b": ("param", 0.0)})
    line.to_file(folder / "line.json", [line.run(x1=2.0, x2=0.5)])
    gradient = load(NEURON).derive()
    gradient.to_file(folder / "gradient.json", [gradient.run(seed={"o": 1.0})])
    (folder / "large.json").write_bytes(NEURON.read_bytes())
    store = FileStore(str(folder / "shared"), create=True)
    store.set_name("class-7a/anna", store.put(NEURON.read_bytes(), load(NEURON).hash).id)
    store.add_token(AccessToken("1f2e3d4c", "0" * 64, Scope.READ, created=utc()))
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "python").symlink_to(sys.executable)


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("name", ALL_NAMES)
def test_help_of_a_command(mgraph: Shell, name: str, flag: str) -> None:
    """Each command's help has the usage, examples, and a description of every option."""
    said = mgraph(*name.split(), flag)
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith(f"Usage: mgraph {name}")
    assert "  Example" in said.out
    for option in command_of(name).params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert option.opts[-1] in said.out
    assert max(map(len, said.out.splitlines())) <= 100


def test_help_groups_the_commands(mgraph: Shell) -> None:
    """`mgraph --help` lists each command once, under its purpose."""
    said = mgraph("--help")
    assert said.status == 0
    for purpose, names in COMMANDS.items():
        block = said.out.split(f"\n{purpose}:\n")[1].split("\n\n")[0]
        assert [line.split()[0] for line in block.splitlines()] == [*names]


@pytest.mark.parametrize("words", ["", "run", "store add"])
def test_help_as_a_command(mgraph: Shell, words: str) -> None:
    """`mgraph help` and `mgraph help COMMAND` print what `--help` prints."""
    said = mgraph("help", *words.split())
    assert said == mgraph(*words.split(), "--help")
    assert said.status == 0


def test_help_with_one_dash(mgraph: Shell) -> None:
    """Each command says how help is spelled, also behind an argument."""
    for line in ("", "run neuron.json", *ALL_NAMES):
        assert is_usage_error(mgraph(*line.split(), "-help"), "did you mean --help?"), line


def test_version(mgraph: Shell) -> None:
    """The version of the package and of the format, on one line."""
    assert mgraph("--version").out == f"mgraph {__version__}, format 1.1\n"


# --- a wrong command line --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("rnu neuron.json", 'did you mean "run"?'),
        ("frobnicate", "the commands are new, run, trace, view, draw, explain, step, gradcheck"),
        ("new -x*y", "goes after --: mgraph new -- '-x*y'"),
        ("trace neuron.json --steps 20", "go after --: mgraph trace SCRIPT -o FILE -- --steps 20"),
        ("neuron.json", "did you mean: mgraph run neuron.json"),
        ("run", "Missing argument 'GRAPH'. For example: mgraph run neuron.json"),
        ("check", "Missing argument 'PATH...'. For example: mgraph check neuron.json"),
        ("diff neuron.json", "Missing argument 'B'. For example: mgraph diff"),
        ("convert neuron.json", "For example: mgraph convert neuron.json neuron.msgpack"),
        ("run neuron.json --nograd", "Did you mean '--no-grad'?"),
        ("--json run neuron.json", "Options go after the command: mgraph run GRAPH --json"),
        ("run neuron.json other.json", "unexpected extra argument (other.json)"),
        ("run neuron.json -o neuron.txt", "a name that ends in .json or .msgpack, or -"),
        ("run neuron.json --in-place -o a.json", "can't be combined"),
        ("run - --in-place", "use -o FILE"),
        ("run - --inputs -", "only one of"),
        ("run neuron.json --set x1", "write ID=X, for example x1=0.5"),
        ("run neuron.json --set =3", "for example w1=0.5"),
        ("run neuron.json --set x1=two", "'two' is not a number: write x1=0.5"),
        ("run neuron.json --set x1=0,5", "'0,5' is not a number: write x1=0.5"),
        ("run neuron.json --set x1=0,0", "'0,0' is not a number: write x1=0.0"),
        ("run neuron.json --set x1=1,x2=2", "is not a number: write x1=1; repeat --set for each"),
        ("new a*b --param a=1,b=2", "is not a number: write a=1; repeat --param for each"),
        ("run neuron.json --set x1=1_000", "'1_000' is not a number"),
        ("run neuron.json --set x1=1e400", "write x1=inf if you mean infinity"),
        ("run neuron.json --seed o=1e400", "1e400 is too large for a double\n"),
        ("run neuron.json --seed o", "for example o=0.5"),
        ("run neuron.json --engine warp", "'warp' is not one of 'auto', 'value'"),
        ("run neuron.json --limit node=3", 'there is no limit "node"; names: size, nodes'),
        ("run neuron.json --limit nodes=x", '"x" is not a whole number, for example'),
        ("run neuron.json --limit nodes", "for example nodes=20000000 or size=2G"),
        ("check neuron.json --limit depth=201", "depth can be raised to 200 at most"),
        ("explain neuron.json", "For example: mgraph explain neuron.json w1"),
        ("explain neuron.json w1 --paths 0", "0 is not in the range 1<=x<=10000"),
        ("explain neuron.json w1 --run 1", "neuron.json has 1 run: choose --run 0"),
        ("explain - w1 --inputs -", "only one of"),
        ("step - --inputs -", "only one of"),
        ("step neuron.json --run -1", "-1 is not in the range"),
        ("gradcheck - --inputs -", "only one of"),
        ("gradcheck neuron.json -o a.svg", "-o needs --leaf"),
        ("gradcheck neuron.json --leaf w1 -o a.gif", "a name that ends in .svg or .png, or -"),
        ("gradcheck neuron.json --leaf w1 --all", "can't be combined"),
        ("gradcheck neuron.json --tolerance -1", "0 or a positive finite number, for example 1e-9"),
        ("test --rel -1", "0 or a positive finite number, for example 1e-9"),
        ("test --abs nan", "0 or a positive finite number"),
        ("test --exact --rel 1e-9", "--exact can't be combined with --rel or --abs"),
        ("test --accept", "the name of one file"),
        ("test --accept .", "the name of one file"),
        ("test --accept neuron.json neuron.json", "the name of one file"),
        ("test --accept neuron.json --json", "can't be combined with --json or --junit"),
        ("draw neuron.json -o a.gif", "give --format, one of svg, png, dot, mmd"),
        ("draw neuron.json -o -", "the format of standard output is not known: give --format"),
        ("draw neuron.json -o a.svg --hops 2", "--hops needs --around"),
        ("draw neuron.json -o a.svg --fold -1", "No such option"),
        ("draw --fold neuron.json -o a.svg", "'neuron.json' is not a depth: write --fold 1"),
        ("draw neuron.json -o a.svg --theme pink", "'pink' is not one of 'light', 'dark'"),
        ("draw neuron.json -o a.svg --run 7", "neuron.json has 1 run: choose --run 0"),
        ("draw - -o a.svg --inputs -", "only one of"),
        ("diff - -", "only one of the two files"),
        ("convert neuron.json a.yaml", ".json or .msgpack, or -"),
        ("convert neuron.json a.json --to 0.9", "there is no format 0.9: choose one of 1.0"),
        ("convert neuron.json a.json --to 1.2", "choose one of 1.0, 1.1"),
        ("convert neuron.json a.json --to one", "choose one of 1.0"),
        ("view", "For example: mgraph view neuron.json"),
        ("view neuron.json -o neuron.json", "a name that ends in .html"),
        ("view neuron.json -o new.html/", "new.html/ is a folder: name a file in it"),
        ("draw neuron.json -o new.svg/", "new.svg/ is a folder: name a file in it"),
        ("open mgraph:z=AA -o new/", "new/ is a folder: name a file in it"),
        ("test . --junit new/", "new/ is a folder: name a file in it"),
        ("store rm", "For example: mgraph store rm shared class-7a/anna"),
        ("token new", "For example: mgraph token new shared"),
        ("token new shared --scope class", "add --prefix, for example --prefix class-7a"),
        ("token new shared --scope read --prefix a", "--prefix is for tokens that write"),
        ("token new shared --bytes many", "'many' is not a whole number, for example 100 or 8M"),
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


def test_a_wrong_value_of_the_environment(mgraph: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is named: nobody has typed the option."""
    for name, value in (("LAN", "maybe"), ("PORT", "x"), ("LIMIT", "nodes=x")):
        with monkeypatch.context() as patch:
            patch.setenv(f"MGRAPH_{name}", value)
            said = mgraph("serve")
            assert is_usage_error(said, f"(in the environment variable MGRAPH_{name})")
            assert "environment" not in mgraph("serve", f"--{name.lower()}=y").err


def test_a_file_without_a_name(mgraph: Shell) -> None:
    """The message shows that the name is empty."""
    assert 'can\'t read "": ' in mgraph("check", "").err


@pytest.mark.parametrize("name", ["", *GROUPS])
def test_without_arguments_there_is_help(mgraph: Shell, name: str) -> None:
    """What has commands shows its help and nothing else; it counts as a wrong command line."""
    said = mgraph(*name.split())
    assert (said.status, said.out) == (2, "")
    assert said.err == mgraph(*name.split(), "--help").out


# --- ops, schema -----------------------------------------------------------------------------


def test_ops(mgraph: Shell) -> None:
    """Every op of the table is printed, with its formula, local derivatives and edges."""
    said = mgraph("ops")
    assert said.status == 0
    lines = said.out.splitlines()
    for op in TABLE:
        row = next(line for line in lines if line.split()[:1] == [op.name])
        assert op.formula in row
        assert op.partials_text in row
        assert not op.at_kink or f"{op.name:<10}{op.at_kink}" in lines
    assert all(any(line.startswith(f"{name} ") for line in lines) for name in LEAVES)
    assert max(map(len, lines)) <= 88


def test_ops_as_json(mgraph: Shell) -> None:
    """`--json` has every op and every leaf, with everything that is known of them."""
    table = mgraph("ops", "--json").json
    assert [row["name"] for row in table["ops"]] == [op.name for op in TABLE]
    assert [leaf["name"] for leaf in table["leaves"]] == [*LEAVES]
    by_name = {row["name"]: row for row in table["ops"]}
    assert by_name["sum"]["inputs"] == "1 or more"
    assert (by_name["tanh"]["inputs"], by_name["pow"]["inputs"]) == (1, 2)
    assert by_name["log"]["domain"] == [{"low": 0.0, "high": None, "open_low": True}]
    assert {row["exact"] for row in table["ops"]} == {True, False}


def test_some_ops(mgraph: Shell) -> None:
    """Named ops are printed alone, with all that is said of them; others are refused."""
    whole = mgraph("ops").out.splitlines()
    said = mgraph("ops", "tanh", "pow", "erf").out.splitlines()
    assert [line.split()[0] for line in said[1:4]] == ["pow", "tanh", "erf"]
    assert [line for line in said if line.startswith("pow  ")][1:] == [
        line for line in whole if line.startswith("pow  ")
    ][1:]
    assert "leaves" not in said
    table = mgraph("ops", "tanh", "--json").json
    assert table["ops"] == [x for x in mgraph("ops", "--json").json["ops"] if x["name"] == "tanh"]
    assert table["leaves"] == []
    assert is_usage_error(mgraph("ops", "tahn"), "'tahn' is not one of 'add'")


def test_schema(mgraph: Shell) -> None:
    """The schema accepts the neuron and refuses a typo."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = mgraph("schema").json
    document = mgraph.document("neuron.json")
    jsonschema.validate(document, schema)
    document["outputz"] = []
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)


# --- every command on every bad file ---------------------------------------------------------

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


@shared
@pytest.mark.parametrize("folder", thinned(sorted({path.parent.name for path in REJECTED}), 3))
def test_no_command_accepts_a_bad_file(mgraph: Shell, folder: str, share: float) -> None:
    """Status 1, the code on standard error, no traceback, nothing written."""
    assert folder in CODES
    chosen = [path for path in REJECTED if path.parent.name == folder]
    for path, line in [*product(chosen, READERS)][:: 1 if share == 1 else 3]:
        name = mgraph.write(f"bad{path.suffix}", path.read_bytes())
        said = mgraph(*(word.format(name) for word in line))
        assert said.status == 1, (path, line)
        assert codes(said)[0] == folder, (path, line)
        assert said.raw == b"" or line[0] == "test", (path, line)
        mgraph.path(name).unlink()
    assert mgraph.files() == ["neuron.json"]


@pytest.mark.parametrize("line", READERS, ids=" ".join)
@pytest.mark.parametrize("name", ["nope.json", "tab\there.json", "\udcff.json", "nul\0.json"])
def test_every_command_names_a_missing_file(
    mgraph: Shell, line: tuple[str, ...], name: str
) -> None:
    """A file that doesn't exist, or can't exist, gives one error, without control characters."""
    said = mgraph(*(word.format(name) for word in line))
    assert (said.status, codes(said)) == (1, ["io"])
    assert "\t" not in said.err + said.out
    assert mgraph.files() == ["neuron.json"]
