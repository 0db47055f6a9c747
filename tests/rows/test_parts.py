"""Parts of a folder: fixed by input and options, recorded, kept by --resume or refused by name."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import random
import shlex
import signal
import sys
import threading
import time
import traceback
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyarrow import fs, ipc
from pyarrow import parquet as pq

import mgraph as mg
from mgraph import GraphError
from mgraph.ops.exact_sum import ExactSum
from mgraph.rows import driver, files
from mgraph.rows.driver import replay
from mgraph.rows.parts import Ensured, PartsJob
from mgraph.rows.records import BLOCK
from mgraph.rows.sources import FileSource, TextRules
from mgraph.rows.store import PartFolder, Store
from tests.command_line import codes
from tests.rows.lines import line

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.command_line import Shell

ROWS = 1000
PART = 300
FORMATS = ("parquet", "arrow", "csv", "jsonl")
COMMAND = ("replay", "line.json", "in", "-o", "out/", "--part-rows", str(PART))


def numbers() -> list[tuple[float, float]]:
    """Return x and y of a thousand rows."""
    source = random.Random(7)  # noqa: S311 - not for secrets
    return [(source.uniform(-9, 9), source.uniform(-9, 9)) for _ in range(ROWS)]


@pytest.fixture
def shell(mgraph: Shell) -> Shell:
    """Return a folder with the graph of a squared error, and two files of rows, 700 and 300."""
    line().to_file("line.json")
    (mgraph.folder / "in").mkdir()
    write_rows(mgraph, numbers())
    return mgraph


def write_rows(shell: Shell, rows: list[tuple[float, float]]) -> None:
    """Write the two files; the texts have line breaks and quotes in them."""
    for name, part in (("a", rows[:700]), ("b", rows[700:])):
        text = "".join(f'"t ""{i}""\n",{x!r},{y!r}\n' for i, (x, y) in enumerate(part))
        shell.write(f"in/{name}.csv", f"text,x,y\n{text}")


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a folder."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
    }


def ok(shell: Shell, *command: str) -> Any:  # noqa: ANN401 - plain data
    """Run a command that succeeds, with JSON as its answer."""
    said = shell(*command, "--json")
    assert (said.status, said.err) == (0, "")
    return said.json


# --- the plan ---


def test_parts_are_cut_from_each_file(shell: Shell) -> None:
    """300, 300 and 100 rows of the first file, 300 of the second, in the order of the input."""
    said = ok(shell, *COMMAND)
    assert (said["rows"], said["parts"], said["kept"]) == (1000, 4, 0)
    names = [f"part-{i:05d}.csv" for i in range(4)]
    assert shell.files() == sorted(
        ["in", "in/a.csv", "in/b.csv", "line.json", "neuron.json", "out", "out.manifest.json"]
        + [f"out/{name}" for name in names]
    )
    tables = [[*csv.DictReader(shell.path(f"out/{name}").read_text().splitlines(keepends=True))]
              for name in names]  # fmt: skip
    assert [len(table) for table in tables] == [300, 300, 100, 300]
    rows = [row for table in tables for row in table]
    assert [(float(row["x"]), float(row["y"])) for row in rows] == numbers()
    assert [row["text"] for row in rows[698:702]] == [
        't "698"\n',
        't "699"\n',
        't "0"\n',
        't "1"\n',
    ]
    assert [float(row["loss"]) for row in rows] == [(2 * x + 1 - y) ** 2 for x, y in numbers()]


def test_row_groups_are_not_cut_if_they_are_to_stay_whole(shell: Shell) -> None:
    """Groups of 3, 4, 10 and 2 rows in parts of seven: a larger group is a part of its own."""
    schema = pa.schema({"x": pa.float64()})
    with pq.ParquetWriter("groups.parquet", schema) as writer:
        for at, size in ((0, 3), (3, 4), (7, 10), (17, 2)):
            writer.write_table(pa.table({"x": [float(x) for x in range(at, at + size)]}), size)
    source = driver.source_of("groups.parquet", None, TextRules(("x",), False, True))  # noqa: FBT003
    assert isinstance(source, FileSource)
    parts = source.parts(7, whole_groups=True)
    assert [(part.row, part.rows) for part in parts] == [(0, 7), (7, 10), (17, 2)]
    assert [(part.row, part.rows) for part in source.parts(7)] == [(0, 7), (7, 7), (14, 5)]
    for part in parts:
        values = [x for piece in source.part(part, ["x"]) for x in piece.batch["x"].to_pylist()]
        assert values == [*range(part.row, part.row + part.rows)]
    assert source.most_rows(1) == 19
    shell.write("two.csv", "x,y\n1,2\n3,4\n")
    text = driver.source_of("two.csv", None, TextRules(("x", "y"), False, True))  # noqa: FBT003
    assert isinstance(text, FileSource)
    assert text.most_rows(2) == 12 // 4 + 1


def test_the_manifest(shell: Shell) -> None:
    """It has the hash of each part and its input, and the exact sums; its plan gives the id."""
    said = ok(shell, *COMMAND, "--format", "parquet", "--grad", "sum", "--keep", "x")
    manifest = shell.document("out.manifest.json")
    sums = {"loss": Fraction(0), "grad:w": Fraction(0)}
    for x, y in numbers():
        sums["loss"] += Fraction((2 * x + 1 - y) ** 2)
        sums["grad:w"] += Fraction(2 * (2 * x + 1 - y) * x)
    assert manifest["sums"]["loss"]["value"] == float(sums["loss"])
    assert manifest["sums"]["grad:w"]["value"] == pytest.approx(float(sums["grad:w"]), rel=1e-12)
    assert {part["name"]: part["sha256"] for part in manifest["parts"]} == digests(
        shell.path("out")
    )
    assert [part["rows"] for part in manifest["parts"]] == [300, 300, 100, 300]
    states = [ExactSum.from_bytes(bytes.fromhex(p["sums"]["loss"])) for p in manifest["parts"]]
    assert sum(state.units for state in states) == sums["loss"] * 2**1074
    plan = manifest["plan"]
    text = json.dumps(plan, sort_keys=True, separators=(",", ":"))
    assert manifest["job"] == said["job"] == hashlib.sha256(text.encode()).hexdigest()
    assert plan["graph"] == mg.load("line.json").hash
    assert plan["inputs"] == [
        {"name": name, "size": shell.path(f"in/{name}").stat().st_size}
        for name in ("a.csv", "b.csv")
    ]
    assert plan["versions"] == {"mgraph": mg.__version__, "pyarrow": pa.__version__}
    assert plan["math"]["library"] == "libm"
    # each part's bytes of the input, with the names of the columns before them
    data = {name: shell.path(f"in/{name}").read_bytes() for name in ("a.csv", "b.csv")}
    for part, (file, _, _, start, stop) in zip(manifest["parts"], plan["parts"], strict=True):
        read = b"text\nx\ny" + data["ab"[file] + ".csv"][start:stop]
        assert part["input_sha256"] == hashlib.sha256(read).hexdigest()


def test_the_plan_knows_no_place(shell: Shell) -> None:
    """The same files elsewhere, another output and more workers: the same job and bytes."""
    first = ok(shell, *COMMAND)
    shell.path("in").rename(shell.path("elsewhere"))
    shell.write("pyarrow.py", "raise SystemExit('this folder is not for programs')")
    shell.path("out2").mkdir()  # an empty folder is one for parts, without a slash
    options = ("--part-rows", str(PART), "--workers", "2", "--resume")
    again = ok(shell, "replay", "line.json", "elsewhere", "-o", "out2", *options)
    assert again["job"] == first["job"]
    assert digests(shell.path("out2")) == digests(shell.path("out"))
    assert again["sums"] == first["sums"]


def test_parts_of_every_format(shell: Shell) -> None:
    """Each format is cut by rows alone, also where a row group or batch goes on."""
    for kind in FORMATS:
        ok(shell, "replay", "line.json", "in", "-o", f"all.{kind}", "--grad", "none")
        options = ("--keep", "x,y", "--part-rows", "300")
        ok(shell, "replay", "line.json", f"all.{kind}", "-o", f"{kind}/", *options)
        parts = sorted(shell.path(kind).iterdir())
        assert [part_rows(part) for part in parts] == [300, 300, 300, 100], kind
        files = [str(part) for part in parts]
        again = replay(line(), files, keep=["x", "y"], grad=None)
        assert [*zip(*again.target.to_pydict().values(), strict=True)] == [
            (x, y, (2 * x + 1 - y) ** 2) for x, y in numbers()
        ], kind


def part_rows(path: Path) -> int:
    """Return the number of rows of a part."""
    if path.suffix == ".parquet":
        return pq.read_metadata(path).num_rows  # type: ignore[no-any-return]
    if path.suffix == ".arrow":
        return ipc.open_file(path.read_bytes()).read_all().num_rows  # type: ignore[no-any-return]
    return len(path.read_text().splitlines()) - (path.suffix == ".csv")


def test_parts_say_what_they_are(shell: Shell) -> None:
    """Parquet's and Arrow's own metadata hold job, part, rows, the input's hash and exact sums."""
    for kind in ("parquet", "arrow"):
        ok(shell, *COMMAND[:4], f"{kind}/", *COMMAND[5:], "--format", kind)
        manifest = shell.document(f"{kind}.manifest.json")
        for i, known in enumerate(manifest["parts"]):
            path = shell.path(f"{kind}/{known['name']}")
            if kind == "parquet":
                metadata = pq.read_metadata(path).metadata
            else:
                reader = ipc.open_file(path.read_bytes())
                last = reader.get_batch_with_custom_metadata(reader.num_record_batches - 1)
                metadata = last.custom_metadata
            record = json.loads(metadata[b"mgraph.part"])
            assert (record["job"], record["part"]) == (manifest["job"], i)
            assert record == {key: x for key, x in known.items()
                              if key not in ("name", "bytes", "sha256")}  # fmt: skip


