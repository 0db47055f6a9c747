"""Files that look wrong, and are read all the same: with a warning, or without a word."""

import math
import struct

from tests.hostile.case import Case, accept, warn
from tests.hostile.frames import (
    COLUMNS,
    NEURON,
    SMALL,
    columnar,
    datum,
    document,
    fork,
    leaf,
    meta,
    neuron,
    packed,
    packed_open,
    plain,
    runs,
    small,
    small_hash,
)
from tests.hostile.pack import At, Raw, Wide, f64, u32

INVISIBLE = {
    "left_to_right_mark": "\u200e",
    "arabic_mark": "\u061c",
    "bidi_embedding": "\u202a",
    "bidi_override": "\u202e",
    "bidi_isolate": "\u2066",
    "zero_width_space": "\u200b",
    "zero_width_joiner": "\u200d",
    "word_joiner": "\u2060",
    "byte_order_mark": "\ufeff",
}


def labelled(label: str) -> str:
    """Return the leaf of `small` with a label, given as JSON spells it."""
    return f'{{"id": "x", "op": "input", "data": 2.0, "label": ⟦"{label}"}}'


UNREACHED = (
    warn(
        "unreached",
        "leaf",
        small(x=SMALL["x"] + ',\n    ⟦{"id": "y", "op": "param", "data": 1.0, "label": "ψ"}'),
        "/nodes/1",
    ),
    warn(
        "unreached",
        "branch",
        neuron(o='⟦{"id": "o", "op": "tanh", "args": ["n"]}').replace('["o"]', '["n"]'),
        "/nodes/9",
    ),
    warn(
        "unreached",
        "two_deep",
        fork(
            k='⟦{"id": "k", "op": "const", "data": 0.5}',
            b='{"id": "b", "op": "mul", "args": ["x", "k"]}',
            outputs='["a"]',
        ),
        "/nodes/1",  # one warning names them all, at the first
    ),
    warn(
        "unreached",
        "msgpack_row",
        plain(nodes=[*leaf(1.0), At({"id": "k", "op": "const", "data": 0.5})]),
        "/nodes/2",
    ),
)

EXACT = 2**53
ROUNDED = (
    *(
        warn("rounded", name, small(x=datum("⟦" + literal)), "/nodes/0/data")
        for name, literal in {
            "above_2_53": str(EXACT + 1),
            "below_minus_2_53": str(-EXACT - 1),
            "tie_to_even": str(2 * EXACT + 2 + 4 * 3 + 1),
            "uint64_max": str(2**64 - 1),
            "digits_300": "1" * 300,
            "largest_double_and_one": str((2**53 - 1) * 2**971 + 1),
        }.items()
    ),
    warn(
        "rounded",
        "run",
        small(tail=(runs(f'{{"inputs": {{"x": ⟦{EXACT + 3}}}, "data": {{"o": ⟦-{EXACT + 5}}}}}'),)),
        "/runs/0/inputs/x",
        "/runs/0/data/o",
    ),
    warn("rounded", "msgpack_uint64", plain(nodes=leaf(At(2**64 - 1))), "/nodes/0/data"),
    warn("rounded", "msgpack_int64", plain(nodes=leaf(At(-(2**63) + 1))), "/nodes/0/data"),
)

FLOAT32 = (
    warn("float32", "leaf", plain(nodes=leaf(At(Raw(b"\xca\x3d\xcc\xcc\xcd")))), "/nodes/0/data"),
    warn("float32", "exact_value", plain(nodes=leaf(At(Raw(b"\xca\x40\0\0\0")))), "/nodes/0/data"),
    warn("float32", "nan", plain(nodes=leaf(At(Raw(b"\xca\x7f\xc0\0\0")))), "/nodes/0/data"),
    warn(
        "float32",
        "run",
        plain(runs=[{"inputs": {"x": At(Raw(b"\xca\x3f\0\0\0"))}, "data": {"o": -0.5}}]),
        "/runs/0/inputs/x",
    ),
)

INVISIBLES = (
    *(
        warn("invisible", name, small(x=labelled(f"ab{char}c")), "/nodes/0/label")
        for name, char in INVISIBLE.items()
    ),
    warn("invisible", "escaped", small(x=labelled(r"\u202egnp.exe")), "/nodes/0/label"),
    warn(
        "invisible",
        "several_in_one_text",
        small(x=labelled("\u2066a\u2069\u200b")),
        "/nodes/0/label",
    ),
    warn(
        "invisible",
        "every_text",
        small(
            head=('"name": ⟦"a\u200bb"', '"doc": "grüße", "meta": 0'),
            x='{"id": "x", "op": "input", "data": 2.0, "doc": ⟦"\u202eabc"}',
            tail=(runs('{"origin": ⟦"by\u2060hand", "data": {"o": -2.0}}'),),
        ),
        "/name",
        "/nodes/0/doc",
        "/runs/0/origin",
    ),
    warn("invisible", "msgpack_name", plain(name=At("a\u200bb")), "/name"),
    warn(
        "invisible",
        "packed_label",
        packed(label={"at": u32(1, 2), "value": ["w", At("\u202ew")]}),
        "/nodes/label/value/1",
    ),
)

