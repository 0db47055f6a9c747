"""No bytes crash a reader, stall it, or take its memory."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgraph.codec import text
from tests.fuzz.attacks import ATTACKS
from tests.fuzz.mutations import damaged, damaged_text
from tests.fuzz.oracle import consume
from tests.fuzz.seeds import READERS, seeds

ROOT = Path(__file__).parent.parent
SEED: Final = 20
"""Of all chance here; a test that fails names the file and the turn."""

SECONDS: Final = 60.0
"""Of processor time: what grows as the square of the file takes many minutes, or hours."""


@settings(max_examples=400, derandomize=True, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes(data: bytes) -> None:
    """Any bytes are refused with a reason and a place, or are a graph that runs."""
    consume(data)


@settings(max_examples=400, derandomize=True, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_in_a_map(data: bytes) -> None:
    """So are bytes that begin as a msgpack graph file does."""
    consume(b"\x83\xa6mgraph\xa31.0\xa5nodes" + data)


@settings(max_examples=400, derandomize=True, deadline=None)
@given(st.text(max_size=40))
def test_any_text_in_an_object(words: str) -> None:
    """So are texts that begin as a JSON graph file does."""
    consume(b'{"mgraph": "1.0", "nodes": [' + words.encode(errors="surrogatepass"))


@pytest.mark.parametrize("reader", READERS)
def test_damaged_fixtures(reader: str) -> None:
    """Every fixture, damaged in a few places, is refused with a reason or is a graph that runs."""
    source = Random(SEED)  # noqa: S311 - scattered, not secret
    small = [data for data in seeds(reader) if len(data) < 3000]
    assert len(small) > 200
    for data in small:
        consume(data)
        for _ in range(4):
            changed = damaged(data, source)
            if reader == "json" and source.random() < 0.5:
                changed = damaged_text(data.decode(errors="replace"), source).encode()
            try:
                consume(changed)
            except BaseException:
                print(f"{reader}, seed {SEED}: {changed!r}")  # noqa: T201 - shown if it fails
                raise


def test_a_reader_that_breaks_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception of another kind, a refusal without a reason and a wrong place all fail."""
    good = next(iter(seeds("json")))

    def broken(data: bytes, deepest: int) -> object:
        raise KeyError(data[deepest:])

    with monkeypatch.context() as patch:
        patch.setattr(text, "decode", broken)
        with pytest.raises(KeyError):
            consume(good)
    with monkeypatch.context() as patch:
        patch.setattr("mgraph.loader.clean", lambda *_: None)
        with pytest.raises(AssertionError):
            consume(good)
    with monkeypatch.context() as patch:
        patch.setattr(text, "line_and_column", lambda *_: (10**6, 1))
        with pytest.raises(AssertionError):
            consume(b"{")


@pytest.fixture(scope="module")
def suffered() -> dict[str, Any]:
    """Return what became of each attack, in a process that has little memory."""
    if sys.platform != "linux":
        pytest.skip("only Linux limits the memory of a process")
    line = [sys.executable, "-m", "tests.fuzz.attacks"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]
    return {each["name"]: each for each in said}


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_are_survived(name: str, suffered: dict[str, Any]) -> None:
    """A file made to exhaust the reader gets its diagnostic, in time and in little memory."""
    said = suffered[name]
    assert said.get("raised") is None
    assert said["code"] == ATTACKS[name][1]
    assert said["seconds"] < SECONDS


def test_a_million_faults_are_counted(suffered: dict[str, Any]) -> None:
    """A hundred are told, the others counted, each once."""
    said = suffered["a million names"]
    assert (said["told"], said["more"]) == (100, 1_000_000 - 100)
    assert suffered["inputs times runs"]["more"] == 25_000**2 - 100
    for name in ("unknown nodes", "unknown ops", "unknown fields"):
        assert (suffered[name]["told"], suffered[name]["more"]) == (100, 25_000 - 100), name


def test_the_command_closes_with_a_count(tmp_path: Path) -> None:
    """`python -m tests.fuzz` says how long, how often and with which seed, and then the outcome."""
    pytest.importorskip("atheris", reason="coverage-guided fuzzing needs the extra fuzz")
    line = [sys.executable, "-m", "tests.fuzz", "--seconds", "2", "--seed", "7"]
    done = subprocess.run(
        [*line, "--corpus", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    *counts, last = done.stdout.splitlines()
    assert last == "2 passed, 0 failed"
    for reader, said in zip(READERS, counts, strict=True):
        assert re.fullmatch(rf"{reader}: \d+ s, [\d,]+ executions, seed 7: nothing found", said)
