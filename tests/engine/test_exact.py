"""The library "exact" on the tape: every result is that of `mgraph.ops.exact`, bit for bit."""

from __future__ import annotations

import copy
import math
import os
import pickle
import random
import signal
import struct
import subprocess
import sys
import threading
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pytest

from mgraph import Graph, Value
from mgraph.engine.evaluate import evaluate
from mgraph.engine.tape import cache as disk
from mgraph.engine.tape import fast, functions, jit, libraries, lowering, source
from mgraph.engine.tape.fingerprint import fingerprint
from mgraph.engine.tape.sweeps import EXACT_TAPE
from mgraph.ops import TABLE, Op, exact, named
from mgraph.ops.exact import exact_op
from mgraph.value import apply
from tests.loops import looped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

FUNCTIONS: Final = libraries.FUNCTIONS
OPS: Final = [op for op in TABLE if not op.exact]
"""The ops whose results depend on the library."""

SPECIAL: Final = [
    0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324, 2.2e-308, 1e308, -1e308,
    0.5, -0.5, 2.0, -2.0, 3.0, 709.782712893384, 709.79, -708.3, -745.13, -745.2, 710.4, 710.5,
    19.06, -19.07, 37.5, -37.5, 2.0**-54, -(2.0**-54), 2.0**-28, 1e-20, 1.0 - 2.0**-53, 1e5, 1e22,
    -1.0 + 2.0**-53, math.pi, math.pi / 2.0, 2.0**1000, 0.0625, 1.4142135623730951,
]  # fmt: skip


def arguments(op: Op, count: int) -> list[tuple[float, ...]]:
    """Return special and random arguments of an op: ordinary ones, and any bits."""
    generator = random.Random(op.name)  # noqa: S311 - no secrets

    def number() -> float:
        kind = generator.random()
        if kind < 0.7:
            return generator.uniform(-4.0, 4.0)
        if kind < 0.9:
            return generator.choice((1.0, -1.0)) * math.ldexp(1.0 + kind, generator.randint(-40, 9))
        x: float = struct.unpack("<d", generator.randbytes(8))[0]
        return x

    firsts = [*SPECIAL, *(number() for _ in range(count))]
    seconds = [generator.choice([*SPECIAL, number()]) for _ in firsts]
    return [(a, b)[: op.inputs] for a, b in zip(firsts, seconds, strict=True)]


def bits(x: float) -> bytes:
    """Return the bits of a number, all NaNs alike."""
    return struct.pack("<d", math.nan if x != x else x)


def expected(op: Op, inputs: tuple[float, ...]) -> list[float]:
    """Return the value of an op, and its gradients with the seed 1, by Python's integers."""
    twin = exact_op(op)
    value = twin.value(inputs)
    return [value, *(0.0 + each for each in twin.partials(inputs, value))]


@cache
def graph_of_all() -> tuple[Graph, dict[str, float], list[tuple[Op, tuple[float, ...]]]]:
    """Return a graph with each op at many arguments; the values of its inputs; and which is where.

    Inputs may be infinite or NaN here, which files can't state.
    """
    outputs, cases = [], []
    inputs: dict[str, float] = {}
    for op in OPS:
        for i, at in enumerate(arguments(op, 40)):
            names = [f"{op.name}_{i}_{k}" for k in range(op.inputs)]
            inputs.update(zip(names, at, strict=True))
            leaves = tuple(Value.input(0.5, name=name) for name in names)
            outputs.append(apply(op, leaves))
            cases.append((op, at))
    return Graph.of(*outputs), inputs, cases


def check(got: Callable[[str], float], values: Sequence[float]) -> None:
    """Check the values of the outputs, and the gradients of the inputs by id."""
    _, _, cases = graph_of_all()
    number = dict.fromkeys([op.name for op in OPS], 0)
    for (op, at), value in zip(cases, values, strict=True):
        ids = [f"{op.name}_{number[op.name]}_{k}" for k in range(op.inputs)]
        number[op.name] += 1
        found = [value, *map(got, ids)]
        want = expected(op, at)
        assert list(map(bits, found)) == list(map(bits, want)), (op.name, at, found, want)


