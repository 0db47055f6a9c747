"""The pytest plugin: graph files as tests, golden files recorded and watched.

Every session here is one of pytest in a folder of its own, as a project would have it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

from mgraph.format import models
from mgraph.format.reading import inspect
from mgraph.golden import asserting as testing
from mgraph.golden import rerun as golden
from mgraph.golden.pytest_plugin import goldens, items
from mgraph.golden.pytest_plugin import settings as plugin_settings
from tests.command_line import FIXTURES, NEURON, environment, in_shell, typed

if TYPE_CHECKING:
    from mgraph.codec import Limits
    from mgraph.format.reading import Inspection

READ = (testing, goldens, items, models)
"""What a session in this process needs: it forgets modules that it was the first to import."""

INI = "[pytest]\nmgraph_paths = graphs\ntestpaths = tests\n"
NEURON_TEXT = NEURON.read_text(encoding="utf-8")
WRONG = NEURON_TEXT.replace('"n": 0.8813735870195432', '"n": 0.88137')
TYPO = NEURON_TEXT.replace('"tanh"', '"tahn"')


def lines_of(done: pytest.RunResult) -> str:
    """Return what a session printed."""
    return f"{done.outlines and done.stdout.str()}\n{done.stderr.str()}"


def ids(done: pytest.RunResult) -> list[str]:
    """Return the tests that a session ran, as `-v` lists them."""
    words = [line.split()[0] for line in done.outlines if "::" in line and line[0] not in " >E"]
    return [word for word in words if word not in ("FAILED", "ERROR", "SKIPPED")]


def session(project: pytest.Pytester, *args: str) -> pytest.RunResult:
    """Run pytest: in this process, which is quicker, or with workers in others."""
    return project.runpytest_subprocess(*args) if "-n" in args else project.runpytest(*args)


def document(*runs: dict[str, Any]) -> str:
    """Return y = a·b with a = 3 and b = -2, and its runs."""
    nodes = [
        {"id": "a", "op": "param", "data": 3.0},
        {"id": "b", "op": "param", "data": -2.0},
        {"id": "y", "op": "mul", "args": ["a", "b"]},
    ]
    return json.dumps({"mgraph": "1.0", "nodes": nodes, "outputs": ["y"], "runs": [*runs]})


BY_HAND = {"origin": "by hand", "data": {"y": -6.0}, "grad": {"a": -2.0, "b": 3.0}}
OTHER = {"inputs": {"b": 0.5}, "origin": "by hand", "data": {"y": 1.5}}
TWO_RUNS = document(BY_HAND, OTHER)
QUICK = "-p no:hypothesispytest -p no:schemathesis -p no:anyio"
ALL = ["graphs/neuron.json::run[0]", "graphs/deep/two.json::run[0]", "graphs/deep/two.json::run[1]"]


# --- nothing unless asked for ------------------------------------------------------------------


@pytest.mark.parametrize("more", [(), ("tests",), ("tests/test_own.py",)])
def test_unused_it_imports_nothing(project: pytest.Pytester, more: tuple[str, ...]) -> None:
    """Without configuration a session imports one module of mgraph, and none that mgraph needs."""
    project.makeini("[pytest]\n")
    code = "import sys, pytest; pytest.main(sys.argv[1:]); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, *more],
        cwd=project.path, capture_output=True, text=True, check=True, env=environment(),
    )  # fmt: skip
    assert "1 passed" in done.stdout
    loaded = done.stdout.splitlines()[-1].split()
    ours = [name for name in loaded if name.split(".")[0] == "mgraph"]
    assert ours == [
        "mgraph",
        "mgraph.golden",
        "mgraph.golden.pytest_plugin.settings",
        "mgraph.golden.pytest_plugin",
    ]
    needs = ("click", "pydantic", "msgpack", "jiter", "numpy")
    assert [name for name in needs if name in loaded] == []


def test_extensions() -> None:
    """The plugin looks at the files that golden tests know."""
    assert plugin_settings.EXTENSIONS == golden.EXTENSIONS


def test_importing_mgraph_first_is_no_matter(project: pytest.Pytester) -> None:
    """Who imports mgraph and then calls pytest, as in a notebook, is not warned."""
    code = "import sys, mgraph, pytest; sys.exit(pytest.main(['-W', 'error', 'tests']))"
    done = project.run(sys.executable, "-c", code)
    assert (done.ret, "rewritten" in lines_of(done)) == (0, False)


# --- what is collected -------------------------------------------------------------------------

TOML = 'mgraph_paths = ["graphs"]\ntestpaths = ["tests"]\n'
CONFIGURED = {
    "pytest.ini": INI,
    "tox.ini": INI,
    "setup.cfg": INI.replace("[pytest]", "[tool:pytest]"),
    "pyproject.toml": f"[tool.pytest.ini_options]\n{TOML}",
}
if pytest.version_tuple >= (9, 0):
    CONFIGURED |= {
        "pytest.toml": f"[pytest]\n{TOML}",
        "pyproject.toml native": f"[tool.pytest]\n{TOML}",
    }

pytestmark = pytest.mark.usefixtures("quick")


@pytest.mark.parametrize("name", CONFIGURED)
def test_configuration(project: pytest.Pytester, name: str) -> None:
    """Each file of pytest's configuration can name paths; every run is one test, the rest too."""
    (project.path / "tox.ini").unlink()
    (project.path / name.partition(" ")[0]).write_text(CONFIGURED[name], encoding="utf-8")
    done = project.runpytest("-v")
    done.assert_outcomes(passed=4)
    assert sorted(ids(done)) == sorted([*ALL, "tests/test_own.py::test_own"])


