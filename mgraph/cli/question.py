"""What a command line asks of a graph: `--set`, `--inputs`, `--output`, `--seed`, `--run`."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from mgraph.cli.files import STREAM, called, read_numbers
from mgraph.cli.parameters import GraphPath, NodeId, OutputId, Setting, settings
from mgraph.cli.terminal import counted
from mgraph.errors import printable
from mgraph.format.runs import SETTABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mgraph.cli.options import F
    from mgraph.codec import Limits
    from mgraph.document import Graph


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
