"""Types of parameters of the command line: files, ids, settings; and their completion."""

from __future__ import annotations

import re
from itertools import compress
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import CompletionItem

from mgraph.codec import SPECIAL, Limits, read_file
from mgraph.errors import GraphError
from mgraph.format.reading import inspect

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mgraph.graph.columns import Columns


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


def settings(given: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Return settings by id; the last of several for one id counts."""
    return dict(given)
