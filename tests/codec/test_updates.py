"""Updating a file: nothing that somebody wrote is lost, and nothing that belongs to the file."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from mgraph.codec import updating, write_file
from mgraph.codec.updates import stamp_of
from mgraph.errors import GraphError
from tests.command_line import NEURON, SCRIPT, codes, environment, strict_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.command_line import Shell

ON_POSIX = pytest.mark.skipif(os.name != "posix", reason="locks and owners as POSIX has them")
AS_ROOT = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away"
)
SOMEBODY = 4242


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return a file to be replaced."""
    path = tmp_path / "old.json"
    path.write_bytes(b"old")
    return path


def at_once(folder: Path, lines: list[list[str]]) -> list[tuple[int, str]]:
    """Start commands at the same time; return the status and the output of each."""
    children = [
        subprocess.Popen(
            [SCRIPT, *line], cwd=folder, env=environment(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        for line in lines
    ]  # fmt: skip
    outputs = [child.communicate(timeout=120)[0] for child in children]
    return [(child.returncode, text) for child, text in zip(children, outputs, strict=True)]


# --- lost updates ----------------------------------------------------------------------------


@ON_POSIX
@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("neuron.json", ["--in-place"]),
        ("neuron.json", ["-o", "./neuron.json"]),
        ("neuron.annotated.json", []),
    ],
)
def test_runs_at_once_are_all_kept(tmp_path: Path, name: str, more: list[str]) -> None:
    """Six commands say that they wrote a run into one file: it has all six, and its own."""
    (tmp_path / name).write_bytes(NEURON.read_bytes())
    lines = [["run", name, "--set", f"x1={x}", *more] for x in range(1, 7)]
    for status, text in at_once(tmp_path, lines):
        assert (status, "wrote " in text) == (0, True), text
    runs = strict_json((tmp_path / name).read_bytes())["runs"]
    inputs = [run.get("inputs") for run in runs]
    assert inputs[0] is None
    assert sorted(x["x1"] for x in inputs[1:]) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def changing(path: Path) -> Callable[..., Any]:
    """Return a save by an editor, which knows nothing of locks."""

    def save(*_: object, **__: object) -> None:
        path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")

    return save


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("run neuron.json --in-place", "mgraph.cli.run.annotated"),
        ("run neuron.json -o neuron.json", "mgraph.cli.run.annotated"),
        ("convert neuron.json neuron.json --strip", "mgraph.codec.files._remove_leftovers"),
        ("test --accept neuron.json", "mgraph.cli.test.accepted"),
    ],
)
def test_a_change_in_the_meantime_is_not_overwritten(
    mgraph: Shell, monkeypatch: pytest.MonkeyPatch, line: str, step: str
) -> None:
    """Who edits the file while a command computes keeps the edit; the command says so."""
    path = mgraph.path("neuron.json")
    text = path.read_text(encoding="utf-8").replace('"n": 0.88137', '"n": 0.98137')
    path.write_text(text, encoding="utf-8")
    save = changing(path)
    module, _, name = step.rpartition(".")
    original = getattr(import_module(module), name)

    def slow(*args: Any, **rest: Any) -> Any:  # noqa: ANN401 - as it comes
        save()
        return original(*args, **rest)

    with monkeypatch.context() as patch:
        patch.setattr(step, slow)
        result = mgraph(*line.split())
    assert (result.status, codes(result)) == (1, ["io"])
    assert "it has changed since it was read" in result.err
    assert path.read_text(encoding="utf-8") == text + "\n"
    assert mgraph.files() == ["neuron.json"]


def test_a_stamp_belongs_to_one_state(old: Path) -> None:
    """The file is written if it is as it was read, and not if it changed or is gone."""
    with updating(old) as before:
        write_file(old, [b"new"], before)
    with pytest.raises(GraphError, match="has changed since"):
        write_file(old, [b"newer"], before)
    assert old.read_bytes() == b"new"
    before = stamp_of(old)
    old.unlink()
    with pytest.raises(GraphError, match="has changed since"):
        write_file(old, [b"newer"], before)
    assert not old.exists()


