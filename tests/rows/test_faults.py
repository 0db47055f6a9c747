"""Faults while parts are made: killed and stopped processes, full disks; then --resume."""

from __future__ import annotations

import hashlib
import os
import random
import resource
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from mgraph.rows.worker import Processes
from tests.command_line import SCRIPT, environment, strict_json
from tests.rows.lines import line

if TYPE_CHECKING:
    from collections.abc import Callable

PARTS = 30
ROWS = 6_000
COMMAND = ("replay", "line.json", "rows.parquet", "-o", "out/", "--part-rows", str(ROWS))

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a graph, rows for 30 parts, and these parts, made undisturbed."""
    path = tmp_path_factory.mktemp("faults")
    line().to_file(path / "line.json")
    source = random.Random(5)  # noqa: S311 - not for secrets
    numbers = [source.gauss(0, 9) for _ in range(PARTS * ROWS + 1)]
    pq.write_table(pa.table({"x": numbers[:-1], "y": numbers[1:]}), path / "rows.parquet")
    result = finished(path, "undisturbed/")
    assert (result["parts"], result["kept"]) == (PARTS, 0)
    return path


def started(folder: Path, *options: str, out: str = "out/", **more: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401
    """Start the command."""
    parts = COMMAND[5:] if out.endswith("/") else ()
    command = [SCRIPT, *COMMAND[:4], out, *parts, *options, "--json"]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=pipe, stderr=pipe, **more
    )


def finished(folder: Path, out: str = "out/", *options: str) -> Any:  # noqa: ANN401 - plain data
    """Run the command to its end."""
    process = started(folder, *options, out=out)
    answer, complaints = process.communicate(timeout=120)
    assert (process.returncode, complaints) == (0, b"")
    return strict_json(answer)


def parts(folder: Path) -> list[str]:
    """Return the names of the parts that are visible; nothing else may be there."""
    names = sorted(path.name for path in (folder / "out").iterdir())
    assert all(name.startswith("part-") and name.endswith(".parquet") for name in names)
    return names


def wait_for_parts(folder: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until so many parts are there."""
    while process.poll() is None and len([*(folder / "out").glob("*")]) < count:
        time.sleep(0.001)


def children(process: subprocess.Popen[bytes]) -> list[int]:
    """Return the worker processes of the command."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii")
    return [int(text) for text in listed.split()]


def check_resumed(folder: Path, visible: list[str]) -> None:
    """Resume: all parts that were visible are kept; the bytes are those of an undisturbed run."""
    for name in visible:  # only whole parts were ever visible
        assert pq.read_metadata(folder / "out" / name).num_rows == ROWS
    result = finished(folder, "out/", "--resume")
    assert (result["parts"], result["kept"], result["rows"]) == (PARTS, len(visible), PARTS * ROWS)
    check_complete(folder)


def check_complete(folder: Path) -> None:
    """Check that the output is that of an undisturbed run, and nothing else is left."""
    for name in ("out", "undisturbed"):
        assert not (folder / f"{name}.unfinished").exists()
    assert digest(folder / "out") == digest(folder / "undisturbed")
    manifests = [(folder / f"{name}.manifest.json").read_bytes() for name in ("out", "undisturbed")]
    assert manifests[0] == manifests[1]


def digest(folder: Path) -> str:
    """Return one SHA-256 of all names and bytes of a folder."""
    whole = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        whole.update(path.name.encode() + path.read_bytes())
    return whole.hexdigest()


def clear(folder: Path) -> None:
    """Remove the output of an earlier test."""
    subprocess.run(
        ["rm", "-rf", "out", "out.unfinished", "out.manifest.json"], cwd=folder, check=True
    )


SEEDS = [
    0,
    *(pytest.param(seed, marks=pytest.mark.thorough) for seed in range(1, 4)),
    *(pytest.param(seed, marks=[pytest.mark.thorough, pytest.mark.soak]) for seed in range(4, 10)),
]
"""Of the moments in which processes are killed."""


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_workers(folder: Path, seed: int) -> None:
    """A worker that is killed ends the job with a hint; --resume makes what is missing."""
    clear(folder)
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    process = started(folder, "--workers", "2")
    wait_for_parts(folder, chance.randrange(1, PARTS // 2), process)
    os.kill(chance.choice(children(process)), signal.SIGKILL)
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"a worker process was killed by signal 9" in complaints
    assert b"--resume" in complaints
    assert b"Traceback" not in complaints
    check_resumed(folder, parts(folder))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.thorough)])
def test_killed_driver(folder: Path, seed: int, workers: int) -> None:
    """Its workers end, too; --resume makes what is missing."""
    clear(folder)
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    process = started(folder, "--workers", str(workers))
    wait_for_parts(folder, chance.randrange(1, PARTS // 2), process)
    ours = children(process)
    assert len(ours) == (workers if workers > 1 else 0)
    process.kill()
    process.communicate(timeout=60)
    wait_for_end(ours)
    check_resumed(folder, parts(folder))


def wait_for_end(processes: list[int]) -> None:
    """Wait until processes of somebody else have ended."""
    end = time.monotonic() + 30
    while any(is_running(process) for process in processes):
        assert time.monotonic() < end
        time.sleep(0.01)


def is_running(process: int) -> bool:
    """Whether a process is there, and not only waits to be collected."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(4))
