"""`mgraph trace`."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

import click

from mgraph.cli.files import STREAM, check_extension, write_graph
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import GraphPath, OpSpelling
from mgraph.cli.terminal import counted, print_error
from mgraph.codec import spelled as spelled_number
from mgraph.errors import GraphError, printable, some
from mgraph.trace.capture import (
    compared,
    disagreements,
    refusal,
    refused_inputs,
    with_inputs,
)
from mgraph.trace.classes import spelled
from mgraph.trace.script import Traced, trace
from mgraph.trace.spellings import Spellings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from mgraph.document import Graph
    from mgraph.golden.rerun import Mismatch


_INTERRUPTED: Final = 130
_NOTES: Final = 5


@click.command("trace", short_help="Record the graph that a Python script builds.")
@click.argument("script", type=GraphPath(), metavar="SCRIPT")
@click.argument("args", nargs=-1, metavar="[ARGS]...")
@click.option(
    "-o", "--out", "out", type=GraphPath(), required=True, metavar="FILE",
    help="Write the graph to this file, .json or .msgpack; - is standard output.",
)  # fmt: skip
@click.option(
    "--class", "wanted", metavar="MODULE:CLASS",
    help="The engine's class, for example micrograd.engine:Value. Default: any class that looks "
    "like micrograd's Value.",
)  # fmt: skip
@click.option(
    "--op", "spellings", type=OpSpelling(), multiple=True, metavar="NAME=SPELLING",
    help="How the engine spells an op (or backward, data, grad): a method, or a function as "
    "FUNCTION or MODULE:FUNCTION; (ARGUMENT) may follow. number=FUNCTION is what turns plain "
    "numbers into Values.",
)  # fmt: skip
@click.option(
    "-m", "--module", "is_module", is_flag=True,
    help="SCRIPT is the name of a module, as for python -m: for modules with relative imports.",
)  # fmt: skip
@click.option(
    "--call", type=click.IntRange(min=0), metavar="N",
    help="Record this call of backward, counted from 0. Default: the last one.",
)  # fmt: skip
@click.option(
    "--output", metavar="NAME",
    help="Record the graph of this global variable of the script as it is when the script ends; "
    "backward need not have been called. A function's variable is only known if the last backward "
    "was called on it.",
)  # fmt: skip
@click.option(
    "--input", "inputs", multiple=True, metavar="ID",
    help="Make this leaf an input. Default: all leaves are params.",
)  # fmt: skip
@json_option
def command(
    script: str,
    args: tuple[str, ...],
    out: str,
    wanted: str | None,
    spellings: tuple[tuple[str, str], ...],
    is_module: bool,  # noqa: FBT001 - click calls by name
    call: int | None,
    output: str | None,
    inputs: tuple[str, ...],
    as_json: bool,  # noqa: FBT001
) -> int:
    """Run a Python script, and record the graph that its autograd engine builds.

    The script is executed as `python SCRIPT ARGS` would do it: trace only scripts you trust. The
    engine is any Python class like micrograd's Value. mgraph records its operators and methods, and
    the gradients that backward computes: the file is a golden test with that engine's numbers.
    Options for the script go after --.

    What was recorded is also written if the script is interrupted or ends the process itself.

    The exit status is 1 if nothing was recorded, if the script failed, if mgraph's own numbers
    differ from the engine's, if backward left no gradient to compare, or if an --input is not a
    leaf. Unless nothing was recorded, or not what --output names, the file is still written.

    \b
    Examples:
      mgraph trace train.py -o train.json
      mgraph trace train.py --call 0 -o first.json -- --steps 20
      mgraph trace train.py --class micrograd.engine:Value --input x -o train.json
      mgraph trace train.py --op tanh=squash -o train.json
      mgraph trace -m homework.train -o train.json
    """  # noqa: D301 - \b is click's
    check_extension(out)
    _check_spellings(spellings)
    if call is not None and output is not None:
        message = "--call and --output can't be combined: --output needs no call of backward"
        raise click.UsageError(message)
    if not Path(out).parent.is_dir():  # before a script that may take hours
        message = f"can't write {printable(out)}: there is no such folder"
        raise GraphError.of("io", message, file=out)
    to_stderr = as_json or out == STREAM
    target = out if out == STREAM else os.path.abspath(out)  # the script may change its folder
    with ExitStack() as streams:
        streams.enter_context(_streams_of_script(to_stderr=to_stderr))

        def finish(traced: Traced) -> int:
            streams.close()
            return _finish(traced, out, target, call, output, inputs, as_json=as_json)

        last = partial(_status, finish)
        ops = dict(spellings)
        traced = trace(script, args, wanted, call, last, ops=ops, is_module=is_module)
        status = finish(traced)
    sys.stdout.flush()
    if to_stderr and _is_of_system(sys.stdout):
        sys.stdout = sys.stderr  # threads and exit handlers of the script may still print
    return status


def _check_spellings(spellings: Iterable[tuple[str, str]]) -> None:
    """Refuse an argument in a spelling that is not a number or a text in quotes."""
    for name, text in spellings:
        try:
            Spellings({name: text})
        except (SyntaxError, ValueError):
            message = f"--op {name}={text}: write the argument as in Python, for example ('tanh')"
            raise click.UsageError(message) from None


def _status(finish: Callable[[Traced], int], traced: Traced) -> int:
    """Write a recording right before the process ends, and return its exit status."""
    status = 1
    try:
        status = finish(traced)
    except GraphError as error:
        print_error(error)
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except KeyboardInterrupt:
        status = _INTERRUPTED
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    return status


def _finish(
    traced: Traced, out: str, target: str, call: int | None, output: str | None,
    inputs: tuple[str, ...], *, as_json: bool,
) -> int:  # fmt: skip
    """Write what was recorded, and return the exit status."""
    if traced.was_interrupted and output is None and not traced.recording.calls:
        raise KeyboardInterrupt
    if traced.failed:
        click.echo(traced.traceback(), nl=False, err=True)
    calls = traced.recording.calls
    if call is not None and calls and call >= calls:
        message = f"the script calls backward {counted(calls, 'time')}: --call 0 … {calls - 1}"
        raise click.UsageError(message)
    try:
        graph = traced.graph(output, ())
    except GraphError as error:
        raise error.named(traced.file) from None
    refused = refused_inputs(graph, inputs)
    graph = with_inputs(graph, (name for name in inputs if name not in refused))
    write_graph(graph, target, ".json")
    summary = _summary(traced, graph, out)
    if as_json:
        print_json(summary, err=out == STREAM)
    else:
        _print(summary, err=out == STREAM)
    if refused:  # the script may have taken hours: the others are written
        print_error(refusal([*refused.values()]).named(traced.file))
    if traced.was_interrupted:
        return _INTERRUPTED
    lacks_gradients = summary["agrees"] is None and summary["call"] is not None
    is_wrong = summary["agrees"] is False or bool(refused)
    return int(is_wrong or lacks_gradients or traced.failed)


@contextmanager
def _streams_of_script(*, to_stderr: bool) -> Iterator[None]:
    """Let a script print, close and replace the standard streams; afterwards they are as before.

    Args:
        to_stderr: Whether what it prints goes to standard error, also if it prints past Python or
            when the process ends.
    """
    before = sys.stdout, sys.stderr
    ours = [_duplicate(stream) for stream in before]
    if to_stderr:
        sys.stdout = sys.stderr
        if all(map(_is_of_system, before)):
            os.dup2(before[1].fileno(), before[0].fileno())
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr, *before):
            with suppress(Exception):  # whatever the script has put there
                stream.flush()
        sys.stdout, sys.stderr = ours
        if to_stderr and all(map(_is_of_system, ours)):
            sys.stdout = cast("TextIO", _OfThisThread(*ours))


class _OfThisThread:
    """What this thread writes goes to one stream, what the script's other threads do to another."""

    def __init__(self, own: TextIO, of_others: TextIO) -> None:
        self._thread = threading.get_ident()
        self._own = own
        self._of_others = of_others

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute of a stream
        is_own = threading.get_ident() == self._thread
        return getattr(self._own if is_own else self._of_others, name)


