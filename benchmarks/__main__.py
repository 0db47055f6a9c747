"""Measure, print the tables as Markdown, and store and plot the figures.

`--docs` updates benchmarks/figures.json, docs/benchmarks.md, its pictures, docs/accuracy.md and the
README's table; with `--from benchmarks/figures.json` it updates them without measuring.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks import page, plot, store
from benchmarks.measure import ROOT
from benchmarks.report import environment, heading, today

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TABLES: Final = (
    "startup",
    "values",
    "big",
    "packed",
    "derive",
    "golden",
    "chain",
    "tape",
    "accuracy",
    "exact",
    "peers",
    "demo",
    "batch",
    "wide",
    "sums",
    "mapper",
    "replay",
    "cluster",
    "training",
    "view",
    "documents",
    "database",
    "serve",
    "exporting",
    "importing",
    "busy",
    "inference",
    "commands",
)


def main() -> int:
    """Print the requested tables, each from its own process, so that none inherits a heap."""
    options = _options()
    if options.source:
        for table in _in_order(store.load(options.source)).values():
            print(table.text)
        return _publish(options, options.source)
    with tempfile.TemporaryDirectory() as folder:
        stored = options.json or (page.FIGURES if options.docs else Path(folder) / "tables.json")
        status = _measure(options.names or TABLES, stored, quick=options.quick)
        return status or _publish(options, stored)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(TABLES)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds")
    parser.add_argument("--json", type=_path, metavar="FILE",
                        help="store tables and figures in this file")  # fmt: skip
    parser.add_argument("--from", dest="source", type=_path, metavar="FILE",
                        help="measure nothing; use what --json has stored")  # fmt: skip
    parser.add_argument("--plot", type=_path, metavar="FILE.png", help="plot the table peers")
    parser.add_argument("--docs", action="store_true", help="update the documentation")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in TABLES]:
        parser.error(f"there is no table {', '.join(unknown)}; the tables are {', '.join(TABLES)}")
    if options.source and (options.names or options.quick or options.json):
        parser.error("--from measures nothing, so it takes no names, --quick or --json")
    if options.source and not options.source.exists():
        parser.error(f"there is no {options.source}")
    return options


def _path(text: str) -> Path:
    return Path(text).absolute()


def _in_order(tables: dict[str, store.StoredTable]) -> dict[str, store.StoredTable]:
    return {name: tables[name] for name in TABLES if name in tables}


def _measure(names: Sequence[str], stored: Path, *, quick: bool) -> int:
    """Measure and store tables; return the exit status."""
    if len(names) == 1:
        _print_table(names[0], stored, quick=quick)
        return 0
    flags = ["--json", str(stored), *(["--quick"] if quick else [])]
    command = [sys.executable, "-m", "benchmarks", *flags]
    return max(subprocess.run([*command, name], cwd=ROOT, check=False).returncode for name in names)


def _print_table(name: str, stored: Path, *, quick: bool) -> None:
    """Measure one table, store it, and print each line as soon as it is there."""
    module = import_module(f"benchmarks.{name}")
    text = []
    figures: list[dict[str, object]] = []

    def lines() -> Iterator[str]:
        yield from heading(name, module.__doc__ or "", quick=quick)
        figures.extend((yield from module.lines(quick=quick)))

    for line in lines():
        print(line, flush=True)
        text.append(line)
    print()
    table = store.StoredTable("\n".join(text) + "\n", figures, today(), environment())
    store.save(stored, name, table)


def _publish(options: argparse.Namespace, stored: Path) -> int:
    """Draw the plot and write the documentation, if asked for."""
    tables = _in_order(store.load(stored))
    if options.plot:
        plot.draw(options.plot, tables)
    if options.docs:
        page.publish(tables)
    return 0


if __name__ == "__main__":
    sys.exit(main())
