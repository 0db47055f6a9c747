"""`mgraph grade`: what becomes of each case, what is printed, and what stands in a file's meta."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

import pytest

from mgraph.grade import processes
from mgraph.grade.cases import cases_of, golden_set, without
from mgraph.grade.diagnosis import CAUSES
from mgraph.grade.outcomes import FAILURES, Verdict
from mgraph.grade.quick_set import QUICK
from tests.command_line import HERE, Shell, is_usage_error
from tests.engines.mutants import MUTANTS, SOURCE, is_held_out, mutated
from tests.loops import thinned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CORRECT: Final = {
    "composed": "Value",
    "functions": "Value",
    "numpy_arrays": "Value",
    "other_names": "Scalar",
    "tape": "Value",
    "torch_like": "Tensor",
}
EXAMPLES: Final = HERE.parent / "examples"


def graph(nodes: Sequence[Any], run: Mapping[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - plain data
    """Return a file with one run, whose last node is the output."""
    runs = [{"origin": "by hand", **run}]
    return {"mgraph": "1.0", "nodes": nodes, "outputs": [nodes[-1]["id"]], "runs": runs, **more}


def of_one_op(op: str, x: float, y: float, slope: float, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - plain data
    """Return a file with one op of x."""
    nodes = [{"id": "x", "op": "param", "data": x}, {"id": "y", "op": op, "args": ["x"]}]
    return graph(nodes, {"data": {"x": x, "y": y}, "grad": {"x": slope, "y": 1.0}}, **more)


PRODUCT: Final = graph(
    [
        {"id": "a", "op": "param", "data": 3.0},
        {"id": "b", "op": "param", "data": -2.0},
        {"id": "y", "op": "mul", "args": ["a", "b"]},
    ],
    {"data": {"a": 3.0, "b": -2.0, "y": -6.0}, "grad": {"a": -2.0, "b": 3.0, "y": 1.0}},
)
"""y = a·b, by hand."""
RELU: Final = of_one_op("relu", 2.0, 2.0, 1.0)


@pytest.fixture
def shell(mgraph: Shell) -> Shell:
    """Return a folder with an engine and a product."""
    mgraph.write("engine.py", SOURCE)
    mgraph.write("product.json", PRODUCT)
    return mgraph


def edited(shell: Shell, *edits: tuple[str, str], name: str = "edited.py") -> str:
    """Write the engine with some edits; return how it is named."""
    source = SOURCE
    for old, new in edits:
        assert old in source
        source = source.replace(old, new)
    shell.write(name, source)
    return f"{name}:Value"


def outcomes(shell: Shell, *args: str) -> list[str]:
    """Grade and return the outcome of each case."""
    said = shell("grade", *args, "--json")
    assert said.err == ""
    found = [each["outcome"] for each in said.json["cases"]]
    assert said.status == (1 if any(each in FAILURES for each in found) else 0)
    assert said.json["summary"]["failed"] is (said.status == 1)
    return found


# --- outcomes ----------------------------------------------------------------------------------

TIMES: Final = "out = Value(self.data * other.data, (self, other), "
CHANCE: Final = "import random\n        out = Value(random.random(), (self, other), "
SLEEP: Final = "import time\n        out = Value(time.sleep(60), (self, other), "
EDITS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "ok": (),
    "wrong value": ((TIMES, TIMES.replace(" * ", " + ")),),
    "wrong gradient": (("self.grad += other.data * out.grad", "self.grad += out.grad"),),
    "not reproducible": ((TIMES, CHANCE),),
    "unsupported": (("__mul__", "grow"), ("__rmul__", "grow_too")),
    "crashed": ((TIMES, TIMES.replace(".data *", ".datum *")),),
    "timed out": ((TIMES, SLEEP),),
}


@pytest.mark.parametrize("outcome", EDITS)
def test_outcomes(outcome: str, shell: Shell) -> None:
    """One edit of the engine gives each outcome, with its exit status, in text, too."""
    engine = edited(shell, *EDITS[outcome])
    late = ("--timeout", "0.5") if outcome == "timed out" else ()
    assert outcomes(shell, engine, "product.json", *late) == [outcome]
    said = shell("grade", engine, "product.json", *late)
    assert said.status == (1 if outcome in FAILURES else 0)
    assert said.out.splitlines()[-1] == f"1 case: {'' if outcome == 'ok' else '0 ok, '}1 {outcome}"


def test_every_outcome_has_a_test() -> None:
    """No outcome is without an engine made for it."""
    assert {*EDITS, "differing convention"} == {*Verdict}


def test_conventions(shell: Shell) -> None:
    """Another slope at a kink is listed, and fails with --strict only."""
    shell.write("kink.json", of_one_op("relu", 0.0, 0.0, 0.0))
    engine = edited(shell, ("(self.data > 0) * out.grad", "(self.data >= 0) * out.grad"))
    said = shell("grade", engine, "kink.json", "--json")
    (case,) = said.json["cases"]
    assert (said.status, case["outcome"]) == (0, "differing convention")
    assert case["note"] == "local derivative at the kink: relu has 1 at 0"
    assert shell("grade", engine, "kink.json", "--strict").status == 1
    assert shell("grade", "engine.py:Value", "kink.json", "--strict").status == 0


def test_what_is_lacking(shell: Shell) -> None:
    """An op that isn't there is named as one writes it: by its name, or by its operands."""
    shell.write("relu.json", RELU)
    nodes = [{"id": "x", "op": "param", "data": 3.0}, {"id": "n", "op": "const", "data": 2.0}]
    power = [*nodes, {"id": "y", "op": "pow", "args": ["n", "x"]}]
    shell.write("power.json", graph(power, {"data": {"y": 8.0}, "grad": {"x": 5.545177444479562}}))
    taken = "other = other if isinstance(other, Value) else Value(other)\n        "
    power_ = taken + "out = Value(self.data**other.data"
    refusing = power_.replace(taken, "assert not isinstance(other, Value)\n        " + taken)
    engine = edited(
        shell, ("def relu", "def nolu"), ("def __rpow__", "def rpow_"), (power_, refusing)
    )
    said = shell("grade", engine, "relu.json", "power.json")
    assert "missing, and not graded: relu, 2 ** x" in said.out
    assert said.out.splitlines()[-1] == "2 cases: 0 ok, 2 unsupported"


