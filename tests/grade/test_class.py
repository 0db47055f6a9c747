"""`mgraph grade --engines`: a class is graded, and no engine harms or delays another."""

from __future__ import annotations

import csv
import io
import os
import shutil
import signal
import subprocess
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

import pytest

from mgraph.grade import classroom
from mgraph.grade.cases import cases_of, golden_set, without
from mgraph.grade.diagnosis import Cause
from mgraph.grade.hand_ins import hand_ins
from mgraph.grade.outcomes import Answer, Outcome, Verdict
from mgraph.grade.points import standing_of_ops
from mgraph.grade.processes import ResourceLimits
from mgraph.grade.runner import Report
from tests.command_line import SCRIPT, codes, environment, is_usage_error
from tests.engines.mutants import SOURCE
from tests.grade.test_grade import graph, of_one_op
from tests.grade.test_hostile import LINUX
from tests.grade.test_left_behind import HIDDEN, hidden, is_running, within

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.command_line import Shell

posix: Final = pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX's file names and links")
linux: Final = pytest.mark.skipif(not LINUX, reason="needs /proc")

PLUS: Final = "out = Value(self.data + other.data, (self, other), "
TIMES: Final = "out = Value(self.data * other.data, "
ADDS: Final = SOURCE.replace(TIMES, TIMES.replace("*", "+"))
PLUS_BY_HAND: Final = graph(
    [
        {"id": "a", "op": "param", "data": 3.0},
        {"id": "b", "op": "param", "data": -2.0},
        {"id": "y", "op": "add", "args": ["a", "b"]},
    ],
    {"data": {"a": 3.0, "b": -2.0, "y": 1.0}, "grad": {"a": 1.0, "b": 1.0, "y": 1.0}},
)
NEEDY: Final = SOURCE.replace("def __init__(self, data,", "def __init__(self, data, needed,")
SEED: Final = SOURCE.replace("self.grad = 1.0", "self.grad = 2.0")


def doing(code: str) -> str:
    """Return the engine, with something more that it does in every addition."""
    assert PLUS in SOURCE
    return SOURCE.replace(PLUS, f"{code}\n        {PLUS}")


def hand_in(shell: Shell, files: Mapping[str, str], folder: str = "class") -> str:
    """Write what a class has handed in; return the folder."""
    for name, content in files.items():
        path = shell.path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder


def graded(shell: Shell, *args: str, sandbox: str = "off") -> dict[str, Any]:
    """Grade a class with `--json`, and return the reports by name."""
    paths = [] if any(arg.endswith(".json") for arg in args) else ["once.json"]
    said = shell("grade", "--engines", "class", "--sandbox", sandbox, *args, *paths, "--json")
    assert said.err == ""
    assert said.status == (1 if any(each["summary"]["failed"] for each in said.json) else 0)
    return {each["name"]: each for each in said.json}


def outcomes(reports: Mapping[str, Any]) -> dict[str, str]:
    """Return the outcome of the only case by name, or the problem."""
    return {name: each["problem"] or each["cases"][0]["outcome"] for name, each in reports.items()}


def pack(*names: str) -> list[str]:
    """Return files of the golden set."""
    return [str(golden_set() / f"{name}.json") for name in names]


# --- what is handed in ----------------------------------------------------------------------------


def test_a_class(shell: Shell) -> None:
    """Each engine has a line, whether it is right, wrong or no engine at all."""
    files = {
        "anna.py": SOURCE, "ben/engine.py": ADDS, "carl.py": "def f(:\n", "dora/notes.txt": "",
        "emil.py": "print('hello')\n", ".hidden.py": "", "__pycache__/a.py": "", "names.txt": "",
    }  # fmt: skip
    hand_in(shell, files)
    said = shell("grade", "--engines", "class", *pack("op-mul"), "--sandbox", "off")
    assert said.err == ""
    assert said.status == 1
    lines = [line.split(maxsplit=2) for line in said.out.splitlines()]
    rows = {line[0]: line[1:] for line in lines[1:6]}
    assert rows["anna"] == ["4/4"]
    assert rows["ben"] == ["0/4", "value in mul"]
    assert rows["carl"][0] == rows["dora"][0] == rows["emil"][0] == "-"
    assert rows["carl"][1] == rows["dora"][1] == rows["emil"][1] == "can't be graded"
    assert "carl can't be graded: SyntaxError: invalid syntax (carl.py, line 1)" in said.out
    assert "dora can't be graded: there is no .py file in the folder" in said.out
    assert (
        "emil can't be graded: no class in the file has a method backward; name it by --class NAME"
    ) in said.out
    assert "value  1        mul 1" in said.out
    assert "more about one: mgraph grade class/ben/engine.py:Value" in said.out
    assert "5 engines: 1 passed, 1 failed, 3 can't be graded" in said.out
    assert said.out.splitlines()[-1] == "not graded: names.txt"