def test_single_runs_are_exact() -> None:
    """Sweeps over columns, one row at a time."""
    graph, inputs, _ = graph_of_all()
    columns = graph.columns
    seed = {columns.ids[i]: 1.0 for i in columns.outputs}
    finite = {name: x for name, x in inputs.items() if math.isfinite(x)}
    run = evaluate(columns, finite, seed, EXACT_TAPE)
    assert run.origin.endswith("tape, exact")
    again = graph.compile(math="exact")(finite, seed=seed)
    data, grad = dict(run.data or {}), dict(run.grad or {})
    assert [*map(bits, data.values())] == [*map(bits, dict(again.data or {}).values())]
    assert [*map(bits, grad.values())] == [*map(bits, dict(again.grad or {}).values())]
    number = dict.fromkeys([op.name for op in OPS], 0)
    for output, (op, at) in zip(columns.outputs, graph_of_all()[2], strict=True):
        ids = [f"{op.name}_{number[op.name]}_{k}" for k in range(op.inputs)]
        number[op.name] += 1
        if all(map(math.isfinite, at)):
            found = [data[columns.ids[output]], *(grad[each] for each in ids)]
            assert list(map(bits, found)) == list(map(bits, expected(op, at))), (op.name, at)


def test_steps_are_exact() -> None:
    """Several nodes at once forward, and one at a time backward."""
    graph, inputs, _ = graph_of_all()
    replay = graph.compile(math="exact")
    replay.leaf_primals = [inputs[name] for name in replay.leaf_ids]
    replay.step(seed={graph.columns.ids[i]: 1.0 for i in graph.columns.outputs})
    slopes = dict(zip(replay.leaf_ids, replay.leaf_adjoints.tolist(), strict=True))
    check(slopes.__getitem__, replay.primals[[*graph.columns.outputs]].tolist())


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_are_exact(workers: int) -> None:
    """Rows of eight, in threads; each op over all of its arguments, and others' to fill up."""
    for op in OPS:
        rows = arguments(op, 200)
        names = "ab"[: op.inputs]
        graph = Graph.of(apply(op, tuple(Value.input(0.5, name=name) for name in names)))
        columns = dict(zip(names, map(np.array, zip(*rows, strict=True)), strict=True))
        batch = graph.compile().batch(columns, math="exact", workers=workers)
        assert batch.engine == "tape, exact"
        found = zip(*batch.outputs.values(), *(batch.grad[name] for name in names), strict=True)
        for at, got in zip(rows, found, strict=True):
            want = [*map(bits, expected(op, at))]
            assert [bits(float(x)) for x in got] == want, (op.name, at, got)


def test_an_exact_replay_has_exact_batches() -> None:
    """A graph compiled for exact math computes batches in it, too, unless they ask for another."""
    graph = Graph.of(Value.input(0.5, name="x").tanh())
    at = arguments(named("tanh"), 200)
    column = np.array([x for (x,) in at])
    batch = graph.compile(math="exact").batch({"x": column})
    assert batch.engine == "tape, exact"
    assert list(map(bits, batch.grad["x"].tolist())) == [
        bits(expected(named("tanh"), x)[1]) for x in at
    ]
    assert graph.compile(math="exact").batch({"x": column}, math="libm").engine == "tape, libm"
    assert graph.compile().batch({"x": column}).engine != "tape, exact"


def test_sums_are_exact() -> None:
    """Sums of gradients are those of exact gradients, whatever the threads."""
    x, w = Value.input(0.5, name="x"), Value.param(0.7, name="w")
    graph = Graph.of((x * w).tanh() + (x - w).exp())
    column = np.linspace(-3.0, 3.0, 333)
    replay = graph.compile()
    slopes = replay.batch({"x": column}, math="exact").grad["w"].tolist()
    for workers in (1, 2):
        batch = replay.batch({"x": column}, math="exact", grad="sum", workers=workers)
        assert batch.grad["w"] == math.fsum(slopes)


def test_nothing_is_contracted() -> None:
    """a·b + c rounds twice: 1 + 2^-53, less 1, is 0."""
    a, c = Value.input(1.0 + 2.0**-52, name="a"), Value.input(-1.0, name="c")
    graph = Graph.of(a * Value.const(1.0 - 2.0**-53) + c)
    want = (1.0 + 2.0**-52) * (1.0 - 2.0**-53) - 1.0
    replay = graph.compile(math="exact")
    replay.step()
    batch = replay.batch({"a": np.full(9, 1.0 + 2.0**-52)}, math="exact")
    assert replay.primals[-1] == want
    assert next(iter(batch.outputs.values())).tolist() == [want] * 9
    for part in source.PARTS:
        text = source.text(part, vector=True)
        assembly = lowering.Lowering(text, libraries.library("exact")).assembly()
        assert "llvm.fma" not in assembly, part


