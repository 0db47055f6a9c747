"""Parameter types of the command line: files, ids, settings, spellings of ops."""

from __future__ import annotations

import os
import re
from itertools import chain, compress
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from mgraph.codec import SPECIAL, Limits, read_file
from mgraph.codec.limits import parse_count
from mgraph.errors import GraphError, printable
from mgraph.format.reading import inspect
from mgraph.ops import INF

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from click.shell_completion import CompletionItem

    from mgraph.graph.columns import Columns


def count_of(_ctx: click.Context, param: click.Parameter, text: str) -> int:
    """Read a positive whole number, which may end in K, M or G (powers of 1024)."""
    count = parse_count(text)
    if not count:
        message = f"{text!r} is not a whole number from 1 on, such as 1000, 64M or 1G"
        raise click.BadParameter(message, param=param)
    return count


def quota_of(_ctx: click.Context, param: click.Parameter, text: str | None) -> int | None:
    """Read a whole number, which may end in K, M or G; None if the option is not given."""
    count = None if text is None else parse_count(text)
    if text is not None and count is None:
        message = f"{text!r} is not a whole number, for example 100 or 8M"
        raise click.BadParameter(message, param=param)
    return count


def number_of(_ctx: click.Context, param: click.Parameter, number: float | None) -> float | None:
    """Refuse `nan`, which click takes for a number in any range."""
    if number != number:
        message = f"'{number}' is not a number"
        raise click.BadParameter(message, param=param)
    return number


def host_names(_ctx: click.Context, param: click.Parameter, names: Sequence[str]) -> Sequence[str]:
    """Refuse what is neither the name of a host nor an address, or has a port."""
    from ipaddress import ip_address  # noqa: PLC0415 - only for this option

    for name in names:
        try:
            if _HOST.fullmatch(name) is None:
                ip_address(name)
        except ValueError:
            expected = "a name or an address without a port, such as graphs.school.example"
            raise click.BadParameter(f"{name!r} is not {expected}", param=param) from None
    return names


def addresses_of(_ctx: click.Context, param: click.Parameter, text: str) -> str:
    """Refuse what are not addresses and networks, separated by commas."""
    from ipaddress import ip_network  # noqa: PLC0415 - only for this option

    for part in filter(None, text.split(",")):
        try:
            ip_network(part.strip())
        except ValueError:
            expected = "an address such as 127.0.0.1, or a network such as 10.0.0.0/8"
            raise click.BadParameter(f"{part!r} is not {expected}", param=param) from None
    return text


