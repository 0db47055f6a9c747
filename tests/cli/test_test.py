"""`mgraph check` and `mgraph test`."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from mgraph import __version__
from tests.command_line import (
    FIXTURES,
    NEURON,
    Shell,
    codes,
    process,
    self_recorded,
)

# --- check -----------------------------------------------------------------------------------


def test_check_says_one_line(mgraph: Shell) -> None:
    """The line has version, number of nodes and canonical hash, the same in both encodings."""
    mgraph("convert", "neuron.json", "neuron.msgpack")
    said = mgraph("check", "neuron.json", "neuron.msgpack")
    digest = mgraph.document("neuron.json")["runs"][0]["graph"]
    assert (said.status, said.err) == (0, "")
    assert said.out.splitlines() == [
        f"{name}: ok, format 1.0, 10 nodes, {digest}" for name in ("neuron.json", "neuron.msgpack")
    ]


def test_check_reports_everything(mgraph: Shell) -> None:
    """All faults of all files go to standard error; valid files still get their line."""
    text = mgraph.path("neuron.json").read_text(encoding="utf-8")
    mgraph.write("typos.json", text.replace('"tanh"', '"tanhh"').replace('"x2w2"]', '"x2w3"]'))
    said = mgraph("check", "typos.json", "neuron.json", "nope.json")
    assert said.status == 1
    assert codes(said) == ["unknown-node", "unknown-op", "io"]
    assert "typos.json:12:" in said.err
    assert 'did you mean "tanh"?' in said.err
    assert said.out.startswith("neuron.json: ok")
    assert len(said.out.splitlines()) == 1


def test_check_searches_folders(mgraph: Shell) -> None:
    """A folder's graph files are checked, as `test` finds them; other files in it are no fault."""
    mgraph.path("sub/deeper").mkdir(parents=True)
    mgraph.path("empty").mkdir()
    mgraph.write("sub/other.json", {"a": 1})
    mgraph.write("sub/deeper/neuron.json", NEURON.read_bytes())
    mgraph.write("sub/deeper/x.annotated.json", "{")
    said = mgraph("check", "sub", "./neuron.json")
    assert (said.status, said.err) == (0, "")
    files = [str(Path("sub", "deeper", "neuron.json")), "./neuron.json"]
    assert [line.partition(": ")[0] for line in said.out.splitlines()] == files
    mgraph.write("sub/bad.json", '{"mgraph": "1.0"}')
    said = mgraph("check", "sub", "--json")
    assert (said.status, [x["ok"] for x in said.json["files"]]) == (1, [False, True])
    said = mgraph("check", "empty")
    assert (said.status, said.out, said.err) == (1, "", "no graph files found\n")


def test_check_warns(mgraph: Shell) -> None:
    """A warning is printed, and the file is valid."""
    warned = next((FIXTURES / "warn" / "unreached").glob("*.json"))
    mgraph.write("warned.json", warned.read_bytes())
    said = mgraph("check", "warned.json")
    assert (said.status, codes(said)) == (0, ["unreached"])
    assert "warned.json: ok" in said.out


def test_check_as_json(mgraph: Shell) -> None:
    """`--json` has the same facts, in the order of the files; standard error stays empty."""
    mgraph.write("bad.json", "{")
    said = mgraph("check", "bad.json", "neuron.json", "nope.json", "--json")
    bad, good, absent = said.json["files"]
    assert (said.status, said.err) == (1, "")
    assert [each["ok"] for each in (bad, good, absent)] == [False, True, False]
    assert bad["diagnostics"][0]["code"] == "syntax"
    assert (bad["diagnostics"][0]["line"], bad["diagnostics"][0]["column"]) == (1, 2)
    assert (good["nodes"], good["runs"], good["version"]) == (10, 1, "1.0")
    assert absent["diagnostics"][0]["code"] == "io"


def test_check_reads_standard_input(mgraph: Shell) -> None:
    """`-` is standard input, and diagnostics call it that."""
    assert mgraph("check", "-", stdin=NEURON.read_bytes()).status == 0
    assert mgraph("check", "-", stdin=b"{").err.startswith("standard input:1:2: error[syntax]")
    assert mgraph("check", "-", stdin=b"").err.startswith("standard input:1:1: error[syntax]")


