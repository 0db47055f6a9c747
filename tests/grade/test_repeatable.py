"""The same engine graded twice gives the same numbers, whatever its sets iterate over."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import replace
from itertools import count, repeat
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from mgraph.grade import runner
from mgraph.grade.cases import cases_of, golden_set
from mgraph.grade.outcomes import Answer, Outcome, Verdict
from mgraph.grade.processes import CommandEngine, PythonEngine, ResourceLimits
from mgraph.grade.runner import run_command_engine
from tests.engines.mutants import SOURCE
from tests.grade.test_hostile import ENGINES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mgraph.grade.cases import Case
    from tests.command_line import Shell

POST_ORDER: Final = """
class Value:
    def __init__(self, data, children=()):
        self.data, self.grad, self._prev = data, 0.0, set(children)
        self._backward = lambda: None

    def backward(self):
        seen = set()

        def visit(v):
            if v not in seen:
                seen.add(v)
                v._backward()
                for child in v._prev:
                    visit(child)

        self.grad = 1.0
        visit(self)

    def __add__(self, other):
        out = Value(self.data + other.data, (self, other))

        def _backward():
            self.grad += out.grad
            other.grad += out.grad

        out._backward = _backward
        return out

    def __mul__(self, other):
        out = Value(self.data * other.data, (self, other))

        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out._backward = _backward
        return out
"""
"""An engine that passes gradients on in depth-first order: too early, depending on a set."""

ORDER: Final = """
class Value:
    {slots}

    def __init__(self, data, order=()):
        self.data, self.grad, self.order = data, 0.0, order
{more}
    def backward(self):
        self.grad = float("".join(map(str, self.order)) or 0)

    def sum(self, *others):
        return Value(0.0, [int(v.data) for v in {{self, *others}}])
"""
"""An engine whose gradient spells the order in which a set iterates over its operands."""

LEFT_ALONE: Final = {
    "equals": "Value.__eq__ = lambda a, b: a is b\nValue.__hash__ = lambda a: 7",
    "frozen": "import dataclasses as d\n@d.dataclass(frozen=True)\nclass Point:\n    x: int = 0",
    "metaclass-without-hash": (
        "class Strange(type):\n    __hash__ = None\nclass Value(Value, metaclass=Strange): pass"
    ),
    "array": "import numpy\nclass Array(numpy.ndarray): pass",
    "written-in-c": "Number = int\nclass Small(int): pass",
    "enumeration": "import enum\nclass Kind(enum.Enum):\n    A = 1\nassert {Kind.A}",
    "exception": "class Odd(Exception): pass",
    "key": (
        "class Op: pass\nPLUS = Op()\nNAMES = {PLUS: '+'}\nright = Value.__add__\n"
        "def plus(a, b):\n    assert NAMES[PLUS] == '+'\n    return right(a, b)\n"
        "Value.__add__ = plus"
    ),
    "constant": (
        "ZERO = Value(0.0)\nKNOWN = {ZERO}\nbefore = Value.__add__\n"
        "def add(a, b):\n    assert ZERO in KNOWN\n    return before(a, b)\nValue.__add__ = add"
    ),
    "own-attributes-raise": "class Lazy:\n    __class__ = property(lambda a: 1 / 0)\nLAZY = Lazy()",
    "metaclass": (
        "class Fixed(type):\n    def __setattr__(cls, name, thing): raise SystemExit('no')\n"
        "class Value(Value, metaclass=Fixed): pass"
    ),
}
"""Classes whose hash must stay, and engines to which it matters."""


FIXED: Final = """
import ctypes, sys
sys.exit(sys.platform != "linux" or ctypes.CDLL(None).personality(0x40000) < 0)
"""
"""Ends with 0 if a process may fix its addresses in memory."""


HOLES: Final = """
import sys
from mgraph.grade.driver_memory import fill_holes
count, is_filled = int(sys.argv[1]), sys.argv[2] == "filled"
kept = []
for size in range(1, 16):
    before = [bytes(size * 16 - 2) for _ in range(1000 + 7 * count)]
    before += [(i, i + 0.5) for i in range(1000 + count)]
    kept.append([thing for i, thing in enumerate(before) if i * i % (3 + count) > 1])
    del before
