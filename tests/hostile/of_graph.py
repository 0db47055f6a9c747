"""Well-formed documents that describe no graph."""

from tests.hostile.case import Case, reject
from tests.hostile.frames import SMALL, document, fork, neuron, small

DUPLICATE_ID = (
    reject(
        "duplicate-id",
        "leaf",
        small(o='{"id": ⟦"x", "op": "param", "data": 1.0},\n    ' + SMALL["o"]),
        "/nodes/1/id",
    ),
    reject(
        "duplicate-id",
        "neuron",
        neuron(
            w2='{"label": "größe 😀", "id": ⟦"w1", "op": "param", "data": 1.0}',
            x2w2='{"id": "x2w2", "op": "mul", "args": ["x2", "w1"]}',
        ),
        "/nodes/3/id",
    ),
    reject(
        "duplicate-id",
        "three",
        document((SMALL["x"], *['{"id": ⟦"x", "op": "input"}'] * 2, SMALL["o"])),
        "/nodes/1/id",
        "/nodes/2/id",
    ),
    reject(
        "duplicate-id",
        "escaped",
        small(x='{"id": "o", "op": "input"}', o=(r'{"id": ⟦"\u006f", "op": "neg", "args": ["o"]}')),
        "/nodes/1/id",
    ),
    reject(
        "duplicate-id",
        "whole_node_twice",
        document((SMALL["x"], SMALL["o"], SMALL["o"].replace('"o"', '⟦"o"'))),
        "/nodes/2/id",
    ),
)


def negated(name: str) -> str:
    """Return the op of `small` with another argument."""
    return f'{{"id": "o", "label": "ξ 😀", "op": "neg", "args": [⟦"{name}"]}}'


UNKNOWN_NODE = (
    *(
        reject("unknown-node", name, small(o=negated(spelling)), "/nodes/1/args/0")
        for name, spelling in {
            "typo": "xx",
            "upper": "X",
            "space_after": "x ",
            "empty": "",
            "index": "0",
            "operator": "add",
            "prototype": "__proto__",
            "cyrillic": "\u0445",
            "full_width": "\uff58",
            "control": r"x\u0000",
            "escape_sequence": r"\u001b[2J",
            "path": "../x.json",
        }.items()
    ),
    reject(
        "unknown-node",
        "neuron",
        neuron(x1w1='{"id": "x1w1", "op": "mul", "args": ["x1", ⟦"w11"]}'),
        "/nodes/5/args/1",
    ),
    reject(
        "unknown-node",
        "both_arguments",
        neuron(s='{"id": "s", "op": "add", "args": [⟦"x1_w1", ⟦"x2_w2"]}'),
        "/nodes/7/args/0",
        "/nodes/7/args/1",
    ),
    reject(
        "unknown-node",
        "same_argument_twice",
        neuron(s='{"id": "s", "op": "add", "args": [⟦"q",\n⟦"q"]}'),
        "/nodes/7/args/0",
        "/nodes/7/args/1",
    ),
)


def op(name: str) -> str:
    """Return the op node of `small` with another op."""
    return f'{{"id": "o", "label": "größe 😀", "op": ⟦"{name}", "args": ["x"]}}'


