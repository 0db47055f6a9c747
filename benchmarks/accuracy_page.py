"""docs/accuracy.md: how each math library rounds, from the figures of the table `accuracy`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from benchmarks.report import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.store import StoredTable

_INTRO: Final = """# Accuracy

The results of `exp`, `tanh` and fourteen other functions depend on the math library that computes
them: most are the double nearest to the exact result, and the others are, as a rule, the double
beside it. In [exact math](exact.md) there is one right answer, on every machine. This
page says how often each library gives another one.

`python -m benchmarks --docs accuracy` writes it; svml has to be installed for it, by
`pip install intel-cmplr-lib-rt`. Measured on {date}: {environment}; {versions}.
"""

_COLUMNS: Final = """| column | whose results |
|---|---|
| libm | the C library's: `Value`, and all runs of the tape that don't name another library |
| libmvec, svml | batches with vector functions of glibc or of Intel's runtime; others are libm's |
| mgraph | batches with mgraph's own `exp` and `tanh`; the others are libm's |
| exact | exact math, on the tape |
| V8 | the page's, in node and Chromium; `erf` is the page's own |
"""

_DIFFERS: Final = """## How often the last bit differs

The share of {count:,} results that have other bits than exact math gives for the same arguments,
which are drawn from a normal distribution over several magnitudes. 0 means none.
"""

_ERRORS: Final = """## Largest errors

The largest distance from the exact value, in units in the last place; at most 0.50 is the nearest
double. `sigmoid` and `softplus` are compositions of other operations, in exact math, too: each
operation is rounded correctly, and their errors add up.
"""


def accuracy_page(stored: StoredTable) -> str:
    """Return docs/accuracy.md.

    Args:
        stored: The table `accuracy`, whose first figure has the versions and the count.
    """
    about, *figures = stored.figures
    intro = _INTRO.format(
        date=stored.date, environment=stored.environment, versions=about["versions"]
    )
    parts = [
        intro, _COLUMNS,
        _DIFFERS.format(count=about["count"]),
        *_table(figures, lambda found: share_cell(found["differs"])),
        _ERRORS,
        *_table(figures, lambda found: f"{found['ulp']:.2f}"),
    ]  # fmt: skip
    return "\n".join(parts).rstrip("\n") + "\n"


def share_cell(share: float) -> str:
    """Format a share; 0 only if there is none."""
    return f"{share:.1%}" if share >= 0.0005 else f"{share:.2%}" if share else "0"  # noqa: PLR2004


def _table(
    figures: Sequence[dict[str, Any]], cell: Callable[[dict[str, Any]], str]
) -> Iterator[str]:
    """Yield the lines of a table of ops and libraries."""
    names = [*dict.fromkeys(found["library"] for found in figures)]
    rows: dict[str, dict[str, str]] = {}
    for found in figures:
        rows.setdefault(found["op"], {})[found["library"]] = cell(found)
    yield from table(
        ("op", *names), [(op, *(row[name] for name in names)) for op, row in rows.items()]
    )
