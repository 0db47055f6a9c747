"""Markdown: headings that say where figures come from, tables, and verdicts."""

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
"""What a table returns beside its text: plain data, for the picture and the summary."""

RATIO_COLUMNS: Final = ("mgraph, best", "peer, best", "best/best", "median ratio", "pairs")
"""What `ratio_cells` fills."""


def heading(name: str, about: str, *, quick: bool) -> Iterator[str]:
    """Yield what is measured, with which command, when and on what."""
    option = "--quick " if quick else ""
    yield f"## {name}\n\n{about.strip()}\n"
    yield f"`python -m benchmarks {option}{name}` · {today()} · {place()}\n"


def place() -> str:
    """Name what it is measured with and on."""
    return f"{software()} · {machine()}"


def today() -> str:
    """Return the date, UTC."""
    return datetime.now(tz=UTC).date().isoformat()


def software() -> str:
    """Name the versions."""
    return f"{platform.python_implementation()} {platform.python_version()}, mgraph {__version__}"


def machine() -> str:
    """Name cores, processor and system."""
    return f"{os.cpu_count()} cores, {_processor()}, {platform.system()}"


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def progress(what: str) -> None:
    """Tell on standard error what is being measured."""
    print(f"… {what}", file=sys.stderr, flush=True)


def versions(packages: Iterable[str]) -> str:
    """Name the versions of those packages that are installed, and gcc's."""
    found = [f"{name} {version(name)}" for name in dict.fromkeys(packages) if is_installed(name)]
    compiler = shutil.which("gcc")
    if compiler is not None:
        command = [compiler, "-dumpfullversion"]
        found.append(f"gcc {subprocess.check_output(command, text=True).strip()}")
    return ", ".join(found)


def is_installed(package: str) -> bool:
    """Whether a package of this name can be imported."""
    return find_spec(package) is not None


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table: the first column to the left, the others to the right."""
    yield f"| {' | '.join(header)} |"
    yield f"|---|{'---:|' * (len(header) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def ratio_cells(found: Ratio | None) -> tuple[str, ...]:
    """Spell a comparison of times; blank where there is none."""
    if found is None:
        return ("",) * len(RATIO_COLUMNS)
    times = seconds(found.first), seconds(found.second)
    return (*times, f"{found.least:.2f}", f"{found.median:.2f}", str(found.pairs))


def verdict(what: str, limit: float, found: Ratio | None) -> str:
    """Say in one sentence whether a target is reached."""
    target = f"Target: at most {limit:g} times {what}"
    if found is None:
        return f"{target}: not measured, the peer is not installed."
    figures = f"{found.median:.2f} times (median of {found.pairs} pairs)"
    if found.median <= limit:
        return f"{target}: reached, {figures}."
    return f"{target}: missed by {found.median / limit - 1:.0%}, {figures}."


def seconds(time: float) -> str:
    """Spell a time with three digits that count."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if time >= size:
            return _three_digits(time / size, unit)
    return _three_digits(time / 1e-9, "ns")


def size(count: float) -> str:
    """Spell a number of bytes."""
    return _three_digits(count / 2**20, "MiB")


def _three_digits(value: float, unit: str) -> str:
    digits = 2 if value < 10 else 1 if value < 100 else 0  # noqa: PLR2004
    return f"{value:.{digits}f} {unit}"
