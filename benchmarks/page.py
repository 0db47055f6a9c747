"""The documentation of what was measured: docs/benchmarks.md, its picture, the README's table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchmarks.measure import ROOT
from benchmarks.peers import ENGINES
from benchmarks.plot import draw

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.store import Made

FIGURES: Final = ROOT / "benchmarks" / "figures.json"
PICTURE: Final = ROOT / "docs" / "benchmarks.png"
PAGE: Final = ROOT / "docs" / "benchmarks.md"
README: Final = ROOT / "README.md"

START: Final = "<!-- python -m benchmarks --docs writes this -->\n"
END: Final = "<!-- end of the generated part -->\n"
_PICTURE: Final = """<picture>
<source media="(prefers-color-scheme: dark)" srcset="{folder}benchmarks-dark.png">
<img alt="Seconds for one forward and backward run of a random graph against its number of nodes: \
{engines}" src="{folder}benchmarks.png">
</picture>
"""

_INTRO: Final = """# Benchmarks

Written by `python -m benchmarks --docs`, after `pip install --editable '.[bench]'` and `pip install
torch`; what is not installed is left blank. Times are wall time. Sides that take turns are
disturbed alike by whatever else the machine does; a ratio is the median over pairs of neighbours.
"""


class Short(NamedTuple):
    """A line of the README's table.

    Attributes:
        what: What mgraph does.
        beside: What it is compared with; its braces name fields of the figure.
        table: Where the figure is.
        match: Fields of the figure that are known.
    """

    what: str
    beside: str
    table: str
    match: Mapping[str, object]


_SMALL: Final = 0.1
_START_UP: Final = "`mgraph run fixtures/neuron.json`, whole process"
_RUN: Final = "`mgraph run big.json -o out.json --engine value`, a million nodes"
_BUILD: Final = "`Value`: building 100,000 nodes"
_BACKWARD: Final = "`Value`: backward through them"
_TAPE: Final = "tape: forward + backward, a million nodes, {graph}"
_C: Final = "a tape in C, `gcc -O3 -march=native`"
_FLAT: Final = "micrograd's demo, a step of training with 65,818 nodes: `step`"
_ROWS: Final = "the same, one point's graph over 100 rows: `batch`"
_MANY: Final = "`batch`, 1,000 nodes, 100,000 rows, every gradient, one core"
_NEURON: Final = "the same, a neuron of 10 nodes"
_BLOCKS: Final = "blocks of rows in C, with glibc's vector tanh"

SHORT: Final = (
    Short(_START_UP, "importing click, jiter, msgpack and building the pydantic models", "startup",
          {"beside": "the floor: the libraries and the pydantic model"}),
    Short(_START_UP, "importing click, jiter and msgpack only", "startup",
          {"beside": "`import click, jiter, msgpack`"}),
    Short(_BUILD, "micrograd", "values", {"phase": "build"}),
    Short(_BACKWARD, "micrograd", "values", {"phase": "backward"}),
    Short(_RUN, "`json.load` + `json.dump` of these files", "big", {"beside": "json.dump"}),
    Short("peak memory of that", "`json.load`", "big", {"beside": "memory"}),
    *(Short(_TAPE, _C, "tape", {"graph": f"{graph}{math}"})
      for graph in ("random", "chain") for math in (", single run", ", step", ", step, vectors")),
    Short(_FLAT, "the tape in C", "demo", {"side": "mgraph, flat", "beside": "C, flat"}),
    Short(_FLAT, "micrograd", "demo", {"side": "mgraph, flat", "beside": "micrograd, flat"}),
    Short(_ROWS, "PyTorch, vectorised by hand", "demo",
          {"side": "mgraph, rows", "beside": "PyTorch, vectorised"}),
    Short(_MANY, "the best peer, {beside}", "batch", {"graph": "random", "is_best_peer": True}),
    Short(_MANY, _BLOCKS, "batch", {"graph": "random", "beside": "C, blocks"}),
    Short(_NEURON, "JAX", "batch", {"graph": "neuron", "beside": "JAX"}),
    Short(_NEURON, _BLOCKS, "batch", {"graph": "neuron", "beside": "C, blocks"}),
)  # fmt: skip
"""Ratios of mgraph's time, or memory; what was not measured is left out."""


def publish(tables: Mapping[str, Made]) -> None:
    """Write the page and the pictures, and the README's part between its two marks."""
    draw(PICTURE, tables)
    PAGE.write_text(page(tables), encoding="utf-8")
    README.write_text(with_part(README.read_text(encoding="utf-8"), tables), encoding="utf-8")


def page(tables: Mapping[str, Made]) -> str:
    """Return docs/benchmarks.md."""
    return "\n".join([_INTRO, picture(""), *(table.text for table in tables.values())])


def with_part(readme: str, tables: Mapping[str, Made]) -> str:
    """Return the README with its picture and short table.

    Raises:
        ValueError: Its marks are gone.
    """
    before, _, rest = readme.partition(START)
    _, end, after = rest.partition(END)
    if not end:
        message = f"README.md lacks the lines {START!r} and {END!r}"
        raise ValueError(message)
    return "".join([before, START, *part(tables), END, after])


def part(tables: Mapping[str, Made]) -> Iterator[str]:
    """Yield what the README says."""
    yield f"\n{picture('docs/')}\n"
    dates = sorted(table.date for table in tables.values())
    when = " to ".join(dict.fromkeys([dates[0], dates[-1]]))
    yield f"Measured on {when} with `python -m benchmarks` (extra `bench`):\n"
    places = "; ".join(dict.fromkeys(table.place for table in tables.values()))
    yield f"{places}. Below 1, mgraph is faster. [All tables](docs/benchmarks.md).\n\n"
    yield "| what | beside | ratio |\n|---|---|---:|\n"
    yield from (f"| {' | '.join(row)} |\n" for row in _short_rows(tables))
    yield "\n"


def _short_rows(tables: Mapping[str, Made]) -> Iterator[tuple[str, str, str]]:
    for short in SHORT:
        for figure in figures_for(short, tables):
            texts = short.what.format(**figure), short.beside.format(**figure)
            digits = ".2f" if figure["ratio"] >= _SMALL else ".2g"
            yield *texts, format(figure["ratio"], digits)


def figures_for(short: Short, tables: Mapping[str, Made]) -> Iterator[dict[str, Any]]:
    """Yield the figure of a line of the README's table, if it was measured."""
    for figure in tables[short.table].figures if short.table in tables else ():
        if short.match.items() <= figure.items():
            yield figure


def picture(folder: str) -> str:
    """Return the HTML that shows the picture for the reader's background."""
    engines = ", ".join(title.replace("`", "") for title, _ in ENGINES.values())
    return _PICTURE.format(folder=folder, engines=engines)
