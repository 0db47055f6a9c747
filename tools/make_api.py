"""Make docs/api.md: the public names of the library, from their signatures and docstrings.

Run it from the top folder, after a change to a public name or its docstring:

    python tools/make_api.py
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from functools import cached_property
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import mgraph
from mgraph.client import AsyncClient, Client, ServedGraph, ServedName, ServerError
from mgraph.engine.tape.replay import Batch, Replay
from mgraph.errors import MissingExtraError
from mgraph.exporting import Exported
from mgraph.golden import pytest_plugin
from mgraph.golden.asserting import assert_graph
from mgraph.rows import ClusterAddress, ReplayResult, RowMapper, mapper, replay
from mgraph.trace import Recording
from mgraph.training import Trained, train

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

PAGE: Final = Path(__file__).parents[1] / "docs" / "api.md"
WIDTH: Final = 88  # columns of a signature, before it gets one line per parameter

HEAD: Final = """\
# The Python API

<!-- python tools/make_api.py writes this page -->

Headings show what to import: `mgraph.load` is in the module `mgraph`. Classes whose heading names
no module are what functions return; you need not import them. What needs an extra says so.
`mgraph.__version__` is the version of mgraph, and `mgraph.FORMAT_VERSION` is the newest version of
the [file format](format.md) that it reads and writes.