def test_ops_that_refuse_values(shell: Shell) -> None:
    """An op that is there isn't called missing; the line with the assertion is named."""
    method = "def __mul__(self, other):\n"
    engine = edited(shell, (method, f"{method}        assert other.data is self\n"))
    nodes = [{"id": "x", "op": "param", "data": 3.0}, {"id": "n", "op": "const", "data": 2.0}]
    twice = [*nodes, {"id": "y", "op": "mul", "args": ["x", "n"]}]
    shell.write("twice.json", graph(twice, {"data": {"y": 6.0}, "grad": {"x": 2.0}}))
    said = shell("grade", engine, "product.json", "twice.json")
    line = 1 + shell.path("edited.py").read_text(encoding="utf-8").splitlines().index(
        "        assert other.data is self"
    )
    refused = f"refused, and not graded: mul: AssertionError (edited.py, line {line})"
    assert refused in " ".join(said.out.split())
    assert "missing" not in said.out
    engine = edited(shell, (method, f"{method}        raise NotImplementedError\n"))
    said = shell("grade", engine, "product.json", "twice.json")
    assert "missing, and not graded: mul" in said.out


# --- options -----------------------------------------------------------------------------------


def test_tolerances(shell: Shell) -> None:
    """--rel and --abs stand in for each run's own."""
    shell.write("near.json", of_one_op("relu", 2.0, 2.0, 1.0 + 1e-7))
    engine = "engine.py:Value"
    assert outcomes(shell, engine, "near.json") == ["wrong gradient"]
    assert outcomes(shell, engine, "near.json", "--rel", "1e-6") == ["ok"]
    assert outcomes(shell, engine, "near.json", "--abs", "1e-6") == ["ok"]
    assert outcomes(shell, engine, "near.json", "--rel", "1e-8", "--abs", "0") == ["wrong gradient"]