kept += fill_holes() if is_filled else []
for make in (lambda: bytes(31), lambda: complex(1.0, 2.0)):
    things = [make() for _ in range(100)]
    del things[10:20]
    things += [make() for _ in range(30)]
    print([id(thing) - id(things[0]) for thing in things])
"""
"""Leaves holes in memory, fills them if it is told so, and says where new objects are then."""


def of_sum(count: int) -> dict[str, Any]:
    """Return a program that adds up the numbers from 1."""
    leaves = [["leaf", float(i + 1)] for i in range(count)]
    return {"steps": [*leaves, ["sum", *range(count)]], "root": count, "backward": 1}


SHARED: Final = {
    "steps": [["leaf", 2.0], ["leaf", 3.0], ["mul", 0, 1], ["add", 2, 0], ["mul", 2, 3]],
    "root": 4,
    "backward": 1,
}
"""A node that is an operand of two others, one of which is an operand of the other."""


@pytest.fixture
def ask(shell: Shell) -> Iterator[Any]:
    """Return a function that asks an engine, given by its source, in a new process."""
    engines: list[PythonEngine] = []

    def asked(source: str, *programs: Mapping[str, Any], name: str = "Value") -> list[Any]:
        shell.write("sets.py", textwrap.dedent(source))
        file = shell.path("sets.py")
        engines.append(PythonEngine(f"{file}:{name}", {}, sys.executable, ResourceLimits(30)))
        engines[-1].start()
        return [engines[-1].ask(program) for program in programs]

    yield asked
    for engine in engines:
        engine.close()


@pytest.mark.parametrize(
    ("slots", "more"),
    [
        ("", ""),
        ("__slots__ = ('data', 'grad', 'order')", ""),
        ("__slots__ = ('data', 'grad', 'order', '__weakref__')", ""),
        ("", "    __hash__ = lambda self: id(self)\n    __eq__ = lambda self, other: 1 / 0"),
        ("", "    __hash__ = object.__hash__\n    __eq__ = lambda self, other: [1, 2]"),
    ],
)
def test_small_sets(slots: str, more: str, ask: Any) -> None:  # noqa: ANN401
    """A small set iterates in the order of its elements, with any layout and equality."""
    source = ORDER.format(slots=slots, more=more)
    answers = ask(source, *map(of_sum, (2, 3, 4, 2)))
    for number, answer in zip((2, 3, 4, 2), answers, strict=True):
        assert answer["grad"][-1] == float("1234"[:number])
        assert "again" not in answer
        assert answer["varies"] is True


def test_large_sets(ask: Any) -> None:  # noqa: ANN401
    """A large set iterates in the same order each time its graph is built."""
    source = ORDER.format(slots="", more="")
    source += """
def backward(self):
    self.grad = float(sum(i * x for i, x in enumerate(self.order)))
Value.backward = backward
"""
    first, _, second = ask(source, of_sum(100), of_sum(3), of_sum(100))
    assert first == second
    assert "again" not in first


def test_order_of_a_set_as_the_mistake(ask: Any) -> None:  # noqa: ANN401
    """Gradients that depend on the order of a set are the same in each process, and say so."""
    first, second = (ask(POST_ORDER, SHARED, SHARED) for _ in range(2))
    assert first == second
    assert first[0] == first[1]
    assert first[0]["varies"] is True
    assert "again" not in first[0]


def test_right_engine_does_not_vary(ask: Any) -> None:  # noqa: ANN401
    """An engine that uses sets and is right gives the same numbers in any order."""
    source = (ENGINES / "engine.py").read_text()
    (answer,) = ask(source, SHARED)
    assert "again" not in answer
    assert "varies" not in answer
    assert answer["grad"] == [48.0, 28.0, 14.0, 6.0, 1.0]  # of ab(ab + a), by hand


def test_rounding_does_not_vary(ask: Any) -> None:  # noqa: ANN401
    """Sums that are rounded otherwise in another order are no other numbers."""
    for difference, does_vary in (("1e-8", False), ("1e-4", True)):
        source = ORDER.format(slots="", more="")
        source += f"""
def backward(self):
    self.grad = 1.0 + {difference} * self.order[0]
