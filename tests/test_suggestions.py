"""Suggestions: names that people know from elsewhere, abbreviations and misspellings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from mgraph.build.functions import FUNCTIONS
from mgraph.cli import COMMANDS
from mgraph.format.fields import FIELDS
from mgraph.format.reading import inspect
from mgraph.ops import NAMES
from mgraph.suggestions import OTHER_NAMES, closest

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