def test_replays_are_pickled_and_copied() -> None:
    """They keep their library, and their numbers."""
    graph = Graph.of(Value.param(0.5, name="x").tanh())
    replay = graph.compile(math="exact")
    replay.step({"x": 0.3})
    for again in (pickle.loads(pickle.dumps(replay)), copy.copy(replay)):  # noqa: S301
        again.step()
        assert again.primals.tolist() == [0.3, exact.tanh(0.3)]
        assert again().origin.endswith("tape, exact")


# --- the slow path ---


@pytest.fixture
def answer() -> Iterator[Callable[[str, Callable[..., float]], None]]:
    """Let another function answer for one, by its name in C."""
    array = functions.answers()
    before = list(array)

    def replace(name: str, function: Callable[..., float]) -> None:
        array[FUNCTIONS.index(name)] = function

    yield replace
    array[:] = before


SLOW: Final = 1e22
"""An argument of sin that takes the slow path."""


@cache
def sines(workers: int = 1) -> Callable[[], list[float]]:
    """Return a function that computes sin(i·10^22) for some i, all of them by the slow path."""
    replay = Graph.of(Value.input(1.0, name="x").sin()).compile()
    column = SLOW * np.arange(1.0, 65.0)

    def compute() -> list[float]:
        batch = replay.batch({"x": column}, grad=None, math="exact", workers=workers)
        values: list[float] = next(iter(batch.outputs.values())).tolist()
        return values

    return compute


def test_ordinary_numbers_do_not_ask_python() -> None:
    """Zeros, saturated results, poles, infinities and NaN, and random numbers: the fast path."""
    if libraries.lanes() == 0:
        pytest.skip("this processor has no fused multiply-add")
    common = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 25.0, -25.0, 800.0, -800.0, math.inf, math.nan, 1e-30]
    for name in FUNCTIONS:
        if not functions.has_fast_path(name):
            continue
        seconds = (2.0, 0.5, -1.0, 3.0) if name == "pow" else (1.0, 0.5)
        before = functions.slow_calls()[name]
        run_one(name, [x for x in common if x != 800.0 or name != "pow"], [seconds[0]])
        for second in seconds:
            run_one(name, [0.3, 0.7], [second])
        assert functions.slow_calls()[name] - before <= SLOW_CASES.get(name, 0), name


SLOW_CASES: Final = {"atan2": 2}
"""atan2 of infinities, once for one row and once for eight."""