Value.backward = backward
"""
        (answer,) = ask(source, of_sum(2))
        assert answer.get("varies", False) is does_vary


def test_classes_left_alone(ask: Any) -> None:  # noqa: ANN401
    """Other classes and existing objects keep their hashes, and nothing breaks."""
    source = (ENGINES / "engine.py").read_text()
    alone = [LEFT_ALONE[what] for what in ("metaclass-without-hash", "equals")]
    together = "\n".join(code for code in LEFT_ALONE.values() if code not in alone)
    for more in (*alone, together):
        (answer,) = ask(f"{source}\n{more}", SHARED)
        assert answer.get("grad") == [48.0, 28.0, 14.0, 6.0, 1.0], (more, answer)
    (answer,) = ask(f"{source}\nValue.__hash__ = None", SHARED)
    assert answer["error"] == "TypeError: unhashable type: 'Value'"


def test_memory_does_not_grow(ask: Any) -> None:  # noqa: ANN401
    """Hashes of objects that have ended are forgotten, with weak references or without."""
    count = """
    import gc, sys
    def backward(self):
        gc.collect()
        hashes = [x for x in gc.get_objects() if type(x).__name__ == "SerialHashes"]
        sys.modules["driver_hashes"].MOST_KEPT = 10
        self.grad = float(sum(len(x.table) for x in hashes))
    """
    for slots in ("", "__slots__ = ('data', 'grad', 'order')"):
        source = ORDER.format(slots=slots, more="") + textwrap.dedent(count)
        answers = ask(source + "Value.backward = backward", *[of_sum(8)] * 20)
        sizes = [answer["grad"][-1] for answer in answers]
        assert max(sizes) <= 60.0
        assert sizes[-1] >= 8.0


@pytest.mark.parametrize("kept", ["1", "random.random()"])
def test_leftovers_are_neither_order_nor_chance(kept: str, ask: Any) -> None:  # noqa: ANN401
    """An engine that keeps something from one graph to the next differs when it is built again.

    That has nothing to do with sets, nor with random ids of nodes.
    """
    source = (
        ORDER.format(slots="", more="")
        .replace('float("".join(map(str, self.order)) or 0)', "float(len(kept))")
        .replace("return Value(", f"kept.append({kept}); return Value(")
    )
    (answer,) = ask("import random\nkept = []\n" + source, of_sum(2))
    assert answer["again"]["grad"] != answer["grad"]
    assert "varies" not in answer
    assert "random" not in answer


@pytest.mark.parametrize(
    ("module", "made"),
    [
        ("random", ""),
        ("random", "random = random.Random()"),
        ("numpy.random", ""),
        ("numpy.random", "random = random.default_rng()"),
        ("numpy.random", "random = random.RandomState()"),
    ],
)
def test_random_numbers(module: str, made: str, ask: Any) -> None:  # noqa: ANN401
    """An engine that uses random numbers has the same ones each time, whatever was run before.

    That it uses them shows when the graph is built again; it is not taken for the order of a set.
    """
    pytest.importorskip(module)
    source = ORDER.format(slots="", more="").replace(
        'float("".join(map(str, self.order)) or 0)', "random.random()"
    )
    source = f"import {module} as random\n{made}\n{source}"
    (first,) = ask(source, of_sum(2))
    _, second = ask(source, of_sum(3), of_sum(2))
    assert first == second
    assert first["again"]["grad"] != first["grad"]
    assert "varies" not in first
    assert first["random"]


@pytest.mark.parametrize(
    ("made", "noise"),
    [
        ("import random\na, b = random.Random(), random.Random()", "a.random() - b.random()"),
        ("import numpy", "numpy.random.normal()"),
    ],
    ids=["two-generators", "loaded-late"],
)
def test_random_numbers_of_other_kinds(made: str, noise: str, ask: Any) -> None:  # noqa: ANN401
    """Those of two generators don't cancel out; NumPy loads its own only when it is asked to."""
    pytest.importorskip("numpy")
    source = ORDER.format(slots="", more="").replace(
        'float("".join(map(str, self.order)) or 0)', noise
    )
    graphs = [of_sum(n) for n in range(2, 12)]
    first, second = ask(f"{made}\n{source}", *graphs), ask(f"{made}\n{source}", *graphs)
    assert first == second
    assert all(each["random"] and each["again"]["grad"] != each["grad"] for each in first)


