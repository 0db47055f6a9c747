"""The golden set, first half: every op alone, inside others, and beside numbers.

A wrong rule must show, and no engine that knows its calculus may stumble. So there is no point
where faults hide (1, x = y, slope 1), no infinity, no domain edge; kinks are in the second half,
overflow in the third part, in files of their own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from .evaluate import is_exact
from .golden import Golden, Numbers, Run
from .layout import JsonObject

# The format's own tolerance, said aloud: graphs of + - * / would else be compared bit for bit, and
# an engine may well write the slope of a/b as -a/b².
FAIR = {"rel": 1e-9, "abs": 1e-12}


def lesson(
    name: str, doc: str, program: str, outputs: str, *runs: Run, grade: JsonObject | None = None
) -> Golden:
    """Return one file of the golden set.

    Args:
        name: The file's name, without `.json`.
        doc: What a learner can see here.
        program: As in `Golden`.
        outputs: As in `Golden`.
        *runs: As in `Golden`, but for the tolerance, which is fair to other engines.
        grade: What `meta.grade` holds.
    """
    meta = {"grade": grade} if grade else None
    golden = Golden(f"pack/{name}", doc, program, outputs, runs or (Run(),), meta=meta)
    if not is_exact(golden.nodes):
        return golden
    return replace(golden, runs=tuple(replace(run, tolerance=FAIR) for run in golden.runs))


UNARY: Mapping[str, tuple[str, tuple[float, ...], tuple[float, float]]] = {
    # the lesson, points (the last one with a seed of 2.5), and two to stand inside something else
    "neg": ("-x falls when x rises: its slope is -1.", (1.7, -0.45, 3.3, -2.6), (0.8, -1.4)),
    "abs": (
        "|x| has slope 1 right of zero and -1 left of it.",
        (1.7, -0.45, 3.3, -2.6),
        (0.8, -1.4),
    ),
    "relu": (
        "Positive numbers pass relu, and so does their gradient. The others stop there, both ways.",
        (1.7, -0.45, 50.0, 3.3, -2.6),
        (0.8, -1.4),
    ),
    "sqrt": (
        "The slope of a root is ½ divided by the root: steep near zero, flat far out.",
        (0.3, 9.5, 250000.0, 0.00004, 0.07),
        (0.8, 3.1),
    ),
    "exp": (
        "exp is its own slope: the gradient is multiplied by the result.",
        (1.3, -0.45, -2.25, 3.6),
        (0.8, -1.4),
    ),
    "log": (
        "The natural logarithm, to base e. Its slope is 1/x, of the number that went in.",
        (0.2, 7.5, 150000.0, 0.00001, 0.64),
        (0.8, 3.1),
    ),
    "sin": ("The slope of sin is cos, in radians.", (1.3, -0.45, 2.75, -4.2), (0.8, -1.4)),
    "cos": ("The slope of cos is minus sin.", (1.3, -0.45, 2.75, -4.2), (0.8, -1.4)),
    "tan": ("The slope of tan is 1 + tan².", (0.9, -0.6, 2.5, -1.1), (0.8, -0.35)),
    "atan": ("The slope of atan is 1/(1 + x²).", (0.4, -2.2, 5.5, -0.7), (0.8, -1.4)),
    "sinh": ("The slope of sinh is cosh, without a minus.", (1.3, -0.45, 2.75, -2.1), (0.8, -1.4)),
    "cosh": ("The slope of cosh is sinh, without a minus.", (1.3, -0.45, 2.75, -2.1), (0.8, -1.4)),
    "tanh": (
        "The slope of tanh is 1 - t², where t is the result, not what went in.",
        (0.6, -1.3, 2.2, -0.4),
        (0.8, -1.4),
    ),
    "sigmoid": (
        "The slope of the sigmoid is s·(1 - s), where s is the result.",
        (0.6, -1.3, 3.4, -2.7),
        (0.8, -1.4),
    ),
    "softplus": (
        "log(1 + exp(x)), a relu with a round corner: its slope is the sigmoid of x.",
        (0.6, -1.3, 9.0, -9.0, 50.0, -2.7),
        (0.8, -1.4),
    ),
}

# Both signs on either side, and never a = b. The last one is run with a seed.
PAIRS = ((2.5, -1.6), (-0.75, 3.25), (-4.5, -1.2), (1.3, 0.4))
POSITIVE_BASES = ((2.5, 3.2), (0.6, -1.7), (1.7, 0.45), (0.35, -0.8))

BINARY: Mapping[str, tuple[str, tuple[tuple[float, float], ...]]] = {
    "add": ("A sum hands its gradient on to both sides as it is.", PAIRS),
    "sub": ("In a - b, b gets the gradient with its sign turned.", PAIRS),
    "mul": ("In a·b, each side gets the gradient times the other side.", PAIRS),
    "div": (
        "In a/b, a gets the gradient over b, and b gets it times -a/b².",
        ((-1.7, 0.0013), *PAIRS),
    ),
    "pow": (
        "a to the power b, both of them variables: a gets b·a^(b-1), and b gets a^b times ln a.",
        POSITIVE_BASES,
    ),
    "max": ("All of the gradient goes to the larger one; the other one had no say.", PAIRS),
    "min": ("All of the gradient goes to the smaller one; the other one had no say.", PAIRS),
}


def _seeded(points: Sequence[Numbers]) -> tuple[Run, ...]:
    """Return a run for each point; in the last one what comes from above isn't 1."""
    return (*(Run(point) for point in points[:-1]), Run(points[-1], {"y": 2.5}))


