"""Grade engines as different people write them, right and with their mistakes.

    python -m tests.engines.population                   every engine and mistake, except held out
    python -m tests.engines.population --held-out        those that were not used for the diagnosis
    python -m tests.engines.population --all             both, as a table by group
    python -m tests.engines.population --pairs 400       seeded pairs of mistakes in one engine
    python -m tests.engines.population --unusual         mistakes that hardly anyone makes
    python -m tests.engines.population --further         more usual mistakes
    python -m tests.engines.population --others          engines written after the diagnosis
    python -m tests.engines.population --strangers       engines written after it by strangers to it
    python -m tests.engines.population kahn tanh         mistakes with these words in their names

The engines, the mistakes and the labels were made by people who had not seen the diagnosis, except
for the unusual and the further ones, and the other engines; the strangers' came last. Of engines
that are held out only counts are printed. Each engine is graded twice, to see whether the reports
are the same.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import tomllib
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mgraph.grade.processes import EndedError, PythonEngine, ResourceLimits
from mgraph.grade.runner import make_report, run_python_engine
from tests.engines.__main__ import cases

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

FOLDER: Final = Path(__file__).with_name("people")
OTHERS: Final = Path(__file__).with_name("others")
STRANGERS: Final = Path(__file__).with_name("strangers")
UNUSUAL: Final = Path(__file__).with_name("unusual.toml")
FURTHER: Final = Path(__file__).with_name("further.toml")
HELD_OUT: Final = (
    "dependency_list",
    "entity_systems",
    "evening_class",
    "module_tape",
    "ready_queue",
    "unary_binary_factories",
    "wengert_registry",
)
"""Strangers' engines that are held out: they were graded once, and not used for the diagnosis."""

SEED: Final = 2026
FINE: Final = ("ok", "unsupported", "differing convention")
NO_NUMBERS: Final = ("interface",)
"""Mistakes beside which no other can be seen."""


@dataclass(frozen=True)
class Mistake:
    """A mistake in an engine.

    Attributes:
        name: Its name, unique within the engine.
        causes: The causes that are true of it, the best one first.
        ops: The ops that are really wrong; empty if it is the pass as a whole.
        edits: What to replace, by what, and how often it must occur.
    """

    name: str
    causes: tuple[str, ...]
    ops: tuple[str, ...]
    edits: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True)
class Person:
    """An engine, and its mistakes.

    Attributes:
        name: The name of its file.
        source: The right engine.
        kind: The name of its class.
        known: Causes that are true of the right engine.
        mistakes: Its mistakes.
    """

    name: str
    source: str
    kind: str
    known: tuple[str, ...]
    mistakes: tuple[Mistake, ...]

    @property
    def is_held_out(self) -> bool:
        """Whether the engine is kept for the final measurement."""
        return self.name in HELD_OUT

    def with_(self, mistakes: Iterable[Mistake]) -> str:
        """Return the source with some mistakes in it.

        Raises:
            ValueError: If an edit doesn't apply.
        """
        source = self.source
        for mistake in mistakes:
            for old, new, count in mistake.edits:
                if source.count(old) != count:
                    message = f"{self.name}, {mistake.name}: {old!r} isn't there {count} times"
                    raise ValueError(message)
                source = source.replace(old, new)
        return source


class Trial(NamedTuple):
    """An engine with some mistakes; without any it is right."""

    person: Person
    mistakes: tuple[Mistake, ...]

    @property
    def name(self) -> str:
        """The engine and its mistakes."""
        return " ".join((self.person.name, *(mistake.name for mistake in self.mistakes)))


class Score(NamedTuple):
    """What the grader said of an engine.

    Attributes:
        trial: The engine.
        is_caught: Whether something failed, beside what even the right engine is known for.
        named: The causes named, with their ops and sentences.
        is_same: Whether a second report was the same.
        hidden: Unnamed mistakes without which the engine gives the same numbers and errors.
    """

    trial: Trial
    is_caught: bool
    named: tuple[tuple[str, str, str], ...]
    is_same: bool
    hidden: tuple[Mistake, ...] = ()

    @property
    def false(self) -> list[tuple[str, str, str]]:
        """The causes that are not true."""
        known = self.trial.person.known
        return [
            (cause, op, says)
            for cause, op, says in self.named
            if cause not in known
            and not any(_is_true(mistake, cause, op) for mistake in self.trial.mistakes)
        ]

    @property
    def seen(self) -> list[Mistake]:
        """The mistakes that were named."""
        return [
            mistake
            for mistake in self.trial.mistakes
            if any(_is_true(mistake, cause, op) for cause, op, _ in self.named)
        ]

    @property
    def is_right(self) -> bool:
        """Whether all mistakes were named, and nothing else."""
        return not self.false and len(self.seen) == len(self.trial.mistakes)

    @property
    def is_right_of_visible(self) -> bool:
        """Whether all mistakes were named that another one doesn't hide, and nothing else."""
        return not self.false and len(self.seen) + len(self.hidden) == len(self.trial.mistakes)


