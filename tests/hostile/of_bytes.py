"""Bytes that are no clean JSON document."""

from base64 import b64decode
from typing import Final

from tests.hostile.case import AS_IS, MARK, Case, reject
from tests.hostile.frames import datum, meta, neuron, runs, small


def text_of(data: bytes) -> str:
    """Return bytes as a text that a case can hold."""
    return data.decode(errors=AS_IS)


def named(name: bytes) -> str:
    """Return a one-line document whose name holds these bytes; the bad ones start at the mark."""
    return small(head=(f'"doc": "naïve ☕", "name": "grüße 😀 {text_of(name)}"',))


def whole(data: bytes) -> str:
    """Return a file that is refused from its first byte on."""
    return MARK + text_of(data)


SYNTAX = tuple(
    reject("syntax", name, source)
    for name, source in {
        "empty": "⟦",
        "blank": "  \n\t \r\n ⟦",
        "only_a_word": "⟦hello",
        "only_a_nul": "⟦\0",
        "python_dict": "{⟦'mgraph': '1.0'}",
        "bare_key": '{⟦mgraph: "1.0"}',
        "yaml": '⟦mgraph: "1.0"\nnodes: []\n',
        "truncated_document": small().removesuffix("}\n") + "⟦",
        "truncated_after_brace": "{⟦",
        "truncated_after_key": '{"mgraph"⟦',
        "truncated_after_colon": '{"mgraph":⟦',
        "truncated_after_comma": '{"mgraph": "1.0",\n⟦',
        "truncated_in_string": '{"mgraph": "1.0", "name": "neu⟦',
        "truncated_in_escape": '{"mgraph": "1.0", "name": "neu\\u00⟦',
        "truncated_in_number": '{"mgraph": "1.0", "nodes": [{"id": "x", "data": -2.⟦',
        "truncated_in_exponent": '{"mgraph": "1.0", "nodes": [{"id": "x", "data": 2e⟦',
        "truncated_in_literal": '{"mgraph": "1.0", "meta": tru⟦',
        "truncated_in_array": '{"mgraph": "1.0", "nodes": [\n  {"id": "x"},\n  ⟦',
        "comment_line": "{\n  ⟦// a neuron\n" + small().removeprefix("{\n"),
        "comment_block": small(head=('"name": ⟦/* later */ "x"',)),
        "comment_hash": '{"mgraph": "1.0", ⟦# one\n"nodes": []}',
        "comment_first": "⟦// a neuron\n" + small(),
        "trailing_comma_object": meta('{"größe": 1,⟦}'),
        "trailing_comma_array": small(outputs='["o",⟦]'),
        "trailing_comma_document": '{"mgraph": "1.0",⟦}',
        "comma_first": '{⟦,"mgraph": "1.0"}',
        "comma_twice": meta("[1,⟦,2]"),
        "comma_missing_in_array": meta("[1 ⟦2]"),
        "comma_missing_in_object": neuron(
            w2='{"id": "w2", "op": "param" ⟦"data": 1.0, "label": "w₂"}',
            o='{"id": "o", "op": "tanh" "args": ["n"]}',  # only the first fault is told
        ),
        "colon_missing": meta('{"a" ⟦1}'),
        "colon_twice": meta('{"a":⟦: 1}'),
        "value_missing": meta('{"a": ⟦}'),
        "key_is_a_number": meta("{⟦1: 2}"),
        "wrong_bracket": meta('{"a": [1⟦}'),
        "wrong_brace": meta('{"a": 1⟦]'),
        "leading_zero": small(x=datum("0⟦1")),
        "leading_zero_minus": small(x=datum("-0⟦1.5")),
        "leading_plus": small(x=datum("⟦+1")),
        "leading_point": small(x=datum("⟦.5")),
        "trailing_point": small(x=datum("5.⟦")),
        "point_before_exponent": small(x=datum("5.⟦e3")),
        "exponent_empty": small(x=datum("5e⟦")),
        "exponent_of_signs": small(x=datum("5e+⟦-3")),
        "minus_alone": small(x=datum("-⟦")),
        "minus_minus": small(x=datum("-⟦-1")),
        "hex": small(x=datum("0⟦x10")),
        "digit_groups": small(x=datum("1⟦_000")),
        "decimal_comma": '{"mgraph": "1.0", "nodes": [{"id": "x", "data": 1,⟦5}]}',
        "fraction": small(x=datum("1⟦/3")),
        "complex": small(x=datum("1⟦j")),
        "full_width_digit": small(x=datum("⟦\uff11")),  # FULLWIDTH DIGIT ONE
        "arabic_digit": small(x=datum("⟦\u0661")),
        "literal_python": meta("⟦True"),
        "literal_upper": meta("⟦NULL"),
        "literal_unknown": meta("⟦undefined"),
        "literal_cut": meta("[⟦tru]"),
        "literal_nan_lower": small(x=datum("⟦nan")),
        "raw_tab_in_string": small(head=('"name": "two⟦\twords"',)),
        "raw_newline_in_string": small(head=('"name": "two⟦\nwords"',)),
        "raw_nul_in_string": small(head=('"name": "n⟦\0"',)),
        "raw_escape_in_string": small(head=('"doc": "déjà vu", "name": "⟦\x1b[31mred"',)),
        "string_unclosed": small(head=('"name": "neuron⟦\n  ',)),
        "escape_hex": small(head=(r'"name": "caf⟦\xe9"',)),
        "escape_quote": small(head=(r'"name": "it⟦\'s"',)),
        "escape_short": small(head=(r'"name": "⟦\u12"',)),
        "escape_no_hex": small(head=(r'"name": "😀 ⟦\u12g4"',)),
        "space_no_break": '{⟦\u00a0"mgraph": "1.0"}',
        "space_form_feed": '{⟦\f"mgraph": "1.0"}',
        "second_fault_is_silent": '{"mgraph": ⟦.5, "nodes": [+1,],}',
        "crlf_lines": neuron(s='{"id": "s", "op": "add", "args": ["x1w1" ⟦"x2w2"]}').replace(
            "\n", "\r\n"
        ),
        "tabs": neuron(s='{"id": "s", "op": "add",\n\t\t\t"args": ["x1w1", ⟦x2w2]}').replace(
            "  ", "\t"
        ),
    }.items()
)

