"""`mgraph train`: what it writes and prints, from which files and streams."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from mgraph.training import train
from tests.command_line import HERE, in_shell
from tests.rows.lines import line
from tests.training.folder import CSV, IN_PYTHON, OPTIONS, START

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Shell


def test_a_folder_gets_everything(shell: Shell) -> None:
    """Log, checkpoints, results, a curve, the command; the numbers are those of the library."""
    said = shell(*START, *OPTIONS, "--checkpoint-every", "3", "--json")
    assert (said.status, said.err) == (0, "")
    result = train(line(), "rows.csv", **IN_PYTHON)
    assert said.json == {**result.results, "notes": [], "wrote": "run"}
    assert shell.document("run/result.json") == result.results
    lines = [json.loads(text) for text in shell.path("run/log.jsonl").read_text().splitlines()]
    assert lines == [*result.log]
    assert [entry["step"] for entry in lines] == [1, 2, 3, 4]
    assert shell.path("run/final.json").read_bytes() == b"".join(result.graph.to_bytes())
    assert shell("test", "run/final.json").status == 0
    command = " ".join(("mgraph", *START, *OPTIONS, "--checkpoint-every 3 --json"))
    assert shell.path("run/command.txt").read_text() == f"{command}\n"
    names = sorted(path.name for path in shell.path("run/checkpoints").iterdir())
    assert names == [f"step-{step:09}.json" for step in (0, 3, 4)]
    assert ET.fromstring(shell.path("run/loss.svg").read_text()).tag.endswith("svg")  # noqa: S314


def test_a_summary_is_printed(shell: Shell) -> None:
    """Counts, losses before and after, and the curve of the loss."""
    said = shell(*START, *OPTIONS)
    first, header, before, after, validation, curve, to_predict = said.out.splitlines()
    assert first == "wrote run/final.json: 4 steps, 2 epochs, 4 rows, 2 params trained"
    told = shell.document("run/result.json")
    assert header.split() == ["loss"]
    for row, name in ((before, "before"), (after, "after"), (validation, "validation")):
        assert row.split() == [name, f"{told[name]['loss']:.4g}"]
    assert curve.startswith("loss (log scale): ")
    assert len(curve.split()[-1]) == 4
    command = "mgraph replay run/model.json rows.csv -o scores.csv --grad none"
    assert to_predict == f"to predict: {command}"
    assert shell(*command.split()[1:]).status == 0
    said = shell(*START[:-1], "exact", *OPTIONS, "--math", "exact")
    assert said.out.splitlines()[-1].endswith("-o scores.csv --math exact --grad none")


def test_a_hint_sets_one_target(shell: Shell) -> None:
    """The first class is 1, and the others are 0, or -1 for a hinge loss."""
    for loss, off in (("cross-entropy", "0.0"), ("mse", "0.0"), ("hinge", "-1.0")):
        said = shell("new", "--mlp", "1,3", "--loss", loss, "-o", "net.json")
        assert f"--set y1=1.0 --set y2={off} --set y3={off}" in said.out


def test_rows_and_graphs_from_streams(shell: Shell) -> None:
    """The same numbers as from files."""
    assert shell(*START, *OPTIONS).status == 0
    rows = shell("train", "line.json", "-", "-o", "rows", *OPTIONS, stdin=CSV.encode())
    graph = shell.path("line.json").read_bytes()
    other = shell("train", "-", "rows.csv", "-o", "graph", *OPTIONS, stdin=graph)
    assert (rows.status, other.status) == (0, 0)
    for name in ("rows", "graph"):
        for file in ("log.jsonl", "final.json", "result.json"):
            other_bytes = shell.path(f"{name}/{file}").read_bytes()
            assert other_bytes == shell.path(f"run/{file}").read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, names are text")
def test_names_that_are_not_utf8(shell: Shell) -> None:
    """Graph and folder may have them; the command is kept byte for byte."""
    shell.path("line.json").rename(shell.path("l\udcff.json"))
    said = shell("train", "l\udcff.json", "rows.csv", "-o", "run\udcff", "--epochs", "1")
    assert said.status == 0
    command = shell.path("run\udcff/command.txt").read_bytes()
    assert command == b"mgraph train 'l\xff.json' rows.csv -o 'run\xff' --epochs 1\n"


def test_the_example_is_what_it_says(tmp_path: Path) -> None:
    """The script beside the moons writes the same rows."""
    folder = HERE.parent / "examples"
    said = in_shell(f"python3 {folder / 'make_moons.py'}", tmp_path)
    assert said.raw == (folder / "moons.csv").read_bytes()


def test_a_trained_graph_reminds_of_its_run(shell: Shell) -> None:
    """Its inputs have no value, but its run has one for each."""
    shell("new", "--mlp", "1,1", "--loss", "mse", "-o", "net.json")
    said = shell("run", "net.json")
    assert "explain" not in said.err
    options = ("--column", "x1=x", "--epochs", "1")
    assert shell("train", "net.json", "rows.csv", "-o", "run", *options).status == 0
    said = shell("run", "run/final.json")
    assert said.status == 1
    assert said.err.count("mgraph explain run/final.json ID shows the numbers of run 0") == 1
    assert shell("explain", "run/final.json", "loss").status == 0
