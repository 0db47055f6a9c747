"""Machine code for other processors: shorter vectors, no fused multiply-add, the same bits."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest
from llvmlite import binding as llvm

from tests.engine.test_exact import FINGERPRINTS

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT: Final = """
import sys
from llvmlite import binding as llvm
name, *features = sys.argv[1:]
class Features(dict):
    def flatten(self):
        return ",".join(f"+{feature}" for feature in self)
llvm.get_host_cpu_name = lambda: name
llvm.get_host_cpu_features = lambda: Features.fromkeys(features, True)
from mgraph.engine.tape import libraries
from mgraph.engine.tape.fingerprint import fingerprint
print(libraries.lanes(), fingerprint("exact")[1])
"""
"""Compile for another processor, in a process of its own."""

TARGETS: Final = {
    "haswell": (4, ["avx", "avx2", "fma"]),
    "sandybridge": (0, ["avx"]),
    "x86-64": (0, ["sse2"]),
}
"""Processors: how many lanes mgraph says that they have, and what they can do."""


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="for x86-64")
@pytest.mark.parametrize("name", TARGETS)
def test_other_processors_give_the_same(name: str, tmp_path: Path) -> None:
    """All functions at the published points, in vectors of four lanes, and all by the slow path."""
    lanes, features = TARGETS[name]
    here = llvm.get_host_cpu_features()
    if not all(map(here.get, features)):
        pytest.skip("this processor can do less")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, name, *features],
        env={**os.environ, "MGRAPH_CACHE_DIR": str(tmp_path)},
        check=True, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.stdout.split() == [str(lanes), FINGERPRINTS["1.1"]]
