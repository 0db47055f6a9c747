"""Graphs as programs of other languages, and as models of other systems."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.errors import GraphError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mgraph.document import Graph


class Target(NamedTuple):
    """What a graph can be exported to.

    Attributes:
        about: What is written, for people.
        extensions: Those of files that are written for it if nothing else is said.
        nodes: The most nodes; compilers need too long, or too much memory, for longer programs.
    """

    about: str
    extensions: tuple[str, ...]
    nodes: int


TARGETS: Final[Mapping[str, Target]] = MappingProxyType(
    {
        "python": Target("Python without dependencies", (".py",), 50_000),
        "numpy": Target("NumPy over columns", (), 50_000),
        "torch": Target("a PyTorch module", (), 20_000),
        "jax": Target("JAX functions", (), 10_000),
        "c": Target("C99, header and source", (".c",), 10_000),
        "javascript": Target("an ES module", (".js", ".mjs"), 50_000),
        "onnx": Target("an ONNX model, values only", (".onnx",), 10_000),
        "micrograd": Target("the program that a learner would write", (), 50_000),
    }
)
"""Where graphs can be exported to, by name."""


@dataclass(frozen=True)
class Exported:
    """A graph as a program.

    Attributes:
        target: The name of the target.
        files: The content of each file by its name: one, or a C header and its source.
    """

    target: str
    files: Mapping[str, bytes]

    @property
    def data(self) -> bytes:
        """All files one after the other, which are a valid file, too."""
        return b"".join(self.files.values())

    @property
    def text(self) -> str:
        """The same as a text; ONNX has none.

        Raises:
            UnicodeDecodeError: It is an ONNX model.
        """
        return self.data.decode()


def export(graph: Graph, target: str, *, name: str = "") -> Exported:
    """Return a graph as a program.

    Args:
        graph: The graph.
        target: `"python"`, `"numpy"`, `"torch"`, `"jax"`, `"c"`, `"javascript"`, `"onnx"` or
            `"micrograd"`.
        name: What the files, functions or classes are called; empty for the graph's name.

    Raises:
        GraphError: `limit` if the graph has too many nodes for the target; `unbound-input` if the
            target needs a value of each input, and the file has none.
        MissingExtraError: The target is ONNX, and the package onnx is not installed.
        ValueError: There is no such target.
    """
    if target not in TARGETS:
        message = f"there is no target {target!r}: choose one of {', '.join(TARGETS)}"
        raise ValueError(message)
    most = TARGETS[target].nodes
    if len(graph) > most:
        message = f"this graph has {len(graph):,} nodes; {target} takes at most {most:,}"
        fix = (
            "compilers and frameworks take too long for larger programs: use mgraph replay, which "
            "compiles graphs of any size in seconds and runs them over rows"
        )
        raise GraphError.of("limit", message, fix=fix)
    emitter = import_module(f"{__name__}.{target}")
    files: dict[str, str | bytes] = emitter.emit(graph, name)
    encoded = {key: x if isinstance(x, bytes) else x.encode() for key, x in files.items()}
    return Exported(target, MappingProxyType(encoded))
