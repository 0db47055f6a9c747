"""`mgraph train`: checkpoints from which it goes on, Ctrl-C, and folders that are used already."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from mgraph.training import train
from tests.command_line import SCRIPT, codes, environment
from tests.rows.lines import line
from tests.training.folder import CSV, IN_PYTHON, OPTIONS, START, after

if TYPE_CHECKING:
    from tests.command_line import Shell


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
