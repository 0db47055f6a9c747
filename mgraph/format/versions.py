"""Format versions: reading them, converting between them, and which one a graph needs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from mgraph.errors import Diagnostic, GraphError, quoted
from mgraph.format import VERSIONS
from mgraph.format.fields import NEWER_RUN_FIELDS, shown
from mgraph.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from mgraph.errors import Path

Version = tuple[int, int]
Data = dict[str, Any]

_SPELLING: Final = re.compile(r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})")


def spelled(version: Version) -> str:
    """Format a version as in files."""
    return f"{version[0]}.{version[1]}"


def reader_of(version: Version) -> str:
    """Say which version of mgraph reads a format version, even one that is still to come.

    That can be said because format 1.N is named after the version that brings it, 0.N.0.
    """
    major, minor = version
    return f"mgraph 0.{minor}.0 or newer" if major == 1 else "a newer mgraph"


def version_of(document: object, newest: Version = VERSIONS[-1]) -> Version:
    """Read the format version of a document.

    Raises:
        GraphError: `format` if it has none; `version` if it can't be read, or is too new.
    """
    stated = _as_graph_file(document, newest)["mgraph"]
    match = _SPELLING.fullmatch(stated) if isinstance(stated, str) else None
    if match is None:
        text = quoted(stated) if isinstance(stated, str) else shown(stated)
        message = f"{text} is not a format version"
        expected = f'a string like "{spelled(newest)}"'
        raise GraphError.of("version", message, ("mgraph",), expected=expected)
    return int(match[1]), int(match[2])


def _as_graph_file(document: object, newest: Version) -> Data:
    if isinstance(document, dict) and "mgraph" in document:
        return document
    message = 'there is no "mgraph" field, so this is not a graph file'
    expected = f'an object with "mgraph": "{spelled(newest)}"'
    raise GraphError.of("format", message, expected=expected)


def parsed(text: str) -> Version:
    """Parse a version that somebody typed.

    Raises:
        GraphError: `version` if it is malformed.
    """
    return version_of({"mgraph": text})


def newer_ops(nodes: object, version: Version) -> Iterator[tuple[str, str, Path]]:
    """Find the ops in the nodes of a document that a format version does not have.

    Args:
        nodes: Nodes as objects or packed, not checked.
        version: The format version.

    Yields:
        Who uses the op, its name, and its path in the document.
    """
    newer = {name for name, op in OPS.items() if parsed(op.since) > version}
    if isinstance(nodes, list):
        for i, node in enumerate(nodes):
            op = node.get("op") if isinstance(node, dict) else None
            if isinstance(op, str) and op in newer:
                name = node.get("id")
                who = quoted(name) if isinstance(name, str) else str(i)
                yield f"node {who} uses", op, ("nodes", i, "op")
    used = nodes.get("ops") if isinstance(nodes, dict) else None
    for k, op in enumerate(used if isinstance(used, list) else ()):
        if isinstance(op, str) and op in newer:
            yield '"ops" names', op, ("nodes", "ops", k)


def newer_fields(runs: object, version: Version) -> Iterator[tuple[str, Path]]:
    """Find the fields of runs that a format version does not have.

    Args:
        runs: Runs, not checked.
        version: The format version.

    Yields:
        The name of the field, and its path in the document.
    """
    newer = [name for name, since in NEWER_RUN_FIELDS.items() if parsed(since) > version]
    for i, run in enumerate(runs if newer and isinstance(runs, list) else ()):
        for name in newer if isinstance(run, dict) else ():
            if name in run:
                yield name, ("runs", i, name)


def newer_faults(document: Mapping[str, object], version: Version) -> Iterator[Diagnostic]:
    """Report the ops and fields in a document that the version that it states does not have."""
    for who, op, path in newer_ops(document.get("nodes"), version):
        since = OPS[op].since
        message = f"{who} op {quoted(op)}, which format {spelled(version)} does not have"
        expected = f"an op of format {spelled(version)}"
        yield Diagnostic("unknown-op", message, path, expected, f'state "mgraph": "{since}"')
    for name, path in newer_fields(document.get("runs"), version):
        since = NEWER_RUN_FIELDS[name]
        message = f"run {path[1]} has {quoted(name)}, which format {spelled(version)} does not have"
        expected = f"a field of format {spelled(version)}"
        fix = f'state "mgraph": "{since}"'
        yield Diagnostic("unknown-field", message, path, expected=expected, fix=fix, at_key=True)


def _to_1_1(data: Data) -> Data:
    """Bring a document of 1.0 to 1.1, which adds ops, and the field `math` of a run."""
    return {**data, "mgraph": "1.1"}


def _to_1_0(data: Data) -> Data:
    """Bring a document of 1.1 to 1.0.

    Raises:
        GraphError: `version` for every node with an op, and every run with a field, that 1.0 does
            not have.
    """
    lacks = "which format 1.0 does not have"
    leave_out = "--strip leaves out the runs"
    faults = [
        Diagnostic("version", f"{who} op {quoted(op)}, {lacks}", path)
        for who, op, path in newer_ops(data.get("nodes"), (1, 0))
    ]
    faults += (
        Diagnostic("version", f"run {path[1]} has {quoted(name)}, {lacks}", path, fix=leave_out)
        for name, path in newer_fields(data.get("runs"), (1, 0))
    )
    if faults:
        raise GraphError(faults)
    return {**data, "mgraph": "1.0"}


UP: Final[Mapping[Version, Callable[[Data], Data]]] = {(1, 0): _to_1_1}
"""From a version, the step to the next one. A step returns new data and changes none."""

DOWN: Final[Mapping[Version, Callable[[Data], Data]]] = {(1, 1): _to_1_0}
"""From a version, the step to the one before.