def test_random_numbers_that_are_only_imported(ask: Any) -> None:  # noqa: ANN401
    """A library such as numpy imports `secrets`, whose generator can't start anew."""
    source = "import secrets\nchance = secrets.SystemRandom()\n" + ORDER.format(slots="", more="")
    (answer,) = ask(source, of_sum(2))
    assert "random" not in answer


def test_random_names_beside_something_left_over(shell: Shell) -> None:
    """What is left over from other graphs is found although each Value has a random name."""
    source = SOURCE.replace("self.grad = 1.0", "self.grad = 1.0 if Value.last < 5 else 2.0")
    for old, new in (
        ("class Value:", "class Value:\n    last = 0"),
        (
            "        for node in reversed",
            "        Value.last = max(Value.last, len(topo))\n        for node in reversed",
        ),
        ("self.grad = 0.0", "self.grad, self.name = 0.0, random.random()"),
    ):
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    shell.write("engine.py", f"import random\n{source}")
    files = [str(golden_set() / f"{name}.json") for name in ("op-mul", "op-add", "x-plus-x")]
    said = shell("grade", "engine.py:Value", *files, "--json").json
    (cause,) = said["causes"]
    assert cause["says"].startswith("a graph that is right on its own is wrong after others")


def test_what_is_said_of_random_numbers(shell: Shell) -> None:
    """That numbers are random is a fact; the same is said each time, and nothing is left over."""
    right = "self.grad += (1 - t**2) * out.grad"
    assert SOURCE.count(right) == 1
    source = SOURCE.replace(right, f"{right} * chance.choice([1, 2, 3])")
    shell.write("engine.py", f"import random\nchance = random.Random()\n{source}")
    files = [str(golden_set() / f"{name}.json") for name in ("op-tanh", "one-neuron", "op-exp")]
    said = [shell("grade", "engine.py:Value", *files, "--json").json for _ in range(2)]
    assert said[0] == said[1]
    (cause,) = [each for each in said[0]["causes"] if each["cause"] == "stale"]
    assert cause["says"] == (
        "the same graph gives different numbers when it is built again: the engine uses random "
        "numbers"
    )


def test_numbers_that_change_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """If new processes give a case different numbers, no graph before it is to blame."""
    cases = cases_of([str(golden_set() / f"{name}.json") for name in ("op-exp", "op-mul")])

    def outcome(case: Case, number: float) -> Outcome:
        numbers = [number] * len(case.graph)
        return Outcome(case, Answer(case.program, numbers, numbers), Verdict.OK)

    for others, is_other in ((lambda: repeat(2.0), False), (lambda: count(2.0), True)):
        numbers = {id(case): others() for case in cases}
        monkeypatch.setattr(
            runner, "_afresh", lambda case, _, of=numbers: outcome(case, next(of[id(case)]))
        )
        failed = [replace(outcome(x, 2.0), outcome=Verdict.NOT_REPRODUCIBLE) for x in cases]
        runner._try_afresh(failed, cast("Any", None))  # noqa: SLF001 - chance can't be tried out
        assert all((each.afresh is None) == is_other for each in failed)