def _duplicate(stream: TextIO) -> TextIO:
    """Return another stream to the same place; the stream itself if it is not one of the system."""
    if not _is_of_system(stream):
        return stream
    file = os.dup(stream.fileno())
    return open(file, "w", encoding=stream.encoding, errors=stream.errors)


def _is_of_system(stream: TextIO) -> bool:
    try:
        return stream.fileno() >= 0
    except (OSError, ValueError):
        return False


def _summary(traced: Traced, graph: Graph, out: str) -> dict[str, Any]:
    """Summarise a recorded graph as plain data."""
    run = graph.runs[0]
    wrong = disagreements(graph)
    values, gradients = compared(graph)
    recording = traced.recording
    return {
        "file": None if out == STREAM else out,
        "nodes": len(graph),
        "output": graph.outputs[0],
        "origin": run.origin,
        "class": spelled(recording.engine),
        "call": recording.call,
        "calls": recording.calls,
        "numbers": len(run.data or ()) + len(run.grad or ()),
        "values": values,
        "gradients": gradients,
        "agrees": False if wrong else True if gradients else None,
        "wrong": len(wrong),
        "first": _mismatch(wrong[0]) if wrong else None,
        "stale": [graph.columns.ids[i] for i in recording.stale],
        "notes": [*traced.unknown_spellings(), *(recording.notes if wrong else ())],
    }


