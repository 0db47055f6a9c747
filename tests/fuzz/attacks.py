"""Files that want the reader's memory, or its time: a little says a lot.

`python -m tests.fuzz.attacks` reads each of them with as little memory as `oracle` promises, and
prints what became of it as one line of JSON.
"""

from __future__ import annotations

import json
import resource
import struct
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgpack

from mgraph.format.reading import inspect
from tests.fuzz.oracle import CONSTANT, MULTIPLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MANY: Final = 25_000
"""So many of something that a hint for each would take minutes."""

SQUARE: Final = 50_000
"""So many of two things that each with each would take a minute at least."""

MILLION: Final = 1_000_000
BILLION: Final = struct.pack(">I", 10**9)
LEAF: Final = {"id": "a", "op": "const", "data": 1.0}


def header(kind: int, count: int) -> bytes:
    """Return the header of a msgpack array (0xdd) or map (0xdf)."""
    return bytes([kind]) + struct.pack(">I", count)


def packed(**members: bytes) -> bytes:
    """Return a msgpack document of a version and some members that are packed already."""
    pairs = {"mgraph": msgpack.packb("1.0"), **members}
    packing = (msgpack.packb(name) + value for name, value in pairs.items())
    return bytes([0x80 + len(pairs)]) + b"".join(packing)


def array_of(item: bytes, count: int = 100_000) -> bytes:
    """Return a msgpack array of the same item again and again."""
    return header(0xDD, count) + item * count


def graph(nodes: Iterable[Any], outputs: Iterable[str] = ("a",), **more: Any) -> bytes:  # noqa: ANN401
    """Return a JSON document."""
    document = {"mgraph": "1.0", "nodes": [*nodes], "outputs": [*outputs], **more}
    return json.dumps(document).encode()


def each(**members: Any) -> bytes:  # noqa: ANN401
    """Return a JSON document of a leaf and many more nodes; "#" stands for the number of each."""
    row = json.dumps(members)
    many = ", ".join(row.replace("#", str(i)) for i in range(MANY))
    return graph([LEAF, 0]).replace(b", 0]", f", {many}]".encode())


def numbers(prefix: str = "n", count: int = MANY) -> dict[str, float]:
    """Return a number for each of many ids."""
    return {f"{prefix}{i}": 1.0 for i in range(count)}


def one_leaf(**members: bytes) -> bytes:
    """Return a msgpack file that is right, but for what is packed already."""
    return packed(nodes=msgpack.packb([LEAF]), outputs=msgpack.packb(["a"]), **members)


def with_meta(value: bytes) -> bytes:
    """Return a msgpack file that is right, with this meta."""
    return one_leaf(meta=value)


def columns(ops: list[str], args: bytes) -> bytes:
    """Return a packed file of many nodes of the first op."""
    nodes = {"count": MANY, "ops": ops, "op": bytes(MANY), "args": args}
    return packed(nodes=msgpack.packb(nodes), outputs=msgpack.packb(["n0"]))


LEAVES: Final = [{"id": f"n{i}", "op": "const", "data": 1.0} for i in range(SQUARE)]
SEEDS: Final = numbers(count=SQUARE)
KEYS: Final = b"".join(msgpack.packb(f"k{i}") + b"\x01" for i in range(MANY))