# --- what is there already ---


def test_an_output_is_not_replaced_unasked(shell: Shell) -> None:
    """A finished or unfinished job, or a folder with other things, is refused."""
    ok(shell, *COMMAND)
    before = digests(shell.path("out"))
    said = shell(*COMMAND)
    assert (said.status, codes(said)) == (1, ["io"])
    assert "out/ has parts, finished or not" in said.err
    assert digests(shell.path("out")) == before
    assert ok(shell, *COMMAND, "--overwrite", "--grad", "none")["kept"] == 0
    shell.write("out/notes.txt", "mine")
    for option in ("--overwrite", "--resume"):
        said = shell(*COMMAND, option)
        assert (said.status, codes(said)) == (1, ["io"])
        assert "holds notes.txt, which is not a part" in said.err


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "kind",
    ["csv", "parquet", *(pytest.param(x, marks=pytest.mark.thorough) for x in FORMATS[1::2])],
)
@pytest.mark.parametrize("damage", [_truncated, _flipped, lambda path: path.unlink()])
def test_only_damaged_parts_are_made_again(
    shell: Shell, kind: str, damage: Callable[[Path], None]
) -> None:
    """A part that is missing, too short, or differs in one bit; the result is as if nothing was."""
    command = (*COMMAND, "--format", kind, "--wrt", "w,x", "--seed", "loss=2", "--column", "x=y")
    ok(shell, *command)
    before, manifest = digests(shell.path("out")), shell.document("out.manifest.json")
    assert ok(shell, *command, "--resume")["kept"] == 4
    damage(shell.path(f"out/part-00001.{kind}"))
    assert ok(shell, *command, "--resume")["kept"] == 3
    assert digests(shell.path("out")) == before
    assert shell.document("out.manifest.json") == manifest