def test_only_engines_that_cant_be_graded(shell: Shell) -> None:
    """All of what to do about them is printed, and which command says it again."""
    hand_in(shell, {"fred.py": NEEDY})
    said = shell("grade", "--engines", "class", *pack("op-mul"), "--sandbox", "off")
    assert "name that: MODULE:FUNCTION" in " ".join(said.out.split())
    assert "more about one: mgraph grade class/fred.py:Value" in said.out


def test_a_borrowed_class_is_told(shell: Shell) -> None:
    """An engine that is mgraph's own, or inherits its backward, isn't the learner's."""
    inherits = "import mgraph\nclass Value(mgraph.Value):\n    pass\n"
    files = {
        "anna.py": SOURCE, "ben.py": "from mgraph import Value\n", "carl.py": inherits,
        "dora/engine.py": "from base import Value\n", "dora/base.py": SOURCE,
    }  # fmt: skip
    hand_in(shell, files)
    remark = "the class comes from mgraph, not from the file"
    line = ("grade", "--engines", "class", *pack("op-mul"), "--sandbox", "off", "--class", "Value")
    said = shell(*line)
    rows = {row.split()[0]: row.split(maxsplit=2)[1:] for row in said.out.splitlines()[1:5]}
    assert rows == {"anna": ["4/4"], "ben": ["4/4", remark], "carl": ["4/4", remark],
                    "dora": ["4/4"]}  # fmt: skip
    found = {x["name"]: x["engine"]["borrowed"] for x in shell(*line, "--json").json}
    assert found == {"anna": None, "ben": "mgraph", "carl": "mgraph", "dora": None}
    said = shell("grade", "class/carl.py:Value", *pack("op-mul"))
    assert (said.status, f"note: {remark}\n" in said.out) == (0, True)


def test_files_that_cant_be_written_are_refused_first(shell: Shell) -> None:
    """Before anything is graded, which may take minutes."""
    hand_in(shell, {"anna.py": "open('ran', 'w').close()\n" + SOURCE})
    shell.path("folder").mkdir()
    for option, file in (("--csv", "no/x.csv"), ("--junit", "folder"), ("--csv", "folder")):
        said = shell("grade", "--engines", "class", *pack("op-mul"), option, file)
        assert (said.status, said.raw, codes(said)) == (1, b"", ["io"]), (option, file)
    said = shell("grade", "class/anna.py:Value", *pack("op-mul"), "--junit", "no/x.xml")
    assert (said.status, said.raw, codes(said)) == (1, b"", ["io"])
    assert not shell.path("ran").exists()


def test_all_are_right(shell: Shell) -> None:
    """The exit status is 0 if every engine passes; the report is that of one engine, and more."""
    hand_in(shell, {"anna.py": SOURCE, "ben/value.py": SOURCE})
    reports = graded(shell)
    assert outcomes(reports) == {"anna": "ok", "ben": "ok"}
    said = shell("grade", "class/anna.py:Value", "once.json", "--json").json
    more = {"name": "anna", "points": 1.0, "points_of": 1.0, "problem": None}
    assert reports["anna"] == {**more, **said}
    plain = shell("grade", "--engines", "class", "once.json", "--sandbox", "off")
    assert plain.out.splitlines()[-1] == "2 engines: 2 passed"


ODD: Final = ("an na", "a'b", 'a"b', "a$(b)", "a;b", "a\nb", "a\x1b[31mb", "ä\u202e", "-a", "json")


