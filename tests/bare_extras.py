"""Check that what an extra installs works from its wheels alone.

    python -m tests.bare_extras               # whatever of pyproject.toml's extras is installed
    python -m tests.bare_extras draw fast     # these, which must be installed whole

Looks through the compiled files of every distribution of an extra, and of what those need, for
shared libraries that neither a wheel nor this system has. Run it on a system with little more than
Python: elsewhere the system's own libraries hide what is missing. Linux only.
It needs nothing but Python and `packaging`, or the copy of it in pip.

Exit status: 0 if nothing is missing, or what is missing is listed below with its reason; 1 if not.
"""

from __future__ import annotations

import mmap
import struct
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Final

try:
    from packaging.requirements import Requirement
except ModuleNotFoundError:
    from pip._vendor.packaging.requirements import Requirement  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME: Final = "mgraph-replay"
PROJECT: Final = Path(__file__).parent.parent / "pyproject.toml"

_PAINTS = "paints texts; mgraph/draw/native.py loads the layout alone"
_SOLVERS = "optional solvers of other makers, loaded on demand"
LEFT_OUT: Final = {
    "casadi": {
        "libMad.so": _SOLVERS,
        "libconopt.so.4": _SOLVERS,
        "libeng.so": _SOLVERS,
        "libhsl.so": _SOLVERS,
        "libknitro.so": _SOLVERS,
        "libmex.so": _SOLVERS,
        "libmosek64.so": _SOLVERS,
        "libmx.so": _SOLVERS,
        "libsnopt7.so": _SOLVERS,
        "libut.so": _SOLVERS,
        "libworhp.so": _SOLVERS,
        "libxprs.so": _SOLVERS,
    },
    "playwright": {"libatomic.so.1": "its Node needs it; Debian's libatomic1, with the browser"},
    "pygraphviz": {
        "libX11.so.6": _PAINTS,
        "libXext.so.6": _PAINTS,
        "libXrender.so.1": _PAINTS,
        "libglib-2.0.so.0": _PAINTS,
        "libgobject-2.0.so.0": _PAINTS,
    },
}
"""Libraries of the system that a distribution asks for and mgraph does without, and why."""

_DYNAMIC: Final = 2  # a segment
_LOADED: Final = 1  # a segment
_NEEDED: Final = 1  # an entry of the dynamic segment
_NAMES: Final = 5  # an entry: where the names are, in memory


def extras() -> dict[str, list[str]]:
    """Return the requirements of each extra in pyproject.toml."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    return {"": project["dependencies"], **project["optional-dependencies"]}


def installed(requirements: list[str]) -> tuple[list[Distribution], list[str]]:
    """Find the distributions of an extra, and of what they need.

    Returns:
        Those that are installed, and the names of those that are not.
    """
    ahead = [Requirement(text) for text in requirements]
    seen: dict[str, None] = {}
    found: dict[str, Distribution] = {}
    missing: dict[str, None] = {}
    while ahead:
        requirement = ahead.pop()
        if str(requirement) in seen or not _applies(requirement, [""]):
            continue
        seen[str(requirement)] = None
        try:
            needs = _needs(requirement, found)
        except PackageNotFoundError:
            missing[requirement.name] = None
            continue
        ahead += [need for need in needs if _applies(need, ["", *sorted(requirement.extras)])]
    return list(found.values()), list(missing)


def _needs(requirement: Requirement, found: dict[str, Distribution]) -> list[Requirement]:
    """Return what a requirement needs in turn, and put its distribution among those found."""
    if requirement.name == NAME:  # read from the project, as an installed copy may be older
        texts = [text for extra in sorted(requirement.extras) for text in extras()[extra]]
        return [Requirement(text) for text in texts]
    each = found.setdefault(requirement.name.lower(), _distribution(requirement.name))
    needs = [Requirement(text) for text in _requires(each)]
    for need in needs:
        if need.marker is not None and _applies(need, ["", *sorted(requirement.extras)]):
            need.marker = None  # answered here, where the extra is known
    return needs


@cache
def _distribution(name: str) -> Distribution:
    """Return an installed distribution, the same for all extras that have it."""
    return distribution(name)


@cache
def _requires(found: Distribution) -> list[str]:
    return found.requires or []


def _applies(requirement: Requirement, wanted: list[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in wanted)


@cache
def needed_by(path: Path) -> list[str]:
    """Return the libraries that a file asks for; of hundreds of megabytes, little is read."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return needed(data)