def test_a_bad_row_leaves_the_finished_parts(shell: Shell) -> None:
    """The error names file and row; after a correction, the parts before it are kept."""
    good = shell.path("in/a.csv").read_bytes()
    lines = good.split(b'\n",')
    cell = lines[451].split(b",")[0]  # x of row 450
    shell.write("in/a.csv", good.replace(cell, b"?" * len(cell)))
    said = shell(*COMMAND)
    assert (said.status, codes(said)) == (1, ["number"])
    assert 'in/a.csv: error[number]: "x" is "?' in said.err
    assert "in row 450, counted from 0" in said.err
    assert [path.name for path in shell.path("out").iterdir()] == ["part-00000.csv"]
    assert not shell.path("out.manifest.json").exists()
    shell.write("in/a.csv", good)
    resumed = ok(shell, *COMMAND, "--resume")
    assert (resumed["kept"], resumed["parts"]) == (1, 4)
    again = ok(shell, *COMMAND[:4], "undisturbed/", *COMMAND[5:])
    assert again["job"] == resumed["job"]
    assert digests(shell.path("out")) == digests(shell.path("undisturbed"))
    assert not shell.path("out.unfinished").exists()


def test_a_changed_input_is_found(shell: Shell) -> None:
    """One byte of the input, with the size unchanged: the part made of it is named."""
    for kind in FORMATS:
        ok(shell, "replay", "line.json", "in", "-o", f"all.{kind}", "--grad", "none")
        command = ("replay", "line.json", f"all.{kind}", "-o", f"{kind}/", "--keep", "x,y",
                   "--part-rows", "300", "--grad", "none")  # fmt: skip
        ok(shell, *command)
        path = shell.path(f"all.{kind}")
        rows = pa.table({"x": [x for x, _ in numbers()], "y": [y for _, y in numbers()]})
        data = path.read_bytes()
        number = {"parquet": 8, "arrow": 8}.get(kind)
        if number:  # the double of row 400
            bits = rows["x"].combine_chunks().to_numpy()[400].tobytes()
            path.write_bytes(data.replace(bits, bits[:1] + bytes([bits[1] ^ 1]) + bits[2:]))
        else:
            text = str(pa.array([numbers()[400][0]]).cast(pa.string())[0]).encode()
            path.write_bytes(data.replace(text, text[:-1] + b"%d" % ((text[-1] - 47) % 10)))
        assert path.stat().st_size == len(data)
        said = shell(*command, "--resume")
        assert (said.status, codes(said)) == (1, ["io"]), kind
        part = 0 if kind in ("parquet", "arrow") else 1  # one row group or batch has all rows
        assert f"all.{kind} has changed since part-0000{part}.{kind} was made" in said.err, kind


