"""Documents of the wrong shape."""

from tests.hostile.case import Case, reject
from tests.hostile.frames import SMALL, datum, meta, neuron, runs, small

FORMAT = tuple(
    reject("format", name, source)
    for name, source in {
        "empty_object": "⟦{}",
        "without_mgraph": '\n\n  ⟦{"nodes": [{"id": 7}], "outputs": [], "surplus": 1}',
        "other_program": '⟦{"asset": {"version": "2.0"}, "scenes": []}',
        "wrong_case": '⟦{"MGraph": "1.0", "nodes": []}',
        "nested": '⟦{"meta": {"mgraph": "1.0"}}',
        "array": "⟦[]",
        "array_of_a_document": "⟦[" + small() + "]",
        "string": '⟦"mgraph 1.0"',
        "number": "  ⟦42\n",
        "null": "⟦null",
        "nan": "⟦NaN",
    }.items()
)

VERSION = tuple(
    reject("version", name, source, "/mgraph")
    for name, source in {
        "number": small(version="⟦1.0"),
        "integer": small(version="⟦1"),
        "true": small(version="⟦true"),
        "null": small(version="⟦null"),
        "array": small(version='⟦["1", "0"]'),
        "object": small(version='⟦{"major": 1}'),
        "empty": small(version='⟦""'),
        "major_alone": small(version='⟦"1"'),
        "with_v": small(version='⟦"v1.0"'),
        "leading_zero": small(version='⟦"01.0"'),
        "minor_leading_zero": small(version='⟦"1.00"'),
        "three_parts": small(version='⟦"1.0.0"'),
        "negative": small(version='⟦"-1.0"'),
        "space_after": small(version='⟦"1.0 "'),
        "newline_after": small(version=r'⟦"1.0\n"'),
        "escape_sequence": small(version=r'⟦"1.0\u001b[2J"'),
        "full_width_digits": small(version='⟦"\uff11.\uff10"'),
        "arabic_digits": small(version='⟦"\u0661.\u0660"'),
        "newer_major": small(version='⟦"2.0"'),
        "newer_minor": small(version='⟦"1.999"'),
        "older_than_the_first": small(version='⟦"0.9"'),
        "endless": small(version='⟦"1.' + "9" * 5000 + '"'),
        "newer_with_other_faults": '{"mgraph": ⟦"1.999", "nodes": {"id": 7}, "surplus": 1}',
        "listed_last": small()
        .replace('"mgraph": "1.0",\n  ', "")
        .replace('"outputs": ["o"]', '"outputs": ["ö"], "mgraph": ⟦"3.0"'),
    }.items()
)

MISSING_FIELD = (
    reject("missing-field", "nodes", '⟦{"mgraph": "1.0", "outputs": ["o"]}', ""),
    reject(
        "missing-field",
        "outputs",
        small().replace(',\n  "outputs": ["o"]', "").replace("{", "⟦{", 1),
        "",
    ),
    reject("missing-field", "nodes_and_outputs", '\n⟦⟦{"mgraph": "1.0"}', "", ""),
    reject("missing-field", "id", small(x='⟦{"op": "input", "data": 2.0}'), "/nodes/0"),
    reject(
        "missing-field",
        "op",
        neuron(n='⟦{"id": "n", "args": ["s", "b"], "label": "Σ"}'),
        "/nodes/8",
    ),
    reject("missing-field", "node_empty", small(x="⟦⟦{}"), "/nodes/0", "/nodes/0"),
)

