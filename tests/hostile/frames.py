"""Sound documents; each case changes one place of one of them."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from tests.hostile.pack import f64, pack, u32

NEURON = {
    "x1": '{"id": "x1", "op": "input", "data": 2.0, "label": "x₁"}',
    "w1": '{"id": "w1", "op": "param", "data": -3.0}',
    "x2": '{"id": "x2", "op": "input", "data": 0.0, "label": "x₂"}',
    "w2": '{"id": "w2", "op": "param", "data": 1.0}',
    "b": '{"id": "b", "op": "param", "data": 6.8813735870195432}',
    "x1w1": '{"id": "x1w1", "op": "mul", "args": ["x1", "w1"]}',
    "x2w2": '{"id": "x2w2", "op": "mul", "args": ["x2", "w2"]}',
    "s": '{"id": "s", "op": "add", "args": ["x1w1", "x2w2"]}',
    "n": '{"id": "n", "op": "add", "args": ["s", "b"]}',
    "o": '{"id": "o", "op": "tanh", "args": ["n"]}',
}
SMALL = {
    "x": '{"id": "x", "op": "input", "data": 2.0}',
    "o": '{"id": "o", "op": "neg", "args": ["x"]}',
}
FORK = {
    "x": '{"id": "x", "op": "input", "data": 3.0}',
    "k": '{"id": "k", "op": "const", "data": 0.5}',
    "a": '{"id": "a", "op": "mul", "args": ["x", "x"]}',
    "b": '{"id": "b", "op": "mul", "args": ["x", "k"]}',
}


def document(
    nodes: Iterable[str],
    *,
    version: str = '"1.0"',
    head: Iterable[str] = (),
    outputs: str = '["o"]',
    tail: Iterable[str] = (),
) -> str:
    """Return a document as JSON text; `head` and `tail` are members around the graph."""
    rows = ",\n    ".join(nodes)
    members = [
        f'"mgraph": {version}',
        *head,
        f'"nodes": [\n    {rows}\n  ]',
        f'"outputs": {outputs}',
        *tail,
    ]
    return "{\n  " + ",\n  ".join(members) + "\n}\n"


def neuron(*, tail: Iterable[str] = (), **rows: str) -> str:
    """Return the ten-node neuron with some rows replaced."""
    return document((NEURON | rows).values(), tail=tail)


def small(
    *,
    version: str = '"1.0"',
    head: Iterable[str] = (),
    outputs: str = '["o"]',
    tail: Iterable[str] = (),
    **rows: str,
) -> str:
    """Return o = neg(x) with some members or rows replaced."""
    return document((SMALL | rows).values(), version=version, head=head, outputs=outputs, tail=tail)


def fork(*, outputs: str = '["a", "b"]', tail: Iterable[str] = (), **rows: str) -> str:
    """Return a = x·x and b = x·k, both outputs, with some rows replaced."""
    return document((FORK | rows).values(), outputs=outputs, tail=tail)


def datum(literal: str) -> str:
    """Return the leaf of `small` with another number."""
    return f'{{"id": "x", "op": "input", "data": {literal}}}'


def meta(value: str) -> str:
    """Return `small` with a meta."""
    return small(tail=(f'"meta": {value}',))


def runs(*rows: str) -> str:
    """Return the member `runs`."""
    return '"runs": [\n    ' + ",\n    ".join(rows) + "\n  ]"


def plain(**members: object) -> dict[Any, object]:
    """Return `small` as a value to pack, nodes as maps, with members replaced or added."""
    nodes = [
        {"id": "x", "op": "input", "data": 2.0},
        {"id": "o", "op": "neg", "args": ["x"]},
    ]
    return {"mgraph": "1.0", "nodes": nodes, "outputs": ["o"], **members}


def leaf(data: object) -> list[object]:
    """Return the nodes of `plain` with another number in the leaf."""
    return [{"id": "x", "op": "input", "data": data}, {"id": "o", "op": "neg", "args": ["x"]}]


# n5 = tanh(n0·n1 + n3), every id a default one
COLUMNS: dict[Any, object] = {
    "count": 6,
    "ops": ["add", "input", "mul", "param", "tanh"],
    "op": bytes([1, 3, 2, 3, 0, 4]),
    "args": u32(0, 1, 2, 3, 4),
    "data": f64(2.0, -3.0, 6.5),
}
# t = x + x + k, where x has no value of its own
OPEN_COLUMNS: dict[Any, object] = {
    "count": 3,
    "ops": ["const", "input", "sum"],
    "op": bytes([1, 0, 2]),
    "arity": u32(3),
    "args": u32(0, 0, 1),
    "data": f64(0.0, 0.25),
    "has_data": bytes([0, 1]),
    "id": {"at": u32(0, 1, 2), "value": ["x", "k", "t"]},
}


def packed(runs: object = None, **columns: object) -> dict[Any, object]:
    """Return the packed document of COLUMNS, with columns replaced or added."""
    return columnar({**COLUMNS, **columns}, ["n5"], runs)


def packed_open(runs: object = None, **columns: object) -> dict[Any, object]:
    """Return the packed document of OPEN_COLUMNS, with columns replaced or added."""
    return columnar({**OPEN_COLUMNS, **columns}, ["t"], runs)


def columnar(
    columns: Mapping[Any, object], outputs: list[str], runs: object = None
) -> dict[Any, object]:
    """Return a packed document."""
    document: dict[Any, object] = {"mgraph": "1.0", "nodes": columns, "outputs": outputs}
    return document if runs is None else {**document, "runs": runs}


def digest(columns: Mapping[Any, object], outputs: list[str]) -> str:
    """Return the hash of a graph whose columns stand in the canonical order."""
    canonical = pack({"nodes": columns, "outputs": outputs}).data
    return "mgraph1-sha256:" + hashlib.sha256(canonical).hexdigest()


def small_hash(x: float = 2.0) -> str:
    """Return the hash of `small` with this x."""
    columns: dict[Any, object] = {
        "count": 2,
        "ops": ["input", "neg"],
        "op": bytes([0, 1]),
        "args": u32(0),
        "data": f64(x),
        "id": {"at": u32(0, 1), "value": ["x", "o"]},
    }
    return digest(columns, ["o"])
