"""The command line as a whole: help, wrong words, tables, and every verb on every bad file."""

from __future__ import annotations

import re
import sys
from inspect import cleandoc
from itertools import product
from typing import TYPE_CHECKING

import click
import pytest

from mgraph import __version__
from mgraph.cli import VERBS, cli
from mgraph.errors import CODES
from mgraph.ops import LEAVES, TABLE
from tests.command_line import (
    FIXTURES,
    HERE,
    NEURON,
    Shell,
    codes,
    in_shell,
    is_usage_error,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


EVERY_VERB = [verb for verbs in VERBS.values() for verb in verbs]


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


WITH_NODE = [(verb, line) for verb, line in EXAMPLES if "node " in line]
"""Examples with an engine in JavaScript; the group `examples` tries them."""

HERE_AND_NOW = [example for example in EXAMPLES if example not in WITH_NODE]


@pytest.mark.parametrize(("verb", "line"), HERE_AND_NOW, ids=[line for _, line in HERE_AND_NOW])
def test_examples_work(verb: str, line: str, tmp_path: Path) -> None:
    """An example typed into a shell, beside what it names, does what it says, and no more."""
    assert_works(verb, line, tmp_path)


def assert_works(verb: str, line: str, tmp_path: Path) -> None:
    """Type an example into a shell."""
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
        ("gradcheck neuron.json --leaf w1 -o a.gif", "a name that ends in .svg or .png, or -"),
        ("gradcheck neuron.json --leaf w1 --all", "exclude each other"),
        ("gradcheck neuron.json --tolerance -1", "a finite number from 0, for example 1e-9"),
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


# --- ops, schema -----------------------------------------------------------------------------


def test_ops(mgraph: Shell) -> None:
    """Every row of the table of ops is printed, with its formula, slopes and edges."""
    said = mgraph("ops")
    assert said.status == 0
    lines = said.out.splitlines()
    for op in TABLE:
        row = next(line for line in lines if line.split()[:1] == [op.name])
        assert op.formula in row
        assert op.partials_text in row
        assert not op.at_kink or f"{op.name:<10}{op.at_kink}" in lines
    assert all(any(line.startswith(f"{name} ") for line in lines) for name in LEAVES)
    assert max(map(len, lines)) <= 85


def test_ops_as_json(mgraph: Shell) -> None:
    """`--json` has every row and every leaf, each with all there is to know."""
    found = mgraph("ops", "--json").json
    assert [row["name"] for row in found["ops"]] == [op.name for op in TABLE]
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
