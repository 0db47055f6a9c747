"""Look for bytes that break a reader.

    python -m tests.fuzz --seconds 60 [--seed N] [--corpus DIR]

Each reader has a process of its own; both run at the same time. What broke one is kept in a file.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tests.fuzz.seeds import LARGEST, READERS, seeds

ROOT: Final = Path(__file__).parent.parent.parent
TIMEOUT: Final = 20
"""Seconds after which an input counts as one that hangs."""

MEMORY: Final = 2048
"""MiB of memory after which an input counts as one that takes too much."""


def fuzz(reader: str, seconds: int, seed: int, corpus: Path, kept: Path) -> tuple[bool, list[str]]:
    """Fuzz one reader; return whether nothing was found, and lines about what was done."""
    folder = corpus / reader
    folder.mkdir(parents=True, exist_ok=True)
    for data in seeds(reader):
        name = hashlib.sha1(data, usedforsecurity=False).hexdigest()
        (folder / name).write_bytes(data)
    line = [
        sys.executable, "-m", "tests.fuzz.target", reader,
        f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={LARGEST}",
        f"-timeout={TIMEOUT}", f"-rss_limit_mb={MEMORY}", f"-artifact_prefix={kept}/{reader}-",
        "-print_final_stats=1", str(folder),
    ]  # fmt: skip
    start = time.monotonic()
    done = subprocess.run(
        line, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False
    )
    taken = time.monotonic() - start
    result = done.stdout + done.stderr
    counts = re.findall(
        r"stat::number_of_executed_units:\s*(\d+)|^Done (\d+) runs", result, re.MULTILINE
    )
    count = max((int(a or b) for a, b in counts), default=0)
    found = sorted(kept.glob(f"{reader}-*"))
    clean = done.returncode == 0 and not found and count > 0
    verdict = "nothing found" if clean else "FAILED"
    lines = [f"{reader}: {taken:.0f} s, {count:,} executions, seed {seed}: {verdict}"]
    if not clean:
        lines += [*result.splitlines()[-60:], *(f"kept: {path}" for path in found)]
    return clean, lines


def say(*lines: str) -> None:
    """Print, also into a pipe, at once."""
    for line in lines:
        print(line, flush=True)  # noqa: T201 - this is a command


def main() -> int:
    """Fuzz both readers; return 1 if something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long")
    parser.add_argument("--seed", type=int, default=0, help="repeat the choices of another time")
    parser.add_argument("--corpus", type=Path, help="where interesting inputs are kept")
    asked = parser.parse_args()
    seed = asked.seed or secrets.randbelow(2**31 - 1) + 1
    kept = Path(tempfile.mkdtemp(prefix="mgraph-fuzz-"))
    corpus = asked.corpus or kept / "corpus"
    with ThreadPoolExecutor() as threads:
        done = [*threads.map(lambda name: fuzz(name, asked.seconds, seed, corpus, kept), READERS)]
    for _, lines in done:
        say(*lines)
    passed = [clean for clean, _ in done]
    if all(passed):
        shutil.rmtree(kept)
    say(f"{passed.count(True)} passed, {passed.count(False)} failed")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
