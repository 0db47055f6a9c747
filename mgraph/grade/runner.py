"""Runs cases on an engine, and reports their outcomes and causes."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final

from mgraph.errors import printable, render
from mgraph.format.reading import inspect
from mgraph.grade.compositions import read_compositions, read_parts
from mgraph.grade.diagnosis import Cause, diagnose
from mgraph.grade.outcomes import (
    Answer,
    Failure,
    Outcome,
    Verdict,
    graded_by_leaves,
    has_leaves_only,
    judge,
)
from mgraph.grade.processes import CommandEngine, EndedError, PythonEngine, TimedOutError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

    from mgraph.grade.cases import Case
    from mgraph.grade.program import Program

PATIENCE: Final = 3
"""Number of timeouts in a row after which no more cases are tried."""
ALONE: Final = 3
"""Number of small failed cases of each verdict that are run again, each in a new process."""
AFRESH: Final = 60
"""Number of those if some are right in a new process, so that graphs before them are to blame."""
SEVERAL: Final = 8
"""Number of those that must have the same numbers in one more process: by chance, they don't."""


@dataclass(frozen=True)
class Report:
    """The report on an engine.

    Attributes:
        engine: The engine's name, its version and its Python, as far as they are known, and from
            which package its class is borrowed.
        outcomes: One per case, in order.
        causes: Likely causes of the failures.
        strict: Whether differing conventions count as failures.
        problem: Why no case could be run; empty if they could.
        is_complete: Whether the search for causes ended before its budget was spent.
        further: How many other cases were run to find the causes.
    """

    engine: Mapping[str, str | None]
    outcomes: Sequence[Outcome]
    causes: Sequence[Cause] = field(default=())
    strict: bool = False
    problem: str = ""
    is_complete: bool = True
    further: int = 0

    def fails(self, outcome: Outcome) -> bool:
        """Whether an outcome makes the engine fail."""
        return outcome.failed or (self.strict and outcome.outcome == Verdict.CONVENTION)

    @property
    def failed(self) -> bool:
        """Whether the engine fails."""
        return bool(self.problem) or any(map(self.fails, self.outcomes))

    @property
    def has_leaves_only(self) -> bool:
        """Whether the engine has gradients of leaves, and none of other nodes."""
        return has_leaves_only(self.outcomes)

    @property
    def borrowed(self) -> str:
        """A remark if the engine's class is not from its file; else empty."""
        package = self.engine.get("borrowed")
        return f"the class comes from {printable(package)}, not from the file" if package else ""

    def cause_of(self, outcome: Outcome) -> Cause | None:
        """Return the cause that explains a failure, or None if it isn't known."""
        of = (cause for cause in self.causes if any(outcome is each for each in cause.cases))
        return next(of, None)

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many cases had each outcome."""
        counts = dict.fromkeys(Verdict, 0)
        for outcome in self.outcomes:
            counts[outcome.outcome] += 1
        return counts

    def as_json(self, *, hide: bool = False) -> dict[str, Any]:
        """Return the report as plain data; `hide` leaves the expected numbers out."""
        causes = [
            {
                "cause": cause.id,
                "op": cause.op or None,
                "says": cause.sentence,
                "cases": len(cause.cases),
                "lesson": cause.lesson.file,
            }
            for cause in self.causes
        ]
        return {
            "engine": dict(self.engine),
            "cases": [outcome.as_json(hide=hide) for outcome in self.outcomes],
            "causes": causes,
            "summary": {"cases": len(self.outcomes), **self.counts, "failed": self.failed},
            "problem": self.problem or None,
            "complete": self.is_complete,
            "further": self.further,
            "varying": sum(outcome.answer.varies for outcome in self.outcomes),
        }


def make_report(
    engine: Mapping[str, str | None],
    outcomes: Sequence[Outcome],
    *,
    further: Sequence[Outcome] = (),
    strict: bool = False,
    problem: str = "",
) -> Report:
    """Diagnose the outcomes, and return the report.

    Args:
        engine: The engine's name, its version and its Python, as far as they are known.
        outcomes: Those to report.
        further: Those of other cases, which are evidence only.
        strict: Whether differing conventions count as failures.
        problem: Why no case could be run; empty if they could.
    """
    judged = graded_by_leaves([*outcomes, *further])
    diagnosis = diagnose(judged)
    reported = judged[: len(outcomes)]
    causes = [_of_reported(cause, reported) for cause in diagnosis.causes]
    causes = sorted((each for each in causes if each.cases), key=lambda each: -len(each.cases))
    return Report(
        engine, reported, causes, strict, problem, diagnosis.is_complete, further=len(further)
    )


def _of_reported(cause: Cause, reported: Sequence[Outcome]) -> Cause:
    """Return a cause with only those of its cases that are reported."""
    known = dict.fromkeys(map(id, reported))
    return replace(cause, cases=[outcome for outcome in cause.cases if id(outcome) in known])


# --- engines in Python ---------------------------------------------------------------------------


class _Patient:
    """Asks an engine until too many cases in a row have timed out."""

    def __init__(self, ask: Callable[[Case], Answer]) -> None:
        self.ask = ask
        self.late = 0

    def __call__(self, case: Case) -> Answer:
        if self.late >= PATIENCE:
            error = f"not tried, because {PATIENCE} cases in a row took too long"
            return Answer(case.program, error=error, kind="timed out")
        answer = self.ask(case)
        self.late = self.late + 1 if answer.kind == "timed out" else 0
        return answer


def run_python_engine(
    cases: Sequence[Case], engine: PythonEngine, further: Callable[[], Sequence[Case]] = tuple
) -> Generator[Outcome, None, None]:
    """Run cases on a Value class, in one process until that ends.

    Args:
        cases: The cases.
        engine: The class.
        further: Returns cases to run after those, as evidence, if one of those isn't right.
    """
    outcomes: list[Outcome] = []
    ask = _Patient(lambda case: _ask_python(case, engine))
    with closing(engine):
        for some in _with_evidence(cases, further, outcomes):
            for case in some:
                outcomes.append(judge(case, ask(case)))
                yield outcomes[-1]
        _try_afresh(outcomes, engine)


def _with_evidence(
    cases: Sequence[Case], further: Callable[[], Sequence[Case]], outcomes: Iterable[Outcome]
) -> Iterator[Sequence[Case]]:
    """Yield the cases, and further ones if numbers aren't right by then, or exceptions were raised.

    An engine whose process ends, or that is too late, shows nothing more in other cases.
    """
    yield cases
    if any(
        each.outcome != Verdict.OK
        and (each.answer.has_numbers or (each.failed and each.answer.failure is not None))
        for each in outcomes
    ):
        yield further()


def _try_afresh(outcomes: Sequence[Outcome], engine: PythonEngine) -> None:
    """Run small failed cases again, each in a new process; more if that changes their numbers.

    Those of each verdict are tried apart.
    """
    failed = [each for each in outcomes if each.failed and each.outcome != Verdict.TIMED_OUT]
    failed.sort(key=lambda outcome: len(outcome.case.graph))
    for verdict in dict.fromkeys(outcome.outcome for outcome in failed):
        for outcome in _various([x for x in failed if x.outcome == verdict]):
            outcome.afresh = _afresh(outcome.case, engine)
    changed = [outcome for outcome in failed if outcome.is_changed]
    other = [x for x in changed if x.afresh and x.answer.differs_from(x.afresh.answer)]
    is_by_chance = any(x.answer.is_random and x.answer.again for x in changed)
    is_by_chance = is_by_chance or any(_differs_again(x, engine) for x in changed[:SEVERAL])
    if is_by_chance or (other and not _depends_on_others(other[0], outcomes, engine)):
        for outcome in failed:
            outcome.afresh = None
    elif changed:
        for outcome in [outcome for outcome in failed if outcome.afresh is None][:AFRESH]:
            outcome.afresh = _afresh(outcome.case, engine)


def _differs_again(outcome: Outcome, engine: PythonEngine) -> bool:
    """Whether a case has other numbers in each new process, which no graph before it explains.

    They are random, or come from a clock.
    """
    own = outcome.answer if outcome.afresh is None else outcome.afresh.answer
    return own.differs_from(_afresh(outcome.case, engine).answer)


def _depends_on_others(outcome: Outcome, outcomes: Sequence[Outcome], engine: PythonEngine) -> bool:
    """Whether a case that is different on its own is always so, and not only after a crash.

    A crash may leave half a graph behind.
    """
    own = outcome.answer if outcome.afresh is None else outcome.afresh.answer
    engine.close()
    for before in takewhile(lambda each: each is not outcome, outcomes):
        if before.answer.has_numbers:
            _ask_python(before.case, engine)
    return own.differs_from(_ask_python(outcome.case, engine))


def _various(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return a few outcomes, the first ones with different ops."""
    first: dict[tuple[str, ...], Outcome] = {}
    for outcome in outcomes:
        ops = sorted({step.op for step in outcome.case.program.steps if step.args})
        first.setdefault(tuple(ops), outcome)
    return [*first.values()][:ALONE]