UNKNOWN_OP = (
    *(
        reject("unknown-op", name, small(o=op(spelling)), "/nodes/1/op")
        for name, spelling in {
            "upper": "NEG",
            "space_after": "neg ",
            "newline_after": r"neg\n",
            "empty": "",
            "symbol": "-",
            "newer": "erf",
            "import": "os.system",
            "dunder": "__import__('os').system('id')",
            "attribute": "__class__",
            "prototype": "__proto__",
            "constructor": "constructor",
            "module_function": "math.tanh",
            "synonym": "negative",
            "leaf_group": "leaf",
            "escape_sequence": r"\u001b]0;owned\u0007",
            "bidi": "\u202egen",
            "cyrillic": "n\u0435g",
        }.items()
    ),
    reject(
        "unknown-op", "typo", neuron(o='{"id": "o", "op": ⟦"tahn", "args": ["n"]}'), "/nodes/9/op"
    ),
    reject(
        "unknown-op",
        "arity_is_not_judged",
        neuron(n='{"id": "n", "op": ⟦"ad", "args": ["s", "b", "s"], "data": 1.0}'),
        "/nodes/8/op",
    ),
    reject(
        "unknown-op",
        "leaf",
        neuron(b='{"id": "b", "op": ⟦"parameter", "data": 6.88}'),
        "/nodes/4/op",
    ),
    reject(
        "unknown-op",
        "minified",
        '{"mgraph":"1.0","nodes":[{"id":"x","op":"input","data":2.0,"label":"ξ"},'
        '{"id":"o","op":⟦"tanhh","args":["x"]}],"outputs":["o"]}',
        "/nodes/1/op",
    ),
    reject(
        "unknown-op",
        "crlf",
        neuron(s='{"id": "s", "label": "Σ",\r\n "op": ⟦"plus", "args": ["x1w1", "x2w2"]}')
        .replace("\n", "\r\n")
        .replace("\r\r", "\r"),
        "/nodes/7/op",
    ),
    reject(
        "unknown-op",
        "tabs",
        neuron(s='{\n\t\t\t"op": ⟦"Σ",\n\t\t\t"id": "s",\n\t\t\t"args": ["x1w1", "x2w2"]}').replace(
            "  ", "\t"
        ),
        "/nodes/7/op",
    ),
)

ARITY = tuple(
    reject("arity", name, source, pointer)
    for name, source, pointer in (
        ("add_of_one", neuron(n='{"id": "n", "op": "add", "args": ⟦["s"]}'), "/nodes/8/args"),
        (
            "add_of_three",
            neuron(s='{"id": "s", "op": "add", "args": ⟦["x1w1", "x2w2", "b"]}'),
            "/nodes/7/args",
        ),
        ("neg_of_two", small(o='{"id": "o", "op": "neg", "args": ⟦["x", "x"]}'), "/nodes/1/args"),
        (
            "neg_of_none",
            small(o='{"id": "o", "label": "ξ", "op": "neg", "args": ⟦[]}'),
            "/nodes/1/args",
        ),
        ("neg_without_args", small(o='⟦{"id": "o", "op": "neg"}'), "/nodes/1"),
        ("sum_of_none", small(o='{"id": "o", "op": "sum", "args": ⟦[]}'), "/nodes/1/args"),
        ("sum_without_args", small(o='⟦{"id": "o", "op": "sum"}'), "/nodes/1"),
        (
            "max_of_four",
            small(o='{"id": "o", "op": "max", "args": ⟦["x", "x", "x", "x"]}'),
            "/nodes/1/args",
        ),
        (
            "input_with_args",
            fork(b='{"id": "b", "op": "input", "args": ⟦["k"]}'),
            "/nodes/3/args",
        ),
        (
            "param_with_args",
            fork(b='{"id": "b", "op": "param", "args": ⟦["x", "k"], "data": 1.0}'),
            "/nodes/3/args",
        ),
        (
            "const_with_args",
            fork(b='{"id": "b", "op": "const", "data": 1.0, "args": ⟦["k"]}'),
            "/nodes/3/args",
        ),
    )
)

LOOP = 100


def loop(length: int) -> str:
    """Return a document whose negations form one cycle, closed by its first."""
    first = f'{{"id": "v0", "op": "neg", "args": [⟦"v{length - 1}"]}}'
    rows = [f'{{"id": "v{i}", "op": "neg", "args": ["v{i - 1}"]}}' for i in range(1, length)]
    return document((first, *rows), outputs=f'["v{length - 1}"]')