UNKNOWN_FIELD = tuple(
    reject("unknown-field", name, source, pointer)
    for name, source, pointer in (
        ("document", small(tail=('⟦"comment": "x"',)), "/comment"),
        ("nodes_misspelt", small().replace('"nodes"', '⟦"node"'), "/node"),
        ("outputs_upper", small().replace('"outputs"', '⟦"Outputs"'), "/Outputs"),
        ("id_misspelt", small(x='{⟦"idd": "x", "op": "input"}'), "/nodes/0/idd"),
        ("op_misspelt", small(o='{"id": "o", ⟦"opp": "neg", "args": ["x"]}'), "/nodes/1/opp"),
        ("args_misspelt", small(o='{"id": "o", "op": "neg", ⟦"arg": ["x"]}'), "/nodes/1/arg"),
        ("data_misspelt", neuron(b='{"id": "b", "op": "param", ⟦"Data": 6.88}'), "/nodes/4/Data"),
        ("grad_on_a_node", small(x='{"id": "x", "op": "input", ⟦"grad": 1.0}'), "/nodes/0/grad"),
        ("run", small(tail=(runs('{"inputs": {}, ⟦"inptus": {}}'),)), "/runs/0/inptus"),
        (
            "tolerance",
            small(tail=(runs('{"data": {"o": -2.0}, "tolerance": {⟦"relative": 1e-9}}'),)),
            "/runs/0/tolerance/relative",
        ),
        ("prototype", small(tail=('⟦"__proto__": {"nodes": []}',)), "/__proto__"),
        ("python_name", small(tail=('⟦"model_config": {}',)), "/model_config"),
        ("schema_without_dollar", small(head=('⟦"schema": "x"',)), "/schema"),
        ("empty_name", small(tail=('⟦"": 1',)), "/"),
        ("pointer_escapes", small(tail=('⟦"a/b~c~1": 1',)), "/a~1b~0c~01"),
        ("control_characters", small(tail=(r'⟦"a\u001b[31m\n": 1',)), "/a\x1b[31m\n"),
        ("bidi", small(tail=('"doc": "ä", ⟦"\u202edaol": 1',)), "/\u202edaol"),
        (
            "cyrillic",
            small(x='{"id": "x", "op": "input", ⟦"d\u0430ta": 1.0}'),
            "/nodes/0/d\u0430ta",
        ),
    )
)

TYPE = tuple(
    reject("type", name, source, pointer)
    for name, source, pointer in (
        ("name_number", small(head=('"name": ⟦5',)), "/name"),
        ("name_null", small(head=('"name": ⟦null',)), "/name"),
        ("doc_array", small(head=('"doc": ⟦["line", "line"]',)), "/doc"),
        ("schema_false", small(head=('"$schema": ⟦false',)), "/$schema"),
        ("nodes_object", '{"mgraph": "1.0", "nodes": ⟦{}, "outputs": ["o"]}', "/nodes"),
        ("nodes_string", '{"mgraph": "1.0", "nodes": ⟦"x", "outputs": ["o"]}', "/nodes"),
        ("nodes_null", '{"mgraph": "1.0", "nodes": ⟦null, "outputs": ["o"]}', "/nodes"),
        (
            "nodes_packed_in_json",
            '{"mgraph": "1.0", "outputs": ["n0"], "nodes": ⟦{"count": 1, "ops": ["input"]}}',
            "/nodes",
        ),
        ("node_array", small(x='{"id": "x", "op": "input"},\n    ⟦["neg", "x"]'), "/nodes/1"),
        ("node_null", small(o=SMALL["o"] + ", ⟦null"), "/nodes/2"),
        ("node_string", small(o=SMALL["o"] + ', ⟦"p"'), "/nodes/2"),
        ("id_number", small(x='{"label": "ξ", "id": ⟦7, "op": "input"}'), "/nodes/0/id"),
        ("id_null", small(x='{"id": ⟦null, "op": "input"}'), "/nodes/0/id"),
        ("op_null", small(o='{"id": "o", "op": ⟦null, "args": ["x"]}'), "/nodes/1/op"),
        ("op_array", small(o='{"id": "o", "op": ⟦["neg"], "args": ["x"]}'), "/nodes/1/op"),
        ("args_string", small(o='{"id": "o", "op": "neg", "args": ⟦"x"}'), "/nodes/1/args"),
        ("args_null", small(o='{"id": "o", "op": "neg", "args": ⟦null}'), "/nodes/1/args"),
        ("args_object", small(o='{"id": "o", "op": "neg", "args": ⟦{"x": 1}}'), "/nodes/1/args"),
        ("arg_index", small(o='{"id": "o", "op": "neg", "args": [⟦0]}'), "/nodes/1/args/0"),
        (
            "arg_nested",
            neuron(s='{"id": "s", "op": "add", "args": ["x1w1", ⟦["x2w2"]]}'),
            "/nodes/7/args/1",
        ),
        ("label_true", small(x='{"id": "x", "op": "input", "label": ⟦true}'), "/nodes/0/label"),
        ("label_null", small(x='{"id": "x", "op": "input", "label": ⟦null}'), "/nodes/0/label"),
        ("node_doc_number", small(x='{"id": "x", "op": "input", "doc": ⟦1.5}'), "/nodes/0/doc"),
        ("outputs_string", small(outputs='⟦"o"'), "/outputs"),
        ("outputs_null", small(outputs="⟦null"), "/outputs"),
        ("output_number", small(outputs="[⟦1]"), "/outputs/0"),
        ("runs_object", small(tail=('"runs": ⟦{"data": {"o": -2.0}}',)), "/runs"),
        ("runs_null", small(tail=('"runs": ⟦null',)), "/runs"),
        ("run_array", small(tail=(runs("⟦[]"),)), "/runs/0"),
        ("inputs_array", small(tail=(runs('{"inputs": ⟦[2.0]}'),)), "/runs/0/inputs"),
        ("seed_number", small(tail=(runs('{"seed": ⟦1.0}'),)), "/runs/0/seed"),
        ("run_data_number", small(tail=(runs('{"data": ⟦-2.0}'),)), "/runs/0/data"),
        ("grad_null", small(tail=(runs('{"data": {"o": -2.0}, "grad": ⟦null}'),)), "/runs/0/grad"),
        (
            "tolerance_number",
            small(tail=(runs('{"data": {"o": -2.0}, "tolerance": ⟦1e-6}'),)),
            "/runs/0/tolerance",
        ),
        ("origin_number", small(tail=(runs('{"origin": ⟦42}'),)), "/runs/0/origin"),
        ("graph_number", small(tail=(runs('{"graph": ⟦0}'),)), "/runs/0/graph"),
    )
)

