"""Where compiled code finds exp, tanh and so on: the C library, or a library of vectors.

libm is the C library that Python's `math` calls, so its answers are the same bits as a Value's.
A vector library answers for several rows at once, with other last bits. Its functions are used
where they stay within 2 ulp of the exact result; where they don't, libm is called row by row.
libmvec is a part of glibc, svml of Intel's runtime; "mgraph" has exp and tanh alone, anywhere.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from llvmlite import binding as llvm

from mgraph.engine.tape.lower import LANES, MathLibrary
from mgraph.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator

LIBM: Final = "libm"
LIBMVEC: Final = "libmvec"
SVML: Final = "svml"
OWN: Final = "mgraph"
AUTO: Final = "auto"

NAMES: Final = (LIBM, LIBMVEC, SVML, OWN)

FUNCTIONS: Final = (
    "exp", "log", "log1p", "pow", "sin", "cos", "tan", "atan", "sinh", "cosh", "tanh",
)  # fmt: skip
"""What compiled code calls, by the names that C gives them."""

_ELEMENTARY: Final = ("exp", "tanh")
"""What every vector library leaves to `elementary`, which is faster."""

_WHEEL: Final = "intel-cmplr-lib-rt"


class _Vectors(NamedTuple):
    """A library of vectors.

    Attributes:
        functions: Those of its functions that stay within 2 ulp.
        symbols: How they are called, for 8 lanes (AVX-512) and for 4 (AVX2).
        install: How to get it.
    """

    functions: tuple[str, ...]
    symbols: dict[int, str]
    install: str


_KNOWN: Final = {
    LIBMVEC: _Vectors(
        ("log", "atan", "sinh", "cosh"),
        {8: "_ZGVeN8v_{}", 4: "_ZGVdN4v_{}"},
        "it is part of glibc 2.35 and newer, on x86-64",
    ),
    SVML: _Vectors(FUNCTIONS, {8: "__svml_{}8_ha", 4: "__svml_{}4_ha"}, f"pip install {_WHEEL}"),
}


def library(name: str) -> MathLibrary:
    """Return a library by name; "auto" is the fastest that is here.

    Raises:
        MissingExtraError: It is not on this machine.
        ValueError: There is no such library.
    """
    if name not in (AUTO, *NAMES):
        message = f"no math library {name!r}: choose one of {', '.join((AUTO, *NAMES))}"
        raise ValueError(message)
    if name == AUTO:
        return next(found for each in (SVML, LIBMVEC, OWN, LIBM) if (found := find(each)))
    found = find(name)
    if found is None:
        install = _KNOWN[name].install if name in _KNOWN else "it needs a processor with FMA"
        message = f"the library {name} is not here: {install}"
        raise MissingExtraError(message)
    return found


@cache
def find(name: str) -> MathLibrary | None:
    """Return a library, if it is here and this processor can run it."""
    if name == LIBM:
        return MathLibrary(LIBM, (), {})
    if name == OWN:
        return MathLibrary(OWN, _ELEMENTARY, {}) if lanes() else None
    vectors, width = _KNOWN[name], lanes()
    if width not in vectors.symbols or _loaded(name) is None:
        return None
    symbols = {each: (width, vectors.symbols[width].format(each)) for each in vectors.functions}
    if any(address(symbol, name) is None for _, symbol in symbols.values()):
        return None
    powers = {"power": symbols.pop("pow")} if "pow" in symbols else {}
    return MathLibrary(name, _ELEMENTARY, symbols | powers)


def lanes() -> int:
    """Return how many doubles this processor takes at a time; 0: it lacks what vectors need."""
    if platform.machine().lower() in ("arm64", "aarch64"):
        return 2
    has = llvm.get_host_cpu_features()
    if has.get("avx512f") and has.get("avx512dq"):
        return LANES
    return 4 if has.get("avx2") and has.get("fma") else 0


@cache
def _loaded(name: str) -> ctypes.CDLL | None:
    """Load a library; None if it is not here."""
    try:
        if name == LIBM:
            return ctypes.CDLL({"linux": "libm.so.6", "win32": "ucrtbase"}.get(sys.platform))
        if name == LIBMVEC:
            return ctypes.CDLL("libmvec.so.1") if sys.platform == "linux" else None
        files = dict(_wheel())
        for each in ("libintlc.so.5", "libsvml.so"):  # the second needs the first
            found = ctypes.CDLL(files[each], ctypes.RTLD_GLOBAL)
    except (OSError, KeyError, metadata.PackageNotFoundError):
        return None
    return found


def _wheel() -> Iterator[tuple[str, str]]:
    """Yield the libraries of Intel's runtime wheel: name and path."""
    for file in metadata.files(_WHEEL) or ():
        yield file.name, str(Path(str(file.locate())).resolve())


def address(symbol: str, *names: str) -> int | None:
    """Return where a function lies, in the first of some libraries that has it."""
    for name in names:
        found = getattr(_loaded(name), symbol, None)
        if found is not None:
            return ctypes.cast(found, ctypes.c_void_p).value
    return None