@pytest.mark.thorough
@posix
def test_odd_names(shell: Shell) -> None:
    """Any name of a file is right: in JSON as it is, for people without control characters."""
    hand_in(
        shell, {f"{name}.py": SOURCE for name in ODD} | {f"{x}/engine.py": SOURCE for x in "pq"}
    )
    os.symlink("p", shell.path("class/linked"))
    os.symlink("p/engine.py", shell.path("class/link.py"))
    os.symlink("nowhere", shell.path("class/dangling.py"))
    os.mkfifo(shell.path("class/pipe.py"))
    reports = graded(shell, "--csv", "out.csv", "--junit", "junit.xml")
    found = outcomes(reports)
    assert "No such file" in found.pop("dangling")
    assert "is a named pipe" in found.pop("pipe")
    assert found == dict.fromkeys((*ODD, "p", "q", "linked", "link"), "ok")
    names = [row["name"] for row in rows_of(shell.path("out.csv").read_bytes())]
    assert {"a\\u{a}b", "a\\u{1b}[31mb", "'-a", "an na"} <= {*names}
    assert len(ET.fromstring(shell.path("junit.xml").read_bytes())) == len(reports)  # noqa: S314
    hand_in(shell, {"a\nb.py": ADDS, "a\x1b[31mb/x\ny.py": ""}, "odd")
    said = shell("grade", "--engines", "odd", *pack("op-mul"), "--sandbox", "off")
    assert all(line.isprintable() for line in said.out.splitlines())
    assert "\na\\u{a}b       0/4     value in mul\n" in said.out


def test_order_and_vanished_files(shell: Shell) -> None:
    """Numbers in names are sorted as numbers; a file that vanishes spoils nothing but its own."""
    names = ["a1", "A2", "a10", "a10b", "b", "\u0664"]
    hand_in(shell, {f"{name}/engine.py": SOURCE for name in reversed(names)})
    handed_in = hand_ins(shell.path("class"))
    assert [each.name for each in handed_in] == names
    shutil.rmtree(shell.path("class/A2"))
    conditions = classroom.Conditions({}, ResourceLimits())
    graded = dict(classroom.grade_class(handed_in[:2], [*cases_of(["once.json"])], conditions, 1))
    assert [graded[0].failed, graded[1].problem] == [
        False, "can't be started: No such file or directory",
    ]  # fmt: skip


def test_the_same_name_twice(shell: Shell) -> None:
    """A file and a folder of one name are told apart."""
    hand_in(shell, {"anna.py": SOURCE, "anna/engine.py": SOURCE})
    assert outcomes(graded(shell)) == {"anna": "ok", "anna.py": "ok"}


def test_not_a_folder_of_engines(shell: Shell) -> None:
    """What is no folder, or an empty one, is named."""
    shell.path("empty").mkdir()
    shell.write("anna.py", SOURCE)
    words = {
        "empty": "there is nothing to grade in empty",
        "anna.py": "not a folder", "none": "No such file", "a\0b": "null",
    }  # fmt: skip
    for folder, word in words.items():
        said = shell("grade", "--engines", folder, "once.json")
        assert (said.status, said.out) == (1, ""), folder
        assert word in said.err
        assert len(said.err.splitlines()) == 1
        assert word != "not a folder" or "mgraph grade anna.py:Value" in said.err
    assert is_usage_error(shell("grade", "--engines", ""), "the name of a folder")


def classes(*names: str) -> str:
    """Return a module with some classes that have a backward."""
    return "".join(f"class {name}:\n    def backward(self): pass\n" for name in names)


ELSE: Final = (
    "try:\n    import x\nexcept ImportError:\n    raise\nelse:\n    class N:\n        back_prop = 1"
)

