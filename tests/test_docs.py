"""docs/format.md: complete, and true where a machine can tell."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import msgpack
import pytest

from mgraph.codec import LIMITS
from mgraph.codec.limits import DEEPEST
from mgraph.errors import CODES, REFUSALS, REPORTED, WARNINGS
from mgraph.format import VERSIONS
from mgraph.format import versions as migrate
from mgraph.format.fields import FIELDS
from mgraph.format.ids import ID, ID_BYTES, IN_WORDS
from mgraph.format.reading import inspect
from mgraph.grade.cases import cases_of, golden_set
from mgraph.graph.run import DEFAULT
from mgraph.ops import LEAVES, TABLE
from mgraph.suggestions import LOOKED_AT
from tests.command_line import HERE, Shell
from tests.test_layout import MODULES, ORDER

if TYPE_CHECKING:
    from collections.abc import Callable

FORMAT = (HERE.parent / "docs" / "format.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^##+ (.+?)\n(.*?)(?=^##|\Z)", FORMAT, re.MULTILINE | re.DOTALL))
VECTORS = json.loads((HERE / "hash_vectors.json").read_text(encoding="utf-8"))


def first_cells(section: str) -> list[str]:
    """Return the names in code style in the first cells of a section's tables."""
    cells = re.findall(r"^\| ([^|]*) \|", SECTIONS[section], re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def test_every_code_is_told() -> None:
    """The table of refusals has the codes, in the order in which they are checked."""
    rows = [name for name in first_cells("Refusals") if name in {*CODES}]
    assert rows == [*CODES]
    assert first_cells("Warnings") == [*WARNINGS]


def test_every_refusal_of_a_store_is_told() -> None:
    """The page of the store has its codes, in order, and `io`, which files have, too."""
    page = (HERE.parent / "docs" / "store.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \|.*\| [0-9]{3} \|$", page, re.MULTILINE)
    assert rows == [*REFUSALS, "io"]
    assert not {*REFUSALS} & {*CODES, *WARNINGS}


def test_every_op_is_told() -> None:
    """The table of ops has each row, in order, and says whether it is exact."""
    assert first_cells("Ops") == [op.name for op in TABLE]
    for op in TABLE:
        row = re.search(rf"^\| `{op.name}` \|.*\| (\w+) \|$", SECTIONS["Ops"], re.MULTILINE)
        assert row is not None
        assert row[1] == ("exact" if op.exact else "libm")
    assert [name for name in first_cells("Nodes") if name in LEAVES] == [*LEAVES]


def test_every_field_is_told() -> None:
    """The tables have each field of each kind of object."""
    assert first_cells("The document") == [*FIELDS["document"]]
    assert first_cells("Nodes") == [*FIELDS["node"], *LEAVES]
    assert first_cells("Runs") == [*FIELDS["run"]]
    assert first_cells("Packed nodes") == [*FIELDS["nodes"]]


def test_every_limit_is_told() -> None:
    """The table of limits has each limit with its default."""
    rows = re.findall(r"^\| `(\w+)` \|.*\| (.*?) \| `\w+` \|$", SECTIONS["Limits"], re.MULTILINE)
    result = {name: int(re.findall(r"[\d,]+", text)[-1].replace(",", "")) for name, text in rows}
    assert result == {each.name: getattr(LIMITS, each.name) for each in fields(LIMITS)}
    assert f"at most {DEEPEST}" in SECTIONS["Limits"]


def test_numbers_of_the_text() -> None:
    """Constants that the text names are those of the code."""
    assert f"version {migrate.spelled(VERSIONS[-1])}" in FORMAT.splitlines()[0]
    assert f"the first {REPORTED}" in FORMAT
    assert f"no more than {LOOKED_AT:,} names" in FORMAT
    assert f"| {IN_WORDS}; unique |" in FORMAT.replace("`", "")
    assert ID.endswith(f"{{0,{ID_BYTES - 1}}}")
    assert (DEFAULT.rel, DEFAULT.abs) == (1e-9, 1e-12)
    assert "rel is 1e-9 and abs 1e-12" in FORMAT


def test_examples_are_graph_files() -> None:
    """Every JSON block is read without an error or warning."""
    blocks = re.findall(r"^```json\n(.*?)^```", FORMAT, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        assert inspect(block.encode()).diagnostics == ()


def test_the_hashes_are_those_of_the_vectors() -> None:
    """The table of hashes is that of the test vectors, and the graph shown is the first."""
    rows = re.findall(r"^\| (.+) \| `(mgraph1-sha256:\w+)` \|$", FORMAT, re.MULTILINE)
    assert rows == [(vector["why"], vector["hash"]) for vector in VECTORS]
    assert f"```json\n{VECTORS[0]['document']}\n```" in FORMAT


def test_links_lead_somewhere() -> None:
    """Anchors and files are there."""
    anchors = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^##+ (.+)$", FORMAT, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", FORMAT):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        else:
            assert (HERE.parent / "docs" / target).exists(), target


def test_the_rooms_are_drawn_as_they_are() -> None:
    """CONTRIBUTING.md lists every package, in order, and modules of the format and exact math."""
    text = (HERE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawing = text.split("```text\n")[1].split("```")[0]
    assert re.findall(r"^(\w+)  ", drawing, re.MULTILINE) == [*ORDER]
    for start, package, also in (
        ("**The file format**", "format", ["__init__"]),
        ("**Exact math**", "ops.exact", []),
    ):
        block = text.split(start)[1].split("```text\n")[1].split("```")[0]
        listed = re.findall(r"^(\w+)/? ", block, re.MULTILINE)
        below = [
            name.removeprefix(f"{package}.") for name in MODULES if name.startswith(f"{package}.")
        ]
        assert sorted(listed) == sorted({*also, *(name.split(".")[0] for name in below)})


def test_the_modules_that_contributors_call_are_there() -> None:
    """Every `python -m` of CONTRIBUTING.md names a module."""
    text = (HERE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    modules = {*re.findall(r"python -m ([\w.]+)", text)}
    assert {"tests.reference", "tests.hostile", "tests.fuzz", "benchmarks"} <= modules
    assert [name for name in sorted(modules) if find_spec(name) is None] == []


EDITORS = (HERE.parent / "docs" / "editors.md").read_text(encoding="utf-8")


def test_what_editors_are_given() -> None:
    """The graph file is clean, and the task's pattern takes a diagnostic apart."""
    graph, _, tasks = re.findall(r"^```json\n(.*?)^```", EDITORS, re.MULTILINE | re.DOTALL)
    assert inspect(graph.encode()).diagnostics == ()
    (fault,) = inspect(graph.replace("tanh", "tahn").encode(), "a:b.json").diagnostics
    pattern = json.loads(tasks)["tasks"][0]["problemMatcher"]["pattern"]
    found = re.search(pattern["regexp"], str(fault), re.MULTILINE)
    assert found is not None
    assert [found[pattern[key]] for key in ("file", "line", "column", "severity", "code")] == [
        "a:b.json", "6", "23", "error", "unknown-op",
    ]  # fmt: skip
    assert found[pattern["message"]] == fault.message


HOOK = re.compile(r"^- id: (?P<id>[\w-]+)\n(?P<fields>(?:  .*\n)+)", re.MULTILINE)


def test_hooks_for_pre_commit(mgraph: Shell) -> None:
    """Each hook takes a good graph file, refuses a bad one, and is shown; its patterns fit."""
    root = HERE.parent
    hooks = [*HOOK.finditer((root / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))]
    assert [hook["id"] for hook in hooks] == re.findall(r"^ +- id: (.+)$", EDITORS, re.MULTILINE)
    good = str(root / "fixtures" / "neuron.json")
    bad = mgraph.write("bad.json", (root / "fixtures/reject/cycle/three.json").read_bytes())
    for hook in hooks:
        stated = dict(re.findall(r"^  (\w+): (.+)$", hook["fields"], re.MULTILINE))
        program, *words = stated["entry"].split()
        assert (program, stated["language"]) == ("mgraph", "python")
        assert mgraph(*words, good).status == 0
        assert mgraph(*words, good, bad).status == 1
        names = ("a/b.json", "a/b.msgpack", "a/b.py")
        assert [bool(re.search(stated["files"], name)) for name in names] == [True, True, False]


# --- claims ----------------------------------------------------------------------------------


def document(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - plain data
    """Return a small sound document, with other fields."""
    nodes = [
        {"id": "x", "op": "input", "data": 2.0},
        {"id": "y", "op": "neg", "args": ["x"]},
        {"id": "z", "op": "exp", "args": ["x"]},
    ]
    return {"mgraph": "1.0", "nodes": nodes, "outputs": ["y", "z"], **changes}


def as_json(value: object) -> bytes:
    """Encode as JSON; NaN comes out bare."""
    return json.dumps(value).encode()


def packed(**changes: object) -> dict[str, Any]:
    """Return x -> neg as packed nodes, with other columns."""
    columns = {
        "count": 2, "ops": ["input", "neg"], "op": b"\x00\x01", "args": bytes(4), "data": bytes(8),
    }  # fmt: skip
    return {"mgraph": "1.0", "nodes": {**columns, **changes}, "outputs": ["n1"]}


ONE = {"outputs": ["y"]}
INTEGER = '{"mgraph":"1.0","nodes":[{"id":"x","op":"input","data":%s}],"outputs":["x"]}'


@pytest.mark.parametrize(
    ("encode", "content", "expected"),
    [
        (as_json, document(runs=[{"data": {"y": -2.0}}]), "seed /runs/0"),
        (as_json, document(runs=[{"seed": {"y": "inf"}}]), "seed /runs/0/seed/y"),
        (as_json, document(runs=[{"seed": {"x": 1.0}}]), "seed /runs/0/seed/x"),
        (as_json, document(runs=[{"seed": {"y": 0}, "tolerance": {"rel": "inf"}}]),
         "number /runs/0/tolerance/rel"),
        (as_json, document(runs=[], meta={"k": "v" * 1025}), "limit /meta/k"),
        (as_json, document(meta=2**53 + 1), "number /meta"),
        (as_json, document(meta=[2.5, None, {"a": -(2**53)}]), ""),
        (as_json, document(**ONE), "unreached /nodes/2"),
        (str.encode, INTEGER % "NaN", "number /nodes/0/data"),
        (str.encode, INTEGER % "-1e999", "number /nodes/0/data"),
        (str.encode, INTEGER % str(2**53 + 1), "rounded /nodes/0/data"),
        (str.encode, INTEGER % "1e-999", ""),
        (msgpack.packb, document(), ""),
        (msgpack.packb, document(runs=[{"seed": {"y": 1.0}, "data": {"y": float("nan")}}]), ""),
        (msgpack.packb, document(meta=msgpack.ExtType(1, b"x")), "type /meta"),
        (msgpack.packb, [(1, 2)], "format "),
        (msgpack.packb, {1: 2}, "type "),
        (msgpack.packb, packed(), ""),
        (msgpack.packb, packed(id={"at": bytes(4), "value": ["n1"]}),
         "duplicate-id /nodes/id/value/0"),
        (msgpack.packb, packed(id={"at": bytes(4), "value": ["n0"]}), "packed /nodes/id/value/0"),
        (msgpack.packb, packed(args=b"\x01\x00\x00\x00"), "cycle /nodes/args/0"),
        (msgpack.packb, {**packed(), "runs": [{"data": {}, "grad": {"value": bytes(16)}}]}, ""),
        (msgpack.packb, {**packed(), "runs": [{"data": {"at": b"", "value": b""}}]},
         "packed /runs/0/data/at"),
    ],
)  # fmt: skip
def test_claims_on_what_is_read(
    encode: Callable[[Any], bytes],
    content: Any,  # noqa: ANN401
    expected: str,
) -> None:
    """Code and pointer are what the text says; nothing: accepted without a word."""
    found = inspect(encode(content))
    assert " ".join(f"{each.code} {each.pointer}" for each in found.diagnostics) == expected


def test_packed_nodes_go_with_packed_runs() -> None:
    """A run as in JSON is refused beside packed nodes, and a packed one beside rows."""
    by_id = {**packed(), "runs": [{"data": {"n1": 2.0}}]}
    first = inspect(msgpack.packb(by_id)).diagnostics[0]
    assert (first.code, first.pointer) == ("unknown-field", "/runs/0/data/n1")
    columns = document(**ONE, runs=[{"data": {"value": bytes(24)}}])
    first = inspect(msgpack.packb(columns)).diagnostics[0]
    assert (first.code, first.pointer) == ("number", "/runs/0/data/value")


def test_where_truncated_msgpack_is_refused() -> None:
    """At the end if an item is missing, at the header of a string that is cut."""
    data = msgpack.packb({"mgraph": "1.0", "name": "a name"})
    (missing,) = inspect(data[: data.index(b"\xa4name")]).diagnostics
    assert (missing.code, missing.offset) == ("syntax", data.index(b"\xa4name"))
    (cut,) = inspect(data[:-1]).diagnostics
    assert (cut.code, cut.offset) == ("syntax", data.index(b"\xa6a name"))


def test_what_is_empty_is_not_written() -> None:
    """Empty args, inputs, seed, origin and runs say nothing, and are left out."""
    run = {"inputs": {}, "seed": {}, "origin": "", "data": {"x": 2.0}}
    written = rewritten(document(**ONE, runs=[run]))
    assert written["runs"] == [{"data": {"x": 2.0}}]
    assert "runs" not in rewritten(document(runs=[]))
    nodes = [{"id": "x", "op": "input", "args": []}]
    assert rewritten(document(nodes=nodes, outputs=["x"]))["nodes"] == [{"id": "x", "op": "input"}]


def test_minus_zero_as_an_integer() -> None:
    """-0 is -0.0, and is written so."""
    graph = inspect((INTEGER % "-0").encode()).graph
    assert graph is not None
    assert str(graph.columns.data[0]) == "-0.0"


def rewritten(content: object) -> dict[str, Any]:
    """Return a document as mgraph writes it."""
    from mgraph.format.writing import to_json  # noqa: PLC0415 - used here only

    graph = inspect(as_json(content)).graph
    assert graph is not None
    written: dict[str, Any] = json.loads(b"".join(to_json(graph)))
    return written


UNITS = {"µs": 1e-6, "ms": 1e-3, "s": 1.0, "rows/s": 1.0}
NEAR = 3.0
"""By what factor a figure may differ from the one that a page rounds: machines do."""


def test_scale_has_figures_of_the_benchmarks() -> None:
    """Each figure that docs/scale.md reckons with is about what was measured last."""
    page = (HERE.parent / "docs" / "scale.md").read_text(encoding="utf-8")
    stored = json.loads((HERE.parent / "benchmarks" / "figures.json").read_text(encoding="utf-8"))
    rows = re.findall(r"^\| (.*) \| (\w+) \| ([0-9.,]+) (\S+) \|$", page, re.MULTILINE)
    assert len(rows) == page.partition("\n## ")[0].count("\n| ") - 1
    for figure, table, number, unit in rows:
        (found,) = (x for x in stored[table]["figures"] if figure in x.values())
        measured = found["rows_per_second" if unit == "rows/s" else "seconds"]
        stated = float(number.replace(",", "")) * UNITS[unit]
        assert 1 / NEAR < stated / measured < NEAR, (figure, measured)


def test_accuracy_has_every_library() -> None:
    """Both tables of docs/accuracy.md have a column for each math library and for the page's."""
    from mgraph.engine.tape.libraries import NAMES  # noqa: PLC0415 - needs an extra

    page = (HERE.parent / "docs" / "accuracy.md").read_text(encoding="utf-8")
    headings = re.findall(r"^\| op \| (.*) \|$", page, re.MULTILINE)
    assert headings == [" | ".join((*NAMES, "V8"))] * 2


def test_the_size_of_the_golden_set() -> None:
    """Pages say how many graphs and runs engines are graded with; they are counted."""
    cases = [*cases_of([str(golden_set())])]
    graphs = len({case.file for case in cases})
    pages = {
        "grade.md": f"{graphs} graphs with {len(cases)} runs",
        "teaching.md": f"all {len(cases)} cases",
    }
    for name, words in pages.items():
        text = (HERE.parent / "docs" / name).read_text(encoding="utf-8")
        assert words in " ".join(text.split()), name