def run_one(name: str, first: Sequence[float], second: Sequence[float]) -> list[float]:
    """Compute a function, for single rows and for eight, which must agree."""
    kernels = kernels_of(name)
    size = -(-len(first) // 8) * 8
    a = np.array([*first, *[first[0]] * (size - len(first))])
    b = np.resize(np.array(second, float), size)
    one, eight = np.zeros(size), np.zeros((size // 8, 8))
    inputs = (a, b) if name in ("pow", "atan2") else (a,)
    kernels.one(*inputs, one)
    kernels.eight(*(each.reshape(-1, 8) for each in inputs), eight)
    for x, y, z in zip(a.tolist(), one.tolist(), eight.reshape(-1).tolist(), strict=True):
        assert bits(y) == bits(z), (name, x)
    return one.tolist()[: len(first)]


@cache
def kernels_of(name: str) -> jit.Kernels:
    """Return kernels that compute one function."""
    return linked_kernels(kernel_text(name), disk.symbols("exact"))


def kernel_text(name: str) -> str:
    """Return the text of these kernels."""
    primitive = "power" if name == "pow" else name
    names = "ab" if name in ("pow", "atan2") else "a"
    call = f"ieee_{primitive}({', '.join(f'{each}[i]' for each in names)})"
    lines = []
    for kernel, kind in (("one", "F64"), ("eight", "Rows")):
        inputs = "".join(f"{each}: {kind}, " for each in names)
        lines += [
            f"def {kernel}({inputs}y: {kind}) -> None:",
            "    for i in range(len(y)):",
            f"        y[i] = {call}",
        ]
    return "\n".join(lines)


def linked_kernels(text: str, symbols: dict[str, int]) -> jit.Kernels:
    """Compile kernels."""
    library = libraries.library("exact")
    made = lowering.Lowering(text, library)
    return jit.Kernels(jit.compiled(made.assembly()), made.signatures(), library, symbols)


def test_calls_of_the_slow_path_are_counted() -> None:
    """Each question counts once."""
    before = functions.slow_calls()["sin"]
    sines()()
    assert functions.slow_calls()["sin"] - before == 64


@pytest.mark.parametrize("workers", [1, 2])
def test_exceptions_are_raised_after_right_results(
    answer: Callable[..., None], capfd: pytest.CaptureFixture[str], workers: int
) -> None:
    """Python fails three times: the kernels end with all results, then the exception is raised."""
    want = sines(workers)()
    left, results = [MemoryError, KeyError, MemoryError], []

    def failing(x: float) -> float:
        if left:
            raise left.pop()
        results.append(x)
        return exact.sin(x)

    answer("sin", failing)
    with pytest.raises(MemoryError):
        sines(workers)()
    if workers == 1:  # else the other thread may not have begun
        assert sorted(results) == sorted((SLOW * np.arange(1.0, 65.0)).tolist())
    assert sines(workers)() == want
    assert capfd.readouterr().err == ""


def test_ctrl_c_does_not_break_results(
    answer: Callable[..., None], capfd: pytest.CaptureFixture[str]
) -> None:
    """A signal arrives while Python answers, and another while it answers again."""
    graph = Graph.of(Value.param(SLOW, name="x").sin())
    replay = graph.compile(math="exact")
    replay.step()
    want = replay.primals.tolist()
    signals = [1, 1]

    def interrupted(x: float) -> float:
        if signals:
            signals.pop()
            signal.raise_signal(signal.SIGINT)
        return exact.sin(x)

    answer("sin", interrupted)
    replay.leaf_primals = [0.0]
    with pytest.raises(KeyboardInterrupt):
        replay.step({"x": SLOW})
    assert replay.primals.tolist() == want
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_ctrl_c_while_a_kernel_runs(answer: Callable[..., None]) -> None:
    """The signal waits for the GIL while machine code runs: Python sees it as it is called."""
    wanted, asked = sines()(), threading.Event()

    def first_slowly(x: float) -> float:
        if not asked.is_set():
            asked.set()
            os.kill(os.getpid(), signal.SIGINT)
        return exact.sin(x)

    answer("sin", first_slowly)
    with pytest.raises(KeyboardInterrupt):
        sines()()
    assert sines()() == wanted


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
def test_threads_end_before_ctrl_c_does(
    answer: Callable[..., None],
) -> None:
    """However often it is pressed: the next batch uses the same memory."""
    asked, may_answer, results = threading.Event(), threading.Event(), []
    pressed, times = threading.Semaphore(0), []

    def slowly(x: float) -> float:
        asked.set()
        may_answer.wait(20.0)
        results.append(x)
        return exact.sin(x)

    def interrupt(*_: object) -> None:
        pressed.release()
        times.append(len(results))
        if len(times) <= 3:
            raise KeyboardInterrupt

    def press() -> None:
        asked.wait(20.0)
        for _ in range(3):
            while not pressed.acquire(timeout=0.02):  # Python can miss one as it begins to wait
                os.kill(os.getpid(), signal.SIGINT)
        may_answer.set()

    run = sines(2)
    answer("sin", slowly)
    before = signal.signal(signal.SIGINT, interrupt)
    presses = threading.Thread(target=press)
    presses.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run()
        assert len(results) == 64
        assert not any(times)
    finally:
        presses.join()
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("grad", ["rows", "sum"])
def test_a_signal_handler_may_use_the_same_replay(
    answer: Callable[..., None], grad: Literal["rows", "sum"]
) -> None:
    """A handler runs in the middle of a kernel, where Python is asked: both batches are right."""
    x = Value.input(1.0, name="x")
    replay = Graph.of((x.sin() * x.cos()).tanh()).compile(math="exact")

    def numbers(scale: float) -> list[float]:
        batch = replay.batch({"x": scale * np.arange(1.0, 65.0)}, grad=grad, math="exact")
        (values,) = batch.outputs.values()
        return [*values.tolist(), *np.ravel(batch.grad["x"]).tolist()]

    wanted, wanted_inside = numbers(SLOW), numbers(0.1)
    inside: list[list[float]] = []

    def interrupted(at: float) -> float:
        if not inside:
            inside.append(numbers(0.1))
        return exact.sin(at)

    answer("sin", interrupted)
    assert numbers(SLOW) == wanted
    assert inside == [wanted_inside]


def test_a_hopeless_question_is_not_asked_forever(
    answer: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that always fails: its exception is raised, and reported with its traceback."""
    reports: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda each: reports.append(str(each.exc_value)))

    def failing(x: float) -> float:
        message = f"no sine of {x}"
        raise ArithmeticError(message)

    answer("sin", failing)
    with pytest.raises(ArithmeticError):
        sines()()
    assert reports[0] == "no sine of 1e+22"


def test_without_fused_multiply_add(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that lacks it takes the slow path for everything, with the same results."""
    monkeypatch.setattr(libraries, "lanes", lambda: 0)
    assert not any(map(functions.has_fast_path, FUNCTIONS))
    names = functions.symbols()
    assembly = functions.assembly()
    assert "llvm.fma" not in assembly
    code = jit.linked(jit.compiled(assembly), functions.references(), names)
    symbols = {name: code[name] for name in names}
    for name in ("exp", "pow", "erf"):
        kernels = linked_kernels(kernel_text(name), symbols)
        a, b, y = np.array([0.3, -0.0]), np.array([2.5, 3.0]), np.zeros(2)
        before = functions.slow_calls()[name]
        kernels.one(*((a, b) if name == "pow" else (a,)), y)
        function = exact.power if name == "pow" else getattr(exact, name)
        want = [function(*at) for at in (zip(a, b, strict=True) if name == "pow" else zip(a))]
        assert [*map(bits, y.tolist())] == [*map(bits, want)]
        assert functions.slow_calls()[name] - before == 2


# --- the fast path ---


def test_the_machine_does_what_the_text_says() -> None:
    """Python, running a fast path itself, finds the same bits, and is certain as often."""
    for module in fast.MODULES:
        for attribute, function in vars(module).items():
            name = attribute.removeprefix(fast.PREFIX)
            if name not in FUNCTIONS or name == attribute:
                continue
            op = next(op for op in TABLE if op.name == name)
            rows = arguments(op, 30)
            columns = [*zip(*rows, strict=True)]
            before = functions.slow_calls()[name]
            got = run_one(name, columns[0], columns[-1])
            certain = 0
            for at, y in zip(rows, got, strict=True):
                want, is_certain = python(function, at)
                certain += is_certain
                if is_certain:
                    assert bits(want) == bits(y), (name, at)
            if libraries.lanes():
                slow = functions.slow_calls()[name] - before
                assert slow >= 2 * (len(rows) - certain), name


def python(function: Any, at: tuple[float, ...]) -> tuple[float, bool]:  # noqa: ANN401 - any fast path
    """Run a fast path in Python, which raises where IEEE 754 has infinities."""
    try:
        result: tuple[float, bool] = function(*at)
    except (ZeroDivisionError, ValueError, OverflowError):
        return 0.0, False
    return result


# --- the cache, the fingerprint, the names ---

RUN: Final = """
from mgraph import Graph, Value
from mgraph.engine.evaluate import evaluate
from mgraph.engine.tape.sweeps import EXACT_TAPE
graph = Graph.of(Value.param(1e22, name="x").sin()).columns
print(evaluate(graph, None, None, EXACT_TAPE, grad=False).data)
"""


def test_machine_code_holds_no_addresses(tmp_path: Path) -> None:
    """Two processes make the same files, and a third one runs on them."""
    found = []
    for name in ("one", "two", "one"):
        folder = tmp_path / name
        done = subprocess.run(
            [sys.executable, "-c", RUN], env={**os.environ, disk.FOLDER: str(folder)},
            check=True, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
        found.append((done.stdout, files))
    assert found[0] == found[1] == found[2]
    assert [name.split("-")[0] for name in found[0][1]] == ["functions", "sweeps"]


FINGERPRINTS: Final = {
    "1.0": "75b2292673e9351836833078412f694dd1490ae3a21e694ade0bf5550b60af36",
    "1.1": "9bbe8b4426b1355903170bfbf36cee197cf5fcfed994b78c363f6c8399a82afa",
}
"""Those of "exact", on every machine: from formulas over MPFR's functions, without the tape."""


@looped("version", FINGERPRINTS)
def test_the_fingerprint_is_the_same_everywhere(version: str) -> None:
    """A last bit that is wrong at any of the published points would give another one."""
    assert fingerprint("exact", version) == ("exact", FINGERPRINTS[version])


def test_auto_is_never_exact() -> None:
    """The fastest library is another one, on every processor."""
    assert libraries.library("auto").name != "exact"
