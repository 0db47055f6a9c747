"""What several verbs share: reading a graph, writing one, and options."""

from __future__ import annotations

import re
import sys
from functools import wraps
from itertools import compress
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import click
from click.shell_completion import CompletionItem

from mgraph.cli.terminal import counted, print_diagnostics
from mgraph.codec import (
    LIMITS,
    MSGPACK,
    SPECIAL,
    Limits,
    decode,
    encoding_of,
    located,
    parse_limit,
    read_file,
    read_stream,
    write_file,
)
from mgraph.document import ENGINES, Graph, as_graph, extension_of
from mgraph.errors import REPORTED, Diagnostic, GraphError, printable, quoted
from mgraph.format.fields import shown
from mgraph.format.numbers import doubles
from mgraph.format.reading import inspect
from mgraph.format.runs import SETTABLE
from mgraph.graph.run import Tolerance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mgraph.graph.columns import Columns

F = TypeVar("F", bound="Callable[..., Any]")

STREAM: Final = "-"


class GraphPath(click.ParamType):  # type: ignore[type-arg] # not generic in click 8.1
    """A graph file, or `-`; completed from the folder."""

    name = "graph"

    def shell_complete(
        self, _ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Let the shell complete file names."""
        return [CompletionItem(incomplete, type="file")]


class NodeId(click.ParamType):  # type: ignore[type-arg] # not generic in click 8.1
    """The id of a node; completed from the graph that stands before it."""

    name = "node"

    def __init__(self, ops: Sequence[str] = ()) -> None:
        """Say which ops a node may have; any if nothing is said."""
        self.ops = ops

    def shell_complete(
        self, ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """List the ids that begin so; none if the graph can't be read."""
        graph = _graph_before(ctx)
        if graph is None:
            return []
        may = (graph.op(i) in self.ops or not self.ops for i in range(len(graph)))
        return _items(compress(graph.ids, may), incomplete)


class OutputId(click.ParamType):  # type: ignore[type-arg] # not generic in click 8.1
    """The id of an output; completed from the graph that stands before it."""

    name = "output"

    def shell_complete(
        self, ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """List the outputs that begin so; none if the graph can't be read."""
        graph = _graph_before(ctx)
        ids = [graph.ids[i] for i in graph.outputs] if graph else []
        return _items(ids, incomplete)


def _graph_before(ctx: click.Context) -> Columns | None:
    """Return the graph of an unfinished command line, if it can be read quickly."""
    # click leaves arguments unassigned while an option still lacks its value
    path = ctx.params.get("graph") or next(iter(ctx.args), "")
    try:
        found = inspect(read_file(path, _SMALL), limits=_SMALL).graph
    except (GraphError, OSError, ValueError):
        return None
    return found.columns if found else None


def _items(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


_SMALL: Final = Limits(size=2**24)  # what may be read between two keystrokes
_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


class Setting(click.ParamType):  # type: ignore[type-arg] # not generic in click 8.1
    """`ID=X`: an id and a number; the number may be left out where `optional`."""

    name = "ID=X"

    def __init__(self, ids: click.ParamType | None = None, *, optional: bool = False) -> None:  # type: ignore[type-arg]
        """Say what completes the id, and whether `ID` alone will do."""
        self.ids = ids
        self.optional = optional

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """List the ids that begin so, each with its `=`."""
        found = self.ids.shell_complete(ctx, param, incomplete) if self.ids else []
        return [CompletionItem(f"{each.value}=") for each in found]

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, float | None]:
        """Split an id from its number."""
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not name or (not equals and not self.optional):
            self.fail(f"write ID=X, for example {name or 'w1'}=0.5", param, ctx)
        if not equals:
            return name, None
        if text in SPECIAL:
            return name, SPECIAL[text]
        if not _NUMBER.fullmatch(text):
            self.fail(f"{text!r} is no number: write {name}=0.5", param, ctx)
        number = float(text)
        if not isfinite(number):
            self.fail(f"{text} is beyond every double: write {name}=inf if you mean it", param, ctx)
        return name, number


def limit_option(command: F) -> F:
    """Add `--limit NAME=N` to a verb that reads files; it gets `limits`."""

    def limits_of(_ctx: click.Context, param: click.Parameter, given: Sequence[str]) -> Limits:
        try:
            return LIMITS.raised(dict(map(parse_limit, given)))
        except ValueError as error:
            raise click.BadParameter(str(error), param=param) from None

    return click.option(
        "--limit",
        "limits",
        metavar="NAME=N",
        multiple=True,
        callback=limits_of,
        help="Change a limit of reading: size, nodes, depth, text, doc, args or runs.",
    )(command)


def engine_option(command: F) -> F:
    """Add `--engine` to a verb."""
    return click.option(
        "--engine",
        type=click.Choice(ENGINES),
        default="auto",
        show_default=True,
        help="What evaluates the graph.",
    )(command)


def not_negative(_ctx: click.Context, param: click.Parameter, x: float | None) -> float | None:
    """Refuse a tolerance that is none."""
    if x is not None and not (isfinite(x) and x >= 0.0):
        message = "a tolerance is a finite number from 0, for example 1e-9"
        raise click.BadParameter(message, param=param)
    return x


_TOLERANCE: Final = (
    click.option(
        "--rel", type=float, callback=not_negative, metavar="X",
        help="Relative tolerance, instead of each run's own.",
    ),
    click.option(
        "--abs", "abs_", type=float, callback=not_negative, metavar="X",
        help="Absolute tolerance, instead of each run's own.",
    ),
)  # fmt: skip


def tolerance_options(command: F) -> F:
    """Add `--rel` and `--abs` to a verb; it gets `tolerance`, None if neither is given."""

    @wraps(command)
    def with_tolerance(*, rel: float | None, abs_: float | None, **parameters: Any) -> Any:  # noqa: ANN401
        tolerance = None if rel is None and abs_ is None else Tolerance(rel, abs_)
        return command(tolerance=tolerance, **parameters)

    verb: Any = with_tolerance
    for option in reversed(_TOLERANCE):
        verb = option(verb)
    return verb  # type: ignore[no-any-return]


class Asked(NamedTuple):
    """What a command line asks of a graph: values of leaves, and seeds of outputs.

    Attributes:
        given: From `--set`.
        inputs_file: From `--inputs`.
        outputs: From `--output`.
        seeds: From `--seed`.
        run: From `--run`.
    """

    given: tuple[tuple[str, float], ...]
    inputs_file: str | None
    outputs: tuple[str, ...]
    seeds: tuple[tuple[str, float], ...]
    run: int | None = None

    @property
    def anything(self) -> bool:
        """Whether anything is asked but what the file itself says."""
        return any(part not in ((), None) for part in self)

    def check_streams(self, path: str) -> None:
        """Refuse to read a graph and its inputs from one stream.

        Raises:
            UsageError: They both come from standard input.
        """
        if self.inputs_file == STREAM and path == STREAM:
            message = "only one of the graph and --inputs can come from standard input"
            raise click.UsageError(message)

    def inputs_and_seed(
        self, graph: Graph, path: str, limits: Limits
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Return values of leaves and seeds of outputs, by id.

        Raises:
            GraphError: `--inputs` can't be read.
            UsageError: There is no such run.
        """
        inputs, seed = self._of_run(graph, path)
        if self.inputs_file:
            inputs |= read_numbers(self.inputs_file, limits)
        asked = {**dict.fromkeys(self.outputs, 1.0), **settings(self.seeds)}
        return {**inputs, **settings(self.given)}, asked or seed

    def looked_at(
        self, graph: Graph, path: str, limits: Limits
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Return the same; of what the graph leaves open, if nobody asks, that of its first run.

        Raises:
            GraphError: `--inputs` can't be read.
            UsageError: There is no such run.
        """
        is_open = bool(graph.columns.unbound()) or len(graph.outputs) > 1
        if self.anything or not (is_open and graph.runs):
            return self.inputs_and_seed(graph, path, limits)
        if len(graph.runs) > 1:
            click.echo("note: this is run 0 of the file; --run N shows another", err=True)
        return self._replace(run=0).inputs_and_seed(graph, path, limits)

    def _of_run(self, graph: Graph, path: str) -> tuple[dict[str, float], dict[str, float]]:
        if self.run is None:
            return {}, {}
        if self.run >= len(graph.runs):
            count = counted(len(graph.runs), "run")
            choice = f": choose --run 0 … {len(graph.runs) - 1}" if len(graph.runs) else ""
            message = f"{printable(called(path))} has {count}{choice}"
            raise click.UsageError(message)
        run = graph.runs[self.run]
        return dict(run.inputs), dict(run.seed)


_QUESTION: Final = (
    click.option(
        "--set", "given", type=Setting(NodeId(SETTABLE)), multiple=True, metavar="ID=X",
        help="Give an input or a param another value.",
    ),
    click.option(
        "--inputs", "inputs_file", type=GraphPath(), metavar="FILE",
        help="A JSON object of such values, by id; a --set of the same id wins.",
    ),
    click.option(
        "--output", "outputs", type=OutputId(), multiple=True, metavar="ID",
        help="The output to differentiate: the same as --seed ID=1.",
    ),
    click.option(
        "--seed", "seeds", type=Setting(OutputId()), multiple=True, metavar="ID=X",
        help="The adjoint to start an output with.",
    ),
)  # fmt: skip
_RUN: Final = click.option(
    "--run", type=click.IntRange(0), metavar="N",
    help="Take values and seed from the file's run N, from 0.",
)  # fmt: skip


def question_options(command: F) -> F:
    """Add what a run is asked with to a verb: `--set` and so on; it gets `asked`."""
    return _bundled(command, _QUESTION)


def look_options(command: F) -> F:
    """Add the same to a verb that looks at a run, and `--run N`; it gets `asked`."""
    return _bundled(command, (*_QUESTION, _RUN))


def _bundled(command: F, options: Sequence[Callable[[Any], Any]]) -> F:
    """Add options to a verb, and hand them over as one `Asked`."""

    @wraps(command)
    def bundled(**parameters: Any) -> Any:  # noqa: ANN401
        asked = {name: parameters.pop(name) for name in Asked._fields if name in parameters}
        return command(asked=Asked(**asked), **parameters)

    verb: Any = bundled
    for option in reversed(options):
        verb = option(verb)
    return verb  # type: ignore[no-any-return]


def called(path: str) -> str:
    """Return what messages call a file."""
    return "standard input" if path == STREAM else path


def read_bytes(path: str, limits: Limits) -> bytes:
    """Read a file, or standard input for `-`."""
    if path == STREAM:
        return read_stream(sys.stdin.buffer, limits)
    return read_file(path, limits)


def read_graph(path: str, limits: Limits, *, strip: bool = False) -> tuple[Graph, str]:
    """Read a graph, print its warnings, and return it with the extension that it came with.

    Raises:
        GraphError: Everything that is wrong with it.
    """
    data = read_bytes(path, limits)
    found = inspect(data, called(path), limits, strip=strip)
    if found.graph is None:
        raise GraphError(found.diagnostics, found.more)
    print_diagnostics(found.diagnostics, found.more)
    extension = ".msgpack" if encoding_of(data) == MSGPACK else ".json"
    return as_graph(found.graph), extension


def read_numbers(path: str, limits: Limits) -> dict[str, float]:
    """Read a JSON or msgpack object of numbers by id.

    Raises:
        GraphError: It is none; every value that is no number is reported.
    """
    data = read_bytes(path, limits)
    try:
        return _numbers(decode(data, limits), bare=encoding_of(data) == MSGPACK)
    except GraphError as error:
        placed = GraphError(located(error.diagnostics, data, limits), error.more)
        raise placed.named(called(path)) from None


def _numbers(members: object, *, bare: bool) -> dict[str, float]:
    if not isinstance(members, dict):
        fix = 'for example {"x1": 0.5, "w1": -3}'
        raise GraphError.of("type", "expected an object of numbers by id", fix=fix)
    numbers = {key: doubles([value], bare=bare) for key, value in members.items()}
    wrong = [_no_number(key, members[key]) for key, found in numbers.items() if found is None]
    if wrong:
        raise GraphError(wrong[:REPORTED], max(0, len(wrong) - REPORTED))
    return {key: found[0] for key, found in numbers.items() if found is not None}


def _no_number(key: str, value: object) -> Diagnostic:
    message = f"{quoted(key)} is {shown(value)}"
    return Diagnostic("number", message, (key,), expected='a number, "nan", "inf" or "-inf"')


def write_graph(graph: Graph, path: str, extension: str) -> None:
    """Write a graph to a file, or to standard output for `-` in the encoding of `extension`."""
    if path == STREAM:
        if sys.__stdout__ is None:
            raise GraphError.of("io", "standard output is closed", fix="use -o FILE")
        out = sys.stdout.buffer
        out.writelines(graph.to_bytes(extension))
        out.flush()
    else:
        write_file(path, graph.to_bytes(extension_of(path)))


def check_extension(path: str | None) -> None:
    """Refuse an output name before any work is done.

    Raises:
        UsageError: Its extension is none that can be written.
    """
    if path is not None and path != STREAM:
        try:
            extension_of(path)
        except GraphError as error:
            found = error.diagnostics[0]
            message = f"{found.message}: expected {found.expected}, or -"
            raise click.UsageError(message) from None


def settings(given: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Return settings by id; the last of several for one id counts."""
    return dict(given)


def diagnostics_json(diagnostics: Sequence[Diagnostic]) -> list[Mapping[str, Any]]:
    """Return diagnostics as plain data."""
    return [each.as_json() for each in diagnostics]
