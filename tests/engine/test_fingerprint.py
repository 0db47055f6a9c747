"""Fingerprints of math libraries: a published rule, and what Python computes by it."""

from __future__ import annotations

import hashlib
import math
import struct
from fractions import Fraction

import pytest

from mgraph.engine.tape import fingerprint as module
from mgraph.engine.tape.fingerprint import fingerprint, points
from mgraph.engine.tape.libraries import OWN, find
from mgraph.format import VERSIONS
from mgraph.format.versions import spelled
from mgraph.ops import OPS

NAMES = {
    "1.0": (
        "pow", "exp", "log", "sin", "cos", "tan", "atan", "sinh", "cosh", "tanh", "sigmoid",
        "softplus",
    ),
    "1.1": ("erf", "log1p", "expm1", "asin", "acos", "atan2"),
}  # fmt: skip
"""The ops that are not exact, by the version of the format that has brought them."""
SPECIAL = [
    0.0,
    -0.0,
    math.inf,
    -math.inf,
    math.nan,
    2.0**-1074,
    -(2.0**-1074),
    709.5,
    -745.0,
    1e300,
]


def published() -> list[float]:
    """Return the points as docs/rows.md describes them, in exact arithmetic."""
    found = []
    for i in range(4096):
        upper = Fraction(i * 0x9E3779B97F4A7C15 % 2**64 // 2**12, 2**52)
        found.append(float((-1) ** i * (1 + upper) * Fraction(2) ** (i % 24 - 14)))
    return found + SPECIAL


def bits(values: list[float]) -> bytes:
    """Return doubles as bytes, with one NaN."""
    return struct.pack(f"<{len(values)}d", *(math.nan if x != x else x for x in values))


def test_the_points_are_the_published_ones() -> None:
    """All bits are those of the rule, and so spread over 24 powers of two on both sides of 0."""
    assert bits(points().tolist()) == bits(published())
    sizes = [abs(x) for x in published()[:4096]]
    assert (min(sizes) >= 2.0**-14, max(sizes) < 2.0**10) == (True, True)


def test_libm_is_what_python_calls() -> None:
    """The hash is that of the values and derivatives that the table of ops gives in Python.

    Ops that are added to the format don't change it for graphs that lack them, so a job that was
    begun before can be resumed.
    """
    names: list[str] = []
    for version in [*map(spelled, VERSIONS)]:
        names += NAMES[version]
        assert fingerprint("libm", version) == ("libm", hash_of(names))
    assert names == [op.name for op in OPS.values() if not op.exact]
    assert fingerprint("libm") == fingerprint("libm", version)


def hash_of(names: list[str]) -> str:
    """Return the SHA-256 of what some ops give in Python."""
    values, partials = [], []
    for name in names:
        op, first = OPS[name], published()
        columns = [first, first[::-1]][: op.inputs]
        rows = [*zip(*columns, strict=True)]
        outputs = [op.value(row) for row in rows]
        values.append(bits(outputs))
        by_row = [op.partials(row, y) for row, y in zip(rows, outputs, strict=True)]
        # a gradient is added to 0, so it is never -0
        partials += [bits([0.0 + row[i] for row in by_row]) for i in range(op.inputs)]
    return hashlib.sha256(b"".join(values + partials)).hexdigest()


def test_libraries_differ() -> None:
    """Another library has another fingerprint; "auto" has that of the one it stands for."""
    name, digest = fingerprint("auto")
    assert fingerprint(name) == (name, digest)
    if find(OWN) is None:
        pytest.skip("needs a processor with fused multiply-add")
    assert fingerprint(OWN)[1] != fingerprint("libm")[1]


def test_a_last_bit_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One point that differs in its last bit gives another fingerprint."""
    before = fingerprint("libm")
    changed = points()
    changed[5] = math.nextafter(changed[5], 0.0)
    monkeypatch.setattr(module, "points", lambda: changed)
    assert fingerprint.__wrapped__("libm")[1] != before[1]
