"""The cache of kernels: whatever stands in a file's place, it is compiled again, and replaced."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mgraph.engine.tape import cache, source
from tests.command_line import FIXTURES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# tanh(6.8813735870195432 - 6) = 0.70710678118654746…, as in the fixture
TANH = "0.7071067811865477"

RUN = """
import os, sys, mgraph
os.umask(0)
print(mgraph.load(sys.argv[1]).run(engine="tape").data["o"])
"""


def run(folder: Path) -> None:
    """Run the neuron on the tape, in a process that lets others write to all files it makes."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(FIXTURES / "neuron.json")],
        env={**os.environ, cache.FOLDER: str(folder)},
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == (TANH + "\n", "")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file that a run has made, in a folder of its own."""
    folder = tmp_path_factory.mktemp("cache") / "new"
    run(folder)
    (path,) = folder.iterdir()
    return path


@pytest.fixture
def entry(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of that file, in the cache that this process uses."""
    tmp_path.chmod(0o700)
    monkeypatch.setenv(cache.FOLDER, str(tmp_path))
    path = tmp_path / filled.name
    path.write_bytes(filled.read_bytes())
    path.chmod(0o600)
    assert cache.is_ready(source.SWEEPS)
    return path


def test_every_byte_of_the_header_counts(entry: Path) -> None:
    """A flipped bit in any byte before the code makes the file one that is compiled again."""
    whole = entry.read_bytes()
    header = len(whole) - len(whole.split(b"\n", 2)[2])
    for i in range(header):
        data = bytearray(whole)
        data[i] ^= 1 << i % 8
        entry.write_bytes(data)
        assert not cache.is_ready(source.SWEEPS), i
    for size in (0, 1, 64, 65, header, len(whole) - 1):
        entry.write_bytes(whole[:size])
        assert not cache.is_ready(source.SWEEPS), size
    entry.write_bytes(whole)
    assert cache.is_ready(source.SWEEPS)


@pytest.mark.skipif(os.name != "posix", reason="this system has no permissions for others")
def test_a_file_is_its_owners_alone(filled: Path) -> None:
    """Whatever the umask, nobody else can read or write it, nor make files beside it."""
    assert filled.stat().st_mode & 0o777 == 0o600
    assert filled.parent.stat().st_mode & 0o777 == 0o700


def _link_to(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _sparse(path: Path) -> None:
    with path.open("ab") as file:
        file.truncate(2**40)


def _other_entry(path: Path) -> None:
    content = path.read_bytes().split(b"\n", 1)[1]
    digest = cache._digest(path.with_name("other.kernels"), content)  # noqa: SLF001 - a whole entry
    path.write_bytes(digest + b"\n" + content)


PLACES: dict[str, Callable[[Path], None]] = {
    "a pipe": _pipe,
    "endless zeros": lambda path: _link_to(path, "/dev/zero"),
    "a link to a file": lambda path: _link_to(path, str(FIXTURES / "neuron.json")),
    "a terabyte": _sparse,
    "a file that a group may write": lambda path: path.chmod(0o660),
    "a file that others may write": lambda path: path.chmod(0o602),
    "another entry": _other_entry,
}


@pytest.mark.skipif(os.name != "posix", reason="this system has no named pipes and permissions")
@pytest.mark.parametrize("place", PLACES)
def test_what_stands_in_its_place_is_replaced(entry: Path, filled: Path, place: str) -> None:
    """No hang, no traceback, the right number, and afterwards a file that is this user's alone."""
    PLACES[place](entry)
    assert not cache.is_ready(source.SWEEPS)
    run(entry.parent)
    assert cache.is_ready(source.SWEEPS)
    assert [path.name for path in entry.parent.iterdir()] == [entry.name]
    assert entry.lstat().st_mode & 0o777 == 0o600
    assert entry.read_bytes() == filled.read_bytes()
    assert (FIXTURES / "neuron.json").read_bytes()[:1] == b"{"


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root gives away")
def test_somebody_elses_file_is_not_loaded(entry: Path) -> None:
    """Code that another user owns is not run, even where only that user can write it."""
    os.chown(entry, 65534, -1)
    assert not cache.is_ready(source.SWEEPS)
    run(entry.parent)
    assert entry.stat().st_uid == 0


def test_a_folder_in_its_place_is_left_alone(entry: Path) -> None:
    """It can't be replaced: compiled at every run, and nothing else is left in the cache."""
    entry.unlink()
    entry.mkdir()
    run(entry.parent)
    assert [*entry.parent.iterdir()] == [entry]
    assert entry.is_dir()


def test_kernels_can_be_asked_for_any_attribute() -> None:
    """What is no kernel is no attribute, also in a copy, which has none yet."""
    kernels = cache.kernels(source.SWEEPS)
    for thing in (kernels, type(kernels).__new__(type(kernels))):
        assert not hasattr(thing, "other")
    assert hasattr(copy.copy(kernels), "forward")
