"""`mgraph grade --engines`: the engines of a class."""

from __future__ import annotations

import os
import shlex
import sys
from collections import Counter
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import click

from mgraph.cli.files import STREAM, naming, read_bytes, write_output
from mgraph.cli.output import print_json
from mgraph.cli.parameters import FolderPath, GraphPath, OutputPath
from mgraph.cli.terminal import clipped, counted, progress, prose, styled, table, width
from mgraph.errors import printable, some

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mgraph.codec import Limits
    from mgraph.grade.cases import Case
    from mgraph.grade.classroom import Conditions, Graded
    from mgraph.grade.hand_ins import HandIn
    from mgraph.grade.sandbox import Sandbox

F = TypeVar("F", bound="Callable[..., Any]")

_LONGEST_NAME: Final = 28
_LISTED: Final = 8


class ClassOptions(NamedTuple):
    """The options about a class, as they were given."""

    engines: str | None = None
    class_name: str | None = None
    points: str | None = None
    csv: str | None = None
    workers: int | None = None
    sandbox: str | None = None


_OPTIONS: Final = (
    click.option(
        "--engines", type=FolderPath(), metavar="DIR",
        help="Grade a class: each Python file and each folder in DIR is one engine.",
    ),
    click.option(
        "--class", "class_name", metavar="NAME",
        help="The name of the class in --engines. Default: the only one with a backward method, or "
        "the one with a usual name, such as Value.",
    ),
    click.option(
        "--points", type=GraphPath(), metavar="FILE",
        help="What ops, causes and cases are worth, for --engines: a JSON object such as "
        '{"mul": 2, "overwritten": 1, "diamond": 1}.',
    ),
    click.option(
        "--csv", type=OutputPath(), metavar="FILE",
        help="Also write the results of --engines as a table for a spreadsheet.",
    ),
    click.option(
        "--workers", type=click.IntRange(1), metavar="N",
        help="How many engines of --engines run at the same time. Default: the number of CPUs.",
    ),
    click.option(
        "--sandbox", type=click.Choice(("auto", "require", "off")), metavar="MODE",
        help="Run --engines in bubblewrap, where they see no network, no home and nobody's files: "
        "auto, the default, if that works here; require; or off.",
    ),
)  # fmt: skip


def class_options(command: F) -> F:
    """Add the options about a class to a command, as the parameter `classroom`."""

    @wraps(command)
    def with_class(**parameters: Any) -> Any:  # noqa: ANN401
        options = ClassOptions(**{name: parameters.pop(name) for name in ClassOptions._fields})
        return command(classroom=options, **parameters)

    result: Any = with_class
    for option in reversed(_OPTIONS):
        result = option(result)
    return result  # type: ignore[no-any-return]


def check_class(options: ClassOptions, cmd: str | None) -> None:
    """Refuse options that can't be combined."""
    if options.engines is None:
        for field, given in zip(options._fields, options, strict=True):
            if given is not None:
                option = field.removesuffix("_name")
                message = f"--{option} is for a class: name its folder by --engines DIR"
                raise click.UsageError(message)
    elif cmd is not None:
        message = "--engines can't be combined with --cmd: it grades classes in Python"
        raise click.UsageError(message)


class Outputs(NamedTuple):
    """What is written about a class, and where.

    Attributes:
        hide: Whether the expected numbers are left out.
        as_json: Whether standard output is JSON.
        junit: The file for a JUnit XML report, or None.
        csv: The file for a table, or None.
    """

    hide: bool
    as_json: bool
    junit: str | None
    csv: str | None

    @property
    def err(self) -> bool:
        """Whether people read standard error, because a file goes to standard output."""
        return STREAM in (self.junit, self.csv)


