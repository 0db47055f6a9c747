"""Measure, print the tables as Markdown, and keep and draw what was measured.

`--docs` brings benchmarks/figures.json, docs/benchmarks.md, its pictures and the README's table up
to date; with `--from benchmarks/figures.json` it does so without measuring.
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
from benchmarks.report import heading, place, today

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TABLES: Final = (
    "startup",
    "values",
    "big",
    "packed",
    "golden",
    "chain",
    "tape",
    "accuracy",
    "peers",
    "demo",
    "batch",
    "view",
    "verbs",
)


def main() -> int:
    """Print the tables asked for, each made in a process of its own: none inherits a heap."""
    asked = _asked()
    if asked.source:
        for made in _in_order(store.load(asked.source)).values():
            print(made.text)
        return _publish(asked, asked.source)
    with tempfile.TemporaryDirectory() as folder:
        kept = asked.json or (page.FIGURES if asked.docs else Path(folder) / "tables.json")
        status = _make(asked.names or TABLES, kept, quick=asked.quick)
        return status or _publish(asked, kept)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(TABLES)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds")
    parser.add_argument("--json", type=_path, metavar="FILE", help="keep tables and figures there")
    parser.add_argument("--from", dest="source", type=_path, metavar="FILE",
                        help="measure nothing: take what --json kept")  # fmt: skip
    parser.add_argument("--plot", type=_path, metavar="FILE.png", help="draw the table peers")
    parser.add_argument("--docs", action="store_true", help="bring the documentation up to date")
    asked = parser.parse_args()
    if unknown := [name for name in asked.names if name not in TABLES]:
        parser.error(f"no table is called {', '.join(unknown)}; there are {', '.join(TABLES)}")
    if asked.source and (asked.names or asked.quick or asked.json):
        parser.error("--from measures nothing, so it takes no names, --quick or --json")
    if asked.source and not asked.source.exists():
        parser.error(f"there is no {asked.source}")
    return asked


def _path(text: str) -> Path:
    return Path(text).absolute()


def _in_order(tables: dict[str, store.Made]) -> dict[str, store.Made]:
    return {name: tables[name] for name in TABLES if name in tables}


def _make(names: Sequence[str], kept: Path, *, quick: bool) -> int:
    """Make tables and keep them; return the exit status."""
    if len(names) == 1:
        _print_table(names[0], kept, quick=quick)
        return 0
    options = ["--json", str(kept), *(["--quick"] if quick else [])]
    command = [sys.executable, "-m", "benchmarks", *options]
    return max(subprocess.run([*command, name], cwd=ROOT, check=False).returncode for name in names)


def _print_table(name: str, kept: Path, *, quick: bool) -> None:
    """Make one table, and print it under its heading while it grows."""
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
    store.save(kept, name, store.Made("\n".join(text) + "\n", figures, today(), place()))


def _publish(asked: argparse.Namespace, kept: Path) -> int:
    """Draw and write what was asked for."""
    tables = _in_order(store.load(kept))
    if asked.plot:
        plot.draw(asked.plot, tables)
    if asked.docs:
        page.publish(tables)
    return 0


if __name__ == "__main__":
    sys.exit(main())