# --- test ------------------------------------------------------------------------------------


def wrong_neuron(mgraph: Shell, name: str, **fields: dict[str, float]) -> str:
    """Write a neuron that expects some wrong numbers."""
    document = mgraph.document("neuron.json")
    for field, numbers in fields.items():
        document["runs"][0][field].update(numbers)
    return mgraph.write(name, document)


def test_a_folder_is_walked(mgraph: Shell) -> None:
    """All graph files in a folder are tested, except hidden and annotated ones and fault lists."""
    mgraph.path("sub").mkdir()
    mgraph.path(".hidden").mkdir()
    wrong = mgraph.path(wrong_neuron(mgraph, "wrong.json", data={"o": 3.0})).read_bytes()
    for name in (".hidden/a.json", ".b.json", "c.annotated.json", "d.annotated.msgpack", "e.txt"):
        mgraph.write(name, wrong)
    mgraph.write("sub/other.json", {"not": "a graph"})
    mgraph("convert", "neuron.json", "sub/n.msgpack")
    said = mgraph("test")
    assert said.status == 1
    assert said.out.splitlines()[0] == "wrong.json, run 0: wrong"
    assert said.out.splitlines()[-1] == "4 files: 2 ok, 1 wrong, 1 skipped; 60 numbers compared"
    assert mgraph("test", "sub").out == "2 files: 1 ok, 1 skipped; 20 numbers compared\n"
    assert mgraph("test", "c.annotated.json").status == 1  # named, it is tested
    assert mgraph("test", "sub/other.json").status == 1


def test_an_empty_folder(mgraph: Shell) -> None:
    """If nothing was tested, that is reported as a failure: a name may be misspelt."""
    mgraph.path("empty").mkdir()
    said = mgraph("test", "empty")
    assert (said.status, said.out) == (1, "no graph files found\n")


def test_a_file_without_runs_is_not_tested(mgraph: Shell) -> None:
    """A file without runs is counted separately, and is not a failure."""
    mgraph("convert", "neuron.json", "plain.json", "--strip")
    said = mgraph("test", "plain.json")
    assert said.status == 0
    assert said.out.startswith("plain.json: not tested")
    assert said.out.endswith("1 file: 0 ok, 1 not tested\n")


def test_a_refused_file_fails(mgraph: Shell) -> None:
    """The diagnostics of a refused file go to standard error, its name to standard output."""
    mgraph.write("broken.json", "{")
    said = mgraph("test", "broken.json", "nope.json", "neuron.json")
    assert (said.status, codes(said)) == (1, ["syntax", "io"])
    assert said.out == (
        "broken.json: refused\nnope.json: refused\n3 files: 1 ok, 2 refused; 20 numbers compared\n"
    )


def test_all_wrong_numbers_are_named(mgraph: Shell) -> None:
    """Values in evaluation order, then gradients, each with its place in the file."""
    wrong_neuron(mgraph, "w.json", data={"n": 0.9, "o": 0.8}, grad={"o": 2.0})
    said = mgraph("test", "w.json")
    lines = said.out.splitlines()
    text = mgraph.path("w.json").read_text(encoding="utf-8")
    runs = text.index('"runs"')
    numbers = ('"n": 0.9', '"o": 0.8', '"o": 2.0')
    n, o, grad = (f"line 1, column {text.index(x, runs) + len(x) - 2}" for x in numbers)
    says = [f"the file says {x}, mgraph computes" for x in (0.9, 0.8)]
    assert lines == [
        "w.json, run 0: wrong",
        f"  data of n: {says[0]} 0.8813735870195432 (relative error 0.021; {n})",
        f"  data of o: {says[1]} 0.7071067811865477 (relative error 0.12; {o})",
        f"  grad of o: the file says 2.0, mgraph computes 1.0 (relative error 0.5; {grad})",
        "  origin: mpmath 1.4, 50 digits",
        "1 file: 0 ok, 1 wrong; 20 numbers compared",
    ]