def test_skipping_cases(shell: Shell) -> None:
    """A skipped case isn't run; any of its names will do."""
    engine = edited(shell, *EDITS["wrong value"])
    shell.write("relu.json", RELU)
    for name in ("product", "product.json"):
        assert outcomes(shell, engine, "product.json", "relu.json", "--skip", name) == ["ok"]
    golden = [*cases_of([str(golden_set())])]
    assert len(without(golden, ["chain-2000", "chain-1000.json"])) == len(golden) - 2
    said = shell("grade", engine, "product.json", "relu.json", "--skip", "prodcut")
    assert is_usage_error(said, "--skip prodcut: there is no such case", 'did you mean "product"?')
    said = shell("grade", engine, "product.json", "relu.json", "--skip", "zzz")
    assert is_usage_error(said, "no such case; a case is called as its file is, for example relu")
    said = shell("grade", engine, "product.json", "--skip", "product")
    assert is_usage_error(said, "--skip leaves out all cases")


SECRETS: Final = ("7.3125", "29.25", "0.0625", "SECRET")


HIDDEN: Final = ("wrong value", "wrong gradient", "crashed", "not reproducible")


@pytest.mark.parametrize("wrong", thinned(HIDDEN, 4))
def test_hidden_numbers(wrong: str, shell: Shell) -> None:
    """With --hide nothing that is printed tells the expected number, or how far off it is."""
    nodes = [
        {"id": "a", "op": "param", "data": 29.25},
        {"id": "b", "op": "param", "data": 0.25},
        {"id": "y", "op": "mul", "args": ["a", "b"]},
    ]
    run = {"data": {"y": 7.3125}, "grad": {"a": 0.25, "b": 29.25}}
    shell.write("homework.json", graph(nodes, run, doc="The SECRET is 7.3125."))
    engine = edited(shell, *EDITS[wrong])
    args = ("grade", engine, "homework.json", "--junit", "junit.xml")
    shown = shell(*args).raw + shell(*args, "--json").raw + shell.path("junit.xml").read_bytes()
    assert wrong not in ("wrong value", "wrong gradient") or any(
        each in shown.decode() for each in SECRETS
    )
    for said in (shell(*args, "--hide"), shell(*args, "--hide", "--json")):
        assert said.status == 1
        told = said.out + shell.path("junit.xml").read_text(encoding="utf-8")
        assert [each for each in SECRETS if each in told] == []
        assert "ulp," not in told
        assert "relative error" not in told


def test_json(shell: Shell) -> None:
    """The fields are those that docs/grade.md names."""
    said = shell("grade", edited(shell, *EDITS["wrong value"]), "product.json", "--json").json
    assert [*said] == [
        "engine",
        "cases",
        "causes",
        "summary",
        "problem",
        "complete",
        "further",
        "varying",
    ]
    assert said["engine"]["name"] == "edited.py:Value"
    assert said["engine"]["python"] == sys.version.split()[0]
    assert said["cases"] == [
        {
            "file": "product.json", "run": 0, "outcome": "wrong value", "node": "y", "op": "mul",
            "field": "data", "got": 1.0, "expected": -6.0, "ulps": said["cases"][0]["ulps"],
            "cause": "value", "note": None,
        }
    ]  # fmt: skip
    assert said["causes"] == [
        {
            "cause": "value", "op": "mul", "says": "mul computes add", "cases": 1,
            "lesson": "product.json",
        }
    ]  # fmt: skip
    counts = dict.fromkeys(Verdict, 0) | {"wrong value": 1}
    assert said["summary"] == {"cases": 1, **counts, "failed": True}
    text = (HERE.parent / "docs" / "grade.md").read_text(encoding="utf-8")
    for key in (*said, *said["cases"][0], *said["causes"][0]):
        assert f'"{key}"' in text


