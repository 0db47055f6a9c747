"""`mgraph grade`."""

from __future__ import annotations

import os
import shlex
import shutil
from functools import cache
from itertools import chain, islice
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import click

from mgraph.cli.files import STREAM, check_target, read_bytes, write_output
from mgraph.cli.grade_class import ClassOptions, Outputs, check_class, class_options, grade_folder
from mgraph.cli.options import limit_option, tolerance_options
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import CaseName, GraphPath, OpSpelling, OutputPath
from mgraph.cli.terminal import clipped, counted, progress, prose, styled, table, width
from mgraph.codec import read_file
from mgraph.errors import GraphError, printable
from mgraph.grade.causes import SYMBOLS
from mgraph.grade.outcomes import Verdict
from mgraph.suggestions import closest, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from mgraph.codec import Limits
    from mgraph.grade.cases import Case
    from mgraph.grade.classroom import Conditions
    from mgraph.grade.outcomes import Outcome
    from mgraph.grade.rounding import Rounding
    from mgraph.grade.runner import Report
    from mgraph.graph.run import Tolerance

_SHOWN: Final = 12
_TITLE: Final = 36
_MIB: Final = 2**20
_REVERSED: Final = {f"2 {symbol} x": op for op, symbol in SYMBOLS.items()}
"""Ops with a number on the left, which an engine may lack although it has the op."""
_COLOURS: Final = {
    Verdict.OK: "green",
    Verdict.WRONG_VALUE: "red",
    Verdict.WRONG_GRADIENT: "red",
    Verdict.NOT_REPRODUCIBLE: "red",
    Verdict.UNSUPPORTED: None,
    Verdict.CRASHED: "red",
    Verdict.TIMED_OUT: "red",
    Verdict.CONVENTION: "yellow",
}


def _positive(_ctx: click.Context, param: click.Parameter, x: float) -> float:
    if not (isfinite(x) and x > 0.0):
        message = "expected a finite number of seconds above 0, for example 10"
        raise click.BadParameter(message, param=param)
    return x