def test_the_first_wrong_gradient_is_nearest_to_the_output(mgraph: Shell) -> None:
    """Gradients are compared in backward order."""
    wrong_neuron(mgraph, "w.json", grad={"x1": 7.0, "x1w1": 7.0})
    said = mgraph("test", "w.json", "--json")
    (outcome,) = said.json["outcomes"]
    assert (outcome["field"], outcome["node"], outcome["wrong"]) == ("grad", "x1w1", 2)
    assert said.json["summary"]["wrong"] == 1


def test_numbers_of_mgraph_itself_are_called_recorded(mgraph: Shell) -> None:
    """Where the numbers of a run come from: mgraph and its version, without the engine."""
    mgraph("new", "y = a * 2", "--param", "a=3", "-o", "own.json")
    mgraph("run", "own.json", "--in-place")
    document = mgraph.document("own.json")
    document["runs"][0]["data"]["y"] = 7.0
    mgraph.write("own.json", document)
    column = mgraph.path("own.json").read_text(encoding="utf-8").index("7.0") + 1
    wrong = "data of y: the file says 7.0, mgraph computes 6.0"
    assert mgraph("test", "own.json").out.splitlines()[1:3] == [
        f"  {wrong} (relative error 0.14; line 1, column {column})",
        f"  recorded by mgraph {__version__}",
    ]


def test_a_gradient_where_there_must_be_none(mgraph: Shell) -> None:
    """A missing gradient and a gradient of zero are different, both ways."""
    document = mgraph.document("neuron.json")
    del document["runs"][0]["grad"]["w2"]
    mgraph.write("none.json", document)
    said = mgraph("test", "none.json")
    assert (
        "grad of w2: the file leaves it out, which means no path, but mgraph computes 0.0"
        in said.out
    )
    document["nodes"][2] = {"id": "w1", "op": "const", "data": -3.0}
    document["runs"][0]["grad"]["w2"] = 0.0
    del document["runs"][0]["graph"]
    mgraph.write("none.json", document)
    said = mgraph("test", "none.json")
    assert "grad of w1: the file says 0.99" in said.out
    assert "but there is no path to a seeded output" in said.out


def test_the_error_is_measured(mgraph: Shell) -> None:
    """Errors are given in units in the last place, and relative to the expectation."""
    wrong_neuron(mgraph, "w.json", data={"x1w1": -6.000000000000001})
    said = mgraph("test", "w.json", "--exact", "--json")
    first = said.json["outcomes"][0]
    assert (first["node"], first["ulps"]) == ("x1w1", 1)
    assert first["relative"] == pytest.approx(1.48e-16, rel=0.01)


def test_tolerances(mgraph: Shell) -> None:
    """The options override the run's own tolerance, which overrides the default."""
    wrong_neuron(mgraph, "w.json", data={"x1w1": -6.006})
    assert mgraph("test", "w.json").status == 1
    assert mgraph("test", "w.json", "--rel", "0.01").status == 0
    assert mgraph("test", "w.json", "--abs", "0.01").status == 0
    assert mgraph("test", "w.json", "--abs", "0.001").status == 1
    document = mgraph.document("w.json")
    document["runs"][0]["tolerance"] = {"abs": 0.01}
    mgraph.write("w.json", document)
    assert mgraph("test", "w.json").status == 0
    assert mgraph("test", "w.json", "--rel", "1e-9").status == 1
    assert mgraph("test", "w.json", "--exact").status == 1


def test_zeros_have_signs_only_when_exact(mgraph: Shell) -> None:
    """At tolerance 0 the zeros are equal; `--exact` compares bits."""
    wrong_neuron(mgraph, "w.json", data={"x2w2": -0.0})
    document = mgraph.document("w.json")
    document["runs"][0]["data"] = {"x2w2": -0.0}
    document["runs"][0]["tolerance"] = {}
    del document["runs"][0]["grad"]
    mgraph.write("w.json", document)
    assert mgraph("test", "w.json").status == 0
    said = mgraph("test", "w.json", "--exact")
    assert said.status == 1
    assert "data of x2w2: the file says -0.0, mgraph computes 0.0 (0 ulp; line 1, " in said.out


