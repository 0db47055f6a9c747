"""`python -m benchmarks [--quick] [NAME…]`."""

from __future__ import annotations

import argparse
import subprocess
import sys
from importlib import import_module

from benchmarks.measure import ROOT
from benchmarks.report import print_heading

TABLES = ("startup", "values", "big", "chain", "tape", "view")


def main() -> int:
    """Print the tables asked for, each made in a process of its own: none inherits a heap."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(TABLES)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds")
    asked = parser.parse_args()
    if unknown := [name for name in asked.names if name not in TABLES]:
        parser.error(f"no table is called {', '.join(unknown)}; there are {', '.join(TABLES)}")
    names = asked.names or list(TABLES)
    if len(names) == 1:
        print_table(names[0], quick=asked.quick)
        return 0
    option = ["--quick"] if asked.quick else []
    command = [sys.executable, "-m", "benchmarks", *option]
    return max(subprocess.run([*command, name], cwd=ROOT, check=False).returncode for name in names)


def print_table(name: str, *, quick: bool) -> None:
    """Make one table and print it under its heading."""
    module = import_module(f"benchmarks.{name}")
    print_heading(name, module.__doc__ or "", quick=quick)
    for line in module.lines(quick=quick):
        print(line, flush=True)
    print()


if __name__ == "__main__":
    sys.exit(main())
