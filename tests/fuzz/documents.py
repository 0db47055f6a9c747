"""Random valid documents, as plain data: what a file of format 1.0 or 1.1 may hold.

Written from the description of the format alone; nothing here imports the package under test.
"""

from __future__ import annotations

import struct
from math import isfinite, isnan
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from tests.reference.canonical import canonical_hash
from tests.reference.reading import nodes_of

if TYPE_CHECKING:
    from random import Random

    from hypothesis.strategies import SearchStrategy

Document = dict[str, Any]
Number = float | str

NEWER_UNARY: Final = ("erf", "log1p", "expm1", "asin", "acos")
NEWER_BINARY: Final = ("atan2", "gate")
UNARY: Final = (
    "neg", "abs", "sqrt", "exp", "log", "sin", "cos", "tan", "atan", "sinh", "cosh", "tanh",
    "sigmoid", "softplus", "relu", *NEWER_UNARY,
)  # fmt: skip
BINARY: Final = ("add", "sub", "mul", "div", "pow", "max", "min", *NEWER_BINARY)
LEAVES: Final = ("input", "param", "const")
SETTABLE: Final = ("input", "param")

FIRST_OF_ID: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
REST_OF_ID: Final = FIRST_OF_ID + "0123456789_.-/[]"
IDS: Final = (
    "__proto__", "constructor", "toString", "layer1.neuron3.w2", "a[0]", "x/y", "n-1", "n01",
    "None", "nan", "True", "_", "A" * 128, "z" + "-./[]_09" * 15,
)  # fmt: skip
NUMBERS: Final = (
    0.0, -0.0, 1.0, -1.0, 0.1, 1e16, 1e22, 1e23, 5e-324, -5e-324, 2.2250738585072014e-308,
    1.7976931348623157e308, 9007199254740993.0, 123456789012345680.0, "nan", "inf", "-inf",
)  # fmt: skip
INTEGERS: Final = (0, 1, -1, 7, 255, 256, -129, 2**31, -(2**31) - 1, 2**53, -(2**53))
BIG_INTEGERS: Final = (2**53 + 1, 2**63, 2**64 - 1, -(2**63))
TEXTS: Final = (
    "", "x", "x₁ · ξ", "<b>&\"'</b>", "a\nb\tc\r", "\x00\x1f\x7f\u2028", "e\u0301", "日本", "🦆",
    "\\", '\\"', "\u202eabc\u200b", "\U0010ffff", "=cmd()", "nan", "ü" * 512, "s" * 1024,
)  # fmt: skip


def double(bits: int) -> float:
    """Return the double with these 64 bits."""
    value: float = struct.unpack("<d", struct.pack("<Q", bits))[0]
    return value


def spelled(value: float) -> Number:
    """Spell a double as JSON files do."""
    if isfinite(value):
        return value
    return "nan" if isnan(value) else "inf" if value > 0 else "-inf"


