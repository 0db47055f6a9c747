"""`mgraph trace`."""

from __future__ import annotations

import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mgraph.cli.files import STREAM, check_extension, write_graph
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import GraphPath
from mgraph.cli.terminal import counted
from mgraph.codec import spelled as spelled_number
from mgraph.errors import GraphError, printable, some
from mgraph.trace.capture import disagreements
from mgraph.trace.classes import spelled
from mgraph.trace.script import Traced, trace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mgraph.document import Graph
    from mgraph.golden.rerun import Mismatch


@click.command("trace", short_help="Record the graph that a Python script builds.")
@click.argument("script", type=GraphPath(), metavar="SCRIPT")
@click.argument("args", nargs=-1, metavar="[ARGS]...")
@click.option(
    "-o", "--out", "out", type=GraphPath(), required=True, metavar="FILE",
    help="Where to write: .json or .msgpack.",
)  # fmt: skip
@click.option(
    "--class", "wanted", metavar="MODULE:CLASS",
    help="The class of the engine. Default: any that looks like micrograd's Value.",
)  # fmt: skip
@click.option(
    "--call", type=click.IntRange(min=0), metavar="N",
    help="Which call of backward to record, from 0. Default: the last.",
)  # fmt: skip
@click.option(
    "--output", metavar="NAME",
    help="Record what led to this variable of the script, as it is when the script ends; "
    "backward need not have been called.",
)  # fmt: skip
@click.option(
    "--input", "inputs", multiple=True, metavar="ID",
    help="A leaf that is to be an input. Default: all leaves are params.",
)  # fmt: skip
@json_option
def command(
    script: str,
    args: tuple[str, ...],
    out: str,
    wanted: str | None,
    call: int | None,
    output: str | None,
    inputs: tuple[str, ...],
    as_json: bool,  # noqa: FBT001 - click calls by name
) -> int:
    """Run a Python script, and record the graph that its autograd engine builds.

    The script runs as code, as `python SCRIPT ARGS` would run it: trace only what you trust. Its
    engine is any class in Python like micrograd's Value. Its operators and methods are recorded,
    and what backward leaves in them: the file is a golden test with that engine's numbers.
    Options for the script stand behind --.

    Exit status 1: nothing was recorded, or the script failed, or mgraph's own numbers differ from
    those of the engine; then the file is written all the same.

    \b
    Examples:
      mgraph trace train.py -o train.json
      mgraph trace train.py --call 0 -o first.json -- --steps 20
      mgraph trace train.py --class micrograd.engine:Value --input x -o train.json
    """  # noqa: D301 - \b is click's
    check_extension(out)
    if call is not None and output is not None:
        message = "--call picks a backward, --output needs none: give one of them"
        raise click.UsageError(message)
    if not Path(out).parent.is_dir():  # before a script that may take hours
        message = f"can't write {printable(out)}: there is no such folder"
        raise GraphError.of("io", message)
    aside = redirect_stdout(sys.stderr) if as_json or out == STREAM else nullcontext()
    with aside:
        traced = trace(script, args, wanted, call)
        sys.stdout.flush()
    if traced.failed:
        click.echo(traced.traceback(), nl=False, err=True)
    calls = traced.recording.calls
    if call is not None and calls and call >= calls:
        message = f"the script calls backward {counted(calls, 'time')}: --call 0 … {calls - 1}"
        raise click.UsageError(message)
    try:
        graph = traced.graph(output, inputs)
    except GraphError as error:
        raise error.named(script) from None
    write_graph(graph, out, ".json")
    told = _told(traced, graph, out)
    if as_json:
        print_json(told, err=out == STREAM)
    else:
        _print(told, err=out == STREAM)
    return 0 if told["agrees"] and not traced.failed else 1


def _told(traced: Traced, graph: Graph, out: str) -> dict[str, Any]:
    """Return what there is to say of a recorded graph, as plain data."""
    run = graph.runs[0]
    wrong = disagreements(graph)
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
        "agrees": not wrong,
        "wrong": len(wrong),
        "first": _mismatch(wrong[0]) if wrong else None,
        "stale": [graph.columns.ids[i] for i in recording.stale],
    }


def _mismatch(first: Mismatch) -> dict[str, Any]:
    """Return a number that differs: `got` is mgraph's, `want` the engine's."""
    numbers = {"mgraph": first.got, "engine": first.want}
    told = {key: None if x is None else spelled_number(x) for key, x in numbers.items()}
    return {"node": first.node, "field": first.field, **told}


def _print(told: Mapping[str, Any], *, err: bool) -> None:
    rows = [("wrote", f"{printable(told['file'] or 'standard output')}: {_size(told)}")]
    rows.append(("engine", f"{printable(told['origin'])}, class {printable(told['class'])}"))
    if told["call"] is not None:
        rows.append(("backward", _which(told["call"], told["calls"])))
    if told["agrees"]:
        rows.append(("agrees", f"mgraph gives the same {counted(told['numbers'], 'number')}"))
    else:
        first = told["first"]
        many = f"in {told['wrong']:,} of {counted(told['numbers'], 'number')}"
        where = f"{first['field']} of {first['node']}"
        both = f"{where} is {first['engine']!r} there, {first['mgraph']!r} by mgraph"
        rows.append(("differs", f"{many}; first, {both}"))
    if told["stale"] and not told["agrees"]:
        what = f"{some(told['stale'])} had a gradient before backward, which was added to"
        rows.append(("note", what))
    for name, text in rows:
        click.echo(f"{name:<9} {text}", err=err)


def _size(told: Mapping[str, Any]) -> str:
    return f"{counted(told['nodes'], 'node')}, output {told['output']}"


def _which(call: int, calls: int) -> str:
    if calls == 1:
        return "its only call"
    return f"call {call} of {calls:,}, counted from 0" + (": the last" if call == calls - 1 else "")
