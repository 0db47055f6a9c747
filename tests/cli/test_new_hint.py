"""`mgraph new` names the command that runs what it made, and that command works."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import pytest

from tests.command_line import in_shell

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Shell

HINT = "to run it"


@pytest.mark.parametrize(
    "line",
    [
        "--mlp 2,4,1 -o net.json", "--mlp 2,4,3 -o net.json", "--mlp 10,2 -o net.json",
        "--mlp 2,4,1 -o 'my net.json'", "--mlp 2,4,1 -o ./-net.json", "--mlp 2,4,1 -o -net.json",
        "--mlp 2,4,1 --loss hinge -o net.json", "--mlp 2,4,3 --loss cross-entropy -o net.json",
        "'y = x*w' -o y.json", "'y = x[0]*x[1]' -o y.json",
        "'y = 2*a; z = 3*a' --input a=2 -o y.json", "'y = 2*a; z = 3*b' --input a=2 -o y.json",
    ],
)  # fmt: skip
def test_the_command_works(tmp_path: Path, line: str) -> None:
    """What the hint says can be pasted into the shell, and runs."""
    made = in_shell(f"mgraph new {line}", tmp_path)
    assert made.status == 0
    assert made.err == ""
    hint = made.out.splitlines()[1]
    assert hint.startswith(f"{HINT}: mgraph run ")
    command = hint.removeprefix(f"{HINT}: ")
    done = in_shell(command, tmp_path)
    assert (done.status, done.err) == (0, "")
    assert "wrote " in done.out


def test_many_inputs_go_into_a_file(mgraph: Shell) -> None:
    """Eleven values are not for a command line: the hint shows the file that `--inputs` reads."""
    said = mgraph("new", "--mlp", "11,2", "-o", "net.json")
    text, _, command = said.out.splitlines()[1].partition("}: ")
    assert text == HINT + ', put values into a file, {"x1": 1.0, "x2": 1.0, …'
    mgraph.write("values.json", json.dumps({f"x{i}": 1.0 for i in range(1, 12)}))
    done = mgraph(*shlex.split(command)[1:])
    assert (done.status, done.err) == (0, "")


@pytest.mark.parametrize(
    "args",
    [
        ("y = a*b", "--input", "a=2", "--param", "b=3", "-o", "y.json"),
        ("--mlp", "2,1", "--input", "x1=1", "--input", "x2=2", "-o", "y.json"),
        ("y = a*b",),
    ],
)
def test_no_hint_where_none_is_needed(mgraph: Shell, args: tuple[str, ...]) -> None:
    """A graph that runs as it is needs no hint, and a pipe gets the graph only."""
    said = mgraph("new", *args)
    assert (said.status, said.err, HINT in said.out) == (0, "", False)


def test_each_plain_run_starts_from_the_graph(mgraph: Shell) -> None:
    """As the help says: NAME.annotated.json is written anew, `--in-place` collects runs."""
    for x in ("1", "2"):
        mgraph("run", "neuron.json", "--set", f"x1={x}")
    runs = mgraph.document("neuron.annotated.json")["runs"]
    assert [run.get("inputs") for run in runs] == [None, {"x1": 2.0}]
    for x in ("1", "2"):
        mgraph("run", "neuron.json", "--set", f"x1={x}", "--in-place")
    runs = mgraph.document("neuron.json")["runs"]
    assert [run.get("inputs") for run in runs] == [None, {"x1": 1.0}, {"x1": 2.0}]
    text = " ".join(mgraph("run", "--help").out.split())
    assert "written anew each time. To collect several runs in one file, use --in-place." in text
    assert "If an id is given twice, the last value counts." in text
