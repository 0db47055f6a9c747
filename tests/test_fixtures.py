"""The golden files: written by the reference, confirmed by JAX, complete in what they cover.

Nothing here uses the package under test: these are tests of the expectations themselves.
"""

from __future__ import annotations

import json
import math
import random
import struct
from collections import Counter
from functools import cache
from itertools import product
from operator import add, mul, sub, truediv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.reference.arithmetic import Double, Rounded
from tests.reference.canonical import canonical_hash
from tests.reference.evaluate import LEAVES, OPS, has_reuse
from tests.reference.graphs import write_all
from tests.reference.reading import is_complete, nodes_of, numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.reference.layout import JsonObject

HERE = Path(__file__).parent
FIXTURES = HERE.parent / "fixtures"
NEURON = FIXTURES / "neuron.json"
# Kinks, infinities and the ends of the number range, where engines have conventions of their own.
CONVENTIONS = ("edges", "ops")

TINY = 5e-324
SMALLEST_NORMAL = 2.2250738585072014e-308
UNARY_EDGES = (
    *(0.0, -0.0, math.inf, -math.inf, math.nan, TINY, -TINY, SMALLEST_NORMAL),
    *(1.0, -1.0, 0.5, 1e300, -1e300, 710.0, -746.0),
)
BINARY_EDGES = (0.0, -0.0, 1.0, -1.0, TINY, 1e300, math.inf, -math.inf, math.nan)
MUST_SEE: dict[int | None, tuple[tuple[float, ...], ...]] = {  # by the number of arguments
    1: tuple((x,) for x in UNARY_EDGES),
    2: tuple(product(BINARY_EDGES, repeat=2)),
    None: (
        *((-0.0,), (math.nan,), (0.1, 0.2), (1e308, 1e308), (1e308, -math.inf, 1.0)),
        *((1e16, 1.0, -1e16), (1e16, -1e16, 1.0), (0.1,) * 10),
    ),
}


@cache
def golden_files() -> tuple[Path, ...]:
    """Return the neuron and everything under `run/` and `pack/`."""
    return (NEURON, *(path for kind in ("run", "pack") for path in graphs_of(kind)))


def graphs_of(kind: str) -> list[Path]:
    """Return the files of a folder of golden graphs, the folders in it included."""
    return sorted((FIXTURES / kind).rglob("*.json"))


@cache
def document(path: Path) -> JsonObject:
    """Return one file's content."""
    content: JsonObject = json.loads(path.read_text(encoding="utf-8"))
    return content


def arguments_seen() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each op with the arguments it meets in a complete run, spelled out."""
    for path in golden_files():
        nodes = nodes_of(document(path))
        for run in document(path)["runs"]:
            if is_complete(document(path), run):
                data = numbers(run["data"])
                for node in nodes:
                    yield node.op, tuple(repr(data[arg]) for arg in node.args)


def test_the_files_are_what_the_generator_writes(tmp_path: Path) -> None:
    """Written again, every golden file has the same bytes, and there is no other file."""
    write_all(tmp_path)
    written = {path.relative_to(tmp_path): path for path in tmp_path.rglob("*.json")}
    assert sorted(written) == sorted(path.relative_to(FIXTURES) for path in golden_files())
    for name, path in written.items():
        assert path.read_bytes() == (FIXTURES / name).read_bytes(), name


def test_there_are_enough_graphs() -> None:
    """Sixty graphs at least, twenty of them with ten nodes or more and a node used twice."""
    graphs = [nodes_of(document(path)) for path in golden_files()]
    assert len(graphs) >= 60
    assert sum(len(nodes) >= 10 and has_reuse(nodes) for nodes in graphs) >= 20


def test_every_graph_explains_itself() -> None:
    """Each file has its own name and a doc, and each run says where its numbers come from."""
    names = Counter(document(path)["name"] for path in golden_files())
    assert [name for name, count in names.items() if count > 1] == []
    for path in golden_files():
        assert document(path)["doc"]
        assert all(run["origin"] for run in document(path)["runs"])


def test_every_run_with_all_values_is_complete() -> None:
    """Each of these runs states its graph, so a gradient that it leaves out must not exist."""
    runs = [
        is_complete(document(path), run)
        for path in golden_files()
        for run in document(path)["runs"]
        if len(run.get("data", ())) == len(document(path)["nodes"])
    ]
    assert len(runs) >= 1722
    assert all(runs)


def test_every_op_meets_every_special_value() -> None:
    """Each unary op sees each special value, each binary op each pair, sum its orders."""
    seen = set(arguments_seen())
    for name, op in OPS.items():
        wanted = MUST_SEE[op.arity]
        missing = [args for args in wanted if (name, tuple(map(repr, args))) not in seen]
        assert missing == [], name
    assert {op for op, _ in seen} == {*OPS, *LEAVES}


@pytest.mark.parametrize(
    "vector",
    json.loads((HERE / "hash_vectors.json").read_text(encoding="utf-8")),
    ids=lambda vector: vector["why"],
)
def test_the_reference_hash_is_the_published_one(vector: dict[str, str]) -> None:
    """The canonical hash agrees with the vectors of an independent implementation."""
    graph = json.loads(vector["document"])
    assert canonical_hash(nodes_of(graph), graph["outputs"]) == vector["hash"]


def random_doubles(count: int) -> list[float]:
    """Return doubles of any size, subnormal to huge, from random bits; and NaNs, too."""
    source = random.Random(20)  # noqa: S311 - scattered, not secret
    bits = (source.getrandbits(64) for _ in range(count))
    few_exponents = (b & 0x8FFF_FFFF_FFFF_FFFF if i % 3 == 0 else b for i, b in enumerate(bits))
    return [struct.unpack("<d", struct.pack("<Q", b))[0] for b in few_exponents]


@pytest.mark.parametrize("operation", [add, sub, mul, truediv], ids=lambda op: op.__name__)
def test_exact_arithmetic_is_what_the_processor_does(
    operation: Callable[[float, float], float],
) -> None:
    """Rationals, rounded by hand, give the bits that IEEE hardware gives."""
    left = [*random_doubles(1500), *UNARY_EDGES]
    right = [*UNARY_EDGES, *left[: -len(UNARY_EDGES)]]
    for a, b in [*zip(left, right, strict=True), *product(UNARY_EDGES, repeat=2)]:
        if operation is truediv and b == 0.0:
            continue  # Python raises where the processor does not
        assert repr(float(operation(Double(a), b))) == repr(operation(a, b)), (a, b)


def test_exact_square_root_is_what_the_processor_does() -> None:
    """A 50-digit root, rounded by hand, has the bits of the hardware's."""
    for x in map(abs, random_doubles(1500)):
        assert repr(float(Rounded.sqrt(x))) == repr(math.sqrt(x)), x
