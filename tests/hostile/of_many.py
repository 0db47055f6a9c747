"""Many faults in one file: all are told, in order of place, and none that follows from another."""

from tests.hostile.case import REPORTED, Case, Fault, many
from tests.hostile.frames import document, fork, neuron, packed, plain, runs, small
from tests.hostile.pack import HERE, At, Bin, f64, u32

OTHER_HASH = "mgraph1-sha256:" + "0" * 64
CROWD = 65  # nodes with two faults each


def crowd() -> Case:
    """Return a file of 130 faults, of shape and graph in turn."""
    rows = [f'{{"id": "n{i}", "label": ⟦{i}, "op": ⟦"nog", "args": ["x"]}}' for i in range(CROWD)]
    faults = [
        Fault(code, f"/nodes/{i + 1}/{field}")
        for i in range(CROWD)
        for code, field in (("type", "label"), ("unknown-op", "op"))
    ]
    source = document(('{"id": "x", "op": "input"}', *rows), outputs=f'["n{CROWD - 1}"]')
    return Case("many_130", source, tuple(faults))


def numbers() -> Case:
    """Return a file of exactly as many faults as are told one by one."""
    rows = [f'{{"id": "x{i}", "op": "param", "data": ⟦NaN}}' for i in range(REPORTED)]
    args = ", ".join(f'"x{i}"' for i in range(REPORTED))
    source = document((*rows, f'{{"id": "o", "op": "sum", "args": [{args}]}}'))
    return Case(
        "many_100", source, tuple(Fault("number", f"/nodes/{i}/data") for i in range(REPORTED))
    )


