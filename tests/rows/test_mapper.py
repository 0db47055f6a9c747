"""Mappers: record batches in, the same rows with values and gradients out, and clear refusals."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import mgraph
from mgraph import GraphError, Value
from mgraph.engine.tape.replay import Batch, Replay
from mgraph.rows import RowMapper, mapper
from mgraph.rows.compiled import KEPT_HERE, compiled
from tests.command_line import HERE
from tests.rows.lines import GRADIENTS, LOSS, X, line, rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NEURON = HERE.parent / "fixtures" / "neuron.json"
GRADIENT_COLUMNS = {f"grad:{leaf}": column for leaf, column in GRADIENTS.items()}


def results(batch: pa.RecordBatch | pa.Table) -> dict[str, list[float | None]]:
    """Return the columns that were added to the four rows."""
    found: dict[str, list[float | None]] = batch.to_pydict()
    return {name: column for name, column in found.items() if name not in ("x", "day", "y")}


def faults(call: Callable[[], object]) -> list[tuple[str, str]]:
    """Return codes and pointers of the error that a call raises."""
    with pytest.raises(GraphError) as caught:
        call()
    return [(fault.code, fault.pointer) for fault in caught.value.diagnostics]


# --- results ---


def test_values_alone() -> None:
    """Without `grad`, one column for each output follows those of the table, which are the same."""
    batch = rows()
    out = mapper(line()).apply(batch)
    assert out.schema.names == ["x", "day", "y", "loss"]
    assert out.select(["x", "day", "y"]).equals(batch)
    assert results(out) == {"loss": LOSS}


def test_values_and_gradients() -> None:
    """A column `grad:ID` for each input and param, as by hand; consts have none."""
    made = mapper(line(), grad="rows")
    assert results(made.apply(rows())) == {"loss": LOSS, **GRADIENT_COLUMNS}
    assert {*made.results} == {"loss", *GRADIENT_COLUMNS}


def test_some_gradients() -> None:
    """Those of `wrt`, in its order, each once; any iterable of ids will do, but not one string."""
    for wrt in (["w", "y", "w"], iter(["w", "y"])):
        found = results(mapper(line(), grad="rows", wrt=wrt).apply(rows()))
        assert [*found.items()] == [
            ("loss", LOSS), ("grad:w", GRADIENTS["w"]), ("grad:y", GRADIENTS["y"])
        ]  # fmt: skip
    out = mapper(line(), grad="rows", wrt=["w"]).apply(rows())
    assert out["loss"].buffers()[1].parent.size == 2 * 4 * 8  # no other gradients were stored
    with pytest.raises(TypeError, match="several ids"):
        mapper(line(), grad="rows", wrt="w")
    assert results(mapper(line(), grad="rows", wrt=[]).apply(rows())) == {"loss": LOSS}


def test_leaves_without_a_path_have_no_gradient() -> None:
    """Only what the seeded output depends on has one, whether it is asked for or not."""
    a, b = Value(1.0, name="a"), Value(1.0, name="b")
    twice, square = a + a, b * b
    twice.name, square.name = "twice", "square"
    graph = mgraph.Graph.of(twice, square)
    table = pa.table({"a": [3.0], "b": [5.0]})
    for wrt in (None, ["a", "b"]):
        made = mapper(graph, grad="rows", wrt=wrt, seed={"square": 2.0})
        assert made.apply(table).to_pydict() == {
            "a": [3.0], "b": [5.0], "twice": [6.0], "square": [25.0], "grad:b": [20.0]
        }  # fmt: skip
    assert mapper(graph).apply(table)["square"].to_pylist() == [25.0]  # no seed: no gradients
    assert faults(lambda: mapper(graph, grad="rows")) == [("seed", "")]


def test_the_bits_are_those_of_single_runs() -> None:
    """Random rows through the neuron: every value and gradient is what `Graph.run` gives."""
    graph, random = mgraph.load(NEURON), np.random.default_rng(1)
    table = pa.table({name: random.normal(size=50) for name in ("x1", "x2", "w2")})
    out = mapper(NEURON, grad="rows").apply(table).to_pylist()
    for row, given in zip(out, table.to_pylist(), strict=True):
        run = graph.run(given)
        assert run.data is not None
        assert run.grad is not None
        want = {"o": run.data["o"]} | {f"grad:{leaf}": run.grad[leaf] for leaf in
                                       ("x1", "x2", "w1", "w2", "b")}  # fmt: skip
        assert row == given | want


def test_exact_math_is_that_of_single_runs() -> None:
    """Random rows in exact math: the bits of `Graph.run`, which rounds in Python's integers."""
    graph, random = mgraph.load(NEURON), np.random.default_rng(2)
    table = pa.table({name: random.normal(size=50) for name in ("x1", "x2", "w2")})
    exact = mapper(NEURON, grad="rows", wrt=["x1", "b"], math="exact")
    for row, given in zip(exact.apply(table).to_pylist(), table.to_pylist(), strict=True):
        run = graph.run(given, engine="value", math="exact")
        assert run.data is not None
        assert run.grad is not None
        slopes = {f"grad:{leaf}": run.grad[leaf] for leaf in ("x1", "b")}
        assert row == given | {"o": run.data["o"]} | slopes


