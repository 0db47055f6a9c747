"""Rows that are read again in each step, threads, memory: training has the same bits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, feather, parquet

from mgraph import GraphError
from mgraph.build.network import mlp
from mgraph.training import data, memory, row_order, train
from tests.command_line import codes
from tests.loops import shared
from tests.reference.arithmetic import Double
from tests.rows.lines import line
from tests.training import by_hand
from tests.training.by_hand import XS, YS, measured
from tests.training.folder import CSV, START, after
from tests.training.test_train import ROWS, data_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mgraph.training import Trained
    from tests.command_line import Shell

COUNT = 500
"""Rows of a table of three classes."""

OPTIONS: dict[str, Any] = {
    "target": "kind", "columns": {"x1": "a", "x2": "b"}, "accuracy": True, "epochs": 3, "lr": 0.1,
    "optimizer": "adam",
}  # fmt: skip


@pytest.fixture
def tight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no memory for rows, and read files in parts of 64 rows."""
    monkeypatch.setattr(data, "available_memory", lambda: 0)
    monkeypatch.setattr(data, "_PART_ROWS", 64)


def table() -> pa.Table:
    """Return some rows of three classes."""
    random = np.random.default_rng(3)
    kinds = [("x", "yy", "z")[i] for i in random.integers(0, 3, COUNT)]
    return pa.table({"a": random.normal(size=COUNT), "b": random.normal(size=COUNT), "kind": kinds})


def written(folder: Path) -> Iterator[str]:
    """Write the same rows in each format, and yield their names."""
    rows = table()
    csv.write_csv(rows, folder / "rows.csv")
    parquet.write_table(rows, folder / "rows.parquet", row_group_size=90)
    feather.write_feather(rows, str(folder / "rows.arrow"), chunksize=70)
    lines = "".join(f"{json.dumps(row)}\n" for row in rows.to_pylist())
    (folder / "rows.jsonl").write_text(lines)
    (folder / "many").mkdir()
    for i, at in enumerate((0, 3, 333)):
        part = rows.slice(at, (3, 330, COUNT)[i])
        parquet.write_table(part, folder / "many" / f"{i}.parquet", row_group_size=1000)
    yield from ("rows.csv", "rows.parquet", "rows.arrow", "rows.jsonl", "many")


def everything(result: Trained) -> tuple[bytes, Any, Any]:
    """Return all bits of a training."""
    return b"".join(result.graph.to_bytes()), json.dumps(result.log), json.dumps(result.results)


def test_rows_that_are_read_again_have_the_bits_of_the_formulas(mgraph: Shell, tight: None) -> None:  # noqa: ARG001
    """Losses, params, mean and deviation of rows that are held back and others, by hand."""
    lines = (f"{x!r},{y!r}\n" for x, y in zip(XS, YS, strict=True))
    mgraph.write("rows.csv", "x,y\n" + "".join(lines))
    held = by_hand.order(5, 0, [*range(7)])[:2]
    rows = [i for i in range(7) if i not in held]
    mean = by_hand.exact([XS[i] for i in rows]) / Double(5.0)
    squares = [float((Double(XS[i]) - mean) * (Double(XS[i]) - mean)) for i in rows]
    deviation = Double(float(np.sqrt(float(by_hand.exact(squares) / Double(5.0)))))
    scaled = [float((Double(x) - mean) / deviation) for x in XS]
    params, method, losses = [Double(1.0), Double(2.0)], by_hand.ByHand("sgd"), []
    for _ in range(4):
        loss, grads = measured(params, rows, scaled, YS)
        losses.append(loss)
        params = method.step(params, grads, 0.05)
    for workers in (1, 3):
        result = train(line(), "rows.csv", lr=0.05, epochs=4, validation=0.3, standardize=True,
                       random_seed=5, workers=workers)  # fmt: skip
        assert result.results["standardized"] == {"x": [mean, deviation]}
        assert [entry["loss"] for entry in result.log] == losses
        assert [data_of(result)[name] for name in ("b", "w", "x")] == [*params, scaled[0]]
        after = measured(params, held, scaled, YS)[0]
        assert result.results["validation"]["loss"] == after


