"""Grades the engines of a class, several at a time; none can harm or delay another."""

from __future__ import annotations

import contextlib
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from queue import Empty, Queue
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.errors import printable
from mgraph.grade.outcomes import Answer, judge
from mgraph.grade.processes import EndedError, PythonEngine, ResourceLimits
from mgraph.grade.runner import PATIENCE, Report, make_report, run_python_engine
from mgraph.grade.sandbox import scratch

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from mgraph.grade.cases import Case
    from mgraph.grade.hand_ins import HandIn
    from mgraph.grade.outcomes import Outcome
    from mgraph.grade.sandbox import Place, Sandbox

TIMEOUTS: Final = 10 * PATIENCE
"""An engine gets as much time in all as this many cases may take."""

_TICK: Final = 0.1  # seconds
_STOP_WAIT: Final = 5.0  # seconds for engines to end after Ctrl-C


class Conditions(NamedTuple):
    """How the engines of a class are run.

    Attributes:
        names: How the engines spell ops.
        limits: Limits on the time and memory of each engine.
        python: The interpreter; empty for the one that runs mgraph.
        sandbox: The sandbox; None to run engines without one.
        strict: Whether differing conventions count as failures.
        further: Returns cases to run, as evidence, on engines that aren't right.
    """

    names: Mapping[str, str]
    limits: ResourceLimits
    python: str = ""
    sandbox: Sandbox | None = None
    strict: bool = False
    further: Callable[[], Sequence[Case]] = tuple


@dataclass(frozen=True)
class Graded:
    """The result of one learner.

    Attributes:
        hand_in: What was handed in.
        report: The report on its engine; without cases if there is a problem.
        problem: Why nothing could be graded; empty if it was.
    """

    hand_in: HandIn
    report: Report
    problem: str = ""

    @property
    def failed(self) -> bool:
        """Whether anything is wrong, or nothing could be graded."""
        return bool(self.problem) or self.report.failed


class _Run(NamedTuple):
    """What a worker found out about an engine."""

    number: int
    about: Mapping[str, str | None]
    outcomes: Sequence[Outcome] = ()
    problem: str = ""


@dataclass
class _Workers:
    """What the threads share that each run one engine after the other."""

    hand_ins: Sequence[HandIn]
    cases: Sequence[Case]
    conditions: Conditions
    todo: Queue[int] = field(default_factory=Queue)
    done: Queue[_Run | BaseException] = field(default_factory=Queue)
    running: dict[int, PythonEngine] = field(default_factory=dict)
    has_stopped: bool = False

    def work(self) -> None:
        """Run engines until none is left."""
        with contextlib.suppress(Empty):
            while not self.has_stopped:
                number = self.todo.get_nowait()
                try:
                    self.done.put(self._run(number))
                except BaseException as error:  # noqa: BLE001 - raised by whoever waits for it
                    self.done.put(error)

    def _run(self, number: int) -> _Run:
        hand_in = self.hand_ins[number]
        about: dict[str, str | None] = {"name": hand_in.target if hand_in.class_name else None}
        if hand_in.problem:
            return _Run(number, about, problem=hand_in.problem)
        try:
            return self._run_in_place(number, about)
        except OSError as error:  # its files have vanished, or there is no room for a folder
            return _Run(number, about, problem=f"can't be started: {error.strerror or error}")

    def _run_in_place(self, number: int, about: dict[str, str | None]) -> _Run:
        hand_in, limits = self.hand_ins[number], self.conditions.limits
        with _place(hand_in, self.conditions) as place:
            target = f"{place.module}:{hand_in.class_name}"
            engine = PythonEngine(target, self.conditions.names, place.python, limits)
            engine.folder = place.folder
            self.running[number] = engine
            try:
                about |= engine.start()
                if engine.problem:
                    return _Run(number, about, problem=printable(engine.problem))
                return _Run(number, about, self._outcomes(engine))
            except EndedError as error:
                return _Run(number, about, problem=printable(str(error)))
            finally:
                del self.running[number]

    def _outcomes(self, engine: PythonEngine) -> list[Outcome]:
        """Run the cases, as long as there is time."""
        seconds = TIMEOUTS * engine.limits.seconds
        until = monotonic() + seconds
        graded: list[Outcome] = []
        further = self.conditions.further
        with closing(run_python_engine(self.cases, engine, further)) as outcomes:
            for outcome in outcomes:
                graded.append(outcome)
                if len(graded) == len(self.cases):  # further ones have a time of their own
                    until = monotonic() + seconds
                if self.has_stopped or monotonic() > until:
                    break
        error = f"not tried, because all cases so far took more than {seconds:g} s"
        return graded + [
            judge(case, Answer(case.program, error=error, kind="timed out"))
            for case in self.cases[len(graded) :]
        ]

    def stop(self) -> None:
        """End all engines, and wait a moment for the threads to notice."""
        self.has_stopped = True
        until = monotonic() + _STOP_WAIT
        while self.running and monotonic() < until:
            for engine in [*self.running.values()]:
                if (process := engine.process) is not None:
                    process.end()
            threading.Event().wait(_TICK)


@contextmanager
def _place(hand_in: HandIn, conditions: Conditions) -> Iterator[Place]:
    files, module = hand_in.visible(), hand_in.file.name
    if conditions.sandbox is not None:
        yield conditions.sandbox.place(files, module)
    else:
        with scratch(conditions.python, files, module) as place:
            yield place


def grade_class(
    hand_ins: Sequence[HandIn], cases: Sequence[Case], conditions: Conditions, workers: int
) -> Generator[tuple[int, Graded], None, None]:
    """Grade hand-ins in parallel; yield the position of each and its result, as they finish.

    If the iterator is closed, or is interrupted, all engines are ended.
    """
    shared = _Workers(hand_ins, cases, conditions)
    for number in range(len(hand_ins)):
        shared.todo.put(number)
    for _ in range(min(workers, len(hand_ins))):
        threading.Thread(target=shared.work, daemon=True).start()
    try:
        for run in _each(shared.done, len(hand_ins)):
            report = make_report(
                run.about,
                run.outcomes[: len(cases)],
                further=run.outcomes[len(cases) :],
                strict=conditions.strict,
                problem=run.problem,
            )
            yield run.number, Graded(hand_ins[run.number], report, run.problem)
    finally:
        shared.stop()


def _each(done: Queue[_Run | BaseException], count: int) -> Iterator[_Run]:
    """Yield results as they come; in between, Ctrl-C is noticed on every system."""
    for _ in range(count):
        run = None
        while run is None:
            with contextlib.suppress(Empty):
                run = done.get(timeout=_TICK)
        if isinstance(run, BaseException):
            raise run
        yield run
