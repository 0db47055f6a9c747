"""Golden files recorded by pytest, and those that no test uses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.golden.test_pytest_plugin import BY_HAND, OTHER, document, lines_of, session

pytestmark = pytest.mark.usefixtures("quick")

# --- recording ---------------------------------------------------------------------------------

MODULE = """
import pytest
from mgraph import Value
from mgraph.testing import assert_graph

def product(b=-2.0):
    y = Value.param(3.0, name="a") * Value.param(b, name="b")
    y.name = "y"
    return y
"""
ONE = MODULE + '\ndef test_one(): assert_graph(product(), "goldens/one.json")\n'


@pytest.fixture
def recorder(pytester: pytest.Pytester) -> pytest.Pytester:
    """Return a project with one test of a golden file that is not there yet."""
    pytester.makeini("[pytest]\nmgraph_goldens = tests/goldens\ntestpaths = tests\n")
    write(pytester, ONE)
    return pytester


def write(project: pytest.Pytester, text: str, name: str = "test_graphs.py") -> None:
    """Write a file beside the tests."""
    path = project.path / "tests" / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text, encoding="utf-8")


def recorded(project: pytest.Pytester, name: str = "one") -> Any:  # noqa: ANN401 - plain data
    """Return the content of a golden file."""
    path = project.path / "tests" / "goldens" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_record(recorder: pytest.Pytester) -> None:
    """`--mgraph-accept` makes the file, self-recorded; the next session holds it."""
    done = recorder.runpytest("--mgraph-accept")
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(["*recording tests/goldens/one.json*", "there is no such golden*"])
    (run,) = recorded(recorder)["runs"]
    assert run["origin"].startswith("mgraph ")
    assert run["data"] == {"a": 3.0, "b": -2.0, "y": -6.0}
    assert run["grad"] == {"a": -2.0, "b": 3.0, "y": 1.0}
    before = sorted((recorder.path / "tests" / "goldens").iterdir())
    done = recorder.runpytest()
    done.assert_outcomes(passed=1)
    assert done.ret == 0
    assert sorted((recorder.path / "tests" / "goldens").iterdir()) == before


def test_exact_values_are_recorded_in_exact_math(recorder: pytest.Pytester) -> None:
    """The run says so; recorded again after a change, it stays exact, in that math."""
    exact = "from mgraph import ExactValue as Value"
    write(recorder, ONE.replace("from mgraph import Value", exact))
    recorder.runpytest("--mgraph-accept").assert_outcomes(passed=1)
    assert [run["math"] for run in recorded(recorder)["runs"]] == ["exact"]
    write(recorder, ONE.replace("from mgraph import Value", exact).replace("b=-2.0", "b=-3.0"))
    recorder.runpytest("--mgraph-accept").assert_outcomes(passed=1)
    (run,) = recorded(recorder)["runs"]
    assert (run["math"], run["data"]["y"]) == ("exact", -9.0)
    recorder.runpytest().assert_outcomes(passed=1)


def test_the_command_that_is_told_records(recorder: pytest.Pytester) -> None:
    """The failure of a test without its file ends with the command that makes it."""
    recorder.mkdir("tests/goldens")
    text = lines_of(recorder.runpytest())
    command = text.partition("to record it: pytest ")[2].splitlines()[0]
    assert command == "tests/test_graphs.py::test_one --mgraph-accept"
    recorder.runpytest(*command.split()).assert_outcomes(passed=1)
    recorder.runpytest().assert_outcomes(passed=1)


def test_what_changed_is_shown_and_the_rest_kept(recorder: pytest.Pytester) -> None:
    """Recording keeps texts, what runs ask and how exactly; and drops the old numbers' origin."""
    recorder.mkdir("tests/goldens")
    old = json.loads(document(BY_HAND | {"tolerance": {"rel": 0.5}}, OTHER))
    old["nodes"][0] |= {"label": "first", "doc": "A factor."}
    write(
        recorder, json.dumps(old | {"name": "product", "doc": "Two factors."}), "goldens/one.json"
    )
    recorder.runpytest().assert_outcomes(passed=1)
    write(recorder, ONE.replace("b=-2.0", "b=4.0"))
    recorder.runpytest().assert_outcomes(failed=1)
    assert recorded(recorder)["runs"] == old["runs"]
    done = recorder.runpytest("--mgraph-accept")
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(
        ["*recording tests/goldens/one.json*", "node b, data: expected -2.0*"]
    )
    new = recorded(recorder)
    assert (new["name"], new["doc"]) == ("product", "Two factors.")
    assert new["nodes"][0] == old["nodes"][0]
    first, second = new["runs"]
    assert (first["tolerance"], first["data"]["y"]) == ({"rel": 0.5}, 12.0)
    assert (second["inputs"], second["data"]["y"]) == ({"b": 0.5}, 1.5)
    assert first["origin"].startswith("mgraph ")
    recorder.runpytest().assert_outcomes(passed=1)


