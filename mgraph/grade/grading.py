"""Cases put to an engine, and what came of them."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from mgraph.errors import printable, render
from mgraph.format.reading import inspect
from mgraph.grade.child import Driven, EndedError, Spoken, TimedOutError
from mgraph.grade.diagnosis import Cause, diagnose
from mgraph.grade.judge import CONVENTION, OUTCOMES, Answer, Outcome, judged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mgraph.grade.cases import Case
    from mgraph.grade.program import Program

PATIENCE: Final = 3
"""Cases in a row that may time out; the rest is not tried then."""
ALONE: Final = 3
"""Small failures that are tried once more, each in a process of its own."""


@dataclass(frozen=True)
class Report:
    """What an engine did with the golden graphs.

    Attributes:
        engine: What it is called, and what is known of it.
        outcomes: One a case, in order.
        causes: Likely causes of what is wrong.
        strict: Whether differing conventions count as failures.
    """

    engine: Mapping[str, str | None]
    outcomes: Sequence[Outcome]
    causes: Sequence[Cause] = field(default=())
    strict: bool = False

    def fails(self, outcome: Outcome) -> bool:
        """Whether an outcome makes the engine fail."""
        return outcome.failed or (self.strict and outcome.outcome == CONVENTION)

    @property
    def failed(self) -> bool:
        """Whether the engine fails."""
        return any(map(self.fails, self.outcomes))

    @property
    def counts(self) -> dict[str, int]:
        """How many cases had each outcome."""
        found = dict.fromkeys(OUTCOMES, 0)
        for each in self.outcomes:
            found[each.outcome] += 1
        return found

    def as_json(self, *, hide: bool = False) -> dict[str, Any]:
        """Return it as plain data; `hide` leaves the expected numbers out."""
        causes = [
            {
                "cause": each.id,
                "op": each.op or None,
                "says": each.says,
                "cases": len(each.cases),
                "lesson": each.lesson.file,
            }
            for each in self.causes
        ]
        return {
            "engine": dict(self.engine),
            "cases": [each.as_json(hide=hide) for each in self.outcomes],
            "causes": causes,
            "summary": {"cases": len(self.outcomes), **self.counts, "failed": self.failed},
        }


def report(
    engine: Mapping[str, str | None], outcomes: Sequence[Outcome], *, strict: bool = False
) -> Report:
    """Find the causes of what is wrong, and put everything together."""
    return Report(engine, outcomes, diagnose(outcomes), strict)


# --- engines in Python ---------------------------------------------------------------------------


class _Patient:
    """Asks an engine, until too many cases in a row took too long."""

    def __init__(self, ask: Callable[[Case], Answer]) -> None:
        self.ask = ask
        self.late = 0

    def __call__(self, case: Case) -> Answer:
        if self.late >= PATIENCE:
            error = f"not tried, after {PATIENCE} cases in a row that took too long"
            return Answer(case.program, error=error, kind="timed out")
        answer = self.ask(case)
        self.late = self.late + 1 if answer.kind == "timed out" else 0
        return answer


def by_driver(cases: Sequence[Case], engine: Driven) -> Iterator[Outcome]:
    """Run cases on a Value class, in one process as long as it lives."""
    failed: list[Outcome] = []
    ask = _Patient(lambda case: _driven(case, engine))
    with closing(engine):
        for case in cases:
            answer = ask(case)
            outcome = judged(case, answer)
            if outcome.failed and answer.has_numbers:
                failed.append(outcome)
            yield outcome
        failed.sort(key=lambda each: len(each.case.graph))
        for each in failed[:ALONE]:
            engine.close()
            answer = replace(_driven(each.case, engine), again=None)
            each.alone = not judged(each.case, answer).failed


def _driven(case: Case, engine: Driven) -> Answer:
    answer = _asked(case.program, engine)
    if case.compose:
        formulas: dict[str, str] = {}
        while answer.kind == "unsupported" and answer.step is not None:
            op = answer.program.steps[answer.step].op
            if op in formulas or op not in case.compose:
                break
            formulas[op] = case.compose[op]
            answer = _asked(case.composed(formulas), engine)
    return answer


def _asked(program: Program, engine: Driven) -> Answer:
    try:
        said = engine.ask(program.as_json())
    except TimedOutError:
        error = f"took more than {engine.allowance.seconds:g} s"
        return Answer(program, error=error, kind="timed out")
    except EndedError as error:
        return Answer(program, error=str(error), kind="crashed")
    if "error" in said:
        return Answer(
            program,
            error=printable(said["error"]),
            kind=said["kind"],
            step=said.get("step"),
            what=said.get("what", ""),
        )
    again = said.get("again")
    return Answer(
        program,
        _of_nodes(program, said["data"]),
        _of_nodes(program, said["grad"]),
        _of_nodes(program, said["second"]) if "second" in said else (),
        _of_nodes(program, said["before"]) if "before" in said else (),
        refused=printable(said.get("refused", "")),
        again=again and (_of_nodes(program, again["data"]), _of_nodes(program, again["grad"])),
    )


def _of_nodes(program: Program, numbers: Sequence[float | None]) -> list[float | None]:
    """Return the numbers of nodes, from those of steps."""
    return [None if place < 0 else numbers[place] for place in program.places]


# --- engines in any language ---------------------------------------------------------------------


def by_command(cases: Sequence[Case], engine: Spoken) -> Iterator[Outcome]:
    """Run cases on a program that reads and writes graph files."""
    ask = _Patient(lambda case: _spoken(case, engine))

    def outcome(case: Case) -> Outcome:
        return judged(case, ask(case))

    with closing(engine):
        todo = deque(cases)
        while todo and (engine.streams or len(cases) - len(todo) < PATIENCE):
            yield outcome(todo.popleft())  # the first ones tell how it wants to be asked
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # a process each
            yield from pool.map(outcome, todo)


def _spoken(case: Case, engine: Spoken) -> Answer:
    program = case.program
    try:
        written = engine.ask(case.document())
    except TimedOutError:
        error = f"took more than {engine.allowance.seconds:g} s"
        return Answer(program, error=error, kind="timed out")
    except EndedError as error:
        kind = "unsupported" if "unsupported: " in str(error) else "crashed"
        return Answer(program, error=str(error), kind=kind)
    answer = _read(case, written)
    if answer.error and engine.streams:
        engine.close()  # what comes next may be about this question, too
    return answer


def _read(case: Case, written: bytes) -> Answer:
    """Take the numbers from an annotated file."""
    found = inspect(written, "its answer")
    ids = case.graph.columns.ids
    if found.graph is None:
        return _no_answer(case, render(found.diagnostics[:1]).splitlines()[0])
    if sorted(found.graph.columns.ids) != sorted(ids):
        return _no_answer(case, "its answer is about other nodes than the question")
    run = found.graph.runs[-1] if found.graph.runs else None
    if run is None or run.data is None or run.grad is None:
        return _no_answer(case, "its answer has no run with data and grad")
    if not _is_same(run.inputs, case.want.inputs):
        return _no_answer(case, "its answer has other inputs than the question")
    data, grad = ([numbers.get(name) for name in ids] for numbers in (run.data, run.grad))
    return Answer(case.program, data, grad)


def _is_same(some: Mapping[str, float], others: Mapping[str, float]) -> bool:
    return some.keys() == others.keys() and all(
        x == others[name] or x != x for name, x in some.items()
    )


def _no_answer(case: Case, error: str) -> Answer:
    return Answer(case.program, error=error, kind="crashed")