def test_junit(shell: Shell) -> None:
    """A test case a run; failures, and what is unsupported as skipped; `-` is standard output."""
    shell.write("relu.json", RELU)
    shell.write("twice.json", PRODUCT | {"runs": PRODUCT["runs"] * 2})
    engine = edited(shell, *EDITS["wrong gradient"], ("def relu", "def nolu"))
    said = shell("grade", engine, "relu.json", "twice.json", "--junit", "-")
    suite = ET.fromstring(said.raw)  # noqa: S314 - ours
    assert dict(suite.attrib) == {
        "name": "mgraph grade", "tests": "3", "failures": "2", "errors": "0", "skipped": "1",
    }  # fmt: skip
    assert [(each.get("classname"), each.get("name")) for each in suite] == [
        ("relu.json", "run 0"), ("twice.json", "run 0"), ("twice.json", "run 1"),
    ]  # fmt: skip
    assert suite[0][0].get("message", "").startswith("unsupported: ")
    assert suite[1][0].get("message", "").startswith("wrong gradient: grad of a: ")
    assert said.err.splitlines()[-1] == "3 cases: 0 ok, 2 wrong gradient, 1 unsupported"


def test_spellings(shell: Shell) -> None:
    """--op names a method, a function beside the class, or a function of another module."""
    shell.write("tanh.json", of_one_op("tanh", 0.0, 0.0, 1.0))
    method = edited(shell, ("def tanh", "def squash"))
    assert outcomes(shell, method, "tanh.json") == ["unsupported"]
    assert outcomes(shell, method, "tanh.json", "--op", "tanh=squash") == ["ok"]
    beside = "\n\ndef squash(x):\n    return x.tanh_()\n"
    shell.write("beside.py", SOURCE.replace("def tanh", "def tanh_") + beside)
    assert outcomes(shell, "beside.py:Value", "tanh.json", "--op", "tanh=squash") == ["ok"]
    shell.write("other.py", "class Of:\n    squash = staticmethod(lambda x: x.squash())\n")
    for module in ("other", "other.py", shell.path("other.py")):
        spelling = f"{module}:Of.squash"
        assert outcomes(shell, method, "tanh.json", "--op", f"tanh={spelling}") == ["ok"]


def test_spellings_of_numbers_and_backward(shell: Shell) -> None:
    """--op also tells where data and gradient are, and what runs the backward pass."""
    engine = edited(
        shell, ("def backward", "def go_back"), (".data", ".number"), (".grad", ".slope_"),
    )  # fmt: skip
    said = shell("grade", engine, "product.json")
    assert (
        "has its number in number, which is not a usual name for it: --op data=number" in said.err
    )
    more = ("--op", "data=number", "--op", "grad=slope_")
    said = shell("grade", engine, "product.json", *more)
    assert said.status == 1
    assert "add --op backward=go_back" in " ".join(said.out.split())
    assert outcomes(shell, engine, "product.json", *more, "--op", "backward=go_back") == ["ok"]
    shell.write("run.py", "def run(x):\n    x.go_back()\n")
    assert outcomes(shell, engine, "product.json", *more, "--op", "backward=run:run") == ["ok"]


def test_spellings_that_no_value_has(shell: Shell) -> None:
    """Beside a usual name that would have done, it is a mistake, and no case is run."""
    engine = edited(shell)
    for option, words in (
        ("data=number", "a Value has no number; it has data"),
        ("grad=slope", "a Value has no slope; it has grad"),
    ):
        said = shell("grade", engine, "product.json", "--op", option)
        assert f"can't be graded: --op {option}: {words}" in " ".join(said.err.split()), option


def test_a_gradient_that_comes_with_backward(shell: Shell) -> None:
    """A usual name that holds no number, here None, doesn't speak against the given one."""
    engine = edited(
        shell, (".grad", ".slope"), ("self.slope = 0.0", "self.grad = None"),
        ("if node._prev:\n                node.slope = 0.0", "node.slope = 0.0"),
    )  # fmt: skip
    assert outcomes(shell, engine, "product.json", "--op", "grad=slope") == ["ok"]


@pytest.mark.thorough
def test_memory(shell: Shell) -> None:
    """--memory is what an engine may take; 0 is any amount."""
    engine = edited(shell, (TIMES, "more = bytearray(2**28)\n        " + TIMES))
    assert outcomes(shell, engine, "product.json", "--memory", "128") == ["crashed"]
    assert outcomes(shell, engine, "product.json", "--memory", "0") == ["ok"]
    assert outcomes(shell, engine, "product.json") == ["ok"]