@click.command(
    "grade", short_help="Run the golden set on another engine, and say what is wrong with it."
)
@click.argument("engine", metavar="[MODULE:CLASS]", required=False)
@click.argument("paths", type=GraphPath(), nargs=-1, metavar="[PATH]...")
@click.option(
    "--cmd", metavar="COMMAND",
    help="Grade a program in any language: it reads graph files on standard input, one per line, "
    "and answers each with the annotated file, on one line.",
)  # fmt: skip
@click.option(
    "--python",
    metavar="FILE",
    help="The Python interpreter that has the engine installed, for example .venv/bin/python; it "
    "doesn't need mgraph. Default: the one that runs mgraph.",
)
@click.option(
    "--op", "spellings", type=OpSpelling(), multiple=True, metavar="NAME=SPELLING",
    help="How the engine spells an op (or backward, data, grad): a method, a function in the "
    "class's module, or MODULE:FUNCTION; (ARGUMENT) may follow. number=FUNCTION turns plain "
    "numbers into Values for engines that refuse them.",
)  # fmt: skip
@click.option(
    "--quick", is_flag=True,
    help="Run only the smallest part of the golden set that still catches every known mistake; the "
    "rest only if something isn't right, to find out why.",
)  # fmt: skip
@click.option(
    "--skip", type=CaseName(), multiple=True, metavar="CASE",
    help="Leave out a case of the golden set, or a graph file; may be repeated: --skip chain-2000.",
)  # fmt: skip
@click.option("--strict", is_flag=True, help="Count a differing convention as a failure.")
@click.option(
    "--strict-bits", is_flag=True,
    help="Also say how many results of libm ops (exp, tanh, …) the engine's math library rounds "
    "otherwise than exact math: a fact, not a fault.",
)  # fmt: skip
@click.option(
    "--hide", is_flag=True, help="Say which rule is wrong, but not which numbers were expected."
)
@tolerance_options
@click.option(
    "--timeout", type=float, default=10.0, show_default=True, callback=_positive, metavar="SECONDS",
    help="Time limit for one case.",
)  # fmt: skip
@click.option(
    "--memory", type=click.IntRange(0), default=2048, show_default=True, metavar="MIB",
    help="Memory limit of the engine; 0 means no limit.",
)  # fmt: skip
@class_options
@click.option(
    "--junit", type=OutputPath(), metavar="FILE",
    help="Also write a JUnit XML report, for example --junit report.xml.",
)  # fmt: skip
@json_option
@limit_option
def command(
    engine: str | None,
    paths: tuple[str, ...],
    cmd: str | None,
    python: str | None,
    spellings: tuple[tuple[str, str], ...],
    quick: bool,  # noqa: FBT001 - click calls by name
    skip: tuple[str, ...],
    strict: bool,  # noqa: FBT001
    strict_bits: bool,  # noqa: FBT001
    hide: bool,  # noqa: FBT001
    tolerance: Tolerance | None,
    timeout: float,
    memory: int,
    classroom: ClassOptions,
    junit: str | None,
    as_json: bool,  # noqa: FBT001
    limits: Limits,
) -> int:
    """Run golden graphs on another engine, and say which rule it gets wrong, where and why.

    MODULE:CLASS is a class like micrograd's Value; it can be in a file: engine.py:Value. If the
    class wants more than a number, name a function of one number that returns a Value. mgraph
    builds each graph with the operators and methods of that class, in a separate process, trying
    the usual spellings. PATHs are graph files with runs, or folders of them; without any, the
    golden set that comes with mgraph is used.

    \b
    Examples:
      mgraph grade micrograd.engine:Value
      mgraph grade engine.py:Value --op tanh=activation:tanh
      mgraph grade engine.py:Value --strict-bits
      mgraph grade engine:Value --python .venv/bin/python
      mgraph grade --cmd "node engine.mjs" homework/
      mgraph grade --engines handed-in/ --csv results.csv --skip chain-2000
    """  # noqa: D301 - \b is click's
    if cmd is not None or classroom.engines is not None:  # then the first word is a path, too
        engine, paths = None, tuple(path for path in (engine, *paths) if path is not None)
    check_class(classroom, cmd)
    if classroom.engines is not None and strict_bits:
        raise click.UsageError(
            "--strict-bits can't be combined with --engines: it is for one engine"
        )
    if classroom.engines is None:
        _check_engine(engine, cmd, spellings, python)
    _check(cmd, python, paths, quick=quick)
    for file in (junit, classroom.csv):
        check_target(file)
    all_cases = _cases(paths, tolerance, limits)
    cases = _chosen(all_cases, skip, quick=quick)

    @cache
    def further() -> Sequence[Case]:
        golden = _cases((), tolerance, limits) if paths else all_cases
        return _others(golden, cases, skip)

    conditions = _conditions(spellings, timeout, memory, python, further, strict=strict)
    if classroom.engines is not None:
        outputs = Outputs(hide, as_json, junit, classroom.csv)
        return grade_folder(classroom, cases, all_cases, conditions, outputs, limits)
    report = _grade(engine, cmd, cases, conditions)
    err = junit == STREAM
    rounding = _rounding(report) if strict_bits else None
    if as_json:
        bits = {} if rounding is None else {"bits": rounding.as_json()}
        print_json(report.as_json(hide=hide) | bits, err=err)
    else:
        _print(report, rounding, hide=hide, err=err)
    if junit:
        _write_junit(junit, report, hide=hide)
    return 1 if report.failed else 0


def _check_engine(
    engine: str | None, cmd: str | None, spellings: Sequence[object], python: str | None
) -> None:
    """Refuse a command line that doesn't name one engine."""
    if engine is None and not cmd:
        message = (
            "name an engine: MODULE:CLASS, for example micrograd.engine:Value, or --cmd COMMAND"
        )
        raise click.UsageError(message)
    if cmd and (python or spellings):
        message = "--python and --op are for MODULE:CLASS; they can't be combined with --cmd"
        raise click.UsageError(message)
    if engine is not None and not all(engine.rpartition(":")[::2]):
        meant = _engine_in(engine) or "micrograd.engine:Value"
        message = f"{engine!r} is not MODULE:CLASS: write, for example, {meant}"
        raise click.UsageError(message)


def _engine_in(file: str) -> str:
    """Return what to write for the engine in a file; empty if there is none, or several."""
    from mgraph.grade.value_class import choose, names_of, usual  # noqa: PLC0415 - only here

    try:
        names = names_of(read_file(file))
    except GraphError:
        return ""
    name = choose(names.with_backward) or usual(names.others)
    return f"{file}:{name}" if name else ""


def _check(cmd: str | None, python: str | None, paths: Sequence[str], *, quick: bool) -> None:
    """Refuse options that can't be combined, and programs that don't exist."""
    if quick and paths:
        message = "--quick can't be combined with PATH: it chooses from the golden set"
        raise click.UsageError(message)
    for option, program in (("--python", python), ("--cmd", _program(cmd) if cmd else None)):
        if program is not None and shutil.which(program) is None:
            message = f"{option} {program or repr(cmd)}: there is no such program"
            raise click.UsageError(message)


