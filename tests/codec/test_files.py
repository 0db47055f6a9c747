"""Files: read whole or not at all, and replaced as if in one instant.

Some claims need a process that may be killed, or that isn't root: this module, run as a script,
is that process (`CHILDREN` lists what it can do), and answers with one JSON value.
"""

from __future__ import annotations

import errno
import io
import json
import os
import resource
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mgraph import document
from mgraph.codec import Limits, files, read_file, read_stream, write_file
from mgraph.errors import GraphError
from tests.command_line import HERE, NEURON, in_shell, process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = HERE.parent
PROGRAM = "tests.codec.test_interrupted_writes"
"""The module that runs a child, as a script: `python -m PROGRAM NAME FOLDER …`."""
NOBODY = 65534
OLD = b"old" * 1000
MEGABYTE = 2**20


def child(name: str, folder: Path, *args: str, by: tuple[str, ...] = ()) -> Any:  # noqa: ANN401
    """Run one of `test_interrupted_writes.CHILDREN` in a folder, and return its answer."""
    done = subprocess.run(
        [*by, sys.executable, "-m", PROGRAM, name, str(folder), *args],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refusal(action: Callable[[], object]) -> str:
    """Return the code and the message of the one diagnostic that an action is refused with."""
    with pytest.raises(GraphError) as refused:
        action()
    (found,) = refused.value.diagnostics
    return f"{found.code}: {found.message}"


def reading(path: Path | str, size: int = MEGABYTE) -> str:
    """Return how a reading is refused."""
    return refusal(lambda: read_file(path, Limits(size=size)))


def writing(path: Path | str) -> str:
    """Return how a writing is refused."""
    return refusal(lambda: write_file(path, [b"new"]))


# --- reading ---------------------------------------------------------------------------------


def make_fifo(path: Path) -> None:
    """Make a named pipe that nobody writes to."""
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    """Make a socket that nobody listens to."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)  # in the current folder: such names must be short


KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "folder": (Path.mkdir, "a folder"),
    "pipe": (make_fifo, "a named pipe"),
    "socket": (make_socket, "a socket"),
    "zero": (lambda path: path.symlink_to("/dev/zero"), "a device"),
    "loop": (lambda path: path.symlink_to(path), os.strerror(errno.ELOOP)),
    "dangling": (lambda path: path.symlink_to("nowhere"), os.strerror(errno.ENOENT)),
    "missing": (lambda path: None, os.strerror(errno.ENOENT)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_only_regular_files_are_read(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no regular file is refused at once, by its name: nobody waits for a pipe."""
    monkeypatch.chdir(tmp_path)
    make, words = KINDS[kind]
    make(tmp_path / kind)
    result = reading(tmp_path / kind)
    assert result.startswith("io: ")
    assert words in result
    assert kind in result


@pytest.mark.parametrize("name", ["/dev/null", "/dev/full", "/dev/urandom"])
def test_devices_are_not_read(name: str) -> None:
    """A device is refused, however much or little there is to read."""
    assert reading(name) == f"io: {name} is a device"


def test_a_name_with_a_nul_is_refused() -> None:
    """No file can be called that, and none can be written so."""
    assert reading("a\0b") == "io: a file name can't hold a NUL character"
    assert writing("a\0b") == "io: a file name can't hold a NUL character"


def test_a_file_that_becomes_a_pipe_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at a file and its opening, somebody may replace it."""
    regular, pipe = tmp_path / "regular", tmp_path / "pipe"
    regular.write_bytes(b"{}")
    os.mkfifo(pipe)
    looked = regular.stat()
    monkeypatch.setattr(os, "stat", lambda path: looked)
    assert reading(pipe) == f"io: {pipe} is a named pipe"


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    """A symbolic link is as good as the file."""
    (tmp_path / "link").symlink_to(NEURON)
    assert read_file(tmp_path / "link") == NEURON.read_bytes()


def test_the_size_is_checked_before_reading(tmp_path: Path) -> None:
    """A file of a terabyte is refused by its size; a file of exactly the limit is read."""
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(2**40)
    assert reading(path) == "size: the file has 1,099,511,627,776 bytes"
    path.write_bytes(b"x" * 100)
    assert read_file(path, Limits(size=100)) == b"x" * 100
    assert reading(path, 99) == "size: the file has 100 bytes"


def appended(path: Path) -> None:
    """Make a file longer."""
    with path.open("ab") as file:
        file.write(b"more")


def rewritten(path: Path) -> None:
    """Change a file, not its length."""
    before = path.stat()
    with path.open("r+b") as file:
        file.write(b"[")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))


@pytest.mark.parametrize(
    "change", [appended, rewritten, lambda path: os.truncate(path, 1)],
    ids=["longer", "other", "shorter"],
)  # fmt: skip
def test_a_file_that_changes_is_refused(
    change: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes to the file while it is read, no mixture of old and new is returned."""
    path = tmp_path / "graph.json"
    path.write_bytes(b"{}")
    fstat = os.fstat

    def look_then_change(file: int) -> os.stat_result:
        found = fstat(file)
        monkeypatch.setattr(os, "fstat", fstat)
        change(path)
        return found

    monkeypatch.setattr(os, "fstat", look_then_change)
    assert reading(path) == "io: the file changed while it was read"


def test_a_file_that_is_replaced_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer like ours doesn't disturb a reader, who gets the old content."""
    path = tmp_path / "graph.json"
    path.write_bytes(OLD)
    fstat = os.fstat

    def look_then_replace(file: int) -> os.stat_result:
        found = fstat(file)
        monkeypatch.setattr(os, "fstat", fstat)
        write_file(path, [b"new"])
        return found

    monkeypatch.setattr(os, "fstat", look_then_replace)
    assert read_file(path) == OLD
    assert read_file(path) == b"new"


class Endless(io.RawIOBase):
    """A stream without end that remembers what it was asked for."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self.asked: list[int] = []

    def read(self, size: int = -1) -> bytes:
        """Return as much as is asked for."""
        self.asked.append(size)
        return b" " * size


def test_a_stream_is_read_up_to_the_limit() -> None:
    """A stream gives one byte more than the limit at most, and memory is taken by the way."""
    stream = Endless()
    limits = Limits(size=10 * MEGABYTE)
    assert refusal(lambda: read_stream(stream, limits)).startswith("size: standard input has")  # type: ignore[arg-type]
    assert sum(stream.asked) == 10 * MEGABYTE + 1
    assert max(stream.asked) <= MEGABYTE
    assert read_stream(io.BytesIO(b"x" * 100), Limits(size=100)) == b"x" * 100


@pytest.mark.parametrize(
    ("line", "status", "words"),
    [
        ("mgraph check - < {neuron}", 0, "ok"),
        ("cat {neuron} | mgraph check -", 0, "ok"),
        ("mgraph check - < /dev/null", 1, "error[syntax]: the file is empty"),
        ("mgraph check - --limit size=1M < /dev/zero", 1, "error[size]"),
        ("yes | mgraph check - --limit size=1M", 1, "error[size]"),
        ("mgraph check < {neuron}", 2, "Missing argument"),
    ],
)
def test_standard_input(line: str, status: int, words: str, tmp_path: Path) -> None:
    """A graph may come from a file, a pipe or a device, on standard input."""
    result = in_shell(line.format(neuron=NEURON), tmp_path)
    assert (result.status, words in result.out + result.err) == (status, True), result
    assert "Traceback" not in result.err


# --- writing ---------------------------------------------------------------------------------


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    """A file that was not there is made as the umask says."""
    before = os.umask(0)
    try:
        for mask in (0o022, 0o027, 0o077):
            os.umask(mask)
            write_file(tmp_path / f"{mask}.json", [b"new"])
            mode = (tmp_path / f"{mask}.json").stat().st_mode
            assert stat.S_IMODE(mode) == 0o666 & ~mask
    finally:
        os.umask(before)


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640, 0o666, 0o755])
def test_a_replaced_file_keeps_its_permissions(mode: int, tmp_path: Path) -> None:
    """Whoever could read the old file can read the new one, and nobody else."""
    path = tmp_path / "graph.json"
    path.write_bytes(OLD)
    path.chmod(mode)
    write_file(path, [b"new"])
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", mode)
    assert os.listdir(tmp_path) == ["graph.json"]


@pytest.mark.parametrize("kind", ["folder", "pipe", "socket"])
def test_only_regular_files_are_replaced(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands in the way and is no regular file is named, and stays."""
    monkeypatch.chdir(tmp_path)
    make, words = KINDS[kind]
    make(tmp_path / kind)
    assert writing(tmp_path / kind) == f"io: can't write {tmp_path / kind}: it is {words}"
    assert os.listdir(tmp_path) == [kind]


@pytest.mark.parametrize("target", ["old.json", "nowhere.json", "/dev/null", "."])
def test_a_link_is_not_written(target: str, tmp_path: Path) -> None:
    """Neither the link nor what it leads to is touched: one clear error says why."""
    (tmp_path / "old.json").write_bytes(OLD)
    link = tmp_path / "link.json"
    link.symlink_to(target)
    assert writing(link) == f"io: can't write {link}: it is a symbolic link"
    assert str(link.readlink()) == target
    assert (tmp_path / "old.json").read_bytes() == OLD
    assert sorted(os.listdir(tmp_path)) == ["link.json", "old.json"]


@pytest.mark.parametrize("name", ["/dev/null", "/dev/full"])
def test_a_device_is_not_replaced(name: str) -> None:
    """A careless `-o /dev/null` as root doesn't turn the device into a file."""
    assert writing(name) == f"io: can't write {name}: it is a device"
    assert stat.S_ISCHR(os.stat(name).st_mode)


def test_a_missing_folder_is_not_made(tmp_path: Path) -> None:
    """Neither a folder that isn't there nor a file in its place."""
    (tmp_path / "file").write_bytes(OLD)
    assert writing(tmp_path / "no" / "x.json").endswith(os.strerror(errno.ENOENT))
    assert writing(tmp_path / "file" / "x.json").endswith(os.strerror(errno.ENOTDIR))
    assert os.listdir(tmp_path) == ["file"]


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    """The temporary name does not grow with the target's."""
    path = tmp_path / ("x" * 250 + ".json")
    write_file(path, [b"new"])
    assert os.listdir(tmp_path) == [path.name]


def test_a_writer_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    """An error in the middle, of whatever kind, and the folder is as before."""
    path = tmp_path / "graph.json"
    path.write_bytes(OLD)

    def chunks() -> Iterator[bytes]:
        yield b"x" * (3 * MEGABYTE)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_file(path, chunks())
    assert path.read_bytes() == OLD
    assert os.listdir(tmp_path) == ["graph.json"]


def test_in_place_onto_itself(tmp_path: Path) -> None:
    """Input and output may be one file, which grows by its run."""
    shutil.copy(NEURON, tmp_path / "neuron.json")
    assert process("run", "neuron.json", "-o", "neuron.json", cwd=tmp_path).status == 0
    assert len(document.load(tmp_path / "neuron.json").runs) > 0
    assert os.listdir(tmp_path) == ["neuron.json"]


@pytest.mark.parametrize(
    "command", ["run {neuron} -o -", "convert {neuron} -", "run {neuron} -o - --json"]
)
def test_a_full_standard_output(command: str, tmp_path: Path) -> None:
    """Standard output that takes nothing is one error line, not a traceback or a success."""
    result = in_shell(f"mgraph {command.format(neuron=NEURON)} > /dev/full", tmp_path)
    assert result.status == 1
    assert "error[io]" in result.err
    assert os.strerror(errno.ENOSPC) in result.err
    assert "Traceback" not in result.err
    assert "Exception ignored" not in result.err
    assert os.listdir(tmp_path) == []


def test_debris_of_others_is_left_alone(tmp_path: Path) -> None:
    """Only what a killed writer of the same file left behind is swept away, and no pipe."""
    start = files._temporary_start(str(tmp_path / "graph.json"))  # noqa: SLF001 - the name of debris
    mine, pipe = f"{start}0.mgraph-tmp", f"{start}1.mgraph-tmp"
    others = (".mgraph-00000000-0.mgraph-tmp", f"{start}2.txt", "x.mgraph-tmp")
    for name in (mine, *others):
        (tmp_path / name).write_bytes(OLD)
    os.mkfifo(tmp_path / pipe)
    write_file(tmp_path / "graph.json", [b"new"])
    assert sorted(os.listdir(tmp_path)) == sorted([pipe, *others, "graph.json"])


# --- as somebody who is not root -------------------------------------------------------------


def give_up_root() -> None:
    """Become nobody, if this is root, whom permissions don't bind."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def nobody() -> dict[str, str]:
    """Try what permissions forbid, in the current folder."""
    give_up_root()
    result = {"who": "root" if os.geteuid() == 0 else "nobody"}
    attempts: dict[str, Callable[[], object]] = {
        "unreadable": lambda: read_file("unreadable.json"),
        "protected": lambda: write_file("protected.json", [b"new"]),
        "closed": lambda: write_file("closed/x.json", [b"new"]),
        "closed_old": lambda: write_file("closed/old.json", [b"new"]),
        "drop": lambda: write_file("drop/x.json", [b"new"]),
        "hidden": lambda: read_file("hidden/x.json"),
    }
    for name, action in attempts.items():
        try:
            action()
            result[name] = "done"
        except GraphError as error:
            result[name] = error.diagnostics[0].message
    return result


def test_permissions_are_respected(tmp_path: Path) -> None:
    """What may not be read is not read; a protected file is not replaced behind its back."""
    folder = tmp_path / "shared"
    for name in ("", "closed", "drop", "hidden"):
        (folder / name).mkdir()
    for name in ("unreadable.json", "protected.json", "closed/old.json", "hidden/x.json"):
        (folder / name).write_bytes(OLD)
    if os.geteuid() == 0:
        for path in folder.rglob("*"):
            os.chown(path, NOBODY, NOBODY)
    modes = {
        "": 0o777, "unreadable.json": 0, "protected.json": 0o444, "closed": 0o555, "drop": 0o333,
        "hidden": 0,
    }  # fmt: skip
    for name, mode in modes.items():
        (folder / name).chmod(mode)
    result = child("nobody", folder)
    for name in ("closed", "drop", "hidden"):
        (folder / name).chmod(0o755)
    denied = os.strerror(errno.EACCES)
    assert result == {
        "who": "nobody",
        "unreadable": f"can't read unreadable.json: {denied}",
        "protected": "can't write protected.json: it is write-protected",
        "closed": f"can't write closed/x.json: {denied}",
        "closed_old": f"can't write closed/old.json: {denied}",
        "drop": "done",
        "hidden": f"can't read hidden/x.json: {denied}",
    }
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == {
        "unreadable.json", "protected.json", "closed/old.json", "hidden/x.json", "drop/x.json",
    }  # fmt: skip
    assert (folder / "protected.json").read_bytes() == OLD


# --- a disk that is full ---------------------------------------------------------------------


def attempt(size: int) -> str:
    """Write so many bytes over `graph.json`, and return what became of that."""
    try:
        write_file("graph.json", (b"x" * 1000 for _ in range(size // 1000)))
    except GraphError as error:
        return error.diagnostics[0].message
    return "done"


def limited() -> dict[str, Any]:
    """Write more than a file of this process may hold."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    return {"said": attempt(3 * MEGABYTE), "left": os.listdir("."), "again": attempt(50_000)}


def mounted() -> dict[str, Any]:
    """Write more than fits on a small disk of its own, mounted here."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", "."], check=True)
    os.chdir(os.getcwd())  # into what was mounted
    Path("graph.json").write_bytes(OLD)
    result = {
        "size": os.statvfs(".").f_blocks * os.statvfs(".").f_frsize,
        "said": attempt(MEGABYTE),
    }
    kept = Path("graph.json").read_bytes() == OLD
    left = os.listdir(".")
    return {**result, "kept": kept, "left": left, "again": attempt(50_000), "last": os.listdir(".")}


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """A writer that is stopped by a limit leaves the old file, whole, and can try again."""
    path = tmp_path / "graph.json"
    path.write_bytes(OLD)
    result = child("limited", tmp_path)
    assert result == {
        "said": f"can't write graph.json: {os.strerror(errno.EFBIG)}",
        "left": ["graph.json"],
        "again": "done",
    }
    assert path.read_bytes() == b"x" * 50_000


def may_mount() -> tuple[str, ...]:
    """Return a command in front of which another can mount, or nothing."""
    for by in (("unshare", "--mount"), ("unshare", "--mount", "--map-root-user")):
        line = [*by, "mount", "-t", "tmpfs", "none", "/mnt"]
        if shutil.which("unshare") and subprocess.run(line, capture_output=True).returncode == 0:  # noqa: PLW1510
            return by
    return ()


def test_a_full_disk(tmp_path: Path) -> None:
    """On a disk of 256 KiB that is really full, the old file stays whole and alone."""
    by = may_mount()
    if not by:
        pytest.skip("this system lets nobody mount a small disk; the limit of size is tested above")
    result = child("mounted", tmp_path, by=by)
    assert result == {
        "size": 256 * 1024,
        "said": f"can't write graph.json: {os.strerror(errno.ENOSPC)}",
        "kept": True,
        "left": ["graph.json"],
        "again": "done",
        "last": ["graph.json"],
    }
