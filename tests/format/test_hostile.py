"""Hostile files are told exactly what is wrong with them, and where."""

import json
import unicodedata
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from mgraph.codec import LIMITS, Limits
from mgraph.errors import CODES, WARNINGS, Diagnostic
from mgraph.format.reading import Inspection, inspect
from tests.hostile.case import REPORTED
from tests.hostile.frames import NEURON, document, packed_open, runs
from tests.hostile.of_size import LargeCase, large_cases
from tests.hostile.pack import f64, pack, u32
from tests.hostile.tree import FIXTURES, FOLDERS, write
from tests.loops import looped

Expected = dict[str, Any]

DIAGNOSTIC = ".diagnostic.json"
EXPECTATIONS = sorted(chain(*((FIXTURES / it).rglob(f"*{DIAGNOSTIC}") for it in FOLDERS)))
ELSEWHERE = {"io", "size", "column", "link"}  # no single small graph file has these faults

ASCII_NEURON = (
    document(
        NEURON.values(),
        head=('"doc": "a \\"neuron\\"\\u0021"', '"meta": [null, true, -1.5e-3]'),
        tail=(runs('{"inputs": {"x1": "nan"}, "seed": {"o": 1}}'),),
    )
    .replace("₁", "1")
    .replace("₂", "2")
    .rstrip()
)
PACKED = pack(
    packed_open(
        runs=[{"data": {"value": f64(1.0, 0.25, 2.25)}, "inputs": {"x": 1.0}}],
        label={"at": u32(0), "value": ["ξ" * 20]},
        meta={"at": u32(1), "value": [[None, True, 300, -300, "m"]]},
    )
)


def subject(expectation: Path) -> Path:
    """Return the file that an expectation is about."""
    stem = expectation.name.removesuffix(DIAGNOSTIC)
    (found,) = (
        path
        for path in (expectation.with_name(stem + suffix) for suffix in (".json", ".msgpack"))
        if path.exists()
    )
    return found


def name_of(path: Path) -> str:
    """Name a fixture in a test's id."""
    return str(path.relative_to(FIXTURES)).removesuffix(DIAGNOSTIC)


def result(diagnostic: Diagnostic, wanted: Expected) -> Expected:
    """Return the fields of a diagnostic that an expectation has."""
    fields = {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "pointer": diagnostic.pointer,
    }
    places = ("offset",) if "offset" in wanted else ("line", "column")
    return fields | {place: getattr(diagnostic, place) for place in places}


def assert_told(inspection: Inspection, expected: list[Expected], more: int = 0) -> None:
    """Exactly the expected diagnostics, in order, each a presentable line."""
    got = inspection.diagnostics
    places = [*expected, *[expected[-1] if expected else {}] * len(got)]
    assert [result(each, place) for each, place in zip(got, places, strict=False)] == expected
    assert inspection.more == more
    for each in got:
        assert each.message
        for text in (each.message, each.expected, each.fix):
            assert not any(unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"} for char in text)
    refused = any(each["severity"] == "error" for each in expected)
    assert (inspection.graph is None) == refused


def test_files_are_what_the_generator_writes(tmp_path: Path) -> None:
    """No file was edited by hand, none is missing, none is left over."""
    write(tmp_path)
    for folder in FOLDERS:
        assert tree_of(FIXTURES / folder) == tree_of(tmp_path / folder)


def tree_of(root: Path) -> dict[str, bytes]:
    """Return relative path and content of every file."""
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_every_code_has_a_file() -> None:
    """Each reason to refuse a file has a folder that is named for it, each warning too."""
    assert {path.name for path in (FIXTURES / "reject").iterdir()} == set(CODES) - ELSEWHERE
    assert {path.name for path in (FIXTURES / "warn").iterdir()} == {*WARNINGS, "accepted"}


@pytest.mark.parametrize("expectation", EXPECTATIONS, ids=name_of)
def test_file_is_told_what_is_wrong(expectation: Path) -> None:
    """Code, severity, pointer and place of every diagnostic are those expected."""
    expected = json.loads(expectation.read_text(encoding="utf-8"))
    path = subject(expectation)
    inspection = inspect(path.read_bytes(), path.name)
    assert_told(inspection, expected["diagnostics"], expected.get("more", 0))


@pytest.mark.parametrize(
    "expectation", [it for it in EXPECTATIONS if b'"same_as"' in it.read_bytes()], ids=name_of
)
def test_other_spelling_is_the_same_graph(expectation: Path) -> None:
    """A file that only looks different has the hash of the plain one."""
    path = subject(expectation)
    plain = path.with_name(json.loads(expectation.read_text(encoding="utf-8"))["same_as"])
    graph, same = (inspect(it.read_bytes(), it.name).graph for it in (path, plain))
    assert graph is not None
    assert same is not None
    assert graph.hash == same.hash


@pytest.mark.parametrize("large", tuple(large_cases()), ids=lambda large: large.case.name)
def test_large_file_is_told_what_is_wrong(large: LargeCase) -> None:
    """Limits hold for files too large to keep, and are told as any other fault."""
    data, expected = large.case.render()
    limits: Limits = LIMITS.raised(large.limits)
    assert_told(inspect(data, large.case.filename, limits), expected[:REPORTED])


@looped("length", range(len(ASCII_NEURON)))
def test_cut_json_is_refused_at_its_end(length: int) -> None:
    """Whatever of a document is left, the fault is that it ends there."""
    text = ASCII_NEURON[:length]
    line, column = text.count("\n") + 1, length - text.rfind("\n")
    expected = {"code": "syntax", "severity": "error", "pointer": "", "line": line}
    assert_told(inspect(text.encode(), "cut.json"), [expected | {"column": column}])


def test_an_id_that_starts_with_a_digit() -> None:
    """The message says that the digit is the fault."""
    (fault,) = inspect((FIXTURES / "reject/id/digit_first.json").read_bytes()).diagnostics
    assert fault.message == '"1x" can\'t be an id: it starts with a digit'


@looped("length", range(1, len(PACKED.data)))
def test_cut_msgpack_is_refused(length: int) -> None:
    """Whatever of a packed file is left, the fault is the item that is cut or missing."""
    offset = max(it for it in PACKED.atoms if it <= length)
    expected = {"code": "syntax", "severity": "error", "pointer": "", "offset": offset}
    assert_told(inspect(bytes(PACKED.data[:length]), "cut.msgpack"), [expected])