def test_other_files_are_not_waited_for(tmp_path: Path, mgraph: Shell) -> None:
    """A run that writes elsewhere needs no lock: it does not wait for an update of its graph."""
    with updating(mgraph.path("neuron.json")):
        assert mgraph("run", "neuron.json").status == 0
        assert mgraph("run", "neuron.json", "-o", str(tmp_path / "b.json")).status == 0
        assert mgraph("check", "neuron.json").status == 0


def test_what_is_missing_is_said_by_the_reader(mgraph: Shell) -> None:
    """A file that can't be locked is reported as one that can't be read."""
    result = mgraph("run", "nowhere.json", "--in-place")
    assert (result.status, codes(result)) == (1, ["io"])
    assert "can't read nowhere.json" in result.err


# --- what belongs to a file ------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    ["run neuron.json --in-place", "convert neuron.json neuron.json --strip",
     "new y=2*x --input x=1 -o neuron.json", "view neuron.json --no-open -o page.html"],
)  # fmt: skip
def test_hard_links_are_not_separated(mgraph: Shell, line: str) -> None:
    """A file with two names is not replaced: nothing is written, and the names stay together."""
    target = line.rsplit(maxsplit=1)[-1] if "-o" in line else "neuron.json"
    path = mgraph.path(target)
    path.touch()
    before = path.read_bytes()
    os.link(path, mgraph.path("second"))
    result = mgraph(*line.split())
    assert (result.status, codes(result)) == (1, ["io"])
    assert f"can't write {target}: it has 2 names (hard links)" in result.err
    assert path.samefile(mgraph.path("second"))
    assert path.read_bytes() == before


@ON_POSIX
@AS_ROOT
def test_the_owner_is_kept(old: Path) -> None:
    """Root updates somebody's file: it is still theirs, with its permissions."""
    os.chown(old, SOMEBODY, SOMEBODY + 1)
    old.chmod(0o640)
    assert write_file(old, [b"new"]) == ()
    status = old.stat()
    assert (status.st_uid, status.st_gid) == (SOMEBODY, SOMEBODY + 1)
    assert (old.read_bytes(), stat.S_IMODE(status.st_mode)) == (b"new", 0o640)


@ON_POSIX
def test_an_owner_that_can_not_be_kept_is_told(
    mgraph: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may write to somebody's file, but not give files away, is told what became of it."""
    path = mgraph.path("neuron.json")
    path.chmod(0o4755)
    real = os.fstat

    def not_mine(file: int) -> os.stat_result:
        status = list(real(file))
        if stat.S_ISREG(real(file).st_mode) and os.readlink(f"/proc/self/fd/{file}") != str(path):
            status[4] += 1
            status[5] += 1
        return os.stat_result(status)

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    with monkeypatch.context() as patch:
        patch.setattr("mgraph.codec.updates.os.fstat", not_mine)
        patch.setattr("mgraph.codec.updates.os.chown", refuse)
        patch.setattr("mgraph.codec.updates.fcntl", None)
        result = mgraph("run", "neuron.json", "--in-place")
    assert result.status == 0
    assert result.err == "note: neuron.json could not keep its group, owner\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o755  # set-user-ID was for the old owner


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="extended attributes as Linux has them")
def test_extended_attributes_are_kept(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attributes stay with the file; one that can't be kept is named."""
    try:
        os.setxattr(old, "user.origin", b"lab \xff")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    os.setxattr(old, "user.empty", b"")
    assert write_file(old, [b"new"]) == ()
    assert os.getxattr(old, "user.origin") == b"lab \xff"
    assert os.getxattr(old, "user.empty") == b""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "setxattr", refuse)
        lost = write_file(old, [b"newer"])
    assert sorted(lost) == ["attribute user.empty", "attribute user.origin"]
    assert old.read_bytes() == b"newer"