A step raises `GraphError`, naming every node and run that the older version can't express.
"""


def upgraded(
    document: object,
    versions: tuple[Version, ...] = VERSIONS,
    steps: Mapping[Version, Callable[[Data], Data]] = UP,
) -> Data:
    """Bring a document of any released version to the newest, in memory.

    Raises:
        GraphError: `format`, or `version`: unknown, or newer than this mgraph.
    """
    version = version_of(document, versions[-1])
    if version not in versions:
        reads = spelled(versions[-1])
        message = f"needs format {spelled(version)}, this mgraph reads up to {reads}"
        fix = f"upgrade: {reader_of(version)} reads it" if version > versions[-1] else ""
        raise GraphError.of("version", message, ("mgraph",), expected=reads, fix=fix)
    data = _as_graph_file(document, versions[-1])
    for older in versions[versions.index(version) : -1]:
        data = steps[older](data)
    return data


def downgraded(
    document: Data,
    target: Version,
    versions: tuple[Version, ...] = VERSIONS,
    steps: Mapping[Version, Callable[[Data], Data]] = DOWN,
) -> Data:
    """Bring a document back to an older version.

    Raises:
        GraphError: `version` if there is no such version; otherwise what a step raises.
    """
    version = version_of(document, versions[-1])
    if target not in versions:
        known = ", ".join(spelled(version) for version in versions)
        message = f"there is no format {spelled(target)}"
        raise GraphError.of("version", message, expected=f"one of {known}")
    path = versions[versions.index(target) + 1 : versions.index(version) + 1]
    for newer in reversed(path):
        document = steps[newer](document)
    return document


def lowest(op_names: Iterable[str], run_fields: Iterable[str] = ()) -> Version:
    """Return the lowest version that has all these ops, and all these fields of runs."""
    since = [OPS[name].since for name in op_names if name in OPS]
    since += (NEWER_RUN_FIELDS[name] for name in run_fields if name in NEWER_RUN_FIELDS)
    return max(map(parsed, since), default=VERSIONS[0])
