"""mgraph: computation graphs as files.

A graph of scalar operations is declared in a versioned JSON or msgpack file, loaded into live
Values, run forward and backward, and written back with every value and gradient.

PYTEST_DONT_REWRITE: there is nothing to rewrite here. Without this line, pytest warns programs
that import mgraph and then call pytest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mgraph import nn
    from mgraph.codec import Limits
    from mgraph.document import Graph, load, loads, save
    from mgraph.errors import Diagnostic, GraphError
    from mgraph.exact_value import ExactValue
    from mgraph.exporting import export
    from mgraph.format import FORMAT_VERSION as FORMAT_VERSION
    from mgraph.graph.run import Run, Tolerance
    from mgraph.importing import from_jax, from_onnx, from_torch
    from mgraph.ops.exact_sum import ExactSum
    from mgraph.trace import record
    from mgraph.value import Value
    from mgraph.value import maximum as max  # noqa: A004 - as documented: mgraph.max
    from mgraph.value import minimum as min  # noqa: A004
    from mgraph.value import total as sum  # noqa: A004

__version__ = "0.1.0"

_SOURCES = {
    "Diagnostic": "errors",
    "ExactSum": "ops.exact_sum",
    "ExactValue": "exact_value",
    "FORMAT_VERSION": "format",
    "Graph": "document",
    "GraphError": "errors",
    "Limits": "codec",
    "Run": "graph.run",
    "Tolerance": "graph.run",
    "Value": "value",
    "export": "exporting",
    "from_jax": "importing",
    "from_onnx": "importing",
    "from_torch": "importing",
    "load": "document",
    "loads": "document",
    "max": "value:maximum",
    "min": "value:minimum",
    "nn": "nn",
    "record": "trace",
    "save": "document",
    "sum": "value:total",
}

__all__ = [
    "Diagnostic",
    "ExactSum",
    "ExactValue",
    "Graph",
    "GraphError",
    "Limits",
    "Run",
    "Tolerance",
    "Value",
    "export",
    "from_jax",
    "from_onnx",
    "from_torch",
    "load",
    "loads",
    "max",
    "min",
    "nn",
    "record",
    "save",
    "sum",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    """Import a public name when it is first used, so that no command pays for the others."""
    if name in ("client", "rows", "training"):  # not public names: a * must not need an extra
        return import_module(f"{__name__}.{name}")
    if name not in _SOURCES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    source, _, attribute = _SOURCES[name].partition(":")
    module = import_module(f"{__name__}.{source}")
    value = module if source == name else getattr(module, attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