def test_a_run_that_holds_keeps_its_origin(recorder: pytest.Pytester) -> None:
    """Of the runs of the same graph only those are renewed that are wrong, in what they name."""
    recorder.mkdir("tests/goldens")
    wrong = OTHER | {"data": {"y": 99.0}}
    write(recorder, document(BY_HAND, wrong), "goldens/one.json")
    done = recorder.runpytest("--mgraph-accept")
    done.assert_outcomes(passed=1)
    assert "run 1: data of y: the file says 99.0, mgraph computes 1.5" in lines_of(done)
    first, second = recorded(recorder)["runs"]
    assert first == BY_HAND
    assert (second["data"], "grad" in second) == ({"y": 1.5}, False)
    assert second["origin"].startswith("mgraph ")


def test_runs_that_can_no_longer_be_asked_are_dropped(recorder: pytest.Pytester) -> None:
    """A run that sets a leaf which is gone can't be kept; without any other, one is recorded."""
    recorder.mkdir("tests/goldens")
    write(recorder, document(OTHER), "goldens/one.json")
    write(recorder, ONE.replace('name="b"', 'name="c"'))
    recorder.runpytest("--mgraph-accept").assert_outcomes(passed=1)
    (run,) = recorded(recorder)["runs"]
    assert ("inputs" in run, run["data"]["y"]) == (False, -6.0)
    recorder.runpytest().assert_outcomes(passed=1)


def test_a_refused_file_is_not_overwritten(recorder: pytest.Pytester) -> None:
    """What can't be read may be newer, or somebody's work: it is a failure in any case."""
    recorder.mkdir("tests/goldens")
    write(recorder, '{"mgraph": "99.0"}', "goldens/one.json")
    recorder.runpytest("--mgraph-accept").assert_outcomes(failed=1)
    assert recorded(recorder) == {"mgraph": "99.0"}


PARAMETRIZED = (
    MODULE
    + """
@pytest.mark.parametrize("i", range(12))
def test_same(i):
    assert_graph(product(), "goldens/same.json")

@pytest.mark.parametrize("i", range(12))
def test_own(i):
    assert_graph(product(float(i)), f"goldens/{i}.msgpack")
"""
)
CONFLICT = (
    MODULE
    + """
def test_one(): assert_graph(product(), "goldens/one.json")
def test_two(): assert_graph(product(b=5.0), "goldens/one.json")
def test_own(): assert_graph(product(b=7.0), "goldens/own.json")
"""
)


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_many_tests_record(recorder: pytest.Pytester, workers: tuple[str, ...]) -> None:
    """Tests in two processes record files of their own, and one and the same together."""
    write(recorder, PARAMETRIZED)
    done = session(recorder, "--mgraph-accept", *workers)
    done.assert_outcomes(passed=24)
    names = sorted(path.name for path in (recorder.path / "tests" / "goldens").iterdir())
    assert names == sorted(["same.json", *(f"{i}.msgpack" for i in range(12))])
    assert lines_of(done).count("recording tests/goldens/same.json") == 1
    done = session(recorder, *workers)
    done.assert_outcomes(passed=24)
    assert done.ret == 0, lines_of(done)


@pytest.mark.parametrize(
    ("before", "workers"),
    [
        (None, ()),
        (document(BY_HAND), ("-n", "2")),
        pytest.param(None, ("-n", "2"), marks=pytest.mark.thorough),
        pytest.param(document(BY_HAND), (), marks=pytest.mark.thorough),
    ],
)
def test_a_conflict(
    recorder: pytest.Pytester, workers: tuple[str, ...], before: str | None
) -> None:
    """Two tests that want different graphs in one file: neither is recorded, the session fails."""
    write(recorder, CONFLICT)
    if before:
        recorder.mkdir("tests/goldens")
        write(recorder, before, "goldens/one.json")
    done = session(recorder, "--mgraph-accept", *workers)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.assert_outcomes(passed=3)
    text = lines_of(done)
    assert "tests/goldens/one.json: not recorded, because two tests need different" in text
    assert "tests/test_graphs.py::test_one" in text
    assert "tests/test_graphs.py::test_two" in text
    assert recorded(recorder, "own")["runs"][0]["data"]["y"] == 21.0
    if before:
        assert recorded(recorder) == json.loads(before)
    else:
        assert not (recorder.path / "tests" / "goldens" / "one.json").exists()


