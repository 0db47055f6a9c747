"""Hostile and clumsy engines: each has an outcome with a sentence, and is gone afterwards."""

from __future__ import annotations

import sys
import textwrap
from typing import Any, Final

import pytest

from mgraph.grade import processes
from mgraph.grade.outcomes import FAILURES, Verdict
from tests.command_line import HERE, Said, Shell
from tests.loops import crossed

pytestmark = pytest.mark.soak

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
    "lines": ("raise ValueError('one\\n\\ntwo\\n')", "ValueError: one"),
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
    "answers-with-no-steps": (
        """import json
to_all(json.dumps({"data": [1.0] * 4, "grad": [1.0] * 4, "hidden": 7}).encode() + b"\\n")""",
        "it wrote into the driver's own channel",
    ),
    "answers-with-no-texts": (
        """import json
to_all(json.dumps({"data": [1.0] * 4, "grad": [1.0] * 4, "starters": [5]}).encode() + b"\\n")""",
        "it wrote into the driver's own channel",
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
    runs, file = (2, "graph.json") if place == "op" else (1, "once.json")
    cases = graded(shell, name, "--memory", "256", file=file)
    assert [each["outcome"] for each in cases] == ["crashed"] * runs
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


@pytest.mark.thorough
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


@pytest.mark.thorough
@pytest.mark.parametrize(("field", "what"), crossed(("data", "grad"), GIVES))
def test_engines_that_give_odd_things(field: str, what: str, shell: Shell) -> None:
    """A thing that holds one number is that; any other is named, with the node that has it."""
    gives, expected = GIVES[what]
    name = engine(shell, importing(gives) + THINGS + GIVING.format(gives=gives, field=field))
    cases = graded(shell, name)
    named = {"wrong": "wrong value" if field == "data" else "wrong gradient"}
    assert [each["outcome"] for each in cases] == [named.get(expected, expected)] * 2