A *value* is what a node computes. A *gradient* is how fast the output changes with it, in units of
the output per unit of the node's value. `float64[N]` is a NumPy array of N doubles, and `pa` is
pyarrow. The codes of errors, such as `run-node`, are explained in
[the file format](format.md#refusals).
"""

Thing = tuple[str, Any]

SECTIONS: Final[Mapping[str, tuple[Thing, ...]]] = {
    "Graph files": (
        ("mgraph.load", mgraph.load),
        ("mgraph.loads", mgraph.loads),
        ("mgraph.save", mgraph.save),
        ("mgraph.Graph", mgraph.Graph),
        ("mgraph.Run", mgraph.Run),
        ("mgraph.Tolerance", mgraph.Tolerance),
        ("mgraph.Limits", mgraph.Limits),
    ),
    "Graphs as programs": (
        ("mgraph.export", mgraph.export),
        ("Exported", Exported),
    ),
    "Values": (
        ("mgraph.Value", mgraph.Value),
        ("mgraph.ExactValue", mgraph.ExactValue),
        ("mgraph.max", mgraph.max),
        ("mgraph.min", mgraph.min),
        ("mgraph.sum", mgraph.sum),
    ),
    "Networks": (
        ("mgraph.nn.MLP", mgraph.nn.MLP),
        ("mgraph.nn.Layer", mgraph.nn.Layer),
        ("mgraph.nn.Neuron", mgraph.nn.Neuron),
        ("mgraph.nn.Module", mgraph.nn.Module),
    ),
    "Errors": (
        ("mgraph.GraphError", mgraph.GraphError),
        ("mgraph.Diagnostic", mgraph.Diagnostic),
        ("mgraph.errors.MissingExtraError", MissingExtraError),
    ),
    "Many runs": (
        ("Replay", Replay),
        ("Batch", Batch),
        ("mgraph.ExactSum", mgraph.ExactSum),
        ("mgraph.rows.mapper", mapper),
        ("RowMapper", RowMapper),
        ("mgraph.rows.replay", replay),
        ("ReplayResult", ReplayResult),
        ("mgraph.rows.ClusterAddress", ClusterAddress),
        ("mgraph.training.train", train),
        ("Trained", Trained),
    ),
    "The server": (
        ("mgraph.client.Client", Client),
        ("mgraph.client.AsyncClient", AsyncClient),
        ("ServedGraph", ServedGraph),
        ("ServedName", ServedName),
        ("mgraph.client.ServerError", ServerError),
    ),
    "Other engines": (
        ("mgraph.record", mgraph.record),
        ("Recording", Recording),
    ),
    "Models of other systems": (
        ("mgraph.from_onnx", mgraph.from_onnx),
        ("mgraph.from_torch", mgraph.from_torch),
        ("mgraph.from_jax", mgraph.from_jax),
    ),
    "Tests": (("mgraph.testing.assert_graph", assert_graph),),
}
"""What the page shows, by heading. A test checks that all of `mgraph.__all__` is here."""

INTERNAL: Final = (
    "Batch.memory",
    "ClusterAddress.tls_files",
    "Graph.columns",
    "GraphError.named",
    "GraphError.of",
    "Limits.levels",
    "Limits.raised",
    "Replay.sums_of",
    "Replay.tape",
    "RowMapper.request",
    "ServerError.named",
    "ServerError.of",
)
"""Members without an underscore that only mgraph itself uses."""

SPECIAL: Final = {"__call__": "{}", "__len__": "len({})"}
"""The special methods that are shown, and how they are called; operators are in docstrings."""

NOT_CALLED: Final = (
    mgraph.Graph, mgraph.GraphError, mgraph.nn.Module, MissingExtraError, Replay, Batch, RowMapper,
    ReplayResult, Trained, Recording, ServedGraph, ServedName, ServerError,
)  # fmt: skip
"""Classes that users don't call: functions return the objects, mgraph raises or extends them."""

PLUGIN_HEAD: Final = """\
### The pytest plugin

It is installed with mgraph and does nothing until it is enabled. [mgraph in pytest](pytest.md)
shows examples.

| setting or option | what it is for |
|---|---|
"""

# --- docstrings ----------------------------------------------------------------------------------

_SECTION: Final = re.compile(r"^(Args|Attributes|Returns|Yields|Raises|Source):\n", re.MULTILINE)
_ENTRY: Final = re.compile(r"^(\w+): ", re.MULTILINE)


class Doc(NamedTuple):
    """The parts of a docstring.

    Attributes:
        text: Everything before the first section, as Markdown.
        sections: The text of each section, without indentation.
    """

    text: str
    sections: Mapping[str, str]

    def entries(self, section: str) -> dict[str, str]:
        """Return the names in a section, each with its explanation on one line."""
        _, *parts = _ENTRY.split(self.sections.get(section, ""))
        return {name: on_one_line(text) for name, text in zip(parts[::2], parts[1::2], strict=True)}


def doc_of(thing: Any) -> Doc:  # noqa: ANN401 - anything with a docstring
    """Split a docstring into its parts."""
    text, *parts = _SECTION.split(inspect.cleandoc(thing.__doc__ or ""))
    named = zip(parts[::2], parts[1::2], strict=True)
    return Doc(text.strip(), {name: inspect.cleandoc(part) for name, part in named})


def on_one_line(text: str) -> str:
    """Join the lines of a paragraph."""
    return " ".join(text.split())


# --- signatures ----------------------------------------------------------------------------------

_ALIASES: Final = {
    "BadRows": 'Literal["fail", "skip", "null"]',
    "Given": "Mapping[str | tuple[str, ...], ArrayLike]",
    "Grad": 'Literal["rows", "sum"]',
    "Operand": "Value | float",
    "Path": "tuple[str | int, ...]",
    "Rows": "pa.RecordBatch | pa.Table",
}
_COMMA: Final = "\0"  # replaces a comma inside a type


class _Verbatim(NamedTuple):
    """A type or default whose `repr` is just its text."""

    text: str

    def __repr__(self) -> str:
        return self.text.replace(", ", f"{_COMMA} ")


def signature(name: str, function: Callable[..., Any]) -> str:
    """Return a signature as Python declares it, with types and defaults."""
    called = inspect.signature(function)
    parameters = [_verbatim(item) for item in parameters_of(function)]
    text = str(inspect.Signature(parameters))[1:-1]
    parts = [part.replace(_COMMA, ",") for part in text.split(", ")] if text else []
    end = f"){_result(name, function, called)}"
    line = f"{name}({', '.join(parts)}{end}"
    if len(line) <= WIDTH:
        return line
    return "\n".join((f"{name}(", *(f"    {part}," for part in parts), end))


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the parameters that a caller may give; those of type Never are only refused."""
    parameters = inspect.signature(function).parameters.values()
    return [item for item in parameters if item.name != "self" and item.annotation != "Never"]


def _verbatim(parameter: inspect.Parameter) -> inspect.Parameter:
    default = parameter.default
    if default is not parameter.empty:
        default = _Verbatim(_default(default))
    annotation = _Verbatim(_with_aliases(str(parameter.annotation)))
    return parameter.replace(annotation=annotation, default=default)


def _with_aliases(annotation: str) -> str:
    return "".join(_ALIASES.get(word, word) for word in re.split(r"\b", annotation))


def _default(value: object) -> str:
    if isinstance(value, mgraph.Limits):
        return "Limits()"
    if repr(value) == "<factory>":  # how dataclasses show a factory
        return "…"
    if type(value) is int:
        return f"{value:_}"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _result(name: str, function: Callable[..., Any], called: inspect.Signature) -> str:
    result = called.return_annotation
    if isinstance(function, type) or result == "None":
        return ""
    return f" -> {name.partition('.')[0] if result == 'Self' else _with_aliases(result)}"


# --- the page ------------------------------------------------------------------------------------


def page() -> str:
    """Return the page."""
    return "\n".join((HEAD, *_parts()))


LIKE: Final = {mgraph.ExactValue: "`mgraph.Value`"}
"""Classes with the attributes and methods of another one."""


def _parts() -> Iterator[str]:
    for title, things in SECTIONS.items():
        yield f"## {title}\n"
        for name, thing in things:
            yield from _class(name, thing) if isinstance(thing, type) else _call(name, thing, "###")
    yield PLUGIN_HEAD + "".join(f"| `{name}` | {text} |\n" for name, text in plugin_options())


def _class(name: str, cls: type) -> Iterator[str]:
    """Yield the section about a class."""
    yield f"### {name}\n"
    doc = doc_of(cls)
    is_called = cls not in NOT_CALLED
    if is_called:
        yield _code(signature(cls.__name__, cls))
    yield f"{doc.text}\n"
    if is_called and not dataclasses.is_dataclass(cls):
        doc = doc_of(cls.__init__)  # type: ignore[misc] # that of a base class, if it has none
        yield from _list("Args", doc.entries("Args"))
    if cls in LIKE:
        yield f"Its attributes and methods are those of {LIKE[cls]}.\n"
        return
    yield from _list("Attributes", attributes(cls))
    yield from _list("Raises", doc.entries("Raises"))
    calls = [(_used(cls, member), function) for member, function in methods(cls)]
    short = [(called, function) for called, function in calls if not doc_of(function).sections]
    yield from _list("Methods", dict(_short(called, function) for called, function in short))
    for called, function in calls:
        if (called, function) not in short:
            yield from _call(called, function, "####")


def _used(cls: type, member: str) -> str:
    """Return how a method is called: by the class's name, or with the syntax of a special one."""
    instance = cls.__name__.lower()
    return SPECIAL.get(member, f"{cls.__name__}.{member}").format(instance)


def _short(name: str, function: Callable[..., Any]) -> tuple[str, str]:
    shown = name if name.endswith(")") else signature(name, function)
    return shown, on_one_line(doc_of(function).text)


def _call(name: str, function: Callable[..., Any], level: str) -> Iterator[str]:
    """Yield the section about a function or method."""
    doc = doc_of(function)
    yield f"{level} {name if '.' in name else f'{name}(…)'}\n"
    yield _code(signature(name.removeprefix("mgraph.").removeprefix("testing."), function))
    yield f"{doc.text}\n"
    yield from _list("Args", doc.entries("Args"))
    if returned := doc.sections.get("Returns"):
        yield f"**Returns** {on_one_line(returned)}\n"
    yield from _list("Raises", doc.entries("Raises"))


def _code(text: str) -> str:
    return f"```python\n{text}\n```\n"


def _list(section: str, entries: Mapping[str, str]) -> Iterator[str]:
    if entries:
        title = {"Args": "Arguments"}.get(section, section)
        lines = (f"- `{name}`: {text}" for name, text in entries.items())
        yield "\n".join((f"**{title}**\n", *lines, ""))


def lineage(cls: type) -> Iterator[type]:
    """Yield the base classes of a class that are mgraph's, then the class itself."""
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("mgraph"):
            yield base


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield what a class defines or inherits for its users, by name."""
    named = {name: member for base in lineage(cls) for name, member in vars(base).items()}
    for name, member in named.items():
        if name in SPECIAL or not (name.startswith("_") or f"{cls.__name__}.{name}" in INTERNAL):
            yield name, member


def attributes(cls: type) -> dict[str, str]:
    """Return the attributes and properties of a class, each with its description."""
    described: dict[str, str] = {}
    for base in lineage(cls):
        described.update(doc_of(base).entries("Attributes"))
    for name, member in members(cls):
        if isinstance(member, (property, cached_property)):
            described[name] = on_one_line(doc_of(member).text)
    return {
        name: text for name, text in described.items() if f"{cls.__name__}.{name}" not in INTERNAL
    }


def methods(cls: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the methods of a class, bound where they are class methods."""
    for name, member in members(cls):
        if isinstance(member, (FunctionType, classmethod)):
            yield name, getattr(cls, name)


class _Parser:
    """A substitute for pytest's parser, which collects what the plugin adds."""

    def __init__(self) -> None:
        self.added: list[tuple[str, str]] = []

    def getgroup(self, _name: str) -> _Parser:
        return self

    def addoption(self, name: str, *, help: str, **_: object) -> None:  # noqa: A002 - pytest's
        self.added.append((f"pytest {name}", help))

    def addini(self, name: str, help: str, **_: object) -> None:  # noqa: A002
        self.added.append((name, help))


def plugin_options() -> Iterable[tuple[str, str]]:
    """Return the settings and options of the plugin, with their help."""
    parser: Any = _Parser()
    pytest_plugin.pytest_addoption(parser)
    added: list[tuple[str, str]] = parser.added
    return sorted(added, key=lambda item: item[0].startswith("pytest"))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