TRAILING = tuple(
    reject("trailing", name, source)
    for name, source in {
        "second_document": small() + "⟦" + small(),
        "same_line": small().replace("\n", "") + " ⟦{}",
        "lines_of_documents": '{"mgraph": "1.0"}\n⟦{"mgraph": "1.0"}\n',
        "brace": small() + "⟦}",
        "comma": small().rstrip() + "⟦,\n",
        "comment": small() + "\n\n  ⟦// the end\n",
        "nul": small() + "⟦\0",
        "word": small() + "⟦EOF",
        "after_a_number": "42 ⟦42",
        "after_a_string": '"mgraph"⟦: "1.0"',
        "no_break_space": small() + "⟦\u00a0",
    }.items()
)

ASCII_DOCUMENT = small().encode()
ENCODING = (
    *(
        reject("encoding", name, whole(data))
        for name, data in {
            "bom_utf8": b"\xef\xbb\xbf" + ASCII_DOCUMENT,
            "bom_alone": b"\xef\xbb\xbf",
            "bom_twice": b"\xef\xbb\xbf" * 2 + ASCII_DOCUMENT,
            "utf16_le": b"\xff\xfe" + small().encode("utf-16-le"),
            "utf16_be": b"\xfe\xff" + small().encode("utf-16-be"),
            "utf16_le_without_bom": small().encode("utf-16-le"),
            "utf16_be_without_bom": small().encode("utf-16-be"),
            "utf32_le": b"\xff\xfe\0\0" + small().encode("utf-32-le"),
            "utf32_be": b"\0\0\xfe\xff" + small().encode("utf-32-be"),
            "utf32_le_without_bom": small().encode("utf-32-le"),
            "utf32_be_without_bom": small().encode("utf-32-be"),
        }.items()
    ),
    *(
        reject("encoding", name, source)
        for name, source in {
            "latin1": named("caf⟦".encode() + "é".encode("latin-1")),
            "continuation_alone": named("⟦".encode() + b"\x80"),
            "byte_ff": named("⟦".encode() + b"\xff"),
            "sequence_cut": named("⟦".encode() + b"\xe2\x82"),
            "overlong_2": named("⟦".encode() + b"\xc0\xaf"),
            "overlong_3": named("⟦".encode() + b"\xe0\x80\xaf"),
            "overlong_4": named("⟦".encode() + b"\xf0\x80\x80\xaf"),
            "overlong_nul": named("⟦".encode() + b"\xc0\x80"),
            "surrogate_raw": named("⟦".encode() + b"\xed\xa0\x80"),
            "surrogate_pair_raw": named("⟦".encode() + b"\xed\xa0\xbd\xed\xb8\x80"),
            "beyond_unicode": named("⟦".encode() + b"\xf4\x90\x80\x80"),
            "five_bytes": named("⟦".encode() + b"\xf8\x88\x80\x80\x80"),
            "between_tokens": '{"mgraph": ⟦' + text_of(b"\xfe") + '"1.0"}',
            "in_a_key": '{"mgraph": "1.0", "na⟦' + text_of(b"\xe9") + 'me": "x"}',
            "second_line": '{"mgraph": "1.0",\n"name": "µ⟦' + text_of(b"\xb5") + '"}',
            "escape_high_alone": small(head=(r'"name": "é ⟦\ud83d"',)),
            "escape_low_alone": small(head=(r'"name": "⟦\ude00"',)),
            "escape_high_then_letter": small(head=(r'"name": "⟦\ud83d\u0041"',)),
            "escape_high_twice": small(head=(r'"name": "⟦\ud83d\ud83d\ude00"',)),
            "escape_pair_reversed": small(head=(r'"name": "⟦\ude00\ud83d"',)),
            "escape_after_a_pair": small(head=(r'"name": "\ud83d\ude00⟦\ude00"',)),
            "escape_in_a_key": meta(r'{"⟦\udc00": 1}'),
            "escape_in_meta": meta(r'["ok", {"a": "⟦\uDFFF"}]'),
        }.items()
    ),
)