def test_a_stopped_worker_that_wakes_late(folder: Path, seed: int) -> None:
    """Its part was made again by others; it neither changes nor leaves anything."""
    clear(folder)
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    process = started(folder, "--workers", "2")
    wait_for_parts(folder, chance.randrange(1, PARTS // 2), process)
    ours = children(process)
    os.kill(ours[0], signal.SIGSTOP)
    with process:  # its pipes stay open in the stopped worker
        process.kill()
    wait_for_end(ours[1:])
    check_resumed(folder, parts(folder))
    os.kill(ours[0], signal.SIGCONT)
    wait_for_end(ours[:1])
    check_complete(folder)


@pytest.mark.thorough
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c(folder: Path, workers: int) -> None:
    """It ends the job and its workers, and says how to go on; --resume makes what is missing."""
    clear(folder)
    process = started(folder, "--workers", str(workers))
    wait_for_parts(folder, PARTS // 4, process)
    ours = children(process)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)
    typed = " ".join(("mgraph", *COMMAND, "--workers", str(workers), "--json", "--resume"))
    hint = f"{len(parts(folder))} of {PARTS} parts are finished; to go on: {typed}\n"
    assert (process.returncode, said) == (130, (b"", hint.encode()))
    assert not any(is_running(worker) for worker in ours)
    check_resumed(folder, parts(folder))


def limited(size: int) -> Callable[[], None]:
    """Return what lets a process write no file larger than that, as if the disk were full."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.thorough)])
def test_a_full_disk(folder: Path, workers: str) -> None:
    """A part that can't be written is an error, not a part; with room, --resume completes it."""
    clear(folder)
    process = started(folder, "--workers", workers, preexec_fn=limited(100_000))
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"error[io]: can't write" in complaints
    assert b"File too large" in complaints
    assert b"Traceback" not in complaints
    assert parts(folder) == []
    check_resumed(folder, [])


@pytest.mark.parametrize(
    "name", ["out.parquet", pytest.param("out.csv", marks=pytest.mark.thorough)]
)
def test_a_full_disk_and_one_file(folder: Path, name: str) -> None:
    """There is the whole file, or none."""
    process = started(folder, out=name, preexec_fn=limited(2_000_000))
    _, complaints = process.communicate(timeout=60)
    assert (process.returncode, b"File too large" in complaints) == (1, True)
    assert not [path for path in folder.iterdir() if name in path.name or ".mgraph" in path.name]


def test_two_processes_at_work() -> None:
    """With two parts, each of two workers does one, in a process of its own."""
    with Processes(2).ready("/proc/self") as session:  # type: ignore[arg-type]  # a link
        processes = {process for _, process in session(os.readlink, [(), ()])}
    assert len(processes - {str(os.getpid())}) == 2


@pytest.mark.thorough
def test_more_workers_give_the_same_bytes(folder: Path) -> None:
    """One, two and five processes."""
    for workers in ("2", "5"):
        clear(folder)
        assert finished(folder, "out/", "--workers", workers)["kept"] == 0
        check_complete(folder)


PEAK = """
import resource, sys
from mgraph.cli import main
try:
    main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


KINDS = ["parquet", "csv", "jsonl", "arrow"]
TARGETS = ["parquet", "csv", "/"]
GROWING = [
    pytest.param(kind, target, marks=() if i % len(TARGETS) == j else pytest.mark.soak)
    for i, kind in enumerate(KINDS)
    for j, target in enumerate(TARGETS)
]


@pytest.mark.thorough
@pytest.mark.parametrize(("kind", "target"), GROWING)
def test_memory_does_not_grow_with_the_table(tmp_path: Path, kind: str, target: str) -> None:
    """Ten times the rows take at most 1.1 times the memory."""
    line().to_file(tmp_path / "line.json")
    peaks = []
    for count in (300_000, 3_000_000):
        numbers = pa.array(range(count), pa.float64())
        seeds = tmp_path / "seeds.parquet"
        pq.write_table(pa.table({"x": numbers, "y": numbers}), seeds, row_group_size=100_000)
        rows = tmp_path / f"rows.{kind}"
        if kind != "parquet":
            subprocess.run(
                [SCRIPT, "replay", "line.json", seeds, "-o", rows, "--overwrite", "--grad", "none"],
                cwd=tmp_path, env=environment(), check=True, capture_output=True,
            )  # fmt: skip
        else:
            seeds.rename(rows)
        out = "out/" if target == "/" else f"out.{target}"
        done = subprocess.run(
            [SCRIPT.replace("mgraph", "python"), "-c", PEAK, "replay", "line.json", rows, "-o", out,
             "--overwrite", "--keep", "x", *(("--part-rows", "100000") if target == "/" else ())],
            cwd=tmp_path, env=environment(), check=True, capture_output=True, text=True,
        )  # fmt: skip
        peaks.append(int(done.stderr.split()[-1]))
    assert peaks[1] <= 1.1 * peaks[0]
