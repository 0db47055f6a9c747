"""Golden files of exact math: each operation is MPFR's, which rounds all of them correctly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gmpy2

from tests.groups.exact.oracle import BINARY64, Mpfr

from .evaluate import backward, forward, in_evaluation_order
from .graphs_exact import EXACT
from .layout import text

if TYPE_CHECKING:
    from pathlib import Path

    from .golden import Golden, Numbers, Run

ORIGIN = (
    f"MPFR {'.'.join(gmpy2.mpfr_version().split()[-1].split('.')[:2])}, rounded at each operation"
)


def write_exact(folder: Path) -> None:
    """Write every golden file of exact math under `folder`."""
    for golden in EXACT:
        path = folder / f"{golden.path}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(golden.document(numbers)), encoding="utf-8", newline="\n")


def numbers(golden: Golden, run: Run) -> tuple[Numbers, Numbers, str]:
    """Return data and grad of a run in exact math, and where they come from."""
    order = in_evaluation_order(golden.nodes)
    with gmpy2.context(BINARY64):
        primals = forward(Mpfr, order, run.inputs)  # type: ignore[arg-type] # a third arithmetic
        adjoints = backward(Mpfr, order, primals, run.seed or {golden.outputs: 1.0})  # type: ignore[arg-type]
    data, grad = ({id_: float(x) for id_, x in each.items()} for each in (primals, adjoints))
    return data, grad, ORIGIN