DUPLICATE_KEY = tuple(
    reject("duplicate-key", name, source, pointer)
    for name, source, pointer in (
        ("document", small(tail=('⟦"outputs": ["x"]',)), "/outputs"),
        ("version", small(head=('⟦"mgraph": "1.0"',)), "/mgraph"),
        ("version_twice_over", '{"mgraph": "9.0", ⟦"mgraph": "1.0", "mgraph": "2.0"}', "/mgraph"),
        (
            "node",
            neuron(w2='{"id": "w2", "label": "größe", "op": "param", "data": 1.0, ⟦"data": 2.0}'),
            "/nodes/3/data",
        ),
        ("node_same_value", small(x='{"id": "x", ⟦"id": "x", "op": "input"}'), "/nodes/0/id"),
        ("meta_deep", meta('[0, {"a": {"b~/": 1, "c": 2, ⟦"b~/": 1}}]'), "/meta/1/a/b~0~1"),
        (
            "run",
            small(tail=(runs('{"data": {"x": 2.0, "o": -2.0, ⟦"x": 2.0}}'),)),
            "/runs/0/data/x",
        ),
        ("escaped", meta(r'{"name": 1, ⟦"n\u0061me": 2}'), "/meta/name"),
        ("escaped_pair", meta(r'{"😀": 1, ⟦"\uD83D\ude00": 2}'), "/meta/😀"),
        ("empty_key", meta('{"": 1, ⟦"": 2}'), "/meta/"),
        ("prototype", meta('{"__proto__": 1, ⟦"__proto__": {}}'), "/meta/__proto__"),
        ("unknown_field", small(tail=('"grin": 1, ⟦"grin": 2',)), "/grin"),
        ("minified", '{"mgraph":"1.0","outputs":["o"],⟦"outputs":["o"],"nodes":[]}', "/outputs"),
    )
)