def test_texts_in_sets(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    """Sets of texts keep their order from one process to the next, unless the user decides."""
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    source = (
        ORDER.format(slots="", more="")
        .replace("{self, *others}", "{str(v.data): v for v in (self, *others)}.values()")
        .replace("self.grad = float(", "self.grad = float(hash('text') % 10**6) or float(")
    )
    first, second = (ask(source, of_sum(2))[0]["grad"] for _ in range(2))
    assert first == second
    monkeypatch.setenv("PYTHONHASHSEED", "1")
    assert ask(source, of_sum(2))[0]["grad"] != first


def test_addresses_in_errors(ask: Any) -> None:  # noqa: ANN401
    """What an engine raises is told without addresses, which are others in each process."""
    source = ORDER.format(slots="", more="").replace(
        "self.grad = float(", "raise KeyError(self) or ("
    )
    first, second = (ask(source, of_sum(2))[0]["error"] for _ in range(2))
    assert first == second
    assert first == "KeyError: <sets.Value object at 0x...>"


def test_identities_in_errors(ask: Any) -> None:  # noqa: ANN401
    """What `id` returns is left out of errors, too; other numbers stay."""
    for raised, told in (("id(self)", "..."), ("2026", "2026")):
        source = ORDER.format(slots="", more="").replace(
            "self.grad = float(", f"raise KeyError({raised}) or ("
        )
        assert ask(source, of_sum(2))[0]["error"] == f"KeyError: {told}"


def test_addresses_in_numbers(ask: Any) -> None:  # noqa: ANN401
    """An engine whose numbers depend on addresses in memory gives the same ones in each process."""
    if subprocess.run([sys.executable, "-c", FIXED], check=False).returncode:
        pytest.skip("addresses in memory can't be fixed here")
    source = ORDER.format(slots="", more="").replace("float(", "float(id(self)) or float(")
    first, second = (ask(source, of_sum(2))[0]["grad"] for _ in range(2))
    assert first == second


def test_addresses_that_are_used_again() -> None:
    """Where new objects are, and which addresses they get again, doesn't depend on earlier ones.

    An engine that keeps something by `id` of nodes that are gone shows it: its folder's name made
    a difference.
    """

    def places(count: int, how: str) -> str:
        command = [sys.executable, "-c", HOLES, str(count), how]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert len({places(count, "filled") for count in (1, 2, 7, 10, 50)}) == 1
    assert len({places(count, "as it is") for count in (1, 7, 50)}) > 1


def test_unsupported_graphs_leave_nothing(ask: Any) -> None:  # noqa: ANN401
    """A graph with an op that the engine lacks is not begun: a tape would keep the half of it."""
    source = (
        ORDER.format(slots="", more="")
        .replace('float("".join(map(str, self.order)) or 0)', "float(len(TAPE)); TAPE.clear()")
        .replace("return Value(", "TAPE.append(1); return Value(")
    )
    half = {"steps": [["leaf", 1.0], ["sum", 0, 0], ["softplus", 1]], "root": 2, "backward": 1}
    first, unsupported, last = ask("TAPE = []\n" + source, of_sum(2), half, of_sum(2))
    assert unsupported["kind"] == "unsupported"
    assert first["grad"][-1] == last["grad"][-1] == 1.0


PROGRAM: Final = """
import json, sys
DATA = {{"a": 3.0, "b": -2.0, "y": 3.0}}
{read}
    document = json.loads(line)
    with open("asked", "a+") as file:
        file.write("x")
        count = file.tell()
    numbers = {numbers}
    document["runs"] = [dict(document["runs"][0], data=DATA, grad=numbers)]
    print(json.dumps(document), flush=True)
"""


@pytest.mark.parametrize("read", ["for line in sys.stdin:", "for line in [sys.stdin.read()]:"])
def test_wrong_answers_of_a_program(read: str, shell: Shell) -> None:
    """A program is asked once more if its answer is wrong: other numbers then are a fact."""
    cases = [*cases_of([str(shell.path("once.json"))])]
    for numbers, asked, varies in (
        ('{"y": 1.0, "a": 4.0, "b": 3.0}', 1, False),
        ('{"y": 1.0, "a": 5.0, "b": 3.0}', 2, False),
        ('{"y": 1.0, "a": 5.0 + count, "b": 3.0}', 2, True),
        ('{"y": 1.0, "a": 5.0, "b": 3.0} if count == 1 else sys.exit(3)', 2, True),
    ):
        shell.write("varies.py", PROGRAM.format(read=read, numbers=numbers))
        shell.path("asked").unlink(missing_ok=True)
        engine = CommandEngine(f"{sys.executable} varies.py", ResourceLimits(30.0))
        engine.streams = "for line in sys.stdin" in read  # known, so that nothing waits for it
        (outcome,) = run_command_engine(cases, engine)
        assert outcome.failed is (asked > 1)
        assert outcome.answer.varies is varies, numbers
        count = len(shell.path("asked").read_text())
        assert min(count, 2) == asked  # one that ends is asked in a new process, too
