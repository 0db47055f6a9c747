"""Record the graphs that other engines build, with the numbers that they compute."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

from mgraph.errors import GraphError, counted
from mgraph.trace.capture import Capture, with_inputs
from mgraph.trace.names import Naming, names_of
from mgraph.trace.recorder import Recorder
from mgraph.trace.sites import loop_variables
from mgraph.trace.spellings import Spellings

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence
    from types import CodeType

    from mgraph.document import Graph


class Recording:
    """What a program computes with another engine's Value class inside a `with` block.

    `mgraph.record` makes one.

    ```python
    with mgraph.record(Value) as recording:
        ...
        loss.backward()
    recording.save("loss.json")
    ```
    """

    def __init__(
        self, *classes: type, call: int | None = None, ops: Mapping[str, str] | None = None
    ) -> None:
        """Prepare a recording; the arguments are those of `record`."""
        self._classes = classes
        self._last: Capture | None = None
        self._ids: Sequence[str] = ()
        self._is_started = False
        self.recorder = Recorder(call, Spellings(ops or {}))

    def __enter__(self) -> Self:
        """Start to record.

        Raises:
            RuntimeError: The recording was started before.
        """
        if self._is_started:
            message = "a recording can be started only once: call mgraph.record again"
            raise RuntimeError(message)
        self._is_started = True
        try:
            for cls in self._classes:
                self.recorder.watch(cls)
        except BaseException:
            self.recorder.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and restore the classes."""
        self.recorder.stop()

    @property
    def calls(self) -> int:
        """How many times `backward` was called in the block."""
        return self.recorder.calls

    @property
    def call(self) -> int | None:
        """The call of `backward` that the last `graph` shows, from 0; None if it shows none."""
        return self._last.call if self._last else None

    @property
    def engine(self) -> type:
        """The class of the output of the last `graph`; `object` before."""
        return self._last.engine if self._last else object

    @property
    def stale(self) -> Sequence[int]:
        """The positions, in the last `graph`, of leaves that had a gradient before `backward`."""
        return self._last.stale if self._last else ()

    @property
    def notes(self) -> Sequence[str]:
        """What may explain numbers of the last `graph` that differ from mgraph's, as sentences."""
        return self._last.notes(self._ids) if self._last else ()

    def records(self, value: object) -> bool:
        """Whether `value` belongs to a class that is recorded."""
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
        """Return a recorded graph, with the engine's own numbers as its run.

        Args:
            output: A Value of the engine: with the numbers that the last `backward` from it left,
                or else with its numbers now. None for the Value that `backward` was called on last.
            inputs: The leaves that become inputs, as Values or ids; all others become params.
            names: Variables whose names become ids, for example `locals()`. Values inside them are
                named, too: `model.layers[0].w`. Labels that the engine gives its Values come first.
            name: What the graph is called.
            doc: What the graph is about.

        Raises:
            GraphError: `unknown-op` if something was computed that mgraph has no op for; `number`
                if a Value does not hold a number; `run-node` if an input is not a leaf; `output` if
                nothing was recorded that could be returned.
            TypeError: `output` does not belong to a recorded class.
        """
        naming = _naming(names, sys._getframe(1).f_code)  # noqa: SLF001
        return self._named_graph(output, inputs, naming, name, doc)

    def _named_graph(
        self,
        output: object,
        inputs: Iterable[object],
        naming: Naming | None,
        name: str = "",
        doc: str = "",
    ) -> Graph:
        """Return a recorded graph, as `graph` does; without a naming, only labels are ids."""
        self._last = capture = self._capture(output)
        index = {node.number: i for i, node in enumerate(capture.nodes)}

        def index_of(value: object) -> int | None:
            node = self.recorder.nodes.of(value)
            return index.get(node.number) if node else None

        last = capture.variable
        named = names_of(capture.nodes, naming, index_of, self.records, last) if naming else ()
        graph = capture.graph(named, name, doc)
        self._ids = graph.columns.ids
        leaves = [x if isinstance(x, str) else index_of(x) for x in inputs]
        if None in leaves:
            message = "one of the inputs is not a Value of the graph"
            raise GraphError.of("run-node", message, expected="a leaf, or its id")
        ids = [graph.columns.ids[x] if isinstance(x, int) else x for x in leaves]
        return with_inputs(graph, (x for x in ids if x is not None))

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
        """Write a recorded graph to a file, and return it.

        Args:
            path: A name that ends in `.json` or `.msgpack`, which decides the encoding.
            output: As for `graph`, like all that follow.
            inputs: As for `graph`.
            names: As for `graph`.
            name: As for `graph`.
            doc: As for `graph`.

        Raises:
            GraphError: As for `graph` and `Graph.to_file`.
            TypeError: As for `graph`.
        """
        naming = _naming(names, sys._getframe(1).f_code)  # noqa: SLF001
        graph = self._named_graph(output, inputs, naming, name, doc)
        graph.to_file(path)
        return graph

    def _capture(self, output: object) -> Capture:
        recorder = self.recorder
        if output is not None:
            if not self.records(output):
                message = f"expected a Value of the engine, not {type(output).__name__}"
                raise TypeError(message)
            return recorder.capture_of(output)
        if recorder.captured is None:
            message = "backward was not called"
            if recorder.calls:
                calls = counted(recorder.calls, "call")
                message = f"backward was not called again: {calls}, counted from 0"
            fix = "call it, or name the Value that is the output"
            raise GraphError.of("output", message, fix=fix)
        return recorder.captured


def _naming(names: Mapping[str, object] | None, code: CodeType) -> Naming | None:
    """Return the naming by variables that are most likely those of the code."""
    return None if names is None else Naming(names, loop_variables(code))


def record(
    *classes: type, call: int | None = None, ops: Mapping[str, str] | None = None
) -> Recording:
    """Record what another engine's Values compute inside a `with` block.

    Inside the block the operators, methods and constructor of the classes are wrapped; afterwards
    the classes are as they were. Only one thread is recorded.

    Args:
        classes: One or more classes written in Python, such as micrograd's `Value`.
        call: Which call of `backward` to keep, from 0; None for the last.
        ops: How the engine spells ops, as for `mgraph trace --op`: `{"tanh": "my_tanh"}`.

    Returns:
        A `Recording`, for the `with` statement.

    Raises:
        TypeError: No class is given, or, on entering the block, one can't be recorded.
        ValueError: `ops` has a name that is not that of an op, nor `backward`, `data`, `grad` or
            `number`.
    """
    if not classes or not all(isinstance(cls, type) for cls in classes):
        message = "mgraph.record takes the classes to record, for example record(Value)"
        raise TypeError(message)
    return Recording(*classes, call=call, ops=ops)