def _mismatch(first: Mismatch) -> dict[str, Any]:
    """Describe a number that differs: `got` is mgraph's, `want` the engine's."""
    pair = {"mgraph": first.got, "engine": first.want}
    numbers = {key: None if x is None else spelled_number(x) for key, x in pair.items()}
    return {"node": first.node, "field": first.field, **numbers}


def _print(summary: Mapping[str, Any], *, err: bool) -> None:
    file = printable(summary["file"] or "standard output")
    size = f"{counted(summary['nodes'], 'node')}, output {summary['output']}"
    rows = [("wrote", f"{file}: {size}")]
    rows.append(("engine", f"{printable(summary['origin'])}, class {printable(summary['class'])}"))
    if summary["call"] is not None:
        rows.append(("backward", _which_call(summary["call"], summary["calls"])))
    rows.extend(_comparison(summary))
    if summary["stale"] and summary["agrees"] is False:
        text = f"{some(summary['stale'])} already had a gradient; backward added to it"
        rows.append(("note", text))
    rows.extend(("note", note) for note in summary["notes"][:_NOTES])
    for name, text in rows:
        click.echo(f"{name:<9} {text}", err=err)


def _comparison(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the rows that say whether mgraph computes the same numbers."""
    values, gradients = (counted(summary[key], key[:-1]) for key in ("values", "gradients"))
    if summary["agrees"]:
        yield "agrees", f"mgraph computes the same {values} and {gradients}"
        return
    first = summary["first"]
    if first is not None:
        both = f"the engine says {first['engine']!r}, mgraph computes {first['mgraph']!r}"
        numbers = counted(summary["values"] + summary["gradients"], "number")
        count = f"{summary['wrong']:,} of {numbers} ({values}, {gradients})"
        text = f"{count}; the first is {first['field']} of {first['node']}"
        yield "differs", f"{text}: {both}"
    else:
        yield "values", f"mgraph computes the same {values}"
    if not summary["gradients"]:
        why = "backward was not called on this output"
        if summary["call"] is not None:
            why = "backward left no gradient on the engine's Values"
        yield "gradients", f"none were compared: {why}"


def _which_call(call: int, calls: int) -> str:
    if calls == 1:
        return "its only call"
    return f"call {call} of {calls:,}, counted from 0" + (": the last" if call == calls - 1 else "")