def test_the_numbers_of_the_fixture() -> None:
    """The neuron's row of the lecture gives the fixture's numbers, which mpmath computed."""
    graph = mgraph.load(NEURON)
    golden = graph.runs[0]
    assert golden.data is not None
    assert golden.grad is not None
    out = mapper(graph, grad="rows").apply(pa.table({"x1": [2.0], "x2": [0.0]})).to_pylist()[0]
    assert out["o"] == pytest.approx(golden.data["o"], rel=1e-15)  # tanh of libm: within 2 ulp
    for leaf in ("x1", "x2", "w1", "w2", "b"):
        assert out[f"grad:{leaf}"] == pytest.approx(golden.grad[leaf], rel=1e-14)


def test_the_column_of_a_leaf() -> None:
    """`columns` says where values are; all others are found by name, or have declared values."""
    table = pa.table({"speed": X, "x": [9.0] * 4, "b": [2.0] * 4})
    made = mapper(line(), columns={"x": "speed"})
    assert made.leaves(table.schema) == {"x": "speed", "b": "b"}
    # w·x + b - y with w = 2 and y = 5: the errors are 3, 3, -3 and -5
    assert made.apply(table)["loss"].to_pylist() == [9.0, 9.0, 9.0, 25.0]
    both = mapper(line(), columns={"x": "speed", "y": "speed"}).apply(table.select(["speed"]))
    assert both["loss"].to_pylist() == [16.0, 16.0, 1.0, 0.0]  # (2x + 1 - x)²


def test_an_output_that_is_a_leaf() -> None:
    """It has a column of its own, if the table leaves its name free."""
    x = Value(1.0, name="x")
    table = pa.table({"speed": [4.0]})
    made = mapper(mgraph.Graph.of(x), grad="rows", columns={"x": "speed"})
    assert made.apply(table).to_pydict() == {"speed": [4.0], "x": [4.0], "grad:x": [1.0]}
    assert faults(lambda: mapper(mgraph.Graph.of(x)).schema(pa.schema({"x": pa.float64()}))) == [
        ("column", "")
    ]


# --- tables, batches, schemas ---


def test_tables_of_any_chunks() -> None:
    """A table gives a table, whatever its chunks are; its rows are counted over all of them."""
    batch = rows()
    made = mapper(line(), grad="rows")
    for table in (
        pa.Table.from_batches([batch]),
        pa.Table.from_batches([batch.slice(i, 1) for i in range(4)]),
        pa.Table.from_batches([batch.slice(0, 0), batch.slice(0, 3), batch.slice(3)]),
        pa.table({"x": pa.chunked_array([X[:1], X[1:]]), "day": batch["day"], "y": batch["y"]}),
    ):
        out = made.apply(table)
        assert isinstance(out, pa.Table)
        assert out.schema == made.schema(table.schema)
        assert results(out) == {"loss": LOSS, **GRADIENT_COLUMNS}
    table = pa.table({"x": pa.chunked_array([[1.0, 2.0], [3.0, None]])})
    assert faults(lambda: made.apply(table, row=10)) == [("number", "/13/x")]