def test_without_testpaths(project: pytest.Pytester) -> None:
    """A session that walks the root folder finds every run once, though it is configured, too."""
    project.makeini("[pytest]\nmgraph_paths = graphs graphs/deep ./graphs/deep/../neuron.json\n")
    done = project.runpytest("-v")
    assert sorted(ids(done)) == sorted([*ALL, "tests/test_own.py::test_own"])


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("tests",), []),
        (("tests/test_own.py",), []),
        (("graphs",), ALL),
        (("graphs/deep",), ALL[1:]),
        (("graphs", "graphs/deep", "graphs/neuron.json"), ALL),
        (("graphs/deep/two.json",), ALL[1:]),
        (("graphs/deep/two.json::run[1]",), ALL[2:]),
        (("graphs/deep/two.json::run",), ALL[1:]),
        (("-k", "two and not run[0]"), ALL[2:]),
        (("--ignore=graphs/deep",), ALL[:1]),
        (("--deselect=graphs/deep/two.json::run[0]",), [ALL[0], ALL[2]]),
        (("--import-mode=importlib",), ALL),
        (("--import-mode=append", "-p", "no:cacheprovider", "-p", "no:skipping"), ALL),
    ],
)
def test_what_is_named(
    project: pytest.Pytester, args: tuple[str, ...], expected: list[str]
) -> None:
    """Files, folders, single runs and `-k` choose; who names something gets nothing else."""
    done = project.runpytest("-v", *args)
    assert done.ret == 0, lines_of(done)
    assert sorted(each for each in ids(done) if "own" not in each) == sorted(expected)


def test_a_named_file_needs_no_configuration(project: pytest.Pytester) -> None:
    """A graph file that somebody names is tested, and is a failure if it is none."""
    project.makeini("[pytest]\n")
    assert ids(project.runpytest("-v", "graphs/neuron.json")) == ALL[:1]
    (project.path / "package.json").write_text('{"name": "x"}', encoding="utf-8")
    done = project.runpytest("package.json")
    done.assert_outcomes(failed=1)
    assert "package.json:1:1: error[format]" in lines_of(done)


def test_from_another_folder(project: pytest.Pytester) -> None:
    """Below the root folder pytest collects what is there, and tells paths from there."""
    os.chdir(project.path / "graphs" / "deep")
    assert ids(project.runpytest("-v")) == ["two.json::run[0]", "two.json::run[1]"]
    os.chdir(project.path / "tests")
    done = project.runpytest("--rootdir=..", "-c", "../tox.ini", "../graphs/deep", "-v")
    done.assert_outcomes(passed=2)


def test_xdist(project: pytest.Pytester) -> None:
    """Two workers run each test once."""
    (project.path / "graphs" / "wrong.json").write_text(WRONG, encoding="utf-8")
    done = project.runpytest_subprocess("-n", "2", "-v")
    done.assert_outcomes(passed=4, failed=1)
    text = lines_of(done)
    for name in ALL:
        assert text.count(f"PASSED {name}") == 1
    assert "look closer: mgraph explain graphs/wrong.json n --run 0" in text


