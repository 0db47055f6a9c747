"""The plan of a job: what decides its results, and its parts; a hash of both is the job's id."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

import mgraph
from mgraph.engine.tape.fingerprint import fingerprint
from mgraph.errors import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mgraph.rows.sources import Part

VERSION: Final = 1
"""The version of plans: it changes when the same plan would give other bytes."""

PART_ROWS: Final = 2**20
"""The rows of a part, unless somebody chooses."""


@dataclass(frozen=True)
class Plan:
    """What decides the bytes of all parts of a job.

    No paths, times, workers or machines are in it, so that a job can be resumed elsewhere.

    Attributes:
        graph: The canonical hash of the graph.
        options: The options that change results, as plain data.
        inputs: Name, relative to where it was looked for, and size of each file, in order.
        parts: The rows of each part.
        math: Name and fingerprint of the math library.
        versions: The versions of mgraph and pyarrow.
    """

    graph: str
    options: Mapping[str, Any]
    inputs: tuple[tuple[str, int], ...]
    parts: tuple[Part, ...]
    math: tuple[str, str]
    versions: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        return {
            "plan": VERSION,
            "graph": self.graph,
            "options": dict(self.options),
            "inputs": [{"name": name, "size": size} for name, size in self.inputs],
            "parts": [[*part] for part in self.parts],
            "math": {"library": self.math[0], "sha256": self.math[1]},
            "versions": dict(self.versions),
        }

    @property
    def id(self) -> str:
        """The SHA-256 of the plan as canonical JSON: ASCII, keys sorted, no spaces."""
        return hashlib.sha256(canonical(self.as_json())).hexdigest()


def canonical(value: object) -> bytes:
    """Return plain data as canonical JSON: ASCII, keys sorted, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def versions() -> dict[str, str]:
    """Return the versions of the packages that parts depend on."""
    return {"mgraph": mgraph.__version__, "pyarrow": pa.__version__}


def environment(math: str) -> dict[str, str]:
    """Return what the bits of results depend on besides the job, by what messages call it.

    Args:
        math: The name of the math library, as it was asked for.

    Raises:
        MissingExtraError: It is not on this machine.
    """
    library, sha256 = fingerprint(math)
    named = {f"the version of {name}": version for name, version in versions().items()}
    return {**named, "the math library": library, "the results of the math library": sha256}


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Yield what differs between two plans, as `as_json` returns them, for messages."""
    if old.get("plan") != new["plan"]:
        yield "the version of plans"
    if old.get("graph") != new["graph"]:
        yield "the graph"
    for name in new["options"]:
        before, now = _member(old, "options", name), new["options"][name]
        if before != now:
            yield f"the option {name} (was {_shown(before)}, is {_shown(now)})"
    yield from _input_differences(old.get("inputs"), new["inputs"])
    if old.get("inputs") == new["inputs"] and old.get("parts") != new["parts"]:
        yield "where the parts begin"
    for name, kind in (
        ("library", "the math library"),
        ("sha256", "the results of the math library"),
    ):
        if _member(old, "math", name) != new["math"][name]:
            yield kind
    for name, now in new["versions"].items():
        before = _member(old, "versions", name)
        if before != now:
            yield f"the version of {name} (was {before}, is {now})"


def _member(plan: Mapping[str, Any], field: str, name: str) -> Any:  # noqa: ANN401 - plain data
    members = plan.get(field)
    return members.get(name) if isinstance(members, dict) else None


def _shown(value: object) -> str:
    return quoted(value)


def _input_differences(old: Any, new: list[Any]) -> Iterator[str]:  # noqa: ANN401 - plain data
    old = old if isinstance(old, list) else []
    for before, now in zip(old, new, strict=False):
        if before != now:
            yield f"the input {quoted(now['name'])}"
    if len(old) != len(new):
        yield f"the number of inputs (was {len(old):,}, is {len(new):,})"
