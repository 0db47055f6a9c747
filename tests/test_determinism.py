"""The same graph gives the same bits, whatever the process did before."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parent.parent / "fixtures" / "run"

SCRIPT = """
import hashlib, random, struct, sys
from pathlib import Path
import mgraph
from mgraph import Value
unrelated = [Value(random.random()) * Value(2.0) for _ in range(int(sys.argv[1]))]
keep = {object(): i for i in range(int(sys.argv[1]))}
digest = hashlib.sha256()
for path in sys.argv[2:]:
    graph = mgraph.load(path)
    for want in graph.runs:
        run = graph.run(want.inputs, seed=want.seed)
        for numbers in (run.data, run.grad):
            for name, value in numbers.items():
                digest.update(name.encode() + struct.pack("<d", value))
x = [Value(1.0 + i / 7) for i in range(9)]
y = mgraph.sum(a * b / (a + 3) for a in x for b in x).tanh() + x[0] * x[0]
y.backward()
digest.update(struct.pack("<9d", *(each.grad for each in x)))
print(digest.hexdigest())
"""


def digest(number: int) -> str:
    """Run all golden graphs of several kinds in a fresh process, and hash every bit."""
    files = sorted(map(str, (*FIXTURES.glob("nets/*.json"), *FIXTURES.glob("shapes/*.json"))))
    environment = {**os.environ, "PYTHONHASHSEED": str(number)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(number * 37), *files],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.mark.parametrize("count", [10, pytest.param(50, marks=pytest.mark.thorough)])
def test_processes_agree(count: int) -> None:
    """Many hash seeds and numbers of unrelated objects, one answer."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        digests = list(pool.map(digest, range(count)))
    assert len(digests[0]) == len(hashlib.sha256().hexdigest())
    assert digests == digests[:1] * count
