"""Values that leave their process, are copied, or are used by several threads."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import mgraph
from mgraph import Graph, Value
from mgraph.ops import OPS

if TYPE_CHECKING:
    from pathlib import Path


def through_pickle(thing: Any, protocol: int = pickle.HIGHEST_PROTOCOL) -> Any:  # noqa: ANN401 - anything
    """Return what another process would receive."""
    return pickle.loads(pickle.dumps(thing, protocol))  # noqa: S301 - our own bytes


def squared(x: float) -> tuple[Value, Value]:
    """Return a leaf and its square plus itself, made in another process that made others before."""
    for _ in range(int(x) * 7):
        Value(0.0)
    leaf = Value.param(x, name=f"x{x:.0f}")
    return leaf, leaf * leaf + leaf


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_results_of_other_processes_add_up(method: str, tmp_path: Path) -> None:
    """d(x² + x)/dx = 2x + 1, and the sum's file has 12 nodes and is read again."""
    with multiprocessing.get_context(method).Pool(2) as pool:
        pairs = pool.map(squared, [3.0, 1.0, 2.0], chunksize=1)
    loss = mgraph.sum(result for _, result in pairs) * Value.param(10.0, name="scale")
    loss.backward()
    assert loss.data == 10.0 * (12.0 + 2.0 + 6.0)
    assert [leaf.grad for leaf, _ in pairs] == [70.0, 30.0, 50.0]
    mgraph.save(loss, tmp_path / "loss.json")
    assert len(mgraph.load(tmp_path / "loss.json")) == 12  # 3 x, 3 mul, 3 add, sum, scale, mul


def test_a_pickle_keeps_the_order_of_creation() -> None:
    """The same graph, the same hash, however often it went from process to process."""
    leaves = [Value.param(float(i)) for i in range(5)]
    late = leaves[4] * leaves[3]
    result = (leaves[2] + leaves[0]) * (leaves[1] - leaves[0]) * late
    want = Graph.of(result)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        result, leaves = through_pickle((result, leaves), protocol)
        Value(0.0)
        assert Graph.of(result).columns.hash == want.columns.hash
        assert set(result.args[1].args) == set(leaves[3:])


def test_pickles_and_new_values_mix() -> None:
    """A product of 2⁵ leaves, half of them from a pickle in each round: ∂/∂leaf = product/leaf."""
    value = Value.param(2.0)
    for _ in range(5):
        other = through_pickle(value)
        value = other * Value.const(1.0) * value
    nodes = mgraph.value.ancestry([value])
    value.backward()
    leaves = [node for node in nodes if node.op == "param"]
    assert [leaf.grad for leaf in leaves] == [2.0**31] * 32
    places = {node: i for i, node in enumerate(nodes)}
    assert all(places[arg] < places[node] for node in nodes for arg in node.args)


def test_copies_come_after_what_they_were_computed_from() -> None:
    """copy.copy shares the arguments; copy.deepcopy has its own, in the same order."""
    x = Value.param(3.0, name="x")
    y = x * x
    shallow, deep = copy.copy(y), copy.deepcopy(y)
    (shallow + y + deep).backward()
    assert (x.grad, deep.args[0].grad) == (12.0, 6.0)
    assert shallow.args == (x, x)
    assert Graph.of(deep).columns.hash == Graph.of(y).columns.hash


class Labelled(Value):
    """A subclass with an attribute of its own."""

    __slots__ = ("label",)
    label: str


def test_subclasses_keep_their_attributes() -> None:
    """A pickle holds what a subclass adds."""
    value = Labelled(2.0, name="x")
    value.label = "mine"
    again = through_pickle(value)
    assert (type(again), again.label, again.name, again.data) == (Labelled, "mine", "x", 2.0)


@pytest.mark.parametrize("name", ["args", "op"])
def test_the_graph_can_not_be_changed_afterwards(name: str) -> None:
    """No cycles, no nodes without arguments: both crashed the tape."""
    x = Value(2.0)
    y = x * x
    with pytest.raises(AttributeError):
        setattr(y, name, (y, y) if name == "args" else "neg")
    y.backward()
    assert x.grad == 4.0


def slow_partials(*_: float) -> tuple[float]:
    """Return the partial of an op that other threads overtake."""
    time.sleep(0.01)
    return (1.0,)


def test_threads_share_a_graph() -> None:
    """Each of 4 threads adds 1 to the gradient of one leaf, through one node that they share."""
    leaf = Value.param(3.0)
    slow = mgraph.value.apply(replace(OPS["neg"], step_partials=slow_partials), (leaf,))
    roots = [slow + float(i) for i in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(Value.backward, roots))
    assert leaf.grad == 4.0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_during_backward_does_not_hang() -> None:
    """A child process doesn't wait for a thread that only its parent has."""
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with mgraph.value._LOCK.lock:  # noqa: SLF001 - as if in the middle of backward
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    child = multiprocessing.get_context("fork").Process(target=backward_of_a_square)
    child.start()
    child.join(30)
    code = child.exitcode
    child.kill()
    done.set()
    thread.join()
    assert code == 0


def backward_of_a_square() -> None:
    """Fail if the gradient of x² at 3 is not 6."""
    x = Value(3.0)
    (x * x).backward()
    if x.grad != 6.0:
        raise ValueError(x.grad)
