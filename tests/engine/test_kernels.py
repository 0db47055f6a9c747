"""Kernels: what their text says is what the machine does, and never outside of its arrays."""

from __future__ import annotations

import inspect
import math
import random
import struct
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mgraph
from mgraph import Graph, Value
from mgraph.engine.tape import (
    blocks,
    jit,
    libraries,
    lowering,
    replay,
    schedule,
    source,
    sums,
    sweeps,
)
from mgraph.engine.tape import cache as cache_of_kernels
from mgraph.errors import MissingExtraError
from mgraph.format import reading
from mgraph.golden.rerun import mismatches, ulps
from mgraph.graph.run import DEFAULT
from mgraph.ops import OPS, TABLE, Op, ieee
from tests.engine.test_tape import GOLDEN, assert_same, bits, declared, random_graph
from tests.loops import looped, thinned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mgraph.graph.columns import Columns

VECTORS: Final = [name for name in libraries.NAMES if name not in (libraries.LIBM, libraries.EXACT)]
"""Libraries whose results differ from those of libm by little; `test_exact` is about the other."""


def is_here(name: str) -> bool:
    """Whether a math library is on this machine."""
    try:
        libraries.library(name)
    except MissingExtraError:
        return False
    return True


HERE: Final = [name for name in VECTORS if is_here(name)]
ALL_HERE: Final = [libraries.LIBM, *HERE, libraries.EXACT]

CHECKED: Final = [
    pytest.param(name, marks=() if name in (libraries.LIBM, "mgraph") else pytest.mark.thorough)
    for name in ALL_HERE
]
"""Kernels that look at every index take seconds to compile, for each library."""


# --- the text ---


def as_python(text: str) -> dict[str, Any]:
    """Let Python itself run the text of kernels."""
    names: dict[str, Any] = {f"ieee_{name}": getattr(ieee, name) for name in primitives()}
    exec(f"from __future__ import annotations\n{text}", names)  # noqa: S102 - our own text
    return names


def primitives() -> list[str]:
    """Return the names of the primitives."""
    functions = inspect.getmembers(ieee, inspect.isfunction)
    return [name for name, _ in functions if not name.startswith("_")]


@looped("seed", range(8))
def test_the_machine_does_what_the_text_says(seed: int) -> None:
    """Python, running the very text, gets the bits that the compiled kernels get."""
    graph = random_graph(seed, 80).columns
    tape = sweeps.tape_of(graph)
    seeds = dict.fromkeys(graph.outputs[:2], 1.0)
    marks = sweeps.reached(tape, seeds)
    primals, adjoints = tape.primals.copy(), np.zeros(len(graph))
    sweeps.forward(tape, primals)
    sweeps.backward(tape, marks, primals, adjoints, seeds)

    by_hand = as_python(source.text(source.SWEEPS))
    lists = [each.tolist() for each in (tape.opcode, tape.first, tape.args)]
    has, values = [0] * len(graph), tape.primals.tolist()
    slopes = [0.0] * len(graph)
    for node in seeds:
        has[node], slopes[node] = 1, 1.0
    by_hand["reach"](lists[1], lists[2], has)
    by_hand["forward"](*lists, values)
    by_hand["backward"](*lists, has, values, slopes)
    slopes = [0.0 if graph.op(i) == "const" else x for i, x in enumerate(slopes)]
    assert has == marks.tolist()
    assert same(values, primals.tolist())
    assert same(slopes, adjoints.tolist())


def same(a: list[float], b: list[float]) -> bool:
    """Whether numbers have the same bits, all NaNs alike."""
    return bits(dict(zip(map(str, range(len(a))), a, strict=True))) == bits(
        dict(zip(map(str, range(len(b))), b, strict=True))
    )


