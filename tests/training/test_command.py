"""`mgraph train`: its folder, checkpoints from which it goes on, Ctrl-C, and what is refused."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

from mgraph.training import train
from tests.command_line import HERE, SCRIPT, codes, environment, in_shell, is_usage_error
from tests.rows.lines import line

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Shell

CSV = "x,y,kind\n3,5,a\n3,7,b\n0,0,a\n-1,1,b\n0.7,0.1,a\n"

OPTIONS = ("--lr", "0.05", "--epochs", "2", "--batch-size", "2", "--optimizer", "adam",
           "--schedule", "cosine", "--validation", "0.2")  # fmt: skip
"""Four steps of two rows."""

IN_PYTHON: dict[str, Any] = {
    "lr": 0.05, "epochs": 2, "batch_size": 2, "optimizer": "adam", "schedule": "cosine",
    "validation": 0.2,
}  # fmt: skip

START = ("train", "line.json", "rows.csv", "-o", "run")


@pytest.fixture
def shell(mgraph: Shell) -> Shell:
    """Return a folder with the graph of a squared error, and five rows."""
    line().to_file("line.json")
    mgraph.write("rows.csv", CSV)
    return mgraph


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


@pytest.mark.parametrize("step", range(5))
def test_training_goes_on_from_any_step(shell: Shell, step: int) -> None:
    """Stopped after a step and resumed, all bytes are those of a training that never stopped."""
    whole = train(line(), "rows.csv", "whole", checkpoint_every=1, **IN_PYTHON)
    if step:
        stopped = train(line(), "rows.csv", "run", stop=after(step), **IN_PYTHON)
        assert (stopped.steps, stopped.is_finished) == (step, step == 4)
        assert shell.path("run/final.json").exists() == (step == 4)
    else:  # killed before the first step
        os.mkdir("run")
        os.mkdir("run/checkpoints")
        shutil.copy("whole/checkpoints/step-000000000.json", "run/checkpoints")
        shell.write("run/log.jsonl", '{"step": 1, "epo')
    said = shell(*START, *OPTIONS, "--resume")
    assert said.status == 0
    assert whole.steps == 4
    for name in ("final.json", "log.jsonl", "result.json", "loss.svg",
                 "checkpoints/step-000000004.json"):  # fmt: skip
        assert shell.path(f"run/{name}").read_bytes() == shell.path(f"whole/{name}").read_bytes()


def after(step: int) -> Any:  # noqa: ANN401 - a function that counts
    """Return what stops training after some steps."""
    calls = iter(range(1, step + 1))
    return lambda: next(calls) == step


def test_a_patience_is_resumed(shell: Shell) -> None:
    """The best epoch so far is part of a checkpoint."""
    options: dict[str, Any] = {"lr": 0.3, "epochs": 50, "validation": 0.2, "patience": 3}
    whole = train(line(), "rows.csv", "whole", optimizer="momentum", **options)
    assert whole.steps < 50
    train(line(), "rows.csv", "run", optimizer="momentum", stop=after(whole.steps - 1), **options)
    train(line(), "rows.csv", "run", optimizer="momentum", resume=True, **options)
    for name in ("final.json", "log.jsonl", "result.json"):
        assert shell.path(f"run/{name}").read_bytes() == shell.path(f"whole/{name}").read_bytes()


def test_ctrl_c_ends_with_a_checkpoint(shell: Shell) -> None:
    """Exit status 130; it says how to go on, and that works."""
    arguments = (*START, "--lr", "1e-6", "--batch-size", "1", "--epochs")
    child = subprocess.Popen(
        [SCRIPT, *arguments, "10000000"], cwd=shell.folder, env=environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    log = shell.path("run/log.jsonl")
    deadline = time.monotonic() + 60
    while not (log.exists() and log.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (130, "")
    stopped, hint = err.splitlines()[-2:]
    step = int(stopped.split()[3].rstrip(":").replace(",", ""))
    assert stopped.endswith(f"run/checkpoints/step-{step:09}.json")
    assert hint == f"to go on: mgraph {' '.join(arguments)} 10000000 --resume"
    assert shell(*arguments, "10000000", "--epochs", "1", "--resume").status == 1
    checkpoint = shell.document(f"run/checkpoints/step-{step:09}.json")
    assert log.read_bytes()[: checkpoint["log_bytes"]].count(b"\n") == step


def test_a_loss_that_is_nan_keeps_a_checkpoint(shell: Shell) -> None:
    """Exit status 1; the last values whose loss was finite are kept, and named."""
    said = shell(*START, "--lr", "1e3", "--epochs", "1000")
    assert (said.status, codes(said)) == (1, ["number"])
    assert "the learning rate is too large" in said.err
    assert "remove this one: rm -r run" in said.err
    steps = sorted(path.name for path in shell.path("run/checkpoints").iterdir())
    assert steps[-1] in said.err
    log = [json.loads(text) for text in shell.path("run/log.jsonl").read_text().splitlines()]
    last = shell.document(f"run/checkpoints/{steps[-1]}")
    assert last["step"] == len(log) - 1
    assert all(isinstance(entry["loss"], float) for entry in log)
    assert not shell.path("run/final.json").exists()


def test_another_training_is_not_resumed(shell: Shell) -> None:
    """What has changed is named: options, rows, the graph."""
    assert shell(*START, *OPTIONS).status == 0
    for change, name in (
        (("--lr", "0.1"), "option lr (was 0.05, is 0.1)"),
        (("--epochs", "3"), "option epochs (was 2, is 3)"),
        (("--epochs", "3"), "mgraph train run/final.json … -o run2"),
        (("--train", "w"), 'option train (was [], is ["w"])'),
        (("--math", "mgraph"), "math library"),
    ):
        said = shell(*START, *OPTIONS, *change, "--resume")
        assert (said.status, codes(said)) == (1, ["io"]), change
        assert name in said.err
    said = shell(*START, *OPTIONS[:-1], "0.4", "--resume")
    assert "because of a change: the rows" in said.err
    shell.write("rows.csv", CSV.replace("0.7", "0.8"))
    assert "because of a change: the rows" in shell(*START, *OPTIONS, "--resume").err
    shell.write("rows.csv", CSV)
    graph = shell.document("line.json")
    graph["nodes"][0]["label"] = "a label changes nothing"
    shell.write("line.json", graph)
    assert shell(*START, *OPTIONS, "--resume").status == 0
    shell.path("line.json").write_bytes(shell.path("run/final.json").read_bytes())
    assert "because of a change: the graph" in shell(*START, *OPTIONS, "--resume").err


def test_folders_that_cannot_be_used(shell: Shell) -> None:
    """One that has something in it, one without checkpoints, damaged ones, a file."""
    said = shell(*START, "--resume")
    assert "there is no checkpoint in run" in said.err
    assert said.err.endswith("  fix       start without --resume\n")
    assert not shell.path("run").exists()
    assert shell(*START, *OPTIONS).status == 0
    assert "remove this one: rm -r run" in shell(*START, *OPTIONS).err
    said = shell("train", "line.json", "rows.csv", "-o", ".", *OPTIONS)
    assert "the output . is among the inputs, or holds one" in said.err
    shell.path("other").mkdir()
    shell.write("other/notes.txt", "")
    said = shell("train", "line.json", "rows.csv", "-o", "other", *OPTIONS)
    assert "name an empty or a new folder" in said.err
    assert codes(shell("train", "line.json", "rows.csv", "-o", "rows.csv", *OPTIONS)) == ["io"]
    for rows in (("run",), ("rows.csv", "--validation", "run")):
        said = shell("train", "line.json", *rows, "-o", "run/again", "--format", "csv")
        assert "the output run/again is among the inputs" in said.err
    checkpoint = "run/checkpoints/step-000000004.json"
    document = shell.document(checkpoint)
    whole = shell.path(checkpoint).read_bytes()
    for damage in (b"", whole[:-9], b"[]", b"{}", b'"x"', b"[" * 100_000,
                   json.dumps({**document, "params": {}}),
                   json.dumps({**document, "params": {"w": 10**400, "b": 0.0}}),
                   json.dumps({**document, "best": 3}), json.dumps({**document, "step": "x"}),
                   json.dumps({**document, "optimizer": []}),
                   json.dumps({**document, "optimizer": {"m": [0.0]}}),
                   json.dumps({**document, "checkpoint": 2}),
                   json.dumps({**document, "step": 10**12}),
                   json.dumps({**document, "plan": [], "log_bytes": -1})):  # fmt: skip
        shell.write(checkpoint, damage)
        said = shell(*START, *OPTIONS, "--resume")
        assert (said.status, codes(said)) == (1, ["io"]), damage
    shell.write(checkpoint, whole)
    log = shell.path("run/log.jsonl").read_bytes()
    for damage in (b"{}\n", log[:-1], log.replace(b'"step"', b"step:x", 1), b"\xff" + log[1:],
                   b"\n" * len(log), b"[" * len(log), log.replace(b'"step": 2', b'"step": 3'),
                   re.sub(rb'(?<="loss": )[^,]+', lambda x: b"NaN".ljust(len(x[0])), log)
                   ):  # fmt: skip
        shell.write("run/log.jsonl", damage)
        said = shell(*START, *OPTIONS, "--resume")
        assert (said.status, codes(said)) == (1, ["io"]), damage
        assert "or its log" in said.err
    shell.write("run/log.jsonl", log + b"{")  # a line that was being written is cut off
    assert shell(*START, *OPTIONS, "--resume").status == 0
    assert shell.path("run/log.jsonl").read_bytes() == log


REFUSED: tuple[tuple[tuple[str, ...], str], ...] = (
    (("--lr", "0"), "positive number"),
    (("--lr", "nan"), "positive number"),
    (("--clip", "inf"), "positive number"),
    (("--momentum", "1"), "from 0 to 1"),
    (("--weight-decay", "-1"), "0 or a positive"),
    (("--batch-size", "half"), "or full"),
    (("--batch-size", "0"), "or full"),
    (("--epochs", "0"), "--epochs"),
    (("--validation", "1.5"), "a share of the rows"),
    (("--patience", "3"), "use it with --validation"),
    (("--optimizer", "adam", "--momentum", "0.9"), "--momentum goes with sgd"),
    (("--optimizer", "lion"), "--optimizer"),
    (("--column", "x"), "LEAF=COL"),
    (("--bad-rows", "null"), "--bad-rows"),
    (("-o", "-"), "the output is a folder"),
    (("--column", "x=y", "--column", "x=x"), "--column is given twice for x"),
    (("--validation", "0.1", "--validation", "0.2"), "given twice"),
)


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_options_that_cannot_be_used(shell: Shell, options: tuple[str, ...], message: str) -> None:
    """Exit status 2, before anything is read or written."""
    assert is_usage_error(shell(*START, *options), message)
    assert not shell.path("run").exists()


def test_a_missing_option_is_answered_with_an_example(shell: Shell) -> None:
    """It is one of `train`, although the help begins with one of `new`."""
    assert is_usage_error(shell("train", "line.json", "rows.csv"), "For example: mgraph train ")


def test_a_hint_sets_one_target(shell: Shell) -> None:
    """The first class is 1, and the others are 0, or -1 for a hinge loss."""
    for loss, off in (("cross-entropy", "0.0"), ("mse", "0.0"), ("hinge", "-1.0")):
        said = shell("new", "--mlp", "1,3", "--loss", loss, "-o", "net.json")
        assert f"--set y1=1.0 --set y2={off} --set y3={off}" in said.out


def test_streams_that_cannot_be_used(shell: Shell) -> None:
    """Standard input can be the graph or the rows."""
    assert is_usage_error(shell("train", "-", "-", "-o", "run"), "only one of")
    assert is_usage_error(shell("train", "line.json", "-", "rows.csv", "-o", "run"), "other rows")


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


FAULTS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("--loss", "los"), "output", 'line.json: error[output]: the loss "los"'),
    (("--train", "v*"), "run-node", 'line.json: error[run-node]: no param matches "v*"'),
    (("--column", "x=z"), "column", 'rows.csv: error[column]: the table has no column "z"'),
    (("--target", "kin"), "column", 'did you mean "kind"?'),
    (("--target", "y"), "column", 'the column "y" has 5 classes'),
    (("--validation", "none.csv"), "io", "none.csv"),
    (("--column", "x=kind"), "number", '"kind" is "a" in row 0'),
    (("--accuracy",), "output", "no node is named score"),
)


@pytest.mark.parametrize(("options", "code", "message"), FAULTS)
def test_what_does_not_fit_is_refused(
    shell: Shell, options: tuple[str, ...], code: str, message: str
) -> None:
    """Exit status 1, with a diagnostic that names a file; no folder is made."""
    said = shell(*START, *options)
    assert (said.status, codes(said)) == (1, [code])
    assert message in said.err
    assert ("--bad-rows" in said.err) == (code == "number")
    assert "error[" in said.err.split(": ")[1]
    assert not shell.path("run").exists()


def test_a_training_without_steps_does_not_block_its_folder(shell: Shell) -> None:
    """Whatever fails before the first step writes nothing; a folder without steps is used again."""
    shell.write("nan.csv", "x,y\n3,5\nnan,7\n")
    for rows, *options in (
        ("rows.csv", "--column", "z=x"), ("rows.csv", "--column", "loss=x"), ("nan.csv",),
        ("nan.csv", "--standardize"),
    ):  # fmt: skip
        said = shell("train", "line.json", rows, "-o", "run", *options)
        assert said.status == 1
        assert not shell.path("run").exists(), said.err
        assert "fix       ;" not in said.err
        if rows == "nan.csv":
            assert 'row 1 of nan.csv, counted from 0, where "x" is nan' in said.err
    train(line(), "rows.csv", "whole", checkpoint_every=1, **IN_PYTHON)
    os.makedirs("run/checkpoints")
    shutil.copy("whole/checkpoints/step-000000000.json", "run/checkpoints")
    shell.write("run/log.jsonl", "")
    assert shell(*START, *OPTIONS).status == 0
    shell.path("run/final.json").unlink()
    assert "use --resume" in shell(*START, *OPTIONS).err
    shutil.rmtree("run/checkpoints")
    for more in ((), ("--resume",)):
        assert "rm -r run" in shell(*START, *OPTIONS, *more).err


def test_a_target_with_two_columns_is_refused(shell: Shell) -> None:
    """That of --target and that of --column; no folder is made."""
    shell("new", "--mlp", "1,1", "--loss", "mse", "-o", "net.json")
    shell.write("rows.csv", "x1,kind\n1,a\n2,b\n")
    said = shell("train", "net.json", "rows.csv", "-o", "run", "--target", "kind", "--column",
                 "y=x1")  # fmt: skip
    assert codes(said) == ["column"]
    assert '"y" has two columns' in said.err
    assert not shell.path("run").exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a disk always full")
def test_a_log_that_cannot_be_written(shell: Shell) -> None:
    """The error names the file, and not standard output."""
    assert shell(*START, *OPTIONS).status == 0
    shell.path("run/checkpoints/step-000000004.json").unlink()
    shell.path("run/log.jsonl").unlink()
    os.symlink("/dev/full", "run/log.jsonl")
    said = shell(*START, *OPTIONS, "--resume")
    assert (said.status, codes(said)) == (1, ["io"])
    assert "run/log.jsonl" in said.err


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, names are text")
def test_names_that_are_not_utf8(shell: Shell) -> None:
    """Graph and folder may have them; the command is kept byte for byte."""
    shell.path("line.json").rename(shell.path("l\udcff.json"))
    said = shell("train", "l\udcff.json", "rows.csv", "-o", "run\udcff", "--epochs", "1")
    assert said.status == 0
    command = shell.path("run\udcff/command.txt").read_bytes()
    assert command == b"mgraph train 'l\xff.json' rows.csv -o 'run\xff' --epochs 1\n"


def test_inputs_without_a_column_are_noted(shell: Shell) -> None:
    """They keep their declared value in every row."""
    shell.write("ys.csv", "y\n1\n2\n")
    said = shell("train", "line.json", "ys.csv", "-o", "run", "--epochs", "1")
    assert said.err == "note: no column for the input x: declared values are used\n"
    shell.write("blank.csv", "y, x, w\n1,2,3\n")
    said = shell("train", "line.json", "blank.csv", "-o", "blank", "--epochs", "1")
    assert 'note: is the column " x" meant for x? Then leave out the blanks, or' in said.err
    assert " w" not in said.err  # it is trained
    shell("new", "--mlp", "1,1", "--loss", "mse", "-o", "net.json")
    said = shell("train", "net.json", "rows.csv", "-o", "net", "--column", "x1=x", "--column",
                 "y=none")  # fmt: skip
    assert 'no column "none" for "y"' in said.err
    shell.write("xs.csv", "x1,kind\n1,a\n2,b\n")
    said = shell("train", "net.json", "xs.csv", "-o", "net")
    assert codes(said) == ["unbound-input"]
    assert "if kind says which class a row is in, --target kind" in said.err
    assert "if it is a number, --column y=kind" in said.err
    assert "x1=" not in said.err
    shell("new", "--mlp", "3,1", "--loss", "mse", "-o", "wide.json")
    shell.write("xs.csv", "X1,x2,kind\n1,1,a\n2,2,b\n")
    said = shell("train", "wide.json", "xs.csv", "-o", "net", "--target", "kind")
    assert codes(said) == ["unbound-input"]
    assert 'the inputs "x1", "x3" have neither' in said.err
    assert 'the table has "X1", "x2", "kind"' in said.err
    assert "--column x1=X1 --column x3=…" in said.err
    assert "--target" not in said.err


def test_a_trained_param_with_the_name_of_a_column(shell: Shell) -> None:
    """It is refused, unless the param is said to have none; then the column may hold anything."""
    shell.write("b.csv", "x,y,b\n3,5,low\n3,7,high\n0,0,low\n-1,1,low\n0.7,0.1,low\n")
    said = shell("train", "line.json", "b.csv", "-o", "run", *OPTIONS)
    assert codes(said) == ["column"]
    assert "--column b= (columns= in Python)" in said.err
    said = shell("train", "line.json", "b.csv", "-o", "run", *OPTIONS, "--column", "b=")
    assert (said.status, said.err) == (0, "")
    assert "scores.csv --column b= --grad none" in said.out
    shell("train", "line.json", "rows.csv", "-o", "other", *OPTIONS)
    assert shell.path("run/log.jsonl").read_bytes() == shell.path("other/log.jsonl").read_bytes()


def test_a_param_that_reads_a_column_is_noted(shell: Shell) -> None:
    """A param that is not trained takes its values from the column of its name."""
    shell.write("b.csv", "x,y,b\n3,5,1\n0,1,2\n")
    options = ("-o", "run", "--epochs", "1", "--train", "w")
    said = shell("train", "line.json", "b.csv", *options)
    assert said.err.startswith("note: the param b takes its values from the column of its name")
    shell.write("b.csv", "x,y,b\n3,5,1\n0,1,?\n")
    said = shell("train", "line.json", "b.csv", "-o", "other", "--train", "w")
    assert "the param b takes its values from this column: --column b=" in said.err


def test_what_is_odd_about_rows_is_noted(shell: Shell) -> None:
    """Targets that are not classes, and inputs that were standardized in an earlier training."""
    for loss, good, bad, expected in (
        ("hinge", "1\n-1", "1\n0", "y is 1 or -1, but y = 0 in row 1 of"),
        ("cross-entropy", "1\n0", "1\n0.5", "y is 1 or 0, but y = 0.5 in row 1 of"),
    ):
        shell("new", "--mlp", "1,1", "--loss", loss, "-o", "net.json")
        for values, note in ((good, ""), (bad, expected)):
            rows = zip("23", values.split(), strict=True)
            shell.write("ys.csv", "x1,y\n" + "".join(f"{x},{y}\n" for x, y in rows))
            said = shell("train", "net.json", "ys.csv", "-o", f"{loss}{bool(note)}", "--epochs",
                         "1")  # fmt: skip
            assert said.status == 0
            assert note in said.err
            assert bool(note) == bool(said.err)
    shell("new", "--mlp", "1,2", "--loss", "cross-entropy", "-o", "net.json")
    shell.write("ys.csv", "x1,y1,y2\n1,1,0\n2,1,1\n")
    said = shell("train", "net.json", "ys.csv", "-o", "several", "--epochs", "1")
    assert "one of y1, y2 is 1 and the others are 0, but y1 = 1, y2 = 1 in row 1 of" in said.err
    assert shell(*START, "--epochs", "1", "--standardize").err == ""
    said = shell("train", "run/final.json", "rows.csv", "-o", "on", "--epochs", "1")
    assert said.err.startswith("note: the graph was trained on standardized x: add --standardize\n")


def test_accuracy_needs_classes(shell: Shell) -> None:
    """A regression has none: refused, with the row that shows it."""
    shell("new", "--mlp", "1,1", "--loss", "mse", "-o", "net.json")
    said = shell("train", "net.json", "rows.csv", "-o", "run", "--accuracy", "--column", "x1=x",
                 "--column", "y=x")  # fmt: skip
    assert (said.status, codes(said)) == (1, ["column"])
    assert "y = 3 in row 0 of rows.csv" in said.err
    shell("new", "--mlp", "1,2", "--loss", "mse", "-o", "net.json")
    shell.write("ys.csv", "x1,y1,y2\n1,1,-1\n2,0,0\n")
    said = shell("train", "net.json", "ys.csv", "-o", "run", "--accuracy")
    assert "y1 = 0, y2 = 0 in row 1 of ys.csv" in said.err
    shell.write("ys.csv", "x1,y1,y2\n1,1,-1\n2,-1,1\n")
    assert shell("train", "net.json", "ys.csv", "-o", "run", "--accuracy").status == 0


def test_the_example_is_what_it_says(tmp_path: Path) -> None:
    """The script beside the moons writes the same rows."""
    folder = HERE.parent / "examples"
    said = in_shell(f"python3 {folder / 'make_moons.py'}", tmp_path)
    assert said.raw == (folder / "moons.csv").read_bytes()


def test_a_loss_that_rises_is_pointed_out(shell: Shell) -> None:
    """Short steps down a parabola make the loss smaller, too long ones larger: a note says why."""
    steps = ("--epochs", "3", "--lr")
    assert shell(*START, *steps, "0.01").err == ""
    said = shell(*START[:-1], "long", *steps, "10")
    assert (
        said.err == "note: the loss has risen: the learning rate is too large; try a smaller --lr\n"
    )


def test_gradients_that_are_all_zero_are_pointed_out(shell: Shell) -> None:
    """A relu that a step of 4 switched off, also in batches; not where the loss is 0."""
    shell("new", "h = relu(w*x); e = h - y; L = e*e", "--param", "w=3", "-o", "relu.json")
    shell.write("rows.csv", "x,y\n1,1\n1,1\n1,1\n")
    shell.write("apart.csv", "x,y\n1,1\n-1,1\n-1,1\n")
    train = ("train", "relu.json", "--epochs", "4", "--lr")
    wanted = "note: all gradients were zero in the last epoch: this is a minimum, or"
    assert shell(*train, "1", "rows.csv", "-o", "dead").err.startswith(wanted)
    assert shell(*train, "1", "rows.csv", "-o", "d", "--batch-size", "2").err.startswith(wanted)
    assert shell(*train, "0.5", "rows.csv", "-o", "exact").err == ""  # 3 - 0.5·4 = 1, without loss
    assert shell(*train, "1e-3", "apart.csv", "-o", "off", "--batch-size", "1").err == ""


def test_a_trained_network_predicts(shell: Shell) -> None:
    """`model.json` needs no y, and takes rows that are not standardized; the numbers by hand."""
    shell.write("raw.csv", "x,y\n1,1\n2,2\n3,3\n6,4\n")  # mean 3, deviation sqrt(14/4)
    shell.write("new.csv", "x\n1\n7.5\n")
    options = ("--epochs", "2", "--lr", "0.1", "--standardize")
    assert shell("train", "line.json", "raw.csv", "-o", "run", *options).status == 0
    (run,) = shell.document("run/final.json")["runs"]
    b, w = (run["data"][name] for name in ("b", "w"))
    model = shell.document("run/model.json")
    said = shell("replay", "run/model.json", "new.csv", "-o", "-", "--grad", "none")
    assert said.out.splitlines()[0] == f"x,{model['outputs'][0]}"
    scores = [float(text.split(",")[1]) for text in said.out.splitlines()[1:]]
    assert scores == [w * ((x - 3.0) / math.sqrt(3.5)) + b for x in (1.0, 7.5)]
    assert "y" not in [node["id"] for node in model["nodes"]]


def test_a_classifier_predicts(shell: Shell) -> None:
    """The largest of its labelled scores is the predicted class, as often as accuracy says."""
    shell("new", "--mlp", "1,3", "--loss", "cross-entropy", "-o", "net.json")
    shell.write("rows.csv", "size,kind\n-2,a\n-1,a\n0.1,b\n0.2,b\n1,c\n0.3,c\n2.5,c\n")
    said = shell("train", "net.json", "rows.csv", "-o", "run", "--target", "kind", "--column",
                 "x1=size", "--accuracy", "--standardize", "--lr", "1", "--json")  # fmt: skip
    model = shell.document("run/model.json")
    labels = {node["id"]: node.get("label") for node in model["nodes"]}
    assert [labels[name] for name in model["outputs"]] == ["score 1", "score 2", "score 3"]
    scored = shell("replay", "run/model.json", "rows.csv", "-o", "-", "--grad", "none", "--column",
                   "x1=size", "--keep", "kind").out.splitlines()[1:]  # fmt: skip
    rows = [(kind, [float(x) for x in scores]) for kind, *scores in map(split, scored)]
    right = sum(kind == "abc"[scores.index(max(scores))] for kind, scores in rows)
    assert said.json["after"]["accuracy"] == right / 7
    assert right > 4


def test_rows_that_are_left_out_are_named(shell: Shell) -> None:
    """Those without a class, too; and those for validation."""
    shell.write("bad.csv", "x1,kind\n1,a\n?,b\n2,b\n3,NA\n")
    shell("new", "--mlp", "1,1", "--loss", "mse", "-o", "net.json")
    said = shell("train", "net.json", "bad.csv", "-o", "run", "--target", "kind", "--bad-rows",
                 "skip", "--epochs", "1", "--validation", "bad.csv")  # fmt: skip
    note = 'note: bad rows, counted from 0: row 1 of bad.csv ("x1" is missing, not a number, or '
    note += 'too large), row 3 of bad.csv ("kind" is no class)\n'
    assert said.err == note * 2


def test_the_command_that_predicts_takes_the_same_rows(shell: Shell) -> None:
    """It has all options of the training that say how its rows and its graph are read."""
    shell.write("rows.txt", "p,q,kind\n1,2,a\nNA,3,b\n2,5,b\n")
    shell("new", "--mlp", "2,1", "--loss", "mse", "-o", "net.json")
    said = shell(
        "train", "net.json", "rows.txt", "-o", "run", "--column", "x1=p", "--column", "x2=q",
        "--target", "kind", "--bad-rows", "skip", "--format", "csv", "--limit", "text=5000",
        "--epochs", "1",
    )  # fmt: skip
    assert said.status == 0
    (command,) = re.findall(r"^to predict: mgraph (.*)$", said.out, re.MULTILINE)
    scored = shell(*shlex.split(command))
    assert scored.status == 0
    assert scored.out.startswith("wrote scores.csv: 2 rows")
    assert "--limit text=5000" in command


def split(text: str) -> list[str]:
    """Return the cells of a line."""
    return text.split(",")


def test_a_graph_without_targets_predicts_nothing(shell: Shell) -> None:
    """It has no scores, so that there is no `model.json`."""
    shell("new", "loss = (w*x)**2", "--param", "w=1", "-o", "bare.json")
    said = shell("train", "bare.json", "rows.csv", "-o", "run")
    assert said.status == 0
    assert "to predict" not in said.out
    assert "adds one; without, there is no model.json" in said.err
    assert said.err.startswith(
        'note: no input takes the columns "y", "kind": training makes "loss"'
    )
    assert not shell.path("run/model.json").exists()


def test_a_target_of_another_name(shell: Shell) -> None:
    """A node that is named score predicts, whatever the target is called; else a note says why."""
    shell.write("prices.csv", "a,price\n1,2\n2,3\n")
    for score, notes in (("score", 0), ("p", 1)):
        formula = f"{score} = w*a + b; loss = ({score} - price)**2"
        shell("new", formula, "--param", "w=2", "--param", "b=1", "-o", "line.json")
        said = shell("train", "line.json", "prices.csv", "-o", score, "--epochs", "1", "--json")
        assert said.err.count("note: there is no model.json, which predicts") == notes
        assert len(said.json["notes"]) == notes
    (run,) = shell.document("score/final.json")["runs"]
    b, w = (run["data"][name] for name in ("b", "w"))
    said = shell("replay", "score/model.json", "prices.csv", "-o", "-", "--grad", "none")
    header, *lines = said.out.splitlines()
    assert header == "a,price,score"
    assert [float(text.split(",")[2]) for text in lines] == [w + b, w * 2.0 + b]
    assert not shell.path("p/model.json").exists()


def test_nothing_to_predict_from(shell: Shell) -> None:
    """A param that is drawn to a target has no inputs besides: no note misses a model.json."""
    for target in ("y", "price"):
        formula = f"e = w - {target}; L = e*e"
        shell("new", formula, "--param", "w=7", "-o", "parabola.json")
        shell.write("three.csv", f"{target}\n3\n")
        said = shell("train", "parabola.json", "three.csv", "-o", target, "--epochs", "1")
        assert "note" not in said.err


def test_large_targets_are_noted(shell: Shell) -> None:
    """A network gives numbers near 1: prices are far away, unless it has learned them before."""
    shell("new", "score = w*a + b; loss = (score - y)**2", "--param", "w=2", "--param", "b=1", "-o",
          "line.json")  # fmt: skip
    note = "note: y is about 2.5e+05, but what the graph predicts is about 4 before"  # 2 + 1, 4 + 1
    shell.write("ys.csv", "a,y\n1,200000\n2,-300000\n")
    for name, text, is_noted in (
        ("large", "a,y\n1,200000\n2,-300000\n", True),
        ("few", "a,y\n1,2\n2,-3\n", False),
        ("nan", "a,y\n1,200000\n2,inf\n", False),
        ("inputs", "a,y\n100000,200000\n200000,300000\n", False),
    ):
        shell.write("ys.csv", text)
        said = shell("train", "line.json", "ys.csv", "-o", name, "--epochs", "1", "--lr", "1e-12")
        assert (note in said.err) == is_noted, name
        assert ("divide the column by 100,000, for example" in said.err) == is_noted, name


def test_rows_in_place_of_the_graph(shell: Shell) -> None:
    """The order is said, and that standard input or a name tells no format is said of rows, too."""
    assert is_usage_error(shell("train", "rows.csv", "line.json", "-o", "run"), "graph comes first")
    shell.write("rows.txt", CSV)
    said = shell("train", "line.json", "rows.txt", "-o", "run")
    assert "give the format with --format\n" in said.err


def test_replay_of_standardized_inputs_is_noted(shell: Shell) -> None:
    """`final.json` takes standardized numbers; `model.json` does it itself, and says nothing."""
    assert shell(*START, "--epochs", "1", "--standardize").status == 0
    for name, note in (("final", "trained on standardized x, and these rows"), ("model", "")):
        said = shell("replay", f"run/{name}.json", "rows.csv", "-o", f"{name}.csv")
        assert said.status == 0
        assert note in said.err
        assert bool(note) == bool(said.err)


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


def test_the_class_of_a_score_is_said(shell: Shell) -> None:
    """A squared error draws the score to 0 or 1, so that the classes part at 0.5."""
    shell.write("rows.csv", "x1,kind\n-1,a b\n1,c\n")
    for loss, threshold in (("mse", 0.5), ("cross-entropy", 0.0), ("hinge", 0.0)):
        shell("new", "--mlp", "1,1", "--loss", loss, "-o", "net.json")
        options = ("--target", "kind", "--epochs", "1")
        said = shell("train", "net.json", "rows.csv", "-o", loss, *options)
        assert said.out.splitlines()[-1] == f"the class is c if score > {threshold:g}, else a b"
        assert shell.document(f"{loss}/result.json")["threshold"] == threshold
    shell("new", "--mlp", "1,2", "--loss", "mse", "-o", "net.json")
    said = shell("train", "net.json", "rows.csv", "-o", "two", *options)
    rule = "the class is that of the largest score: score1 → a b, score2 → c"
    assert said.out.splitlines()[-1] == rule


def test_a_folder_has_one_writer(shell: Shell) -> None:
    """Another one is refused while the first is at work; not after it was killed."""
    shell.path("run").mkdir()
    program = "from mgraph.codec.writers import sole_writer; import time\n"
    program += "with sole_writer('run/.lock', 'run'): print('ready', flush=True); time.sleep(600)"
    command = [sys.executable, "-c", program]
    where = shell.path(".")
    with subprocess.Popen(command, cwd=where, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == b"ready"
            said = shell(*START, *OPTIONS)
            assert (said.status, codes(said)) == (1, ["io"])
            assert f"another process ({process.pid}) is writing to run" in said.err
            assert [path.name for path in shell.path("run").iterdir()] == [".lock"]
        finally:
            process.kill()
    assert shell(*START, *OPTIONS).status == 0
    assert not shell.path("run/.lock").exists()
    (shell.path("run/.lock")).write_text("1")  # that of a process long gone
    assert shell(*START, *OPTIONS, "--resume").status == 0


def test_a_validation_loss_that_only_rises_is_pointed_out(shell: Shell) -> None:
    """The best epoch is worse than the start, where w·3 + b is 7; the rows ask for another line."""
    shell.write("held.csv", "x,y\n3,7\n")
    options = ("--validation", "held.csv", "--patience", "2", "--lr", "0.01")
    said = shell(*START, *options)
    assert "the validation loss was smaller before the first step, 0, than after" in said.err
    said = shell(*START[:-1], "other", *options[:1], "rows.csv", *options[2:])
    assert "was smaller before" not in said.err
