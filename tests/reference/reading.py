"""Graph files read back, with no check whatever: the golden files are known to be right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .evaluate import Node

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .layout import JsonObject


def nodes_of(document: JsonObject) -> tuple[Node, ...]:
    """Return the nodes, in file order."""
    return tuple(
        Node(
            node["id"],
            node["op"],
            args=tuple(node.get("args", ())),
            data=float(node["data"]) if "data" in node else None,
        )
        for node in document["nodes"]
    )


def numbers(table: Mapping[str, float | str]) -> dict[str, float]:
    """Return a run's table as numbers: "nan" and "inf" are strings in the file."""
    return {id_: float(number) for id_, number in table.items()}


def seed_of(document: JsonObject, run: JsonObject) -> dict[str, float]:
    """Return the seed of a run, which may go without saying when there is one output."""
    return run.get("seed") or dict.fromkeys(document["outputs"], 1.0)


def is_complete(document: JsonObject, run: JsonObject) -> bool:
    """Say whether a gradient that the run leaves out must not exist: see docs/format.md."""
    return "graph" in run and len(run.get("data", ())) == len(document["nodes"])
