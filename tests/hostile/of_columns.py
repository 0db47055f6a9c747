"""Packed nodes and runs whose columns contradict each other."""

from collections.abc import Mapping
from typing import Any

from tests.hostile.case import Case, Source, reject
from tests.hostile.frames import COLUMNS, OPEN_COLUMNS, columnar, packed, packed_open
from tests.hostile.pack import HERE, At, Bin, f64, u32

MINUS_ZERO = f64(-0.0)


def without(name: str, columns: Mapping[Any, object]) -> dict[Any, object]:
    """Return the columns but one."""
    return {key: column for key, column in columns.items() if key != name}


SUM_OF_NONE = without("args", {**OPEN_COLUMNS, "arity": Bin(HERE, u32(0))})
NO_NODES: dict[Any, object] = {"count": 0}
SHORT_ID: dict[Any, object] = {"at": u32(5), "value": ["o"]}
BEYOND = 10_000_001  # one node more than the limit


def marked(data: bytes, size: int, index: int) -> Bin:
    """Return a column with a mark at one element of this size."""
    return Bin(data[: size * index], HERE, data[size * index :])


def with_ids(at: object, value: object) -> Source:
    """Return a packed document with this id column."""
    return packed(id={"at": at, "value": value})


def with_data(column: object) -> Source:
    """Return a packed document with a run of this data."""
    return packed(runs=[{"data": column}])


LENGTHS: tuple[tuple[str, Source, str], ...] = (
    ("op_short", packed(op=At(bytes([1, 3, 2, 3, 0]))), "/nodes/op"),
    ("op_long", packed(op=At(bytes([1, 3, 2, 3, 0, 4, 4]))), "/nodes/op"),
    ("op_empty", packed(op=At(b"")), "/nodes/op"),
    ("count_high", packed(count=7, op=At(COLUMNS["op"])), "/nodes/op"),
    ("args_short", packed(args=At(u32(0, 1, 2, 3))), "/nodes/args"),
    ("args_long", packed(args=At(u32(0, 1, 2, 3, 4, 4))), "/nodes/args"),
    ("args_odd_bytes", packed(args=At(u32(0, 1, 2, 3, 4)[:-1])), "/nodes/args"),
    ("data_short", packed(data=At(f64(2.0, -3.0))), "/nodes/data"),
    ("data_long", packed(data=At(f64(2.0, -3.0, 6.5, 0.0))), "/nodes/data"),
    ("data_odd_bytes", packed(data=At(f64(2.0, -3.0, 6.5) + b"\0")), "/nodes/data"),
    ("arity_without_sums", packed(arity=At(u32(2))), "/nodes/arity"),
    ("arity_huge", packed_open(arity=u32(2**32 - 1), args=At(u32(0, 1, 1))), "/nodes/args"),
    ("arity_long", packed_open(arity=At(u32(3, 3))), "/nodes/arity"),
    ("arity_odd_bytes", packed_open(arity=At(b"\3")), "/nodes/arity"),
    ("has_data_short", packed_open(has_data=At(b"\0")), "/nodes/has_data"),
    ("has_data_long", packed_open(has_data=At(b"\0\1\1")), "/nodes/has_data"),
    ("id_at_odd_bytes", with_ids(At(b"\0\0\0"), ["x"]), "/nodes/id/at"),
    ("id_at_short", with_ids(At(u32(0)), ["x", "y"]), "/nodes/id/at"),
    ("label_at_short", packed(label={"at": At(u32(0)), "value": ["a", "b"]}), "/nodes/label/at"),
    ("run_at_short", with_data({"at": u32(0), "value": At(f64(2.0, 1.0))}), "/runs/0/data/value"),
    ("run_data_short", with_data({"value": At(f64(2.0))}), "/runs/0/data/value"),
    ("run_data_long", with_data({"value": At(f64(*range(7)))}), "/runs/0/data/value"),
    (
        "run_data_odd_bytes",
        with_data({"at": u32(5), "value": At(b"1234567")}),
        "/runs/0/data/value",
    ),
)