class GraphPath(click.ParamType):  # type: ignore[type-arg] # not generic in click 8.1
    """A graph file, or `-`; the shell completes file names."""

    name = "graph"

    def shell_complete(
        self, _ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Tell the shell to complete file names."""
        return _items([incomplete], incomplete, type="file")


class OutputPath(GraphPath):
    """A file to write, or `-`."""

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """Refuse a slash at the end, where nobody expects a file."""
        path = str(value)
        if path.endswith(("/", os.sep)):
            self.fail(f"{printable(path)} is a folder: name a file in it", param, ctx)
        return path


class FolderPath(click.ParamType):  # type: ignore[type-arg] # not generic in click 8.1
    """A folder; the shell completes the names of folders."""

    name = "folder"

    def shell_complete(
        self, _ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Tell the shell to complete names of folders."""
        return _items([incomplete], incomplete, type="dir")


class StorePlace(FolderPath):
    """A folder that is a store, or the address of a database that has one."""

    name = "store"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """Refuse addresses of something else, and passwords, which everybody here could read."""
        from mgraph.service.store import addresses  # noqa: PLC0415 - only where a store is used

        store = str(value)
        if addresses.is_other_address(store):
            kind = store.partition("://")[0]
            message = (
                f"a store is a folder or a PostgreSQL database: {kind}:// is neither; the address "
                f"of a database begins with {addresses.SCHEMES[0]}"
            )
            self.fail(message, param, ctx)
        source = ctx.get_parameter_source(param.name) if ctx and param and param.name else None
        is_typed = source is not ParameterSource.ENVIRONMENT
        if addresses.is_address(store) and is_typed and addresses.has_password(store):
            message = (
                "everybody on this machine could read the password in the list of processes: put "
                "it into ~/.pgpass, or set PGPASSFILE, PGSERVICE or PGPASSWORD"
            )
            self.fail(message, param, ctx)
        return store


class CaseName(click.ParamType):  # type: ignore[type-arg] # not generic in click 8.1
    """The name of a case of the golden set, or of a graph file."""

    name = "case"

    def shell_complete(
        self, _ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """List the files of the golden set that begin with what was typed."""
        from mgraph.grade.cases import golden_set  # noqa: PLC0415 - only for completion

        return _items(sorted(path.stem for path in golden_set().glob("*.json")), incomplete)


class NodeId(click.ParamType):  # type: ignore[type-arg] # not generic in click 8.1
    """The id of a node; completed from the graph earlier on the command line."""

    name = "node"

    def __init__(self, ops: Sequence[str] = ()) -> None:
        """Take the ops whose nodes are offered; all if none are given."""
        self.ops = ops

    def shell_complete(
        self, ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """List the ids that begin with what was typed; none if the graph can't be read."""
        graph = _graph_before(ctx)
        if graph is None:
            return []
        fits = (not self.ops or graph.op(i) in self.ops for i in range(len(graph)))
        return _items(compress(graph.ids, fits), incomplete)


class OutputId(click.ParamType):  # type: ignore[type-arg] # not generic in click 8.1
    """The id of an output; completed from the graph earlier on the command line."""

    name = "output"

    def shell_complete(
        self, ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """List the outputs that begin with what was typed; none if the graph can't be read."""
        graph = _graph_before(ctx)
        ids = graph.output_ids if graph else []
        return _items(ids, incomplete)


class RequiredNumbers(click.ParamType):  # type: ignore[type-arg] # not generic in click 8.1
    """`data`, `grad`, or ids separated by commas; completed from the first graph."""

    name = "required"

    def shell_complete(
        self, ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """List what goes on after the last comma."""
        from mgraph.golden.require import DATA, GRAD  # noqa: PLC0415 - only for completion

        before, comma, _ = incomplete.rpartition(",")
        graph = _graph_before(ctx)
        names = chain(() if comma else (DATA, GRAD), graph.ids if graph else ())
        return _items((f"{before}{comma}{name}" for name in names), incomplete)


def _graph_before(ctx: click.Context) -> Columns | None:
    """Return the graph of an unfinished command line, if it can be read quickly."""
    # click leaves arguments unassigned while an option still lacks its value
    paths = ctx.params.get("paths") or ctx.args
    path = ctx.params.get("graph") or next(iter(paths), "")
    try:
        graph = inspect(read_file(path, _SMALL), limits=_SMALL).graph
    except (GraphError, OSError, ValueError):
        return None
    return graph.columns if graph else None


def _items(names: Iterable[str], incomplete: str, **more: str) -> list[CompletionItem]:
    """Return completions for those of the names that begin with what was typed."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - not while a command runs

    return [CompletionItem(name, **more) for name in names if name.startswith(incomplete)]


_HOST: Final = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")

_SMALL: Final = Limits(size=2**24)  # can be read between two keystrokes

_NUMBER: Final = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"


class Setting(click.ParamType):  # type: ignore[type-arg] # not generic in click 8.1
    """`ID=X`: an id, and a number or a fraction, which may be left out where it is `optional`."""

    name = "ID=X"

    def __init__(self, ids: click.ParamType | None = None, *, optional: bool = False) -> None:  # type: ignore[type-arg]
        """Take the type that completes the id, and whether `ID` alone is allowed."""
        self.ids = ids
        self.optional = optional

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """List the ids that begin with what was typed, followed by `=`."""
        items = self.ids.shell_complete(ctx, param, incomplete) if self.ids else []
        return _items((f"{item.value}=" for item in items), incomplete)

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
        number = typed(text)
        if number is None:
            first, _, rest = text.partition(",")
            decimal = text.replace(",", ".")
            example = next((x for x in (decimal, first) if typed(x) is not None), "0.5")
            several = f"; repeat {param.opts[-1]} for each" if param and "=" in rest else ""
            self.fail(f"{text!r} is not a number: write {name}={example}{several}", param, ctx)
        if not isfinite(number) and plain(text) not in SPECIAL:
            message = f"{text} is too large for a double"
            if not isinstance(self.ids, OutputId):  # seeds are finite
                message += f": write {name}=inf if you mean infinity"
            self.fail(message, param, ctx)
        return name, number


class OpSpelling(click.ParamType):  # type: ignore[type-arg] # not generic in click 8.1
    """`NAME=SPELLING`: how an engine spells an op."""

    name = "NAME=SPELLING"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, str]:
        """Split the name from its spelling."""
        from mgraph.trace.spellings import NAMES  # noqa: PLC0415 - only if the option is given

        if isinstance(value, tuple):
            return value
        name, equals, spelling = str(value).partition("=")
        if not (equals and spelling):
            self.fail(f"write NAME=SPELLING, for example {name or 'tanh'}=my_tanh", param, ctx)
        if name not in NAMES:
            self.fail(f"{name!r} is not one of {', '.join(NAMES)}", param, ctx)
        return name, spelling


def plain(text: str) -> str:
    """Return a number as typed, with ASCII characters for the minus sign and infinity."""
    return text.replace("\N{MINUS SIGN}", "-").replace("\N{INFINITY}", "inf")


def typed(text: str) -> float | None:
    """Read a number or a fraction, such as 1/3; None if it is neither.

    A number too large for a double gives an infinity. Nothing is divided by 0, or by that.
    """
    number = plain(text)
    if number in SPECIAL:
        return SPECIAL[number]
    parts = number.split("/")
    if len(parts) > 2 or not all(re.fullmatch(_NUMBER, part) for part in parts):  # noqa: PLR2004 - a/b
        return None
    above, below = float(parts[0]), float(parts[1]) if len(parts) > 1 else 1.0
    return above / below if 0.0 < abs(below) < INF else None


def settings(given: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Return settings by id; if an id is given twice, the last one counts."""
    return dict(given)
