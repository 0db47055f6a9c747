"""The options that say which run of a graph is wanted: `--set`, `--inputs`, `--seed` and so on."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from mgraph.cli.files import STREAM, display_name, read_numbers
from mgraph.cli.parameters import GraphPath, NodeId, OutputId, Setting, settings
from mgraph.cli.terminal import counted
from mgraph.errors import printable
from mgraph.format.runs import SETTABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mgraph.cli.options import F
    from mgraph.codec import Limits
    from mgraph.document import Graph


class RunRequest(NamedTuple):
    """The run that a command line asks for: values of leaves, and seeds of outputs.

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
    def is_empty(self) -> bool:
        """Whether none of the options is given."""
        return all(part in ((), None) for part in self)

    def check_streams(self, path: str) -> None:
        """Refuse to read both the graph and its inputs from standard input.

        Raises:
            UsageError: Both are `-`.
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
            UsageError: The file has no run with the number given.
        """
        inputs, seed = self._of_run(graph, path)
        if self.inputs_file:
            inputs |= read_numbers(self.inputs_file, limits)
        given_seed = {**dict.fromkeys(self.outputs, 1.0), **settings(self.seeds)}
        return {**inputs, **settings(self.given)}, given_seed or seed

    def inputs_and_seed_or_first_run(
        self, graph: Graph, path: str, limits: Limits
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Return the same, falling back to run 0 if no option is given and the graph needs one.

        Raises:
            GraphError: `--inputs` can't be read.
            UsageError: The file has no run with the number given.
        """
        needs_run = bool(graph.columns.unbound()) or len(graph.outputs) > 1
        if not (self.is_empty and needs_run and graph.runs):
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
            message = f"{printable(display_name(path))} has {count}{choice}"
            raise click.UsageError(message)
        run = graph.runs[self.run]
        return dict(run.inputs), dict(run.seed)


_REQUEST: Final = (
    click.option(
        "--set", "given", type=Setting(NodeId(SETTABLE)), multiple=True, metavar="ID=X",
        help="Give an input or a param another value, for example --set x1=0.5. If an id is given "
        "twice, the last value counts.",
    ),
    click.option(
        "--inputs", "inputs_file", type=GraphPath(), metavar="FILE",
        help='Read values for inputs and params from a JSON object, for example {"x1": 0.5}; '
        "--set overrides them.",
    ),
    click.option(
        "--output", "outputs", type=OutputId(), multiple=True, metavar="ID",
        help="The output to differentiate; the same as --seed ID=1.",
    ),
    click.option(
        "--seed", "seeds", type=Setting(OutputId()), multiple=True, metavar="ID=X",
        help="Start output ID with gradient X, for example --seed o=1.",
    ),
)  # fmt: skip

_RUN: Final = click.option(
    "--run", type=click.IntRange(0), metavar="N",
    help="Take values and seed from run N of the file, counted from 0.",
)  # fmt: skip


def request_options(command: F) -> F:
    """Add `--set`, `--inputs`, `--output` and `--seed` to a command, as the parameter `request`."""
    return _bundled(command, _REQUEST)


def inspection_options(command: F) -> F:
    """Add the same and `--run` to a command that inspects a run, as the parameter `request`."""
    return _bundled(command, (*_REQUEST, _RUN))


def _bundled(command: F, options: Sequence[Callable[[Any], Any]]) -> F:
    """Add options to a command, and pass them to it as one `RunRequest`."""

    @wraps(command)
    def bundled(**parameters: Any) -> Any:  # noqa: ANN401
        given = {name: parameters.pop(name) for name in RunRequest._fields if name in parameters}
        return command(request=RunRequest(**given), **parameters)

    result: Any = bundled
    for option in reversed(options):
        result = option(result)
    return result  # type: ignore[no-any-return]