def test_special_numbers_stay_json(mgraph: Shell) -> None:
    """A wrong infinity or NaN is spelled as in graph files."""
    mgraph("new", "y = log(x)", "--input", "x=0", "-o", "log.json")
    mgraph("run", "log.json", "--in-place")
    document = mgraph.document("log.json")
    document["runs"][0]["data"]["y"] = "nan"
    mgraph.write("log.json", document)
    (outcome,) = mgraph("test", "log.json", "--json").json["outcomes"]
    assert (outcome["got"], outcome["want"], outcome["ulps"]) == ("-inf", "nan", None)


def test_standard_input_and_output(mgraph: Shell) -> None:
    """`test -` reads standard input; `--junit -` writes only the report to standard output."""
    data = mgraph.path("neuron.json").read_bytes()
    assert mgraph("test", "-", stdin=data).out == "1 file: 1 ok; 20 numbers compared\n"
    wrong = mgraph("test", "-", stdin=data.replace(b'"o": 0.7', b'"o": 0.8', 1))
    assert (wrong.status, wrong.out.splitlines()[0]) == (1, "-, run 0: wrong")
    said = mgraph("test", "neuron.json", "--junit", "-")
    assert ET.fromstring(said.out).attrib["failures"] == "0"  # noqa: S314 - our own report
    assert said.err == "1 file: 1 ok; 20 numbers compared\n"
    assert mgraph.files() == ["neuron.json"]


def test_a_name_alone_chooses_no_output(mgraph: Shell) -> None:
    """A formula that ends in a bare name says how to choose the output."""
    said = mgraph("new", "y = a*b; z = a + y; y")
    assert said.status == 2
    assert "choose it with --output y" in said.err
    assert mgraph("new", "y = a*b; y").status == 2


