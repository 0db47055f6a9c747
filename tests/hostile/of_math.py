"""Runs that say in which math they were computed: a field of format 1.1."""

from tests.hostile.case import Case, accept, many, reject
from tests.hostile.frames import neuron, packed, plain, runs, small
from tests.hostile.pack import At, f64, u32

NEW = '"1.1"'
EXACT_RUN = '{"math": "exact", "data": {"o": -2.0}}'
OTHERS = {
    "libm": '"libm"',
    "title": '"Exact"',
    "space": '"exact "',
    "empty": '""',
    "null": "null",
    "true": "true",
    "number": "1",
    "array": '["exact"]',
    "object": '{"exact": true}',
}


def new(document: dict[object, object]) -> dict[object, object]:
    """Return a value to pack that states 1.1."""
    return document | {"mgraph": "1.1"}


TYPE = (
    *(
        reject(
            "type",
            f"math_{name}",
            small(version=NEW, tail=(runs("{}", f'{{"origin": "größe", "math": ⟦{literal}}}'),)),
            "/runs/1/math",
        )
        for name, literal in OTHERS.items()
    ),
    reject("type", "math_rows", new(plain(runs=[{"math": At("fast")}])), "/runs/0/math"),
    reject("type", "math_packed", new(packed(runs=[{"math": At(b"exact")}])), "/runs/0/math"),
)

UNKNOWN_FIELD = (
    reject(
        "unknown-field", "math_of_1_0", small(tail=(runs(f"{{⟦{EXACT_RUN[1:]}"),)), "/runs/0/math"
    ),
    reject(
        "unknown-field",
        "math_of_1_0_two_runs",
        neuron(
            tail=(
                runs(
                    '{"data": {"o": 0.7}, ⟦"math": "exact"}', "{}", '{⟦"math": "exact", "grad": {}}'
                ),
            )
        ),
        "/runs/0/math",
        "/runs/2/math",
    ),
    reject(
        "unknown-field", "math_of_1_0_rows", plain(runs=[{At("math"): "exact"}]), "/runs/0/math"
    ),
    reject(
        "unknown-field", "math_of_1_0_packed", packed(runs=[{At("math"): "exact"}]), "/runs/0/math"
    ),
    reject(
        "unknown-field",
        "math_of_a_document",
        small(version=NEW, tail=('⟦"math": "exact"',)),
        "/math",
    ),
    reject(
        "unknown-field",
        "math_misspelt",
        small(version=NEW, tail=(runs('{⟦"maths": "exact"}'),)),
        "/runs/0/maths",
    ),
)

MANY = (
    many(
        "math_of_1_0_and_wrong",
        small(tail=(runs('{⟦"math": ⟦"libm", "seed": {"x": ⟦1.0}}'),)),
        ("unknown-field", "/runs/0/math"),
        ("type", "/runs/0/math"),
        ("seed", "/runs/0/seed/x"),
    ),
)

ACCEPTED = (
    accept(
        "math_exact", small(version=NEW, tail=(runs(EXACT_RUN, "{}"),)), same_as="two_plain.json"
    ),
    accept(
        "math_exact_rows",
        new(plain(runs=[{"data": {"o": -2.0}, "math": "exact"}])),
        same_as="two_plain.json",
    ),
    accept(
        "math_exact_packed",
        new(packed(runs=[{"math": "exact", "data": {"at": u32(2), "value": f64(-6.0)}}])),
        same_as="packed_plain.json",
    ),
)

CASES: tuple[Case, ...] = (*TYPE, *UNKNOWN_FIELD, *MANY, *ACCEPTED)