def test_what_else_changed_is_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Graph, options, files, libraries and versions; nothing is touched."""
    ok(shell, *COMMAND)
    before = digests(shell.path("out"))

    def refused(*words: str, options: tuple[str, ...] = ()) -> None:
        said = shell(*COMMAND, *options, "--resume")
        assert (said.status, codes(said)) == (1, ["io"])
        assert all(word in said.err for word in ("because of a change: ", *words)), said.err
        assert digests(shell.path("out")) == before

    refused('option grad (was "rows", is null)', options=("--grad", "none"))
    refused("option keep", options=("--keep", "none"))
    refused("option part_rows (was 300, is 10)", "parts begin", options=("--part-rows", "10"))
    refused("option bad_rows", options=("--bad-rows", "skip"))
    refused('option seed (was {}, is {"loss": "0x', options=("--seed", "loss=2"))
    with monkeypatch.context() as patch:
        patch.setattr(driver, "fingerprint", lambda *_: ("libm", "0" * 64))
        refused("the results of the math library")
        patch.setattr(driver, "versions", lambda: {"mgraph": mg.__version__, "pyarrow": "1"})
        refused(f"the version of pyarrow (was {pa.__version__}, is 1)")
    shell.write("in/c.csv", "text,x,y\n,1,2\n")
    refused("the number of inputs (was 2, is 3)")
    shell.path("in/c.csv").unlink()
    shell.path("in/b.csv").write_bytes(shell.path("in/b.csv").read_bytes() + b"t,1,2\n")
    refused('the input "b.csv"')
    write_rows(shell, numbers())
    mg.Graph.of(mg.load("line.json").values()["loss"] * 2.0).to_file("line.json")
    refused("the graph")


def test_parts_without_a_manifest(shell: Shell) -> None:
    """Nothing says what they are: they are neither kept nor replaced."""
    ok(shell, *COMMAND)
    shell.path("out.manifest.json").unlink()
    said = shell(*COMMAND, "--resume")
    assert "nothing beside out/ says which job its parts are from" in said.err
    said = shell(*COMMAND, "--overwrite")
    assert (said.status, codes(said)) == (1, ["io"])
    assert "holds part-00000.csv, and nothing beside it says that mgraph has made it" in said.err
    assert len(digests(shell.path("out"))) == 4


def test_overwrite_removes_what_was_planned(shell: Shell) -> None:
    """The parts of finished and unfinished jobs go, in any format; others stay."""
    ok(shell, *COMMAND, "--format", "parquet")
    shell.path("out.unfinished/0123").mkdir(parents=True)
    plan = {"parts": [[0, 0, 1]] * 8, "options": {"format": "csv"}}
    shell.write("out.unfinished/0123/plan.json", plan)
    shell.write("out/part-00007.csv", "old")
    shell.write("out/part-00008.csv", "mine")
    before = digests(shell.path("out"))
    said = shell(*COMMAND, "--overwrite")
    assert (said.status, codes(said)) == (1, ["io"])
    assert "out/ holds part-00008.csv, and nothing beside it" in said.err
    assert digests(shell.path("out")) == before
    assert shell.path("out.manifest.json").exists()
    shell.path("out/part-00008.csv").unlink()
    ok(shell, *COMMAND, "--overwrite")
    assert [*digests(shell.path("out"))] == [f"part-0000{i}.csv" for i in range(4)]


def test_a_folder_that_can_not_be_written(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is removed, and nothing is left behind."""
    ok(shell, *COMMAND)
    before = shell.files()

    def refused(**options: str) -> None:
        if options["dir"] == str(shell.path("out")):
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("mgraph.rows.store.tempfile.TemporaryFile", refused)
    said = shell(*COMMAND, "--overwrite")
    assert (said.status, codes(said)) == (1, ["io"])
    assert "can't write out/: Permission denied" in said.err
    assert shell.files() == before


