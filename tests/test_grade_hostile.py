"""Hostile and clumsy engines: each has an outcome with a sentence, and is gone afterwards."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from mgraph.grade import processes
from mgraph.grade.outcomes import FAILURES, Verdict
from tests.command_line import HERE, Said, Shell
from tests.loops import crossed

if TYPE_CHECKING:
    from collections.abc import Iterator

ENGINES: Final = HERE / "engines"
MARK: Final = "MGRAPH_HOSTILE_TEST"
LINUX: Final = sys.platform == "linux"

GRAPH: Final[dict[str, Any]] = {
    "mgraph": "1.0",
    "nodes": [
        {"id": "a", "op": "param", "data": 3.0},
        {"id": "b", "op": "param", "data": -2.0},
        {"id": "s", "op": "add", "args": ["a", "b"]},
        {"id": "y", "op": "mul", "args": ["s", "a"]},
    ],
    "outputs": ["y"],
    "runs": [
        {
            "origin": "by hand",
            "data": {"a": 3.0, "b": -2.0, "s": 1.0, "y": 3.0},
            "grad": {"a": 4.0, "b": 3.0, "s": 3.0, "y": 1.0},
        },
        {
            "inputs": {"a": 0.5, "b": 0.25},
            "origin": "by hand",
            "data": {"a": 0.5, "b": 0.25, "s": 0.75, "y": 0.375},
            "grad": {"a": 1.25, "b": 0.5, "s": 0.5, "y": 1.0},
        },
    ],
}
"""y = (a + b)·a, with numbers worked out by hand."""

HEAD: Final = """
import array, atexit, builtins, ctypes, decimal, fractions, gc, os, random, signal, sys
import threading, time, warnings
sys.path.insert(0, {folder!r})
from engine import Value

class Odd(BaseException):
    pass

class Shy(Exception):
    def __str__(self):
        raise ValueError("no")

class Long(Exception):
    def __str__(self):
        return "x" * 10**8

def deep(n):
    return deep(n + 1) + 1

def fork(then):
    if os.fork() == 0:
        then()
        os._exit(0)

def daemon():
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    time.sleep(1e6)

def forever():
    while True:
        pass

def more():
    kept = []
    while True:
        kept.append(bytearray(10**7))

def to_all(what):
    for fd in range(64):
        try:
            os.write(fd, what)
        except OSError:
            pass
