"""What must hold for any bytes at all, given to the reader.

Only `GraphError` may be raised, and reading takes no more memory than 400 times the file and
32 MiB: a file of nothing but empty objects, a byte each in msgpack, comes to 350 times its size.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from mgraph.codec import LIMITS, Limits
from mgraph.document import as_graph
from mgraph.errors import CODES, REPORTED, WARNINGS, Diagnostic, GraphError
from mgraph.format.reading import inspect, read
from mgraph.format.writing import to_json, to_msgpack

if TYPE_CHECKING:
    from collections.abc import Callable

    from mgraph.document import Graph
    from mgraph.format.file import GraphFile
    from mgraph.format.reading import Inspection

SMALL: Final = 2000
"""Nodes of a graph that is run and written again."""

LONGEST: Final = 2000
"""Characters of a text in a diagnostic: a hostile file can't flood a terminal."""


MULTIPLE: Final = 400
CONSTANT: Final = 32 * 2**20
"""Bytes of memory for each byte of the file, and for any file."""


def consume(data: bytes, limits: Limits = LIMITS) -> Inspection:
    """Read bytes, and use the graph if they are one; nothing but what is said here may happen.

    Refused bytes have diagnostics, each with a place in the file. A graph runs, and what is
    written of it reads back as the same, in either encoding.

    Raises:
        AssertionError: Something else happened.
    """
    found = inspect(data, "fuzz", limits)
    codes = CODES if found.graph is None else WARNINGS
    assert all(each.code in codes for each in found.diagnostics)
    assert len(found.diagnostics) <= REPORTED
    for each in found.diagnostics:
        check_diagnostic(each, data)
    if found.graph is None:
        assert found.diagnostics
        assert found.more == 0 or len(found.diagnostics) == REPORTED
    elif len(found.graph.columns) <= SMALL:
        check_runs(as_graph(found.graph))
        check_writing(found.graph, limits)
    return found


def check_diagnostic(found: Diagnostic, data: bytes) -> None:
    """A diagnostic stands in the file, and can be printed."""
    if found.offset is not None:
        assert 0 <= found.offset <= len(data)
    else:
        assert found.line is not None
        assert found.column is not None
        assert 1 <= found.line <= data.count(b"\n") + 1
        assert 1 <= found.column <= len(data) + 1
    assert found.message
    for text in (found.message, found.expected, found.fix):
        assert text.isprintable(), text
        assert len(text) <= LONGEST
    json.dumps(found.as_json(), allow_nan=False)
    assert str(found).replace("\n", "").isprintable()


def check_runs(graph: Graph) -> None:
    """A graph runs: every node has a value, every output that is seeded an adjoint."""
    unbound = [graph.columns.ids[i] for i in graph.columns.unbound()]
    seed = dict.fromkeys(graph.outputs, 1.0)
    math = "exact" if any(run.math for run in graph.runs) else "libm"
    run = graph.run(dict.fromkeys(unbound, 0.5), seed=seed, math=math)
    assert run.data is not None
    assert run.grad is not None
    assert len(run.data) == len(graph)
    constants = {
        graph.columns.ids[i] for i in graph.columns.leaves if graph.columns.op(i) == "const"
    }
    assert {*graph.outputs} - constants <= {*run.grad}
    if unbound:
        assert codes_of(lambda: graph.run(seed=seed)) == {"unbound-input"}


def codes_of(action: Callable[[], object]) -> set[str]:
    """Return what an action is refused for."""
    try:
        action()
    except GraphError as error:
        return {each.code for each in error.diagnostics}
    return set()


def check_writing(graph: GraphFile, limits: Limits) -> None:
    """What is written is read as the same, and written as the same."""
    as_json = b"".join(to_json(graph))
    as_msgpack = b"".join(to_msgpack(graph))
    for written, same in ((as_json, to_json), (as_msgpack, to_msgpack)):
        again = read(written, "written", limits)
        assert b"".join(same(again)) == written
        assert again.hash == graph.hash
        assert b"".join(to_msgpack(again)) == as_msgpack