def grade_folder(  # noqa: D417 - the others are as in `classroom`
    options: ClassOptions, cases: Sequence[Case], all_cases: Sequence[Case],
    conditions: Conditions, outputs: Outputs, limits: Limits,
) -> int:  # fmt: skip
    """Grade the engines in a folder, print the results, and return the exit status.

    Args:
        all_cases: The cases, and those that are skipped.
    """
    from mgraph.grade.marks import as_json  # noqa: PLC0415 - only for a class

    handed_in = _hand_ins(options, limits)
    points = _points(options.points, all_cases, limits)
    sandbox = _sandbox(options, conditions.python)
    workers = options.workers or os.cpu_count() or 1
    results = _grade(handed_in, cases, conditions._replace(sandbox=sandbox), workers)
    try:
        _write(results, cases, points, outputs)
    finally:  # results that took minutes are printed even if they can't be written
        if outputs.as_json:
            reports = [as_json(x, cases, points, hide=outputs.hide) for x in results]
            print_json(reports, err=outputs.err)
        else:
            _print(results, cases, points, err=outputs.err)
            _print_left_out(options.engines or "", err=outputs.err)
    return 1 if any(graded.failed for graded in results) else 0


def _hand_ins(options: ClassOptions, limits: Limits) -> Sequence[HandIn]:
    from mgraph.grade.hand_ins import hand_ins  # noqa: PLC0415

    folder = options.engines
    if not folder:
        raise click.UsageError("--engines needs the name of a folder")
    try:
        handed_in = hand_ins(Path(folder), options.class_name or "", limits)
    except NotADirectoryError:
        message = (
            f"--engines {folder} is not a folder: name the one that holds a file or folder for "
            f"each learner, or grade one engine: mgraph grade {shlex.quote(folder)}:Value"
        )
        raise click.ClickException(message) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", "") or error
        raise click.ClickException(f"--engines {folder} can't be read: {reason}") from None
    if not handed_in:
        message = f"there is nothing to grade in {folder}: no Python file and no folder"
        raise click.ClickException(message)
    return handed_in


def _points(path: str | None, cases: Sequence[Case], limits: Limits) -> Mapping[str, float] | None:
    from mgraph.grade.points import read_points  # noqa: PLC0415

    if path is None:
        return None
    with naming(path):
        return read_points(read_bytes(path, limits), cases, limits)


def _sandbox(options: ClassOptions, python: str) -> Sandbox | None:
    """Return the sandbox that is wanted; say once if there is none although it may be expected."""
    from mgraph.grade.sandbox import Sandbox, SandboxError  # noqa: PLC0415

    if options.sandbox == "off":
        return None
    try:
        return Sandbox(python, [Path(options.engines or "").resolve()])
    except SandboxError as error:
        reason = printable(str(error))
    if options.sandbox == "require":
        raise click.ClickException(f"--sandbox require: {reason}")
    if sys.platform == "linux":
        click.echo(f"note: engines run without a sandbox, as you: {reason}", err=True)
    return None


def _grade(
    handed_in: Sequence[HandIn], cases: Sequence[Case], conditions: Conditions, workers: int
) -> list[Graded]:
    from mgraph.grade.classroom import grade_class  # noqa: PLC0415

    results: dict[int, Graded] = {}
    with progress(len(handed_in), "grading") as bar:
        for number, graded in grade_class(handed_in, cases, conditions, workers):
            results[number] = graded
            bar.step()
    return [graded for _, graded in sorted(results.items())]


def _write(
    results: Sequence[Graded], cases: Sequence[Case], points: Mapping[str, float] | None,
    outputs: Outputs,
) -> None:  # fmt: skip
    """Write the files that are wanted."""
    from mgraph.golden.junit import xml  # noqa: PLC0415 - only for a class
    from mgraph.grade.marks import as_csv, junit_lines  # noqa: PLC0415

    if outputs.junit:
        lines = [*junit_lines(results, hide=outputs.hide)]
        write_output(outputs.junit, [xml("mgraph grade", lines)])
    if outputs.csv:
        write_output(outputs.csv, [as_csv(results, cases, points)])


# --- what is printed -----------------------------------------------------------------------------