def _program(cmd: str) -> str:
    """Return the first word of a command line."""
    try:
        words = shlex.split(cmd)
    except ValueError as error:
        message = f"--cmd {cmd!r} can't be parsed: {error}"
        raise click.UsageError(message) from None
    return words[0] if words else ""


def _cases(paths: Sequence[str], tolerance: Tolerance | None, limits: Limits) -> Sequence[Case]:
    from mgraph.grade.cases import cases_of, golden_set  # noqa: PLC0415 - only for a valid command line

    cases = [*cases_of(paths or [str(golden_set())], tolerance, limits, read_bytes)]
    if not cases:
        message = f"there are no runs to grade with in {' '.join(map(printable, paths))}"
        raise click.ClickException(message)
    return cases


def _chosen(cases: Sequence[Case], skipped: Sequence[str], *, quick: bool) -> Sequence[Case]:
    """Leave out the cases that are skipped, and those that aren't in the quick set."""
    from mgraph.grade.cases import without  # noqa: PLC0415
    from mgraph.grade.quick_set import is_quick  # noqa: PLC0415

    try:
        chosen = without(cases, skipped)
    except KeyError as error:
        name = error.args[0]
        hint = did_you_mean(closest(name, (known for case in cases for known in case.names)))
        hint = hint or f"a case is called as its file is, for example {cases[-1].title}"
        message = f"--skip {name}: there is no such case; {hint}"
        raise click.UsageError(message) from None
    chosen = [case for case in chosen if not quick or is_quick(case)]
    if not chosen:
        raise click.UsageError("--skip leaves out all cases")
    return chosen


def _others(
    golden: Sequence[Case], cases: Sequence[Case], skipped: Sequence[str]
) -> Sequence[Case]:
    """Return the rest of the golden set, without what is skipped."""
    known = {(case.file, case.run) for case in cases}
    return [
        case
        for case in golden
        if (case.file, case.run) not in known and not case.is_one_of(skipped)
    ]


def _conditions(
    spellings: tuple[tuple[str, str], ...], timeout: float, memory: int, python: str | None,
    further: Callable[[], Sequence[Case]], *, strict: bool,
) -> Conditions:  # fmt: skip
    from mgraph.grade.classroom import Conditions  # noqa: PLC0415
    from mgraph.grade.processes import ResourceLimits  # noqa: PLC0415

    limits = ResourceLimits(timeout, memory * _MIB)
    return Conditions(dict(spellings), limits, python or "", strict=strict, further=further)


def _grade(
    engine: str | None, cmd: str | None, cases: Sequence[Case], conditions: Conditions
) -> Report:
    from mgraph.grade.processes import CommandEngine, EndedError, PythonEngine  # noqa: PLC0415
    from mgraph.grade.runner import (  # noqa: PLC0415
        make_report,
        run_command_engine,
        run_python_engine,
    )

    names, limits, further = conditions.names, conditions.limits, conditions.further
    about: dict[str, str | None] = {"name": printable(cmd or engine or "")}
    problem = ""
    if engine is not None:
        driven = PythonEngine(engine, names, conditions.python, limits)
        try:
            about |= driven.start()
        except EndedError as error:
            message = f"{printable(engine)} can't be graded: {printable(str(error))}"
            raise click.ClickException(message) from None
        problem = driven.problem
        outcomes: Iterator[Outcome] = run_python_engine(cases, driven, further)
    else:
        outcomes = run_command_engine(cases, CommandEngine(cmd or "", limits), further)
    graded = _counted_off(islice(outcomes, len(cases)), len(cases), "grading")
    others: Sequence[Outcome] = ()
    if (first := next(outcomes, None)) is not None:
        others = _counted_off(chain([first], outcomes), len(further()), "finding out why")
    return make_report(about, graded, further=others, strict=conditions.strict, problem=problem)


def _counted_off(outcomes: Iterable[Outcome], count: int, what: str) -> list[Outcome]:
    """Return the outcomes as they come, with a progress bar."""
    done: list[Outcome] = []
    with progress(count, what) as bar:
        for outcome in outcomes:
            done.append(outcome)
            bar.step()
    return done


def _rounding(report: Report) -> Rounding:
    from mgraph.grade.rounding import rounding_of  # noqa: PLC0415 - only if it is asked for

    return rounding_of(report.outcomes)