CLASSES: Final[dict[str, tuple[dict[str, str], str]]] = {
    "only-one": ({"a.py": classes("Thing") + "class Value:\n    pass\n"}, "Thing"),
    "usual": ({"a.py": classes("Add", "Tensor")}, "Tensor"),
    "most-usual": ({"a.py": classes("Node", "Value")}, "Value"),
    "any-case": ({"a.py": classes("B", "value")}, "value"),
    "two": ({"a.py": classes("A", "B")}, "? several classes have a backward: A, B"),
    "inherited": ({"a.py": classes("_C") + "class Value(_C):\n    pass\n"}, "Value"),
    "inherits-itself": ({"a.py": "class A(B):\n    x = 1\nclass B(A):\n    x = 1\n"}, "? no class"),
    "assigned": ({"a.py": "class N:\n    pass\nN.backward = print\n"}, "N"),
    "in-the-body": ({"a.py": "class N:\n    backward = print\n"}, "N"),
    "conditional": ({"a.py": ELSE}, "N"),
    "a-function": ({"a.py": "class Scalar:\n    pass\ndef backward(x): pass\n"}, "Scalar"),
    "imported": ({"a.py": "from micrograd.engine import Value\n"}, "Value"),
    "renamed": ({"a.py": "from somewhere import Thing as Var\n"}, "Var"),
    "starred": ({"a.py": "from somewhere import *\n"}, "Value"),
    "unparsable": ({"a.py": "def f(:\n"}, "Value"),
    "nul": ({"a.py": "x = '\0'\n"}, "Value"),
    "deep": ({"a.py": "x = " + "(" * 9999}, "Value"),
    "long-sum": ({"a.py": classes("Value") + "x = " + "1+" * 99_999 + "1"}, "Value"),
    "long": ({"a.py": classes("N") + "#" * 2**18}, "Value"),
    "bad-escape": ({"a.py": "x = '\\d'\n" + classes("N")}, "N"),
    "empty": ({"a.py": ""}, "? no class in the file"),
    "engine": ({"engine.py": classes("A"), "zoo.py": classes("B")}, "A"),
    "value": ({"value.py": classes("A"), "a.py": classes("B")}, "A"),
    "engine-imports": ({"engine.py": "from value import Value\n", "value.py": classes("V")}, "V"),
    "only-file": ({"any.py": classes("A"), "test_it.py": "import any\n"}, "A"),
    "files": ({"a.py": classes("V"), "b.py": classes("V")}, "? several files have such a class: a"),
    "nested": ({"in/side/a.py": classes("A"), ".git/b.py": ""}, "A"),
    "two-folders": ({"in/a.py": "", "side/a.py": ""}, "? there is no .py file"),
}
"""Files of a hand-in, and the class in it, or what is said after a question mark."""


@pytest.mark.parametrize("what", CLASSES)
def test_the_class_is_found(what: str, tmp_path: Path) -> None:
    """The class is the only one with a backward, or has a usual name; nothing is run to find it."""
    files, expected = CLASSES[what]
    for name, content in files.items():
        path = tmp_path / "anna" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    (found,) = hand_ins(tmp_path)
    assert found.name == "anna"
    if expected.startswith("? "):
        assert expected[2:] in found.problem
    else:
        assert (found.class_name, found.problem) == (expected, "")


def test_the_class_is_named(shell: Shell) -> None:
    """--class chooses the class, and says which one may have been meant."""
    both = SOURCE.replace("Value", "Other") + "\n\n" + ADDS
    hand_in(shell, {"anna.py": both, "ben.py": SOURCE})
    found = outcomes(graded(shell, "--class", "Other"))
    assert found == {"anna": "ok", "ben": "there is no class Other"}
    assert "did you mean" in outcomes(graded(shell, "--class", "Valu"))["ben"]


# --- points, and what is left out -----------------------------------------------------------------


def test_points(shell: Shell) -> None:
    """One mistake in backward costs its own points; one in an op those of the op."""
    hand_in(shell, {"right.py": SOURCE, "adds.py": ADDS, "seed.py": SEED, "none.py": ""})
    worth = {"mul": 4, "add": 2, "seed": 1, "op-mul": 0.5, "plus": 0.25}
    shell.write("points.json", worth)
    shell.write("plus.json", PLUS_BY_HAND)
    paths = ("plus.json", *pack("op-mul"))
    reports = graded(shell, "--points", "points.json", *paths)
    points = {name: (each["points"], each["points_of"]) for name, each in reports.items()}
    assert points == {
        "right": (7.75, 7.75),
        "adds": (3.25, 7.75),  # without mul and its file
        "seed": (6.0, 7.75),  # without seed, and the files
        "none": (0.0, 7.75),
    }
    hand_in(shell, {"adds.py": ADDS}, "one")
    args = ("grade", "--engines", "one", *paths, "--sandbox", "off")
    said = shell(*args, "--points", "points.json")
    assert "adds  3.25/7.75  1/5     value in mul" in said.out


@pytest.mark.parametrize("end", ["raise KeyError('x')", "import os; os.abort()"])
def test_points_of_a_backward_that_never_works(shell: Shell, end: str) -> None:
    """What always crashes shows neither that ops are right nor that a mistake wasn't made."""
    assert "self.grad = 1.0" in SOURCE
    hand_in(shell, {"dies.py": SOURCE.replace("self.grad = 1.0", end)})
    shell.write("points.json", {"mul": 4, "add": 2, "overwritten": 1, "seed": 1, "op-mul": 1})
    report = graded(shell, "--points", "points.json", *pack("op-mul", "op-add"))["dies"]
    assert (report["points"], report["points_of"]) == (0.0, 9.0)
    assert {each["cause"] for each in report["causes"]} == {"error"}, "the reason is known"