def test_no_rows_and_no_batches() -> None:
    """A batch without rows gives one without rows, and no batches give none."""
    made = mapper(line(), grad="rows")
    empty = rows().slice(0, 0)
    (out,) = made([empty])
    assert (out.num_rows, out.schema) == (0, made.schema(empty.schema))
    assert list(made([])) == []
    none = made.apply(pa.Table.from_batches([], empty.schema))
    assert (none.num_rows, none.schema) == (0, made.schema(empty.schema))


def test_batches_are_computed_when_asked_for() -> None:
    """The second batch is not taken before the first one was."""
    taken = []

    def batches() -> Any:  # noqa: ANN401 - an iterator of pyarrow's
        for i in range(3):
            taken.append(i)
            yield rows()

    out = mapper(line())(batches())
    next(out)
    assert taken == [0]
    assert [results(batch) for batch in out] == [{"loss": LOSS}] * 2


def test_the_schema() -> None:
    """Columns and metadata of the table, then doubles that are null only where bad rows are."""
    schema = rows().schema.with_metadata({"made by": "hand"})
    for bad_rows, nullable in (("fail", False), ("skip", False), ("null", True)):
        out = mapper(line(), bad_rows=bad_rows).schema(schema)  # type: ignore[arg-type]
        assert out.metadata == schema.metadata
        assert [*out] == [*schema, pa.field("loss", pa.float64(), nullable=nullable)]
    changed = [rows(), pa.record_batch({"x": pa.array([3], pa.int8())}), rows()]
    made = mapper(line())
    outs = list(made(changed))
    assert [out.schema for out in outs] == [made.schema(batch.schema) for batch in changed]
    assert outs[1]["loss"].to_pylist() == [4.0]


def test_wide_tables_of_many_rows() -> None:
    """More rows than a block of the kernel: the last one is right, too."""
    count = 100_003
    x = np.arange(count, dtype=np.float64)
    out = mapper(line(), grad="rows", wrt=["w"]).apply(pa.table({"x": x}))
    errors = 2.0 * x - 4.0  # y is 5 in every row
    assert np.array_equal(out["loss"].to_numpy(), errors * errors)
    assert np.array_equal(out["grad:w"].to_numpy(), 2.0 * errors * x)


# --- memory ---


def test_columns_are_not_copied() -> None:
    """The table's columns are the same memory, and results are not copied on their way to Arrow."""
    batch = rows()
    out = mapper(line(), grad="rows").apply(batch)
    for name in ("x", "day", "y"):
        old, new = (each[name].buffers()[-1].address for each in (batch, out))
        assert old == new
    loss, x = (out[name].buffers()[1].address for name in ("loss", "grad:x"))
    assert x - loss == 4 * 8  # side by side, as the kernel wrote them


def test_memory_is_used_again_when_nothing_refers_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results in use keep their numbers, also through a slice, NumPy or Arrow's C interface."""
    made = mapper(line())
    first = made.apply(rows())
    address = first["loss"].buffers()[1].address
    holders = [first["loss"].slice(1), first["loss"].to_numpy(), first["loss"].__arrow_c_array__()]
    del first
    while holders:
        kept = [made.apply(rows()) for _ in range(5)]
        assert address not in [each["loss"].buffers()[1].address for each in kept]
        holders.pop()
    batch, reused = Replay.batch, []

    def spy(*args: Any, reuse: Batch | None, **options: Any) -> Batch:  # noqa: ANN401
        reused.append(reuse)
        return batch(*args, reuse=reuse, **options)

    monkeypatch.setattr(Replay, "batch", spy)
    kept.clear()
    made.apply(rows())
    made.apply(rows())
    assert None not in reused
    monkeypatch.setattr("mgraph.rows.compiled._KEPT_BYTES", 4 * 8 - 1)
    for _ in range(3):
        made.apply(rows())
    assert reused[-1] is None


def test_results_in_use_are_not_overwritten() -> None:
    """All batches of a loop that keeps them have their own numbers."""
    made = mapper(line())
    kept = list(made(pa.record_batch({"x": [float(i)]}) for i in range(20)))
    assert [each["loss"].to_pylist() for each in kept] == [
        [(2.0 * i - 4.0) ** 2] for i in range(20)
    ]


# --- processes and threads ---