# --- what is printed -----------------------------------------------------------------------------


def _print(report: Report, rounding: Rounding | None, *, hide: bool, err: bool) -> None:
    about = report.engine
    versions = [about.get("version"), about.get("python") and f"Python {about['python']}"]
    text = ", ".join(filter(None, versions))
    click.echo(f"{printable(about['name'] or '')}{f' ({text})' if text else ''}", err=err)
    _print_cases(report, hide=hide, err=err)
    if report.problem:
        text = f"no case can be run: {report.problem}"
        click.echo(f"\n{styled(prose(text, '  ', width(err=err)), 'red')}", err=err)
    else:
        _print_unsupported(report, err=err)
    for cause in report.causes:
        _print_cause(cause, hide=hide, err=err)
    _print_unknown(report, err=err)
    _print_varying(report, err=err)
    _print_leaves_only(report, err=err)
    _print_further(report, err=err)
    if report.borrowed:
        click.echo(f"\nnote: {report.borrowed}", err=err)
    if rounding is not None:
        click.echo(f"\n{prose(rounding.sentence(), '  ', width(err=err))}", err=err)
    click.echo(_summary(report), err=err)


def _print_cases(report: Report, *, hide: bool, err: bool) -> None:
    """Print a line for each file and outcome that isn't ok, with the first run of that outcome."""
    files: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in report.outcomes:
        if outcome.outcome not in (Verdict.OK, Verdict.UNSUPPORTED):
            files.setdefault((outcome.case.file, outcome.outcome), []).append(outcome)
    shown = sorted(files.values(), key=lambda outcomes: not report.fails(outcomes[0]))
    cells = [_case_cells(report, outcomes, hide=hide) for outcomes in islice(shown, _SHOWN)]
    if cells:
        taken = sum(max(len(click.unstyle(row[i])) for row in cells) + 2 for i in range(3))
        room = max(30, width(err=err) - taken)
        rows = [(*row[:3], clipped(row[3], room)) for row in cells]
        click.echo("", err=err)
        table(("case", "outcome", "cause", "what was seen"), rows, err=err)
    if len(shown) > _SHOWN:
        left = counted(len(shown) - _SHOWN, "more file")
        click.echo(f"… and {left}; --json lists every case", err=err)


def _case_cells(report: Report, outcomes: Sequence[Outcome], *, hide: bool) -> tuple[str, ...]:
    first = outcomes[0]
    more = f" ({len(outcomes)} runs)" if len(outcomes) > 1 else ""
    return (
        clipped(printable(f"{first.case.title}{more}"), _TITLE),
        styled(first.outcome, _COLOURS[first.outcome]),
        printable(first.cause or ("unknown" if report.fails(first) else "")),
        printable(first.line(hide=hide)),
    )


def _print_unsupported(report: Report, *, err: bool) -> None:
    unsupported = [x for x in report.outcomes if x.outcome == Verdict.UNSUPPORTED]
    refused: dict[str, dict[str, None]] = {}
    for outcome in filter(_is_refused, unsupported):
        refused.setdefault(_refusal(outcome), {})[_missing(outcome)] = None
    there = dict.fromkeys(chain.from_iterable(refused.values()))
    missing = dict.fromkeys(_missing(x) for x in unsupported if _missing(x) not in there)
    left_out = [*missing, *there]
    names = [x for x in missing if x == "2 ** x" or _REVERSED.get(x) not in left_out]
    texts = [f"refused, and not graded: {', '.join(of)}: {why}" for why, of in refused.items()]
    texts += [f"missing, and not graded: {', '.join(names)}"] if names else []
    for text in texts:
        click.echo(f"\n{prose(printable(text), '  ', width(err=err))}", err=err)


def _is_refused(outcome: Outcome) -> bool:
    """Whether an engine has an op, but refuses Values as its operands."""
    answer = outcome.answer
    if answer.step is None or answer.failure is None:
        return False
    op, kinds = answer.program.steps[answer.step].op, answer.program.kinds(answer.step)
    is_refusal = answer.failure.exception == AssertionError.__name__
    return is_refusal and op != "pow" and "N" not in kinds and bool(answer.failure.line)


def _refusal(outcome: Outcome) -> str:
    """Return the error with which an op refuses its operands, and where it is raised."""
    failure = outcome.answer.failure
    return f"{outcome.answer.error} ({failure.file}, line {failure.line})" if failure else ""


