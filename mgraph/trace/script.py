"""Run a script as Python would, and find the classes that are worth recording."""

from __future__ import annotations

import builtins
import os
import sys
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from mgraph.codec import LIMITS, read_file
from mgraph.errors import Diagnostic, GraphError, printable, quoted, some
from mgraph.suggestions import closest, did_you_mean
from mgraph.trace import Recording
from mgraph.trace.engine import is_value_like, spelled
from mgraph.value import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import CodeType

    from mgraph.document import Graph
    from mgraph.trace.recorder import Recorder

_HERE: Final = str(Path(__file__).parent)


class Finder:
    """Watches the classes like micrograd's Value that a script imports or defines.

    Attributes:
        wanted: The only class to be recorded, `MODULE:CLASS` or `CLASS`; None for all of them.
        found: The recorded classes, as `--class` names them, in the order of their making.
        passed_over: Those that look like a Value, and are not the wanted one.
    """

    def __init__(self, recorder: Recorder, wanted: str | None = None) -> None:
        """Take who records, and what."""
        self.wanted = wanted
        self.found: list[str] = []
        self.passed_over: list[str] = []
        self._recorder = recorder

    @contextmanager
    def finding(self) -> Iterator[None]:
        """Look at every class that is made, and at mgraph's own Value."""
        build = builtins.__build_class__

        def built(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            cls = build(*args, **kwargs)
            if isinstance(cls, type):
                self._look_at(cls)
            return cls

        if self._is_worth_it(Value):
            self._recorder.watch(Value)
        builtins.__build_class__ = built
        try:
            yield
        finally:
            builtins.__build_class__ = build

    def _look_at(self, cls: type) -> None:
        if self._is_worth_it(cls):
            self.found.append(spelled(cls))
            self._watch_when_complete(cls)
        elif is_value_like(cls):
            self.passed_over.append(spelled(cls))

    def _is_worth_it(self, cls: type) -> bool:
        if self.wanted is not None:
            return self.wanted in (spelled(cls), cls.__qualname__)
        return is_value_like(cls)

    def _watch_when_complete(self, cls: type) -> None:
        """Watch a class when its first object is made.

        By then it has got what is assigned to it, and decorators may even have made another class
        of it, with its members.
        """
        original: Callable[..., object] = cls.__new__
        recorder = self._recorder

        def new(kind: type, *args: Any, **kwargs: Any) -> object:  # noqa: ANN401
            if kind not in recorder.classes:
                recorder.watch(kind)
            if original is object.__new__:
                return object.__new__(kind)
            return original(kind, *args, **kwargs)

        cls.__new__ = staticmethod(new)  # type: ignore[assignment]


@dataclass(frozen=True)
class Traced:
    """A script that has ended, and what was recorded of it.

    Attributes:
        recording: What its engine computed.
        names: Its global variables.
        error: What ended it, if it did not reach its end.
        finder: Which classes were recorded.
    """

    recording: Recording
    names: Mapping[str, object]
    error: BaseException | None
    finder: Finder

    @property
    def failed(self) -> bool:
        """Whether it ended otherwise than well: `sys.exit()` and `sys.exit(0)` are well."""
        return not (
            self.error is None or (isinstance(self.error, SystemExit) and not self.error.code)
        )

    def traceback(self) -> str:
        """Return what Python says of its failure, without the frames of what records it."""
        if isinstance(self.error, SystemExit):
            code = self.error.code
            return f"{code}\n" if isinstance(code, str) else f"the script exits with {code}\n"
        return _traceback(self.error) if self.error else ""

    def graph(self, output: str | None, inputs: Iterable[str]) -> Graph:
        """Return the recorded graph; its ids are labels, and names of global variables.

        Args:
            output: The variable that holds the output; None for what backward was called on.
            inputs: Ids of leaves that are to be inputs.

        Raises:
            GraphError: There is none, or as `Recording.graph`.
        """
        return self.recording.graph(self._output(output), inputs=inputs, names=self.names)

    def _output(self, name: str | None) -> object:
        if name is None and self.recording.calls == 0:
            raise GraphError([self._nothing()])
        if name is not None and not self.recording.records(self.names.get(name)):
            message = f"the script has no variable {quoted(name)} that holds a recorded Value"
            values = [key for key, x in self.names.items() if self.recording.records(x)]
            fix = did_you_mean(closest(name, values))
            raise GraphError.of("output", message, fix=fix, expected=_listed(values))
        return None if name is None else self.names[name]

    def _nothing(self) -> Diagnostic:
        if self.failed:
            return Diagnostic("output", "nothing recorded: the script failed before any backward")
        if self.finder.found:
            message = f"nothing recorded: backward was not called on {_listed(self.finder.found)}"
            fix = "name the variable that holds the output: --output NAME"
        else:
            what = printable(self.finder.wanted or "like micrograd's Value")
            message = f"nothing recorded: the script has no class {what}"
            others = self.finder.passed_over
            fix = f"name the class of its engine: --class {_listed(others or ['MODULE:CLASS'])}"
        return Diagnostic("output", message, fix=fix)


def trace(
    path: str, args: Sequence[str] = (), wanted: str | None = None, call: int | None = None
) -> Traced:
    """Run a script as `python path args` would, and record what its engine computes.

    Args:
        path: The script. It runs as code.
        args: What it finds in `sys.argv`.
        wanted: The class to record, `MODULE:CLASS`; None for all that look like a Value.
        call: Which call of backward to keep, from 0; None for the last.

    Raises:
        GraphError: `io` if it can't be read.
        KeyboardInterrupt: Somebody pressed Ctrl-C.
    """
    source = read_file(path, LIMITS)
    main = ModuleType("__main__")
    full = os.path.abspath(path)
    main.__dict__.update(__file__=full, __builtins__=builtins, __cached__=None, __annotations__={})
    recording = Recording(call=call)
    finder = Finder(recording.recorder, wanted)
    error: BaseException | None = None
    with recording, finder.finding(), _as_program(main, path, args):
        try:
            exec(_compiled(source, full), main.__dict__)  # noqa: S102
        except KeyboardInterrupt:
            raise
        except BaseException as raised:  # noqa: BLE001 - SystemExit, and whatever scripts raise
            error = raised
    return Traced(recording, main.__dict__, error, finder)


def _compiled(source: bytes, path: str) -> CodeType:
    try:
        return compile(source, path, "exec", dont_inherit=True)
    except ValueError as error:  # a NUL in it: a SyntaxError since Python 3.11.4
        raise SyntaxError(str(error)) from None


@contextmanager
def _as_program(main: ModuleType, path: str, args: Sequence[str]) -> Iterator[None]:
    before = sys.argv, sys.path, sys.modules["__main__"]
    folder = [] if sys.flags.safe_path else [os.path.dirname(os.path.realpath(path))]
    sys.argv = [path, *args]
    sys.path = [*folder, *sys.path[0 if sys.flags.safe_path else 1 :]]
    sys.modules["__main__"] = main
    try:
        yield
    finally:
        sys.argv, sys.path, sys.modules["__main__"] = before


def _traceback(error: BaseException) -> str:
    told = traceback.TracebackException.from_exception(error)
    chain: list[traceback.TracebackException | None] = [told]
    for each in chain:  # grows
        if each is not None:
            kept = [frame for frame in each.stack if not frame.filename.startswith(_HERE)]
            each.stack = traceback.StackSummary.from_list(kept)
            chain.extend((each.__cause__, each.__context__))
    return "".join(told.format())


def _listed(names: Iterable[str]) -> str:
    return printable(some(names)) or "none"