HUGE_INTEGER = "123456789" * 555 + "12345"  # 5,000 digits
NO_NUMBERS = {
    "true": "true",
    "false": "false",
    "null": "null",
    "numeric_string": '"1.0"',
    "empty_string": '""',
    "nan_title": '"NaN"',
    "nan_upper": '"NAN"',
    "nan_negative": '"-nan"',
    "inf_plus": '"+inf"',
    "inf_word": '"Infinity"',
    "inf_space": '" inf"',
    "array": "[2.0]",
    "object": '{"f64": 2.0}',
    "bare_nan": "NaN",
    "bare_infinity": "Infinity",
    "bare_minus_infinity": "-Infinity",
    "overflow": "1e400",
    "overflow_minus": "-1e400",
    "overflow_by_little": "1.7976931348623159e308",
    "overflow_exponent": "1e999999999999",
    "overflow_integer": "1" + "0" * 400,
    "huge_integer": HUGE_INTEGER,
    "huge_integer_minus": "-" + HUGE_INTEGER,
}


def run_number(member: str) -> str:
    """Return `small` with a run that starts with this member."""
    return small(tail=(runs(f'{{{member}, "origin": "by hand"}}'),))


SEED = tuple(
    reject("seed", name, run_number(f'"seed": {{"o": ⟦{seed}}}'), "/runs/0/seed/o")
    for name, seed in (("inf_string", '"inf"'), ("nan_string", '"nan"'))
)

NUMBER = (
    *(
        reject("number", name, small(x=datum("⟦" + literal)), "/nodes/0/data")
        for name, literal in NO_NUMBERS.items()
    ),
    *(
        reject("number", name, source, pointer)
        for name, source, pointer in (
            (
                "neuron_nan",
                neuron(b='{"id": "b", "label": "β 😀", "op": "param", "data": ⟦NaN}'),
                "/nodes/4/data",
            ),
            ("inputs_null", run_number('"inputs": {"x": ⟦null}'), "/runs/0/inputs/x"),
            ("inputs_overflow", run_number('"inputs": {"x": ⟦-2e308}'), "/runs/0/inputs/x"),
            ("run_data_infinity", run_number('"data": {"o": ⟦-Infinity}'), "/runs/0/data/o"),
            ("grad_string", run_number('"grad": {"x": ⟦"minus one"}'), "/runs/0/grad/x"),
            ("seed_true", run_number('"seed": {"o": ⟦true}'), "/runs/0/seed/o"),
            (
                "tolerance_minus",
                run_number('"tolerance": {"rel": ⟦-1e-9}'),
                "/runs/0/tolerance/rel",
            ),
            ("tolerance_inf", run_number('"tolerance": {"abs": ⟦"inf"}'), "/runs/0/tolerance/abs"),
            ("tolerance_nan", run_number('"tolerance": {"abs": ⟦NaN}'), "/runs/0/tolerance/abs"),
            ("tolerance_null", run_number('"tolerance": {"rel": ⟦null}'), "/runs/0/tolerance/rel"),
            ("meta_nan", meta('{"größe": [1.0, ⟦NaN]}'), "/meta/größe/1"),
            ("meta_overflow", meta("⟦1e400"), "/meta"),
            ("meta_integer", meta('{"id": ⟦9007199254740993}'), "/meta/id"),
            ("meta_integer_minus", meta("[⟦-9007199254740993]"), "/meta/0"),
            (
                "node_meta",
                small(x='{"id": "x", "op": "input", "meta": {"a/b": ⟦-Infinity}}'),
                "/nodes/0/meta/a~1b",
            ),
            ("meta_huge_integer", meta("[0, ⟦" + HUGE_INTEGER + "]"), "/meta/1"),
            (
                "huge_integer_alone",  # found with the bytes, so the other faults are not told
                small(x=datum("⟦" + HUGE_INTEGER), outputs='["nowhere"]', tail=('"surplus": NaN',)),
                "/nodes/0/data",
            ),
        )
    ),
)