def test_what_an_op_is_blamed_for() -> None:
    """An op is wrong if a cause names it, or if it fails alone without a cause."""
    cases = [*cases_of(pack("op-mul", "x-times-x"))]
    verdicts = {"op-mul": Verdict.OK, "x-times-x": Verdict.WRONG_GRADIENT}
    outcomes = [Outcome(case, Answer(case.program), verdicts[case.title]) for case in cases]
    failed = [outcome for outcome in outcomes if outcome.failed]
    blamed = {
        "wrong": [Cause("overwritten", "mul", "", failed)],
        "ok": [Cause("order", "", "", failed)],
    }
    for expected, causes in blamed.items():
        assert standing_of_ops(Report({}, outcomes, causes)) == {"mul": expected}
    assert standing_of_ops(Report({}, outcomes)) == {"mul": "wrong"}


def test_points_of_what_is_missing(shell: Shell) -> None:
    """An op that an engine lacks gives no points, though its cases may be composed of others."""
    hand_in(shell, {"anna.py": SOURCE.replace("def tanh", "def tahn")})
    shell.write("points.json", {"tanh": 1, "exp": 2})
    report = graded(shell, "--points", "points.json", *pack("op-tanh", "tanh-by-exp", "op-exp"))
    assert report["anna"]["points"] == 2.0
    assert report["anna"]["summary"]["failed"] is False


FAULTS: Final = {
    "[1]": ["type"], "3": ["type"], "{": ["syntax"], '{"add": 1, "add": 2}': ["duplicate-key"],
    '{"add": -1}': ["number"], '{"add": "two"}': ["number"], '{"add": true}': ["number"],
    '{"add": 1e999}': ["number"], '{"add": null}': ["number"], '{"ad": 1}': ["unknown-field"],
    '{"\\u001b[31m": 1}': ["unknown-field"], '{"tan": 1}': ["unknown-field"],
    '{"ad": [], "mul": -1}': ["unknown-field", "number", "number"],
}  # fmt: skip


def test_faults_in_points(shell: Shell) -> None:
    """Every fault in a file of points is reported, with its place; nothing is graded."""
    hand_in(shell, {"anna.py": SOURCE})
    for text, expected in FAULTS.items():
        shell.write("points.json", text)
        said = shell("grade", "--engines", "class", "once.json", "--points", "points.json")
        assert (said.status, said.out) == (1, ""), text
        assert codes(said) == expected, text
        assert said.err.startswith("points.json"), text
        assert all(line.isprintable() for line in said.err.splitlines())
    shell.write("points.json", {"ad": 1})
    said = shell("grade", "--engines", "class", "once.json", "--points", "points.json")
    assert 'did you mean "add"?' in said.err
    said = shell("grade", "--engines", "class", "once.json", "--points", "nothing.json")
    assert (said.status, codes(said)) == (1, ["io"])


def test_skipping_cases(shell: Shell) -> None:
    """A skipped case isn't run, for a class and for one engine; any of its names will do."""
    hand_in(shell, {"anna.py": ADDS})
    both = pack("op-mul", "op-add")
    for name in ("op-mul", "op-mul.json", both[0]):
        assert {case.title for case in without([*cases_of(both)], [name])} == {"op-add"}
    shell.write("plus.json", PLUS_BY_HAND)
    shell.write("points.json", {"op-mul": 5, "plus": 1})
    args = ("plus.json", both[0], "--skip", "op-mul")
    report = graded(shell, *args, "--points", "points.json")["anna"]
    assert (report["points"], report["points_of"], report["summary"]["cases"]) == (1.0, 1.0, 1)
    assert shell("grade", "class/anna.py:Value", *args).out.endswith("1 case: 1 ok\n")
    said = shell("grade", "class/anna.py:Value", *both, "--skip", "op-mull")
    assert is_usage_error(said, "--skip op-mull", 'did you mean "op-mul"?')
    every = ("--skip", "op-mul", "--skip", "op-add")
    assert is_usage_error(shell("grade", "--engines", "class", *both, *every), "all cases")


# --- other programs -------------------------------------------------------------------------------


def rows_of(data: bytes) -> list[dict[str, str]]:
    """Read a table as a spreadsheet does."""
    return [*csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))]