"""


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """Return a shell in a folder with one graph, and see that no process is left of it."""
    monkeypatch.setenv(MARK, str(tmp_path))
    here = Shell(tmp_path, monkeypatch)
    here.write("graph.json", GRAPH)
    here.write("once.json", GRAPH | {"runs": GRAPH["runs"][:1]})
    yield here
    assert [*left_behind(str(tmp_path))] == []


def left_behind(mark: str) -> Iterator[str]:
    """Yield what still runs of the processes that a test has started."""
    for process in Path("/proc").glob("[0-9]*") if LINUX else ():
        try:
            if f"{MARK}={mark}".encode() in (process / "environ").read_bytes().split(b"\0"):
                yield (process / "cmdline").read_text()
        except OSError:
            continue


def engine(shell: Shell, body: str, name: str = "hostile.py") -> str:
    """Write an engine; return how it is named on the command line."""
    head = HEAD.format(folder=str(ENGINES))
    shell.write(name, head + textwrap.dedent(body))
    return f"{name}:Value"


def graded(shell: Shell, *args: str, file: str = "graph.json") -> list[dict[str, Any]]:
    """Grade with `--json`, and return the cases."""
    said = shell("grade", *args, file, "--json", "--junit", "junit.xml")
    assert said.err == ""
    cases: list[dict[str, Any]] = said.json["cases"]
    assert_told(cases)
    assert said.status == (1 if any(each["outcome"] in FAILURES for each in cases) else 0)
    shell.path("junit.xml").unlink()
    return cases


def assert_told(cases: list[dict[str, Any]]) -> None:
    """Each case has an outcome, and each failure a sentence that a terminal can show."""
    for each in cases:
        assert each["outcome"] in [*Verdict]
        if each["outcome"] in FAILURES:
            note = each["note"] or ""
            assert note.isprintable()
            assert len(note) < 1000
            assert note or each["field"]


def refused(said: Said) -> str:
    """Return the one line that says why nothing could be graded."""
    assert said.status == 1
    assert said.raw == b""
    (line,) = said.err.splitlines()
    assert line.startswith("Error: ")
    assert line.isprintable()
    return line


# --- what an engine may do, and where -------------------------------------------------------------

ENDS: Final = {
    "sys.exit": ("sys.exit(3)", r"SystemExit: the engine called sys.exit(3)"),
    "sys.exit-text": ("sys.exit('bye\\x1b[2J')", "SystemExit: the engine called sys.exit('bye"),
    "exit": ("os._exit(7)", "its process ended with status 7"),
    "abort": ("os.abort()", "its process was ended by SIGABRT"),
    "segfault": ("ctypes.string_at(0)", "its process was ended by SIGSEGV"),
    "kills-itself": ("os.kill(os.getpid(), 9)", "its process was ended by SIGKILL"),
    "kills-its-group": ("os.killpg(0, 9)", "its process was ended by SIGKILL"),
    "interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "base-exception": ("raise Odd('odd')", "Odd: odd"),
    "generator-exit": ("raise GeneratorExit", "GeneratorExit"),
    "stop": ("raise StopIteration(5)", "StopIteration: 5"),
    "shy": ("raise Shy", "Shy: (can't be shown)"),
    "long": ("raise Long", "Long: xxxxxxxxxx"),
    "lines": ("raise ValueError('one\\n\\ntwo\\n')", "ValueError: two"),
    "escapes": ("raise ValueError('\\x1b[31m\\x07\\u202e\\x00')", "ValueError: \\u{1b}[31m"),
    "surrogate": ("raise ValueError('\\udcff')", "ValueError: \\udcff"),
    "group": ("raise BaseExceptionGroup('g', [Odd()])", "BaseExceptionGroup: g"),
    "recursion": ("deep(0)", "RecursionError: maximum recursion depth exceeded"),
    "allocation": ("more()", "MemoryError"),
    "allocation-at-once": ("bytes(10**12)", "MemoryError"),
    "closes-everything": ("os.closerange(0, 256)", "its process ended with status 1"),
    "writes-everywhere": ("to_all(b'[1, 2]\\n')", "it wrote into the driver's own channel"),
    "writes-half": ("to_all(b'\\x00\\xff{')", "it wrote into the driver's own channel"),
    "answers-itself": (
        "to_all(b'{\"data\": [1.0], \"grad\": []}\\n')", "it wrote into the driver's own channel",
    ),
    "answers-nested": ("to_all(b'[' * 10**6 + b'\\n')", "it wrote into the driver's own channel"),
    "error-of-a-list": (
        "to_all(b'{\"error\": [], \"kind\": 3}\\n')", "it wrote into the driver's own channel",
    ),
    "flood-without-end": ("while True: to_all(b'x' * 2**16)", "it wrote more than 1 MiB"),
    "its-parent-leaves": ("fork(daemon); os._exit(0)", "its process ended with status 0"),
}  # fmt: skip
"""What ends it, and what is said then."""

HANGS: Final = {
    "sleeps": "time.sleep(1e6)",
    "loops": "forever()",
    "loops-in-c": "(10**10**7) ** 10**3",
    "waits-for-itself": "lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "stops-itself": "os.kill(os.getpid(), signal.SIGSTOP)",
    "ignores-signals": (
        "[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 3, 15)]; time.sleep(1e6)"
    ),
    "catches-all": """
        while True:
            try:
                time.sleep(1e6)
            except BaseException:
                pass
        """,
    "prints-without-end": "while True: print('x' * 10**5)",
    "prints-errors-without-end": "while True: sys.stderr.write('x\\n')",
    "waits-for-a-child": "pid = os.fork() or daemon(); os.waitpid(pid, 0)",
    "leaves-its-session": "fork(os.setsid); fork(daemon); time.sleep(1e6)",
    "joins-a-thread": "t = threading.Thread(target=time.sleep, args=(1e6,)); t.start(); t.join()",
}  # fmt: skip
"""What never comes back."""

HARMLESS: Final = {
    "prints": "print('x' * 10**6); sys.stderr.write('y' * 10**6)",
    "prints-bytes": "os.write(1, b'\\xff\\xfe\\x1b[2J' * 999); os.write(2, bytes(256))",
    "reads": "assert sys.stdin.read() == ''",
    "reads-below": "assert os.read(0, 9) == b''",
    "closes-its-files": "sys.stdout.close(); sys.stderr.close(); sys.stdin.close()",
    "no-files": "sys.stdout = sys.stderr = sys.stdin = None",
    "forks": "fork(lambda: None)",
    "forks-and-goes-on": "os.fork()",
    "forks-often": "[fork(lambda: time.sleep(1e6)) for _ in range(20)]",
    "leaves-a-daemon": "fork(daemon)",
    "leaves-a-grandchild": "fork(lambda: fork(daemon))",
    "leaves-a-thread": "threading.Thread(target=time.sleep, args=(1e6,)).start()",
    "at-exit": "atexit.register(time.sleep, 1e6)",
    "changes-folder": "os.chdir('/')",
    "changes-path": "sys.path[:] = []",
    "changes-modules": "sys.modules['json'] = sys.modules['os'] = None",
    "warnings": "warnings.simplefilter('error')",
    "no-collector": "gc.disable(); gc.set_threshold(0)",
    "recursion-limit": "sys.setrecursionlimit(2**31 - 1)",
    "hooks": "sys.excepthook = sys.unraisablehook = sys.displayhook = None",
    "umask": "os.umask(0o777)",
    "random": "random.seed(0)",
}
"""What is nobody's business."""