def _alone() -> Iterator[Golden]:
    for op, (doc, points, _) in UNARY.items():
        program = f"x = input {points[0]}\ny = {op} x"
        yield lesson(f"op-{op}", doc, program, "y", *_seeded([{"x": x} for x in points]))
    for op, (doc, pairs) in BINARY.items():
        a, b = pairs[0]
        program = f"a = input {a}\nb = input {b}\ny = {op} a b"
        runs = _seeded([{"a": a, "b": b} for a, b in pairs])
        yield lesson(f"op-{op}", doc, program, "y", *runs)
    yield lesson(
        "op-sum",
        "A sum of three is a sum like any other: each term gets the whole gradient.",
        "a = input 2.5\nb = input -1.6\nc = input 0.35\ny = sum a b c",
        "y",
        Run(),
        Run({"a": -0.75, "b": 3.25, "c": -4.1}, {"y": 2.5}),
    )


INSIDE = """
    a = input 1.2
    p = param 1.5
    b = input -0.8
    q = param -2.9
    u = mul a p
    t = mul b q
"""
INSIDE_RUNS = (Run(), Run({"a": 2.6, "p": 0.35, "b": 0.7, "q": -3.4}))


def _inside() -> Iterator[Golden]:
    for op, (_, _, (one, other)) in UNARY.items():
        yield lesson(
            f"inside-{op}",
            f"u·{op}(u) with u = x·w: u gets one gradient through {op}, where what comes from "
            "above is not 1, and one directly. It passes their sum on.",
            f"x = input {one}\nw = param 1.5\nu = mul x w\ny = {op} u\nz = mul y u",
            "z",
            Run(),
            Run({"x": other, "w": 0.45}),
        )
    for op in ("div", "pow", "max", "min"):
        yield lesson(
            f"inside-{op}",
            f"{op} of two products, which are used once more above it: each gets a gradient "
            f"through {op} and one directly, and passes their sum on.",
            f"{INSIDE}y = {op} u t\nyu = mul y u\nz = mul yu t",
            "z",
            *INSIDE_RUNS,
        )
    yield lesson(
        "inside-plus-minus-times",
        "Sums, differences and products of products. What comes from above is never 1.",
        f"{INSIDE}up = add u t\ndown = sub t u\ny = mul up down\nz = mul y a",
        "z",
        *INSIDE_RUNS,
    )


NOT_ELSEWHERE = tuple(op for op in UNARY if op not in ("neg", "tanh"))