LEVELS = 31  # inside meta, which is the second level: one too many
MANY_LEVELS = 100_000
DEPTH = tuple(
    reject("depth", name, source)
    for name, source in {
        "arrays": meta("[" * LEVELS + "⟦[" + "]" * (LEVELS + 1)),
        "objects": meta('{"a": ' * LEVELS + '⟦{"a": 1' + "}" * (LEVELS + 1)),
        "mixed": meta('["ü", {"a": ' * (LEVELS // 2) + '["ü", ⟦{}' + "]" + "}]" * (LEVELS // 2)),
        "after_sound_arrays": meta(
            "[" + "[" * 20 + "]" * 20 + ",\n" + "[" * (LEVELS - 1) + "⟦[" + "]" * (LEVELS + 1)
        ),
        "levels_100000_open": "[" * 32 + "⟦" + "[" * (MANY_LEVELS - 32),
        "levels_50000_closed": "[" * 32 + "⟦" + "[" * (50_000 - 32) + "]" * 50_000,
        "before_a_syntax_fault": meta("[" * LEVELS + "⟦[1,]" + "]" * LEVELS),
    }.items()
)

# Constants, because compressors change their output from one release to the next.
COMPRESSED_FORMS: Final = {
    "gzip": (
        "H4sIAAAAAAACA6tWyk0vSizIULJSMtQzUNJRystPSS1WsoquVspMAQpWAIXyC4CMzLyC0hKl2lggt7QEyASp"
        "AcrG1gIAnbeD5UIAAAA="
    ),
    "zip": (
        "UEsDBBQAAAAAAAAAIQCdt4PlQgAAAEIAAAAGAAAAeC5qc29ueyJtZ3JhcGgiOiIxLjAiLCJub2RlcyI6W3si"
        "aWQiOiJ4Iiwib3AiOiJpbnB1dCJ9XSwib3V0cHV0cyI6WyJ4Il19UEsBAhQDFAAAAAAAAAAhAJ23g+VCAAAA"
        "QgAAAAYAAAAAAAAAAAAAAIABAAAAAHguanNvblBLBQYAAAAAAQABADQAAABmAAAAAAA="
    ),
    "zstd": (
        "KLUv/SBCEQIAeyJtZ3JhcGgiOiIxLjAiLCJub2RlcyI6W3siaWQiOiJ4Iiwib3AiOiJpbnB1dCJ9XSwib3V0"
        "cHV0cyI6WyJ4Il19"
    ),
    "xz": (
        "/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4ABBAD1dAD2Iiaa0Sy6WVN/aTjAzIQ/5dEcJvBFoBUgy3qK6JnN3"
        "eDsgfHAxNPxCKBzzWzFyo9NHSIK4kccxH7CvEAAAAAAA2Cin6yVWXfYAAVlCinMt0x+2830BAAAAAARZWg=="
    ),
    "bz2": (
        "QlpoOTFBWSZTWZC3UKMAAB+bgBAFYBAACibj3kogAEhqMptQxPUDT2pCgAAZGIWG48vgULT3kl4sHd1EmGUO"
        "DzHbAUKBvlczOV0kyahy0fi7kinChISFuoUY"
    ),
}
COMPRESSED = (
    *(
        reject("compressed", name, whole(b64decode(form)))
        for name, form in COMPRESSED_FORMS.items()
    ),
    reject(
        "compressed",
        "gzip_named_msgpack",
        whole(b64decode(COMPRESSED_FORMS["gzip"])),
        suffix=".msgpack",
    ),
)

CASES: tuple[Case, ...] = (
    *SYNTAX,
    *TRAILING,
    *ENCODING,
    *DUPLICATE_KEY,
    *DEPTH,
    *COMPRESSED,
)
