"""docs/api.md: made from the docstrings as they are, with every public name and parameter."""

from __future__ import annotations

import inspect
import re
import runpy
from typing import TYPE_CHECKING, Any, Final

import pytest

import mgraph
from tests.command_line import HERE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT: Final = HERE.parent
MADE: Final[dict[str, Any]] = runpy.run_path(str(ROOT / "tools" / "make_api.py"))
THINGS: Final[dict[str, Any]] = {
    name: thing for things in MADE["SECTIONS"].values() for name, thing in things
}


def calls() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield every function and method of the page, and the constructors that users call."""
    for name, thing in THINGS.items():
        if not isinstance(thing, type):
            yield name, thing
            continue
        for member, function in MADE["methods"](thing):
            yield f"{name}.{member}", function
    yield "mgraph.Value", mgraph.Value.__init__


def test_the_page_is_up_to_date() -> None:
    """docs/api.md is what `python tools/make_api.py` makes of the docstrings."""
    assert MADE["PAGE"].read_text(encoding="utf-8") == MADE["page"]()


def test_every_public_name_is_on_the_page() -> None:
    """All of `mgraph.__all__` has a heading, and so has what they return that is not builtin."""
    shown = [name.split(".")[1] for name in THINGS if name.startswith("mgraph.")]  # nn of nn.MLP
    assert {*mgraph.__all__} <= {*shown}
    returned = {word for _, function in calls() for word in words_of_return(function)}
    assert {"Graph", "Run", "Replay", "Batch", "Recording", "Value"} <= returned
    named = {thing.__name__ for thing in THINGS.values()}
    plain = {
        "str",
        "Any",
        "Iterator",
        "AsyncIterator",
        "Sequence",
        "bytes",
        "bool",
        "dict",
        "int",
        "list",
    }
    arrow = {"pa", "RecordBatch", "Schema", "Rows", "Table"}
    assert returned <= named | plain | arrow | {"None", "Self", "tuple"}


def words_of_return(function: Callable[..., Any]) -> list[str]:
    """Return the names in the type that a function returns."""
    return re.findall(r"\w+", str(inspect.signature(function).return_annotation))


def test_every_parameter_is_explained() -> None:
    """A docstring begins with a sentence, and names each parameter; it explains no other."""
    for name, function in calls():
        doc = MADE["doc_of"](function)
        assert re.match(r".*[.:;]", doc.text), name
        asked = [each.name for each in MADE["parameters_of"](function)]
        explained = doc.entries("Args")
        missing = [each for each in asked if each not in explained and f"`{each}`" not in doc.text]
        assert (name, missing) == (name, [])
        assert (name, [each for each in explained if each not in asked]) == (name, [])


def test_every_attribute_is_explained() -> None:
    """Each field and property of the classes of the page has an entry with some text."""
    for thing in THINGS.values():
        if not isinstance(thing, type):
            continue
        explained = MADE["attributes"](thing)
        fields = [*getattr(thing, "__dataclass_fields__", ())]
        properties = [
            name for name, each in inspect.getmembers(thing) if isinstance(each, property)
        ]
        public = [
            name
            for name in (*fields, *properties)
            if not (name.startswith("_") or f"{thing.__name__}.{name}" in MADE["INTERNAL"])
        ]
        assert [name for name in public if not explained.get(name)] == [], thing


def test_what_is_internal_is_there() -> None:
    """Each name that the page leaves out is a member of a class that it shows."""
    classes = {each.__name__: each for each in THINGS.values() if isinstance(each, type)}
    for name in MADE["INTERNAL"]:
        owner, _, member = name.partition(".")
        docs = " ".join(each.__doc__ or "" for each in MADE["lineage"](classes[owner]))
        assert member in dir(classes[owner]) or f" {member}: " in docs, name


@pytest.mark.parametrize(
    ("call", "error", "code"),
    [
        (lambda _: mgraph.Value("2"), TypeError, ""),  # type: ignore[arg-type]
        (lambda _: mgraph.Value(2.0).backward("1"), TypeError, ""),  # type: ignore[arg-type]
        (lambda _: mgraph.max("2", 1.0), TypeError, ""),  # type: ignore[arg-type]
        (lambda _: mgraph.sum([]), ValueError, ""),
        (lambda _: mgraph.sum(["2"]), TypeError, ""),  # type: ignore[list-item]
        (lambda _: mgraph.Limits(depth=201), ValueError, ""),
        (lambda _: mgraph.Graph.of(), mgraph.GraphError, "output"),
        (lambda _: mgraph.Graph.of(mgraph.Value(1.0, name="1")), mgraph.GraphError, "id"),
        (lambda _: mgraph.Graph.of(mgraph.Value(1.0), doc="\ud800"), mgraph.GraphError, "encoding"),
        (lambda _: mgraph.Graph.of(mgraph.Value(1.0), name="x" * 1025), mgraph.GraphError, "limit"),
        (lambda graph: graph.run(y=1.0), mgraph.GraphError, "run-node"),
        (lambda graph: graph.run(x="1"), mgraph.GraphError, "number"),
        (lambda graph: graph.run(), mgraph.GraphError, "unbound-input"),
        (lambda graph: graph.run(x=1.0, seed={"x": 1.0}), mgraph.GraphError, "seed"),
        (lambda graph: graph.run(x=1.0, engine="none"), ValueError, ""),
        (lambda graph: graph.values(), mgraph.GraphError, "unbound-input"),
        (lambda graph: graph.compile(math="none"), ValueError, ""),
        (lambda graph: graph.compile()(x="1"), mgraph.GraphError, "number"),
        (lambda graph: graph.compile().step({"y": 1.0}), mgraph.GraphError, "run-node"),
        (lambda graph: graph.compile().batch({}), mgraph.GraphError, "number"),
        (lambda graph: graph.compile().batch({"x": [1.0]}, workers=0), ValueError, ""),
        (lambda graph: graph.to_file("graph.txt"), mgraph.GraphError, "io"),
        (lambda graph: graph.to_bytes(".txt"), KeyError, ""),
        (lambda graph: mgraph.rows.mapper(graph, columns={"y": ""}), mgraph.GraphError, "run-node"),
        (lambda graph: mgraph.rows.mapper(graph, math="none"), ValueError, ""),
        (lambda graph: mgraph.rows.mapper(graph).apply([]), TypeError, ""),
        (lambda _: mgraph.record(), TypeError, ""),
    ],
)  # fmt: skip
def test_errors_are_those_of_the_page(
    call: Callable[[mgraph.Graph], object], error: type[Exception], code: str
) -> None:
    """What the docstrings say is raised is raised."""
    text = '{"mgraph":"1.0","nodes":[{"id":"x","op":"input"},{"id":"y","op":"exp","args":["x"]}],'
    graph = mgraph.loads(f'{text}"outputs":["y"]}}')
    with pytest.raises(error) as raised:
        call(graph)
    if isinstance(raised.value, mgraph.GraphError):
        assert raised.value.diagnostics[0].code == code
