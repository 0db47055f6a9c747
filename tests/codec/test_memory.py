"""JSON where memory is short: an answer or MemoryError, never a hang or an abort."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mgraph import GraphError
from mgraph.codec import text
from tests.command_line import FIXTURES

if TYPE_CHECKING:
    from pathlib import Path

FILES = sorted(FIXTURES.rglob("*.json"))

LOAD = """
import resource, sys
from pathlib import Path
import mgraph
data = Path(sys.argv[1]).read_bytes()
mgraph.loads('{"mgraph": "1.0", "nodes": [{"id": "x", "op": "input"}], "outputs": ["x"]}')
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[2]), -1))
try:
    print(len(mgraph.loads(data)))
except MemoryError:
    print("MemoryError")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="this system does not limit address space")
def test_little_memory_is_said(tmp_path: Path) -> None:
    """A chain of 50,000 nodes in 4, 16 and 90 MB: no hang, and in the end enough."""
    nodes = [{"id": "n0", "op": "input", "data": 1.5}]
    nodes += [{"id": f"n{i}", "op": "neg", "args": [f"n{i - 1}"]} for i in range(1, 50_000)]
    path = tmp_path / "chain.json"
    path.write_text(json.dumps({"mgraph": "1.0", "nodes": nodes, "outputs": ["n49999"]}))
    result = {megabytes: loaded(path, megabytes) for megabytes in (4, 16, 90)}
    assert result == {4: "MemoryError", 16: "MemoryError", 90: "50000"}


def loaded(path: Path, megabytes: int) -> str:
    """Load a file in a process that may take so much more memory, and return what it said."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(path), str(megabytes * 10**6)],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def outcome(data: bytes) -> object:
    """Decode, and return the value as Python writes it (NaN too), or the first fault."""
    try:
        return repr(text.decode(data, 32))
    except GraphError as error:
        return error.diagnostics


def test_the_careful_way_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every fixture, good or bad, decodes to the same value or has the same first fault."""
    more = [
        b"[-0, NaN, -Infinity]",
        b'{"a": 1, "a": 2}',
        b'"\\ud800"',
        b"[1e999]",
        b"\xff",
        b"[[" * 99,
    ]
    for data in [*(path.read_bytes() for path in FILES), *more]:
        want = outcome(data)
        with monkeypatch.context() as patch:
            patch.setattr(text, "_memory_is_short", lambda _: True)
            assert outcome(data) == want, data[:200]


def test_values_take_at_most_so_much_memory() -> None:
    """The bound that decides: containers, strings and numbers of the least length in JSON."""
    for item in ("{}", "[]", '"€"', "1.5", "257", '{"":1}'):
        count = 10_000
        size = sys.getsizeof(json.loads(f"[{','.join([item] * count)}]")) / count
        value = json.loads(item)
        size += sys.getsizeof(value) + 32  # 16 bytes for the collector, 16 for the decoder's copy
        assert size < text._LARGEST_VALUE * (len(item.encode()) + 1), item  # noqa: SLF001


def test_python_may_be_set_to_refuse_long_integers() -> None:
    """Beside a -0, an integer of 1,000 digits is too large for a double, whatever the limit."""
    script = (
        "import sys; from mgraph.codec.text import decode; print(decode(sys.argv[1].encode(), 9))"
    )
    for digits in (400, 640, 641, 4300):
        done = subprocess.run(
            [sys.executable, "-c", script, f"[-0, -1{'0' * (digits - 1)}, 9007199254740993]"],
            env={**os.environ, "PYTHONINTMAXSTRDIGITS": "640"},
            check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.stderr == ""
        zero, large, exact = done.stdout.strip("[]\n").split(", ")
        assert (zero, exact) == ("-0.0", "9007199254740993")
        assert int(large) < -(10**308)
