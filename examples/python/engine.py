"""The smallest engine that `mgraph grade --cmd` takes: eight ops, the standard library, no mgraph.

It shows the simple protocol of ../README.md, with one document per process. To write your own, keep
`main` and replace `forward` and `backward` with your engine; what it can't do yet is unsupported.
"""

from __future__ import annotations

import json
import math
import sys
from typing import Any

LEAVES = ("input", "param", "const")
OPS: dict[str, Any] = {  # value and partials; the partials also get the value, y
    "add": (lambda a, b: a + b, lambda a, b, y: (1.0, 1.0)),
    "sub": (lambda a, b: a - b, lambda a, b, y: (1.0, -1.0)),
    "mul": (lambda a, b: a * b, lambda a, b, y: (b, a)),
    "neg": (lambda x: -x, lambda x, y: (-1.0,)),
    "abs": (abs, lambda x, y: (1.0 if x > 0 else -1.0 if x < 0 else 0.0,)),
    "atan": (math.atan, lambda x, y: (1.0 / (1.0 + x * x),)),
    "tanh": (math.tanh, lambda x, y: (1.0 - y * y,)),
    "relu": (lambda x: 0.0 if x <= 0 else x, lambda x, y: (1.0 if x > 0 else 0.0,)),
}


class UnsupportedError(Exception):
    """The document may be right, but this engine can't run it."""


def forward(document: dict[str, Any], inputs: dict[str, Any]) -> dict[str, float]:
    """Return the value of every node."""
    data: dict[str, float] = {}
    for node in document["nodes"]:
        name, op, args = node["id"], node["op"], node.get("args", [])
        if op in LEAVES:
            # float() also reads the strings "nan", "inf" and "-inf"; JSON has no such numbers.
            data[name] = float(inputs.get(name, node.get("data")))
        elif op not in OPS:
            raise UnsupportedError(f"op {op!r}")
        elif not all(arg in data for arg in args):
            raise UnsupportedError("a node that comes before its arguments")
        else:
            value, _ = OPS[op]
            data[name] = value(*(data[arg] for arg in args))
    return data


def backward(
    document: dict[str, Any], seeds: dict[str, float], data: dict[str, float]
) -> dict[str, float]:
    """Return the adjoints of the nodes that have one: "no path" is not the same as "zero"."""
    grad = {name: 0.0 + seed for name, seed in seeds.items()}
    for node in reversed(document["nodes"]):
        name, args = node["id"], node.get("args", [])
        if node["op"] == "const":
            grad.pop(name, None)  # receives no gradient
        elif args and name in grad:
            _, partials = OPS[node["op"]]
            local = partials(*(data[arg] for arg in args), data[name])
            for arg, partial in zip(args, local, strict=True):
                # Add, because a node may be used several times, even by one op.
                grad[arg] = grad.get(arg, 0.0) + grad[name] * partial
    return grad


def seeds_of(document: dict[str, Any], run: dict[str, Any]) -> dict[str, float]:
    """Return the run's seeds; without any, the only output starts with 1."""
    if run.get("seed"):
        return dict(run["seed"])
    (output,) = document["outputs"]
    return {output: 1.0}


def spelled(numbers: dict[str, float]) -> dict[str, float | str]:
    """Replace numbers that JSON can't write by strings."""
    return {name: x if math.isfinite(x) else str(x) for name, x in numbers.items()}


def main() -> None:
    """Read a document from standard input, complete its run, and write it to standard output."""
    document = json.load(sys.stdin.buffer)
    if document["mgraph"] != "1.0":
        raise UnsupportedError(f"format {document['mgraph']!r}")
    (run,) = document["runs"]
    data = forward(document, run.get("inputs", {}))
    grad = backward(document, seeds_of(document, run), data)
    run.update(data=spelled(data), grad=spelled(grad))
    print(json.dumps(document))
    sys.stdout.close()  # writes it now, so that a full disk is an error like any other


if __name__ == "__main__":
    try:
        main()
    except UnsupportedError as error:
        print(f"unsupported: {error}", file=sys.stderr)
        sys.exit(3)
    except Exception as error:  # noqa: BLE001 - every error is reported in one line
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
