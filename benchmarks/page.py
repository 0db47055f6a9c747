"""Write the figures into the documentation: two pages in docs/, a plot, the README's table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchmarks.accuracy_page import accuracy_page
from benchmarks.measure import ROOT
from benchmarks.peers import ENGINES
from benchmarks.plot import draw
from benchmarks.report import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.store import StoredTable

FIGURES: Final = ROOT / "benchmarks" / "figures.json"
PICTURE: Final = ROOT / "docs" / "benchmarks.png"
PAGE: Final = ROOT / "docs" / "benchmarks.md"
ACCURACY: Final = ROOT / "docs" / "accuracy.md"
README: Final = ROOT / "README.md"

START: Final = "<!-- python -m benchmarks --docs writes this -->\n"
END: Final = "<!-- end of the generated part -->\n"
_PICTURE: Final = """<picture>
<source media="(prefers-color-scheme: dark)" srcset="benchmarks-dark.png">
<img alt="Seconds for one forward and backward run of a random graph against its number of nodes: \
{engines}" src="benchmarks.png">
</picture>
"""

_INTRO: Final = """# Benchmarks

`python -m benchmarks --docs` writes this page, after `pip install --editable '.[bench]'` and
`pip install torch`; what is not installed is left blank. Times are wall time. The sides of a
comparison take turns, so that whatever else the machine does disturbs all of them alike; a ratio is
the median over pairs of neighbouring measurements.
"""


class Short(NamedTuple):
    """A row of the README's table.

    Attributes:
        what: What mgraph does.
        peer: What it is compared with; its braces name fields of the figure.
        table: The table that has the figure.
        match: Fields by which the figure is found.
    """

    what: str
    peer: str
    table: str
    match: Mapping[str, object]


_SMALL: Final = 0.1
SHORT: Final = (
    Short("`Value`: building 100,000 nodes", "micrograd", "values", {"phase": "build"}),
    Short("`Value`: backward through them", "micrograd", "values", {"phase": "backward"}),
    Short("`mgraph run --engine value` on a JSON file of a million nodes",
          "`json.load` + `json.dump` of the same files", "big", {"beside": "json.dump"}),
    Short("`step` on a random graph of a million nodes", "a tape in C, `gcc -O3`",
          "tape", {"graph": "random, step"}),
    Short("the same in exact math", "the same with the C library's `tanh`", "exact",
          {"work": "step, 1,000,000 nodes"}),
    Short("`step` on micrograd's demo, one step of training, 65,818 nodes", "micrograd",
          "demo", {"side": "mgraph, flat", "beside": "micrograd, flat"}),
    Short("`batch` of 100,000 rows, 1,000 nodes, all gradients, one core",
          "{beside}, the fastest other library", "batch",
          {"graph": "random", "is_best_peer": True}),
    Short("`batch` on a 64-32-10 network over 1,797 rows, sums of all gradients, one core",
          "PyTorch, vectorised", "wide", {"task": "digits", "beside": "PyTorch"}),
    Short("the same in batches of 32", "PyTorch, vectorised", "wide",
          {"task": "digits, batches of 32", "beside": "PyTorch"}),
    Short("`batch` on a 4-16-3 network over 150 rows, sums of all gradients, one core",
          "JAX, one jitted step", "wide", {"task": "iris", "beside": "JAX"}),
    Short("exact sums of all gradients, 1,000 nodes", "sums by NumPy, which are rounded", "sums",
          {"graph": "random, 1,000 nodes"}),
    Short("`mgraph.rows.mapper` on a neuron, Arrow record batches", "`batch` alone", "mapper",
          {"graph": "neuron", "math": "libm"}),
    Short("`mgraph replay` with two workers", "with one", "replay", {"workers": 2}),
)  # fmt: skip
"""Ratios of mgraph's time to the peer's; what was not measured is left out."""


def publish(tables: Mapping[str, StoredTable]) -> None:
    """Write the pages, the plots, and the README's part between its two marks."""
    draw(PICTURE, tables)
    PAGE.write_text(page(tables), encoding="utf-8")
    ACCURACY.write_text(accuracy_page(tables["accuracy"]), encoding="utf-8")
    README.write_text(with_part(README.read_text(encoding="utf-8"), tables), encoding="utf-8")


def page(tables: Mapping[str, StoredTable]) -> str:
    """Return docs/benchmarks.md."""
    engines = ", ".join(title.replace("`", "") for title, _ in ENGINES.values())
    picture = _PICTURE.format(engines=engines)
    return "\n".join([_INTRO, picture, *(table.text for table in tables.values())])


def with_part(readme: str, tables: Mapping[str, StoredTable]) -> str:
    """Return the README with its short table.

    Raises:
        ValueError: The README lacks the marks.
    """
    before, _, rest = readme.partition(START)
    _, end, after = rest.partition(END)
    if not end:
        message = f"README.md lacks the lines {START!r} and {END!r}"
        raise ValueError(message)
    return "".join([before, START, *part(tables), END, after])


def part(tables: Mapping[str, StoredTable]) -> Iterator[str]:
    """Yield the README's part."""
    yield "\n| mgraph | compared with | time ratio |\n|---|---|---:|\n"
    yield from (f"| {' | '.join(row)} |\n" for row in _short_rows(tables))
    dates = sorted(table.date for table in tables.values())
    when = " to ".join(dict.fromkeys([dates[0], dates[-1]]))
    yield f"\nBelow 1, mgraph is faster. Measured on {when}: {'; '.join(_environments(tables))}.\n"
    yield "[All tables](docs/benchmarks.md), with their commands.\n\n"


def _environments(tables: Mapping[str, StoredTable]) -> Iterator[str]:
    """Yield versions, each with all machines on which tables were measured with them."""
    machines: dict[str, dict[str, None]] = {}
    for table in tables.values():
        versions, _, machine = table.environment.partition(SEPARATOR)
        machines.setdefault(versions, {})[machine] = None
    yield from (versions + SEPARATOR + ", or ".join(names) for versions, names in machines.items())


def _short_rows(tables: Mapping[str, StoredTable]) -> Iterator[tuple[str, str, str]]:
    for short in SHORT:
        for figure in figures_for(short, tables):
            texts = short.what.format(**figure), short.peer.format(**figure)
            digits = ".2f" if figure["ratio"] >= _SMALL else ".2g"
            yield *texts, format(figure["ratio"], digits)


def figures_for(short: Short, tables: Mapping[str, StoredTable]) -> Iterator[dict[str, Any]]:
    """Yield the figure for a row of the README's table, if it was measured."""
    for figure in tables[short.table].figures if short.table in tables else ():
        if short.match.items() <= figure.items():
            yield figure
