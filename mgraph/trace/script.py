"""Run a script as Python would, and record the classes in it that are like Value."""

from __future__ import annotations

import builtins
import os
import shlex
import signal
import sys
import threading
import traceback
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from mgraph.errors import Diagnostic, GraphError, printable, quoted, some
from mgraph.suggestions import closest, did_you_mean
from mgraph.trace import Recording
from mgraph.trace.classes import (
    has_attribute,
    has_function,
    is_engine,
    is_value_like,
    may_be_value,
    spelled,
)
from mgraph.trace.names import Naming
from mgraph.trace.program import ProgramModule, Script, as_program, module_of
from mgraph.trace.sites import loop_variables
from mgraph.trace.spellings import name_in
from mgraph.value import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import CodeType

    from mgraph.document import Graph
    from mgraph.trace.recorder import Recorder

_HERE: Final = str(Path(__file__).parent)
_ENDS: Final = ("SIGTERM", "SIGHUP")
"""Signals that end a process, unless the script says something else."""


class Finder:
    """Finds the classes like micrograd's Value that a script imports or defines.

    Attributes:
        wanted: The only class to record, `MODULE:CLASS` or `CLASS`; None for all.
        classes: The recorded classes, by their names for `--class`, in the order of definition.
        passed_over: Other classes that are like Value, or have numbers and a gradient.
        seen: The classes of both lists, and those that would be like Value without `--op`.
        is_finding: Whether the script has not ended yet.
    """

    def __init__(self, recorder: Recorder, wanted: str | None = None) -> None:
        """Set what records the classes, and which to record."""
        self.wanted = wanted
        self.classes: list[str] = []
        self.passed_over: list[str] = []
        self.seen: dict[str, type] = {}
        self._recorder = recorder
        self.is_finding = True

    @contextmanager
    def finding(self) -> Iterator[None]:
        """Check every class that is defined, and mgraph's own Value."""
        build = builtins.__build_class__

        def build_and_check(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            cls = build(*args, **kwargs)
            if isinstance(cls, type):
                self._check(cls)
            return cls

        self._recorder.sees_all = True
        if self._is_wanted(Value):
            self._recorder.watch(Value)
        builtins.__build_class__ = build_and_check
        try:
            yield
        finally:
            self.is_finding = False
            builtins.__build_class__ = build

    def _check(self, cls: type) -> None:
        spellings = self._recorder.spellings
        if self._is_wanted(cls):
            if self.wanted is not None or is_value_like(cls, spellings):
                self.classes.append(spelled(cls))
            else:
                self.passed_over.append(spelled(cls))
            self._watch_when_complete(cls)
        elif is_value_like(cls, spellings):
            self.passed_over.append(spelled(cls))
        elif not (spellings.given and is_value_like(cls)):
            return
        self.seen[spelled(cls)] = cls

    def _is_wanted(self, cls: type) -> bool:
        if self.wanted is not None:
            return self.wanted in (spelled(cls), cls.__qualname__)
        return may_be_value(cls, self._recorder.spellings)

    def _watch_when_complete(self, cls: type) -> None:
        """Watch a class when an object of it is made, and the class is like Value.

        By then the script has assigned methods to it, and a decorator may have replaced it by
        another class with the same members.
        """
        original: Callable[..., object] = cls.__new__
        checked: dict[type, int] = {}

        def new(kind: type, *args: Any, **kwargs: Any) -> object:  # noqa: ANN401
            if self.is_finding and kind not in self._recorder.classes:
                module = getattr(sys.modules.get(kind.__module__), "__dict__", ())
                size = len(vars(kind)) + len(module)
                if checked.get(kind) != size:
                    checked[kind] = size
                    self._watch_if_like_value(kind)
            if original is object.__new__:
                return object.__new__(kind)
            return original(kind, *args, **kwargs)

        cls.__new__ = staticmethod(new)  # type: ignore[assignment]

    def _watch_if_like_value(self, cls: type) -> None:
        if self.wanted is not None or is_engine(cls, self._recorder.spellings):
            name = spelled(cls)
            self.seen[name] = cls
            self.passed_over = [other for other in self.passed_over if other != name]
            self.classes.extend([] if name in self.classes else [name])
            self._recorder.watch(cls)


@dataclass(frozen=True)
class Traced:
    """A script that has ended, and the recording of it.

    Attributes:
        recording: The recording.
        names: The script's global variables.
        error: The exception that ended it; None if it reached its end.
        finder: The classes that were recorded.
        file: The path of the script, as it was given.
        code: The script.
    """

    recording: Recording
    names: Mapping[str, object]
    error: BaseException | None
    finder: Finder
    file: str
    code: CodeType | None = None

    @property
    def was_interrupted(self) -> bool:
        """Whether Ctrl-C or another signal ended the script."""
        return isinstance(self.error, KeyboardInterrupt)

    @property
    def failed(self) -> bool:
        """Whether the script failed; `sys.exit()` and `sys.exit(0)` are no failures."""
        return not (
            self.error is None or (isinstance(self.error, SystemExit) and not self.error.code)
        )

    def traceback(self) -> str:
        """Return the traceback of the failure, without the frames of the recorder."""
        if self.was_interrupted:
            return "the script was interrupted\n"
        if isinstance(self.error, SystemExit):
            code = self.error.code
            return f"{code}\n" if isinstance(code, str) else f"the script exits with {code}\n"
        return _traceback(self.error) if self.error else ""

    @property
    def hint(self) -> str:
        """What helps if the script failed because of how it is started; empty for other errors."""
        if isinstance(self.error, NameError) and self.error.name == "get_ipython":
            return "remove the lines with get_ipython(), which only work in a notebook"
        with suppress(OSError):  # the script may have deleted its folder
            if isinstance(self.error, ImportError) and os.path.isfile(self.file):
                return self._hint_for(self.error)
        return ""

    def _hint_for(self, error: ImportError) -> str:
        name, folder = module_of(self.file)
        is_relative = "attempted relative import" in str(error)
        if not (is_relative or error.name == name.partition(".")[0]):
            return ""
        change = "" if os.path.samefile(folder, ".") else f"cd {shlex.quote(folder)} && "
        command = printable(f"{change}mgraph trace -m {name} -o FILE")
        return f"run it as a module of its package: {command}"

    def unknown_spellings(self) -> list[str]:
        """Say which spellings of `--op` are names that nothing in the program has."""
        seen, spellings = self.finder.seen, self.recording.recorder.spellings
        classes = [seen[name] for name in self.finder.classes] or [*seen.values()]
        shown = _joined(map(spelled, classes))
        unknown: list[str] = []
        for what, text in spellings.given.items() if classes else ():
            name, stated = name_in(text), printable(f"--op {what}={text}: ")
            if what in ("data", "grad"):
                if not any(has_attribute(cls, name) for cls in classes):
                    unknown.append(f"{stated}{shown} has no {printable(name)}")
            elif not (name in spellings.seen or self._has_function(name, text, classes)):
                lack = f"{shown} has no {printable(name)}, and no function is called that"
                unknown.append(stated + lack)
        return unknown

    def _has_function(self, name: str, text: str, classes: Iterable[type]) -> bool:
        """Whether a class, its module, the script or what it imports has a function."""
        stated = sys.modules.get(text.partition(":")[0])
        modules = [x for x in (*self.names.values(), stated) if isinstance(x, ModuleType)]
        return any(name in names for names in (self.names, *map(vars, modules))) or any(
            has_function(cls, name) for cls in classes
        )

    def graph(self, output: str | None, inputs: Iterable[str]) -> Graph:
        """Return the recorded graph; its ids are labels, and names of global variables.

        Args:
            output: The variable that holds the output; None for the Value of the captured backward.
            inputs: The ids of leaves that become inputs.

        Raises:
            GraphError: `output` if there is none; also as `Recording.graph`.
        """
        loops = loop_variables(self.code) if self.code else ()
        naming = Naming(self.names, loops, takes_others=True)
        value = self._output(output)
        return self.recording._named_graph(value, inputs, naming)  # noqa: SLF001

    def _output(self, name: str | None) -> object:
        if name is None and self.recording.calls == 0:
            raise GraphError([self._nothing_recorded()])
        if name is None or self.recording.records(self.names.get(name)):
            return None if name is None else self.names[name]
        captured = self.recording.recorder.captured
        last = captured.variable if captured else None
        if name == last:  # of a function
            return None
        message = f"the script has no global variable {quoted(name)} that holds a recorded Value"
        values = [key for key, x in self.names.items() if self.recording.records(x)]
        values += [last] if last and last not in values else []
        fix = did_you_mean(closest(name, values))
        if captured and not fix:
            fix = "without --output, the last call of backward is recorded"
        raise GraphError.of("output", message, fix=fix, expected=_joined(values))

    def _nothing_recorded(self) -> Diagnostic:
        if self.failed:
            message = "nothing recorded: the script failed before any backward"
            return Diagnostic("output", message, fix=self.hint)
        if self.finder.classes:
            message = f"nothing recorded: backward was not called on {_joined(self.finder.classes)}"
            fix = "name the variable that holds the output: --output NAME"
        else:
            what = printable(self.finder.wanted or "like micrograd's Value")
            message = f"nothing recorded: the script has no class {what}"
            others = self.finder.passed_over
            fix = f"name the class of its engine: --class {_joined(others or ['MODULE:CLASS'])}"
        if unknown := self.unknown_spellings():
            message, fix = f"nothing recorded: {'; '.join(unknown)}", ""
        return Diagnostic("output", message, fix=fix)


def trace(  # noqa: PLR0913 - what the command takes
    path: str,
    args: Sequence[str] = (),
    wanted: str | None = None,
    call: int | None = None,
    finish: Callable[[Traced], int] = lambda traced: int(traced.failed),
    *,
    ops: Mapping[str, str] | None = None,
    is_module: bool = False,
) -> Traced:
    """Run a script as `python path args` would, and record what its engine computes.

    Args:
        path: The script. It runs as code.
        args: The arguments of the script, for `sys.argv`.
        wanted: The class to record, `MODULE:CLASS`; None for all that are like Value.
        call: Which call of backward to keep, from 0; None for the last.
        finish: Called if the script ends the process at once, by `os._exit` or a signal; it gets
            what is recorded, and returns the exit status for `os._exit`.
        ops: How the engine spells ops, as for `record`.
        is_module: Whether `path` is the name of a module, to be run as by `python -m`.

    Returns:
        What was recorded, if the script reached its end, raised an exception, or was interrupted.

    Raises:
        GraphError: `io` if it can't be read; `syntax` if it is a notebook.
        SystemExit: This is a process that the script forked; only its parent is recorded.
    """
    program = ProgramModule(path) if is_module else Script(path)
    main = ModuleType("__main__")
    main.__dict__.update(__builtins__=builtins, __cached__=None, __annotations__={})
    recording = Recording(call=call, ops=ops)
    finder = Finder(recording.recorder, wanted)
    own = os.getpid()
    stack = ExitStack()
    codes: list[CodeType] = []

    def traced(error: BaseException | None) -> Traced:
        stack.close()
        return Traced(recording, main.__dict__, error, finder, path, next(iter(codes), None))

    def leave(error: BaseException) -> int | None:
        is_running = finder.is_finding and os.getpid() == own
        return finish(traced(error)) if is_running else None

    running = as_program(main, program.folder, [path, *args])
    for context in (recording, finder.finding(), running, _leaving(leave)):
        stack.enter_context(context)
    error: BaseException | None = None
    try:
        codes.append(program.load(main, recording.recorder.find_new_members))
        exec(codes[0], main.__dict__)  # noqa: S102
    except BaseException as raised:  # noqa: BLE001 - SystemExit, and anything else that scripts raise
        error = raised
    result = traced(error)
    if os.getpid() != own:
        sys.stderr.write(result.traceback())
        raise SystemExit(int(result.failed))
    return result


@contextmanager
def _leaving(leave: Callable[[BaseException], int | None]) -> Iterator[None]:
    """Call a function before `os._exit` or a signal ends the process.

    It returns the exit status; None in a process that the script has forked, or after its end.
    """
    exit_at_once = os._exit

    def _exit(status: int) -> NoReturn:
        own = leave(SystemExit(status))
        exit_at_once(status if own is None else own)

    def end(number: int, _frame: object) -> None:
        leave(KeyboardInterrupt())
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    names = _ENDS if threading.current_thread() is threading.main_thread() else ()
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    numbers = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, end)
    os._exit = _exit
    try:
        yield
    finally:
        os._exit = exit_at_once
        for number in numbers:
            if signal.getsignal(number) is end:
                with suppress(ValueError):  # a thread has called os._exit
                    signal.signal(number, signal.SIG_DFL)


def _traceback(error: BaseException) -> str:
    root = traceback.TracebackException.from_exception(error)
    chain: list[traceback.TracebackException | None] = [root]
    for report in chain:  # grows while it is walked
        if report is not None:
            kept = [frame for frame in report.stack if not frame.filename.startswith(_HERE)]
            report.stack = traceback.StackSummary.from_list(kept)
            chain.extend((report.__cause__, report.__context__))
    return "".join(root.format())


def _joined(names: Iterable[str]) -> str:
    return printable(some(names)) or "none"
