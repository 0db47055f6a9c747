"""Markdown: headings that say where the figures come from, tables, and verdicts."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mgraph import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from benchmarks.measure import Ratio

Figures = list[dict[str, Any]]
"""The figures of a table as plain data, for the picture and for the README."""

SEPARATOR: Final = " · "
"""What stands between the versions and the machine."""

RATIO_COLUMNS: Final = ("mgraph, best", "peer, best", "best/best", "median ratio", "pairs")
"""The columns that `ratio_cells` fills."""


def heading(name: str, about: str, *, quick: bool) -> Iterator[str]:
    """Yield the heading of a table: what is measured, with which command, when and where."""
    option = "--quick " if quick else ""
    yield f"## {name}\n\n{about.strip()}\n"
    yield f"`python -m benchmarks {option}{name}` · {today()} · {environment()}\n"


def environment() -> str:
    """Return the versions and the machine that the figures were measured with."""
    return software() + SEPARATOR + machine()


def today() -> str:
    """Return today's date, UTC."""
    return datetime.now(tz=UTC).date().isoformat()


def software() -> str:
    """Return the versions of Python and mgraph."""
    return f"{platform.python_implementation()} {platform.python_version()}, mgraph {__version__}"


def machine() -> str:
    """Return the number of cores, the processor and the operating system."""
    return f"{os.cpu_count()} cores, {_processor()}, {platform.system()}"


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def progress(what: str) -> None:
    """Print on standard error what is being measured."""
    print(f"… {what}", file=sys.stderr, flush=True)


def versions(packages: Iterable[str]) -> str:
    """Return the versions of the packages that are installed, and of gcc."""
    names = [f"{name} {version(name)}" for name in dict.fromkeys(packages) if is_installed(name)]
    compiler = shutil.which("gcc")
    if compiler is not None:
        command = [compiler, "-dumpfullversion"]
        names.append(f"gcc {subprocess.check_output(command, text=True).strip()}")
    return ", ".join(names)


def is_installed(package: str) -> bool:
    """Return whether a package can be imported."""
    return find_spec(package) is not None


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table; the first column is aligned left, the others right."""
    yield f"| {' | '.join(header)} |"
    yield f"|---|{'---:|' * (len(header) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def ratio_cells(measured: Ratio | None) -> tuple[str, ...]:
    """Return the cells of a comparison of times; they are blank if it was not measured."""
    if measured is None:
        return ("",) * len(RATIO_COLUMNS)
    times = seconds(measured.first), seconds(measured.second)
    return (*times, f"{measured.least:.2f}", f"{measured.median:.2f}", str(measured.pairs))


def verdict(what: str, limit: float, measured: Ratio | None) -> str:
    """Return one sentence that says whether a target is reached."""
    target = f"Target: at most {limit:g} times {what}"
    if measured is None:
        return f"{target}: not measured, the peer is not installed."
    figures = f"{measured.median:.2f} times (median of {measured.pairs} pairs)"
    if measured.median <= limit:
        return f"{target}: reached, {figures}."
    return f"{target}: missed by {measured.median / limit - 1:.0%}, {figures}."


def seconds(time: float) -> str:
    """Format a time with three significant digits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if time >= size:
            return _three_digits(time / size, unit)
    return _three_digits(time / 1e-9, "ns")


def size(count: float) -> str:
    """Format a number of bytes."""
    return _three_digits(count / 2**20, "MiB")


def _three_digits(value: float, unit: str) -> str:
    digits = 2 if value < 10 else 1 if value < 100 else 0  # noqa: PLR2004
    return f"{value:.{digits}f} {unit}"
