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
    help="Write the graph to this file, .json or .msgpack; - is standard output.",
)  # fmt: skip
@click.option(
    "--class", "wanted", metavar="MODULE:CLASS",
    help="The engine's class, for example micrograd.engine:Value. Default: any class that looks "
    "like micrograd's Value.",
)  # fmt: skip
@click.option(
    "--call", type=click.IntRange(min=0), metavar="N",
    help="Record this call of backward, counted from 0. Default: the last one.",
)  # fmt: skip
@click.option(
    "--output", metavar="NAME",
    help="Record the graph of this variable of the script as it is when the script ends; backward "
    "need not have been called.",
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
    call: int | None,
    output: str | None,
    inputs: tuple[str, ...],
    as_json: bool,  # noqa: FBT001 - click calls by name
) -> int:
    """Run a Python script, and record the graph that its autograd engine builds.

    The script is executed as `python SCRIPT ARGS` would do it: trace only scripts you trust. The
    engine is any Python class like micrograd's Value. mgraph records its operators and methods, and
    the gradients that backward computes: the file is a golden test with that engine's numbers.
    Options for the script go after --.

    The exit status is 1 if nothing was recorded, if the script failed, or if mgraph's own numbers
    differ from the engine's. Unless nothing was recorded, the file is still written.

    \b
    Examples:
      mgraph trace train.py -o train.json
      mgraph trace train.py --call 0 -o first.json -- --steps 20
      mgraph trace train.py --class micrograd.engine:Value --input x -o train.json
    """  # noqa: D301 - \b is click's
    check_extension(out)
    if call is not None and output is not None:
        message = "--call and --output can't be combined: --output needs no call of backward"
        raise click.UsageError(message)
    if not Path(out).parent.is_dir():  # before a script that may take hours
        message = f"can't write {printable(out)}: there is no such folder"
        raise GraphError.of("io", message)
    with redirect_stdout(sys.stderr) if as_json or out == STREAM else nullcontext():
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
    summary = _summary(traced, graph, out)
    if as_json:
        print_json(summary, err=out == STREAM)
    else:
        _print(summary, err=out == STREAM)
    return 0 if summary["agrees"] and not traced.failed else 1


def _summary(traced: Traced, graph: Graph, out: str) -> dict[str, Any]:
    """Summarise a recorded graph as plain data."""
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
    count = counted(summary["numbers"], "number")
    if summary["agrees"]:
        rows.append(("agrees", f"mgraph computes the same {count}"))
    else:
        first = summary["first"]
        both = f"the engine says {first['engine']!r}, mgraph computes {first['mgraph']!r}"
        text = f"{summary['wrong']:,} of {count}; the first is {first['field']} of {first['node']}"
        rows.append(("differs", f"{text}: {both}"))
    if summary["stale"] and not summary["agrees"]:
        text = f"{some(summary['stale'])} already had a gradient; backward added to it"
        rows.append(("note", text))
    for name, text in rows:
        click.echo(f"{name:<9} {text}", err=err)


def _which_call(call: int, calls: int) -> str:
    if calls == 1:
        return "its only call"
    return f"call {call} of {calls:,}, counted from 0" + (": the last" if call == calls - 1 else "")
