"""Exact math on the command line: which runs are exact, and what other commands make of them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.command_line import FIXTURES, is_usage_error

if TYPE_CHECKING:
    from tests.command_line import Shell

EXACT = FIXTURES / "exact" / "neuron.json"
WANT = json.loads(EXACT.read_text(encoding="utf-8"))["runs"]
"""The runs of the fixture: MPFR's numbers."""


def maths(shell: Shell, name: str) -> list[str | None]:
    """Return what the runs of a file say of their math."""
    return [run.get("math") for run in shell.document(name)["runs"]]


def test_run_writes_exact_numbers(mgraph: Shell) -> None:
    """With --math exact they are those of MPFR, and table and JSON say so."""
    bare = mgraph.write("bare.json", json.dumps({**json.loads(EXACT.read_bytes()), "runs": []}))
    done = mgraph("run", bare, "--math", "exact", "-o", "out.json")
    assert "math      exact: the same bits on every machine" in done.out
    (run,) = mgraph.document("out.json")["runs"]
    assert (run["math"], run["data"], run["grad"]) == ("exact", WANT[0]["data"], WANT[0]["grad"])
    assert mgraph("run", bare, "--math", "exact", "--json").json["math"] == "exact"
    assert (
        mgraph("run", bare, "--engine", "tape", "--math", "exact", "-o", "-").json["runs"][0][
            "data"
        ]
        == WANT[0]["data"]
    )
    assert mgraph("run", bare, "--json").json["math"] == "libm"
    assert mgraph("run", bare, "-o", "-").json["mgraph"] == "1.0"


def test_files_stay_exact(mgraph: Shell) -> None:
    """Without --math, a run has the math of the one that it replaces, or else of all runs."""
    mgraph("new", "y = tanh(x*w)", "--input", "x=0.5", "--param", "w=-3", "--math", "exact",
           "-o", "golden.json")  # fmt: skip
    assert maths(mgraph, "golden.json") == ["exact"]
    for more, after in (
        ((), ["exact"]),
        (("--set", "x=0.1"), ["exact", "exact"]),
        (("--set", "x=0.2", "--math", "libm"), ["exact", "exact", None]),
        (("--set", "x=0.1"), ["exact", "exact", None]),
        (("--set", "x=0.3"), ["exact", "exact", None, None]),
        (("--math", "libm"), [None, "exact", None, None]),
        (("--math", "exact"), ["exact", "exact", None, None]),
    ):
        assert mgraph("run", "golden.json", "--in-place", *more).status == 0
        assert maths(mgraph, "golden.json") == after, more
    assert mgraph("test", "golden.json", "--exact").status == 0


def test_new_writes_runs_on_request(mgraph: Shell) -> None:
    """One for each output; an input without a value is a wrong command line."""
    formula = ("a = exp(x); b = log(x)", "--output", "a", "--output", "b")
    done = mgraph("new", *formula, "--input", "x=2", "--math", "exact", "-o", "two.json")
    assert done.status == 0
    assert maths(mgraph, "two.json") == ["exact", "exact"]
    assert mgraph("new", *formula, "--input", "x=2", "--math", "libm").json["mgraph"] == "1.0"
    assert "runs" not in mgraph("new", *formula, "--input", "x=2").json
    assert is_usage_error(mgraph("new", *formula, "--math", "exact"), "--input x=1")


def test_accepting_keeps_the_math(mgraph: Shell) -> None:
    """`mgraph test --accept` records an exact run again in exact math."""
    document = json.loads(EXACT.read_bytes())
    document["runs"][0]["data"]["o"] = 0.5
    mgraph.write("off.json", json.dumps(document))
    assert mgraph("test", "off.json", "--accept").status == 0
    run = mgraph.document("off.json")["runs"][0]
    assert (run["math"], run["data"]["o"]) == ("exact", WANT[0]["data"]["o"])
    assert mgraph("test", "off.json", "--exact").status == 0


def test_explanations_have_the_numbers_of_the_file(mgraph: Shell) -> None:
    """`explain` and `step` run in the math of the run that they show."""
    for k in (1, 2):
        said = mgraph("explain", str(EXACT), "x1w1", "--run", str(k), "--json").json
        assert said["data"] == WANT[k]["data"]["x1w1"]
        assert said["grad"] == WANT[k]["grad"]["x1w1"]
        steps = mgraph("step", str(EXACT), "--run", str(k), "--json").json["steps"]
        values = {step["node"]: step["data"] for step in steps if step.get("data") is not None}
        assert values["o"] == WANT[k]["data"]["o"]


def test_wrong_bits_of_a_math_library_are_explained(mgraph: Shell) -> None:
    """--exact says why runs that are not in exact math may differ, and only then."""
    document = json.loads(EXACT.read_bytes())
    document["runs"] = [{**document["runs"][0], "data": {"o": 0.7071067811865470}}]
    mgraph.write("exact.json", json.dumps(document))
    del document["runs"][0]["math"]
    mgraph.write("libm.json", json.dumps(document))
    note = "only runs in exact math have the same bits everywhere"
    assert note in mgraph("test", "libm.json", "--exact").err
    assert note not in mgraph("test", "exact.json", "--exact").err
    assert note not in mgraph("test", "libm.json").err


def test_going_back_to_1_0(mgraph: Shell) -> None:
    """Every exact run is in the way, unless runs are left out."""
    done = mgraph("convert", str(EXACT), "old.json", "--to", "1.0")
    assert done.status == 1
    assert [f'run {k} has "math"' in done.err for k in range(len(WANT))] == [True] * len(WANT)
    assert "fix       --strip leaves out the runs" in done.err
    assert mgraph("convert", str(EXACT), "old.json", "--to", "1.0", "--strip").status == 0
    assert mgraph.document("old.json")["mgraph"] == "1.0"


def test_other_commands_take_exact_runs(mgraph: Shell) -> None:
    """They read them, keep them where they keep runs, and tell them apart."""
    mgraph.write("exact.json", EXACT.read_bytes())
    for extension in ("msgpack", "json"):
        assert mgraph("convert", "exact.json", f"copy.{extension}").status == 0
        assert mgraph("diff", "exact.json", f"copy.{extension}").status == 0
    document = json.loads(EXACT.read_bytes())
    for run in document["runs"]:
        del run["math"]
    mgraph.write("libm.json", json.dumps(document))
    said = mgraph("diff", "exact.json", "libm.json", "--json").json
    assert [(each["what"], each["field"]) for each in said["differences"]] == [
        (f"run {k}", "math") for k in range(len(WANT))
    ]
    for line in (
        "check exact.json", "derive exact.json -o d.json", "draw exact.json -o a.mmd",
        "draw exact.json --run 1 -o b.mmd", "view exact.json -o a.html", "gradcheck exact.json",
        "export exact.json -o a.py", "run d.json --math exact --output o",
        "convert exact.json small.json --simplify",
    ):  # fmt: skip
        done = mgraph(*line.split())
        assert done.status == 0, (line, done.err)
    assert maths(mgraph, "small.json") == ["exact"] * len(WANT)


def test_the_option_is_offered(mgraph: Shell) -> None:
    """Commands that compute numbers which others may compare bit by bit take `--math exact`."""
    for name in ("run", "new", "train", "replay"):
        said = " ".join(mgraph(name, "--help").out.split())
        assert re.search(r"--math \[libm\|[^]]*exact", said), name
