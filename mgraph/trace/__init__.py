"""Record the graphs that somebody else's engine builds, with its own numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from mgraph.errors import GraphError
from mgraph.trace.capture import Capture, with_inputs
from mgraph.trace.names import names_of
from mgraph.trace.recorder import Recorder

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    from mgraph.document import Graph


class Recording:
    """What a program computes with a Value-like class while a `with` block runs.

    ```python
    with mgraph.record(Value) as recording:
        ...
        loss.backward()
    recording.save("loss.json")
    ```
    """

    def __init__(self, *classes: type, call: int | None = None) -> None:
        """Take what `record` takes."""
        self._classes = classes
        self._last: Capture | None = None
        self.recorder = Recorder(call)

    def __enter__(self) -> Self:
        """Begin to record."""
        try:
            for cls in self._classes:
                self.recorder.watch(cls)
        except TypeError:
            self.recorder.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and leave the classes as they were."""
        self.recorder.stop()

    @property
    def calls(self) -> int:
        """How many times backward was called."""
        return self.recorder.calls

    @property
    def call(self) -> int | None:
        """The call of backward that `graph` returned, from 0; None if it was asked for a Value."""
        is_backward = self._last is not None and self._last is self.recorder.captured
        return self.recorder.captured_call if is_backward else None

    @property
    def engine(self) -> type:
        """The class of the output that `graph` returned."""
        return self._last.engine if self._last else object

    @property
    def stale(self) -> Sequence[int]:
        """Leaves that had a gradient before backward, as nodes of what `graph` returned."""
        return self._last.stale if self._last else ()

    def records(self, value: object) -> bool:
        """Whether something is a Value of a class that is recorded."""
        return isinstance(value, self.recorder.classes)

    def graph(
        self,
        output: object = None,
        *,
        inputs: Iterable[object] = (),
        names: Mapping[str, object] | None = None,
        name: str = "",
        doc: str = "",
    ) -> Graph:
        """Return a recorded graph, with the engine's numbers as its run.

        Args:
            output: A Value of the engine, whose numbers are read as they are now; None for the
                one that backward was called on, with the numbers that this left.
            inputs: Leaves that are to be inputs, as Values or by id; the others are params.
            names: Variables that become ids, for example `locals()`, with what they hold:
                `model.layers[0].w`. The engine's own labels go first.
            name: What the graph is called.
            doc: What it is about.

        Raises:
            GraphError: `unknown-op` if something was computed that mgraph has no op for;
                `number` if a Value holds none; `run-node` if an input is no leaf; `output` if
                there is nothing to return.
        """
        self._last = capture = self._capture(output)
        places = {node.number: i for i, node in enumerate(capture.nodes)}
        called = names_of(names or {}, self.records)
        found = ((self._place(value, places), text) for text, value in called)
        graph = capture.graph(_first(found), name, doc)
        listed = [each if isinstance(each, str) else self._place(each, places) for each in inputs]
        if None in listed:
            message = "one of the inputs is no Value of the graph"
            raise GraphError.of("run-node", message, expected="a leaf, or its id")
        ids = [graph.columns.ids[each] if isinstance(each, int) else each for each in listed]
        return with_inputs(graph, (each for each in ids if each is not None))

    def save(  # noqa: PLR0913 - what `graph` takes, and where to write
        self,
        path: str | os.PathLike[str],
        output: object = None,
        *,
        inputs: Iterable[object] = (),
        names: Mapping[str, object] | None = None,
        name: str = "",
        doc: str = "",
    ) -> Graph:
        """Write a recorded graph to a file; takes and returns what `graph` does.

        Raises:
            GraphError: As `graph` and `Graph.to_file`.
        """
        graph = self.graph(output, inputs=inputs, names=names, name=name, doc=doc)
        graph.to_file(path)
        return graph

    def _capture(self, output: object) -> Capture:
        recorder = self.recorder
        if output is not None:
            if not self.records(output):
                message = f"expected a Value of the engine, not {type(output).__name__}"
                raise TypeError(message)
            return recorder.capture(output).read()
        if recorder.captured is None:
            message = "backward was not called"
            if recorder.calls:
                message = f"backward was not called again: {recorder.calls} calls, counted from 0"
            fix = "call it, or name the Value that is the output"
            raise GraphError.of("output", message, fix=fix)
        return recorder.captured

    def _place(self, value: object, places: Mapping[int, int]) -> int | None:
        node = self.recorder.nodes.of(value)
        return places.get(node.number) if node else None


def _first(found: Iterable[tuple[int | None, str]]) -> dict[int, str]:
    """Return the first name of each node."""
    names: dict[int, str] = {}
    for place, text in found:
        if place is not None:
            names.setdefault(place, text)
    return names


def record(*classes: type, call: int | None = None) -> Recording:
    """Record what Values of somebody else's engine compute, while a `with` block runs.

    The operators, methods and constructor of the classes are wrapped; nothing of the engine is
    changed for good. One thread is recorded.

    Args:
        classes: One or more: micrograd's `Value`, or another of its kind, in Python.
        call: Which call of backward to keep, from 0; None for the last.

    Raises:
        TypeError: No class is given, or one can't be watched.
    """
    if not classes or not all(isinstance(each, type) for each in classes):
        message = "mgraph.record takes the classes to record, for example record(Value)"
        raise TypeError(message)
    return Recording(*classes, call=call)