def _is_true(mistake: Mistake, cause: str, op: str) -> bool:
    return cause in mistake.causes and (not op or op in mistake.ops)


@cache
def people(folder: Path = FOLDER) -> tuple[Person, ...]:
    """Return all engines of a folder, in the order of their names."""
    return tuple(_person(path) for path in sorted(folder.glob("*.toml")))


def _person(path: Path) -> Person:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    source = path.with_suffix(".py").read_text(encoding="utf-8")
    mistakes = tuple(_mistake(entry) for entry in table.get("mistake", ()))
    return Person(path.stem, source, table["class"], tuple(table.get("known", ())), mistakes)


def _mistake(entry: dict[str, Any]) -> Mistake:
    edits = tuple((edit["old"], edit["new"], edit.get("count", 1)) for edit in entry["edits"])
    return Mistake(entry["name"], tuple(entry["causes"]), tuple(entry.get("ops", ())), edits)


def written_later(path: Path) -> list[Trial]:
    """Return engines with the mistakes of a file, written by someone who knew the diagnosis."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    by_name = {person.name: person for person in people()}
    return [Trial(by_name[entry["person"]], (_mistake(entry),)) for entry in table["mistake"]]


def singles(chosen: Iterable[Person]) -> list[Trial]:
    """Return each engine as it is, and with each of its mistakes."""
    return [
        Trial(person, mistakes)
        for person in chosen
        for mistakes in ((), *((mistake,) for mistake in person.mistakes))
    ]


def pairs(chosen: Sequence[Person], count: int) -> list[Trial]:
    """Return seeded pairs of mistakes that can be in one engine at the same time."""
    possible = [
        Trial(person, pair)
        for person in chosen
        for pair in combinations(person.mistakes, 2)
        if _applies(person, pair) and not any(m.causes[0] in NO_NUMBERS for m in pair)
    ]
    return random.Random(SEED).sample(possible, min(count, len(possible)))  # noqa: S311 - a sample


def _applies(person: Person, pair: Sequence[Mistake]) -> bool:
    try:
        return person.with_(pair) == person.with_(pair[::-1])
    except ValueError:
        return False


def graded(trial: Trial, *, twice: bool = True) -> Score:
    """Grade an engine, twice to see whether the reports are the same."""
    first = _report(trial)
    again = _report(trial) if twice else first
    named = tuple((each["cause"], each["op"] or "", each["says"]) for each in first["causes"])
    is_same = _comparable(first) == _comparable(again)
    score = Score(trial, caught(trial, first), named, is_same)
    return score._replace(hidden=_hidden(score))


def caught(trial: Trial, report: Mapping[str, Any]) -> bool:
    """Whether something fails in a report, beside what even the right engine is known for."""
    wrong = [each for each in report.get("cases", ()) if each["outcome"] not in FINE]
    own = [cause for mistake in trial.mistakes for cause in mistake.causes]
    known = [cause for cause in trial.person.known if cause not in own]
    is_known = bool(wrong) and all(each["cause"] in known for each in wrong)
    return bool(report["summary"]["failed"]) and not is_known


def _hidden(score: Score) -> tuple[Mistake, ...]:
    """Return the unnamed mistakes that can't be seen beside the others."""
    mistakes, seen = score.trial.mistakes, score.seen
    if len(mistakes) < 2 or score.false or len(seen) == len(mistakes):
        return ()
    both = _answers(score.trial)
    return tuple(
        mistake
        for mistake in mistakes
        if mistake not in seen
        and _answers(Trial(score.trial.person, tuple(m for m in mistakes if m is not mistake)))
        == both
    )


def _answers(trial: Trial) -> str:
    """Return all numbers and errors of an engine, as text, where NaN is equal to itself."""
    with engine_of(trial) as engine:
        try:
            engine.start()
        except EndedError as error:
            return str(error)
        answers = [outcome.answer for outcome in run_python_engine(cases(), engine)]
        return repr([(_unsigned(each.data), _unsigned(each.grad), each.error) for each in answers])


def _unsigned(numbers: Iterable[float | None]) -> list[float | None]:
    """Return numbers with -0 as 0, which are not told apart."""
    return [None if x is None else x + 0.0 for x in numbers]