def _missing(outcome: Outcome) -> str:
    """Name what an engine doesn't support, as one would write it."""
    answer = outcome.answer
    if answer.step is None:
        return answer.error.partition("unsupported: ")[2] or answer.error
    op, kinds = answer.program.steps[answer.step].op, answer.program.kinds(answer.step)
    if kinds == "NV":
        return f"2 {SYMBOLS[op]} x" if op in SYMBOLS else op
    return "x ** y" if (op, kinds) == ("pow", "VV") else op


def _print_cause(cause: Any, *, hide: bool, err: bool) -> None:  # noqa: ANN401 - imported when used
    room = width(err=err)
    count = counted(len(cause.cases), "case")
    head = styled(f"{cause.id}{f' in {cause.op}' if cause.op else ''}", "red")
    click.echo(f"\n{head}, {count}", err=err)
    lesson = cause.lesson
    parts = [f"{printable(cause.sentence)}.", "" if hide else printable(cause.explanation)]
    for part in filter(None, parts):
        click.echo(f"  {prose(part, '  ', room)}", err=err)
    if not hide:  # the file has the numbers, and its doc may mention them
        click.echo(f"  mgraph view {shlex.quote(_shown_path(lesson.file))}", err=err)


def _shown_path(file: str) -> str:
    """Return a path as one would type it here; in a checkout, the one of its golden set."""
    checkout = os.path.join("fixtures", "pack", os.path.basename(file))
    if os.path.exists(checkout) and os.path.samefile(checkout, file):
        return printable(checkout)
    relative = os.path.relpath(file)
    return printable(relative if len(relative) < len(file) else file)


def _print_unknown(report: Report, *, err: bool) -> None:
    from mgraph.grade.evidence import BUDGET  # noqa: PLC0415 - imported by now

    unknown = [x for x in report.outcomes if x.failed and not x.cause]
    wrong = [x for x in unknown if x.answer.has_numbers]
    why = (
        "no combination of the mistakes that mgraph knows explains the numbers"
        if report.is_complete
        else f"the search for one stopped at its limit of {BUDGET:,} simulated steps"
    )
    without = "there are no numbers to tell from"
    for cases, reason in ((wrong, why), (unknown[: len(unknown) - len(wrong)], without)):
        if cases:
            text = f"{counted(len(cases), 'case')}: cause unknown; {reason}"
            click.echo(f"\n{prose(text, '  ', width(err=err))}", err=err)


def _print_varying(report: Report, *, err: bool) -> None:
    varying = sum(outcome.answer.varies for outcome in report.outcomes)
    if varying:
        text = (
            f"{counted(varying, 'case')}: the numbers change between runs, for example because the "
            "engine goes through a set; they were graded in one order"
        )
        click.echo(f"\n{prose(text, '  ', width(err=err))}", err=err)


def _print_leaves_only(report: Report, *, err: bool) -> None:
    """Say that an engine has gradients of leaves only, unless its cases say so."""
    if report.has_leaves_only and not any(x.cause == "interior" for x in report.outcomes):
        text = "only leaves have gradients, which is a convention; the engine was graded by them"
        click.echo(f"\n{prose(text, '  ', width(err=err))}", err=err)


def _print_further(report: Report, *, err: bool) -> None:
    if report.causes and report.further:
        text = (
            f"the causes were found with {counted(report.further, 'further case')} of the golden "
            "set, which aren't counted"
        )
        click.echo(f"\n{prose(text, '  ', width(err=err))}", err=err)


def _summary(report: Report) -> str:
    parts = [
        styled(f"{count:,} {outcome}", _COLOURS[outcome] if count else None)
        for outcome, count in report.counts.items()
        if count or outcome == Verdict.OK
    ]
    return f"\n{counted(len(report.outcomes), 'case')}: {', '.join(parts)}"


def _because(report: Report, outcome: Outcome) -> str:
    """Return the cause of a failure, and the sentence about it."""
    cause = report.cause_of(outcome)
    return f"\n{cause.id}{f' in {cause.op}' if cause.op else ''}: {cause.sentence}" if cause else ""


def _write_junit(path: str, report: Report, *, hide: bool) -> None:
    from mgraph.golden.junit import ReportLine, xml  # noqa: PLC0415 - only here

    lines = [
        ReportLine(
            outcome.case.file,
            f"run {outcome.case.run}",
            f"{outcome.outcome}: {outcome.line(hide=hide)}{_because(report, outcome)}",
            failed=report.fails(outcome),
            skipped=outcome.outcome == Verdict.UNSUPPORTED,
        )
        for outcome in report.outcomes
    ]
    written = xml("mgraph grade", lines)
    write_output(path, [written])