def _print(
    results: Sequence[Graded], cases: Sequence[Case], points_by_case: Mapping[str, float] | None, *,
    err: bool,
) -> None:  # fmt: skip
    """Print a line for each engine, the causes that were found in the class, and a count."""
    from mgraph.grade.points import points_of  # noqa: PLC0415

    header = ["name", "points", "passed", "what is wrong"]
    rows = []
    for graded in results:
        points = points_of(graded.report, cases, points_by_case)
        row = [clipped(graded.hand_in.title, _LONGEST_NAME), f"{points.got:g}/{points.of:g}"]
        rows.append([*row, _passed(graded, len(cases)), _what_is_wrong(graded)])
    if points_by_case is None:
        header, *rows = ([*row[:1], *row[2:]] for row in (header, *rows))
    last = len(header) - 1
    taken = sum(max(len(row[i]) for row in (header, *rows)) + 2 for i in range(last))
    room = max(30, width(err=err) - taken)
    styled_rows = [
        (*row[:-1], styled(clipped(row[-1], room), "red" if graded.failed else None))
        for graded, row in zip(results, rows, strict=True)
    ]
    table(header, styled_rows, err=err)
    _print_problems(results, err=err)
    _print_causes(results, err=err)
    _print_example(results, err=err)
    click.echo(_summary(results), err=err)


def _passed(graded: Graded, count: int) -> str:
    from mgraph.grade.marks import counts  # noqa: PLC0415

    return "-" if graded.problem else f"{counts(graded.report)[0]}/{count}"


def _what_is_wrong(graded: Graded) -> str:
    from mgraph.grade.marks import causes, missing_ops  # noqa: PLC0415

    if graded.problem:
        return "can't be graded"
    missing = missing_ops(graded.report)
    lacks = [f"lacks {some(missing, _LISTED)}"] if missing else []
    return "; ".join([*causes(graded.report), *lacks])


def _print_problems(results: Sequence[Graded], *, err: bool) -> None:
    """Print why engines can't be graded, which the table has no room for."""
    problems = [graded for graded in results if graded.problem]
    if problems:
        click.echo("", err=err)
    for graded in problems:
        text = f"{graded.hand_in.title} can't be graded: {printable(graded.problem)}"
        click.echo(prose(text, "  ", width(err=err)), err=err)


def _print_causes(results: Sequence[Graded], *, err: bool) -> None:
    """Print how many engines have which cause, and in which ops."""
    engines: Counter[str] = Counter()
    ops: dict[str, Counter[str]] = {}
    for graded in results:
        causes = graded.report.causes
        engines.update({cause.id: 1 for cause in causes})
        for cause in causes:
            ops.setdefault(cause.id, Counter()).update([cause.op] if cause.op else [])
    rows = [
        (cause, str(count), ", ".join(f"{op} {n}" for op, n in ops[cause].most_common()))
        for cause, count in engines.most_common()
    ]
    if rows:
        click.echo("", err=err)
        table(("cause", "engines", "in"), rows, err=err)


def _print_example(results: Sequence[Graded], *, err: bool) -> None:
    """Print the command that says more about an engine."""
    failing = (x for x in results if x.failed and x.hand_in.class_name)
    failed = min(failing, key=lambda x: bool(x.problem), default=None)
    if failed is not None:
        target = f"{failed.hand_in.file}:{failed.hand_in.class_name}"
        click.echo(f"\nmore about one: mgraph grade {printable(shlex.quote(target))}", err=err)


def _summary(results: Sequence[Graded]) -> str:
    problems = sum(bool(graded.problem) for graded in results)
    failed = sum(graded.failed for graded in results) - problems
    parts = [f"{len(results) - failed - problems:,} passed"]
    parts += [styled(f"{failed:,} failed", "red")] if failed else []
    parts += [styled(f"{problems:,} can't be graded", "red")] if problems else []
    return f"\n{counted(len(results), 'engine')}: {', '.join(parts)}"


def _print_left_out(folder: str, *, err: bool) -> None:
    from mgraph.grade.hand_ins import left_out  # noqa: PLC0415

    if names := left_out(Path(folder)):
        listed = some(map(printable, names), _LISTED)
        click.echo(prose(f"not graded: {listed}", "  ", width(err=err)), err=err)
