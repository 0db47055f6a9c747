"""Try mutants of mgraph, and say how many the tests notice.

    python -m tests.mutants --json FILE [--seed 1] [--count 150] [--root DIR] [--base DIR]
    python -m tests.mutants --compare BEFORE AFTER

`--root` is the checkout that is tried, this one if not given. With `--base`, the mutants are drawn
in that checkout, an earlier one, and found again in `--root`; in the place of those that are gone,
new code's are drawn. FILE keeps what was tried: the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tests.mutants.packages import PACKAGES, package_of, tests_of
from tests.mutants.pairing import drawn, is_new, keys_of, pairs, sites_of
from tests.mutants.rates import Outcome, compared, summary
from tests.mutants.trial import LIMIT, Copy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.mutants.sites import Site

ROOT: Final = Path(__file__).parents[2]


class Chosen(NamedTuple):
    """A mutant to try.

    Attributes:
        number: Which it is of its package's, in the order drawn: `format 3`; the same in a later
            checkout, where `format new 1` is drawn of new code.
        package: The package that it was drawn for.
        site: Where it is in the checkout tried; None if it is gone.
    """

    number: str
    package: str
    site: Site | None


def chosen(root: Path, base: Path | None, seed: int, count: int) -> list[Chosen]:
    """Draw mutants, as many of each package, the packages taking turns."""
    here = sites_of(root)
    there = sites_of(base) if base else here
    share = count // len(PACKAGES)
    first = {package: [*islice(lots, share)] for package, lots in drawn(there, seed).items()}
    wanted = [site for some in first.values() for site in some]
    found = pairs(wanted, here) if base else {site: site for site in wanted}
    turns = [
        Chosen(f"{package} {i + 1}", package, found.get(sites[i]))
        for i in range(share)
        for package, sites in first.items()
        if i < len(sites)
    ]
    return [*turns, *_new(here, there, seed, turns)] if base else turns


def _new(
    here: Sequence[Site], there: Sequence[Site], seed: int, turns: Sequence[Chosen]
) -> Iterator[Chosen]:
    """Draw, in the place of mutants that are gone, some of code that the earlier checkout lacks."""
    known = keys_of(there)
    fresh = drawn((site for site in here if is_new(site, known)), seed)
    for package, lots in fresh.items():
        gone = sum(turn.package == package and turn.site is None for turn in turns)
        for i, site in enumerate(islice(lots, gone)):
            yield Chosen(f"{package} new {i + 1}", package, site)


def try_all(mutants: Sequence[Chosen], root: Path, kept: Path) -> None:
    """Try those that FILE does not have yet, and keep each outcome at once."""
    tried: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    with tempfile.TemporaryDirectory(prefix="mgraph-mutants-") as folder:
        copy = Copy(root, Path(folder))
        for package in PACKAGES:
            if f"{package} 0" not in tried:
                tried[f"{package} 0"] = _baseline(copy, package)
                _keep(tried, kept)
        for number, package, site in mutants:
            if number not in tried:
                tried[number] = _described(copy, site, package) | _outcome(copy, site, package)
                _keep(tried, kept)
                say(f"{number}: {tried[number]['outcome']} {tried[number].get('killer', '')}")


def _baseline(copy: Copy, package: str) -> dict[str, Any]:
    """Run a package's tests on the code as it is.

    Raises:
        SystemExit: One fails, or they take so long that a slow mutant seems to hang.
    """
    tests = tests_of(package, copy.root)
    outcome, killer, seconds = copy.baseline(tests)
    say(f"{package}, nothing mutated: {outcome} {killer}, {seconds} s, {' '.join(tests)}")
    if outcome is not Outcome.SURVIVED or seconds > LIMIT * 0.9:
        raise SystemExit(f"the tests of {package} cannot be used")
    return {"package": package, "tests": tests, "seconds": seconds}


def _described(copy: Copy, site: Site | None, package: str) -> dict[str, Any]:
    if site is None:
        return {"package": package}
    return {
        "package": package, "path": site.unit.path, "line": site.line, "unit": site.unit.name,
        "operator": site.operator, "diff": site.diff((copy.root / site.unit.path).read_bytes()),
    }  # fmt: skip


def _outcome(copy: Copy, site: Site | None, package: str) -> dict[str, Any]:
    """Try a mutant, with the tests of the package that it lies in now, if that is one of them."""
    if site is None:
        return {"outcome": Outcome.GONE}
    return copy.trial(site, tests_of(package_of(site.unit.path) or package, copy.root))._asdict()


def _keep(tried: dict[str, Any], kept: Path) -> None:
    kept.write_text(json.dumps(tried, indent=1, ensure_ascii=False) + "\n")


def say(*lines: str) -> None:
    """Print, also into a pipe, at once."""
    for line in lines:
        print(line, flush=True)  # noqa: T201 - this is a command


def main() -> int:
    """Try mutants, or compare what was kept."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="where outcomes are kept")
    parser.add_argument("--seed", type=int, default=1, help="of the lots (1)")
    parser.add_argument("--count", type=int, default=150, help="how many mutants (150)")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout that is tried")
    parser.add_argument("--base", type=Path, help="the checkout that mutants are drawn in")
    parser.add_argument("--compare", type=Path, nargs=2, metavar="FILE", help="two outcomes")
    asked = parser.parse_args()
    if asked.compare:
        say(*compared(*(json.loads(path.read_text()) for path in asked.compare)))
    elif asked.json:
        mutants = chosen(asked.root, asked.base, asked.seed, asked.count)
        try_all(mutants, asked.root.resolve(), asked.json)
        say(*summary(json.loads(asked.json.read_text())))
    else:
        parser.error("give --json or --compare")
    return 0


if __name__ == "__main__":
    sys.exit(main())