OLD: Final = Path.home() / ".pyenv" / "versions" / "3.8.18" / "bin" / "python"


def test_another_interpreter(shell: Shell) -> None:
    """--python is any Python from 3.8, which needs nothing of mgraph."""
    python = str(OLD if OLD.exists() else Path(sys.executable).resolve())
    said = shell("grade", "engine.py:Value", "--python", python, "--json")
    assert said.status == 0
    version = subprocess.run(
        [python, "-c", "import platform; print(platform.python_version())"],
        capture_output=True, check=True, text=True,
    ).stdout.strip()  # fmt: skip
    assert said.json["engine"]["python"] == version
    assert said.json["summary"]["cases"] == len([*cases_of([str(golden_set())])])


def test_the_driver_stands_alone(shell: Shell) -> None:
    """The driver is of Python 3.8, and runs without site-packages and environment."""
    for file in processes.DRIVER.parent.glob("driver*.py"):
        ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 8))
    lines = [
        {"target": "engine.py:Value"},
        {"steps": [["leaf", 3.0], ["number", 2], ["mul", 0, 1]], "root": 2, "backward": 1},
    ]
    python = str(OLD if OLD.exists() else sys.executable)
    done = subprocess.run(
        [python, "-S", "-E", str(processes.DRIVER)], input="\n".join(map(json.dumps, lines)) + "\n",
        capture_output=True, check=True, text=True, cwd=shell.folder,
    )  # fmt: skip
    hello, answer = map(json.loads, done.stdout.splitlines())
    assert [*hello] == ["engine"]
    assert (answer["data"], answer["grad"]) == ([3.0, None, 6.0], [2.0, None, 1.0])
    assert answer["compositions"] == {}
    assert done.stderr == ""


# --- what is graded ----------------------------------------------------------------------------


def test_paths(shell: Shell) -> None:
    """Files, folders and standard input are graded, in order; what is no graph file is passed."""
    shell.path("homework/more").mkdir(parents=True)
    shell.write("homework/b.json", PRODUCT)
    shell.write("homework/more/a.json", PRODUCT | {"runs": PRODUCT["runs"] * 3})
    shell.write("homework/settings.json", {"theme": "dark"})
    engine = "engine.py:Value"
    assert outcomes(shell, engine, "homework", "product.json") == ["ok"] * 5
    said = shell("grade", engine, "homework", "--json").json
    assert {each["file"] for each in said["cases"]} == {"homework/b.json", "homework/more/a.json"}
    assert [each["run"] for each in said["cases"]] in ([0, 0, 1, 2], [0, 1, 2, 0])
    said = shell("grade", engine, "-", stdin=json.dumps(PRODUCT).encode())
    assert (said.status, said.out.splitlines()[-1]) == (0, "1 case: 1 ok")
    for path, word in (("absent.json", "absent.json"), ("engine.py", "engine.py")):
        said = shell("grade", engine, path)
        assert (said.status, said.raw) == (1, b"")
        assert said.err.startswith(word)
    shell.write("bare.json", {key: x for key, x in PRODUCT.items() if key != "runs"})
    assert (
        shell("grade", engine, "bare.json").err
        == "Error: there are no runs to grade with in bare.json\n"
    )


def test_the_command_takes_paths_only(shell: Shell) -> None:
    """With --cmd, the first word is a path, too."""
    command = f"{sys.executable} {EXAMPLES / 'python' / 'engine.py'}"
    assert outcomes(shell, "--cmd", command, "product.json", "product.json") == ["ok", "ok"]


def test_quick(shell: Shell) -> None:
    """--quick takes the quick set, each run once."""
    said = shell("grade", "engine.py:Value", "--quick", "--json").json
    assert [(Path(each["file"]).name, each["run"]) for each in said["cases"]] == [*QUICK]