JSON_CASES = (
    many(
        "many_in_the_graph",
        neuron(
            w1='⟦{"id": "w1", "op": "param"}',
            x2='{"id": "x2", "op": "input", "args": ⟦["w1"], "label": "x₂"}',
            w2='{"id": ⟦"w1", "op": "param", "data": 1.0}',
            x2w2='{"id": "x2w2", "op": ⟦"mull", "args": ["x2", "w1"]}',
            s='{"id": "s", "op": "add", "args": ["x1w1", ⟦"x2_w2"]}',
            n='{"id": "n", "op": "add", "args": ⟦["s"], "data": ⟦0.5}',
            o='{"id": "o", "op": "tanh", "args": [⟦"m"]}',
        ),
        ("leaf-data", "/nodes/1"),
        ("arity", "/nodes/2/args"),
        ("duplicate-id", "/nodes/3/id"),
        ("unknown-op", "/nodes/6/op"),
        ("unknown-node", "/nodes/7/args/1"),
        ("arity", "/nodes/8/args"),
        ("leaf-data", "/nodes/8/data"),
        ("unknown-node", "/nodes/9/args/0"),
    ),
    many(
        "many_in_the_shape",
        document(
            (
                '{"id": ⟦1, "op": ⟦2, "data": 3.0}',
                '{"id": "w", "op": "param", "data": ⟦"three", "label": ⟦[]}',
                '⟦{"op": "neg", "args": ["w"]}',
                '{"id": ⟦"größe", "op": "mul", "args": ["w", ⟦7]}',
                '{"id": "o", "op": "neg", "args": ["größe"], ⟦"doc ": "x"}',
            ),
            head=('"name": ⟦null', '"doc": ⟦{}', '"meta": {"größe": [⟦NaN, 1.0, ⟦1e400]}'),
            tail=('⟦"Runs": []',),
        ),
        ("type", "/name"),
        ("type", "/doc"),
        ("number", "/meta/größe/0"),
        ("number", "/meta/größe/2"),
        ("type", "/nodes/0/id"),
        ("type", "/nodes/0/op"),
        ("number", "/nodes/1/data"),
        ("type", "/nodes/1/label"),
        ("missing-field", "/nodes/2"),
        ("id", "/nodes/3/id"),
        ("type", "/nodes/3/args/1"),
        ("unknown-field", "/nodes/4/doc "),
        ("unknown-field", "/Runs"),
    ),
    many(
        "many_in_the_runs",
        fork(
            x='{"id": "x", "op": "input"}',
            tail=(
                runs(
                    '⟦{"seed": {"a": 1.0}, "data": {"a": 9.0}}',
                    '⟦{"inputs": {"x": 3.0}}',
                    '{"inputs": {"x": 1.0, "k": ⟦2.0, "a": ⟦3.0}, "seed": {"x": ⟦1.0, "a": 1.0}}',
                    '{"inputs": {"x": "nan"}, "seed": {"b": 0.0}, "data": {"c": ⟦1.0},\n'
                    f'     "graph": ⟦"{OTHER_HASH}"}}',
                ),
            ),
        ),
        ("unbound-input", "/runs/0"),
        ("seed", "/runs/1"),
        ("run-node", "/runs/2/inputs/k"),
        ("run-node", "/runs/2/inputs/a"),
        ("seed", "/runs/2/seed/x"),
        ("run-node", "/runs/3/data/c"),
        ("hash", "/runs/3/graph"),
    ),
    many(
        "many_at_every_level",
        neuron(
            b='{"id": "b", "op": "param", "data": ⟦"6.88"}',
            x1w1='{"id": "x1w1", "op": ⟦"times", "args": ["x1", "w1"]}',
            o='{"id": "o", "op": "tanh", "args": ⟦["n", "n"]}',
            tail=(runs(f'{{"data": {{"o": 0.7, "q": ⟦1.0}}, "graph": "{OTHER_HASH}"}}'),),
        ),
        ("number", "/nodes/4/data"),
        ("unknown-op", "/nodes/5/op"),
        ("arity", "/nodes/9/args"),
        ("run-node", "/runs/0/data/q"),
    ),
    many(
        "many_listed_backwards",
        '{"runs": [{"seed": {"o": ⟦null}}], "outputs": ["o", ⟦"o", ⟦"p"],\n'
        ' "nodes": [{"args": ⟦"x", "label": ⟦0, "id": "o", "op": "neg"},\n'
        '  {"data": ⟦false, "op": "input", "id": "x"}], "mgraph": "1.0"}',
        ("number", "/runs/0/seed/o"),
        ("output", "/outputs/1"),
        ("output", "/outputs/2"),
        ("type", "/nodes/0/args"),
        ("type", "/nodes/0/label"),
        ("number", "/nodes/1/data"),
    ),
    many(
        "many_on_one_line",
        '{"mgraph":"1.0","name":"😀","nodes":[{"id":"x","op":"input","data":⟦-Infinity},'
        '{"id":⟦"ü","op":"neg","args":["x"]},{"id":"o","op":⟦"ad","args":["x","ü"]}],'
        '"outputs":["o",⟦"ö"]}',
        ("number", "/nodes/0/data"),
        ("id", "/nodes/1/id"),
        ("unknown-op", "/nodes/2/op"),
        ("output", "/outputs/1"),
    ),
    many(
        "many_with_a_cycle",
        neuron(
            x1='{"id": "x1", "op": ⟦"inptu", "data": 2.0}',
            x1w1='{"id": "x1w1", "op": "mul", "args": ["x1", ⟦"n"]}',
            x2w2='{"id": "x2w2", "op": "mul", "args": ["x2", ⟦"w3"]}',
        ),
        ("unknown-op", "/nodes/0/op"),
        ("cycle", "/nodes/5/args/1"),
        ("unknown-node", "/nodes/6/args/1"),
    ),
    many(
        "many_unusable_ids",  # who names them is not to blame
        small(
            x='{⟦"idd": "x", "op": "input"},\n    {"id": ⟦null, "op": "input"},'
            '\n    ⟦{"op": "const", "data": 1.0}',
            o='{"id": "o", "op": "sum", "args": ["x", "y", "z"]}',
            tail=(runs('{"inputs": {"x": 1.0, "y": 2.0}, "data": {"z": 1.0, "o": ⟦"four"}}'),),
        ),
        ("unknown-field", "/nodes/0/idd"),
        ("type", "/nodes/1/id"),
        ("missing-field", "/nodes/2"),
        ("number", "/runs/0/data/o"),
    ),
)
PACKED_CASES = (
    many(
        "many_in_columns",
        packed(
            op=Bin(bytes([1, 3, 2, 3]), HERE, bytes([9]), HERE, bytes([7])),
            id={"at": Bin(u32(2), HERE, u32(1)), "value": ["a", "b"]},
            label={"at": u32(0, 1), "value": [At(1), At(None)]},
        ),
        ("packed", "/nodes/op/4"),
        ("packed", "/nodes/op/5"),
        ("packed", "/nodes/id/at/1"),
        ("type", "/nodes/label/value/0"),
        ("type", "/nodes/label/value/1"),
    ),
    many(
        "many_in_args_and_runs",
        packed(
            args=Bin(u32(0, 1), HERE, u32(4), HERE, u32(7, 4)),
            runs=[{"data": {"at": Bin(u32(0), HERE, u32(8)), "value": f64(1.0, 2.0)}}],
        ),
        ("cycle", "/nodes/args/2"),
        ("unknown-node", "/nodes/args/3"),
        ("packed", "/runs/0/data/at/1"),
    ),
    many(
        "many_in_rows",
        plain(
            nodes=[
                {"id": "x", "op": At("inupt"), "data": 1.0},
                {"id": At("x"), "op": "const", "data": At("one")},
                {"id": "o", "op": "neg", "args": [At(7)]},
            ],
            outputs=["o", At("p")],
        ),
        ("unknown-op", "/nodes/0/op"),
        ("duplicate-id", "/nodes/1/id"),
        ("number", "/nodes/1/data"),
        ("type", "/nodes/2/args/0"),
        ("output", "/outputs/1"),
    ),
)
CASES: tuple[Case, ...] = (crowd(), numbers(), *JSON_CASES, *PACKED_CASES)
