"""`mgraph diff` tells apart what JSON does: true and 1, null and nothing, empty and absent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.command_line import Shell

ABSENT = object()


def graph(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - any plain data
    """Return a document of one input."""
    x = {"id": "x", "op": "input", "data": 2.0}
    return {"mgraph": "1.0", "nodes": [x], "outputs": ["x"], **more}


def with_meta(meta: object, where: str) -> dict[str, Any]:
    """Return a document with a meta of its own, or of its node; none if it is absent."""
    document = graph()
    if meta is not ABSENT:
        (document if where == "document" else document["nodes"][0])["meta"] = meta
    return document


@pytest.mark.parametrize("where", ["document", "node"])
@pytest.mark.parametrize(
    ("a", "b"),
    [
        (True, 1), (1, True), (False, 0), (0.0, False), ([0], [False]), ({"k": [1, {"x": True}]},
        {"k": [1, {"x": 1}]}), (None, ABSENT), (ABSENT, None), (None, "null"), ({}, ABSENT),
        ([], {}), ({"a": None}, {}), ([1, 2], [2, 1]), ("1", 1), (0.0, -0.0),
    ],
)  # fmt: skip
def test_other_metas_differ(mgraph: Shell, where: str, a: object, b: object) -> None:
    """Two metas that JSON tells apart are one difference, in text and as data."""
    mgraph.write("a.json", with_meta(a, where))
    mgraph.write("b.json", with_meta(b, where))
    mgraph("convert", "b.json", "b.msgpack")
    for other in ("b.json", "b.msgpack"):
        said = mgraph("diff", "a.json", other, "--json")
        assert said.status == 1
        (difference,) = said.json["differences"]
        assert difference["field"] == "meta"
        assert (difference["a"] is None, difference["b"] is None) == (a is ABSENT, b is ABSENT)
        said = mgraph("diff", "a.json", other)
        assert said.out.count("\n") == 1 + (a is not ABSENT) + (b is not ABSENT)


@pytest.mark.parametrize("where", ["document", "node"])
@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1, 1.0), ([1, {"k": 2}], [1.0, {"k": 2.0}]), ({"a": 1, "b": True}, {"b": True, "a": 1}),
        (None, None), (True, True), ([], []),
    ],
)  # fmt: skip
def test_equal_metas_do_not_differ(mgraph: Shell, where: str, a: object, b: object) -> None:
    """One number has several spellings in JSON, and the order of keys means nothing."""
    mgraph.write("a.json", with_meta(a, where))
    mgraph.write("b.json", with_meta(b, where))
    assert mgraph("diff", "a.json", "b.json").out == "no differences\n"


@pytest.mark.parametrize("field", ["data", "grad"])
@pytest.mark.parametrize("sign", ["-", "+"])
def test_an_empty_part_of_a_run_is_not_an_absent_one(
    mgraph: Shell, field: str, sign: str
) -> None:  # fmt: skip
    """`"grad": {}` says that no node has a gradient; no grad says nothing. `mgraph test` knows."""
    other = {"data": {"grad": {"x": 1.0}}, "grad": {"data": {"x": 2.0}}}[field]
    empty = mgraph.write("empty.json", graph(runs=[{**other, field: {}}]))
    absent = mgraph.write("absent.json", graph(runs=[other]))
    files = (empty, absent) if sign == "-" else (absent, empty)
    said = mgraph("diff", *files)
    assert (said.status, said.out) == (1, f"run 0, {field}: only in empty.json\n  {sign} {{}}\n")
    listed: list[dict[str, object]] = [
        {"what": f"run 0, {field}", "field": "", "a": None, "b": None, "ulps": None}
    ]
    listed[0]["a" if sign == "-" else "b"] = {}
    assert mgraph("diff", *files, "--json").json["differences"] == listed
    assert mgraph("diff", files[0], files[0]).out == "no differences\n"