def test_seeds(shell: Shell) -> None:
    """Several seeded outputs are summed, each times its seed, and backward starts there."""
    nodes = [
        *PRODUCT["nodes"],
        {"id": "z", "op": "add", "args": ["a", "b"]},
    ]
    run = {
        "origin": "by hand", "seed": {"y": 2.0, "z": -0.5},
        "data": {"y": -6.0, "z": 1.0}, "grad": {"a": -4.5, "b": 5.5, "y": 2.0, "z": -0.5},
    }  # fmt: skip
    document = {"mgraph": "1.0", "nodes": nodes, "outputs": ["y", "z"], "runs": [run]}
    shell.write("seeds.json", document)
    assert outcomes(shell, "engine.py:Value", "seeds.json") == ["ok"]
    run["grad"] = {"a": -4.5, "b": 5.25}
    shell.write("seeds.json", document)
    assert outcomes(shell, "engine.py:Value", "seeds.json") == ["wrong gradient"]


def test_compose(shell: Shell) -> None:
    """An op that an engine lacks is composed as the file says; where it has it, its own is used."""
    lacking = edited(shell, ("def relu", "def nolu"))
    composed = RELU | {"meta": {"grade": {"compose": {"relu": "max(x, 0)"}}}}
    shell.write("relu.json", composed)
    assert outcomes(shell, lacking, "relu.json") == ["ok"]
    nonsense = RELU | {"meta": {"grade": {"compose": {"relu": "3*x"}}}}
    shell.write("nonsense.json", nonsense)
    assert outcomes(shell, lacking, "nonsense.json") == ["wrong value"]
    assert outcomes(shell, "engine.py:Value", "nonsense.json") == ["ok"]


def test_a_second_backward(shell: Shell) -> None:
    """backward: 2 wants leaves to add up; what engines do else is a convention, and told."""
    shell.write("second.json", PRODUCT | {"meta": {"grade": {"backward": 2}}})
    assert outcomes(shell, "engine.py:Value", "second.json") == ["ok"]
    zeroed = edited(shell, ("            if node._prev:\n                node", "            node"))
    said = shell("grade", zeroed, "second.json", "--json").json
    assert said["cases"][0]["note"] == "a second backward gives the same gradients again"
    once = "        assert self.grad == 0.0\n        topo = []"
    refusing = edited(shell, ("        topo = []", once))
    said = shell("grade", refusing, "second.json", "--json").json
    assert said["cases"][0]["note"] == "a second backward raises AssertionError"
    assert said["cases"][0]["outcome"] == "differing convention"