REFUSED: Final = {
    "a power": "c = a ** b",
    "a remainder": "c = a % b",
    "an order of bits": "c = a & b",
    "identity": "c = a if a is b else b",
    "a chain": "c = 1.0 if a < b < 2.0 else 0.0",
    "a string": "c = 'a'",
    "a lambda": "c = (lambda: a)()",
    "an unknown function": "c = hypot(a, b)",
    "another function": "c = max(a, b)",
    "a loop": "while a: pass",
    "an attribute": "c = a.real",
    "several targets": "c = d = a",
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_other_python_is_refused(body: str) -> None:
    """What is not in the language is refused, not guessed at."""
    start = "def f(x: F64) -> None:\n    a = x[0]\n    b = x[1]\n    "
    libm = libraries.library("libm")
    assert "fadd" in lowering.Lowering(f"{start}c = a + b\n", libm).assembly()
    with pytest.raises(NotImplementedError, match="kernels have no"):
        lowering.Lowering(f"{start}{body}\n", libm).assembly()


def test_every_primitive_is_known() -> None:
    """Each primitive of `ieee` is arithmetic, or a function that the C library has."""
    called = {"div", "sqrt"}
    names = {"power": "pow"}
    for name in primitives():
        assert name in called or names.get(name, name) in libraries.FUNCTIONS
    for name in libraries.FUNCTIONS:
        assert libraries.address(name, libraries.LIBM)


# --- inside the arrays ---


class Checked:
    """Kernels that look at every index."""

    def __init__(self, part: str, math_: str) -> None:
        """Compile a part anew."""
        math_library = libraries.library(math_)
        text = source.text(part, vector=math_ != "libm")
        made = lowering.Lowering(text, math_library, checked=True)
        code = jit.compiled(made.assembly())
        symbols = cache_of_kernels.symbols(math_)
        self.kernels = jit.Kernels(code, made.signatures(), math_library, symbols)

    def __getattr__(self, name: str) -> Callable[..., int]:
        """Return a kernel that raises when it would go astray."""
        return lambda *arguments: self.judged(getattr(self.kernels, name)(*arguments))

    def bound(self, name: str, *arguments: object) -> Callable[..., int]:
        """Return a kernel with arguments."""
        kernel = self.kernels.bound(name, *arguments)
        return lambda *more: self.judged(kernel(*more))

    def judged(self, status: int) -> int:
        """Raise if a kernel says that an index was wrong."""
        if status:
            raise IndexError
        return status


@cache
def checked(part: str, math_: str = "libm") -> Checked:
    """Return kernels that look at every index."""
    return Checked(part, math_)


def check_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything run on kernels that look at every index."""
    for module in (sweeps, schedule, blocks, sums, replay):
        if hasattr(module, "kernels"):
            monkeypatch.setattr(module, "kernels", checked)


@pytest.fixture
def _checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything run on kernels that look at every index."""
    check_everything(monkeypatch)


@pytest.mark.usefixtures("_checked")
@looped("path", GOLDEN[:: max(1, len(GOLDEN) // 40)])
def test_no_fixture_leads_astray(path: Path) -> None:
    """Every kernel stays in its arrays, over fixtures."""
    graph = mgraph.load(path)
    run = graph.runs[0]
    assert_same(graph.compile(), graph, declared(graph) | dict(run.inputs), run.seed)


@pytest.mark.usefixtures("_checked")
@pytest.mark.parametrize("math_", thinned(ALL_HERE, len(ALL_HERE)))
@looped("seed", range(6))
def test_no_random_graph_leads_astray(seed: int, math_: str) -> None:
    """Steps, calls and batches of any length stay in their arrays, with any math library."""
    graph = random_graph(seed, 6 + seed * 9)
    again = graph.compile(math=math_)
    seeds = {graph.outputs[0]: 1.0}
    again.step(seed=seeds)
    again(seed=seeds)
    name = next(again.graph.ids[i] for i in graph.columns.leaves if graph.columns.op(i) != "const")
    for rows in (1, 8, 9, 130):
        for grad in ("rows", "sum", None):
            for workers in (1, 2):
                column = {name: np.linspace(-1.0, 1.0, rows)}
                again.batch(column, grad=grad, seed=seeds, workers=workers, math=math_)


@pytest.mark.usefixtures("_checked")
@pytest.mark.parametrize("math_", CHECKED)
def test_vectors_do_not_read_beyond_their_run(math_: str) -> None:
    """What follows a run may be folds, whose arguments are counted, not placed: far beyond all."""
    x = Value.param(0.5, name="x")
    first = mgraph.value.apply(OPS["sum"], (x,) * 200)
    last = mgraph.value.apply(OPS["sum"], (x.tanh(),) * 200)
    replay = Graph.of(first * last).compile(math=math_)
    replay.step()
    assert replay.primals[-1] == pytest.approx(100.0 * 200.0 * math.tanh(0.5), rel=1e-12)


@settings(deadline=None)
@given(st.integers(0, 3), st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_wrong_columns_are_caught(which: int, value: int, generator: random.Random) -> None:
    """Columns that the reader would refuse: a checked kernel says so, and does not crash."""
    graph = random_graph(3, 20).columns
    tape = sweeps.tape_of(graph)
    arrays: list[Any] = [
        tape.opcode.copy(),
        tape.first.copy(),
        tape.args.copy(),
        tape.primals.copy(),
    ]
    column = arrays[which % 3]
    column[generator.randrange(column.size)] = value % 2 ** (8 * column.itemsize)
    has = np.ones(len(graph), np.uint8)
    kernels = checked(source.SWEEPS).kernels
    found = [
        kernels.reach(arrays[1], arrays[2], has),
        kernels.forward(*arrays),
        kernels.backward(*arrays[:3], has, arrays[3], np.zeros(len(graph))),
    ]
    if arrays[2].max() >= len(graph):  # an argument that is nowhere: all of them ask for it
        assert found == [1, 1, 1]


def test_an_argument_out_of_range_is_seen() -> None:
    """The check is there: one index too large, and each sweep says so."""
    graph = random_graph(3, 20).columns
    tape = sweeps.tape_of(graph)
    args = tape.args.copy()
    args[-1] = len(graph)
    has, zeros = np.ones(len(graph), np.uint8), np.zeros(len(graph))
    kernels = checked(source.SWEEPS).kernels
    assert kernels.forward(tape.opcode, tape.first, tape.args, tape.primals) == 0
    assert kernels.forward(tape.opcode, tape.first, args, tape.primals) == 1
    assert kernels.backward(tape.opcode, tape.first, args, has, tape.primals, zeros) == 1
    assert kernels.reach(tape.first, args, has) == 1


@cache
def packed_bytes() -> bytes:
    """Return a packed file with folds, ids, and inputs without primals."""
    x, w = Value.input(1.0, name="x"), Value.param(2.0, name="w")
    total = Value.const(3.0)
    for _ in range(6):
        total = mgraph.value.apply(OPS["sum"], (total * w, x, w)).tanh()
    return b"".join(Graph.of(total).to_bytes(".msgpack"))


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4))
def test_lying_files_are_refused_before_kernels(changes: list[tuple[int, int]]) -> None:
    """A packed file with changed bytes is refused with codes, or its kernels stay in bounds."""
    data = bytearray(packed_bytes())
    for place, value in changes:
        data[place % len(data)] = value
    found = reading.inspect(bytes(data))
    if found.graph is None:
        assert found.diagnostics
    else:
        run_checked(found.graph.columns)


def run_checked(columns: Columns) -> None:
    """Run all sweeps over columns that the reader let through."""
    tape = sweeps.tape_of(columns)
    has, kernels = np.zeros(len(columns), np.uint8), checked(source.SWEEPS)
    has[[*columns.outputs]] = 1
    kernels.reach(tape.first, tape.args, has)
    kernels.forward(tape.opcode, tape.first, tape.args, tape.primals)
    zeros = np.zeros(len(columns))
    kernels.backward(tape.opcode, tape.first, tape.args, has, tape.primals, zeros)


# --- vector libraries ---

LIBM_OPS: Final = [row for row in TABLE if not row.exact]

SPECIAL: Final = [
    0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324, 2.2e-308, 1e308, -1e308,
    709.782712893384, 709.79, -745.1, -746.0, 710.4, 710.5, -710.5, 1e-20, -1e-20, 0.5, 2.0, 3.0,
]  # fmt: skip


def graph_of(op: Op) -> Graph:
    """Return a graph of one op over inputs."""
    inputs = [Value.input(1.0, name=name) for name in "ab"[: op.inputs]]
    return Graph.of(mgraph.value.apply(op, tuple(inputs)))


def points(op: Op, count: int) -> list[tuple[float, ...]]:
    """Return ordinary points of an op's domain, of all magnitudes that give finite results."""
    generator = random.Random(op.name)  # noqa: S311 - no secrets
    found = []
    for _ in range(count):
        x = math.ldexp(generator.uniform(-2.0, 2.0), generator.choice((0, 0, 0, 1, 3, 6, -4, -9)))
        if op.domain:
            x = math.fmod(abs(x), op.domain[0].high)
        found.append((x, generator.uniform(-3.0, 3.0))[: op.inputs])
    return found


EXACT: Final[dict[str, Callable[..., Any]]] = {
    "pow": mpmath.power,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    **{
        name: getattr(mpmath, name)
        for name in (
            "exp",
            "log",
            "sin",
            "cos",
            "tan",
            "atan",
            "sinh",
            "cosh",
            "tanh",
            "erf",
            "log1p",
            "expm1",
            "asin",
            "acos",
            "atan2",
        )
    },
}


def distance(x: float, exact: mpmath.mpf) -> float:
    """Return how far a double is from an exact number, in units in its last place."""
    unit = math.ulp(float(exact))
    return float(abs(mpmath.mpf(x) - exact) / mpmath.mpf(unit))


@pytest.mark.parametrize("name", HERE)
@looped("op", LIBM_OPS)
def test_vector_libraries_are_within_2_ulp(op: Op, name: str) -> None:
    """Each op, on equal inputs: at most 2 ulp from the exact value."""
    at = points(op, 2_000)
    columns = dict(zip("ab", zip(*at, strict=True), strict=False))
    got = graph_of(op).compile().batch({k: np.array(v) for k, v in columns.items()}, math=name)
    values = next(iter(got.outputs.values())).tolist()
    with mpmath.workdps(60):
        worst = max(
            distance(y, EXACT[op.name](*map(mpmath.mpf, x)))
            for x, y in zip(at, values, strict=True)
            if math.isfinite(y) and abs(y) > 1e-300
        )
    assert worst <= 2.0


@pytest.mark.parametrize("name", HERE)
@looped("op", LIBM_OPS)
def test_vector_libraries_know_special_values(op: Op, name: str) -> None:
    """Zeros with their signs, infinities, NaN, over- and underflow: as libm has them."""
    at = [(a, b)[: op.inputs] for a in SPECIAL for b in SPECIAL[:: 1 if op.inputs > 1 else 99]]
    columns = dict(zip("ab", zip(*at, strict=True), strict=False))
    arrays = {key: np.array(column) for key, column in columns.items()}
    again = graph_of(op).compile()
    want, got = (again.batch(arrays, math=each) for each in ("libm", name))
    pairs = [(want.outputs[key], got.outputs[key]) for key in want.outputs]
    pairs += [(want.grad[key], got.grad[key]) for key in want.grad]
    for ours, theirs in pairs:
        for x, a, b in zip(at, ours.tolist(), theirs.tolist(), strict=True):
            assert alike(a, b), (x, a, b)


def alike(a: float, b: float) -> bool:
    """Whether two numbers are the same special value, or nearly the same number."""
    if not math.isfinite(a) or a == 0.0:
        return struct.pack("<d", a) == struct.pack("<d", b) or (a != a and b != b)
    apart = ulps(a, b)
    return apart is not None and apart <= 8


@pytest.mark.parametrize("name", ALL_HERE)
def test_a_row_does_not_depend_on_the_others(name: str) -> None:
    """The same rows in another place, number or thread have the same bits."""
    graph = random_graph(5, 80)
    leaf = next(
        graph.columns.ids[i] for i in graph.columns.leaves if graph.columns.op(i) != "const"
    )
    column = np.random.default_rng(1).normal(size=1000)
    again, seeds = graph.compile(), {graph.outputs[0]: 1.0}
    whole = again.batch({leaf: column}, seed=seeds, math=name)
    for start, stop, workers in ((0, 1, 1), (3, 500, 1), (499, 1000, 2), (17, 26, 3)):
        part = again.batch({leaf: column[start:stop]}, seed=seeds, math=name, workers=workers)
        for key, values in part.outputs.items():
            assert same(values.tolist(), whole.outputs[key][start:stop].tolist())
        for key, values in part.grad.items():
            assert same(values.tolist(), whole.grad[key][start:stop].tolist())


@pytest.mark.parametrize("name", HERE)
@looped("path", GOLDEN)
def test_vector_libraries_pass_the_fixtures(path: Path, name: str) -> None:
    """Whole graphs stay within the tolerance that each run states or, by default, has."""
    graph = mgraph.load(path)
    again = graph.compile(math=name)
    for want in graph.runs:
        got = again(dict(want.inputs), seed=want.seed)
        assert got.origin.endswith(f" tape, {name}")
        assert [*mismatches(got, want, want.tolerance or DEFAULT)] == []


@pytest.fixture
def lanes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Let the processor have vectors of another length."""

    def set_lanes(count: int) -> None:
        libraries.find.cache_clear()
        monkeypatch.setattr(libraries, "lanes", lambda: count)

    yield set_lanes
    libraries.find.cache_clear()


def test_what_is_not_here_is_said(lanes: Callable[[int], None]) -> None:
    """A library that is missing: an error that says how to get it; auto takes another."""
    lanes(0)
    assert libraries.library("auto").name == "libm"
    for name in VECTORS:
        with pytest.raises(
            MissingExtraError, match=f"the math library {name} is not on this machine"
        ):
            libraries.library(name)


def test_unknown_libraries_are_refused() -> None:
    """Another name is the caller's mistake."""
    with pytest.raises(ValueError, match="choose one of auto, libm, libmvec, svml, mgraph, exact"):
        Graph.of(Value(1.0)).compile(math="quantum")


@pytest.mark.skipif("libmvec" not in HERE, reason="no libmvec on this machine")
def test_shorter_vectors_give_the_same(lanes: Callable[[int], None]) -> None:
    """A processor with four lanes calls a function twice for eight rows."""
    lanes(4)
    short = libraries.library("libmvec")
    text = "def sinhs(x: Rows, y: Rows) -> None:\n    y[0] = ieee_sinh(x[0])\n"
    made = lowering.Lowering(text, short)
    kernels = jit.Kernels(jit.compiled(made.assembly()), made.signatures(), short)
    x, y = np.linspace(-2.0, 2.0, 8).reshape(1, 8), np.zeros((1, 8))
    assert kernels.sinhs(x, y) == 0
    for a, b in zip(x[0].tolist(), y[0].tolist(), strict=True):
        assert distance(b, mpmath.sinh(a)) <= 2.0
