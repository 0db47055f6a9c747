"""The page's reader and `mgraph check` agree on files in which one field is something else."""

from __future__ import annotations

import base64
import copy
import json
from typing import TYPE_CHECKING, Any, Final

import msgpack

import mgraph
from mgraph.errors import GraphError
from tests.command_line import NEURON
from tests.groups.browser.chromium import READY
from tests.groups.browser.page import document, leaf, node, page_file
from tests.groups.browser.test_page_engine import READS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

FULL: Final = {
    "$schema": "s", "doc": "d", "meta": {"a": 1}, "name": "n",
    **document(
        {"id": "x", "op": "input", "label": "l", "doc": "d", "meta": {"m": [1, None]}},
        leaf("w", 2.0, "param"), leaf("c", 1.0, "const"), node("p", "mul", "x", "w"),
        {**node("y", "sum", "p", "c", "p"), "meta": None},
        outputs=["y", "p"],
        runs=[{"inputs": {"x": 1.0}, "seed": {"y": 1.0}, "tolerance": {"rel": 1e-9, "abs": 0.0},
               "origin": "o", "data": {"y": 5.0}, "grad": {"x": 4.0}}],
    ),
}  # fmt: skip
"""A document with every field."""

VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, 1, -1, 1.5, "", "x", [], {}, [None],
    {"x": None}, {"y": None}, {"": 1}, {"x": True}, {"x": "nan"},
)  # fmt: skip
BYTES: Final[tuple[Any, ...]] = (b"", b"\0\0\0\0", b"\1" * 8)
Place = tuple[Any, ...]


def places(value: Any, path: Place = ()) -> Iterator[Place]:  # noqa: ANN401 - plain data
    """Yield the path of a value, and of everything in it."""
    yield path
    inside = (
        value
        if isinstance(value, dict)
        else dict(enumerate(value if isinstance(value, list) else ()))
    )
    for key, inner in inside.items():
        yield from places(inner, (*path, key))


def variants(whole: Any, path: Place, values: tuple[Any, ...]) -> Iterator[Any]:  # noqa: ANN401
    """Yield copies of plain data that have something else at a path, or nothing."""
    for value in (*values, ...):
        changed = copy.deepcopy(whole)
        at = changed
        for key in path[:-1]:
            at = at[key]
        if not path:
            changed = None if value is ... else value
        elif value is ...:
            del at[path[-1]]
        else:
            at[path[-1]] = value
        yield changed


def codes_of(data: bytes) -> list[str]:
    """Return the codes that mgraph reports for a file; only ok if it reads it."""
    try:
        mgraph.loads(data)
    except GraphError as error:
        return [str(diagnostic.code) for diagnostic in error.diagnostics]
    return ["ok"]


ALL: Final = f"(all) => Promise.all(all.map({READS}))"


def test_the_page_accepts_and_refuses_what_check_does(browser: Browser, tmp_path: Path) -> None:
    """Null, empty or of another type, in JSON, msgpack and packed: one of the codes of `check`."""
    path = page_file(tmp_path, NEURON)
    page = browser.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector(READY)
    packed = msgpack.unpackb(b"".join(mgraph.loads(json.dumps(FULL)).to_bytes(".msgpack")))
    rows = [(FULL, lambda plain: json.dumps(plain).encode(), VALUES)]
    rows += [(whole, msgpack.packb, (*VALUES, *BYTES)) for whole in (FULL, packed)]
    for whole, encode, values in rows:
        assert disagreements(page, whole, encode, values) == []
    page.close()


def disagreements(
    page: Page,
    whole: Any,  # noqa: ANN401 - plain data
    encode: Callable[[Any], bytes],
    values: tuple[Any, ...],
) -> list[tuple[Any, ...]]:
    """Return the variants of a document of which the page says what `check` doesn't say."""
    changed = [each for at in places(whole) for each in variants(whole, at, values)]
    files = [encode(each) for each in changed]
    found = page.evaluate(ALL, [base64.b64encode(data).decode() for data in files])
    return [
        (each, result, codes)
        for each, data, result in zip(changed, files, found, strict=True)
        if result[0] not in (codes := codes_of(data))
    ]


def test_many_runs_of_a_large_graph_are_read_at_once(show: Callable[..., Page]) -> None:
    """65,535 runs of 80,000 nodes, each seeding eight outputs, however many outputs there are.

    If a run looked through all outputs, 80,000 would take some five times as long as eight.
    """
    ids = [f"n{i}" for i in range(80_000)]
    nodes = [{"id": "n0", "op": "input"}, *(leaf(name, 1.0) for name in ids[1:])]
    run = {"inputs": {"n0": 1.0}, "seed": dict.fromkeys(ids[-8:], 1.0)}
    page = show(NEURON)

    def milliseconds(outputs: list[str]) -> float:
        data = json.dumps(document(*nodes, outputs=outputs, runs=[run] * 65_535)).encode()
        started = page.evaluate("() => performance.now()")
        assert page.evaluate(READS, base64.b64encode(data).decode())[0] == "ok"
        return float(page.evaluate("() => performance.now()") - started)

    few, many = milliseconds(ids[-8:]), milliseconds(ids)
    assert many < 3 * few