CYCLE = (
    reject(
        "cycle",
        "itself",
        small(o='{"id": "o", "label": "ö", "op": "neg", "args": [⟦"o"]}'),
        "/nodes/1/args/0",
    ),
    reject(
        "cycle",
        "itself_second",
        neuron(n='{"id": "n", "op": "add", "args": ["s", ⟦"n"]}'),
        "/nodes/8/args/1",
    ),
    reject(
        "cycle",
        "itself_twice",
        small(o='{"id": "o", "op": "mul", "args": [⟦"o", "o"]}'),
        "/nodes/1/args/0",
    ),
    reject("cycle", "two", loop(2), "/nodes/0/args/0"),
    reject(
        "cycle",
        "three",
        neuron(x1w1='{"id": "x1w1", "op": "mul", "args": ["x1", ⟦"n"]}'),
        "/nodes/5/args/1",
    ),
    reject("cycle", "hundred", loop(LOOP), "/nodes/0/args/0"),
    reject(
        "cycle",
        "with_a_way_in_and_out",
        neuron(
            w2='{"id": "w2", "op": "neg", "args": ["b"]}',
            s='{"id": "s", "op": "add", "args": ["x1w1", ⟦"n"]}',
            n='{"id": "n", "op": "add", "args": ["s", "x2w2"]}',
        ),
        "/nodes/7/args/1",
    ),
    reject(
        "cycle",
        "not_below_the_output",
        fork(
            a='{"id": "a", "op": "add", "args": ["x", ⟦"b"]}',
            b='{"id": "b", "op": "mul", "args": ["a", "k"]},\n    '
            '{"id": "o", "op": "neg", "args": ["x"]}',
            outputs='["o"]',
        ),
        "/nodes/2/args/1",
    ),
)

LEAF_DATA = (
    reject(
        "leaf-data",
        "on_an_op",
        neuron(o='{"id": "o", "label": "ø", "op": "tanh", "args": ["n"], "data": ⟦0.7071}'),
        "/nodes/9/data",
    ),
    reject(
        "leaf-data",
        "nan_on_an_op",
        small(o='{"data": ⟦"nan", "id": "o", "op": "neg", "args": ["x"]}'),
        "/nodes/1/data",
    ),
    reject("leaf-data", "param_without", neuron(b='⟦{"id": "b", "op": "param"}'), "/nodes/4"),
    reject(
        "leaf-data", "const_without", fork(k='⟦{"id": "k", "op": "const", "args": []}'), "/nodes/1"
    ),
    reject(
        "leaf-data",
        "both",
        neuron(
            w1='⟦{"id": "w1", "op": "param", "label": "w₁"}',
            n='{"id": "n", "op": "add", "args": ["s", "b"], "data": ⟦0.88}',
        ),
        "/nodes/1",
        "/nodes/8/data",
    ),
)

OUTPUT = (
    reject("output", "none", small(outputs="⟦[]"), "/outputs"),
    reject("output", "unknown", small(outputs='["o", ⟦"p"]'), "/outputs/1"),
    reject("output", "unknown_upper", neuron().replace('["o"]', '[⟦"O"]'), "/outputs/0"),
    reject("output", "unknown_empty", small(outputs='[⟦"", "o"]'), "/outputs/0"),
    reject("output", "unknown_prototype", small(outputs='["o", ⟦"__proto__"]'), "/outputs/1"),
    reject("output", "repeated", small(outputs='["o", ⟦"o"]'), "/outputs/1"),
    reject(
        "output",
        "repeated_thrice",
        fork(outputs='["a", "b", ⟦"a", ⟦"a"]'),
        "/outputs/2",
        "/outputs/3",
    ),
    reject(
        "output",
        "no_nodes",
        '{"mgraph": "1.0", "name": "∅", "nodes": ⟦[], "outputs": ["o"]}',
        "/nodes",
    ),
    reject(
        "output", "no_nodes_no_outputs", '{"mgraph": "1.0", "nodes": ⟦[], "outputs": []}', "/nodes"
    ),
)

CASES: tuple[Case, ...] = (
    *DUPLICATE_ID,
    *UNKNOWN_NODE,
    *UNKNOWN_OP,
    *ARITY,
    *CYCLE,
    *LEAF_DATA,
    *OUTPUT,
)