SPELLINGS = {  # other ways to write the number of a plain file
    "two": {
        "integer": "2",
        "exponent": "0.2e1",
        "exponent_upper": "2E0",
        "exponent_plus": "20e-1",
        "exponent_zeros": "2.0e+00000",
        "many_zeros": "2." + "0" * 5000,
        "rounds_to_two": "1.99999999999999999999",
    },
    "large": {"exponent_upper": "1E5", "integer": "100000", "plain_float": "1e5"},
    "minus_zero": {"integer": "-0", "exponent": "-0e7", "underflow": "-1e-400"},
    "zero": {"underflow": "1e-400", "integer": "0", "deep_underflow": "1e-999999999999"},
    "largest": {"last_that_rounds_down": "1.7976931348623158e308"},
    "tiny": {"above_half": "3e-324"},
    "exact_integer": {"digits": "9007199254740992"},
    "large_integer": {"power_of_two": "18446744073709551616"},
}
PLAIN_NUMBERS = {
    "two": "2.0",
    "large": "100000.0",
    "minus_zero": "-0.0",
    "zero": "0.0",
    "largest": "1.7976931348623157e308",
    "tiny": "5e-324",
    "exact_integer": "9007199254740992.0",
    "large_integer": "1.8446744073709552e19",
    "nan": '"nan"',
    "inf": '"inf"',
    "minus_inf": '"-inf"',
}
NUMBERS = (
    *(accept(f"{value}_plain", small(x=datum(it))) for value, it in PLAIN_NUMBERS.items()),
    *(
        accept(f"{value}_{name}", small(x=datum(it)), same_as=f"{value}_plain.json")
        for value, forms in SPELLINGS.items()
        for name, it in forms.items()
    ),
    accept("two_msgpack_integer", plain(nodes=leaf(2)), same_as="two_plain.json"),
    accept("nan_escaped", small(x=datum(r'"\u006ean"')), same_as="nan_plain.json"),
    accept("inf_msgpack_string", plain(nodes=leaf("inf")), same_as="inf_plain.json"),
    accept("inf_msgpack_float", plain(nodes=leaf(math.inf)), same_as="inf_plain.json"),
    accept("nan_msgpack_string", plain(nodes=leaf("nan")), same_as="nan_plain.json"),
)

PAYLOADS = {
    "quiet": 0x7FF8_0000_0000_0000,
    "negative": 0xFFF8_0000_0000_0000,
    "signalling": 0x7FF0_0000_0000_0001,
    "all_ones": 0xFFFF_FFFF_FFFF_FFFF,
}
NANS = tuple(
    case
    for name, bits in PAYLOADS.items()
    for case in (
        accept(
            f"nan_msgpack_{name}",
            plain(nodes=leaf(Raw(b"\xcb", struct.pack(">Q", bits)))),
            same_as="nan_plain.json",
        ),
        accept(
            f"nan_packed_{name}",
            columnar(
                {
                    "count": 2,
                    "ops": ["input", "neg"],
                    "op": b"\0\1",
                    "args": u32(0),
                    "data": struct.pack("<Q", bits),
                    "id": {"at": u32(0, 1), "value": ["x", "o"]},
                },
                ["o"],
            ),
            same_as="nan_plain.json",
        ),
    )
)