def needed(data: bytes | mmap.mmap) -> list[str]:
    """Return the libraries that a 64-bit ELF file asks for; none if it is another kind of file."""
    if data[:6] != b"\x7fELF\x02\x01":
        return []
    segments = _segments(data)
    entries = [
        struct.unpack_from("<qQ", data, at)
        for kind, _, offset, _, _, length in segments
        if kind == _DYNAMIC
        for at in range(offset, offset + length, 16)
    ]
    names = next((value for tag, value in entries if tag == _NAMES), 0)
    start = next(
        names - address + offset
        for kind, _, offset, address, _, length in [*segments, (_LOADED, 0, 0, names, 0, 1)]
        if kind == _LOADED and address <= names < address + length
    )
    return [_text(data, start + value) for tag, value in entries if tag == _NEEDED]


def _segments(data: bytes | mmap.mmap) -> list[tuple[int, ...]]:
    """Return type, flags, offset, address, physical address and length of each segment."""
    (table,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    return [struct.unpack_from("<IIQQQQ", data, table + i * size) for i in range(count)]


def _text(data: bytes | mmap.mmap, start: int) -> str:
    return data[start : data.find(b"\0", start)].decode()


@cache
def _name(found: Distribution) -> str:
    return found.metadata["Name"].lower()


@cache
def libraries(found: Distribution) -> tuple[Path, ...]:
    """Return the shared libraries and programs of a distribution."""
    return tuple(_libraries(found))


def _libraries(found: Distribution) -> Iterator[Path]:
    for entry in found.files or ():
        path = Path(str(entry.locate()))
        if path.suffix not in {".py", ".pyc"} and path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(4) == b"\x7fELF":
                    yield path


@cache
def can_load(library: str) -> bool:
    """Say whether the system, or Python, has a library; asked in a process of its own."""
    script = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
    command = [sys.executable, "-c", script, library]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def missing_libraries(found: list[Distribution]) -> dict[tuple[str, str], str]:
    """Find what libraries ask for and nothing brings.

    Returns:
        For each distribution and missing library the first file that asks for it.
    """
    asked: dict[tuple[str, str], str] = {}
    brought: dict[str, None] = {}
    for each in found:
        name = _name(each)
        for path in libraries(each):
            brought[path.name] = None
            for library in needed_by(path):
                asked.setdefault((name, library), path.name)
    names = sorted({library for _, library in asked} - brought.keys())
    absent = [library for library in names if not can_load(library)]
    return {key: file for key, file in asked.items() if key[1] in absent}


def check(extra: str, requirements: list[str], *, whole: bool) -> int:
    """Print what an extra lacks; return how much of it counts."""
    found, missing = installed(requirements)
    name = f"the extra {extra}" if extra else "the core"
    if missing and not whole:
        print(f"{name}: not installed ({', '.join(missing)})")
        return 0
    faults = [f"  {each} is not installed" for each in missing]
    for (each, library), file in missing_libraries(found).items():
        reason = LEFT_OUT.get(each, {}).get(library)
        if reason is None:
            faults.append(f"  {each} needs {library}, which nothing brings (asked for by {file})")
        else:
            print(f"  {each} does without {library}: {reason}")
    print(f"{name}: {len(found)} distributions, {len(faults)} faults", *faults, sep="\n")
    return len(faults)


def main(*names: str) -> int:
    """Check some extras, or all that are installed, and return the exit status."""
    known = extras()
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"pyproject.toml has no extra {', '.join(unknown)}", file=sys.stderr)
        return 2
    chosen = dict.fromkeys(names or known)
    counts = [check(name, known[name], whole=bool(names)) for name in chosen]
    return int(any(counts))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
