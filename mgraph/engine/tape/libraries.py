"""Math libraries: where compiled code finds exp, tanh and so on.

libm is the C library that Python's `math` calls, so its results have the same bits as those of
Values. A vector library computes several rows at once, and the last bits differ. Its functions are
used where they stay within 2 ulp of the exact result; otherwise libm is called row by row.
libmvec is part of glibc, svml of Intel's runtime. "mgraph" only has exp and tanh, on any machine.

"exact" rounds every function correctly, so that all machines give the same bits; see `functions`.
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

from mgraph.engine.tape.lowering import LANES, MathLibrary, c_name
from mgraph.errors import MissingExtraError
from mgraph.extras import pip_install

if TYPE_CHECKING:
    from collections.abc import Iterator

LIBM: Final = "libm"
LIBMVEC: Final = "libmvec"
SVML: Final = "svml"
OWN: Final = "mgraph"
EXACT: Final = "exact"
AUTO: Final = "auto"

NAMES: Final = (LIBM, LIBMVEC, SVML, OWN, EXACT)

FUNCTIONS: Final = (
    "exp", "log", "log1p", "pow", "sin", "cos", "tan", "atan", "sinh", "cosh", "tanh",
    "erf", "expm1", "asin", "acos", "atan2",
)  # fmt: skip
"""The functions that compiled code calls, by their names in C."""

EXACT_PREFIX: Final = "mgraph_exact_"
"""What the symbols of correctly rounded functions start with."""

EXACT_ROWS: Final = f"{EXACT_PREFIX}{{}}_rows"
"""The form of their symbols for vectors."""

_OWN_FUNCTIONS: Final = ("exp", "tanh")
"""The functions that are taken from `vector_math`, which is faster than any vector library."""

_WHEEL: Final = "intel-cmplr-lib-rt"


class _VectorLibrary(NamedTuple):
    """A library with functions of vectors.

    Attributes:
        functions: Its functions that stay within 2 ulp.
        symbols: The form of their symbols, for 8 lanes (AVX-512) and for 4 (AVX2).
        install: How to install it.
    """

    functions: tuple[str, ...]
    symbols: dict[int, str]
    install: str


_KNOWN: Final = {
    LIBMVEC: _VectorLibrary(
        ("log", "atan", "sinh", "cosh"),
        {8: "_ZGVeN8v_{}", 4: "_ZGVdN4v_{}"},
        "it is part of glibc 2.35 and newer, on x86-64",
    ),
    SVML: _VectorLibrary(FUNCTIONS, {8: "__svml_{}8_ha", 4: "__svml_{}4_ha"}, pip_install(_WHEEL)),
}


def library(name: str) -> MathLibrary:
    """Return a library by name; "auto" is the fastest one on this machine, never "exact".

    Raises:
        MissingExtraError: It is not on this machine.
        ValueError: There is no such library.
    """
    if name not in (AUTO, *NAMES):
        message = f"no math library {name!r}: choose one of {', '.join((AUTO, *NAMES))}"
        raise ValueError(message)
    if name == AUTO:
        candidates = map(find, (SVML, LIBMVEC, OWN, LIBM))
        return next(candidate for candidate in candidates if candidate)
    math = find(name)
    if math is None:
        install = _KNOWN[name].install if name in _KNOWN else "it needs a processor with FMA"
        message = f"the math library {name} is not on this machine: {install}"
        raise MissingExtraError(message)
    return math


@cache
def find(name: str) -> MathLibrary | None:
    """Return a library, or None if it is not installed or this processor can't run it."""
    if name == LIBM:
        return MathLibrary(LIBM, (), {})
    if name == OWN:
        return MathLibrary(OWN, _OWN_FUNCTIONS, {}) if lanes() else None
    if name == EXACT:
        functions = ["power" if name == "pow" else name for name in FUNCTIONS]
        symbols = {function: (LANES, EXACT_ROWS.format(c_name(function))) for function in functions}
        return MathLibrary(EXACT, (), symbols, EXACT_PREFIX)
    vectors, width = _KNOWN[name], lanes()
    if width not in vectors.symbols or _loaded(name) is None:
        return None
    form = vectors.symbols[width]
    symbols = {function: (width, form.format(function)) for function in vectors.functions}
    if any(address(symbol, name) is None for _, symbol in symbols.values()):
        return None
    powers = {"power": symbols.pop("pow")} if "pow" in symbols else {}
    return MathLibrary(name, _OWN_FUNCTIONS, symbols | powers)


def lanes() -> int:
    """Return how many doubles fit a vector of this processor; 0 if it lacks the instructions."""
    if platform.machine().lower() in ("arm64", "aarch64"):
        return 2
    has = llvm.get_host_cpu_features()
    if has.get("avx512f") and has.get("avx512dq"):
        return LANES
    return 4 if has.get("avx2") and has.get("fma") else 0


@cache
def _loaded(name: str) -> ctypes.CDLL | None:
    """Load a library; None if it is not on this machine."""
    try:
        if name == LIBM:
            return ctypes.CDLL({"linux": "libm.so.6", "win32": "ucrtbase"}.get(sys.platform))
        if name == LIBMVEC:
            return ctypes.CDLL("libmvec.so.1") if sys.platform == "linux" else None
        files = dict(_wheel())
        ctypes.CDLL(files["libintlc.so.5"], ctypes.RTLD_GLOBAL)  # libsvml needs it
        return ctypes.CDLL(files["libsvml.so"], ctypes.RTLD_GLOBAL)
    except (OSError, KeyError, metadata.PackageNotFoundError):
        return None


def _wheel() -> Iterator[tuple[str, str]]:
    """Yield name and path of each library in Intel's runtime wheel."""
    for file in metadata.files(_WHEEL) or ():
        yield file.name, str(Path(str(file.locate())).resolve())


def address(symbol: str, *names: str) -> int | None:
    """Return the address of a function in the first of some libraries that has it."""
    for name in names:
        function = getattr(_loaded(name), symbol, None)
        if function is not None:
            return ctypes.cast(function, ctypes.c_void_p).value
    return None