def test_what_cant_be_written_is_told(recorder: pytest.Pytester) -> None:
    """A folder that can't be made fails the session with a line, and no traceback."""
    write(recorder, "", "goldens")
    recorder.makeini("[pytest]\n")
    done = recorder.runpytest("--mgraph-accept")
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    assert "Traceback" not in lines_of(done)
    assert "tests/goldens/one.json" in lines_of(done)


# --- golden files that nobody uses -------------------------------------------------------------

SEVERAL = ONE + "\ndef test_two(): pass\ndef test_three(): pass\n"
ORPHAN = "tests/goldens/orphan.json: not used by any assert_graph"


@pytest.fixture
def orphaned(recorder: pytest.Pytester) -> pytest.Pytester:
    """Return a project with a golden file that is used, and one that is not."""
    recorder.mkdir("tests/goldens")
    write(recorder, document(BY_HAND), "goldens/one.json")
    write(recorder, document(BY_HAND), "goldens/orphan.json")
    write(recorder, SEVERAL)
    return recorder


@pytest.mark.parametrize(
    "args", [(), ("-n", "2"), ("-k", "test"), ("-v", "--mgraph-accept"), ("-p", "no:cacheprovider")]
)
def test_an_orphan_fails_a_whole_session(orphaned: pytest.Pytester, args: tuple[str, ...]) -> None:
    """When all tests ran and passed, a golden file that none has used is a failure."""
    done = session(orphaned, *args)
    done.assert_outcomes(passed=3)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    assert ORPHAN in lines_of(done)
    assert "one.json: no" not in lines_of(done)
    (orphaned.path / "tests" / "goldens" / "orphan.json").unlink()
    assert session(orphaned, *args).ret == 0


@pytest.mark.parametrize(
    "args",
    [
        ("tests",),
        ("tests/test_graphs.py::test_two",),
        ("-k", "two"),
        ("-n", "2", "-k", "two"),
        ("--deselect", "tests/test_graphs.py::test_two"),
        ("--ignore", "tests/test_graphs.py"),
        ("--collect-only",),
        ("--setup-plan",),
        ("--lf",),
    ],
)
def test_no_orphans_in_a_part_of_a_session(
    orphaned: pytest.Pytester, args: tuple[str, ...]
) -> None:
    """Who runs only some tests is told nothing of the files of the others."""
    assert "not used by any" not in lines_of(session(orphaned, *args))


@pytest.mark.parametrize(
    ("more", "workers"),
    [
        ("def test_four(): assert False", ()),
        ("import nowhere", ()),
        pytest.param("import nowhere", ("-n", "1"), marks=pytest.mark.thorough),
        ("@pytest.fixture\ndef broken(): assert False\ndef test_four(broken): pass", ()),
    ],
)
def test_no_orphans_after_a_failure(
    orphaned: pytest.Pytester, more: str, workers: tuple[str, ...]
) -> None:
    """A test that failed may have used the file, had it come so far."""
    write(orphaned, f"import pytest\n{more}\n", "test_more.py")
    done = session(orphaned, *workers)
    assert done.ret != 0
    assert "not used by any" not in lines_of(done)


@pytest.mark.parametrize(
    ("more", "workers"),
    [
        ("def test_four(): pytest.skip('no')", ()),
        pytest.param("def test_four(): pytest.skip('no')", ("-n", "1"), marks=pytest.mark.thorough),
        ("pytest.skip('no', allow_module_level=True)", ()),
        ("pytest.skip('no', allow_module_level=True)", ("-n", "1")),
        ("@pytest.mark.xfail(strict=True)\ndef test_four(): assert False", ()),
    ],
)
def test_orphans_beside_skipped_tests(
    orphaned: pytest.Pytester, more: str, workers: tuple[str, ...]
) -> None:
    """What a skipped test may use is listed, and no failure."""
    write(orphaned, f"import pytest\n{more}\n", "test_more.py")
    done = session(orphaned, *workers)
    assert done.ret == 0
    assert ORPHAN in lines_of(done)
    assert "unused golden files, which 1 skipped test may use" in lines_of(done)


def test_deselected_by_a_conftest(orphaned: pytest.Pytester) -> None:
    """Tests that a project's own hook leaves out count, in whatever process it does so."""
    hook = (
        "def pytest_collection_modifyitems(config, items):\n"
        "    config.hook.pytest_deselected(items=[items.pop()])\n"
    )
    write(orphaned, hook, "conftest.py")
    for workers in ((), ("-n", "1")):
        done = session(orphaned, *workers)
        assert (done.ret, "not used by any" in lines_of(done)) == (0, False)