@shared
@pytest.mark.parametrize(
    "options", [{}, {"standardize": True, "validation": 0.1}, {"validation": "rows.csv"}]
)
def test_memory_and_threads_change_no_bits(
    mgraph: Shell, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], share: float
) -> None:
    """Held in memory or not, with 1, 2 or 7 threads, in parts of any size, from any format."""
    graph = mlp((2, 4, 3), loss="cross-entropy")
    ways = ((10**9, 1, 64), (10**9, 7, 64), (0, 1, 64), (0, 2, 10**6), (0, 7, 50))
    cases = [*product(written(mgraph.folder), ways)]
    expected = everything(train(graph, table(), **OPTIONS, **options))
    for name, (room, workers, rows) in cases[:: round(1 / share)]:  # every format, every way
        monkeypatch.setattr(data, "available_memory", lambda room=room: room)
        monkeypatch.setattr(data, "_PART_ROWS", rows)
        result = train(graph, name, workers=workers, **OPTIONS, **options)
        assert everything(result) == expected, (name, room, workers, rows)


def test_threads_change_no_bits_of_batches(mgraph: Shell) -> None:
    """Batches of 50 rows on 1 or 7 threads; log and checkpoints, too."""
    csv.write_csv(table(), "rows.csv")
    mlp((2, 4, 3), loss="cross-entropy").to_file("net.json")
    start = ("train", "net.json", "rows.csv", "--target", "kind", "--column", "x1=a", "--column",
             "x2=b", "--epochs", "2", "--batch-size", "50", "-o")  # fmt: skip
    assert mgraph(*start, "one").status == 0
    assert mgraph(*start, "seven", "--workers", "7").status == 0
    for name in ("log.jsonl", "final.json", "checkpoints/step-000000020.json"):
        assert mgraph.path(f"one/{name}").read_bytes() == mgraph.path(f"seven/{name}").read_bytes()


