"""Files too large to keep, made when a test asks for them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.hostile.case import Case, Source, accept, reject
from tests.hostile.frames import SMALL, columnar, document, packed, plain, runs, small
from tests.hostile.pack import HERE, At, Raw, f64, u32

LONG_LABEL = 10_000_000
MANY_ARGS = 1_000_000
MANY_RUNS = 70_000
MANY_LEVELS = 100_000
CHAIN = 1_000_000


@dataclass(frozen=True, slots=True)
class LargeCase:
    """A case, and the limits under which it is read: field of `Limits` to value."""

    case: Case
    limits: dict[str, int] = field(default_factory=dict)


def large_cases() -> Iterator[LargeCase]:
    """Yield every case."""
    for case in (
        reject(
            "limit",
            "label_10_mb",
            small(x=f'{{"id": "x", "op": "input", "label": ⟦"{"l" * LONG_LABEL}"}}'),
            "/nodes/0/label",
        ),
        reject("limit", "msgpack_label_10_mb", plain(name=At("l" * LONG_LABEL)), "/name"),
        accept("chain_1000000", chain(CHAIN)),
        *args_cases(),
        *runs_cases(),
        reject("depth", "objects_100000", '{"a":' * 32 + "⟦" + '{"a":' * (MANY_LEVELS - 32)),
        reject(
            "depth",
            "brackets_100000_closed",
            "[" * 32 + "⟦" + "[" * (MANY_LEVELS - 32) + "]" * MANY_LEVELS,
        ),
        reject(
            "depth",
            "msgpack_maps_100000",
            Raw(b"\x81\xa0" * 32, HERE, b"\x81\xa0" * (MANY_LEVELS - 32)),
        ),
    ):
        yield LargeCase(case)
    yield from lowered_limits()


def chain(length: int) -> Source:
    """Return a packed file of negations, each of the one before."""
    columns = {
        "count": length,
        "ops": ["input", "neg"],
        "op": b"\0" + b"\1" * (length - 1),
        "args": u32(*range(length - 1)),
        "data": f64(1.0),
    }
    return columnar(columns, [f"n{length - 1}"])


def repeated(arg: str, count: int) -> str:
    """Return the arguments of a node that has the same one many times."""
    return ", ".join([f'"{arg}"'] * count)


def args_cases() -> tuple[Case, ...]:
    """Return one node of too many arguments: by far, and by one."""
    return tuple(
        reject(
            "limit",
            f"args_{count}",
            small(o='{"id": "o", "op": "sum", "args": ⟦[' + repeated("x", count) + "]}"),
            "/nodes/1/args",
        )
        for count in (MANY_ARGS, 65_536)
    )


def runs_cases() -> tuple[Case, ...]:
    """Return documents of too many runs: by far, and by one."""
    return tuple(
        reject(
            "limit",
            f"runs_{count}",
            small(tail=(runs(*["{}"] * count).replace("[", "⟦[", 1),)),
            "/runs",
        )
        for count in (MANY_RUNS, 65_536)
    )


def lowered_limits() -> Iterator[LargeCase]:
    """Yield small files under smaller limits, in place of gigabytes and millions of nodes."""
    size = len(small().encode())
    yield LargeCase(Case("size_exact", small()), {"size": size})
    yield LargeCase(reject("size", "size", "⟦" + small()), {"size": size - 1})
    yield LargeCase(reject("size", "size_broken", "⟦" + small() + "}}"), {"size": size})
    rows = (SMALL["x"], SMALL["o"], SMALL["o"].replace('"o"', '"p"'))
    nodes = document(rows, outputs='["o", "p"]')
    yield LargeCase(Case("nodes_exact", nodes), {"nodes": 3})
    nodes = nodes.replace('"nodes": [', '"nodes": ⟦[')
    yield LargeCase(reject("limit", "nodes", nodes, "/nodes"), {"nodes": 2})
    yield LargeCase(reject("limit", "count", packed(count=At(6)), "/nodes/count"), {"nodes": 5})
    yield LargeCase(
        reject("limit", "name_of_five", small(head=('"name": ⟦"fünf"',)), "/name"), {"text": 4}
    )
    yield LargeCase(reject("limit", "doc_of_five", plain(doc=At("abcde")), "/doc"), {"doc": 4})
    deep = '{"id": "x", "op": "input", "meta": ⟦{}}'
    yield LargeCase(reject("depth", "depth_of_three", small(x=deep)), {"depth": 3})
