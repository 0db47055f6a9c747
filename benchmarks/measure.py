"""Measure whole processes with their peak memory, and compare sides that take turns."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

T = TypeVar("T")

ROOT: Final = Path(__file__).parents[1]
"""The checkout."""

MAXRSS_UNIT: Final = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Cost:
    """Time and memory of one process.

    Attributes:
        seconds: Wall time, from before the start until the process has ended.
        peak: Largest resident memory, in bytes. It is at least the memory of this process at the
            time of the start, so start processes before you allocate much.
        printed: Its standard output.
    """

    seconds: float
    peak: int
    printed: bytes


@dataclass(frozen=True)
class Ratio:
    """A comparison of two sides that took turns; below 1, the first is faster.

    Attributes:
        first: Smallest measurement of the first side.
        second: Smallest measurement of the second side.
        median: Median of the ratios of all pairs.
        pairs: Number of pairs.
    """

    first: float
    second: float
    median: float
    pairs: int

    @property
    def least(self) -> float:
        """Smallest by smallest: what the machine can do if nothing disturbs it."""
        return self.first / self.second


def ratio(first: Sequence[float], second: Sequence[float]) -> Ratio:
    """Compare two sides; the measurements of both are in the order of measuring."""
    ratios = [a / b for a, b in zip(first, second, strict=True)]
    return Ratio(min(first), min(second), median(ratios), len(ratios))


def take_turns(sides: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Measure A B C A B C …, so that a disturbance of the machine affects all sides alike."""
    results: dict[str, list[T]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, measure in sides.items():
            results[name].append(measure())
    return results


def timed(work: Callable[[], object], least: float = 0.0) -> Callable[[], float]:
    """Return a function that measures some work, in seconds.

    Args:
        work: The work to measure.
        least: Repeat the work for this many seconds, and return the mean. A single step of
            microseconds would find the caches filled by the side that was measured before.
    """

    def measure() -> float:
        count, start = 0, perf_counter()
        while True:
            work()
            count += 1
            if (spent := perf_counter() - start) >= least:
                return spent / count

    return measure


class Workspace:
    """A temporary folder for processes, with a cache of their bytecode.

    The first process of a kind fills the cache, so run each kind once before you measure.
    """

    def __init__(self, folder: Path) -> None:
        """Use a folder."""
        self.folder = folder
        self._environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def python(self, *arguments: str, keep_errors: bool = False) -> Cost:
        """Run this Python, and return its time and output.

        Args:
            arguments: Its command line.
            keep_errors: Whether `printed` is standard error instead of standard output.

        Raises:
            CalledProcessError: The exit status is not 0.
        """
        output, errors = subprocess.PIPE, None
        if keep_errors:
            output, errors = subprocess.DEVNULL, subprocess.PIPE
        return self._run([sys.executable, *arguments], output, errors)

    def mgraph(self, *arguments: str, status: int = 0) -> Cost:
        """Run the command `mgraph` as users do; its output is discarded.

        Raises:
            CalledProcessError: It did not exit with `status`.
        """
        return self._run([script(), *arguments], subprocess.DEVNULL, None, status)

    def _run(self, command: list[str], output: int, errors: int | None, status: int = 0) -> Cost:
        start = perf_counter()
        with subprocess.Popen(
            command, cwd=self.folder, env=self._environment, stdout=output, stderr=errors
        ) as process:
            stream = process.stderr if process.stdout is None else process.stdout
            printed = b"" if stream is None else stream.read()
            _, ended, usage = os.wait4(process.pid, 0)
            seconds = perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(ended)
        if process.returncode != status:
            raise subprocess.CalledProcessError(process.returncode, command)
        return Cost(seconds, usage.ru_maxrss * MAXRSS_UNIT, printed)


@contextmanager
def workspace() -> Iterator[Workspace]:
    """Yield a workspace, which is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="mgraph-benchmarks-") as folder:
        yield Workspace(Path(folder))


def script() -> str:
    """Return the path of the command `mgraph` that belongs to this Python."""
    path = shutil.which("mgraph", path=os.path.dirname(sys.executable))
    if path is None:
        message = "the command mgraph is not installed: pip install -e '.[bench]'"
        raise SystemExit(message)
    return path
