"""No bytes crash a reader, stall it, or take its memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgraph.codec import text, text_scan
from tests.fuzz.__main__ import fuzz
from tests.fuzz.attacks import ATTACKS, MANY, SQUARE
from tests.fuzz.mutations import damaged, damaged_text
from tests.fuzz.oracle import consume
from tests.fuzz.seeds import READERS, seeds
from tests.loops import shared

ROOT = Path(__file__).parent.parent
SEED: Final = 20
"""Of all chance here; a test that fails names the file and the turn."""

MOST: Final = 10.0
"""Times the processor time of reading a clean file of 200,000 nodes, in the same process. Less
than one is usual; what grows as the square of a file takes hundreds."""

MOST_FOR_A_MILLION: Final = 20.0
"""Two are usual."""


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes(data: bytes) -> None:
    """Any bytes are refused with a reason and a place, or are a graph that runs."""
    consume(data)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_in_a_map(data: bytes) -> None:
    """So are bytes that begin as a msgpack graph file does."""
    consume(b"\x83\xa6mgraph\xa31.0\xa5nodes" + data)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.text(max_size=40))
def test_any_text_in_an_object(words: str) -> None:
    """So are texts that begin as a JSON graph file does."""
    consume(b'{"mgraph": "1.0", "nodes": [' + words.encode(errors="surrogatepass"))


@shared
@pytest.mark.parametrize("reader", READERS)
def test_damaged_fixtures(reader: str, share: float) -> None:
    """Every fixture, damaged in a few places, is refused with a reason or is a graph that runs."""
    source = Random(SEED)  # noqa: S311 - scattered, not secret
    small = [data for data in seeds(reader) if len(data) < 3000]
    assert len(small) > 200
    for data in small[:: round(1 / share)]:
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
        patch.setattr("mgraph.format.reading.clean", lambda *_: None)
        with pytest.raises(AssertionError):
            consume(good)
    with monkeypatch.context() as patch:
        patch.setattr(text_scan, "line_and_column", lambda *_: (10**6, 1))
        with pytest.raises(AssertionError):
            consume(b"{")


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's memory")
def test_attacks_are_survived() -> None:
    """A file made to exhaust the reader gets its diagnostic, in time and in little memory.

    All run in one process, whose memory is limited for each as `oracle` promises. Of a million
    faults a hundred are told and the others counted, each once.
    """
    line = [sys.executable, "-m", "tests.fuzz.attacks"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    result = {each["name"]: each for each in map(json.loads, done.stdout.splitlines())}
    assert [*result] == [*ATTACKS]
    assert {name: each["raised"] for name, each in result.items() if "raised" in each} == {}
    assert {name: each["code"] for name, each in result.items()} == {
        name: code for name, (_, code) in ATTACKS.items()
    }
    times = {name: each["seconds"] / each["usual"] for name, each in result.items()}
    slow = {name: ratio for name, ratio in times.items() if ratio > MOST}
    assert slow.pop("a million names", 0.0) < MOST_FOR_A_MILLION
    assert slow == {}
    more = {name: each["more"] for name, each in result.items() if each["told"] == 100}
    assert more["a million names"] == 1_000_000 - 100
    assert more["inputs times runs"] == SQUARE**2 - 100
    for name in ("unknown nodes", "unknown ops", "unknown fields"):
        assert more[name] == MANY - 100, name


def test_a_fuzzer_that_dies_without_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end counts as a failure."""
    killed = subprocess.CompletedProcess((), -9, "", "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: killed)
    is_clean, lines = fuzz("json", 1, SEED, tmp_path / "corpus", tmp_path)
    assert not is_clean
    assert lines[0].endswith("FAILED")