def _afresh(case: Case, engine: PythonEngine) -> Outcome:
    """Return the outcome of a case in a new process."""
    engine.close()
    return judge(case, replace(_ask_python(case, engine), again=None))


def _ask_python(case: Case, engine: PythonEngine) -> Answer:
    if engine.problem:
        return Answer(case.program, error=engine.problem, kind="unsupported")
    answer = _ask_once(case.program, engine)
    if case.compose:
        formulas: dict[str, str] = {}
        while answer.kind == "unsupported" and answer.step is not None:
            op = answer.program.steps[answer.step].op
            if op in formulas or op not in case.compose:
                break
            formulas[op] = case.compose[op]
            answer = _ask_once(case.composed(formulas), engine)
    return answer


def _ask_once(program: Program, engine: PythonEngine) -> Answer:
    try:
        reply = engine.ask(program.as_json())
    except TimedOutError:
        error = f"took more than {engine.limits.seconds:g} s"
        return Answer(program, error=error, kind="timed out")
    except EndedError as error:
        return Answer(program, error=str(error), kind="crashed")
    if "error" in reply:
        return Answer(
            program,
            error=printable(reply["error"]),
            kind=reply["kind"],
            step=reply.get("step"),
            what=reply.get("what", ""),
            failure=_failure_of(reply.get("failure")),
        )
    again, turned = (
        one and (_of_nodes(program, one["data"]), _of_nodes(program, one["grad"]))
        for one in (reply.get("again"), reply.get("turned"))
    )
    return Answer(
        program,
        _of_nodes(program, reply["data"]),
        _of_nodes(program, reply["grad"]),
        _of_nodes(program, reply["second"]) if "second" in reply else (),
        _of_nodes(program, reply["before"]) if "before" in reply else (),
        own=_of_nodes(program, reply["own"]) if "own" in reply else (),
        following=_of_nodes(program, reply["next"]) if "next" in reply else (),
        cleared=_of_nodes(program, reply["cleared"]) if "cleared" in reply else (),
        refused=printable(reply.get("refused", "")),
        again=again,
        compositions=read_compositions(reply.get("compositions")),
        parts=read_parts(program, reply.get("parts")),
        varies=reply.get("varies", False),
        turned=turned,
        is_random=reply.get("random", False),
        hidden=reply.get("hidden", ()),
        alone=reply.get("alone"),
        starters=[printable(name) for name in reply.get("starters", ())],
    )