def test_junit(mgraph: Shell) -> None:
    """The report is XML with the same counts as the usual output, which is still printed."""
    wrong_neuron(mgraph, "wrong.json", data={"o": 3.0})
    mgraph.write("bad<&>.json", '{"mgraph": "1.0", "n\\u0007": 1}')
    mgraph("convert", "neuron.json", "plain.json", "--strip")
    mgraph("run", "neuron.json", "--in-place")
    said = mgraph("test", ".", "--junit", "report.xml")
    assert said.out.endswith("not correctness\n")
    suite = ET.fromstring(mgraph.path("report.xml").read_bytes())  # noqa: S314 - our own
    cases = [case for case in suite if case.tag == "testcase"]
    counts = {key: int(suite.attrib[key]) for key in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": 5, "failures": 2, "errors": 0, "skipped": 1}
    assert len(cases) == 5
    assert sum(case.find("failure") is not None for case in cases) == 2
    assert sum(case.find("skipped") is not None for case in cases) == 1
    by_name = {(case.get("classname"), case.get("name")): case for case in cases}
    failure = by_name["wrong.json", "run 0"].find("failure")
    assert failure is not None
    assert failure.get("message", "").startswith(
        "data of o: the file says 3.0, mgraph computes 0.707"
    )
    refused = by_name["bad<&>.json", "file"].find("failure")
    assert refused is not None
    assert "error[missing-field]" in (refused.text or "")


def test_self_recorded_runs_are_counted(mgraph: Shell) -> None:
    """If a passing test only shows that nothing changed, the output says so."""
    mgraph("run", "neuron.json", "--in-place")
    said = mgraph("test", "neuron.json")
    assert said.out.splitlines() == [
        "1 file: 2 ok; 40 numbers compared",
        "1 run recorded by mgraph itself: it shows changes, not correctness",
    ]
    assert mgraph("test", "neuron.json", "--json").json["summary"]["self-recorded"] == 1


def test_accept(mgraph: Shell) -> None:
    """Accepted numbers are shown, become the expectation, and are marked as self-recorded."""
    wrong_neuron(mgraph, "w.json", data={"n": 0.9}, grad={"x1": 7.0})
    said = mgraph("test", "--accept", "w.json")
    assert said.status == 0
    first, second, last = said.out.splitlines()
    assert first.startswith("run 0, data of n: the file says 0.9, mgraph computes 0.88")
    assert second.startswith("run 0, grad of x1: the file says 7.0, mgraph computes -1.4")
    assert last == "wrote w.json: its changed runs are now recorded by mgraph itself"
    (run,) = mgraph.document("w.json")["runs"]
    assert self_recorded(run)
    assert run["data"]["n"] == pytest.approx(0.8813735870195432)
    assert mgraph("test", "w.json").status == 0


def test_accept_changes_nothing_that_holds(mgraph: Shell) -> None:
    """A file whose runs still match keeps its bytes and the origin of its runs."""
    before = mgraph.path("neuron.json").read_bytes()
    assert mgraph("test", "--accept", "neuron.json").out == "nothing differs\n"
    assert mgraph.path("neuron.json").read_bytes() == before
    mgraph("convert", "neuron.json", "plain.json", "--strip")
    said = mgraph("test", "--accept", "plain.json")
    assert said.status == 1
    assert "mgraph run plain.json --in-place" in said.err


def test_accept_keeps_what_a_run_names(mgraph: Shell) -> None:
    """A run that expects numbers of some nodes only still does so afterwards."""
    document = mgraph.document("neuron.json")
    document["runs"][0] |= {"data": {"o": 5.0}, "grad": {"b": 5.0}}
    mgraph.write("w.json", document)
    mgraph("test", "--accept", "w.json")
    (run,) = mgraph.document("w.json")["runs"]
    assert list(run["data"]) == ["o"]
    assert list(run["grad"]) == ["b"]


# --- homework ----------------------------------------------------------------------------------

# f = (a·b + a)·b at a = 2, b = -3, by hand: p = -6, s = -4, f = 12; df/ds = -3, df/dp = -3,
# df/da = -3·(-3) - 3 = 6, df/db = -4 + -3·2 = -10
NODES = [
    {"id": "a", "op": "param", "data": 2.0}, {"id": "b", "op": "param", "data": -3.0},
    {"id": "p", "op": "mul", "args": ["a", "b"]}, {"id": "s", "op": "add", "args": ["p", "a"]},
    {"id": "f", "op": "mul", "args": ["s", "b"]},
]  # fmt: skip
ALL_DATA = {"a": 2.0, "b": -3.0, "p": -6.0, "s": -4.0, "f": 12.0}


def homework(mgraph: Shell, name: str, *runs: dict[str, Any], **fields: Any) -> str:  # noqa: ANN401 - plain data
    """Write a learner's file."""
    document = {"mgraph": "1.0", "nodes": NODES, "outputs": ["f"], "runs": [*runs], **fields}
    return mgraph.write(name, document)


def test_all_values_and_one_gradient_are_right(mgraph: Shell) -> None:
    """A learner who gives all values may leave out gradients."""
    homework(mgraph, "ada.json", {"data": ALL_DATA, "grad": {"a": 6}})
    said = mgraph("test", "ada.json")
    assert (said.status, said.out) == (0, "1 file: 1 ok; 6 numbers compared\n")


def test_a_run_that_states_nothing_passes_with_a_warning(mgraph: Shell) -> None:
    """The warning is about files none of whose runs state anything; the status stays 0."""
    homework(mgraph, "none.json", {}, {"data": {}, "grad": {}})
    homework(mgraph, "half.json", {}, {"data": {"f": 12}})
    said = mgraph("test", "none.json", "half.json")
    assert (said.status, said.out) == (0, "2 files: 4 ok; 1 number compared\n")
    assert said.err == ("warning: none.json: its runs state no numbers, so nothing was compared\n")
    first, second, *_ = mgraph("test", "none.json", "--json").json["outcomes"]
    assert [first["status"], first["compared"], second["compared"]] == ["ok", 0, 0]
    assert first["note"] == "it states no numbers, so nothing was compared"


@pytest.mark.parametrize(
    ("required", "run", "missing"),
    [
        (["grad"], {"grad": {"a": 6, "b": -10, "p": -3, "s": -3}}, ""),
        (["grad"], {"data": {"f": 12}, "grad": {"a": 6}}, "grad of s, p, b"),
        (["grad"], {}, "grad of s, p, b, a"),
        (["data"], {"data": {"p": -6, "s": -4, "f": 12}}, ""),
        (["data"], {"data": {"s": -4}}, "data of p, f"),
        (["data", "grad"], {"data": {"f": 12}}, "data of p, s; grad of s, p, b, a"),
        (["data,grad"], {"data": {"f": 12}}, "data of p, s; grad of s, p, b, a"),
        (["a,b"], {"grad": {"b": -10}}, "grad of a"),
        (["a", "b"], {"grad": {"a": 6, "b": -10}}, ""),
        (["f", "s"], {"grad": {"s": -3}}, "data of s, f"),
        (["s,f"], {"data": {"f": 12}, "seed": {"f": 2}}, "data of s; grad of s"),
    ],
)  # fmt: skip
def test_required_numbers(
    mgraph: Shell, required: list[str], run: dict[str, Any], missing: str
) -> None:
    """A run that leaves out a required number fails; leaves and the seed are given by the file."""
    homework(mgraph, "ada.json", run)
    options = [word for text in required for word in ("--require", text)]
    said = mgraph("test", "ada.json", *options)
    assert said.status == (1 if missing else 0)
    lines = said.out.splitlines()
    if missing:
        assert lines[:2] == ["ada.json, run 0: incomplete", f"  it leaves out {missing}"]
        assert lines[-1].startswith("1 file: 0 ok, 1 incomplete")
    else:
        assert lines[0].startswith("1 file: 1 ok; ")


def test_a_complete_run_leaves_nothing_out(mgraph: Shell) -> None:
    """A gradient that it does not name does not exist; constants have none either."""
    away = [
        {"id": "k", "op": "const", "data": 2.0},
        {"id": "away", "op": "mul", "args": ["a", "k"]},
    ]
    homework(mgraph, "away.json", nodes=[*NODES, *away], runs=[])
    mgraph("run", "away.json", "--in-place")
    said = mgraph("test", "away.json", "--require", "data,grad", "--require", "away,k")
    assert (said.status, said.out.splitlines()[0][:12]) == (0, "1 file: 1 ok")


def test_wrong_and_incomplete(mgraph: Shell) -> None:
    """Both are told; the status is that of a wrong run."""
    homework(mgraph, "ada.json", {"grad": {"a": 3.0}})
    said = mgraph("test", "ada.json", "--require", "a,b", "--junit", "report.xml")
    text = mgraph.path("ada.json").read_text(encoding="utf-8")
    column = text.index("3.0", text.index("runs")) + 1
    wrong = "grad of a: the file says 3.0, mgraph computes 6.0"
    wrong += f" (relative error 1; line 1, column {column})"
    assert said.out.splitlines() == [
        "ada.json, run 0: wrong", f"  {wrong}", "  it leaves out grad of b",
        "1 file: 0 ok, 1 wrong; 1 number compared",
    ]  # fmt: skip
    (failure,) = ET.fromstring(mgraph.path("report.xml").read_bytes()).iter("failure")  # noqa: S314 - our own
    assert (failure.get("message"), failure.text) == (wrong, f"{wrong}\nit leaves out grad of b")
    (outcome,) = mgraph("test", "ada.json", "--require", "a,b", "--json").json["outcomes"]
    assert outcome["missing"] == [{"node": "b", "field": "grad", "meant": None}]
    (mismatch,) = outcome["mismatches"]
    assert (mismatch["pointer"], mismatch["line"], mismatch["column"], mismatch["offset"]) == (
        "/runs/0/grad/a", 1, column, None,
    )  # fmt: skip
    assert (mismatch["got"], mismatch["want"]) == (6.0, 3.0)


def test_nothing_handed_in(mgraph: Shell) -> None:
    """Where numbers are required, a file without runs fails."""
    homework(mgraph, "none.json", runs=[])
    assert mgraph("test", "none.json").status == 0
    said = mgraph("test", "none.json", "--require", "grad")
    assert said.status == 1
    assert said.out.startswith("none.json: incomplete\n  it has no runs\n")


def test_required_ids_that_no_graph_has(mgraph: Shell) -> None:
    """They are misspelt; a graph that lacks a node that another one has is incomplete."""
    homework(mgraph, "ada.json", {"data": {"f": 12}})
    said = mgraph("test", "ada.json", "neuron.json", "--require", "x1,o,loss")
    assert (said.status, said.out, codes(said)) == (1, "", ["run-node"])
    assert said.err.startswith(
        '--require: error[run-node]: "loss" is not a node of any of these graphs'
    )
    said = mgraph("test", "neuron.json", "--require", "x1w3")
    assert 'did you mean "x1w1"?' in said.err
    said = mgraph("test", "ada.json", "neuron.json", "--require", "x1w1")
    assert said.out.splitlines()[:2] == [
        "ada.json, run 0: incomplete",
        "  it leaves out the node x1w1, which the graph does not have",
    ]
    assert mgraph("test", "ada.json", "--require", "a,,b").status == 2
    assert mgraph("test", "ada.json", "--require", "a", "--accept").status == 2
    mgraph.write("broken.json", "{")
    assert codes(mgraph("test", "broken.json", "--require", "loss")) == ["syntax"]


def test_many_wrong_numbers_are_capped_on_a_terminal_only(mgraph: Shell) -> None:
    """Twenty are listed, the others counted; JSON and JUnit have all."""
    names = [f"x{i}" for i in range(32)]
    nodes = [{"id": name, "op": "param", "data": 1.0} for name in names]
    nodes.append({"id": "y", "op": "sum", "args": names})
    run = {"data": {"y": 32.0}, "grad": dict.fromkeys(names, 2.0)}
    homework(mgraph, "many.json", run, nodes=nodes, outputs=["y"])
    said = mgraph("test", "many.json", "--junit", "report.xml")
    wrong = [line for line in said.out.splitlines() if "the file says 2.0" in line]
    assert len(wrong) == 20
    assert "  … and 12 more; --json lists all\n" in said.out
    assert mgraph.path("report.xml").read_text(encoding="utf-8").count("\ngrad of x") == 31
    (outcome,) = mgraph("test", "many.json", "--json").json["outcomes"]
    assert [item["node"] for item in outcome["mismatches"]] == names[::-1]
    homework(mgraph, "none.json", {"data": {"y": 32.0}}, nodes=nodes, outputs=["y"])
    said = mgraph("test", "none.json", "--require", "grad")
    listed = ", ".join(names[:-21:-1])
    assert f"  it leaves out grad of {listed}, … and 12 more\n" in said.out


def test_completion_of_require(mgraph: Shell, tmp_path: Path) -> None:
    """Words and ids are offered, after a comma only ids."""
    homework(mgraph, "ada.json", {})
    for typed, offered in [
        ("", "data grad a b p s f"),
        ("g", "grad"),
        ("a,", "a,a a,b a,p a,s a,f"),
    ]:
        said = process(
            cwd=tmp_path, _MGRAPH_COMPLETE="fish_complete", COMP_CWORD=typed,
            COMP_WORDS=f"mgraph test ada.json --require {typed}",
        )  # fmt: skip
        assert [line.partition(",")[2] for line in said.out.splitlines()] == offered.split()


def test_expected_diagnostics(mgraph: Shell) -> None:
    """A file that must be refused is tested against the list of faults next to it."""
    mgraph.write("bad.json", "{")
    expected = {"diagnostics": [{"code": "syntax", "line": 1, "column": 2}]}
    mgraph.write("bad.diagnostic.json", expected)
    assert mgraph("test", "bad.json").out == "1 file: 1 ok\n"
    assert mgraph("test", "bad.json", "bad.diagnostic.json").out == "2 files: 1 ok, 1 skipped\n"
    expected["diagnostics"][0]["code"] = "depth"
    mgraph.write("bad.diagnostic.json", expected)
    said = mgraph("test", "bad.json")
    assert said.status == 1
    assert "expected depth at the document (1:2), found syntax at the document (1:2)" in said.out


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"diagnostics": ["x"]}', '{"diagnostics": 3}', "[" * 10**5, "\xff"],
    ids=range(7),
)
def test_a_list_of_diagnostics_that_cant_be_read(mgraph: Shell, content: str) -> None:
    """An unreadable list of faults fails the file that it belongs to."""
    mgraph.write("neuron.diagnostic.json", content.encode("latin-1"))
    said = mgraph("test", "neuron.json")
    assert said.status == 1
    assert "its .diagnostic.json file can't be read" in said.out
