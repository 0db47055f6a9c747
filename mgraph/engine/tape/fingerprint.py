"""The fingerprint of a math library: a hash of what it returns for a published list of points.

Versions don't identify a library: glibc, for example, chooses among variants of its functions by
the processor. Two machines whose fingerprints agree give the same bits at all these points.
"""

from __future__ import annotations

import hashlib
import math
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from mgraph.engine.tape.libraries import library
from mgraph.engine.tape.replay import Replay
from mgraph.engine.values import columns_of
from mgraph.format import FORMAT_VERSION
from mgraph.format.versions import parsed
from mgraph.ops import TABLE
from mgraph.value import Value, apply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

POINTS: Final = 4096

_WEYL: Final = 0x9E3779B97F4A7C15
"""2^64 divided by the golden ratio."""

_SPECIAL: Final = (0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324, 709.5, -745.0, 1e300)


def points() -> NDArray[np.float64]:
    """Return the points: float64[POINTS + 10].

    Point i has the sign of (-1)^i, the exponent i mod 24 - 14, and as the 52 bits of its fraction
    the upper bits of i · 0x9E3779B97F4A7C15 modulo 2^64. So they are spread evenly from 2^-14 to
    2^10. Ten special values follow: ±0, ±inf, NaN, ±2^-1074, 709.5, -745 and 1e300.
    """
    return np.array([*_spread(), *_SPECIAL])


def _spread() -> Iterator[float]:
    for i in range(POINTS):
        fraction = (i * _WEYL % 2**64) >> 12
        size = math.ldexp(2**52 + fraction, i % 24 - 14 - 52)
        yield -size if i % 2 else size


@cache
def fingerprint(name: str, version: str = FORMAT_VERSION) -> tuple[str, str]:
    """Return the name of a math library, and the SHA-256 of its results.

    Each op of a format version that is not exact is applied to all points; a second argument takes
    them in reverse order. The values of all ops come first, then their derivatives, as gradients,
    all as little-endian doubles with one NaN.

    Args:
        name: The name of a library, as `libraries.library` takes it; "auto" for the fastest.
        version: The format version of the graph to be computed, which has all ops that it uses.

    Raises:
        MissingExtraError: It is not on this machine.
        ValueError: There is no such library.
    """
    chosen = library(name).name
    digest = hashlib.sha256()
    for results in _results(chosen, version):
        digest.update(np.where(np.isnan(results), math.nan, results).astype("<f8").tobytes())
    return chosen, digest.hexdigest()


def _results(name: str, version: str) -> Iterator[NDArray[np.float64]]:
    at = points()
    ops = [op for op in TABLE if not op.exact and parsed(op.since) <= parsed(version)]
    outputs = [
        apply(op, tuple(Value(0.5, name=f"{op.name}{i}") for i in range(op.inputs))) for op in ops
    ]
    ids = [f"{op.name}{i}" for op in ops for i in range(op.inputs)]
    columns = {leaf: at[::-1].copy() if leaf.endswith("1") else at for leaf in ids}
    replay = Replay(columns_of(outputs))
    seed = {replay.graph.ids[node]: 1.0 for node in replay.graph.outputs}
    batch = replay.batch(columns, grad="rows", seed=seed, math=name)
    yield from batch.outputs.values()
    yield from (batch.grad[leaf] for leaf in ids)