def _failure_of(reply: Mapping[str, Any] | None) -> Failure | None:
    """Return where an engine failed, in printable words."""
    if reply is None:
        return None
    names = ("exception", "phase", "file", "function", "source", "culprit", "gave")
    exception, phase, file, function, source, culprit, gave = (
        printable(reply.get(name, "")) for name in names
    )
    caller, repeating = (
        tuple(map(printable, reply.get(name, ()))) for name in ("caller", "repeating")
    )
    line = reply.get("line", 0)
    return Failure(exception, phase, file, line, function, source, caller, repeating, culprit, gave)


def _of_nodes(program: Program, numbers: Sequence[float | None]) -> list[float | None]:
    """Return the numbers by node, given those by step."""
    return [None if step < 0 else numbers[step] for step in program.step_of_node]


# --- engines in any language ---------------------------------------------------------------------


def run_command_engine(
    cases: Sequence[Case], engine: CommandEngine, further: Callable[[], Sequence[Case]] = tuple
) -> Iterator[Outcome]:
    """Run cases on a program that reads and writes graph files; ask failed ones once more.

    Args:
        cases: The cases.
        engine: The program.
        further: Returns cases to run after those, as evidence, if one of those isn't right.
    """
    ask = _Patient(lambda case: _ask_command(case, engine))
    outcomes: list[Outcome] = []

    def outcome(case: Case) -> Outcome:
        judged = judge(case, ask(case))
        if judged.failed and judged.answer.has_numbers:
            again = _ask_command(case, engine)
            judged.answer = replace(judged.answer, varies=judged.answer.differs_from(again))
        return judged

    def answered(todo: deque[Case]) -> Iterator[Outcome]:
        while todo and (engine.streams or len(outcomes) < PATIENCE):
            yield outcome(todo.popleft())  # the first ones show whether it answers line by line
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # one process per case
            try:
                yield from pool.map(outcome, todo)
            except BaseException:  # Ctrl-C: the pool would wait for the cases that run
                engine.stop()
                raise

    with closing(engine):
        for some in _with_evidence(cases, further, outcomes):
            for each in answered(deque(some)):
                outcomes.append(each)
                yield each


def _ask_command(case: Case, engine: CommandEngine) -> Answer:
    program = case.program
    try:
        written = engine.ask(case.document())
    except TimedOutError:
        error = f"took more than {engine.limits.seconds:g} s"
        return Answer(program, error=error, kind="timed out")
    except EndedError as error:
        kind = "unsupported" if "unsupported: " in str(error) else "crashed"
        return Answer(program, error=str(error), kind=kind)
    answer = _read(case, written)
    if answer.error and engine.streams:
        engine.close()  # its next line may still belong to this case
    return answer


def _read(case: Case, written: bytes) -> Answer:
    """Read the numbers from the annotated file that a program wrote."""
    inspection = inspect(written, "its answer")
    ids, graph = case.graph.columns.ids, inspection.graph
    if graph is None:
        return _no_answer(case, render(inspection.diagnostics[:1]).splitlines()[0])
    if sorted(graph.columns.ids) != sorted(ids):
        return _no_answer(case, "its answer has other nodes than the question")
    run = graph.runs[-1] if graph.runs else None
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