class Maker:
    """Makes documents from one source of chance.

    Args:
        source: Where all choices come from.
        bare: Spell NaN and infinities as floats now and then, as msgpack can.
    """

    def __init__(self, source: Random, *, bare: bool = False) -> None:
        """Take the source."""
        self.source = source
        self.bare = bare

    def document(self) -> Document:
        """Return a valid document."""
        rows = self.rows(self.source.randint(1, 12))
        ids = [row["id"] for row in rows]
        outputs = self.some(ids, least=1, most=3)
        newer = any(row["op"] in (*NEWER_UNARY, *NEWER_BINARY) for row in rows)
        document: Document = {"mgraph": "1.1" if newer else "1.0"}
        if self.often():
            document["$schema"] = self.text()
        for key in ("name", "doc"):
            if self.often():
                document[key] = self.text()
        if self.often():
            document["meta"] = self.json()
        document |= {"nodes": rows, "outputs": outputs}
        if self.often():
            runs = self.source.randint(0, 3)
            document["runs"] = [self.run(document) for _ in range(runs)]
            if any("math" in run for run in document["runs"]):
                document["mgraph"] = "1.1"
        if self.rarely():  # readers take the fields in any order
            fields = list(document.items())
            self.source.shuffle(fields)
            document = dict(fields)
        return document

    def rows(self, count: int) -> list[Document]:
        """Return nodes, each after its arguments; or, now and then, in any order."""
        ids = self.ids(count)
        rows: list[Document] = []
        for i, name in enumerate(ids):
            rows.append({"id": name} | self.node(ids[:i]) | self.texts())
        if self.rarely():
            self.source.shuffle(rows)
        elif self.rarely():
            rows.reverse()
        return rows

    def ids(self, count: int) -> list[str]:
        """Return ids: defaults in place and out of place, odd ones, random ones."""
        found: dict[str, None] = {}
        plain = self.often()
        while len(found) < count:
            kind = 0 if plain else self.source.randint(0, 4)
            if kind <= 1:
                name = f"n{len(found)}"
            elif kind == 2:
                name = f"n{self.source.randint(0, count)}"
            elif kind == 3:
                name = self.source.choice(IDS)
            else:
                size = self.source.choice((0, 1, 5, 127))
                rest = [self.source.choice(REST_OF_ID) for _ in range(size)]
                name = self.source.choice(FIRST_OF_ID) + "".join(rest)
            found.setdefault(name if name not in found else f"m{len(found)}")
        return list(found)

    def node(self, before: list[str]) -> Document:
        """Return op, args and data of a node that may use those before it."""
        kind = self.source.randint(0, 6) if before else self.source.randint(0, 2)
        if kind <= 2:
            op = LEAVES[kind]
            row: Document = {"op": op}
            if op != "input" or self.often():
                row["data"] = self.number()
            if self.rarely():
                row["args"] = []
            return row
        if kind == 3:
            args = [self.source.choice(before) for _ in range(self.source.randint(1, 6))]
            return {"op": "sum", "args": args}
        if kind == 4:
            return {"op": self.source.choice(UNARY), "args": [self.source.choice(before)]}
        args = [self.source.choice(before), self.source.choice(before)]
        return {"op": self.source.choice(BINARY), "args": args}

    def texts(self) -> Document:
        """Return label, doc and meta of a node, or some of them."""
        row: Document = {}
        for key in ("label", "doc"):
            if self.rarely():
                row[key] = self.text()
        if self.rarely():
            row["meta"] = self.json()
        return row

    def run(self, document: Document) -> Document:
        """Return a run that fits the graph."""
        rows, outputs = document["nodes"], document["outputs"]
        ids = [row["id"] for row in rows]
        settable = [row["id"] for row in rows if row["op"] in SETTABLE]
        unbound = [row["id"] for row in rows if row["op"] == "input" and "data" not in row]
        run: Document = {}
        if not unbound and len(outputs) == 1 and self.rarely():
            return run
        named = dict.fromkeys([*self.some(settable), *unbound])
        if named or self.rarely():
            run["inputs"] = {name: self.number() for name in named}
        if len(outputs) > 1 or self.rarely():
            seeded = self.some(outputs, least=len(outputs) > 1)
            run["seed"] = {name: self.finite() for name in seeded}
        run |= {"math": "exact"} if self.rarely() else {}
        if self.rarely():
            run["tolerance"] = {half: abs(self.finite()) for half in ("rel", "abs") if self.often()}
        if self.often():
            run["origin"] = self.text()
        if self.often():
            run["graph"] = canonical_hash(nodes_of(document), outputs)
        for field in ("data", "grad"):
            if self.often():
                run[field] = {name: self.number() for name in self.some(ids)}
            elif self.often():
                run[field] = {name: self.number() for name in ids}
        return run

    def number(self) -> Number:
        """Return a number of a node or run."""
        kind = self.source.randint(0, 5)
        if kind == 0:
            return self.source.choice(NUMBERS)
        if kind == 1:
            return self.source.choice(INTEGERS + BIG_INTEGERS)
        if kind == 2 and not self.bare:
            return int(f"{self.source.choice(('', '-'))}1{self.source.getrandbits(1000)}")
        value = double(self.source.getrandbits(64))
        if self.bare and kind == 3:
            return double(self.source.getrandbits(52) | 0x7FF0_0000_0000_0001)
        return value if self.bare and self.often() else spelled(value)

    def finite(self) -> float:
        """Return a finite number."""
        number = self.number()
        return number if not isinstance(number, str) and isfinite(number) else 0.5

    def text(self) -> str:
        """Return a text of at most 1 KiB."""
        if self.often():
            return self.source.choice(TEXTS)
        points = [self.source.randint(0, 0x2FFF) for _ in range(self.source.randint(0, 20))]
        return "".join(map(chr, points))

    def json(self, levels: int = 3) -> Any:  # noqa: ANN401 - any JSON
        """Return anything that may stand in a meta."""
        kind = self.source.randint(0, 7 if levels else 3)
        size = self.source.randint(0, 3)
        if kind == 0:
            return self.source.choice((None, True, False, *INTEGERS))
        if kind == 1:
            return self.finite_float()
        if kind <= 3:
            return self.text()
        if kind == 4 and levels == 3 and self.rarely():
            return self.well()
        if kind <= 5:
            return [self.json(levels - 1) for _ in range(size)]
        return {self.text(): self.json(levels - 1) for _ in range(size)}

    def well(self) -> Any:  # noqa: ANN401 - any JSON
        """Return what is nested as deep as may be in a node's meta: the node is on level 3."""
        value: Any = []
        for _ in range(28):
            value = [value] if self.often() else {"": value}
        return value

    def finite_float(self) -> float:
        """Return a finite double."""
        value = double(self.source.getrandbits(64))
        return value if isfinite(value) else -0.0

    def some(self, names: list[str], least: int = 0, most: int = 99) -> list[str]:
        """Return some of the names, in any order."""
        least, most = min(least, len(names)), min(most, len(names))
        return self.source.sample(names, self.source.randint(least, most))

    def often(self) -> bool:
        """Say yes every other time."""
        return self.source.random() < 0.5

    def rarely(self) -> bool:
        """Say yes one time in five."""
        return self.source.random() < 0.2