def test_every_file_is_read_once(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many runs a file has, it is parsed a single time."""
    read: list[str] = []

    def counting(data: bytes, name: str, limits: Limits) -> Inspection:
        read.append(name)
        return inspect(data, name, limits)

    monkeypatch.setattr("mgraph.golden.rerun.inspect", counting)
    project.runpytest("-p", "no:randomly").assert_outcomes(passed=4)
    assert sorted(read) == ["graphs/deep/two.json", "graphs/neuron.json"]


# --- what is told ------------------------------------------------------------------------------


def test_a_wrong_number(project: pytest.Pytester) -> None:
    """The first wrong node, both numbers, the error, who expected it, and where to look."""
    (project.path / "graphs" / "wrong.json").write_text(WRONG, encoding="utf-8")
    done = project.runpytest("--junitxml=report.xml")
    done.assert_outcomes(passed=4, failed=1)
    done.stdout.fnmatch_lines(
        [
            "*_ graphs/wrong.json, run 0 _*",
            "data of n: the file says 0.88137, mgraph computes 0.8813735870195432 (*4.1e-06; *)",
            "origin: mpmath 1.4, 50 digits",
            "look closer: mgraph explain graphs/wrong.json n --run 0",
            "FAILED graphs/wrong.json::run?0? - *data of n: the file says 0.88137*",
        ]
    )
    assert "Traceback" not in lines_of(done)
    suite = ET.parse(project.path / "report.xml").getroot()  # noqa: S314 - ours
    cases = [(case.get("classname"), case.get("name")) for case in suite.iter("testcase")]
    assert ("graphs.wrong.json", "run[0]") in cases
    (failure,) = suite.iter("failure")
    assert "data of n: the file says 0.88137" in (failure.text or "")


def test_many_wrong_numbers(project: pytest.Pytester) -> None:
    """All are named."""
    wrong = TWO_RUNS.replace('-2.0, "b": 3.0', '-1.0, "b": 4.0').replace('"y": 1.5', '"y": 2.5')
    (project.path / "graphs" / "deep" / "two.json").write_text(wrong, encoding="utf-8")
    done = project.runpytest()
    done.assert_outcomes(passed=2, failed=2)
    text = lines_of(done)
    assert "grad of b: the file says 4.0, mgraph computes 3.0" in text
    assert "grad of a: the file says -1.0, mgraph computes -2.0" in text
    assert "data of y: the file says 2.5, mgraph computes 1.5" in text
    assert "--run 1" in text


def test_a_run_that_states_nothing(project: pytest.Pytester) -> None:
    """It passes, with a warning; a run with all values and one gradient passes without."""
    values = {"data": {"a": 3.0, "b": -2.0, "y": -6.0}, "grad": {"a": -2.0}}
    (project.path / "graphs" / "none.json").write_text(document({}, values), encoding="utf-8")
    done = project.runpytest("-W", "default")
    done.assert_outcomes(passed=6, warnings=1)
    assert "none.json::run[0]: it states no numbers, so nothing was compared" in lines_of(done)


def test_refused_files(project: pytest.Pytester) -> None:
    """Each diagnostic is told, with line and column; its command finds the same file."""
    (project.path / "graphs" / "it's.json").write_text(TYPO, encoding="utf-8")
    done = project.runpytest()
    done.assert_outcomes(passed=4, failed=1)
    done.stdout.fnmatch_lines(
        [
            'graphs/it\'s.json:15:23: error?unknown-op?: node "o" uses op "tahn"*',
            '  fix       did you mean "tanh"?',
            "look closer: mgraph check 'graphs/it'\"'\"'s.json'",
        ]
    )


def test_expected_diagnostics(project: pytest.Pytester) -> None:
    """A file that must be refused passes just if it is refused as the file beside it says."""
    case = FIXTURES / "reject" / "unknown-op" / "typo.json"
    beside = case.with_name("typo.diagnostic.json")
    folder = project.path / "graphs"
    (folder / "typo.json").write_bytes(case.read_bytes())
    (folder / "typo.diagnostic.json").write_bytes(beside.read_bytes())
    done = project.runpytest("-v")
    done.assert_outcomes(passed=5)
    assert "graphs/typo.json::file" in ids(done)
    wrong = beside.read_text(encoding="utf-8").replace("unknown-op", "arity")
    (folder / "typo.diagnostic.json").write_text(wrong, encoding="utf-8")
    done = project.runpytest()
    done.assert_outcomes(passed=4, failed=1)
    assert "expected arity at /nodes/" in lines_of(done)


def test_what_is_skipped(project: pytest.Pytester) -> None:
    """A graph without runs, and a file that is no graph, are skipped with the reason."""
    (project.path / "graphs" / "plain.json").write_text(document(), encoding="utf-8")
    (project.path / "graphs" / "other.json").write_text('{"name": "x"}', encoding="utf-8")
    (project.path / "graphs" / "own.annotated.json").write_text(WRONG, encoding="utf-8")
    done = project.runpytest("-rs")
    done.assert_outcomes(passed=4, skipped=2)
    text = lines_of(done)
    assert "graphs/plain.json: it has no runs" in text
    assert "graphs/other.json: not a graph file" in text


@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_names_that_nobody_can_print(project: pytest.Pytester, workers: tuple[str, ...]) -> None:
    """What a terminal would obey, or no encoding has, is escaped, and stops no session."""
    folder = os.fsencode(project.path / "graphs")
    for name in (b"red\x1b[31m.json", b"two\nlines.json", b"\xff.json"):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(WRONG.encode())
    done = session(project, "-v", "--junitxml=report.xml", *workers)
    done.assert_outcomes(passed=4, failed=3)
    text = lines_of(done)
    for escaped in ("red\\u{1b}[31m.json", "two\\u{a}lines.json", "\\u{dcff}.json"):
        assert f"graphs/{escaped}::run[0]" in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("ini", "words"),
    [
        ("mgraph_paths = graphs grafs", "mgraph_paths: there is no *grafs"),
        ("mgraph_paths = empty", "mgraph_paths: no graph files found in *empty"),
        ("mgraph_paths = build/graphs", "mgraph_paths: pytest skips build?graphs, *'build'*"),
    ],
)
def test_wrong_configuration(project: pytest.Pytester, ini: str, words: str) -> None:
    """A path that is not there, or can't give a test, is an error of usage, and nothing is run."""
    project.mkdir("empty")
    (project.path / "build" / "graphs").mkdir(parents=True)
    (project.path / "build" / "graphs" / "neuron.json").write_text(NEURON_TEXT, encoding="utf-8")
    project.makeini(f"[pytest]\n{ini}\n")
    done = project.runpytest()
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"ERROR: {words}"])
    if "grafs" in ini:
        done = project.runpytest_subprocess("-n", "1")
        assert done.ret == pytest.ExitCode.USAGE_ERROR
        done.stderr.fnmatch_lines([f"ERROR: {words}"])