ELEMENTS: tuple[tuple[str, Source, str], ...] = (
    ("opcode", packed(op=marked(bytes([1, 3, 2, 3, 5, 4]), 1, 4)), "/nodes/op/4"),
    ("opcode_255", packed(op=marked(bytes([255, 3, 2, 3, 0, 4]), 1, 0)), "/nodes/op/0"),
    (
        "ops_unsorted",
        packed(ops=["add", "mul", At("input"), "param", "tanh"], op=bytes([2, 3, 1, 3, 0, 4])),
        "/nodes/ops/2",
    ),
    (
        "ops_repeated",
        packed(
            ops=["add", "input", "mul", "param", At("param"), "tanh"], op=bytes([1, 3, 2, 4, 0, 5])
        ),
        "/nodes/ops/4",
    ),
    (
        "ops_unused",
        packed(
            ops=["add", "input", "mul", At("neg"), "param", "tanh"], op=bytes([1, 4, 2, 4, 0, 5])
        ),
        "/nodes/ops/3",
    ),
    ("id_at_out_of_range", with_ids(marked(u32(0, 6), 4, 1), ["x", "y"]), "/nodes/id/at/1"),
    ("id_at_huge", with_ids(marked(u32(2**32 - 1), 4, 0), ["x"]), "/nodes/id/at/0"),
    ("id_at_repeated", with_ids(marked(u32(1, 1), 4, 1), ["x", "y"]), "/nodes/id/at/1"),
    ("id_at_descends", with_ids(marked(u32(3, 1), 4, 1), ["x", "y"]), "/nodes/id/at/1"),
    ("id_default", with_ids(u32(0), [At("n0")]), "/nodes/id/value/0"),
    ("id_default_last", with_ids(u32(2, 5), ["x", At("n5")]), "/nodes/id/value/1"),
    (
        "label_at_descends",
        packed(label={"at": marked(u32(0, 3, 2), 4, 2), "value": ["a", "b", "c"]}),
        "/nodes/label/at/2",
    ),
    (
        "doc_at_out_of_range",
        packed(doc={"at": marked(u32(99), 4, 0), "value": ["a"]}),
        "/nodes/doc/at/0",
    ),
    (
        "meta_at_repeated",
        packed(meta={"at": marked(u32(2, 2), 4, 1), "value": [1, 2]}),
        "/nodes/meta/at/1",
    ),
    ("has_data_two", packed_open(has_data=Bin(b"\0", HERE, b"\2")), "/nodes/has_data/1"),
    ("has_data_all_ones", packed_open(has_data=At(b"\1\1")), "/nodes/has_data"),
    ("data_where_none", packed_open(data=Bin(HERE, f64(7.0, 0.25))), "/nodes/data/0"),
    (
        "data_minus_zero_where_none",
        packed_open(data=Bin(HERE, MINUS_ZERO, f64(0.25))),
        "/nodes/data/0",
    ),
    (
        "run_at_out_of_range",
        with_data({"at": marked(u32(0, 6), 4, 1), "value": f64(2.0, 1.0)}),
        "/runs/0/data/at/1",
    ),
    (
        "run_at_repeated",
        with_data({"at": marked(u32(5, 5), 4, 1), "value": f64(1.0, 1.0)}),
        "/runs/0/data/at/1",
    ),
    (
        "run_grad_at_descends",
        packed(runs=[{"grad": {"at": marked(u32(3, 1), 4, 1), "value": f64(1.0, 1.0)}}]),
        "/runs/0/grad/at/1",
    ),
)