def made_by_pickle() -> RowMapper:
    """Return a mapper that was pickled."""
    made = mapper(line(), grad="rows", columns={"y": "y"}, seed={"loss": 1.0})
    again: RowMapper = pickle.loads(pickle.dumps(made))  # noqa: S301 - our own
    assert again == made
    return again


def test_pickles_and_copies() -> None:
    """They give the same results, and are small: the graph is packed, and its runs are left out."""
    made = made_by_pickle()
    for each in (made, copy.copy(made), copy.deepcopy(made)):
        assert results(each.apply(rows())) == {"loss": LOSS, **GRADIENT_COLUMNS}
    graph = mgraph.load(NEURON)
    many = graph.with_runs([graph.runs[0]] * 1000)
    assert pickle.dumps(mapper(many)) == pickle.dumps(mapper(graph))
    assert len(pickle.dumps(mapper(many))) < 1500


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes(method: str) -> None:
    """A mapper works in other processes, however they are started."""
    with multiprocessing.get_context(method).Pool(1) as pool:
        (out,) = pool.map(made_by_pickle().apply, [rows()])
    assert results(out) == {"loss": LOSS, **GRADIENT_COLUMNS}


def test_threads() -> None:
    """Any number of threads can share one mapper; each keeps a graph of its own."""
    made = mapper(line())
    batches = [pa.record_batch({"x": [float(i)]}) for i in range(200)]
    with ThreadPoolExecutor(4) as pool:
        outs = list(pool.map(made.apply, batches))
        everywhere = Barrier(4)
        own = pool.map(lambda _: (everywhere.wait(), compiled(made.request))[1], range(4))
        assert len({id(each) for each in own}) == 4
    assert [out["loss"].to_pylist() for out in outs] == [[(2.0 * i - 4.0) ** 2] for i in range(200)]


def test_mappers_in_turns() -> None:
    """More mappers than stay compiled don't mix, and don't take more and more memory."""
    seeds = [float(i) for i in range(1, 8)] * 2
    made = [mapper(line(), grad="rows", wrt=["b"], seed={"loss": seed}) for seed in seeds]
    for each, seed in zip(made * 2, seeds * 2, strict=True):
        assert each.apply(rows())["grad:b"].to_pylist() == [seed * b for b in GRADIENTS["b"]]
    assert len(KEPT_HERE.by_request) < len(made)


# --- bad rows ---


BAD = {"x": [3, 2**53 + 1, 0, None, 3], "day": [1, 2, 3, 4, 5], "y": [5, 0, 0, 1, None]}


def test_bad_rows_fail() -> None:
    """All columns are named that have a bad row, each with the first null and integer too large."""
    made = mapper(line())
    call = partial(made.apply, pa.table(BAD), file="day.parquet", row=100)
    assert faults(call) == [("number", "/103/x"), ("number", "/101/x"), ("number", "/104/y")]
    with pytest.raises(GraphError, match=r'day\.parquet: .*"x" is null in row 103'):
        call()
    with pytest.raises(GraphError, match='"x" is 9007199254740993 in row 101'):
        call()


def test_bad_rows_are_left_out() -> None:
    """With "skip" all columns lose these rows, and the others are as they were."""
    out = mapper(line(), grad="rows", wrt=["w"], bad_rows="skip").apply(pa.table(BAD))
    want = {"x": [3, 0], "day": [1, 3], "y": [5, 0], "loss": [4.0, 1.0], "grad:w": [12.0, 0.0]}
    assert out.to_pydict() == want
    none = pa.table({"x": pa.array([None, None], pa.float64())})
    assert mapper(line(), bad_rows="skip").apply(none).num_rows == 0
    assert mapper(line(), bad_rows="skip").apply(pa.table({"x": pa.nulls(3)})).num_rows == 0


def test_bad_rows_get_null_results() -> None:
    """With "null" they stay, and all of their results are null; slices and many rows, too."""
    made = mapper(line(), grad="rows", wrt=["w"], bad_rows="null")
    out = made.apply(pa.table(BAD))
    assert out.select([*BAD]).to_pydict() == BAD
    assert out["loss"].to_pylist() == [4.0, None, 1.0, None, None]
    assert out["grad:w"].to_pylist() == [12.0, None, 0.0, None, None]
    assert out["loss"].null_count == 3
    long = pa.table({"x": [3.0, None] * 1000}).slice(1, 1501)
    found = made.apply(long)["loss"].to_pylist()
    assert found == ([None, 4.0] * 751)[:1501]
    assert made.apply(rows())["loss"].null_count == 0