def test_csv(shell: Shell) -> None:
    """A line for each engine, a column for each op and each file; nothing becomes a formula."""
    shell.write("plus.json", PLUS_BY_HAND)
    shell.write("exp.json", of_one_op("exp", 0.0, 1.0, 1.0))
    lacks = SOURCE.replace("def exp", "def expo")
    hand_in(shell, {"=1+1.py": SOURCE, "ben.py": ADDS, "carl.py": "", "dora.py": lacks})
    graded(shell, "--csv", "out.csv", "plus.json", "exp.json", *pack("op-mul"))
    data = shell.path("out.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbfname,")
    rows = {row.pop("name"): row for row in rows_of(data)}
    columns = ("op add", "op exp", "op mul", "case plus.json", "case exp.json", "case op-mul")
    assert {name: [row[x] for x in columns] for name, row in rows.items()} == {
        "'=1+1": ["ok", "ok", "ok", "ok", "ok", "ok"],
        "ben": ["ok", "ok", "wrong", "ok", "ok", "wrong"],
        "carl": ["", "", "", "", "", ""],
        "dora": ["ok", "missing", "ok", "ok", "missing", "ok"],
    }
    assert rows["ben"]["causes"] == "value in mul"
    assert rows["carl"]["problem"].startswith("no class in the file")
    counts = ("points", "points of", "passed", "failed", "missing")
    assert [rows["ben"][x] for x in counts] == ["2", "6", "2", "4", "0"]
    assert [rows["dora"][x] for x in counts] == ["5", "6", "5", "0", "1"]


def test_results_are_not_lost(shell: Shell) -> None:
    """If a file can't be written, the results are printed nevertheless."""
    shell.path("out").mkdir()
    loses = f"import os\nos.rmdir({str(shell.path('out'))!r})\n"
    hand_in(shell, {"anna.py": loses + SOURCE})
    args = ("grade", "--engines", "class", "once.json", "--sandbox", "off")
    said = shell(*args, "--csv", "out/out.csv")
    assert (said.status, codes(said)) == (1, ["io"])
    assert "1 engine: 1 passed" in said.out


def test_junit(shell: Shell) -> None:
    """A case of each engine is a test; an engine that can't be graded is a failed one."""
    hand_in(shell, {"anna.py": SOURCE, "ben.py": ADDS, "carl.py": ""})
    said = shell(
        "grade", "--engines", "class", "once.json", "--sandbox", "off", "--junit", "-", "--hide"
    )
    suite = ET.fromstring(said.raw)  # noqa: S314 - our own
    tests = [(case.get("classname"), case.get("name"), len(case)) for case in suite]
    assert tests == [
        ("anna", "once.json, run 0", 0), ("ben", "once.json, run 0", 1),
        ("carl", "can't be graded", 1),
    ]  # fmt: skip
    assert suite.get("failures") == "2"
    assert "3 engines" in said.err


def test_options_that_need_a_class(shell: Shell) -> None:
    """What is about a class needs --engines, which is not for programs in other languages."""
    given = {
        "--class": "Value", "--points": "points.json", "--csv": "out.csv", "--workers": "2",
        "--sandbox": "off",
    }  # fmt: skip
    for option, text in given.items():
        said = shell("grade", "engine.py:Value", option, text)
        assert is_usage_error(said, option, "--engines DIR")
    assert is_usage_error(shell("grade", "--engines", "class", "--cmd", "true"), "--cmd")
    assert is_usage_error(shell("grade", "--engines", "class", "--workers", "0"), "--workers")


def test_completion() -> None:
    """Cases and folders are completed."""
    for words, expected in {
        "grade --skip chain-2": "plain,chain-2000",
        "grade --engines cl": "dir,cl",
    }.items():
        env = environment(
            _MGRAPH_COMPLETE="bash_complete", COMP_WORDS=f"mgraph {words}",
            COMP_CWORD=str(len(words.split())),
        )  # fmt: skip
        done = subprocess.run([SCRIPT], env=env, capture_output=True, text=True, check=False)
        assert expected in done.stdout.splitlines()


# --- none harms another ---------------------------------------------------------------------------

