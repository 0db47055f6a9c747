"""Replays: their public arrays, copies, and threads never lead to wrong numbers."""

from __future__ import annotations

import copy
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import mgraph
from mgraph import GraphError, Value
from mgraph.engine.tape.replay import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mgraph.engine.tape.replay import Replay

# NumPy 2.5 deprecates what these tests do.
BENDS_AN_ARRAY = pytest.mark.filterwarnings("ignore:Setting the .*:DeprecationWarning")

# loss = (w·x + b - y)², with w = 2, b = 1, x = 3, y = 5: the error is 2, and the gradients are
# 2·2·x = 12 for w, 4 for b, 4·w = 8 for x and -4 for the label y.


def line() -> mgraph.Graph:
    """Return the graph of one squared error; its params stand between data and const."""
    x, y = Value(3.0, name="x"), Value(5.0, name="y")
    b, two, w = Value.param(1.0, name="b"), Value.const(2.0, name="two"), Value.param(2.0, name="w")
    return mgraph.Graph.of((w * x + b - y) ** two)


def test_training_moves_the_params_only() -> None:
    """A step of gradient descent by hand: w = 2 - 0.125·12, b = 1 - 0.125·4; data stay."""
    replay = line().compile()
    replay.step()
    assert replay.param_ids == ["b", "w"]
    assert replay.param_adjoints.tolist() == [4.0, 12.0]
    replay.param_primals -= 0.125 * replay.param_adjoints
    assert replay.param_primals.tolist() == [0.5, 0.5]
    values = dict(zip(replay.leaf_ids, replay.leaf_primals.tolist(), strict=True))
    assert values == {"b": 0.5, "w": 0.5, "x": 3.0, "y": 5.0, "two": 2.0}
    replay.step()
    loss = replay.graph.outputs[0]
    assert replay.primals[loss] == (0.5 * 3.0 + 0.5 - 5.0) ** 2
    slopes = dict(zip(replay.leaf_ids, replay.leaf_adjoints.tolist(), strict=True))
    assert slopes == {"b": -6.0, "w": -18.0, "x": -3.0, "y": 6.0, "two": 0.0}


WAYS: dict[str, Callable[[Replay], None]] = {
    "assigned": lambda replay: setattr(replay, "param_primals", [0.5, 1.0]),
    "into": lambda replay: replay.param_primals.__setitem__(slice(None), [0.5, 1.0]),
    "leaves": lambda replay: setattr(replay, "leaf_primals", [0.5, 1, 3, 5, 2]),
    "consts": lambda replay: replay.leaf_primals.__setitem__(slice(None), [0.5, 1, 3, 5, 9]),
}


@pytest.mark.parametrize("way", WAYS)
def test_however_values_are_set(way: str) -> None:
    """With b = 0.5 and w = 1, steps and batches give an error of -1.5; a const stays what it is."""
    replay = line().compile()
    WAYS[way](replay)
    before = replay.batch({"y": [5.0, 4.5]}, math="libm")
    replay.step()
    after = replay.batch({"y": [5.0, 4.5]}, math="libm")
    (output,) = before.outputs
    for batch in (before, after):
        assert batch.outputs[output].tolist() == [2.25, 1.0]
        assert batch.grad["w"].tolist() == [-9.0, -6.0]
    assert replay.primals[replay.graph.outputs[0]] == 2.25
    assert replay.leaf_primals.tolist() == [0.5, 1.0, 3.0, 5.0, 2.0]


@pytest.mark.parametrize("values", [[1.0], [[1.0, 2.0]], ["1", "2"], 1.0, [1j, 2j], [1.0] * 3])
@pytest.mark.parametrize("name", ["param_primals", "param_adjoints"])
def test_other_shapes_are_refused(name: str, values: object) -> None:
    """The params stay as they are."""
    replay = line().compile()
    replay.step()
    with pytest.raises(GraphError) as caught:
        setattr(replay, name, values)
    assert [fault.code for fault in caught.value.diagnostics] == ["number"]
    assert replay.param_primals.tolist() == [1.0, 2.0]
    assert replay.param_adjoints.tolist() == [4.0, 12.0]


@BENDS_AN_ARRAY
def test_the_shape_of_a_view_is_its_own() -> None:
    """Who bends an array bends the view, not what the kernels use; the graph can't be replaced."""
    replay = line().compile()
    leaves = replay.leaf_primals
    leaves.shape = (5, 1)
    leaves.setflags(write=False)
    assert replay.batch({"x": [3.0]}).grad["w"].tolist() == [12.0]
    for name in ("graph", "tape", "primals", "adjoints"):
        with pytest.raises(AttributeError):
            setattr(replay, name, None)