BACKWARDS = (
    '{"outputs":["o"],"nodes":[{"args":["x"],"op":"neg","id":"o"}'
    ',{"data":2.0,"op":"input","id":"x"}],"mgraph":"1.0"}'
)
ESCAPED = "".join(f"\\u{ord(char):04x}" for char in "mgraph")
TEXTS = tuple(
    accept(name, source, same_as="two_plain.json")
    for name, source in {
        "minified": small().replace("\n", "").replace(" ", ""),
        "spread_out": small().replace(":", "\r\n\t:\t").replace(",", " \n,\t\r"),
        "crlf": small().replace("\n", "\r\n"),
        "carriage_returns": small().replace("\n", "\r"),
        "no_last_newline": small().rstrip(),
        "blank_around": " \n\t\r\n" + small() + "\r\n\t  \n",
        "mgraph_last": BACKWARDS.replace(
            '{"args":["x"],"op":"neg","id":"o"},{"data":2.0,"op":"input","id":"x"}',
            '{"data":2.0,"op":"input","id":"x"},{"args":["x"],"op":"neg","id":"o"}',
        ),
        "escaped_keys": small().replace("mgraph", ESCAPED).replace('"id"', r'"\u0069\u0064"'),
        "escaped_values": small(x=r'{"id": "\u0078", "op": "\u0069nput", "data": 2.0}'),
        "empty_args_on_a_leaf": small(x=datum("2.0").replace("}", ', "args": []}')),
        "argument_later": document((SMALL["o"], SMALL["x"])),
        "backwards": BACKWARDS,
        "every_text_field": small(
            head=(
                '"$schema": "https://example.org/mgraph-1.0.schema.json"',
                '"name": ""',
                r'"doc": "Zeile eins\nZeile zwei\t\"\\\/\b\f\r\u0000 😀 \ud83d\ude00"',
            ),
            tail=('"meta": null',),
        ),
        "label_html": small(
            x=datum("2.0").replace("}", r', "label": "<script>alert(\"x\")</script>&amp;\n<!--"}')
        ),
        "label_formula": small(x=datum("2.0").replace("}", ', "label": "=cmd()|\' /C calc\'!A0"}')),
        "label_brackets": small(x=datum("2.0").replace("}", f', "label": "{"[{" * 500}"}}')),
        "label_bytes_1024": small(x=datum("2.0").replace("}", f', "label": "{"ü" * 512}"}}')),
        "label_separators": small(
            x=datum("2.0").replace("}", ', "label": "a\u2028b\u2029c\x7f\x85"}')
        ),
        "doc_bytes_65536": small(head=(f'"doc": "{"d" * 65_536}"',)),
        "depth_32": meta("[" * 31 + "]" * 31),
        "meta_of_everything": meta(
            '[null, true, -0.0, 9007199254740992, -9007199254740992, 5e-324, "NaN",'
            ' {"": {"__proto__": [], "mgraph": "9.9", "id": 7}}]'
        ),
        "runs_empty": small(tail=('"runs": []',)),
        "run_empty": small(tail=(runs("{}"),)),
        "run_of_empty_objects": small(
            tail=(runs('{"inputs": {}, "seed": {}, "data": {}, "grad": {}, "tolerance": {}}'),)
        ),
        "run_with_hash": small(
            tail=(
                runs(
                    f'{{"inputs": {{"x": 3.0}}, "data": {{"o": -3.0}}, "graph": "{small_hash()}"}}'
                ),
            )
        ),
        "run_in_words": small(
            tail=(
                runs(
                    '{"inputs": {"x": "-inf"}, "seed": {"o": -0.0}, "data": {"o": "inf"},'
                    ' "grad": {"x": 0.0}, "tolerance": {"rel": 0, "abs": -0.0},'
                    ' "origin": "by hand"}'
                ),
            )
        ),
    }.items()
)

LONGEST_ID = "x" * 128
IDS = (
    accept(
        "ids_of_javascript",
        document(
            (
                '{"id": "__proto__", "op": "input", "data": 2.0}',
                '{"id": "constructor", "op": "param", "data": 3.0}',
                '{"id": "toString", "op": "mul", "args": ["__proto__", "constructor"]}',
                '{"id": "hasOwnProperty", "op": "neg", "args": ["toString"]}',
            ),
            outputs='["hasOwnProperty"]',
            tail=(
                runs(
                    '{"inputs": {"__proto__": 1.0, "constructor": 2.0},'
                    ' "seed": {"hasOwnProperty": 1.0}, "data": {"__proto__": 1.0, "toString": 2.0},'
                    ' "grad": {"__proto__": -2.0}}'
                ),
            ),
        ),
    ),
    accept(
        "ids_of_every_character",
        document(
            (
                '{"id": "_", "op": "input", "data": 1.0}',
                '{"id": "Layer1.neuron_3/w-2[0]", "op": "param", "data": 1.0}',
                '{"id": "a/..//.-[]", "op": "neg", "args": ["Layer1.neuron_3/w-2[0]"]}',
                f'{{"id": "{LONGEST_ID}", "op": "sum", "args": ["_", "a/..//.-[]"]}}',
            ),
            outputs=f'["{LONGEST_ID}"]',
            tail=(runs('{"data": {"a/..//.-[]": -1.0}}'),),
        ),
    ),
    accept(
        "ids_of_keywords",
        document(
            (
                '{"id": "null", "op": "input", "data": 1.0}',
                '{"id": "nan", "op": "neg", "args": ["null"]}',
                '{"id": "input", "op": "neg", "args": ["nan"]}',
                '{"id": "n0", "op": "mul", "args": ["input", "nan"]}',
            ),
            outputs='["n0", "null"]',
        ),
    ),
    accept("neuron_in_order", neuron()),
    accept(
        "neuron_backwards",  # sorted so that the earliest in the file goes first
        document(
            NEURON[id_] for id_ in ("o", "n", "s", "x1w1", "x1", "w1", "x2w2", "x2", "w2", "b")
        ),
        same_as="neuron_as_sorted.json",
    ),
    accept(
        "neuron_as_sorted",
        document(
            NEURON[id_] for id_ in ("x1", "w1", "x1w1", "x2", "w2", "x2w2", "s", "b", "n", "o")
        ),
    ),
    accept("input_open", small(x='{"id": "x", "op": "input"}')),
    accept(
        "input_open_msgpack",
        plain(nodes=[{"id": "x", "op": "input"}, leaf(0.0)[1]]),
        same_as="input_open.json",
    ),
    accept("outputs_of_leaves", fork(outputs='["b", "x", "k", "a"]')),
)