def test_testpaths_lead_into_folders_that_are_passed_over(project: pytest.Pytester) -> None:
    """With testpaths elsewhere, a configured folder is collected whatever it is called."""
    os.rename(project.path / "graphs", project.path / "build")
    project.makeini(INI.replace("graphs", "build"))
    project.runpytest().assert_outcomes(passed=4)


# --- the page ----------------------------------------------------------------------------------

PAGE = (FIXTURES.parent / "docs" / "pytest.md").read_text(encoding="utf-8")


def test_the_page_shows_what_is_printed(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who makes the files and types the lines of docs/pytest.md sees what stands there."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # files change within a second
    for name in ("CI", "BUILD_NUMBER"):  # with these pytest cuts no line off
        monkeypatch.delenv(name, raising=False)
    (pytester.path / "fixtures").symlink_to(FIXTURES)
    pytester.mkdir("tests")
    count = 0
    for block in re.findall(r"^```\w+\n.*?^```$", PAGE, re.MULTILINE | re.DOTALL):
        if named := re.match(r"```\w+\n# (\S+)\n(.*)```", block, re.DOTALL):
            (pytester.path / named[1]).write_text(named[2], encoding="utf-8")
        for line, shown in typed(block):
            said = in_shell(line, pytester.path).out
            assert re.sub(r" in [\d.]+s", " in 0.1s", said) == shown, line
            count += 1
    assert count == 8


def test_the_page_names_what_is_there() -> None:
    """Each option of the plugin, and no other."""
    options = {"mgraph_paths", "mgraph_goldens"}
    assert {*re.findall(r"\bmgraph_\w+", PAGE)} == options
    assert {*re.findall(r"--mgraph-\w+", PAGE)} == {"--mgraph-accept"}
    assert options == {plugin_settings.PATHS, plugin_settings.GOLDENS}
