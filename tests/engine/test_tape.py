"""The tape engine: the same answers as Values, whatever it is given and however it is cached."""

from __future__ import annotations

import math
import os
import random
import struct
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner

import mgraph
from mgraph import Graph, GraphError, Value
from mgraph.cli import cli
from mgraph.engine.lists import ListReplay
from mgraph.engine.tape import cache, missing, source
from mgraph.extras import install
from mgraph.ops import OPS, table
from tests.command_line import FIXTURES
from tests.loops import looped
from tests.ops.test_exact_sum import sum_by_hand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mgraph.engine.tape.replay import Replay

GOLDEN = sorted([FIXTURES / "neuron.json", *(FIXTURES / "run").rglob("*.json")])


def bits(numbers: Mapping[str, float] | None) -> dict[str, bytes]:
    """Return numbers as their bits, all NaNs alike."""
    return {
        name: struct.pack("<d", math.nan if x != x else x) for name, x in (numbers or {}).items()
    }


def assert_same(
    replay: Replay, graph: Graph, inputs: Mapping[str, float], seed: Mapping[str, float]
) -> None:
    """Value, tape, replay and lists give the same bits, libm ops included: they share libm."""
    want = graph.run(inputs, seed=seed, engine="value")
    got = graph.run(inputs, seed=seed, engine="tape")
    assert bits(got.data) == bits(want.data)
    assert bits(got.grad) == bits(want.grad)
    for prepared in (replay, ListReplay(graph.columns)):
        again = prepared(inputs, seed=seed)
        assert (bits(again.data), bits(again.grad)) == (bits(want.data), bits(want.grad))
    replay.step(inputs, seed=seed)
    ids = graph.columns.ids
    assert bits(dict(zip(ids, replay.primals.tolist(), strict=True))) == bits(want.data)
    adjoints = dict(zip(ids, replay.adjoints.tolist(), strict=True))
    zero = dict.fromkeys(ids, 0.0)
    assert bits(adjoints) == bits(zero | dict(want.grad or {}))