PLACES: Final = {
    "import": """
        {code}
        """,
    "op": """
        right = Value.__add__
        def plus(self, other):
            {code}
            return right(self, other)
        Value.__add__ = plus
        """,
    "backward": """
        right = Value.backward
        def backward(self):
            {code}
            right(self)
        Value.backward = backward
        """,
}
"""Where it does that."""


def placed(place: str, code: str) -> str:
    """Return the body of an engine that does something somewhere."""
    before, _, after = PLACES[place].partition("{code}")
    indent = before.rpartition("\n")[2]
    lines = textwrap.dedent(code).strip().splitlines()
    return before + f"\n{indent}".join(lines) + after


@pytest.mark.parametrize(("place", "what"), crossed(PLACES, ENDS))
def test_engines_that_end(
    place: str, what: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that ends its process, or raises whatever it likes, is told how."""
    monkeypatch.setattr(processes, "_MAX_OUTPUT", 2**20)
    monkeypatch.setattr(processes, "_TOO_MUCH", "it wrote more than 1 MiB")
    code, told = ENDS[what]
    name = engine(shell, placed(place, code))
    if place == "import":
        assert told in refused(shell("grade", name, "graph.json", "--memory", "256"))
        return
    cases = graded(shell, name, "--memory", "256")
    assert [each["outcome"] for each in cases] == ["crashed"] * 2
    assert all(told in each["note"] for each in cases), cases


@pytest.mark.parametrize(("place", "what"), crossed(PLACES, HANGS))
def test_engines_that_hang(
    place: str, what: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that never comes back is ended, with all that it has started."""
    name = engine(shell, placed(place, HANGS[what]))
    if place == "import":
        monkeypatch.setattr(processes, "START_TIMEOUT", 0.75)
        line = refused(shell("grade", name, "graph.json"))
        assert line.endswith("can't be graded: importing it took more than 0.75 s")
        return
    cases = graded(shell, name, "--timeout", "0.4", file="once.json")
    assert [each["outcome"] for each in cases] == ["timed out"]
    assert cases[0]["note"] == "took more than 0.4 s"


@pytest.mark.parametrize(("place", "what"), crossed(PLACES, HARMLESS))
def test_engines_that_do_something_else(place: str, what: str, shell: Shell) -> None:
    """An engine that is right stays right, whatever else it does; and leaves nothing."""
    name = engine(shell, placed(place, HARMLESS[what]))
    assert [each["outcome"] for each in graded(shell, name)] == ["ok"] * 2


# --- what an engine may give ----------------------------------------------------------------------

GIVES: Final = {
    "text": ("'3.0'", "wrong"),
    "bytes": ("b'3'", "wrong"),
    "none": ("None", "wrong"),
    "complex": ("complex(x)", "wrong"),
    "list-of-one": ("[x]", "ok"),
    "list-of-two": ("[x, x]", "wrong"),
    "no-list": ("[]", "wrong"),
    "nested": ("[[[[[[x]]]]]]", "wrong"),
    "itself": ("(lambda a: a.append(a) or a)([])", "wrong"),
    "array-of-one": ("numpy.array([x])", "ok"),
    "array-of-none": ("numpy.array(x)", "ok"),
    "array-of-two": ("numpy.array([x, x])", "wrong"),
    "scalar": ("numpy.float64(x)", "ok"),
    "single": ("numpy.float32(x)", "ok"),
    "complex-scalar": ("numpy.complex128(x)", "wrong"),
    "text-scalar": ("numpy.str_(x)", "wrong"),
    "long-double": ("numpy.longdouble(x)", "ok"),
    "decimal": ("decimal.Decimal(x)", "ok"),
    "decimal-nan": ("decimal.Decimal('sNaN')", "wrong"),
    "fraction": ("fractions.Fraction(x)", "ok"),
    "typed-array": ("array.array('d', [x])", "wrong"),
    "true": ("True", "wrong"),
    "huge": ("10**400", "wrong"),
    "digits": ("10**5000", "wrong"),
    "nan": ("float('nan')", "wrong"),
    "infinity": ("float('inf')", "wrong"),
    "minus-infinity": ("float('-inf')", "wrong"),
    "subnormal": ("5e-324", "wrong"),
    "largest": ("1.7976931348623157e308", "wrong"),
    "generator": ("(x for _ in [1])", "wrong"),
    "coroutine": ("coroutine()", "wrong"),
    "class": ("float", "wrong"),
    "module": ("sys", "wrong"),
    "callable": ("lambda: x", "ok"),
    "endless-callable": ("endless", "wrong"),
    "mock": ("mock.MagicMock()", "wrong"),
    "everything": ("Everything()", "wrong"),
    "liar": ("Liar()", "wrong"),
    "no-float": ("NoFloat()", "wrong"),
    "bad-float": ("BadFloat()", "wrong"),
    "float-that-adds": ("Adds(x)", "ok"),
    "exits": ("Exits()", "crashed"),
    "shy": ("Shy()", "wrong"),
    "long": ("'x' * 10**7", "wrong"),
    "surrogate": ("'\\udcff\\x1b[2J'", "wrong"),
}  # fmt: skip
"""What stands in data or grad for a number x."""

THINGS: Final = """
def endless():
    return endless

def coroutine():
    yield 1.0

class Everything:
    def __getattr__(self, name):
        return self
    def __call__(self, *args):
        return self
    def __getitem__(self, key):
        return self

class Liar:
    __class__ = property(lambda self: float)

class NoFloat:
    __float__ = None

class BadFloat:
    def __float__(self):
        return "3"

class Adds(float):
    def __add__(self, other):
        return other
    def __repr__(self):
        return "surprise"
    def __eq__(self, other):
        raise ValueError
    __hash__ = None

class Exits:
    def __float__(self):
        sys.exit(3)

class Shy:
    def __repr__(self):
        raise KeyboardInterrupt
"""

GIVING: Final = """
state = {{"done": False}}
plain, made, right = object.__getattribute__, Value.__init__, Value.backward

def start(self, *args):
    state["done"] = False
    made(self, *args)

def backward(self):
    right(self)
    state["done"] = True

def given(self, name):
    x = plain(self, name)
    return ({gives}) if name == {field!r} and state["done"] else x

Value.__init__, Value.backward, Value.__getattribute__ = start, backward, given
"""


def importing(body: str) -> str:
    """Return imports of what a body uses; both take longer than all else that a process does."""
    lines = {"numpy": "import numpy\n", "mock": "from unittest import mock\n"}
    return "".join(line for name, line in lines.items() if name in body)


@pytest.mark.parametrize(("field", "what"), crossed(("data", "grad"), GIVES))
def test_engines_that_give_odd_things(field: str, what: str, shell: Shell) -> None:
    """A thing that holds one number is that; any other is named, with the node that has it."""
    gives, expected = GIVES[what]
    name = engine(shell, importing(gives) + THINGS + GIVING.format(gives=gives, field=field))
    cases = graded(shell, name)
    named = {"wrong": "wrong value" if field == "data" else "wrong gradient"}
    assert [each["outcome"] for each in cases] == [named.get(expected, expected)] * 2


# --- classes that are no scalars, or odd ones -----------------------------------------------------

NO_ENGINES: Final = {
    "absent.py:Value": "No such file or directory",
    "absent:Value": "ModuleNotFoundError: No module named 'absent'",
    "absent.engine:Value": "ModuleNotFoundError: No module named 'absent'",
    "./hostile:Value": "for a file write ./hostile.py",
    "folder/hostile:Value": "for a file write folder/hostile.py",
    "..:Value": "'..' is not a module",
    "folder.py:Value": "IsADirectoryError",
    "hostile.py:Valeu": "AttributeError: module 'hostile' has no attribute 'Valeu'",
    "hostile.py:Value.Value": "AttributeError: type object 'Value' has no attribute 'Value'",
    "hostile:Value:Value": "ModuleNotFoundError: No module named 'hostile:Value'",
    "syntax.py:Value": "SyntaxError: ",
    "bytes.py:Value": "SyntaxError: ",
    "nul.py:Value": "SyntaxError: ",
    "hostile.py:sys": "TypeError: 'module' object is not callable",
    "hostile.py:deep": "RecursionError",
    "hostile.py:Odd": "a Value of 0.5 has no attribute with that number; it has: add_note",
    "json:dumps": "a Value of 0.5 has no attribute with that number",
    "builtins:int": "a Value of 0.5 has no attribute with that number",
    "builtins:print": "a Value of 0.5 has no attribute with that number",
    "builtins:input": "EOFError",
    "builtins:exit": "SystemExit: the engine called sys.exit(0.5)",
    "unittest.mock:MagicMock": "a Value of 0.5 has no attribute with that number",
    "types:SimpleNamespace": "TypeError",
    "time:sleep": "a Value of 0.5 has no attribute with that number",
    "os:abort": "TypeError",
    "hostile.py:Needy": "TypeError: ",
    "hostile.py:Abstract": "TypeError: Can't instantiate abstract class Abstract",
    "hostile.py:Meta": "RuntimeError: no instance",
    "hostile.py:Empty": "a Value of 0.5 has no attribute with that number; it has: none",
    "hostile.py:Guarded": "a Value of 0.5 has no attribute with that number",
    "hostile.py:NoDir": "ValueError: no list",
    "hostile.py:\udcff": "has no attribute '\\udcff'",
}  # fmt: skip
"""What is no engine, and what is said of it."""

CLASSES: Final = """
import abc

class Needy:
    def __init__(self, data, children, op):
        self.data, self.grad = data, 0.0

class Abstract(abc.ABC):
    def __init__(self, x):
        pass
    @abc.abstractmethod
    def backward(self): ...

class Refuses(type):
    def __call__(self, *args):
        raise RuntimeError("no instance")

class Meta(metaclass=Refuses):
    pass

class Empty:
    def __init__(self, x):
        pass

class Guarded:
    def __init__(self, x):
        pass
    @property
    def data(self):
        raise SystemError("private")

class NoDir(Empty):
    def __dir__(self):
        raise ValueError("no list")
"""


@pytest.mark.parametrize("name", NO_ENGINES)
def test_what_is_no_engine(name: str, shell: Shell) -> None:
    """A module, a class or a file that is none: one line says so."""
    engine(shell, CLASSES)
    shell.path("folder.py").mkdir()
    shell.write("syntax.py", "class Value:\n  def (\n")
    shell.write("bytes.py", b"x = '\xff'\n")
    shell.write("nul.py", b"x = 1\x00\n")
    line = refused(shell("grade", name, "graph.json"))
    assert NO_ENGINES[name] in line


ODD: Final = {
    "eq-gives-arrays": ("Value.__eq__ = lambda a, b: numpy.array([True, False])", "ok"),
    "eq-raises": ("Value.__eq__ = lambda a, b: 1 / 0", "ok"),
    "unhashable": ("Value.__hash__ = None", "crashed"),
    "bool-raises": ("Value.__bool__ = lambda a: 1 / 0", "ok"),
    "false": ("Value.__bool__ = lambda a: False", "ok"),
    "len-raises": ("Value.__len__ = lambda a: -1", "ok"),
    "iterates": ("Value.__iter__ = lambda a: iter([a])", "ok"),
    "calls": ("Value.__call__ = lambda a: 1 / 0", "ok"),
    "repr-raises": ("Value.__repr__ = Value.__str__ = lambda a: 1 / 0", "ok"),
    "class-lies": ("class Value(Value):\n    __class__ = property(lambda a: float)", "ok"),
    "answers-everything": ("Value.__getattr__ = lambda a, name: lambda *args: a", "ok"),
    "attributes-raise": (
        "Value.item = Value.v = Value.x = Value.gradient = property(lambda a: 1 / 0)", "ok",
    ),
    "no-instance-check": (
        ("Value = type('Meta', (type,), {'__instancecheck__': lambda c, x: 1 / 0})"
        "('Value', (Value,), {})"), "crashed",
    ),
    "wants-a-seed": (
        "once = Value.backward\nValue.backward = lambda a, seed: once(a)", "ok",
    ),
    "wants-more": ("Value.backward = lambda a, seed, graph: None", "crashed"),
    "backward-is-a-number": ("Value.backward = 3", "crashed"),
    "no-backward": ("del Value.backward", "crashed"),
    "private": ("Value._Value__backward = Value.backward\ndel Value.backward", "crashed"),
    "a-class-method": ("Value.backward = classmethod(lambda c: None)", "wrong gradient"),
    "asynchronous": (
        "async def backward(self): pass\nValue.backward = backward", "wrong gradient",
    ),
    "generator": ("def backward(self): yield\nValue.backward = backward", "wrong gradient"),
    "no-plus": ("del Value.__add__", "unsupported"),
    "plus-is-none": ("Value.__add__ = None", "crashed"),
    "not-implemented": ("Value.__add__ = lambda a, b: NotImplemented", "crashed"),
    "refuses": ("def plus(a, b): raise NotImplementedError\nValue.__add__ = plus", "unsupported"),
    "gives-none": ("Value.__add__ = lambda a, b: None", "crashed"),
    "gives-text": ("Value.__add__ = lambda a, b: 'x'", "crashed"),
    "gives-a-number": ("Value.__add__ = lambda a, b: a.data + b.data", "crashed"),
    "gives-its-operand": ("Value.__add__ = lambda a, b: a", "wrong value"),
    "wants-three": ("Value.__add__ = lambda a, b, c: a", "crashed"),
    "slots": (
        ("class Value(Value):\n    __slots__ = ('x',)\n    def __setattr__(self, name, x):\n"
        "        raise AttributeError(name)"), "",
    ),
    "frozen-grad": ("Value.grad = property(lambda a: 0.0)", ""),
    "grad-is-7": ("Value.grad = property(lambda a: 7.0, lambda a, x: 0)", "wrong gradient"),
    "counts": (
        "n = [0]\ndef plus(a, b):\n    n[0] += 1\n    return Value(n[0])\nValue.__add__ = plus",
        "not reproducible",
    ),
    "random": (
        ("right = Value.backward\ndef backward(a):\n    right(a)\n    a.grad = random.random()\n"
        "Value.backward = backward"), "not reproducible",
    ),
    "crashes-later": (
        ("n = []\ndef plus(a, b):\n    n.append(0)\n    return os._exit(1) if n[2:] else Value(0)\n"
        "Value.__add__ = plus"), "crashed",
    ),
    "moves": (("right = Value.__add__\ndef plus(a, b):\n    out = right(a, b)\n    a.data += 1\n"
              "    return out\nValue.__add__ = plus"), "wrong value"),
    "floats-are-strings": ("builtins.float = str", ""),
    "nothing-is-anything": ("builtins.isinstance = lambda *a: False", ""),
    "everything-is-anything": ("builtins.isinstance = lambda *a: True", ""),
    "no-zip": ("builtins.zip = builtins.enumerate = lambda *a, **k: iter(())", ""),
    "no-len": ("builtins.len = builtins.getattr = None", ""),
    "no-builtins": ("builtins.__dict__.clear()", ""),
    "no-json": ("import json\njson.dumps = lambda *a: '{}'", ""),
    "no-import": ("builtins.__import__ = None", "ok"),
    "slow-json": ("import json\njson.dumps = lambda *a: 'x' * 10**6", ""),
    "other-driver": ("sys.modules['__main__'].run = lambda *a: ({'data': 'x', 'grad': 3}, [])", ""),
    "other-failure": (
        ("main = sys.modules['__main__']\ndef plus(a, b):\n"
        "    raise main.Failure('x', 10**9, 'nonsense')\nValue.__add__ = plus"), "crashed",
    ),
    "other-step": (
        ("main = sys.modules['__main__']\ndef answer_program(*a):\n"
        "    return {'error': 'x', 'kind': 'unsupported', 'step': 10**9}\n"
        "main.answer_program = answer_program"), "crashed",
    ),
    "shorter-answer": (
        "sys.modules['__main__'].answer_program = lambda *a: {'data': [1.0], 'grad': [1.0]}",
        "crashed",
    ),
    "forged-again": (
        ("sys.modules['__main__'].answer_program = lambda e, p: {'data': [1.0] * len(p['steps']), "
        "'grad': [1.0] * len(p['steps']), 'again': 7}"), "crashed",
    ),
    "traced": ("sys.settrace(lambda *a: 1 / 0)", ""),
    "low-limit": ("sys.setrecursionlimit(60)", ""),
}  # fmt: skip
"""An engine that is odd in one way, and what comes of it; empty: whatever does."""


@pytest.mark.parametrize("what", ODD)
def test_odd_classes(what: str, shell: Shell) -> None:
    """A class may be as odd as it likes: what counts are its numbers."""
    body, expected = ODD[what]
    name = engine(shell, f"{importing(body)}{body}\n")
    said = shell("grade", name, "graph.json", "--json")
    if not expected and said.raw == b"":
        refused(said)
        return
    assert_told(said.json["cases"])
    if expected:
        assert [each["outcome"] for each in said.json["cases"]] == [expected] * 2


PATHS: Final = ("my engine.py", "moteur-ñ-机.py", "two.dots.py", "math.py", "json.py", "'; ls.py")


@pytest.mark.parametrize("name", PATHS)
def test_files_by_any_name(name: str, shell: Shell) -> None:
    """A file of an engine may be called like anything: a phrase, or a module of Python's own."""
    shell.path("a folder").mkdir()
    path = f"a folder/{name}"
    shell.write(path, (ENGINES / "engine.py").read_bytes())
    for engine_ in (f"{path}:Value", f"{shell.path(path)}:Value", f"./{path}:Value"):
        assert [each["outcome"] for each in graded(shell, engine_)] == ["ok"] * 2


@pytest.mark.parametrize("program", ["cat", "false", "true", "ls", "yes"])
def test_an_interpreter_that_is_none(program: str, shell: Shell) -> None:
    """Another program than Python is told from it, whatever it says, and however much."""
    line = refused(shell("grade", engine(shell, ""), "graph.json", "--python", program))
    assert "can't be graded: it" in line


# --- programs that answer on standard output ------------------------------------------------------

SPEAKING: Final = """
import json, os, signal, sys, time
numbers = json.loads({numbers!r})
def right(document):
    for run in document["runs"]:
        data, grad = numbers[str(run.get("inputs"))]
        run.update(data=data, grad=grad)
    return document
def say(thing):
    sys.stdout.write(thing if isinstance(thing, str) else json.dumps(thing))
    sys.stdout.write("\\n")
    sys.stdout.flush()
def daemon():
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(1e6)
for line in sys.stdin:
    document = json.loads(line)
"""

SAYS: Final = {
    "right": ("say(right(document))", "ok", ""),
    "right-once": ("say(right(document)); break", "ok", ""),
    "on-many-lines": ("print(json.dumps(right(document), indent=1)); break", "ok", ""),
    "appended": (
        "document['runs'] += right(json.loads(line))['runs']; say(document)", "ok", "",
    ),
    "floods-errors": ("sys.stderr.write('x' * 10**7); say(right(document))", "ok", ""),
    "leaves-a-daemon": ("say(right(document)); os.fork() or daemon()", "ok", ""),
    "turned": (
        "right(document)['nodes'].reverse(); say(document)", "ok", "",
    ),
    "a-log-line": ("print('starting'); say(right(document))", "crashed", "error[syntax]"),
    "a-number-first": ("say('1'); say(right(document))", "crashed", "error[format]"),
    "nothing": ("break", "crashed", "its process ended with status 0"),
    "an-empty-line": ("say('')", "crashed", "error[syntax]"),
    "spaces": ("print(' ' * 10**6); break", "crashed", "error[syntax]"),
    "half": ("sys.stdout.write(line[:40]); break", "crashed", "error[syntax]"),
    "half-forever": ("sys.stdout.write(line[:40]); sys.stdout.flush(); time.sleep(1e6)",
                     "timed out", "took more than 1.5 s"),
    "garbage": ("os.write(1, bytes(range(256))); break", "crashed", "error["),
    "escapes": ("say('\\x1b[2J\\x07'); break", "crashed", "error[syntax]"),
    "binary": ("os.write(1, b'\\x81' * 999); break", "crashed", "error["),
    "nested": ("say('[' * 10**6); break", "crashed", "error["),
    "the-question": ("say(document)", "crashed", "its answer has no run with data and grad"),
    "no-runs": ("del document['runs']; say(document)", "crashed", "its answer has no run"),
    "no-grad": (
        "del right(document)['runs'][0]['grad']; say(document)", "crashed", "its answer has no run",
    ),
    "other-question": (
        ("document['nodes'][0]['id'] = 'q'; document['nodes'][2]['args'][0] = 'q'; "
        "document['nodes'][3]['args'][1] = 'q'; document['runs'] = []; say(document)"),
        "crashed", "its answer has other nodes than the question",
    ),
    "other-document": ("say({'a': 1})", "crashed", "error[format]"),
    "a-list": ("say([1, 2])", "crashed", "error["),
    "texts-for-numbers": (
        ("run = right(document)['runs'][0]; run['data'] = dict.fromkeys(run['data'], '1'); "
        "say(document)"), "crashed", "error[",
    ),
    "other-ids": (
        "right(document)['runs'][0]['data']['zz'] = 1.0; say(document)", "crashed", "error[",
    ),
    "a-list-of-numbers": (
        "right(document)['runs'][0]['grad'] = [1.0]; say(document)", "crashed", "error[",
    ),
    "few-numbers": (
        ("right(document)['runs'][0]['data'] = {'y': 3.0 if not document['runs'][0].get('inputs') "
        "else 0.375}; say(document)"), "wrong value", "the engine has no data here",
    ),
    "nan": (
        "right(document)['runs'][0]['data']['y'] = 'nan'; say(document)", "wrong value", "",
    ),
    "wrong-slope": (
        "right(document)['runs'][0]['grad']['a'] = -1.0; say(document)", "wrong gradient", "",
    ),
    "dies": ("os.abort()", "crashed", "its process was ended by SIGABRT"),
    "says-why": ("sys.exit('boom\\x1b[2J')", "crashed", "status 1: boom\\u{1b}[2J"),
    "lacks": ("sys.exit('unsupported: add')", "unsupported", "unsupported: add"),
    "sleeps": ("time.sleep(1e6)", "timed out", "took more than 1.5 s"),
    "answers-and-sleeps-on": ("say('x'); time.sleep(1e6)", "timed out", "took more than 1.5 s"),
    "ignores-signals": (
        "[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; time.sleep(1e6)", "timed out", "",
    ),
    "lines-without-end": ("while True: print('x')", "crashed", "it wrote more than 1 MiB"),
    "a-line-without-end": (
        "while True: sys.stdout.write('x' * 999)", "crashed", "it wrote more than 1 MiB",
    ),
    "spaces-without-end": (
        "while True: sys.stdout.write(' ' * 999)", "crashed", "it wrote more than 1 MiB",
    ),
    "errors-without-end": ("while True: sys.stderr.write('x' * 999)", "timed out", ""),
    "closes-its-output": ("os.close(1); time.sleep(1e6)", "crashed", "closed its output"),
    "waits-in-another-session": ("os.fork() or daemon(); os._exit(3)", "crashed", "status 3"),
    "allocates": ("x = [bytearray(10**7) for _ in range(10**6)]", "crashed", "MemoryError"),
}  # fmt: skip
"""What a program does with a line, what comes of it, and what is said."""


@pytest.mark.parametrize("what", SAYS)
def test_programs(what: str, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program may write whatever it likes: what isn't an answer is told from one."""
    monkeypatch.setattr(processes, "_MAX_OUTPUT", 2**20)
    monkeypatch.setattr(processes, "_TOO_MUCH", "it wrote more than 1 MiB")
    does, outcome, note = SAYS[what]
    numbers = {str(run.get("inputs")): (run["data"], run["grad"]) for run in GRAPH["runs"]}
    head = SPEAKING.format(numbers=json.dumps(numbers))
    shell.write("speaks.py", head + f"    {does}\n")
    more = () if outcome == "timed out" else ("graph.json",)
    cases = graded(
        shell, "--cmd", f"{sys.executable} speaks.py", *more, "--memory", "256",
        "--timeout", "1.5" if outcome == "timed out" else "30", file="once.json",
    )  # fmt: skip
    assert {each["outcome"] for each in cases} == {outcome}
    assert [each["note"] for each in cases if note not in (each["note"] or "")] == []


def test_a_program_that_answers_twice(shell: Shell) -> None:
    """An answer that was not asked for is not taken for one to the next question."""
    numbers = {str(run.get("inputs")): (run["data"], run["grad"]) for run in GRAPH["runs"]}
    head = SPEAKING.format(numbers=json.dumps(numbers))
    shell.write("twice.py", head + "    say(right(document)); say(right(document))\n")
    first, second = graded(shell, "--cmd", f"{sys.executable} twice.py")
    assert first["outcome"] == "ok"
    assert second["note"] == "its answer has other inputs than the question"


def test_a_program_that_never_reads(shell: Shell) -> None:
    """More than a pipe holds is given to a program that doesn't read: it is ended all the same."""
    nodes = [{"id": f"{'x' * 100}{i}", "op": "param", "data": 1.0} for i in range(2000)]
    ids = [each["id"] for each in nodes]
    graph = {
        "mgraph": "1.0",
        "nodes": [*nodes, {"id": "y", "op": "sum", "args": ids}],
        "outputs": ["y"],
        "runs": [{"origin": "by hand", "data": {"y": 2000.0}}],
    }
    shell.write("long.json", graph)
    cases = graded(shell, "--cmd", "sleep 1000", "--timeout", "0.5", file="long.json")
    assert [each["outcome"] for each in cases] == ["timed out"]
    (case,) = graded(shell, "--cmd", "true", file="long.json")
    assert case["note"] == "its process ended with status 0"


def test_the_rest_is_not_tried(shell: Shell) -> None:
    """After three cases in a row that took too long, the others are only counted."""
    shell.write("many.json", GRAPH | {"runs": GRAPH["runs"] * 200})
    cases = graded(shell, "--cmd", "sleep 1000", "--timeout", "0.3", file="many.json")
    assert [each["outcome"] for each in cases] == ["timed out"] * 400
    tried = [each for each in cases if each["note"] == "took more than 0.3 s"]
    assert 3 <= len(tried) <= 3 + (os.cpu_count() or 1)
    assert cases[-1]["note"] == "not tried, because 3 cases in a row took too long"


@pytest.mark.parametrize("cmd", ["", " ", "''", "absent", "./absent x", "a 'b", 'a "', "a\\", "."])
def test_command_lines_that_are_none(cmd: str, shell: Shell) -> None:
    """A command that can't be read, or isn't there, is a wrong command line."""
    said = shell("grade", "--cmd", cmd, "graph.json")
    assert (said.status, said.raw) == (2, b"")
    assert said.err.splitlines()[-1].startswith("Error: ")


@pytest.mark.parametrize("tail", ["; touch made", "$(touch made)", "> made", "| tee made"])
def test_no_shell_reads_the_command(tail: str, shell: Shell) -> None:
    """What a shell would obey is an argument like any other."""
    graded(shell, "--cmd", f"{sys.executable} -c pass {tail}")
    assert not shell.path("made").exists()


def test_a_wrong_command_line(shell: Shell) -> None:
    """What doesn't go together, or isn't there, has exit status 2 and a sentence."""
    for args in (
        [], ["engine"], [":Value"], ["engine.py:"], ["engine.py:Value", "--timeout", "nan"],
        ["engine.py:Value", "--timeout", "0"], ["engine.py:Value", "--timeout", "inf"],
        ["engine.py:Value", "--memory", "-1"], ["engine.py:Value", "--rel", "nan"],
        ["engine.py:Value", "--abs", "-1"], ["engine.py:Value", "--op", "tanh"],
        ["engine.py:Value", "--op", "tanh="], ["engine.py:Value", "--op", "=x"],
        ["engine.py:Value", "--op", "tahn=x"], ["engine.py:Value", "--python", "absent"],
        ["engine.py:Value", "--python", "."], ["engine.py:Value", "--quick", "graph.json"],
        ["--cmd", "true", "--python", "true"], ["--cmd", "true", "--op", "tanh=x"],
    ):  # fmt: skip
        said = shell("grade", *args)
        assert (said.status, said.raw) == (2, b""), args
        assert "Error: " in said.err.splitlines()[-1], args


def test_a_number_that_may_be_a_strangers_is_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group is ended while its process is not yet waited for, and never after that."""
    ended: list[bool] = []
    process = processes.Process([sys.executable, "-c", "pass"])
    end_group = os.killpg

    def killpg(group: int, number: int) -> None:
        ended.append(process.popen.returncode is None)
        end_group(group, number)

    monkeypatch.setattr(os, "killpg", killpg)
    assert process.ending() == "its process ended with status 0"
    process.close()
    assert ended == [True]