def _only_through() -> Iterator[Golden]:
    """Yield graphs whose inner nodes have only one way to the output, for ops that lack one."""
    for op in NOT_ELSEWHERE:
        one, other = UNARY[op][2]
        yield lesson(
            f"only-through-{op}",
            f"{op} of a product that nothing else uses: if {op} forgets what it was made of, "
            "neither factor gets a gradient.",
            f"x = input {one}\nw = param 1.5\nu = mul x w\ny = {op} u",
            "y",
            Run(),
            Run({"x": other, "w": 0.45}, {"y": 2.5}),
        )
    for op in ("pow", "max", "min"):
        yield lesson(
            f"only-through-{op}",
            f"{op} of two products that nothing else uses: if {op} forgets one of them, its "
            "factors get no gradient.",
            f"{INSIDE}y = {op} u t",
            "y",
            *INSIDE_RUNS,
        )


# Each with a whole number, and with one that isn't.
NUMBERS: Mapping[str, tuple[str, str, str]] = {
    "x-plus-2": ("A number beside a Value: x + 2 and then + 0.75.", "add x two", "add a part"),
    "2-plus-x": (
        "Here the number comes first: Python asks the number, which can't, and then __radd__.",
        "add two x",
        "add part a",
    ),
    "x-minus-2": ("x - 2, and then - 0.75.", "sub x two", "sub a part"),
    "2-minus-x": (
        "2 - x isn't x - 2. Python calls __rsub__ on x, and passes the 2.",
        "sub two x",
        "sub part a",
    ),
    "x-times-2": ("x * 2, and then * 0.75.", "mul x two", "mul a part"),
    "2-times-x": ("2 * x: Python calls __rmul__ on x.", "mul two x", "mul part a"),
    "x-over-2": ("x / 2, and then / 0.75. Half of 7.3 is 3.65, not 3.", "div x two", "div a part"),
    "2-over-x": (
        "2 / x isn't x / 2. Python calls __rtruediv__ on x, and passes the 2.",
        "div two x",
        "div part a",
    ),
}

POWERS: Mapping[str, tuple[str, float, tuple[float, ...]]] = {
    "x-squared": ("The slope of x² is 2x, left of zero, too.", 2.0, (1.7, -2.6)),
    "x-cubed": ("The slope of x³ is 3x²: the exponent drops by one.", 3.0, (1.7, -2.6)),
    "x-to-the-minus-1": (
        "x to the power -1 is 1/x; from -1 the exponent drops to -2.",
        -1.0,
        (1.7, -2.6),
    ),
    "x-to-the-half": ("x to the power ½ is the root of x.", 0.5, (1.7, 6.4)),
    "x-to-the-minus-three-halves": (
        "An exponent may be negative and no whole number. The rule stays the same.",
        -1.5,
        (1.7, 0.4),
    ),
}


def _numbers() -> Iterator[Golden]:
    for name, (doc, first, second) in NUMBERS.items():
        yield lesson(
            name,
            doc,
            f"x = input 7.3\ntwo = const 2.0\npart = const 0.75\na = {first}\ny = {second}",
            "y",
            Run(),
            Run({"x": -3.2}, {"y": 2.5}),
        )
    for name, (doc, exponent, points) in POWERS.items():
        runs = (Run({"x": points[0]}), Run({"x": points[1]}), Run({"x": points[1]}, {"y": 2.5}))
        program = f"x = input {points[0]}\nn = const {exponent}\ny = pow x n"
        yield lesson(name, doc, program, "y", *runs)
    yield lesson(
        "2-to-the-x",
        "Here x is the exponent: 2^x times ln 2 is the slope, and Python calls __rpow__ on x.",
        "x = input 1.3\ntwo = const 2.0\npart = const 0.75\na = pow two x\ny = pow part a",
        "y",
        Run(),
        Run({"x": -0.7}, {"y": 2.5}),
    )


RULES: tuple[Golden, ...] = (*_alone(), *_inside(), *_only_through(), *_numbers())