def test_another_number_of_threads_goes_on(mgraph: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped with 1 and in memory, resumed with 7 and without, and the other way round."""
    graph = mlp((2, 4, 3), loss="cross-entropy")
    csv.write_csv(table(), "rows.csv")
    monkeypatch.setattr(data, "_PART_ROWS", 64)
    train(graph, "rows.csv", "whole", **OPTIONS)
    for folder, rooms, workers in (("one", [10**9, 0], [1, 7]), ("two", [0, 10**9], [7, 1])):
        left = iter(rooms)
        monkeypatch.setattr(data, "available_memory", left.__next__)
        train(graph, "rows.csv", folder, workers=workers[0], stop=after(2), **OPTIONS)
        result = train(graph, "rows.csv", folder, workers=workers[1], resume=True, **OPTIONS)
        assert result.is_finished
        for name in ("log.jsonl", "final.json", "result.json"):
            path = mgraph.path(f"{folder}/{name}")
            assert path.read_bytes() == mgraph.path(f"whole/{name}").read_bytes()


def test_bad_rows_are_left_out_in_each_step(mgraph: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other rows keep their numbers, by which some are held back."""
    lines = [f"{x},{x}" for x in range(200)]
    good = "\n".join(["x,y", *lines])
    for at in (0, 63, 64, 150):
        lines.insert(at, ",1")
    mgraph.write("bad.csv", "\n".join(["x,y", *lines]))
    mgraph.write("good.csv", good)
    options: dict[str, Any] = {"epochs": 2, "lr": 1e-5, "validation": 0.2}
    expected = train(line(), "good.csv", **options)
    monkeypatch.setattr(data, "available_memory", lambda: 0)
    monkeypatch.setattr(data, "_PART_ROWS", 64)
    result = train(line(), "bad.csv", bad_rows="skip", workers=2, **options)
    assert result.log == expected.log
    assert result.results == {**expected.results, "skipped": 4}
    with pytest.raises(GraphError, match='"x" is empty in row 0'):
        train(line(), "bad.csv", **options)


def test_rows_are_named_when_they_are_read_again(mgraph: Shell, tight: None) -> None:  # noqa: ARG001
    """A loss that is NaN, a column without a mean, and targets that are not classes."""
    rows = [f"{x},1" for x in range(200)]
    rows[150] = "nan,1"
    mgraph.write("nan.csv", "\n".join(["x,y", *rows]))
    for options in ({}, {"standardize": True}, {"validation": 0.1}):
        with pytest.raises(GraphError, match=r'row 150 of nan.csv, .*"x" is nan'):
            train(line(), "nan.csv", workers=2, **options)
    rows[150] = "3,7"
    mgraph.write("y.csv", "\n".join(["x1,y", *rows]))
    with pytest.raises(GraphError, match=r"y = 7 in row 150 of y.csv"):
        train(mlp((1, 1), loss="mse"), "y.csv", accuracy=True)


def test_files_that_change_are_refused(mgraph: Shell, tight: None) -> None:  # noqa: ARG001
    """Another size or time ends training: steps of different rows would not be those of a table."""
    mgraph.write("rows.csv", CSV)

    def change(entry: Any, _steps: int) -> None:  # noqa: ANN401
        if entry["step"] == 2:
            mgraph.write("rows.csv", CSV.replace("0.7", "0.71"))

    with pytest.raises(GraphError, match=r"rows\.csv has changed since the training began"):
        train(line(), "rows.csv", "run", lr=0.01, progress=change)
    assert len(mgraph.path("run/log.jsonl").read_text().splitlines()) == 2


def test_a_file_that_comes_back_is_trained_on(mgraph: Shell, tight: None) -> None:  # noqa: ARG001
    """What was done before it was gone is in a checkpoint, from which training goes on."""
    mgraph.write("rows.csv", CSV)
    train(line(), "rows.csv", "whole", lr=0.01)

    def remove(entry: Any, _steps: int) -> None:  # noqa: ANN401
        if entry["step"] == 2:
            os.rename("rows.csv", "away")

    with pytest.raises(GraphError, match=r"can't read rows\.csv"):
        train(line(), "rows.csv", "run", lr=0.01, progress=remove)
    os.rename("away", "rows.csv")
    assert mgraph.path("run/checkpoints/step-000000002.json").exists()
    assert train(line(), "rows.csv", "run", lr=0.01, resume=True).is_finished
    for name in ("log.jsonl", "final.json"):
        assert mgraph.path(f"run/{name}").read_bytes() == mgraph.path(f"whole/{name}").read_bytes()


# --- memory ---


def test_batches_need_the_rows_in_memory(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checked before rows are read: five of 5 numbers: x, y and three more."""
    monkeypatch.setattr(data, "available_memory", lambda: 2 * 5 * 5 * 8 - 1)
    options = ("--batch-size", "2", "--epochs", "1")
    said = shell(*START, *options)
    assert (said.status, codes(said)) == (1, ["size"])
    assert "the 5 rows take 0.0002 MB of memory" in said.err
    assert "use --batch-size full" in said.err
    assert not shell.path("run").exists()
    assert shell(*START, "--epochs", "1").status == 0
    monkeypatch.setattr(data, "available_memory", lambda: 2 * 5 * 5 * 8)
    assert shell(*START[:-1], "again", *options).status == 0


def test_streams_need_memory(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """They can't be read again, whatever the size of a batch; nor can tables."""
    monkeypatch.setattr(data, "available_memory", lambda: 100)
    said = shell("train", "line.json", "-", "-o", "run", stdin=CSV.encode())
    assert (said.status, codes(said)) == (1, ["size"])
    assert "the first 5 rows take" in said.err
    assert "save the rows as a file" in said.err
    with pytest.raises(GraphError, match="the first 7 rows take"):
        train(line(), ROWS)


PEAK = """
import re, sys
from pathlib import Path
from mgraph.training import data, train
data.available_memory = lambda: 0
train("line.json", sys.argv[1], lr=1e-9, epochs=2, workers=2)
print(re.search(r"VmHWM:[^0-9]*([0-9]+) kB", Path("/proc/self/status").read_text())[1])
"""
"""Trains without memory for rows, and prints the peak in KiB."""


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_rows(shell: Shell) -> None:
    """Three million rows take about as much as a tenth of them, and not 43 MB more."""
    peaks = {}
    for count in (300_000, 3_000_000):
        x = np.random.default_rng(2).normal(size=count)
        rows = pa.table({"x": x, "y": x})
        parquet.write_table(rows, "rows.parquet", row_group_size=100_000)
        csv.write_csv(rows, "big.csv")
        for name in ("rows.parquet", "big.csv"):
            command = [sys.executable, "-c", PEAK, name]
            done = subprocess.run(command, cwd=shell.folder, capture_output=True, check=True)
            peaks[name, count] = int(done.stdout) * 1024
    for name in ("rows.parquet", "big.csv"):
        assert peaks[name, 3_000_000] - peaks[name, 300_000] < 24e6, peaks


def test_the_least_of_all_limits_is_available(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the machine, of the control group without what is cached, and of the process."""
    files = {
        "/proc/meminfo": "MemTotal:       9000 kB\nMemAvailable:   5000 kB\n",
        "/proc/self/cgroup": "0::/own\n",
    }
    monkeypatch.setattr(memory, "_read", lambda path: files.get(path, ""))
    monkeypatch.setattr(memory, "_of_process", lambda: None)
    assert memory.available_memory() == 5000 * 1024
    group = "/sys/fs/cgroup/own/memory"
    files |= {f"{group}.max": "max\n", f"{group}.current": "3000\n"}
    assert memory.available_memory() == 5000 * 1024
    files |= {f"{group}.max": "9000\n", f"{group}.stat": "anon 900\nfile 2000\nshmem 500\n"}
    assert memory.available_memory() == 9000 - 3000 + 2000 - 500
    monkeypatch.setattr(memory, "_of_process", lambda: -7)
    assert memory.available_memory() == 0


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="only Linux tells")
def test_the_limit_of_a_process_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of addresses, as `ulimit -v` sets it, less what is in use."""
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (10**6 * resource.getpagesize(), 0))
    monkeypatch.setattr(memory, "_read", lambda _: "400000 1 1 1 0 1 0\n")
    assert memory.available_memory() == 600_000 * resource.getpagesize()


# --- parts of it ---


def test_the_last_key_tells_which_rows_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row is among the first ones of an epoch if its key is not larger."""
    monkeypatch.setattr(row_order, "_BLOCK", 1000)
    for seed, epoch, count, first in ((0, 0, 1, 1), (7, 3, 10, 10), (2**64 - 1, 0, 3001, 300)):
        rows = np.arange(count)
        last = row_order.last_key(seed, epoch, count, first)
        found = rows[row_order.keys_of(seed, epoch, rows) <= last].tolist()
        assert found == sorted(by_hand.order(seed, epoch, rows.tolist())[:first])


def test_a_column_of_very_many_values_is_refused_early(mgraph: Shell) -> None:  # noqa: ARG001
    """A column of numbers is not one of classes: not all of its values are kept."""
    rows = pa.table({"x1": np.arange(3000.0), "id": np.arange(3000)})
    with pytest.raises(GraphError, match='"id" has more than 1,000 classes: "0", "1", "2"'):
        train(mlp((1, 1), loss="mse"), rows, target="id")
    csv.write_csv(rows, "rows.csv")
    with pytest.raises(GraphError, match=r"^rows\.csv: error"):
        train(mlp((1, 1), loss="mse"), "rows.csv", target="id")


def test_columns_of_classes_have_any_type() -> None:
    """Dictionaries hold texts that no row has; a list is not a class."""
    kinds = pa.DictionaryArray.from_arrays([2, 0, 2], ["b", "none has it", "a"])
    rows = pa.table({"x1": [1.0, 2.0, 3.0], "kind": kinds, "list": [[1], [2], [3]]})
    result = train(mlp((1, 1), loss="mse"), rows, target="kind", epochs=1)
    assert result.results["classes"] == ["a", "b"]
    assert data_of(result)["y"] == 0.0
    with pytest.raises(GraphError, match=r'the column "list" is list<.*>'):
        train(mlp((1, 1), loss="mse"), rows, target="list", epochs=1)