PACKED_ROWS = (
    '{"id": "n0", "op": "input", "data": 2.0}',
    '{"id": "n1", "op": "param", "data": -3.0}',
    '{"id": "n2", "op": "mul", "args": ["n0", "n1"]}',
    '{"id": "n3", "op": "param", "data": 6.5}',
    '{"id": "n4", "op": "add", "args": ["n2", "n3"]}',
    '{"id": "n5", "op": "tanh", "args": ["n4"]}',
)
OPEN_ROWS = (
    '{"id": "x", "op": "input"}',
    '{"id": "k", "op": "const", "data": 0.25}',
    '{"id": "t", "op": "sum", "args": ["x", "x", "k"]}',
)
PACKED = (
    accept("packed_plain", document(PACKED_ROWS, outputs='["n5"]')),
    accept("packed_open_plain", document(OPEN_ROWS, outputs='["t"]')),
    accept("packed", packed(), same_as="packed_plain.json"),
    accept("packed_open", packed_open(), same_as="packed_open_plain.json"),
    accept("packed_wide_headers", Wide(packed()), same_as="packed_plain.json"),
    accept("packed_open_wide_headers", Wide(packed_open()), same_as="packed_open_plain.json"),
    accept("rows_wide_headers", Wide(plain()), same_as="two_plain.json"),
    accept("rows", plain(), same_as="two_plain.json"),
    accept(
        "rows_mgraph_last",
        {key: plain()[key] for key in ("outputs", "nodes", "mgraph")},
        same_as="two_plain.json",
    ),
    accept("rows_argument_later", plain(nodes=leaf(2.0)[::-1]), same_as="two_plain.json"),
    accept("rows_depth_32", plain(meta=Raw(b"\x91" * 30, b"\x90")), same_as="two_plain.json"),
    accept(
        "packed_columns_backwards",
        packed() | {"nodes": dict(reversed(COLUMNS.items()))},
        same_as="packed_plain.json",
    ),
    accept(
        "packed_every_column",
        packed_open(
            label={"at": u32(0, 2), "value": ["ξ", "<b>τ</b>"]},
            doc={"at": u32(1), "value": ["A quarter."]},
            meta={"at": u32(0, 1, 2), "value": [None, {"a": [1, 2.5]}, []]},
            runs=[
                {
                    "inputs": {"x": 1.0},
                    "seed": {"t": 1.0},
                    "data": {"value": f64(1.0, 0.25, 2.25)},
                    "grad": {"at": u32(0, 2), "value": f64(2.0, 1.0)},
                    "tolerance": {"rel": 0.0, "abs": 0.0},
                    "origin": "by hand",
                }
            ],
        )
        | {"$schema": "x", "name": "every column", "doc": "x", "meta": {"x": -0.0}},
        same_as="packed_open_plain.json",
    ),
    accept(
        "packed_partial_run",
        packed(runs=[{"data": {"at": u32(2, 4), "value": f64(-6.0, 0.5)}}]),
        same_as="packed_plain.json",
    ),
    accept(
        "packed_run_of_maps",
        packed(runs=[{"inputs": {"n0": "nan", "n1": 1}, "seed": {"n5": 2}}]),
        same_as="packed_plain.json",
    ),
    accept("json_named_msgpack", small(), same_as="two_plain.json", suffix=".msgpack"),
    accept("msgpack_named_json", plain(), same_as="two_plain.json", suffix=".json"),
)

CASES: tuple[Case, ...] = (
    *UNREACHED,
    *ROUNDED,
    *FLOAT32,
    *INVISIBLES,
    *NUMBERS,
    *NANS,
    *TEXTS,
    *IDS,
    *PACKED,
)
