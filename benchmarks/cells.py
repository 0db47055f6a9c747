"""Measure in a separate process; a crash or a timeout becomes the text of a table's cell."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, sleep
from typing import Any, Final, NamedTuple

from benchmarks.measure import MAXRSS_UNIT, ROOT
from benchmarks.report import size

_POLL: Final = 0.02


class Limits(NamedTuple):
    """Limits of a process: seconds, and resident bytes (checked only where /proc exists)."""

    time: float
    memory: int


class Cell(NamedTuple):
    """The result of a measurement.

    Attributes:
        reports: What the process sent with `send`, in order, even if it failed afterwards.
        failure: Why it failed; empty if it didn't.
        seconds: How long the process ran.
    """

    reports: list[dict[str, Any]]
    failure: str
    seconds: float


def run(module: str, *arguments: str, limits: Limits) -> Cell:
    """Run a module of `benchmarks` as a program, and kill it if it exceeds its limits."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    start = perf_counter()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        with subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=errors) as process:
            failure = _watch(process, limits)
        output.seek(0)
        errors.seek(0)
        reports = [json.loads(line) for line in output.read().splitlines() if line.endswith(b"}")]
        failure = failure or _failure_of(process.returncode, errors.read())
        return Cell(reports, failure, perf_counter() - start)


def send(**figures: float | str) -> None:
    """Send figures to the process that started this one."""
    print(json.dumps(figures), flush=True)


def peak() -> int:
    """Return this process's largest resident memory, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT


def _watch(process: subprocess.Popen[bytes], limits: Limits) -> str:
    end = perf_counter() + limits.time
    while process.poll() is None:
        if perf_counter() > end:
            process.kill()
            return f"> {limits.time:g} s"
        if _resident(process.pid) > limits.memory:
            process.kill()
            return f"> {size(limits.memory)}"
        sleep(_POLL)
    return ""


def _resident(pid: int) -> int:
    """Return the resident memory of a process, in bytes; 0 if it is not known."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _failure_of(status: int, errors: bytes) -> str:
    """Return why a process failed: the signal, or the error it ended with."""
    if status == 0:
        return ""
    if status < 0:
        return signal.Signals(-status).name
    lines = errors.decode(errors="replace").strip().splitlines() or [f"exit {status}"]
    return lines[-1].partition(":")[0].replace("|", "/")