BAD_IDS = {
    "empty": "",
    "nul": r"a\u0000b",
    "control": r"a\u0007b",
    "delete": "a\x7fb",
    "newline_after": r"x\n",
    "space": "a b",
    "space_only": " ",
    "digit_first": "1x",
    "dot_first": ".x",
    "minus_first": "-x",
    "bracket_first": "[0]",
    "plus": "a+b",
    "comma": "a,b",
    "quote": r"a\"b",
    "backslash": r"a\\b",
    "tilde": "a~b",
    "dollar": "$x",
    "colon": "a:b",
    "formula": "=cmd()",
    "accent": "caf\u00e9",
    "combining": "cafe\u0301",
    "full_width": "\uff58",
    "cyrillic": "\u0430",
    "greek": "\u03c3",
    "dotless": "\u0131nput",
    "digit_arabic": "x\u0661",
    "emoji": "x\U0001f600",
    "emoji_escaped": r"x\ud83d\ude00",
    "bidi": "a\u202eb",
    "zero_width": "a\u200bb",
    "no_break_space": "a\u00a0b",
    "bytes_129": "x" * 129,
    "bytes_5000": "x" * 5000,
}
ID = (
    *(
        reject(
            "id",
            name,
            small(
                x=f'{{"label": "größe 😀", "id": ⟦"{spelling}", "op": "input", "data": 2.0}}',
                o=f'{{"id": "o", "op": "neg", "args": ["{spelling}"]}}',
            ),
            "/nodes/0/id",
        )
        for name, spelling in BAD_IDS.items()
    ),
    reject(
        "id",
        "two",
        neuron(
            w1='{"id": ⟦"w 1", "op": "param", "data": -3.0}',
            x1w1='{"id": ⟦"x1·w1", "op": "mul", "args": ["x1", "w 1"]}',
            s='{"id": "s", "op": "add", "args": ["x1·w1", "x2w2"]}',
        ),
        "/nodes/1/id",
        "/nodes/5/id",
    ),
)

LABEL_BYTES = 1024
DOC_BYTES = 65_536
LONG = "l" * (LABEL_BYTES + 1)
LIMIT = tuple(
    reject("limit", name, source, pointer)
    for name, source, pointer in (
        ("label", small(x=f'{{"id": "x", "label": ⟦"{LONG}", "op": "input"}}'), "/nodes/0/label"),
        (
            "label_of_umlauts",  # 513 characters, 1,025 bytes
            small(x=f'{{"id": "x", "label": ⟦"{"ü" * 512}u", "op": "input"}}'),
            "/nodes/0/label",
        ),
        (
            "label_of_escapes",  # four bytes each, once read
            small(x='{"id": "x", "label": ⟦"' + r"\ud83d\ude00" * 257 + '", "op": "input"}'),
            "/nodes/0/label",
        ),
        ("name", small(head=(f'"name": ⟦"{LONG}"',)), "/name"),
        ("schema", small(head=(f'"$schema": ⟦"{LONG}"',)), "/$schema"),
        ("doc", small(head=(f'"doc": ⟦"{"d" * (DOC_BYTES + 1)}"',)), "/doc"),
        (
            "node_doc",
            small(x=f'{{"id": "x", "op": "input", "doc": ⟦"{"é" * (DOC_BYTES // 2)}e"}}'),
            "/nodes/0/doc",
        ),
        ("origin", small(tail=(runs(f'{{"origin": ⟦"{LONG}"}}'),)), "/runs/0/origin"),
    )
)

CASES: tuple[Case, ...] = (
    *FORMAT,
    *VERSION,
    *MISSING_FIELD,
    *UNKNOWN_FIELD,
    *TYPE,
    *NUMBER,
    *SEED,
    *ID,
    *LIMIT,
)
