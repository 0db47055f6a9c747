"""Shows what is false of all that is said if no hypothesis describes an engine's mistake.

    python -m tests.engines.ablation                     every 20th mistake, of engines not held out
    python -m tests.engines.ablation --each 5            every fifth
    python -m tests.engines.ablation --whole --each 1    all that concern no single op
    python -m tests.engines.ablation --keep FOLDER       keep the outcomes, to diagnose them again
    python -m tests.engines.ablation kahn order          mistakes with these words in their names

Each engine is run once, and diagnosed twice: as it is, and without the hypotheses that yield one of
the causes that are true of its mistake. What is said then and isn't true is printed, with how many
failures the causes explain. What holds in other words is not: a factor of -1 is a wrong sign. What
crashes and leaves show is not left out: no hypothesis is needed for that.
"""

from __future__ import annotations

import argparse
import pickle
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from mgraph.grade.processes import EndedError
from mgraph.grade.runner import make_report, run_python_engine
from tests.engines.__main__ import cases
from tests.engines.population import FOLDER, STRANGERS, Score, caught, engine_of, people, singles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mgraph.grade.outcomes import Outcome
    from tests.engines.population import Mistake, Trial

DIAGNOSIS: Final = "mgraph.grade.diagnosis"
OP_RULES: Final = "mgraph.grade.op_rules"
WEAK: Final = ("has a wrong local derivative", "gives a wrong value", "computes another function")
"""What is true of an op whatever its mistake is."""


def outcomes(trial: Trial) -> list[Outcome]:
    """Run an engine with its mistakes; return nothing if it can't be run."""
    with engine_of(trial) as engine:
        try:
            engine.start()
        except EndedError:
            return []
        ran = [*run_python_engine(cases(), engine)]
        return [] if engine.problem else ran


def kept(trial: Trial, folder: Path | None) -> list[Outcome]:
    """Return the outcomes of an engine, from a folder if they are there."""
    if folder is None:
        return outcomes(trial)
    path = folder / f"{trial.name}.pickle"
    if not path.exists():
        path.write_bytes(pickle.dumps(outcomes(trial)))
    loaded: list[Outcome] = pickle.loads(path.read_bytes())  # noqa: S301 - our own
    return loaded


@contextmanager
def without(mistake: Mistake) -> Iterator[None]:
    """Leave out the hypotheses that are true of a mistake."""

    def is_true(cause: str, op: str) -> bool:
        return cause in mistake.causes and (not op or op in mistake.ops)

    def passes(yields: Callable[..., Iterable[Any]]) -> Callable[..., Iterator[Any]]:
        return lambda *args, **named: (
            each for each in yields(*args, **named) if not is_true(each.cause, each.op)
        )

    def of_op(yields: Callable[..., Iterable[Any]]) -> Callable[..., Iterator[Any]]:
        return lambda op, *args: (
            each for each in yields(op, *args) if not is_true(each.cause, op)
        )  # fmt: skip

    with ExitStack() as stack:
        for module, name, filtered in (
            (DIAGNOSIS, "whole_passes", passes),
            (DIAGNOSIS, "passes_of_op", passes),
            (DIAGNOSIS, "partial_mistakes", of_op),
            (OP_RULES, "partial_mistakes", of_op),
            (OP_RULES, "value_mistakes", of_op),
        ):
            own = getattr(sys.modules[module], name)
            stack.enter_context(patch(f"{module}.{name}", filtered(own)))
        yield


def named(trial: Trial, ran: list[Outcome]) -> tuple[Score, dict[str, int]]:
    """Diagnose outcomes; return also how many failures each sentence explains."""
    report = make_report({}, ran)
    causes = tuple((cause.id, cause.op, cause.sentence) for cause in report.causes)
    counts = {cause.sentence: len(cause.cases) for cause in report.causes}
    return Score(trial, caught(trial, report.as_json()), causes, is_same=True), counts


def holds(mistake: Mistake, cause: str, op: str, says: str) -> bool:
    """Whether what is said is true in other words, or of a part of what is wrong.

    A factor of -1 is a wrong sign, as is the other local derivative of sub. If all ops are wrong,
    each of them is.
    """
    if op in mistake.ops and any(words in says for words in WEAK):
        return True
    if "sign" in mistake.causes and (" -1 times " in says or (cause, op) == ("swapped", "sub")):
        return op in mistake.ops
    return cause in mistake.causes and not mistake.ops


def main() -> int:
    """Print what is false, and the counts."""
    parser = argparse.ArgumentParser(prog="python -m tests.engines.ablation", description=__doc__)
    parser.add_argument("words", nargs="*", help="words that an engine's or mistake's name has")
    parser.add_argument("--each", type=int, default=20, metavar="N", help="every Nth mistake")
    parser.add_argument("--whole", action="store_true", help="only mistakes of no single op")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the outcomes in a folder")
    options = parser.parse_args()
    chosen = [
        trial
        for folder in (FOLDER, STRANGERS)
        for trial in singles(person for person in people(folder) if not person.is_held_out)
        if trial.mistakes and all(word in trial.name for word in options.words)
        if not (options.whole and trial.mistakes[0].ops)
    ][:: options.each]
    right = false = 0
    for trial in chosen:
        ran = kept(trial, options.keep)
        right += named(trial, ran)[0].is_right
        with without(trial.mistakes[0]):
            score, counts = named(trial, ran)
        wrong = [each for each in score.false if not holds(trial.mistakes[0], *each)]
        false += bool(wrong)
        for cause, op, says in wrong:
            print(f"{trial.name}: FALSE {cause} {op}: {says} ({counts[says]} failures)", flush=True)
    print(f"{len(chosen)} mistakes, {right} right; without their hypotheses, {false} false")
    return 0


if __name__ == "__main__":
    sys.exit(main())
