"""`mgraph.record` blocks that overlap, end early, or meet classes that change in the meantime."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import micrograd.engine
import pytest

import mgraph

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgraph.trace import Recording


def micrograd_class() -> Any:  # noqa: ANN401 - a class without types
    """Return a class with micrograd's own methods, which a test may change."""
    value = micrograd.engine.Value
    own = {name: x for name, x in vars(value).items() if name not in ("__dict__", "__weakref__")}
    members = {
        name: type(x)(x.__code__, {**x.__globals__}, name, x.__defaults__, x.__closure__)
        if hasattr(x, "__code__")
        else x
        for name, x in own.items()
    }
    cls = type("Value", (), members)
    for member in members.values():
        if hasattr(member, "__globals__"):
            member.__globals__["Value"] = cls
    return cls


def gradients(recording: Recording, names: dict[str, Any]) -> dict[str, float]:
    """Return the gradients of a recorded graph."""
    return dict(recording.graph(names=names).runs[0].grad or {})


def test_blocks_that_end_in_the_order_in_which_they_began() -> None:
    """Each records until its own end; afterwards the class is as it was."""
    value = micrograd_class()
    before = dict(vars(value))
    first, second, third = (mgraph.record(value) for _ in range(3))
    for recording in (first, second, third):
        recording.__enter__()
    a, b = value(2.0), value(-3.0)
    (a * b).backward()  # d(ab)/da = b = -3, d(ab)/db = a = 2
    first.__exit__()
    a.grad = b.grad = 0.0
    (a * b * a).backward()  # d(aab)/da = 2ab = -12, d(aab)/db = aa = 4
    third.__exit__()
    a.grad = b.grad = 0.0
    (a + b).backward()
    second.__exit__()
    (a * a).backward()
    assert dict(vars(value)) == before
    names = {"a": a, "b": b}
    ends = [{name: gradients(x, names)[name] for name in "ab"} for x in (first, third, second)]
    assert ends == [{"a": -3.0, "b": 2.0}, {"a": -12.0, "b": 4.0}, {"a": 1.0, "b": 1.0}]
    assert [recording.calls for recording in (first, third, second)] == [1, 2, 3]


def test_blocks_of_a_class_and_its_subclass() -> None:
    """Blocks of related classes may end in any order, too."""
    base = micrograd_class()
    derived = type("Derived", (base,), {})
    before = dict(vars(base)), dict(vars(derived))
    for order in ((0, 1, 2), (2, 0, 1), (1, 0, 2), (1, 2, 0)):
        recordings = [mgraph.record(cls) for cls in (derived, base, derived)]
        for recording in recordings:
            recording.__enter__()
        xs = [derived(3.0) for _ in order]
        for i, x in zip(order, xs, strict=True):
            (x * x).backward()  # d(x²)/dx = 2x = 6
            assert x.grad == 6.0
            recordings[i].__exit__()
        assert (dict(vars(base)), dict(vars(derived))) == before, order
        for i, x in zip(order, xs, strict=True):  # each recorded until its own end
            assert gradients(recordings[i], {"x": x})["x"] == 6.0


def test_a_block_in_a_generator_that_is_left_open() -> None:
    """It ends when the generator is deleted, which may be after blocks that began later."""
    value = micrograd_class()
    before = dict(vars(value))

    def blocks() -> Iterator[None]:
        with mgraph.record(value):
            yield

    left_open = [blocks()]
    next(left_open[0])
    with mgraph.record(value) as recording:
        x = value(3.0)
        left_open.clear()
        gc.collect()
        (x * x).backward()
    assert dict(vars(value)) == before
    assert gradients(recording, {"x": x})["x"] == 6.0


def test_a_block_that_ends_within_backward() -> None:
    """The class is restored although backward puts the wrappers back when it ends."""
    value = micrograd_class()
    plain = value.backward
    recording = mgraph.record(value)

    def backward(self: Any) -> None:  # noqa: ANN401
        plain(self)
        recording.__exit__()

    value.backward = backward
    before = dict(vars(value))
    recording.__enter__()
    x = value(3.0)
    (x * x).backward()
    assert dict(vars(value)) == before
    (x * x).backward()
    assert recording.calls == 1


def test_a_block_that_an_exception_ends() -> None:
    """The class is restored, and the numbers up to then are kept."""
    value = micrograd_class()
    before = dict(vars(value))
    x = value(3.0)
    recording = mgraph.record(value)
    with pytest.raises(ZeroDivisionError), recording:  # noqa: PT012 - what ends the block
        (x * x).backward()
        x / 0
    assert dict(vars(value)) == before
    assert gradients(recording, {"x": x})["x"] == 6.0


def test_methods_that_the_program_replaces_in_a_block() -> None:
    """What the program assigns to the class in a block stays, also after a backward."""
    value = micrograd_class()
    with mgraph.record(value) as recording:
        wrapped = value.relu

        def relu(self: Any) -> Any:  # noqa: ANN401
            return wrapped(self)

        value.relu = relu
        x = value(3.0)
        (x * x).backward()
        assert value.relu is relu
        x.grad = 0.0
        (x.relu() * x).backward()
    assert value.relu is relu
    assert gradients(recording, {"x": x})["x"] == 6.0
    nodes = len(recording.recorder.nodes)
    x.relu()
    assert len(recording.recorder.nodes) == nodes


class Frozen(type):
    """A metaclass whose classes refuse a new constructor."""

    def __setattr__(cls, name: str, value: object) -> None:
        """Refuse one name."""
        if name == "__init__":
            raise AttributeError(name)
        super().__setattr__(name, value)


def test_a_class_that_refuses_a_wrapper() -> None:
    """A class that can be changed only in part is left as it was, and so are the others."""
    value = micrograd_class()
    frozen = Frozen("Frozen", (), dict(vars(micrograd_class())))
    before = dict(vars(value)), dict(vars(frozen))
    with pytest.raises(AttributeError), mgraph.record(value, frozen):
        pass
    assert (dict(vars(value)), dict(vars(frozen))) == before


def test_a_recording_starts_only_once() -> None:
    """A second block of the same recording would record nothing: it is refused."""
    value = micrograd_class()
    before = dict(vars(value))
    recording = mgraph.record(value)
    with recording, pytest.raises(RuntimeError, match="only once"):
        recording.__enter__()
    with pytest.raises(RuntimeError, match="only once"):
        recording.__enter__()
    assert dict(vars(value)) == before