@contextmanager
def engine_of(trial: Trial) -> Iterator[PythonEngine]:
    """Write an engine with its mistakes; it is not started yet."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{trial.person.name}.py")
        path.write_text(trial.person.with_(trial.mistakes), encoding="utf-8")
        yield PythonEngine(f"{path}:{trial.person.kind}", {}, "", ResourceLimits(5.0))


def _report(trial: Trial) -> dict[str, Any]:
    with engine_of(trial) as engine:
        try:
            about = engine.start()
        except EndedError as error:
            causes = [{"cause": "interface", "op": None, "says": str(error)}]
            return {"causes": causes, "summary": {"failed": True}}
        outcomes = list(run_python_engine(cases(), engine))
        report = make_report(about, outcomes, problem=engine.problem).as_json()
        if report["problem"]:
            report["causes"] = [{"cause": "interface", "op": None, "says": report["problem"]}]
        return report


def _comparable(report: dict[str, Any]) -> str:
    return json.dumps(report).replace(tempfile.gettempdir(), "")


def scores(trials: Sequence[Trial], *, twice: bool, workers: int = 0) -> Iterator[Score]:
    """Grade engines, several in parallel: as many as there are processors, unless it is said."""
    with ProcessPoolExecutor(workers or os.cpu_count()) as pool:
        yield from pool.map(partial(graded, twice=twice), trials, chunksize=2)


def table(results: Iterable[Score]) -> str:
    """Return the counts by group."""
    groups: dict[str, Counter[str]] = {}
    for score in results:
        what = ("right engines", "single mistakes", "pairs")[len(score.trial.mistakes)]
        which = "held out" if score.trial.person.is_held_out else "seen"
        counts = groups.setdefault(f"{what}, {which}", Counter())
        counts["engines"] += 1
        counts["caught"] += score.is_caught
        counts["right"] += score.is_right
        if len(score.trial.mistakes) > 1:
            counts["right of what can be seen"] += score.is_right_of_visible
        counts["with a false cause"] += bool(score.false)
        counts["the same twice"] += score.is_same
    return "\n".join(
        f"{name}: " + ", ".join(f"{count} {key}" for key, count in counts.items())
        for name, counts in groups.items()
    )


def main() -> int:
    """Print what went wrong, and the counts; return 1 if a mistake is not caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.engines.population", description=__doc__)
    parser.add_argument("words", nargs="*", help="words that an engine's or mistake's name has")
    parser.add_argument("--held-out", action="store_true", help="only engines that are held out")
    parser.add_argument("--all", action="store_true", help="engines that are held out, too")
    parser.add_argument("--pairs", type=int, metavar="N", help="N pairs of mistakes")
    parser.add_argument("--unusual", action="store_true", help="mistakes that hardly anyone makes")
    parser.add_argument("--further", action="store_true", help="more usual mistakes")
    parser.add_argument("--others", action="store_true", help="engines written afterwards")
    parser.add_argument("--strangers", action="store_true", help="engines of strangers to it")
    parser.add_argument("--once", action="store_true", help="grade each engine once, not twice")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="N at the same time")
    options = parser.parse_args()
    folder = OTHERS if options.others else STRANGERS if options.strangers else FOLDER
    chosen = [
        person for person in people(folder) if options.all or person.is_held_out == options.held_out
    ]
    trials = pairs(chosen, options.pairs) if options.pairs else singles(chosen)
    for is_asked, path in ((options.unusual, UNUSUAL), (options.further, FURTHER)):
        trials = written_later(path) if is_asked else trials
    trials = [trial for trial in trials if all(word in trial.name for word in options.words)]
    results = []
    for score in scores(trials, twice=not options.once, workers=options.workers):
        results.append(score)
        if not score.trial.person.is_held_out:
            _print(score)
    print(table(results))
    return 0 if all(score.is_caught for score in results if score.trial.mistakes) else 1


def _print(score: Score) -> None:
    if score.is_right and score.is_same and (score.is_caught or not score.trial.mistakes):
        return
    faults = [
        *(["MISSED"] if score.trial.mistakes and not score.is_caught else []),
        *(["CHANGES"] if not score.is_same else []),
        *(f"FALSE {cause} {op}: {says}" for cause, op, says in score.false),
        *(
            f"{'hidden' if mistake in score.hidden else 'unnamed'}: {mistake.name} "
            f"{mistake.causes} {mistake.ops}"
            for mistake in score.trial.mistakes
            if mistake not in score.seen
        ),
    ]
    named = [(cause, op) for cause, op, _ in score.named]
    print(f"{score.trial.name}: {'; '.join(faults)}; named {named}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
