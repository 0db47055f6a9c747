"""What the bodies of requests ask for, besides graph files."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from mgraph.codec import MSGPACK, Limits, decode, encoding_of, located
from mgraph.document import MATHS
from mgraph.errors import REPORTED, Diagnostic, GraphError, Path, quoted
from mgraph.format.fields import shown
from mgraph.format.fixes import A_NUMBER, number_fix
from mgraph.format.numbers import doubles
from mgraph.graph.run import LIBM
from mgraph.service.work import RunRequested
from mgraph.suggestions import closest, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RUN_SIZE: Final = 2**20
"""The most bytes of a body that asks for a run: 25,000 numbers or more, by ids of any length."""

NAME_SIZE: Final = 2**12
"""The most bytes of a body that points a name to a document, which has 80 or so."""

NUMBER: Final = 'a number, "nan", "inf" or "-inf"'

_OF_RUNS: Final = ("run-node", "seed")
_QUOTED: Final = re.compile('"([^"\\\\…]*)"')
"""How a message names an id; one that is escaped or shortened is not found."""

_RUN: Final[Mapping[str, type]] = {"inputs": dict, "seed": dict, "grad": bool, "math": str}
_NAME: Final[Mapping[str, type]] = {"id": str}
_KINDS: Final = {dict: "an object of numbers by id", bool: "true or false", str: "a text"}


def run_requested(data: bytes, limits: Limits) -> RunRequested:
    """Read the body that asks for a run; an empty one asks for the declared values.

    Raises:
        GraphError: What is wrong with it, and where.
    """
    if not data:
        return RunRequested({}, {})
    body = _read(data, _RUN, limits)
    math = body.get("math", LIBM)
    if math not in MATHS:
        known = " or ".join(map(quoted, MATHS))
        fault = Diagnostic("type", f"math is {shown(math)}", ("math",), expected=known)
        raise _error([fault], [fault], data)
    is_binary = encoding_of(data) == MSGPACK
    numbers: dict[str, dict[str, float]] = {"inputs": {}, "seed": {}}
    for field in numbers:
        given = body.get(field)
        if not given:
            continue
        values = doubles(given.values(), bare=is_binary)
        if values is None:
            wrong = [x for x in given if doubles((given[x],), bare=is_binary) is None]
            raise _error([_not_a_number(field, x, given[x]) for x in wrong[:REPORTED]], wrong, data)
        numbers[field] = dict(zip(given, values, strict=True))
    return RunRequested(**numbers, grad=body.get("grad", True), math=math)


def placed(data: bytes, error: GraphError, wanted: RunRequested, limits: Limits) -> GraphError:
    """Return an error of a run with the places, in the body that asked for it, of ids it names."""
    paths = [_path(diagnostic, wanted) for diagnostic in error.diagnostics]
    with_path = [
        replace(diagnostic, path=path)
        for diagnostic, path in zip(error.diagnostics, paths, strict=True)
        if path
    ]
    others = [
        diagnostic for diagnostic, path in zip(error.diagnostics, paths, strict=True) if not path
    ]
    return GraphError([*located(with_path, data, limits), *others], error.more)


def _path(diagnostic: Diagnostic, wanted: RunRequested) -> Path:
    """Return the path of the id that a diagnostic names first; empty if it names none."""
    if diagnostic.code in _OF_RUNS and (named := _QUOTED.search(diagnostic.message)):
        for field in ("seed",) if diagnostic.code == "seed" else ("inputs", "seed"):
            if named[1] in getattr(wanted, field):
                return (field, named[1])
    return ()


def name_requested(data: bytes, limits: Limits) -> str:
    """Read the body that points a name to a document; return the id.

    Raises:
        GraphError: What is wrong with it, and where.
    """
    body = _read(data, _NAME, limits)
    if "id" not in body:
        fault = Diagnostic("missing-field", "the field id is missing", expected=_KINDS[str])
        raise _error([fault], [fault], data)
    document: str = body["id"]
    return document


def _read(data: bytes, fields: Mapping[str, type], limits: Limits) -> dict[str, Any]:
    """Decode a body as graph files are decoded, and check the types of its fields.

    Raises:
        GraphError: What is wrong with it, and where.
    """
    if not data:
        message = "the body is empty"
        raise GraphError.of("syntax", message, expected=f"an object with {', '.join(fields)}")
    document = decode(data, limits)
    if not isinstance(document, dict):
        message = f"expected an object, not {shown(document)}"
        raise _error([Diagnostic("type", message)], [document], data)
    wrong = [name for name, value in document.items() if type(value) is not fields.get(name)]
    if wrong:
        raise _error([_fault(x, document[x], fields) for x in wrong[:REPORTED]], wrong, data)
    return document


def _fault(name: str, value: object, fields: Mapping[str, type]) -> Diagnostic:
    """Say that a field is unknown, or what is wrong with its type."""
    expected = fields.get(name)
    if expected is not None:
        message = f"{name} is {shown(value)}"
        return Diagnostic("type", message, (name,), expected=_KINDS[expected])
    fix = did_you_mean(closest(name, fields)) or f"the fields are {', '.join(fields)}"
    message = f"there is no field {quoted(name)}"
    return Diagnostic("unknown-field", message, (name,), fix=fix, at_key=True)


def _not_a_number(field: str, name: str, value: object) -> Diagnostic:
    message = f"{quoted(name)} is {shown(value)}"
    fix = number_fix(value, A_NUMBER)
    return Diagnostic("number", message, (field, name), expected=NUMBER, fix=fix)


def _error(faults: Sequence[Diagnostic], wrong: Sequence[object], data: bytes) -> GraphError:
    """Return the error with the first faults, of all that is wrong."""
    return GraphError(located(faults, data), len(wrong) - len(faults))