@looped("path", GOLDEN)
def test_every_fixture_gives_the_same_bits(path: Path) -> None:
    """Values, adjoints, who has one: kinks, NaN, infinities, consts and all."""
    graph = mgraph.load(path)
    replay = graph.compile()
    every = max(1, len(graph.runs) // 12)
    for want in graph.runs[::every]:
        assert_same(replay, graph, declared(graph) | dict(want.inputs), want.seed)


def declared(graph: Graph) -> dict[str, float]:
    """Return the declared leaves that can be set: a step keeps what the one before set."""
    columns = graph.columns
    known = columns.has_data or b"\1" * len(columns.leaves)
    return {
        columns.ids[i]: x
        for i, x, has in zip(columns.leaves, columns.data, known, strict=True)
        if has and columns.op(i) != "const"
    }


def random_graph(seed: int, size: int) -> Graph:
    """Make a graph of all ops over special and ordinary leaves."""
    generator = random.Random(seed)  # noqa: S311 - no secrets
    special = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 5e-324, 1e308, -710.0]
    makers = (Value.input, Value.param, Value.const)
    values = [
        generator.choice(makers)(
            generator.choice(special) if generator.random() < 0.2 else generator.gauss(0.0, 1.0),
            name=f"leaf{i}",
        )
        for i in range(size // 5 + 1)
    ]
    rows = [*OPS.values()]
    for _ in range(size):
        row = generator.choice(rows)
        count = generator.randrange(1, 6) if row.fold else row.inputs
        args = tuple(generator.choice(values[-30:]) for _ in range(count))
        values.append(mgraph.value.apply(row, args))
    return Graph.of(values[-1], values[-2], *({values[-3]: None, values[-7]: None}))


@looped("seed", range(60))
def test_random_graphs_give_the_same_bits(seed: int) -> None:
    """Graphs of every op, seeded at several outputs at once."""
    graph = random_graph(seed, 5 + seed * 4)
    seeds = dict(zip(graph.outputs, (1.0, -0.5, 0.0), strict=False))
    assert_same(graph.compile(), graph, {}, seeds)


@looped("seed", range(12))
@pytest.mark.parametrize("workers", [1, 2])
def test_batches_give_the_same_bits(seed: int, workers: int) -> None:
    """Each row of a batch is a run: outputs and gradients, for any number of rows and workers."""
    graph = random_graph(seed, 60)
    leaves = [i for i in graph.columns.leaves if graph.columns.op(i) != "const"][:3]
    names = [graph.columns.ids[i] for i in leaves]
    generator = np.random.default_rng(seed)
    rows = (1, 7, 513, 1100)[seed % 4]
    columns = {name: generator.normal(size=rows) for name in names}
    seeds = {graph.outputs[0]: 1.0, graph.outputs[1]: 2.0}
    replay = graph.compile()
    batch = replay.batch(columns, seed=seeds, workers=workers, math="libm")
    total = replay.batch(columns, seed=seeds, grad="sum", workers=workers, math="libm")
    some = [*batch.grad][seed % 3 :: 3][::-1]
    part = replay.batch(columns, wrt=some, seed=seeds, workers=workers, math="libm")
    assert [*part.grad] == some
    for row in range(rows):
        given = {name: float(column[row]) for name, column in columns.items()}
        want = graph.run(given, seed=seeds, engine="value")
        assert want.data is not None
        assert want.grad is not None
        got = {name: float(column[row]) for name, column in batch.outputs.items()}
        assert bits(got) == bits({name: want.data[name] for name in graph.outputs})
        slopes = {name: float(column[row]) for name, column in batch.grad.items()}
        settable = {n: x for n, x in want.grad.items() if n.startswith("leaf")}
        assert bits(slopes) == bits(settable)
        slopes_asked = {name: float(column[row]) for name, column in part.grad.items()}
        assert bits(slopes_asked) == bits({name: settable[name] for name in some})
        if row > 40 and seed % 4 == 3:
            break
    sums = {name: sum_by_hand(column.tolist()) for name, column in batch.grad.items()}
    assert bits(total.grad) == bits(sums)


def test_a_batch_is_checked() -> None:
    """Columns of other lengths, types and names, missing leaves, no rows."""
    graph = mgraph.loads(
        '{"mgraph": "1.0", "nodes": [{"id": "x", "op": "input"}, {"id": "w", "op": "param", '
        '"data": 2}, {"id": "k", "op": "const", "data": 1}, {"id": "y", "op": "mul", '
        '"args": ["x", "w"]}], "outputs": ["y"]}'
    )
    replay = graph.compile()
    good = np.array([1.0, 2.0, math.nan])
    wrong: list[tuple[dict[str, object], str]] = [
        ({"x": good, "w": good[:2]}, "number"),
        ({"x": np.array(["1", "2"])}, "number"),
        ({"x": np.ones((2, 2))}, "number"),
        ({"x": np.array([1j])}, "number"),
        ({"x": 1.0}, "number"),
        ({}, "number"),
        ({"w": good}, "unbound-input"),
        ({"x": good, "k": good}, "run-node"),
        ({"x": good, "y": good}, "run-node"),
        ({"x": good, "z": good}, "run-node"),
    ]
    for columns, code in wrong:
        with pytest.raises(GraphError) as caught:
            replay.batch(columns)  # type: ignore[arg-type]
        assert [each.code for each in caught.value.diagnostics] == [code], columns
    for given in ({"grad": "all"}, {"workers": 0}):
        with pytest.raises(ValueError, match="grad is"):
            replay.batch({"x": good}, **given)
    with pytest.raises(TypeError, match="wrt takes several ids"):
        replay.batch({"x": good}, wrt="x")
    for name, message in (("k", "a const"), ("y", "a mul"), ("z", "z")):
        with pytest.raises(GraphError, match=message) as caught:
            replay.batch({"x": good}, wrt=["x", name])
        assert [each.code for each in caught.value.diagnostics] == ["run-node"]
    assert [*replay.batch({"x": good}, wrt=["w", "x", "w"]).grad] == ["w", "x"]
    assert replay.batch({"x": good}, wrt=[]).grad == {}
    with pytest.raises(GraphError):
        replay.step()
    odd = np.frombuffer(b"...." + good.tobytes(), np.uint8)[4:].view(np.float64)
    for column in (np.repeat(good, 2)[::2], good.astype(">f8"), odd, good[::-1][::-1]):
        found = replay.batch({"x": column}, grad=None).outputs["y"]
        assert found[:2].tolist() == [2.0, 4.0]
    batch = replay.batch({"x": [1, 2, 3]}, grad="sum")
    assert batch.outputs["y"].tolist() == [2.0, 4.0, 6.0]
    assert batch.grad == {"x": 6.0, "w": 6.0}
    assert np.isnan(replay.batch({"x": good}).grad["w"][2])
    old = replay.batch({"x": good})
    new = replay.batch({"x": good + 1.0}, reuse=old)
    assert new.memory is old.memory
    assert new.outputs["y"][:2].tolist() == old.outputs["y"][:2].tolist() == [4.0, 6.0]
    last = replay.batch({"x": new.outputs["y"]}, reuse=new)
    assert last.memory is not new.memory  # which holds what is read
    assert last.outputs["y"][:2].tolist() == [8.0, 12.0]
    other = replay.batch({"x": good[:2]}, reuse=old)
    assert (other.outputs["y"].tolist(), old.outputs["y"][0]) == ([2.0, 4.0], 4.0)
    empty = replay.batch({"x": np.zeros(0)}, grad="sum")
    assert (empty.outputs["y"].size, empty.grad) == (0, {"x": 0.0, "w": 0.0})
    assert replay.batch({"x": good}, grad=None).grad == {}


def test_steps_keep_what_they_are_given() -> None:
    """A step's leaves stay for the next; a call starts from the declared ones."""
    replay = mgraph.load(FIXTURES / "neuron.json").compile()
    index = replay.graph.index
    replay.step({"x2": 1.0})
    assert replay.adjoints[index["w2"]] != 0.0
    replay.step({"w1": -2.9})
    assert replay.primals[index["x2"]] == 1.0
    run = replay(w1=-2.9)
    assert run.data is not None
    assert run.data["x2"] == 0.0
    assert run.origin.endswith(" tape, libm")


def test_auto_chooses_by_size() -> None:
    """A small graph runs as Values, a large one on the tape; the origin says which."""
    x = y = Value(1.0, name="x")
    for _ in range(mgraph.document.LARGE):
        y = -y
    assert Graph.of(y).run().origin.endswith(" tape, libm")
    assert Graph.of(-x).run().origin.endswith(" value")


# --- the cache ---

# tanh(6.8813735870195432 - 6) = 0.70710678118654746…, as in the fixture
TANH = "0.7071067811865477"

RUN = """
import sys, mgraph
from mgraph.engine.tape import cache
ready = cache.is_ready("sweeps")
run = mgraph.load(sys.argv[1]).run(engine="tape")
print(ready, cache.is_ready("sweeps"), repr(run.data["o"]))
"""


def run_with(folder: Path, **more: str) -> subprocess.Popen[str]:
    """Run the neuron on the tape in a fresh process with a cache folder of its own."""
    environment = {**os.environ, cache.FOLDER: str(folder), **more}
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(FIXTURES / "neuron.json")],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def result(process: subprocess.Popen[str]) -> list[str]:
    """Wait for a process that must have no complaints, and return what it printed."""
    out, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, "")
    return out.split()


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that two processes have filled at once."""
    folder = tmp_path_factory.mktemp("cache") / "new"
    processes = [run_with(folder) for _ in range(2)]
    for process in processes:
        assert result(process)[1:] == ["True", TANH]
    return folder


def files(folder: Path) -> list[Path]:
    """Return the files of a cache."""
    return sorted(folder.glob(f"*{cache.SUFFIX}"))


def test_the_second_run_does_not_compile(warm: Path) -> None:
    """What the first run compiled is taken as it is."""
    before = {path: path.stat().st_mtime_ns for path in files(warm)}
    assert len(before) == 1
    assert result(run_with(warm)) == ["True", "True", TANH]
    assert {path: path.stat().st_mtime_ns for path in files(warm)} == before
    assert warm.stat().st_mode & 0o077 == 0


def cut(data: bytes) -> bytes:
    """Lose the second half."""
    return data[: len(data) // 2]


def flip(data: bytes) -> bytes:
    """Change a bit of the machine code."""
    return data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]


def forge(data: bytes) -> bytes:
    """Say nothing of signatures."""
    digest, _, code = data.split(b"\n", 2)
    return b"\n".join([digest, b"{}", code])


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut": cut,
    "flip": flip,
    "forge": forge,
    "empty": lambda _: b"",
    "text": lambda _: b"[]\n",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files_are_made_again(warm: Path, damage: str) -> None:
    """A file that is not as it was written is dropped, and the answer is right all the same."""
    (path,) = files(warm)
    whole = path.read_bytes()
    path.write_bytes(DAMAGE[damage](whole))
    assert result(run_with(warm)) == ["False", "True", TANH]
    assert path.read_bytes() == whole


def test_a_folder_that_can_only_be_read(warm: Path, tmp_path: Path) -> None:
    """What is ready there is used; what isn't is compiled, and not kept."""
    for name, ready in (("ready", "True"), ("empty", "False")):
        folder = tmp_path / name
        folder.mkdir()
        for path in files(warm) if ready == "True" else ():
            (folder / path.name).write_bytes(path.read_bytes())
        folder.chmod(0o500)
        with read_only(folder) as really:
            after = ready if really else "True"
            assert result(run_with(folder)) == [ready, after, TANH]


