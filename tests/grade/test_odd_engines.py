"""Engines whose classes are odd, and programs that answer on standard output."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Final

import pytest

from mgraph.grade import processes
from tests.command_line import is_usage_error
from tests.grade.test_hostile import ENGINES, GRAPH, assert_told, engine, graded, importing, refused
from tests.loops import thinned

if TYPE_CHECKING:
    from tests.command_line import Shell


# --- classes that are no scalars, or odd ones -----------------------------------------------------

NO_ENGINES: Final = {
    "absent.py:Value": "there is no file absent.py",
    "absent:Value": "ModuleNotFoundError: No module named 'absent'",
    "absent.engine:Value": "ModuleNotFoundError: No module named 'absent'",
    "./hostile:Value": "for a file write ./hostile.py",
    "folder/hostile:Value": "for a file write folder/hostile.py",
    "..:Value": "'..' is not a module",
    "folder.py:Value": "IsADirectoryError",
    "hostile.py:Valeu": "there is no Valeu in hostile; did you mean Value?",
    "hostile.py:Value.Value": "there is no Value in Value",
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
    "hostile.py:Needy": "write a function of one number that returns a Value, and name that",
    "hostile.py:Abstract": "TypeError: Can't instantiate abstract class Abstract",
    "hostile.py:Meta": "RuntimeError: no instance",
    "hostile.py:Empty": "a Value of 0.5 has no attribute with that number; it has: none",
    "hostile.py:Guarded": "a Value of 0.5 has no attribute with that number",
    "hostile.py:NoDir": "ValueError: no list",
    "hostile.py:\udcff": "there is no \\udcff in hostile; the classes there are ",
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
    "other-driver": (
        "sys.modules['__main__'].driver.run = lambda *a: ({'data': 'x', 'grad': 3}, [])", "",
    ),
    "other-failure": (
        ("main = sys.modules['__main__'].driver\ndef plus(a, b):\n"
        "    raise main.Failure('x', 10**9, 'nonsense')\nValue.__add__ = plus"), "crashed",
    ),
    "other-step": (
        ("main = sys.modules['__main__'].driver\ndef answer_program(*a):\n"
        "    return {'error': 'x', 'kind': 'unsupported', 'step': 10**9}\n"
        "main.answer_program = answer_program"), "crashed",
    ),
    "shorter-answer": (
        "sys.modules['__main__'].driver.answer_program = lambda *a: {'data': [1.0], 'grad': [1.0]}",
        "crashed",
    ),
    "forged-again": (
        ("driver = sys.modules['__main__'].driver\n"
        "driver.answer_program = lambda e, p: {'data': [1.0] * len(p['steps']), "
        "'grad': [1.0] * len(p['steps']), 'again': 7}"), "crashed",
    ),
    "forged-next": (
        ("driver = sys.modules['__main__'].driver\n"
        "driver.answer_program = lambda e, p: {'data': [1.0] * len(p['steps']), "
        "'grad': [1.0] * len(p['steps']), 'next': [1.0] * len(p['steps'])}"), "crashed",
    ),
    "traced": ("sys.settrace(lambda *a: 1 / 0)", ""),
    "low-limit": ("sys.setrecursionlimit(60)", ""),
}  # fmt: skip
"""An engine that is odd in one way, and what comes of it; empty: whatever does."""


@pytest.mark.parametrize("what", thinned(ODD, 5))
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


@pytest.mark.parametrize("name", thinned(PATHS, 3))
def test_files_by_any_name(name: str, shell: Shell) -> None:
    """A file of an engine may be called like anything: a phrase, or a module of Python's own."""
    shell.path("a folder").mkdir()
    path = f"a folder/{name}"
    shell.write(path, (ENGINES / "engine.py").read_bytes())
    for engine_ in (f"{path}:Value", f"{shell.path(path)}:Value", f"./{path}:Value"):
        assert [each["outcome"] for each in graded(shell, engine_)] == ["ok"] * 2


WRAPPED: Final = b"""
import dataclasses
import functools

_own = Value.backward
Value.backward = functools.wraps(_own)(lambda *operands: _own(*operands))
"""
"""Makes a backward whose signature must be looked up."""


@pytest.mark.parametrize("name", ["ast.py", "inspect.py", "dis/__init__.py", "token.py"])
def test_files_named_like_modules_of_python(name: str, shell: Shell) -> None:
    """A file beside an engine isn't taken for what Python's own modules import by that name."""
    shell.path(name).parent.mkdir(exist_ok=True)
    shell.write(name, b"raise SystemExit\n")
    source = (ENGINES / "engine.py").read_bytes() + WRAPPED
    shell.write("odd.py", source)
    assert [each["outcome"] for each in graded(shell, "odd.py:Value")] == ["ok"] * 2


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
    "a-line-without-end": (
        "while True: sys.stdout.write('x' * 999)", "crashed", "it wrote more than 1 MiB",
    ),
    "spaces-without-end": (
        "while True: sys.stdout.write(' ' * 999)", "crashed", "it wrote more than 1 MiB",
    ),
    "errors-without-end": ("while True: sys.stderr.write('x' * 999)", "timed out", ""),
    "closes-its-output": ("os.close(1); time.sleep(1e6)", "crashed", "closed its output"),
    "waits-in-another-session": ("os.fork() or daemon(); os._exit(3)", "crashed", "status 3"),
    "lines-without-end": ("while True: print('x' * 99)", "crashed", "it wrote more than 1 MiB"),
    "allocates": ("x = [bytearray(10**7) for _ in range(10**6)]", "crashed", "MemoryError"),
}  # fmt: skip
"""What a program does with a line, what comes of it, and what is said."""


@pytest.mark.parametrize("what", thinned(SAYS, 4))
def test_programs(what: str, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program may write whatever it likes: what isn't an answer is told from one."""
    monkeypatch.setattr(processes, "_MAX_OUTPUT", 2**20)
    monkeypatch.setattr(processes, "_TOO_MUCH", "it wrote more than 1 MiB")
    if what == "closes-its-output":
        monkeypatch.setattr(processes, "_EXIT_WAIT", 0.2)
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


def test_a_file_without_its_class(shell: Shell) -> None:
    """The class that is in it, if there is one, is named."""
    shell.write("made.py", "class Value:\n    def backward(self): ...\n")
    shell.write("imported.py", "from made import Value\n")
    for file in ("made.py", "imported.py"):
        said = shell("grade", file)
        assert is_usage_error(said, f"is not MODULE:CLASS: write, for example, {file}:Value")
    assert is_usage_error(shell("grade", "absent.py"), "for example, micrograd.engine:Value")