@pytest.mark.parametrize("seed", ["1", True, 1j, None, [1.0], float("nan"), float("inf")])
def test_a_refused_seed_sets_nothing(seed: Any) -> None:  # noqa: ANN401 - anything
    """Seeds are checked like values, by steps and batches, before any leaf is set."""
    replay = line().compile()
    replay.step()
    (output,) = (replay.graph.ids[i] for i in replay.graph.outputs)
    want = "seed" if isinstance(seed, (float, int)) and seed is not True else "number"
    for call in (
        lambda: replay.step({"x": 9.0}, seed={output: seed}),
        lambda: replay.batch({"x": [9.0]}, seed={output: seed}),
    ):
        with pytest.raises(GraphError) as caught:
            call()
        assert [fault.code for fault in caught.value.diagnostics] == [want]
        assert replay.leaf_primals.tolist() == [1.0, 2.0, 3.0, 5.0, 2.0]
        assert replay.param_adjoints.tolist() == [4.0, 12.0]


def test_seeds_are_any_numbers() -> None:
    """A fraction and NumPy's numbers count: the gradient of b is 4 times the seed."""
    replay = line().compile()
    (output,) = (replay.graph.ids[i] for i in replay.graph.outputs)
    for seed in (Fraction(1, 2), np.float32(0.5), np.float64(0.5)):
        replay.step(seed={output: seed})  # type: ignore[dict-item]
        assert replay.param_adjoints.tolist() == [2.0, 6.0]
        batch = replay.batch({"x": [3.0]}, seed={output: seed})  # type: ignore[dict-item]
        assert batch.grad["b"].tolist() == [2.0]


@BENDS_AN_ARRAY
def test_only_own_memory_is_reused() -> None:
    """A batch made by hand is refused, and what it names is not written to."""
    replay = line().compile()
    batch = replay.batch({"x": [3.0, 4.0]})
    for dtype in (np.float64, np.int64):
        mine = np.full(batch.memory.shape, 7, dtype)
        for made in (
            Batch({}, [], mine, "", mine),  # type: ignore[arg-type]
            replace(batch, memory=mine),  # type: ignore[arg-type]
            mine,
        ):
            with pytest.raises(ValueError, match="reuse takes a Batch"):
                replay.batch({"x": [3.0, 4.0]}, reuse=made)  # type: ignore[arg-type]
            assert (mine == 7).all()
    batch.memory.dtype = np.int64  # type: ignore[assignment, misc]
    other = replay.batch({"x": [3.0, 4.0]}, reuse=batch)
    assert other.memory is not batch.memory
    assert other.grad["b"].tolist() == [4.0, 8.0]


COPIES: dict[str, Callable[[Replay], Replay]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda replay: pickle.loads(pickle.dumps(replay)),  # noqa: S301 - our own bytes
}


@pytest.mark.parametrize("way", COPIES)
def test_copies_are_independent(way: str) -> None:
    """A copy has the same numbers; a step of one changes nothing in the other."""
    replay = line().compile()
    replay.step({"x": 4.0})  # the error is 4: gradients 8·x = 32 and 8
    other = COPIES[way](replay)
    assert other.param_adjoints.tolist() == replay.param_adjoints.tolist() == [8.0, 32.0]
    other.step({"w": 1.0})  # the error is 0
    assert other.param_adjoints.tolist() == [0.0, 0.0]
    assert replay.param_adjoints.tolist() == [8.0, 32.0]
    assert replay.param_primals.tolist() == [1.0, 2.0]
    replay.step()
    assert replay.param_adjoints.tolist() == [8.0, 32.0]


def test_sums_again_are_those_of_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """For any numbers, also after NaN and huge ones, and for rows of two sizes in turn."""
    x, w, b = Value(0.0, name="x"), Value.param(0.5, name="w"), Value.param(0.1, name="b")
    graph = mgraph.Graph.of((w * x + b).tanh() * x)
    own, other = graph.compile(), graph.compile()
    output = graph.columns.ids[-1]
    ids, seed = ("w", "b"), {output: 0.5}
    columns = [np.zeros((1, 700)), np.zeros((1, 3))]
    bound = [own.sums_of({("x",): rows}, ids, seed, "libm") for rows in columns]
    generator = np.random.default_rng(1)
    for scale in (1.0, 1e-200, np.nan, 1e300, np.inf, 0.0, 1.0):
        own.param_primals = other.param_primals = generator.normal(size=2)
        for rows, sums in zip(columns, bound, strict=True):
            rows[:] = generator.normal(size=rows.shape)
            rows[0, 1] *= scale
            wanted = other.batch({("x",): rows}, grad="sum", wrt=ids, seed=seed, math="libm")
            assert sums is not None
            assert sums.run().tobytes() == wanted.grad_array.tobytes(), scale
            assert sums.outputs[output].tobytes() == wanted.outputs[output].tobytes(), scale
    integers, doubles = {("x",): np.array([[1, 2]])}, {("x",): np.zeros((1, 9000))}
    assert own.sums_of(integers, ids, seed, "libm") is None  # a copy would be of old numbers
    monkeypatch.setattr("mgraph.engine.tape.blocks._SLAB", 1000)
    assert own.sums_of(doubles, ids, seed, "libm") is None  # so that Ctrl-C ends it


def test_copies_know_which_inputs_have_no_value() -> None:
    """What a step has not given yet is still asked for, in the copy too."""
    graph = mgraph.loads(
        '{"mgraph": "1.0", "nodes": [{"id": "x", "op": "input"}, '
        '{"id": "y", "op": "mul", "args": ["x", "x"]}], "outputs": ["y"]}'
    )
    other = copy.copy(graph.compile())
    with pytest.raises(GraphError):
        other.step()
    other.step({"x": 3.0})
    assert copy.copy(other).leaf_adjoints.tolist() == [6.0]


