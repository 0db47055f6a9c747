"""Writes that are killed at any moment, or meet others."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mgraph.codec import read_file, write_file
from tests.codec.test_files import MEGABYTE, OLD, ROOT, child, limited, mounted, nobody
from tests.loops import crossed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


# --- killed at any moment --------------------------------------------------------------------

STEPS = ("access", "listdir", "open", "fstat", "chmod", "fsync", "link", "replace", "close")
"""The functions of `os` by which a file is written."""


class Steps:
    """Counts the calls by which a file is written, and is killed before or after one of them."""

    def __init__(self, kill_at: int = -1, by: int = 0, *, after: bool = False) -> None:
        """Take which call, and the signal."""
        self.kill_at, self.by, self.after = kill_at, by, after
        self.seen: list[str] = []

    def watch(self) -> None:
        """Stand between the writer and the operating system."""
        for name in STEPS:
            wrapped = self.around(name, getattr(os, name))
            setattr(os, name, wrapped)
            if name == "chmod":
                os.supports_fd.add(wrapped)
        fcntl.flock = self.around("flock", fcntl.flock)

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that does the same, if it lives so long."""

        def step(*args: Any, **rest: Any) -> Any:  # noqa: ANN401 - as it comes
            is_folder = name == "fsync" and stat.S_ISDIR(os.stat(args[0]).st_mode)
            self.seen.append(f"{name} folder" if is_folder else name)
            here = len(self.seen) - 1 == self.kill_at
            if here and not self.after:
                os.kill(os.getpid(), self.by)
            result = call(*args, **rest)
            if here:
                os.kill(os.getpid(), self.by)
            return result

        return step

    def chunks(self) -> Iterator[bytes]:
        """Yield a new content of 3 MiB, more than is held back, in steps."""
        for _ in range(3):
            yield b"n" * MEGABYTE
            self.around("chunk", lambda: None)()


def killed() -> list[dict[str, Any]]:
    """Kill a writer at each of its steps; return what was there then, and after one more write."""
    path, by = Path("graph.json"), int(sys.argv[4])
    if sys.argv[3] == "named":
        del os.O_TMPFILE  # as on systems where every file has a name
    path.write_bytes(OLD)
    path.chmod(0o640)
    rehearsal = Steps()
    if not os.fork():
        rehearsal.watch()
        write_file(path, rehearsal.chunks())
        Path("steps").write_text("\n".join(rehearsal.seen), encoding="utf-8")
        os._exit(0)
    os.wait()
    names = Path("steps").read_text(encoding="utf-8").split("\n")
    Path("steps").unlink()
    return [
        {"step": name, "after": after, **_kill(path, Steps(i, by, after=after))}
        for i, name in enumerate(names)
        for after in (False, True)
    ]


def _kill(path: Path, steps: Steps) -> dict[str, Any]:
    write_file(path, [OLD])
    if not os.fork():
        steps.watch()
        write_file(path, steps.chunks())
        os._exit(0)
    died = os.waitstatus_to_exitcode(os.wait()[1])
    content = path.read_bytes()
    debris = len(os.listdir(".")) - 1
    mode = stat.S_IMODE(path.stat().st_mode)
    write_file(path, [b"last"])
    return {
        "died": -died,
        "content": {OLD: "old", b"n" * (3 * MEGABYTE): "new"}.get(content, "broken"),
        "debris": debris,
        "mode": mode,
        "swept": os.listdir(".") == ["graph.json"] and path.read_bytes() == b"last",
    }


@pytest.mark.parametrize(
    ("way", "by"), crossed(["unnamed", "named"], [signal.SIGKILL, signal.SIGTERM])
)
def test_a_killed_writer(way: str, by: signal.Signals, tmp_path: Path) -> None:
    """Before the renaming there is the old file, after it the new one; then nothing remains.

    The writer is killed before and after each call that it makes. A file without a name leaves
    nothing behind, but between its naming and renaming.
    """
    deaths = child("killed", tmp_path, way, str(int(by)))
    steps = Counter(death["step"] for death in deaths)
    wanted = {"open", "flock", "chunk", "chmod", "fsync", "replace", "fsync folder"}
    assert wanted <= {*steps}
    assert steps["chunk"] == 6
    renamed = max(i for i, death in enumerate(deaths) if death["step"] == "replace")
    for i, death in enumerate(deaths):
        assert death["died"] == by, death
        assert death["content"] == ("new" if i >= renamed else "old"), death
        assert death["mode"] == 0o640, death
        assert death["swept"], death
    left = [(death["step"], death["after"]) for death in deaths if death["debris"]]
    assert all(death["debris"] <= 1 for death in deaths)
    if way == "unnamed" and "link" in steps:
        assert left == [("link", True), ("replace", False)]
    else:
        assert {step for step, _ in left} >= {"chunk", "fsync"}


def order() -> list[str]:
    """Return the steps of one writing."""
    steps = Steps()
    steps.watch()
    write_file("graph.json", steps.chunks())
    return steps.seen


def test_the_bytes_are_on_the_disk_before_the_name(tmp_path: Path) -> None:
    """A power cut is survived, too: content, then name, then folder, each made to last."""
    seen = child("order", tmp_path)
    last = [step for step in seen if step in ("chunk", "fsync", "link", "replace", "fsync folder")]
    assert [step for step in last if step != "link"] == [
        "chunk", "chunk", "chunk", "fsync", "replace", "fsync folder",
    ]  # fmt: skip
    assert "link" not in last or last.index("fsync") < last.index("link") < last.index("replace")


# --- several at once -------------------------------------------------------------------------


def writer() -> str:
    """Write one file again and again, each time with content that shows whether it is whole."""
    if sys.argv[3] == "named":
        del os.O_TMPFILE
    mark = sys.argv[4].encode()
    for i in range(150):
        write_file("graph.json", [mark * 100, mark * 100 * (i % 7)])
    return "done"


@pytest.mark.parametrize("way", ["unnamed", "named"])
def test_concurrent_writers(way: str, tmp_path: Path) -> None:
    """Four writers and a reader of one file: every reading is one writer's whole content."""
    path = tmp_path / "graph.json"
    path.write_bytes(b"0" * 100)
    line = [
        sys.executable,
        "-m",
        "tests.codec.test_interrupted_writes",
        "writer",
        str(tmp_path),
        way,
    ]
    writers = [
        subprocess.Popen([*line, mark], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for mark in "1234"
    ]
    seen = set()
    while any(each.poll() is None for each in writers):
        content = read_file(path)
        seen.add(content[:1])
        assert content == content[:1] * len(content)
        assert len(content) % 100 == 0
    errors = [each.communicate()[1].decode() for each in writers]
    assert errors == [""] * 4
    assert len(seen) > 1
    assert os.listdir(tmp_path) == ["graph.json"]


CHILDREN: dict[str, Callable[[], Any]] = {
    "nobody": nobody,
    "limited": limited,
    "mounted": mounted,
    "killed": killed,
    "order": order,
    "writer": writer,
}
"""What this module does as a script: `python -m PROGRAM NAME FOLDER …`."""

if __name__ == "__main__":
    os.chdir(sys.argv[2])
    print(json.dumps(CHILDREN[sys.argv[1]]()))  # noqa: T201 - its answer