def documents(*, bare: bool = False) -> SearchStrategy[Document]:
    """Return the strategy of all valid documents."""
    chance = st.randoms(use_true_random=False)
    return chance.map(lambda source: Maker(source, bare=bare).document())


# --- the packed form, read by its description ------------------------------------------------


def rows_of(nodes: Document) -> list[Document]:
    """Return the rows that packed nodes stand for."""
    ops = [nodes["ops"][code] for code in nodes["op"]]
    arity = iter(_numbers("I", nodes.get("arity", b"")))
    args = iter(_numbers("I", nodes.get("args", b"")))
    data = iter(_numbers("d", nodes.get("data", b"")))
    has_data = iter(nodes.get("has_data", b"\x01" * len(ops)))
    texts = {key: _sparse(nodes.get(key, {})) for key in ("id", "label", "doc", "meta")}
    ids = [texts["id"].get(i, f"n{i}") for i in range(nodes["count"])]
    rows = []
    for i, op in enumerate(ops):
        row: Document = {"id": ids[i], "op": op}
        if op in LEAVES:
            value = spelled(next(data))
            if next(has_data):
                row["data"] = value
        else:
            size = next(arity) if op == "sum" else 1 if op in UNARY else 2
            row["args"] = [ids[next(args)] for _ in range(size)]
        rows.append(
            row | {key: texts[key][i] for key in ("label", "doc", "meta") if i in texts[key]}
        )
    assert [*arity, *args, *data] == []
    return rows


def run_of(run: Document, ids: list[str]) -> Document:
    """Return a run with its packed results as objects."""
    unpacked = dict(run)
    for field in ("data", "grad"):
        if field in run:
            values = map(spelled, _numbers("d", run[field].get("value", b"")))
            every = range(len(ids)) if run[field] else ()
            at = _numbers("I", run[field]["at"]) if "at" in run[field] else every
            unpacked[field] = {ids[i]: x for i, x in zip(at, values, strict=True)}
    return unpacked


def _numbers(kind: str, column: bytes) -> tuple[Any, ...]:
    return struct.unpack(f"<{len(column) // struct.calcsize(kind)}{kind}", column)


def _sparse(column: Document) -> dict[int, Any]:
    return dict(zip(_numbers("I", column.get("at", b"")), column.get("value", ()), strict=True))