@pytest.mark.parametrize(
    "said",
    [
        3, None, [], "x", {"compose": []}, {"compose": None}, {"compose": {"relu": 3}},
        {"compose": {"relu": ""}}, {"compose": {"relu": "max(x,"}}, {"compose": {"relu": "z"}},
        {"compose": {"relu": "a + b"}}, {"compose": {"relu": "nolu(x)"}},
        {"compose": {"relu": "u = x*2; v = x*3"}}, {"compose": {"relu": "__import__('os')"}},
        {"backward": 0}, {"backward": 3}, {"backward": "2"}, {"backward": []}, {"backward": None},
        {"graphs": 3}, {"graphs": None}, {"integers": 1}, {"integers": "7"}, {"first": 0},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_a_bad_meta(said: object, shell: Shell) -> None:
    """What isn't as the reference says is refused with a diagnostic, whatever the engine."""
    shell.write("bad.json", RELU | {"meta": {"grade": said}})
    told = shell("grade", "engine.py:Value", "bad.json")
    assert (told.status, told.raw) == (1, b"")
    assert told.err.startswith("bad.json: error[type]: meta.grade")


@pytest.mark.parametrize("meta", [None, [], "grade", 3, {}, {"grade": {}}, {"grade": {"by": "me"}}])
def test_another_meta(meta: object, shell: Shell) -> None:
    """What says nothing of grading is nobody's business."""
    shell.write("other.json", RELU | {"meta": meta})
    assert outcomes(shell, "engine.py:Value", "other.json") == ["ok"]


# --- engines -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", thinned(CORRECT, 3))
def test_correct_engines(name: str, mgraph: Shell) -> None:
    """Engines with other habits and no mistake: nothing is wrong, and no cause is named."""
    engine = f"{HERE / 'engines' / 'correct' / name}.py:{CORRECT[name]}"
    said = mgraph("grade", engine, "--json")
    assert said.status == 0
    assert said.json["causes"] == []
    assert {each["outcome"] for each in said.json["cases"]} <= {
        "ok", "unsupported", "differing convention",
    }  # fmt: skip
    assert said.json["summary"]["ok"] > 200


def test_every_correct_engine_is_graded() -> None:
    """The folder holds no engine that these tests pass over."""
    files = (HERE / "engines" / "correct").glob("[!_]*.py")
    assert sorted(path.stem for path in files) == sorted(CORRECT)


MISTAKES: Final = {
    "overwritten": "mul-left-set",
    "repeated": "mul-slopes-by-operand",
    "order": "order-depth-first",
    "twice": "twice-from-the-output",
    "seed": "seed-is-output",
    "stale": "exp-remembered",
    "upstream": "mul-left-upstream-missing",
    "inner": "cos-slope-missing",
    "place": "sin-slope-of-output",
    "swapped": "div-slopes-exchanged",
    "sign": "tanh-turned",
    "exponent": "pow-exponent-not-lowered",
    "factor": "exp-times-2",
    "no-gradient": "add-left-nothing",
    "slope": "tanh-square-missing",
    "value": "div-multiplies",
    "precision": "single-precision-gradients",
    "clipped": "gradients-up-to-1",
    "depth": "recursive-levels",
    "reflected": "rsub-turned",
    "conversion": "mul-number-not-taken",
    "mutated": "add-in-place",
}
"""Causes, and mutants of the part that the diagnosis was built on."""

FAULTY: Final = Path(__file__).parents[1] / "engines" / "faulty"
ELSEWHERE: Final = {"aliased": "alias.py", "overflow": "nanclip.py", "error": "nomath.py"}
"""Causes that other engines show, which have a recursion limit, too."""


@pytest.mark.parametrize("cause", thinned(CAUSES, 24))
def test_every_cause_is_named(cause: str, shell: Shell) -> None:
    """One mistake, its cause: told by the command, with the smallest lesson and how to see it."""
    mutants = {each.name: each for each in MUTANTS if not is_held_out(each.name)}
    if cause == "int-division":
        engine = edited(shell, ("self.data / other.data, (", "self.data // other.data, ("))
    elif cause in ELSEWHERE:
        engine = f"{FAULTY / ELSEWHERE[cause]}:Value"
    else:
        mutant = mutants[MISTAKES[cause]]
        assert mutant.causes == (cause,)
        shell.write("mutant.py", mutated(mutant))
        engine = "mutant.py:Value"
    said = shell("grade", engine, "--json")
    assert said.status == 1
    named = [each["cause"] for each in said.json["causes"]]
    assert [each for each in named if cause not in ELSEWHERE or each != "depth"] == [cause]
    assert all(each["says"].isprintable() for each in said.json["causes"])


def test_a_cause_in_words(shell: Shell) -> None:
    """Under the table stand the cause, its sentence, what the lesson says, and how to see it."""
    shell.write("lesson.json", PRODUCT | {"doc": "A product passes on the other factor."})
    said = shell("grade", edited(shell, *EDITS["wrong gradient"]), "lesson.json")
    assert said.out.split("\n\n")[2].splitlines() == [
        "inner in mul, 1 case",
        "  mul passes the upstream gradient on without its local derivative, b.",
        "  A product passes on the other factor.",
        "  mgraph view lesson.json",
    ]


def test_the_example_in_python(mgraph: Shell) -> None:
    """The plain example has few ops: the others are unsupported, and nothing is wrong."""
    command = f"{sys.executable} {EXAMPLES / 'python' / 'engine.py'}"
    names = ("op-abs", "op-log", "diamond", "net-tanh-squared-error", "convention-relu-at-zero")
    files = [str(golden_set() / f"{name}.json") for name in names]
    said = mgraph("grade", "--cmd", command, "--json", *files)
    assert said.status == 0
    assert {each["outcome"] for each in said.json["cases"]} == {"ok", "unsupported"}