def test_the_manifest_is_removed_last(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault while parts are removed leaves the finished job, which --resume completes."""
    ok(shell, *COMMAND)
    before = digests(shell.path("out"))
    real = PartFolder.remove

    def failing(folder: PartFolder, *paths: str) -> None:
        real(folder, *paths[:2])
        raise GraphError.of("io", "a fault")

    with monkeypatch.context() as patch:
        patch.setattr(PartFolder, "remove", failing)
        said = shell(*COMMAND, "--overwrite")
        assert (said.status, codes(said)) == (1, ["io"])
    assert ok(shell, *COMMAND, "--resume")["kept"] == 2
    assert digests(shell.path("out")) == before


def test_parts_of_other_jobs(shell: Shell) -> None:
    """They don't stay among those of this one, unnoticed."""
    ok(shell, *COMMAND)
    for name in ("part-00004.csv", "part-000001.csv", "part-00000.parquet"):
        shell.write(f"out/{name}", "")
        said = shell(*COMMAND, "--resume")
        assert (said.status, codes(said)) == (1, ["io"])
        assert f"out/ holds {name}, which is not a part of this job" in said.err
        shell.path(f"out/{name}").unlink()


def test_stopped_before_there_was_a_plan(shell: Shell) -> None:
    """Nothing is lost: --resume begins."""
    for folder in ("out", "out.unfinished", "out.unfinished/0123456789abcdef"):
        shell.path(folder).mkdir()
    assert ok(shell, *COMMAND, "--resume")["kept"] == 0
    assert not shell.path("out.unfinished").exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"plan": 1, "parts": [1, {"name": []}]}', "deep"]
)
def test_a_damaged_manifest(shell: Shell, text: str) -> None:
    """What can't be understood doesn't count."""
    ok(shell, *COMMAND)
    text = "[" * 100_000 if text == "deep" else text
    shell.write("out.manifest.json", text)
    for option in ("--resume", "--overwrite"):
        said = shell(*COMMAND, option)
        assert (said.status, codes(said)) == (1, ["io"])
    for name in digests(shell.path("out")):
        shell.path(f"out/{name}").unlink()
    assert ok(shell, *COMMAND, "--overwrite")["kept"] == 0


@pytest.mark.parametrize("key", ["job", "rows", "sums", "non_finite", "sha256", "input_sha256"])
def test_a_damaged_record(shell: Shell, key: str) -> None:
    """The part is made again."""
    ok(shell, *COMMAND)
    manifest = shell.document("out.manifest.json")
    for value in (None, [1], {"loss": "ff"}, *(() if key == "input_sha256" else ("x",))):
        damaged = json.loads(json.dumps(manifest))
        damaged["parts"][2][key] = value
        shell.write("out.manifest.json", damaged)
        assert ok(shell, *COMMAND, "--resume")["kept"] == 3, value
        assert shell.document("out.manifest.json") == manifest, value


