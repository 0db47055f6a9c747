"""The same file in fifty processes, whatever the C library, its threads and the processor offer."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tests.groups.exact.graphs import calm_graph, right_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PROCESSES: Final = 50
ROWS: Final = 300

TUNABLES: Final = (
    "", "glibc.cpu.hwcaps=-AVX2", "glibc.cpu.hwcaps=-AVX2,-FMA", "glibc.cpu.hwcaps=-FMA,-FMA4",
    "glibc.cpu.hwcaps=-AVX512F,-AVX512DQ", "glibc.cpu.hwcaps=-AVX,-AVX2,-FMA,-SSE4_1",
)  # fmt: skip
"""What glibc's math functions may use; they choose other code without these."""

CORES: Final = ("", "Haswell", "SkylakeX", "Zen", "Nehalem")

SCRIPT: Final = """
import hashlib, math, struct, sys
import numpy as np
import mgraph
from mgraph.engine.tape import libraries
if sys.argv[3] == "no vectors":  # as on a processor without FMA
    libraries.lanes = lambda: 0
graph = mgraph.load(sys.argv[1])
digest = hashlib.sha256()
def add(name, x):
    digest.update(name.encode() + struct.pack("<d", math.nan if x != x else x))
for engine in ("value", "tape"):
    run = graph.run({}, seed={graph.outputs[0]: 1.0}, engine=engine, math="exact")
    for numbers in (run.data, run.grad):
        for name in sorted(numbers):
            add(name, numbers[name])
columns = {"x0": np.linspace(-2.0, 2.0, ROWS)}
batch = graph.compile(math="exact").batch(
    columns, seed={graph.outputs[0]: 1.0}, workers=int(sys.argv[2]), math="exact"
)
for numbers in (batch.outputs, batch.grad):
    for name in sorted(numbers):
        for x in numbers[name].tolist():
            add(name, x)
print(digest.hexdigest())
""".replace("ROWS", str(ROWS))


def right_digest(document: dict[str, Any]) -> str:
    """Return the digest that MPFR's numbers have."""
    digest = hashlib.sha256()
    seed = {document["outputs"][0]: 1.0}

    def add(names: Mapping[str, float]) -> None:
        for name in sorted(names):
            x = names[name]
            digest.update(name.encode() + struct.pack("<d", float("nan") if x != x else x))

    for _ in ("value", "tape"):
        for numbers in right_run(document, {}, seed):
            add(numbers)
    rows = [right_run(document, {"x0": x}, seed) for x in np.linspace(-2.0, 2.0, ROWS).tolist()]
    for kind, names in enumerate((document["outputs"], _leaves(document, rows[0][1]))):
        for name in sorted(names):
            for row in rows:
                add({name: row[kind][name]})
    return digest.hexdigest()


def _leaves(document: dict[str, Any], grad: Mapping[str, float]) -> list[str]:
    return [node["id"] for node in document["nodes"] if "data" in node and node["id"] in grad]


def environments() -> Iterator[tuple[dict[str, str], list[str]]]:
    """Yield environments and arguments: tunables, cores, threads, kernels with and without FMA."""
    for i in range(PROCESSES):
        more = {
            "GLIBC_TUNABLES": TUNABLES[i % len(TUNABLES)],
            "OPENBLAS_CORETYPE": CORES[i % len(CORES)],
            "OPENBLAS_NUM_THREADS": str(1 + i % 3),
            "OMP_NUM_THREADS": str(1 + i % 2),
            "PYTHONHASHSEED": str(i),
            "MALLOC_PERTURB_": str(i),
        }
        vectors = "no vectors" if i % 7 == 0 else "vectors"
        yield {name: text for name, text in more.items() if text}, [str(1 + i % 4), vectors]


def test_fifty_processes_agree(tmp_path: Path) -> None:
    """All give the same digest of values and gradients, single and in a batch: MPFR's."""
    document = calm_graph(5, 150)
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(document), encoding="utf-8")

    def digest(case: tuple[dict[str, str], list[str]]) -> str:
        more, arguments = case
        command = [sys.executable, "-c", SCRIPT, str(path), *arguments]
        done = subprocess.run(
            command, env=os.environ | more, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    want, cases = right_digest(document), [*environments()]
    with ThreadPoolExecutor(2) as pool:
        for case, got in zip(cases, pool.map(digest, cases), strict=True):
            assert got == want, case
