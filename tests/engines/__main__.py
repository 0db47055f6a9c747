"""Grade the mutants: how many the pack catches, and how many causes are named rightly.

    python -m tests.engines              all mutants, the whole pack
    python -m tests.engines --quick      all mutants, `mgraph grade --quick`, and no diagnosis
    python -m tests.engines tanh         mutants with that in their name; held-out ones never
    python -m tests.engines --choose     choose the quick part anew, and write mgraph/grade/quick.py

The diagnosis was built on two thirds of the mutants. Of the held-out third only the score is
printed, so that it stays a third that nobody has looked at.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mgraph.grade.cases import Case, cases_of, golden_set
from mgraph.grade.processes import PythonEngine, ResourceLimits
from mgraph.grade.quick_set import QUICK
from mgraph.grade.runner import make_report, run_python_engine
from tests.engines.mutants import MUTANTS, Mutant, is_held_out, mutated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mgraph.grade.outcomes import Outcome

QUICK_FILE = Path(__file__).parents[2] / "mgraph" / "grade" / "quick.py"


class Score(NamedTuple):
    """What came out for one mutant.

    Attributes:
        mutant: The mutant.
        caught: The cases that failed: names of files, and runs.
        causes: What was named: cause, op, sentence.
    """

    mutant: Mutant
    caught: tuple[tuple[str, int], ...]
    causes: tuple[tuple[str, str, str], ...]

    @property
    def is_right(self) -> bool:
        """Whether something was named, and nothing wrong."""
        return bool(self.causes) and all(cause in self.mutant.causes for cause, *_ in self.causes)


@cache
def cases() -> tuple[Case, ...]:
    """Return the whole pack."""
    return tuple(cases_of([str(golden_set())]))


def outcomes(mutant: Mutant, chosen: Sequence[tuple[str, int]] | None = None) -> Iterator[Outcome]:
    """Run a mutant on the whole pack, or on a part of it."""
    some = [case for case in cases() if chosen is None or key(case) in chosen]
    with tempfile.TemporaryDirectory() as folder:
        engine = Path(folder, "mutant.py")
        engine.write_text(mutated(mutant), encoding="utf-8")
        yield from run_python_engine(
            some, PythonEngine(f"{engine}:Value", {}, "", ResourceLimits(5.0))
        )


def graded(mutant: Mutant, chosen: Sequence[tuple[str, int]] | None = None) -> Score:
    """Grade a mutant on the whole pack, or on a part of it."""
    found = make_report({}, list(outcomes(mutant, chosen)))
    caught = tuple(key(each.case) for each in found.outcomes if each.failed)
    return Score(mutant, caught, tuple((each.id, each.op, each.says) for each in found.causes))


def quickly(mutant: Mutant) -> Score:
    """Find the first run of the quick part that catches a mutant."""
    for each in outcomes(mutant, QUICK):
        if each.failed:
            return Score(mutant, (key(each.case),), ())
    return Score(mutant, (), ())


def key(case: Case) -> tuple[str, int]:
    """Return how a case of the pack is named."""
    return Path(case.file).name, case.run


def scores(mutants: Sequence[Mutant], *, quick: bool = False) -> Iterator[Score]:
    """Grade mutants, several at once."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(quickly if quick else graded, mutants, chunksize=4)


def smallest(found: Sequence[Score]) -> list[tuple[str, int]]:
    """Return the fewest cases that catch every mutant; proven by integer programming."""
    import numpy as np  # noqa: PLC0415 - only to choose
    from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415

    names = [key(case) for case in cases()]
    catches = np.array([[name in score.caught for name in names] for score in found], dtype=float)
    solved = milp(
        np.ones(len(names)),
        constraints=LinearConstraint(catches, lb=1.0),
        integrality=np.ones(len(names)),
        bounds=Bounds(0.0, 1.0),
    )
    assert solved.success, solved.message
    return [name for name, is_in in zip(names, solved.x, strict=True) if is_in > 0.5]


def choose(found: Sequence[Score]) -> None:
    """Write the smallest part; what shows only among other cases gets one more of its own."""
    chosen = smallest(found)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        while True:
            again = pool.map(graded, [each.mutant for each in found], [chosen] * len(found))
            missed = [old for old, new in zip(found, again, strict=True) if not new.caught]
            print(f"{len(chosen)} cases, {len(missed)} mutants missed", flush=True)
            if not missed:
                break
            extra = [name for name in missed[0].caught if name not in chosen]
            chosen = [key(case) for case in cases() if key(case) in (*chosen, *extra[:1])]
    text = QUICK_FILE.read_text(encoding="utf-8")
    before, _, after = text.partition("QUICK: Final")
    after = after[after.index('"""') :]
    rows = "".join(f'    ("{name}", {run}),\n' for name, run in chosen)
    head = f"QUICK: Final[tuple[tuple[str, int], ...]] = (\n{rows})\n"
    QUICK_FILE.write_text(f"{before}{head}{after}", encoding="utf-8")


def summary(found: Iterable[Score], what: str) -> str:
    """Return one line: how many were caught, and named rightly."""
    found = list(found)
    caught = sum(bool(each.caught) for each in found)
    right = sum(each.is_right for each in found)
    return (
        f"{what}: {len(found)} mutants, {caught} caught ({caught / len(found):.1%}), "
        f"cause right for {right} ({right / len(found):.1%})"
    )


def main() -> int:
    """Print the score; exit 1 if a mutant escapes."""
    parser = argparse.ArgumentParser(prog="python -m tests.engines", description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of names of mutants")
    parser.add_argument("--quick", action="store_true", help="the quick part of the pack")
    parser.add_argument("--choose", action="store_true", help="choose the quick part anew")
    asked = parser.parse_args()
    wanted = [
        each
        for each in MUTANTS
        if not asked.names
        or (not is_held_out(each.name) and any(name in each.name for name in asked.names))
    ]
    found = []
    for score in scores(wanted, quick=asked.quick):
        found.append(score)
        held_out = is_held_out(score.mutant.name)
        if not score.caught:
            print(f"{score.mutant.name}: MISSED")
        elif not held_out and not asked.quick and (asked.names or not score.is_right):
            print(f"{score.mutant.name}: {score.mutant.causes}, named {score.causes}")
    if asked.choose:
        choose(found)
    if asked.quick:
        caught = sum(bool(each.caught) for each in found)
        print(f"{len(found)} mutants, {caught} caught by the quick part of {len(QUICK)} runs")
    elif not asked.names:
        print(summary((each for each in found if not is_held_out(each.mutant.name)), "built on"))
        print(summary((each for each in found if is_held_out(each.mutant.name)), "held out"))
    return 0 if all(each.caught for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