ATTACKS: Final[dict[str, tuple[Callable[[], bytes], str]]] = {
    # what headers promise
    "a billion items": (lambda: b"\xdd" + BILLION, "syntax"),
    "a billion pairs": (lambda: b"\xdf" + BILLION, "syntax"),
    "a billion characters": (lambda: b"\x81\xdb" + BILLION, "syntax"),
    "a billion bytes": (lambda: packed(meta=b"\xc6" + BILLION), "syntax"),
    "an extension of a billion bytes": (lambda: b"\x91\xc9" + BILLION + b"\x01", "syntax"),
    "a billion of a billion": (lambda: (b"\xdd" + BILLION) * MANY, "depth"),
    "a billion pairs of a billion": (lambda: (b"\xdf" + BILLION + b"\xa0") * MANY, "depth"),
    "a billion nodes": (
        lambda: packed(
            nodes=msgpack.packb({"count": 10**9, "ops": ["neg"], "op": b"\0"}), outputs=b"\x91\xa1a"
        ),
        "limit",
    ),
    # a byte for an object
    "empty arrays": (lambda: with_meta(array_of(b"\x90")), ""),
    "empty objects": (lambda: with_meta(array_of(b"\x80")), ""),
    "small objects": (lambda: with_meta(array_of(b"\x81\xa0\x00", MANY)), ""),
    "wells": (lambda: with_meta(array_of(b"\x91" * 29 + b"\x90", MANY // 10)), ""),
    "nodes that are empty": (lambda: packed(nodes=array_of(b"\x80", MANY * 2)), "missing-field"),
    "nodes that are nil": (lambda: packed(nodes=array_of(b"\xc0", MANY * 2)), "missing-field"),
    "outputs that are nil": (lambda: packed(outputs=array_of(b"\xc0")), "missing-field"),
    "runs that are empty": (lambda: one_leaf(runs=array_of(b"\x80", 65_535)), ""),
    "ops that are nil": (
        lambda: packed(nodes=b"\x82" + msgpack.packb("ops") + array_of(b"\xc0") + b"\xa2op\xc0"),
        "missing-field",
    ),
    "JSON arrays": (lambda: b"[" + b"[]," * MANY * 2 + b"[]]", "format"),
    "JSON objects": (lambda: graph([{}] * MANY), "missing-field"),
    # nesting
    "JSON without end": (lambda: b"[" * MILLION, "depth"),
    "objects without end": (lambda: b'{"":' * MILLION, "depth"),
    "msgpack without end": (lambda: b"\x91" * MILLION, "depth"),
    "a version without end": (lambda: packed(mgraph=b"\x91" * 900 + b"\x90"), "depth"),
    # long tokens
    "a long integer": (lambda: b"1" * MILLION, "number"),
    "a long fraction": (lambda: graph([LEAF]).replace(b"1.0}", b"0." + b"1" * MILLION + b"}"), ""),
    "a long string": (lambda: b'"' + b"\\u00e9" * MILLION, "syntax"),
    "a long name": (lambda: graph([LEAF], name="\u202e" * MILLION), "limit"),
    "a long key": (lambda: graph([LEAF], ("a",), **{"\x1b" * MILLION: 1}), "unknown-field"),
    "nothing but space": (lambda: b" \n" * MILLION, "syntax"),
    # keys
    "a key twice among many": (
        lambda: b"{" + b"".join(b'"k%d":1,' % i for i in range(MANY)) + b'"k1":1}',
        "duplicate-key",
    ),
    "a key twice in msgpack": (
        lambda: header(0xDF, MANY + 1) + KEYS + b"\xa2k1\x01",
        "duplicate-key",
    ),
    "a key very often": (lambda: b"{" + b'"k":1,' * MANY + b'"k":1}', "duplicate-key"),
    "many keys": (lambda: with_meta(header(0xDF, MANY) + KEYS), ""),
    # faults, one for each of many things
    "a million names": (lambda: graph([LEAF], runs=[{"data": numbers("m", MILLION)}]), "run-node"),
    "unknown nodes": (lambda: each(id="n#", op="neg", args=["m#"]), "unknown-node"),
    "unknown ops": (lambda: each(id="n#", op="tanh#", args=["a"]), "unknown-op"),
    "unknown fields": (
        lambda: each(id="n#", op="neg", args=["a"], **{"arg#": ["a"]}),
        "unknown-field",
    ),
    "unknown fields of one node": (lambda: graph([{**LEAF, **numbers("dat")}]), "unknown-field"),
    "one id": (lambda: graph([LEAF] * MANY), "duplicate-id"),
    "arguments that are nowhere": (lambda: columns(["neg"], b"\xff" * 4 * MANY), "unknown-node"),
    "outputs that are nowhere": (lambda: graph([LEAF], numbers()), "output"),
    # warnings, one for each of many things
    "rounded numbers": (lambda: each(id="n#", op="const", data=2**53 + 1), ""),
    "invisible labels": (lambda: each(id="n#", op="const", data=1, label="\u200b"), ""),
    # one thing times another
    "labels out of order": (
        lambda: graph([
            {"id": "o", "op": "neg", "args": ["n0"]},
            *({**row, "label": "x"} for row in LEAVES),
        ], ["o"]),
        "",
    ),
    "outputs times seeds": (
        lambda: graph(LEAVES, SEEDS, runs=[{"seed": SEEDS}]), "",
    ),
    "outputs times seeds, with a fault": (
        lambda: graph(LEAVES, SEEDS, runs=[{"seed": SEEDS, "x": 1}]),
        "unknown-field",
    ),
    "outputs times runs": (
        lambda: graph(LEAVES, SEEDS, runs=[{}] * SQUARE), "seed",
    ),
    "inputs times runs": (
        lambda: graph(
            ({"id": f"n{i}", "op": "input"} for i in range(SQUARE)), ["n0"], runs=[{}] * SQUARE
        ),
        "unbound-input",
    ),
    "one input of many times runs": (
        lambda: graph(
            [*LEAVES, {"id": "x", "op": "input"}], ["n0"], runs=[{"inputs": {"x": 1}}] * SQUARE
        ),
        "",
    ),
}  # fmt: skip
"""What it is called: how it is made, and the code of the first diagnostic, if it is refused."""


def in_use() -> int:
    """Return the bytes of address space that this process has."""
    return (
        int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        * resource.getpagesize()
    )


def suffer(data: bytes) -> dict[str, Any]:
    """Read a file with as little memory as may be needed; return what was said, and the time."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (in_use() + MULTIPLE * len(data) + CONSTANT, hard))
    start = time.process_time()
    found = inspect(data)
    taken = time.process_time() - start
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    return {
        "seconds": taken,
        "code": found.diagnostics[0].code if found.graph is None else "",
        "told": len(found.diagnostics),
        "more": found.more,
        "size": len(data),
    }


def plain() -> float:
    """Return the seconds that it takes to read a clean file of many nodes: what is usual here."""
    data = graph({**LEAF, "id": f"leaf{i}"} for i in range(MILLION // 5))
    start = time.process_time()
    inspect(data)
    return time.process_time() - start


def main() -> None:
    """Read every file, and print what became of it, beside what a clean one takes."""
    inspect(b'{"mgraph": "1.0"}')  # imports what speaks, which takes memory, too
    inspect(packed())
    usual = plain()
    for name, (make, _) in ATTACKS.items():
        try:
            result = suffer(make())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            result = {"raised": repr(error)}
        sys.stdout.write(json.dumps({"name": name, "usual": usual, **result}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