def test_other_columns_may_be_bad() -> None:
    """Nulls and texts in columns that no leaf has are left as they are."""
    table = pa.table({"x": [3.0], "day": pa.nulls(1), "two": ["const"], "n4": [None]})
    assert mapper(line()).apply(table).to_pydict()["loss"] == [4.0]


def test_no_nan_from_nothing() -> None:
    """NaN and infinities of the table are numbers, not bad rows; results are those of IEEE 754."""
    table = pa.table({"x": [np.nan, np.inf, 3.0]})
    found = mapper(line()).apply(table)["loss"].to_pylist()
    assert np.isnan(found[0])
    assert found[1:] == [np.inf, 4.0]


# --- refusals ---


@pytest.mark.parametrize("header", ["x;y", "x\ty"])
def test_columns_between_other_marks(header: str) -> None:
    """A CSV file with semicolons or tabs is one column: the error says what is wrong."""
    with pytest.raises(GraphError) as caught:
        mapper(line()).apply(pa.table({header: ["1;2"]}))
    (fault,) = caught.value.diagnostics
    assert fault.code == "column"
    assert fault.fix.startswith("put commas between columns")


def test_columns_that_are_not_right() -> None:
    """Every fault of a table is reported at once, with its name."""
    table = pa.table({"X": [1.0], "y": ["5"], "loss": [0.0], "b": [True]})
    made = mapper(line(), columns={"x": "xx"})
    with pytest.raises(GraphError) as caught:
        made.apply(table, file="rows.csv")
    assert [fault.code for fault in caught.value.diagnostics] == ["column"] * 4
    assert {fault.file for fault in caught.value.diagnostics} == {"rows.csv"}
    text = str(caught.value)
    for part in (
        'no column "xx" for "x"', '"y" is string', '"b" is bool', 'a column "loss", and so have',
    ):  # fmt: skip
        assert part in text


REFUSED: dict[str, tuple[Callable[[], object], list[tuple[str, str]], str]] = {
    "no column": (
        lambda: mapper(line()).schema(pa.schema({"X": pa.float64()})),
        [("column", "")], r"expected +one of x, y, b, w\n  fix .*use --column x=X ",
    ),
    "nothing at all": (
        lambda: mapper(line()).schema(pa.schema({})), [("column", "")], "no column of the table",
    ),
    "no leaves": (
        lambda: mapper(mgraph.Graph.of(Value.const(1.0, name="k"))).schema(rows().schema),
        [("column", "")], "a graph with inputs or params",
    ),
    "misspelt": (
        lambda: mapper(line(), columns={"x": "spead"}).schema(pa.schema({"speed": pa.int8()})),
        [("column", "")], r'did you mean "speed"\?',
    ),
    "twice": (
        lambda: mapper(line()).apply(
            pa.RecordBatch.from_arrays([pa.array([1.0])] * 3, names=["x", "y", "x"])
        ),
        [("column", "")], r'the table has 2 columns "x"',
    ),
    "unbound": (
        lambda: mapper(mgraph.loads(NO_DATA)).schema(pa.schema({"w": pa.int8(), "X": pa.int8()})),
        [("unbound-input", "")],
        r'"x" has neither .*\n.*the table has "w", "X"\n  fix +name its column, --column x=X',
    ),
    "unknown leaf": (lambda: mapper(line(), columns={"z": "x"}), [("run-node", "")], '"z"'),
    "const": (lambda: mapper(line(), columns={"two": "x"}), [("run-node", "")], "it is a const"),
    "wrt": (lambda: mapper(line(), grad="rows", wrt=["loss"]), [("run-node", "")], "no gradient"),
    "seed": (lambda: mapper(line(), grad="rows", seed={"x": 1.0}), [("seed", "")], '"x"'),
    "seed of inf": (
        lambda: mapper(line(), grad="rows", seed={"loss": np.inf}), [("seed", "")], "finite",
    ),
    "file": (lambda: mapper("no-such-file.json"), [("io", "")], "no-such-file"),
}  # fmt: skip