def test_an_interrupted_job(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C says how many parts are finished, and how to go on; the status is 130."""
    real = PartsJob.ensure

    def ensure(job: PartsJob, index: int) -> Ensured:
        if index == 3:
            raise KeyboardInterrupt
        return real(job, index)

    with monkeypatch.context() as patch:
        patch.setattr(PartsJob, "ensure", ensure)
        said = shell(*COMMAND, "--overwrite")
    hint = f"3 of 4 parts are finished; to go on: {shlex.join(('mgraph', *COMMAND))} --resume\n"
    assert (said.status, said.out, said.err) == (130, "", hint)
    assert ok(shell, *COMMAND, "--resume")["kept"] == 3


def test_streams_have_no_parts(shell: Shell) -> None:
    """Rows that can be read only once are not cut into parts."""
    said = shell("replay", "line.json", "-", "-o", "out/", stdin=b"x,y\n1,2\n")
    assert (said.status, codes(said)) == (1, ["io"])
    assert "can't be written as parts" in said.err


# --- elsewhere ---


def test_object_storage(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """On another file system, parts have the same bytes, and are kept and refused likewise."""
    bucket = shell.folder / "bucket"
    bucket.mkdir()
    store = fs.SubTreeFileSystem(str(bucket), fs.LocalFileSystem())

    def located(name: str) -> tuple[fs.FileSystem, str]:
        if name.startswith("store://"):
            return store, name.removeprefix("store://")
        return fs.LocalFileSystem(), str(shell.folder / name)

    for module in (files, driver):
        monkeypatch.setattr(module, "located", located)
    ok(shell, *COMMAND)
    shell.path("in").rename(bucket / "in")
    command = ("replay", "line.json", "store://in", "-o", "store://out/", "--part-rows", "300")
    assert ok(shell, *command)["job"] == shell.document("out.manifest.json")["job"]
    assert digests(bucket / "out") == digests(shell.path("out"))
    _flipped(bucket / "out/part-00002.csv")
    assert ok(shell, *command, "--resume")["kept"] == 3
    assert digests(bucket / "out") == digests(shell.path("out"))
    assert sorted(path.name for path in bucket.iterdir()) == ["in", "out", "out.manifest.json"]
    assert "is among the inputs" in shell(*command[:4], "store://in/x/").err
    ok(shell, *command[:4], "store://one.parquet", "--grad", "none")
    assert pq.read_metadata(bucket / "one.parquet").num_rows == ROWS


class _Bucket(dict[str, bytes]):
    """Object storage: an object is there when its stream is closed. One write is eventful."""

    def __init__(self, event: Callable[[], None]) -> None:
        super().__init__()
        self.event, self.deleted = event, threading.Event()

    def open_output_stream(self, path: str) -> io.BytesIO:
        return _Upload(self, path)

    def delete_file(self, path: str) -> None:
        del self[path]
        self.deleted.set()


class _Upload(io.BytesIO):
    def __init__(self, bucket: _Bucket, path: str) -> None:
        super().__init__()
        self.bucket, self.path = bucket, path

    def write(self, data: Any) -> int:  # noqa: ANN401 - bytes of any kind
        if self.tell():
            self.bucket.event()
        return super().write(data)

    def close(self) -> None:
        if not self.closed:
            self.bucket[self.path] = self.getvalue()
        super().close()


def test_an_upload_that_breaks_off() -> None:
    """Nothing is left of it, although a stream that is closed makes an object."""

    def event() -> None:
        raise OSError(errno.EIO, "")

    bucket = _Bucket(event)
    with pytest.raises(GraphError, match=r"can't write s3://b/out\.csv"):
        _store(bucket).put("b/out.csv", [bytes(BLOCK), b"x"])
    assert bucket == {}


@pytest.mark.parametrize("is_written", [True, False])
def test_an_upload_that_cannot_be_closed(
    monkeypatch: pytest.MonkeyPatch, *, is_written: bool
) -> None:
    """It makes no object, so what was there before stays, whether all bytes were written or not."""

    class Lost(io.BytesIO):
        def write(self, data: Any) -> int:  # noqa: ANN401 - bytes of any kind
            if not is_written:
                raise OSError(errno.EIO, "")
            return super().write(data)

        def close(self) -> None:
            if not self.closed:
                super().close()
                raise OSError(errno.EIO, "")

    bucket = _Bucket(lambda: None)
    bucket["b/out.csv"] = b"before"
    monkeypatch.setattr(bucket, "open_output_stream", lambda _path: Lost())
    with pytest.raises(GraphError, match=r"can't write s3://b/out\.csv"):
        _store(bucket).put("b/out.csv", [b"x"])
    assert bucket == {"b/out.csv": b"before"}


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_during_an_upload(times: int) -> None:
    """Nothing more is sent, and nothing is left, however often it is pressed."""
    events = []

    def event() -> None:
        main = threading.main_thread().ident
        assert main is not None
        events.append(main)
        for function in ("result", "shutdown")[:times]:
            while not _is_in(main, function):
                time.sleep(0.001)
            signal.pthread_kill(main, signal.SIGINT)
        while _is_in(main, "result" if times == 1 else "put"):
            time.sleep(0.001)

    bucket = _Bucket(event)
    with pytest.raises(KeyboardInterrupt):
        _store(bucket).put("b/out.csv", [bytes(BLOCK), b"x" * BLOCK, b"y"])
    assert bucket.deleted.wait(60)
    assert (bucket, len(events)) == ({}, 1)


def _store(bucket: _Bucket) -> Store:
    return Store("s3://b/out.csv", bucket, "b/out.csv")


def _is_in(thread: int, function: str) -> bool:
    """Whether a thread is in a function of some name."""
    frames = traceback.walk_stack(sys._current_frames()[thread])  # noqa: SLF001 - public, but for its name
    return any(frame.f_code.co_name == function for frame, _ in frames)


def test_two_processes_make_the_same_part(shell: Shell) -> None:
    """One that was given up for lost may still be there: each has a temporary file of its own."""
    folder = PartFolder("out/", fs.LocalFileSystem(), str(shell.path("out")), files.RowFormat.CSV)
    folder.make(folder.path, folder.unfinished)

    def made(record: Callable[[], bytes]) -> None:
        folder.put_part("part-00000.csv", folder.unfinished, [b"x\n", b"1\n"], record)

    def slow() -> bytes:
        made(lambda: b"{}")  # the other one does all of it meanwhile
        return b"{}"

    made(slow)
    assert shell.path("out/part-00000.csv").read_bytes() == b"x\n1\n"
    assert folder.names(folder.unfinished) == ["part-00000.csv.json"]


class _LateWriter(fs.LocalFileSystem):  # type: ignore[misc] # pyarrow has no types
    """A file system where somebody writes into a folder while it is emptied, a few times."""

    left = 3

    def delete_dir(self, path: str) -> None:
        """Remove a folder, if nobody writes there."""
        if self.left:
            self.left -= 1
            self.delete_dir_contents(path)
            Path(path, f"part-{self.left:05d}.csv.json").write_text("{}")
            raise OSError(errno.ENOTEMPTY, "Directory not empty", path)  # as Arrow does
        super().delete_dir(path)


def test_a_process_that_was_given_up_for_lost_leaves_nothing(shell: Shell) -> None:
    """What it writes while the folder of unfinished work is removed goes, too."""
    folder = PartFolder("out/", _LateWriter(), str(shell.path("out")), files.RowFormat.CSV)
    folder.make(f"{folder.unfinished}/0123456789abcdef")
    folder.remove(folder.unfinished)
    assert not shell.path("out.unfinished").exists()


def test_a_folder_that_cannot_be_removed(shell: Shell) -> None:
    """That is an error, however often it is tried."""
    system = _LateWriter()
    system.left = 1000
    folder = PartFolder("out/", system, str(shell.path("out")), files.RowFormat.CSV)
    folder.make(folder.unfinished)
    with pytest.raises(GraphError, match="can't write out/: Directory not empty"):
        folder.remove(folder.unfinished)
