"""Grade the mutants: how many does the golden set catch, and how many causes are named rightly?

    python -m tests.engines              all mutants, the whole golden set
    python -m tests.engines --quick      all mutants, `mgraph grade --quick`, and no diagnosis
    python -m tests.engines tanh         mutants with that in their name, except held-out ones
    python -m tests.engines --choose     choose the quick set again, and write
                                         mgraph/grade/quick_set.py

Two thirds of the mutants were used to write the diagnosis. For the held-out third only the score is
printed, so that nobody sees its details.
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

QUICK_FILE = Path(__file__).parents[2] / "mgraph" / "grade" / "quick_set.py"


class Score(NamedTuple):
    """The result for one mutant.

    Attributes:
        mutant: The mutant.
        caught: The cases that failed: file names, and indices of runs.
        causes: The causes that were named: cause, op, sentence.
    """

    mutant: Mutant
    caught: tuple[tuple[str, int], ...]
    causes: tuple[tuple[str, str, str], ...]

    @property
    def is_right(self) -> bool:
        """Whether at least one cause was named, and no wrong one."""
        return bool(self.causes) and all(cause in self.mutant.causes for cause, *_ in self.causes)


@cache
def cases() -> tuple[Case, ...]:
    """Return the cases of the golden set."""
    return tuple(cases_of([str(golden_set())]))


def outcomes(mutant: Mutant, chosen: Sequence[tuple[str, int]] | None = None) -> Iterator[Outcome]:
    """Run a mutant on the golden set, or on chosen cases of it."""
    selected = [case for case in cases() if chosen is None or key(case) in chosen]
    with tempfile.TemporaryDirectory() as folder:
        engine = Path(folder, "mutant.py")
        engine.write_text(mutated(mutant), encoding="utf-8")
        yield from run_python_engine(
            selected, PythonEngine(f"{engine}:Value", {}, "", ResourceLimits(5.0))
        )


def graded(mutant: Mutant, chosen: Sequence[tuple[str, int]] | None = None) -> Score:
    """Grade a mutant on the golden set, or on chosen cases of it."""
    report = make_report({}, list(outcomes(mutant, chosen)))
    caught = tuple(key(outcome.case) for outcome in report.outcomes if outcome.failed)
    return Score(mutant, caught, tuple((cause.id, cause.op, cause.says) for cause in report.causes))


def graded_quickly(mutant: Mutant) -> Score:
    """Find the first run of the quick set that catches a mutant."""
    for outcome in outcomes(mutant, QUICK):
        if outcome.failed:
            return Score(mutant, (key(outcome.case),), ())
    return Score(mutant, (), ())


def key(case: Case) -> tuple[str, int]:
    """Return the file name and run of a case, by which the quick set lists it."""
    return Path(case.file).name, case.run


def scores(mutants: Sequence[Mutant], *, quick: bool = False) -> Iterator[Score]:
    """Grade mutants, several in parallel."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(graded_quickly if quick else graded, mutants, chunksize=4)


def smallest(results: Sequence[Score]) -> list[tuple[str, int]]:
    """Return the fewest cases that catch every mutant, by integer programming."""
    import numpy as np  # noqa: PLC0415 - only to choose
    from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415

    names = [key(case) for case in cases()]
    catches = np.array([[name in score.caught for name in names] for score in results], dtype=float)
    solved = milp(
        np.ones(len(names)),
        constraints=LinearConstraint(catches, lb=1.0),
        integrality=np.ones(len(names)),
        bounds=Bounds(0.0, 1.0),
    )
    assert solved.success, solved.message
    return [name for name, is_in in zip(names, solved.x, strict=True) if is_in > 0.5]


def choose(results: Sequence[Score]) -> None:
    """Write the quick set: the fewest cases, and more for mutants that those miss on their own."""
    chosen = smallest(results)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        while True:
            mutants = [score.mutant for score in results]
            again = pool.map(graded, mutants, [chosen] * len(results))
            missed = [old for old, new in zip(results, again, strict=True) if not new.caught]
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


def summary(results: Iterable[Score], what: str) -> str:
    """Return one line: how many mutants were caught, and for how many the cause is right."""
    results = list(results)
    caught = sum(bool(score.caught) for score in results)
    right = sum(score.is_right for score in results)
    return (
        f"{what}: {len(results)} mutants, {caught} caught ({caught / len(results):.1%}), "
        f"cause right for {right} ({right / len(results):.1%})"
    )


def main() -> int:
    """Print the scores; return 1 if a mutant is not caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.engines", description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of the mutants' names")
    parser.add_argument("--quick", action="store_true", help="only the quick set")
    parser.add_argument("--choose", action="store_true", help="choose the quick set again")
    options = parser.parse_args()
    wanted = [
        mutant
        for mutant in MUTANTS
        if not options.names
        or (not is_held_out(mutant.name) and any(name in mutant.name for name in options.names))
    ]
    results = []
    for score in scores(wanted, quick=options.quick):
        results.append(score)
        is_secret = is_held_out(score.mutant.name)
        if not score.caught:
            print(f"{score.mutant.name}: MISSED")
        elif not is_secret and not options.quick and (options.names or not score.is_right):
            print(f"{score.mutant.name}: {score.mutant.causes}, named {score.causes}")
    if options.choose:
        choose(results)
    if options.quick:
        caught = sum(bool(score.caught) for score in results)
        print(f"{len(results)} mutants, {caught} caught by the quick set of {len(QUICK)} runs")
    elif not options.names:
        held_out = [score for score in results if is_held_out(score.mutant.name)]
        others = [score for score in results if not is_held_out(score.mutant.name)]
        print(summary(others, "used to write the diagnosis"))
        print(summary(held_out, "held out"))
    return 0 if all(score.caught for score in results) else 1


if __name__ == "__main__":
    sys.exit(main())