NO_DATA = """{"mgraph": "1.0", "nodes": [{"id": "x", "op": "input"}, {"id": "w", "op": "param",
"data": 2.0}, {"id": "y", "op": "mul", "args": ["x", "w"]}], "outputs": ["y"]}"""


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    """Code, place and the words that help."""
    call, want, words = REFUSED[name]
    assert faults(call) == want
    with pytest.raises(GraphError, match=words):
        call()


def damaged(column: pa.Array, old: bytes, new: bytes) -> pa.RecordBatch:
    """Return a batch with a column `x` from a stream in which some bytes are others."""
    batch, stream = pa.record_batch({"x": column}), pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, batch.schema) as writer:
        writer.write_batch(batch)
    content = stream.getvalue().to_pybytes()
    assert content.count(old) == 1
    return pa.ipc.open_stream(content.replace(old, new)).read_next_batch()


def test_damaged_columns() -> None:
    """What refers to values that are not there is an error; Arrow alone would end the process."""
    numbers = pa.array([7, 77_777], pa.int32())
    old = np.array([7, 77_777], np.int32).tobytes()
    for column, others in (
        (pa.RunEndEncodedArray.from_arrays(numbers, [1.0, 2.0]), ([7, 8], [77_777, 7])),
        (pa.DictionaryArray.from_arrays(numbers, [1.0] * 77_778), ([7, 2**30], [-1, 7])),
    ):
        for each in others:
            batch = damaged(column, old, np.array(each, np.int32).tobytes())
            assert faults(partial(mapper(line()).apply, batch)) == [("column", "")]
        whole = damaged(column, old, old)
        assert mapper(line()).apply(whole).num_rows == len(column)


def test_at_most_a_hundred_faults_are_listed() -> None:
    """The others are counted."""
    inputs = [Value(1.0, name=f"x{i}") for i in range(120)]
    table = pa.table({f"x{i}": ["a"] for i in range(120)})
    with pytest.raises(GraphError) as caught:
        mapper(mgraph.Graph.of(mgraph.sum(inputs))).apply(table)
    assert (len(caught.value.diagnostics), caught.value.more) == (100, 20)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"grad": "sum"}, "grad is"), ({"bad_rows": "zero"}, "one of fail, skip, null"),
        ({"wrt": ["x"]}, "use it with grad"), ({"math": "none"}, "no math library"),
    ],
)  # fmt: skip
def test_options_that_are_none(options: dict[str, Any], words: str) -> None:
    """They are refused at once."""
    with pytest.raises(ValueError, match=words):
        mapper(line(), **options)


@pytest.mark.parametrize("thing", [{"x": [1.0]}, [1.0], None, pa.array([1.0])])
def test_other_things_are_no_tables(thing: Any) -> None:  # noqa: ANN401 - anything
    """Only Arrow's batches and tables are taken."""
    with pytest.raises(TypeError, match="expected a pyarrow RecordBatch or Table"):
        mapper(line()).apply(thing)


# --- the package ---


@pytest.mark.parametrize("package", ["pyarrow", "numpy", "llvmlite"])
def test_what_is_missing_is_named(package: str) -> None:
    """Without a package, `import mgraph` works, and one line says what to install for the rest."""
    code = (
        f"import sys\nsys.modules[{package!r}] = None\nimport mgraph\nfrom mgraph import *\n"
        "try: mgraph.rows\nexcept ImportError as error: print(type(error).__name__, error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=HERE.parent, capture_output=True, text=True, check=True
    )
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"MissingExtraError mgraph.rows needs {package}, which is not installed")
    assert line.endswith("[rows]'")


def test_a_dataset(tmp_path: Path) -> None:
    """Files of a dataset are read, computed and written batch by batch, in order."""
    source, target = tmp_path / "rows.parquet", tmp_path / "results.parquet"
    pq.write_table(pa.Table.from_batches([rows()] * 30), source)
    data, made = ds.dataset(source), mapper(line())
    with pq.ParquetWriter(target, made.schema(data.schema)) as writer:
        for batch in made(data.to_batches(batch_size=7)):
            writer.write_batch(batch)
    assert pq.read_table(target)["loss"].to_pylist() == LOSS * 30