HARMS: Final = {
    "right": (SOURCE, "ok"),
    "hangs": (doing("import time; time.sleep(1e6)"), "timed out"),
    "hangs-at-once": ("while True: pass\n" + SOURCE, "importing it took more than 4 s"),
    "exits": (doing("import os; os._exit(3)"), "crashed"),
    "floods": (doing("while True: print('x' * 10**5)"), "timed out"),
    "eats": (doing("x = bytearray(2**40)"), "crashed"),
    "random": (SOURCE, "ok"),
    "uses-random": ("import random\nrandom.seed\n" + SOURCE, "ok"),
    "imports": ("import right\n" + SOURCE, "ModuleNotFoundError: No module named 'right'"),
    "writes": ("open('right.py', 'w').close()\n" + SOURCE, "ok"),
}  # fmt: skip


def test_none_harms_another(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever an engine does, the others are graded as if they were alone."""
    monkeypatch.setattr("mgraph.grade.processes.START_TIMEOUT", 4.0)
    folder = hand_in(shell, {f"{name}.py": source for name, (source, _) in HARMS.items()})
    reports = graded(shell, "--timeout", "1", "--memory", "256", "--workers", "3")
    assert outcomes(reports) == {name: expected for name, (_, expected) in HARMS.items()}
    assert shell.path("class/right.py").read_text(encoding="utf-8") == SOURCE
    assert {*os.listdir(folder)} == {f"{name}.py" for name in HARMS}


WAITS: Final = """
import os, time
open({own!r}, "w").close()
until = time.monotonic() + 30
while not os.path.exists({other!r}):
    assert time.monotonic() < until
    time.sleep(0.01)
"""


def test_engines_run_side_by_side(shell: Shell) -> None:
    """Two engines that wait for each other get what they wait for."""
    marks = [str(shell.path(name)) for name in ("a.mark", "b.mark")]
    a, b = (WAITS.format(own=x, other=y) for x, y in (marks, reversed(marks)))
    hand_in(shell, {"a.py": a + SOURCE, "b.py": b + SOURCE})
    assert outcomes(graded(shell, "--workers", "2")) == {"a": "ok", "b": "ok"}


def test_the_time_of_an_engine_is_limited(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that is slow without ever being too late isn't tried for hours."""
    monkeypatch.setattr(classroom, "TIMEOUTS", 0.02)  # of 10 s
    hand_in(shell, {"slow.py": doing("import time; time.sleep(0.15)")})
    cases = graded(shell, *pack("op-add"))["slow"]["cases"]
    assert [case["outcome"] for case in cases] == ["ok", "timed out", "timed out", "timed out"][
        : len(cases)
    ]
    assert cases[-1]["note"] == "not tried, because all cases so far took more than 0.2 s"


def test_stopping_early_ends_all(shell: Shell) -> None:
    """Whoever wants only the first results leaves no engine running."""
    hangs = "import time\ntime.sleep(1e6)\n" + SOURCE
    hand_in(shell, {"anna.py": SOURCE, "ben.py": hangs, "carl.py": hangs})
    handed_in = hand_ins(shell.path("class"))
    cases = [*cases_of(["once.json"])]
    conditions = classroom.Conditions({}, ResourceLimits(seconds=60.0))
    with closing(classroom.grade_class(handed_in, cases, conditions, 2)) as results:
        number, first = next(results)
        started = time.monotonic()
    assert (handed_in[number].name, first.failed) == ("anna", False)
    assert (
        time.monotonic() - started < 30
    )  # a case has 60; and the fixture sees that nothing is left


HIDES_AND_HANGS: Final = """
import time
hidden({file!r})
time.sleep(1e6)
"""


@linux
def test_an_interrupt_ends_all(shell: Shell, tmp_path: Path) -> None:
    """Ctrl-C ends every engine, and what it has started, and leaves no scratch folder."""
    (tmp_path / "scratch").mkdir()
    body = HIDDEN + HIDES_AND_HANGS.format(file=str(tmp_path / "hidden.pid"))
    hand_in(
        shell, {"anna.py": f"{body}\n{SOURCE}", "ben.py": f"{body}\n{SOURCE}", "carl.py": SOURCE}
    )
    line = ("--engines", "class", "once.json", "--sandbox", "off")
    with subprocess.Popen(
        [SCRIPT, "grade", *line], cwd=tmp_path, env=environment(TMPDIR=str(tmp_path / "scratch")),
        start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as grading:  # fmt: skip
        processes = hidden(tmp_path)
        grading.send_signal(signal.SIGINT)
        said = grading.communicate(timeout=60)  # the engines would take days
        assert (grading.returncode, *said) == (130, b"", b"")
    assert within(5, lambda: not any(map(is_running, processes)))
    assert os.listdir(tmp_path / "scratch") == []