# --- threads ---


@pytest.fixture
def _frequent_switches() -> Iterator[None]:
    """Let threads take turns 5,000 times as often as usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(work: Callable[[int], None], threads: int = 4) -> None:
    """Do some work in several threads that start together; their exceptions are raised here."""
    start = Barrier(threads)

    def run(i: int) -> None:
        start.wait(60)
        work(i)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, range(threads)))


@pytest.mark.usefixtures("_frequent_switches")
def test_calls_and_batches_of_many_threads() -> None:
    """Each thread has its own label: the error is 7 - y, and the gradient of b twice that."""
    graph = line()
    replay, rows = graph.compile(), 700

    def work(i: int) -> None:
        for round_ in range(30):
            y = float(i * 100 + round_)
            run = replay(y=y)
            assert run.grad is not None
            assert run.grad["b"] == 2.0 * (7.0 - y)
            batch = replay.batch({"y": np.full(rows + i, y)}, workers=1 + i % 2)
            assert (batch.grad["b"] == 2.0 * (7.0 - y)).all()
            again = graph.run(y=y, engine=("value", "tape")[i % 2])
            assert again.grad is not None
            assert again.grad["b"] == 2.0 * (7.0 - y)

    in_threads(work)


USES: dict[str, Callable[[Replay], object]] = {
    "step": lambda replay: replay.step(),
    "primals": lambda replay: replay.primals,
    "adjoints": lambda replay: replay.adjoints,
    "leaf_primals": lambda replay: replay.leaf_primals,
    "leaf_adjoints": lambda replay: replay.leaf_adjoints,
    "param_primals": lambda replay: replay.param_primals,
    "param_adjoints": lambda replay: replay.param_adjoints,
    "assign": lambda replay: setattr(replay, "leaf_primals", [1.0, 2.0, 3.0, 5.0, 2.0]),
    "batch": lambda replay: replay.batch({"x": [3.0]}),
    "copy": copy.copy,
}


def outcome(use: Callable[[Replay], object], replay: Replay) -> str:
    """Use a replay in another thread, and return what it raised; empty if nothing."""
    result = []

    def work() -> None:
        try:
            use(replay)
        except RuntimeError as error:
            result.append(str(error))

    thread = Thread(target=work)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    return "".join(result)


@pytest.mark.parametrize("use", USES)
def test_steps_belong_to_one_thread(use: str) -> None:
    """Whatever depends on the values of the steps is refused elsewhere, and changes nothing."""
    replay = line().compile()
    other = copy.copy(replay)
    replay.step({"x": 4.0})
    result = outcome(USES[use], replay)
    assert "belongs to the thread MainThread" in result
    assert "copy.copy(replay)" in result
    assert replay.param_adjoints.tolist() == [8.0, 32.0]
    assert outcome(USES[use], other) == ""  # a copy belongs to nobody yet
    USES[use](other)  # and that thread has ended
    assert outcome(lambda replay: replay(x=1.0), replay) == ""


@pytest.mark.usefixtures("_frequent_switches")
def test_steps_of_many_threads_are_right_or_refused() -> None:
    """Threads that step one replay at once: every number is right, or the thread is told."""
    replay, right, refused = line().compile(), [], []

    def work(i: int) -> None:
        try:
            for round_ in range(100):
                y = float(i * 100 + round_)
                replay.step({"y": y})
                right.append(replay.param_adjoints[0] == 2.0 * (7.0 - y))
        except RuntimeError:
            refused.append(i)

    in_threads(work)
    assert all(right)
    assert len(right) == 100 * (4 - len(refused))
    assert len(refused) < 4


@pytest.mark.usefixtures("_frequent_switches")
def test_a_graph_is_safe_in_many_threads() -> None:
    """Ids, index and hash of a packed file, which are made when they are used, and its runs."""
    packed = b"".join(line().to_bytes(".msgpack"))
    for _ in range(20):
        graph = mgraph.loads(packed)

        def work(_: int, graph: mgraph.Graph = graph) -> None:
            assert graph.columns.hash == line().columns.hash
            assert graph.columns.ids[graph.columns.index["w"]] == "w"
            run = graph.run(x=4.0)
            assert run.grad is not None
            assert (run.grad["w"], run.grad["b"]) == (32.0, 8.0)

        in_threads(work)


def test_an_input_without_a_value_is_said_in_terms_of_python() -> None:
    """`values` takes no inputs, so only the node can give one; runs and steps take a dict."""
    graph = mgraph.loads(
        '{"mgraph": "1.0", "nodes": [{"id": "x", "op": "input"}], "outputs": ["x"]}'
    )
    hints = []
    for call in (graph.values, graph.run, graph.compile().step):
        with pytest.raises(GraphError) as caught:
            call()
        hints.append(caught.value.diagnostics[0].fix)
    assert hints[0] == 'give it "data" in its node'
    assert all('{"x": 1.0} in Python' in hint for hint in hints[1:])
