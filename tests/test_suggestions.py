"""Suggestions: names that people know from elsewhere, abbreviations and misspellings."""

from __future__ import annotations

import json
from difflib import SequenceMatcher, get_close_matches
from typing import TYPE_CHECKING, Any

import pytest

from mgraph.build.functions import FUNCTIONS
from mgraph.cli import COMMANDS
from mgraph.format.fields import FIELDS
from mgraph.format.reading import inspect
from mgraph.ops import NAMES
from mgraph.suggestions import OTHER_NAMES, Suggestions, closest

if TYPE_CHECKING:
    from mgraph.errors import Diagnostic

COMMAND_NAMES = [name for names in COMMANDS.values() for name in names]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *[("ReLU", "relu"), ("TANH", "tanh"), ("Sigmoid", "sigmoid")],  # other case
        *[("sig", "sigmoid"), ("soft", "softplus"), ("para", "param")],  # abbreviations
        *[("multiply", "mul"), ("parameter", "param"), ("constant", "const"), ("*", "mul")],
        *[("tahn", "tanh"), ("sigmiod", "sigmoid"), ("tanhh", "tanh"), ("RleU", "relu")],
        *[("square", ""), ("zeta", ""), ("si", "sin"), ("", ""), ("x" * 200, "")],
    ],
)
def test_ops(name: str, meant: str) -> None:
    """An op in other letters, shortened, misspelt, or as others call it; nothing is far-fetched."""
    assert closest(name, NAMES) == meant


@pytest.mark.parametrize(
    ("name", "meant"),
    [("value", "data"), ("inputs", "args"), ("name", "id"), ("type", "op"), ("lable", "label")],
)
def test_fields_of_a_node(name: str, meant: str) -> None:
    """What other formats call the fields of a node."""
    assert closest(name, FIELDS["node"]) == meant


@pytest.mark.parametrize(
    ("name", "meant"),
    [("train", ""), ("show", "draw"), ("grad", "run"), ("rnu", "run"), ("Diff", "diff")],
)
def test_commands(name: str, meant: str) -> None:
    """A command that does something else is no suggestion: trace does not train."""
    assert closest(name, [name for name in COMMAND_NAMES if name != "train"]) == meant
    assert closest("fit", COMMAND_NAMES) == "train"


def test_other_names_lead_to_known_ones() -> None:
    """Every name in the table is in lower case and leads to an op, a field or a command."""
    known = {
        *NAMES,
        *FUNCTIONS,
        *COMMAND_NAMES,
        *(name for names in FIELDS.values() for name in names),
    }
    for other, meant in OTHER_NAMES.items():
        assert other == other.lower()
        assert known.issuperset(meant), other
        assert other not in NAMES


def faults(*nodes: dict[str, Any]) -> list[Diagnostic]:
    """Return what is said of a file with the input x and these nodes, the last one its output."""
    x = {"id": "x", "op": "input", "data": 1.0}
    document = {"mgraph": "1.0", "nodes": [x, *nodes], "outputs": [nodes[-1]["id"]]}
    return [*inspect(json.dumps(document).encode()).diagnostics]


def test_value_in_a_file_means_data() -> None:
    """A field by another name is one fault, not also a missing field."""
    (fault,) = faults(
        {"id": "w", "op": "param", "value": 2}, {"id": "y", "op": "neg", "args": ["w"]}
    )
    assert (fault.code, fault.fix) == ("unknown-field", 'did you mean "data"?')


def test_inputs_of_a_node_mean_args() -> None:
    """The arguments by another name are one fault, not also the wrong number of arguments."""
    (fault,) = faults({"id": "y", "op": "mul", "inputs": ["x", "x"]})
    assert (fault.code, fault.fix) == ("unknown-field", 'did you mean "args"?')


@pytest.mark.parametrize(("op", "meant"), [("ReLU", "relu"), ("multiply", "mul"), ("+", "add")])
def test_ops_of_a_file(op: str, meant: str) -> None:
    """An unknown op is reported with the one that was meant."""
    fault = faults({"id": "y", "op": op, "args": ["x"]})[0]
    assert (fault.code, fault.fix) == ("unknown-op", f'did you mean "{meant}"?')


def test_a_malformed_id_is_not_suggested() -> None:
    """It must be changed itself; a well-formed id is suggested instead, if it is similar, too."""
    nodes = [{"id": name, "op": "input"} for name in ("1bias", "bias1", "2nd")]
    used = [{"id": f"y{i}", "op": "neg", "args": [arg]} for i, arg in enumerate(("bias", "nd"))]
    fixes = [fault.fix for fault in faults(*nodes, *used) if fault.code == "unknown-node"]
    assert fixes == ['did you mean "bias1"?', "declare it, or name another"]


def test_long_names_are_compared_with_a_few_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long names that are nearly the same take hardly more work than one comparison with each.

    Comparing all of them letter by letter would take minutes for a file of 150 KB.
    """
    count = 0
    ratio = SequenceMatcher.ratio

    def counted(matcher: SequenceMatcher[str]) -> float:
        nonlocal count
        count += 1
        return ratio(matcher)

    monkeypatch.setattr(SequenceMatcher, "ratio", counted)
    alike, hostile = "x" * 110, ("aab" * 40)[:117]
    known = [f"{alike}{i:06}" for i in range(900)] + [f"{hostile}{i:06}" for i in range(900)]
    hints = Suggestions()
    assert hints.closest(f"{alike[:109]}z000000", known) == f"{alike}000000"
    for i in range(100):
        hints.closest(f"{alike[:109]}z{i:06}", known)
        hints.closest(f"{'a' * 117}{i:06}", known)
    assert 0 < count < 100
    assert hints.closest(f"{alike}00000", known) == ""  # there were too many before it


def test_the_most_similar_name_is_that_of_difflib() -> None:
    """Looking at the likeliest names first finds what comparing with all of them does."""
    known = [f"layer{i}.n{j}.w{k}" for i in range(3) for j in range(9) for k in range(9)]
    for name in (
        "layr2.n3.w2",
        "layer1n3.w2",
        "layerr.n8.w1",
        "leyer0.n.w8",
        "lay.w",
        "layer.n7w77",
    ):
        assert [closest(name, known)] == (get_close_matches(name, known, 1, 0.65) or [""])