@contextmanager
def read_only(folder: Path) -> Iterator[bool]:
    """Make a folder read-only even for root, where that can be done."""
    done = subprocess.run(["chattr", "+i", str(folder)], check=False, capture_output=True)
    try:
        yield not os.access(folder, os.W_OK) or done.returncode == 0
    finally:
        subprocess.run(["chattr", "-i", str(folder)], check=False, capture_output=True)
        folder.chmod(0o700)


def test_another_table_is_another_file(warm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed table, library, processor or compiler does not find what was compiled before."""
    monkeypatch.setenv(cache.FOLDER, str(warm))
    assert cache.is_ready(source.SWEEPS)
    assert not cache.is_ready(source.REPLAY)
    other = warm.parent / "table.py"
    other.write_text(Path(table.__file__).read_text() + "\n")
    for name, value in (("table", SimpleNamespace(__file__=str(other))), ("target", lambda: "Z80")):
        with monkeypatch.context() as patch:
            patch.setattr(cache, name, value)
            assert not cache.is_ready(source.SWEEPS)
    assert cache.is_ready(source.SWEEPS)


def test_folders_that_can_not_be_used(tmp_path: Path) -> None:
    """A folder that is a file, or that others can write to: compiled, and not kept."""
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    for name in ("file", "open"):
        assert result(run_with(tmp_path / name)) == ["False", "False", TANH]
        assert not (tmp_path / name).is_dir() or [*(tmp_path / name).iterdir()] == []


def test_nobody_knows_where_home_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a home there is no folder to keep anything in: not ready, and no failure."""

    def home() -> Path:
        raise RuntimeError

    for name in (cache.FOLDER, "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", home)
    assert not cache.is_ready(source.SWEEPS)


def test_a_refused_step_sets_nothing() -> None:
    """A seed that is no output is refused before any leaf is changed."""
    replay = mgraph.load(FIXTURES / "neuron.json").compile()
    before = replay.primals.copy()
    for leaves, seed in (({"x1": 9.0}, {"n": 1.0}), ({"x1": 9.0, "o": 1.0}, {})):
        with pytest.raises(GraphError):
            replay.step(leaves, seed=seed)
        assert np.array_equal(replay.primals, before)


def without_llvmlite() -> str:
    """Answer as if llvmlite were not installed."""
    return "llvmlite"


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The tape says what to install; a large graph runs as Values, with a hint."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mgraph.engine.tape.missing", without_llvmlite)
    monkeypatch.setattr("mgraph.document.LARGE", 10)
    monkeypatch.setattr("mgraph.cli.run.LARGE", 10)
    path = str(FIXTURES / "neuron.json")
    asked = CliRunner().invoke(cli, ["run", path, "--engine", "tape"])
    assert (asked.exit_code, asked.stdout) == (1, "")
    assert "needs llvmlite, which is not installed: " in asked.stderr
    auto = CliRunner().invoke(cli, ["run", path])
    assert auto.exit_code == 0
    assert auto.stderr == f"hint: {install('fast')} runs graphs of this size much faster\n"
    assert mgraph.load("neuron.annotated.json").runs[-1].origin.endswith(" value")
    with pytest.raises(mgraph.errors.MissingExtraError):
        mgraph.load(path).compile()


def test_the_text_covers_the_table() -> None:
    """Every op has its value and partials in the text of each part."""
    for part in source.PARTS:
        for name in OPS:
            assert f"def value_{name}(" in source.text(part)
            assert f"def partials_{name}(" in source.text(part)
    assert not missing()


def test_lists_are_prepared_once() -> None:
    """A run leaves nothing behind, whatever outputs the runs before were seeded at."""
    graph = random_graph(5, 40)
    lists = ListReplay(graph.columns)
    first, second = graph.outputs[:2]
    for seed in ({first: 1.0}, {first: 1.0, second: 2.0}, {second: -1.0}, {first: 1.0}):
        for grad in (True, False):
            want, got = (run({}, seed=seed, grad=grad) for run in (graph.run, lists))
            assert (bits(got.data), bits(got.grad)) == (bits(want.data), bits(want.grad))
    assert got.origin == want.origin
    assert got.grad is None
    with pytest.raises(GraphError):
        lists({"nobody": 1.0}, seed={first: 1.0})