OTHERS: tuple[tuple[str, str, Source, str], ...] = (
    ("unknown-node", "arg", packed(args=marked(u32(0, 1, 2, 6, 4), 4, 3)), "/nodes/args/3"),
    (
        "unknown-node",
        "arg_huge",
        packed(args=marked(u32(0, 1, 2, 3, 2**32 - 1), 4, 4)),
        "/nodes/args/4",
    ),
    (
        "unknown-node",
        "arg_big_endian",
        packed(args=Bin(u32(0), HERE, b"\0\0\0\1", u32(2, 3, 4))),
        "/nodes/args/1",
    ),
    ("cycle", "itself", packed(args=marked(u32(0, 1, 2, 4, 4), 4, 3)), "/nodes/args/3"),
    ("cycle", "forward", packed(args=marked(u32(0, 3, 2, 3, 4), 4, 1)), "/nodes/args/1"),
    (
        "unknown-op",
        "name",
        packed(ops=["add", "input", "mul", "param", At("tanhh")]),
        "/nodes/ops/4",
    ),
    (
        "unknown-op",
        "import",
        packed(ops=[At("__import__"), "input", "mul", "param", "tanh"]),
        "/nodes/ops/0",
    ),
    (
        "unknown-op",
        "newer",
        packed(ops=[At("atan2"), "input", "mul", "param", "tanh"]),
        "/nodes/ops/0",
    ),
    ("arity", "sum_of_none", columnar(SUM_OF_NONE, ["t"]), "/nodes/arity/0"),
    ("duplicate-id", "written", with_ids(u32(1, 4), ["x", At("x")]), "/nodes/id/value/1"),
    ("duplicate-id", "default", with_ids(u32(1), [At("n3")]), "/nodes/id/value/0"),
    ("id", "space", with_ids(u32(1), [At("w 1")]), "/nodes/id/value/0"),
    ("id", "bidi", with_ids(u32(0, 2), ["x", At("\u202ex")]), "/nodes/id/value/1"),
    ("type", "id_number", with_ids(u32(1), [At(7)]), "/nodes/id/value/0"),
    ("type", "op_text", packed(op=At("\1\3\2\3\0\4")), "/nodes/op"),
    ("type", "op_array", packed(op=At([1, 3, 2, 3, 0, 4])), "/nodes/op"),
    ("type", "args_array", packed(args=At([0, 1, 2, 3, 4])), "/nodes/args"),
    ("type", "data_text", packed(data=At("2.0 -3.0 6.5")), "/nodes/data"),
    ("type", "ops_text", packed(ops=At("add input mul param tanh")), "/nodes/ops"),
    (
        "type",
        "ops_bytes",
        packed(ops=["add", At(b"input"), "mul", "param", "tanh"]),
        "/nodes/ops/1",
    ),
    ("type", "id_array", packed(id=At(["x"])), "/nodes/id"),
    ("type", "id_at_array", with_ids(At([0]), ["x"]), "/nodes/id/at"),
    (
        "type",
        "label_number",
        packed(label={"at": u32(0), "value": [At(1.5)]}),
        "/nodes/label/value/0",
    ),
    (
        "type",
        "run_value_array",
        with_data({"at": u32(5), "value": At([1.0])}),
        "/runs/0/data/value",
    ),
    ("limit", "count", packed(count=At(BEYOND)), "/nodes/count"),
    (
        "limit",
        "label",
        packed(label={"at": u32(0), "value": [At("l" * 1025)]}),
        "/nodes/label/value/0",
    ),
    ("missing-field", "count", packed() | {"nodes": At(without("count", COLUMNS))}, "/nodes"),
    (
        "unknown-field",
        "column",
        packed() | {"nodes": {**COLUMNS, At("opp"): b""}},
        "/nodes/opp",
    ),
    (
        "unknown-field",
        "run_column",
        with_data({"at": u32(5), At("values"): f64(1.0)}),
        "/runs/0/data/values",
    ),
    ("duplicate-key", "column", packed() | {"nodes": {**COLUMNS, At("op"): b""}}, "/nodes/op"),
    (
        "number",
        "meta_nan",
        packed(meta={"at": u32(0), "value": [{"x": At(float("nan"))}]}),
        "/nodes/meta/value/0/x",
    ),
    ("type", "outputs_text", packed(id=SHORT_ID) | {"outputs": At("o")}, "/outputs"),
    ("type", "outputs_object", packed() | {"outputs": At({"n5": 1.0})}, "/outputs"),
    ("output", "unknown", packed() | {"outputs": ["n5", At("n6")]}, "/outputs/1"),
    ("output", "no_nodes", packed() | {"nodes": At(NO_NODES)}, "/nodes"),
    (
        "leaf-data",
        "const_without",
        packed_open(has_data=Bin(b"\0", HERE, b"\0"), data=f64(0.0, 0.0)),
        "/nodes/has_data/1",
    ),
    (
        "unbound-input",
        "run",
        packed_open(runs=[At({"data": {"at": u32(2), "value": f64(1.0)}})]),
        "/runs/0",
    ),
    ("run-node", "inputs", packed(runs=[{"inputs": {"n9": At(1.0)}}]), "/runs/0/inputs/n9"),
    (
        "run-node",
        "inputs_on_an_op",
        packed(runs=[{"inputs": {"n2": At(1.0)}}]),
        "/runs/0/inputs/n2",
    ),
    ("seed", "inner_node", packed(runs=[{"seed": {"n4": At(1.0)}}]), "/runs/0/seed/n4"),
    (
        "hash",
        "other_graph",
        packed(runs=[{"graph": At("mgraph1-sha256:" + "f" * 64)}]),
        "/runs/0/graph",
    ),
)

CASES: tuple[Case, ...] = (
    *(reject("packed", name, source, pointer) for name, source, pointer in (*LENGTHS, *ELEMENTS)),
    *(reject(code, f"packed_{name}", source, pointer) for code, name, source, pointer in OTHERS),
)
