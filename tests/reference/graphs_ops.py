"""One graph for each op of the table, run at ordinary points and at every edge."""

from itertools import product
from math import inf, nan

from .golden import Golden, Run

TINY = 5e-324  # the smallest subnormal
SMALLEST_NORMAL = 2.2250738585072014e-308
LARGEST = 1.7976931348623157e308

UNARY_EDGES = (
    *(0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -3.0),
    *(TINY, -TINY, SMALLEST_NORMAL, -SMALLEST_NORMAL, 1e300, -1e300),
    *(710.0, -710.0, 746.0, -746.0, inf, -inf, nan),
)
BINARY_EDGES = (0.0, -0.0, 1.0, -1.0, TINY, 1e300, inf, -inf, nan)

UNARY: dict[str, tuple[str, tuple[float, ...]]] = {
    "neg": ("The sign flips, and so does every gradient that passes. Even zero has a sign.", ()),
    "abs": ("The slope is +1 on one side, -1 on the other, and 0 in the corner by choice.", ()),
    "relu": ("Open for positive numbers, shut for the rest. At exactly 0 the slope is 0.", ()),
    "sqrt": (
        "The slope grows without bound towards 0 and is infinite there; below 0 there is nothing.",
        (4.0, 1e-300, 3.0, LARGEST),
    ),
    "exp": (
        "The only function that is its own slope. Past 709.78 the value no longer fits a double.",
        (709.782712893384, 709.7827128933841, -708.5, -745.2),
    ),
    "log": (
        "Turns products into sums. At 0 it falls to minus infinity, below 0 it is not a number.",
        (2.718281828459045, 10.0, LARGEST),
    ),
    "sin": ("A wave whose slope is the cosine. Huge angles still have an exact answer.", (1e22,)),
    "cos": ("The sine, a quarter turn ahead; its slope is minus the sine.", (1e22,)),
    "tan": (
        "The double nearest to a right angle is not a right angle: the tangent stays finite.",
        (1.5707963267948966, -1.5707963267948968, 0.7853981633974483),
    ),
    "atan": ("Squeezes the whole line between plus and minus a right angle.", (1e-8, 1e8)),
    "sinh": ("The odd half of the exponential: through zero, then off to infinity.", (1e-8,)),
    "cosh": ("The even half of the exponential, the curve of a hanging chain.", (1e-8,)),
    "tanh": (
        "The lecture's squashing function. Far out it is flat, and the gradient dies.",
        (0.8813735870195432, 1e-8, 10.0, 19.0, -20.0),
    ),
    "sigmoid": (
        "Turns any number into a probability. Its slope is never more than a quarter.",
        (-2.0, 36.7, -36.7, 40.0),
    ),
    "softplus": (
        "A relu with a rounded corner. Its slope is the sigmoid.",
        (-2.0, 36.7, -36.7, 40.0),
    ),
    "erf": (
        "The area under a bell curve. Its slope is that curve, so it is flat on both sides.",
        (0.84375, 0.9999999999999999, 1.25, -1.5, 2.8, 5.9, 6.0, 26.5, 27.5, 1e-8),
    ),
    "log1p": (
        "ln(1 + x): for small x it is nearly x. At -1 it falls to minus infinity.",
        (-1.0000000000000002, -0.9999999999999999, -0.999, 1e-8, -1e-8, 1.718281828459045, LARGEST),
    ),
    "expm1": (
        "e^x - 1: for small x it is nearly x, where exp and a subtraction leave no digits.",
        (1e-8, -1e-8, 709.782712893384, 709.7827128933841, -37.5, -745.2),
    ),
    "asin": (
        "The angle with this sine. The slope is infinite at both ends; beyond, there is no angle.",
        (0.9999999999999999, -0.9999999999999999, 1.0000000000000002, 0.7071067811865476, 1e-8),
    ),
    "acos": (
        "The angle with this cosine. Its slope is minus that of asin.",
        (0.9999999999999999, -0.9999999999999999, 1.0000000000000002, 0.7071067811865476, 1e-8),
    ),
}

BINARY: dict[str, tuple[str, tuple[tuple[float, float], ...]]] = {
    "add": (
        "Addition hands its gradient on to both sides, unchanged.",
        ((2.0, -3.0), (0.1, 0.2), (LARGEST, LARGEST), (9007199254740992.0, 1.0)),
    ),
    "sub": (
        "The first argument gets the gradient as it is, the second with its sign flipped.",
        ((2.0, -3.0), (0.3, 0.1), (-LARGEST, LARGEST), (1.0, 0.9999999999999999)),
    ),
    "mul": (
        "Each side's slope is the other side's value.",
        ((2.0, -3.0), (0.1, 0.1), (1e200, 1e200), (1e-200, 1e-200), (TINY, 0.5), (TINY, 0.75)),
    ),
    "div": (
        "A division by zero stops nobody: it gives an infinity, or NaN for zero over zero.",
        ((2.0, -3.0), (1.0, 3.0), (1e-300, 1e300), (1e300, 1e-300), (TINY, 2.0), (1.0, LARGEST)),
    ),
    "pow": (
        "The op with most special cases: anything to the power 0 is 1, even NaN is.",
        (
            *((2.0, 3.0), (1.5, 2.5), (2.0, 0.5), (3.0, -1.0), (10.0, 308.0), (10.0, 309.0)),
            *((2.0, 1023.0), (2.0, 1024.0), (2.0, -1074.0), (2.0, -1075.0), (0.5, 1e300)),
            *((-8.0, 1.0 / 3.0), (-8.0, 3.0), (-8.0, 2.0), (-2.0, -3.0)),
            *((0.0, 2.0), (0.0, 3.0), (-0.0, 3.0), (-0.0, 2.0), (0.0, 0.5), (-0.0, 0.5)),
            *((0.0, -3.0), (-0.0, -3.0), (-0.0, -2.0), (0.0, -0.5), (2.0, inf), (0.5, inf)),
            *((2.0, -inf), (0.5, -inf), (-inf, 3.0), (-inf, 2.0), (-inf, -3.0), (-inf, 0.5)),
            *((inf, 0.5), (inf, -0.5), (-0.5, inf), (-2.0, inf), (1.0000000000000002, 1e16)),
        ),
    ),
    "max": (
        "All of the gradient goes to the winner. At a tie each gets half, and NaN always wins.",
        ((2.0, -3.0), (-3.0, 2.0), (2.0, 2.0), (-TINY, TINY)),
    ),
    "min": (
        "All of the gradient goes to the smaller one. At a tie each gets half; NaN always wins.",
        ((2.0, -3.0), (-3.0, 2.0), (2.0, 2.0), (-TINY, TINY)),
    ),
    "atan2": (
        "The angle of the point (b, a), all the way round. Here the sign of a zero matters.",
        (
            *((1.0, 2.0), (1.0, -2.0), (-1.0, 2.0), (-1.0, -2.0), (-0.0, -2.0), (-TINY, -1.0)),
            *((TINY, TINY), (1e-200, 1e-200), (1e200, 1e200), (1e-300, -1e300), (3.0, 4.0)),
        ),
    ),
    "gate": (
        "The first argument decides, and gets no gradient; the second passes while it is above 0.",
        ((2.0, -3.0), (-2.0, -3.0), (TINY, LARGEST), (-TINY, LARGEST), (2.0, 0.1)),
    ),
}


def _unary(op: str) -> Golden:
    doc, extra = UNARY[op]
    points = (*UNARY_EDGES, *extra)
    runs = (Run(), *(Run({"x": x}) for x in points))
    return Golden(f"run/ops/{op}", doc, f"x = input 0.75\ny = {op} x", "y", runs, special=True)


def _binary(op: str) -> Golden:
    doc, extra = BINARY[op]
    pairs = (*extra, *product(BINARY_EDGES, repeat=2))
    runs = (Run(), *(Run({"a": a, "b": b}) for a, b in pairs))
    program = f"a = input 0.75\nb = input 1.25\ny = {op} a b"
    return Golden(f"run/ops/{op}", doc, program, "y", runs, special=True)


SUMS = (
    Golden(
        "run/ops/sum",
        "Three terms, added from left to right. Every term gets the whole gradient.",
        """
        a = input 0.1
        b = input 0.2
        c = input 0.3
        y = sum a b c
        """,
        "y",
        (
            Run(),
            Run({"a": inf, "b": -inf, "c": 1.0}),
            Run({"a": 1e308, "b": -inf, "c": 1.0}),
            *(
                Run({"a": a, "b": b, "c": c})
                for a, b, c in product((-0.0, 1e308, -inf, nan), repeat=3)
            ),
        ),
    ),
    Golden(
        "run/ops/sum_of_one",
        "A sum of one term is that term: no zero is added first, so minus zero keeps its sign.",
        "a = input 7.0\ny = sum a",
        "y",
        (Run(), *(Run({"a": a}) for a in (0.0, -0.0, TINY, inf, -inf, nan))),
    ),
    Golden(
        "run/ops/sum_of_two",
        "A sum of two terms is an addition, to the last bit.",
        """
        a = input 0.1
        b = input 0.2
        y = sum a b
        z = add a b
        gap = sub y z
        """,
        "gap",
        (Run(), Run({"a": -0.0, "b": -0.0}), Run({"a": 1e308, "b": 1e308})),
    ),
    Golden(
        "run/ops/sum_of_ten",
        "Ten times a tenth is not one: each addition rounds, and the errors pile up.",
        "tenth = input 0.1\ny = sum" + " tenth" * 10,
        "y",
        (Run(published="y=0.9999999999999999"), Run({"tenth": 0.125}), Run({"tenth": 1e308})),
    ),
    Golden(
        "run/ops/sum_order",
        "The same three numbers in three orders give three answers, one of them with no error. "
        "The gradients do not notice.",
        """
        big = input 1e16
        one = input 1.0
        minus_big = neg big
        lost = sum big one minus_big
        kept = sum big minus_big one
        also_lost = sum one big minus_big
        spread = sum lost kept also_lost
        """,
        "lost kept also_lost spread",
        (
            Run(seed={"lost": 1.0, "kept": 1.0, "also_lost": 1.0}),
            Run({"one": 3.0}, {"spread": 1.0}),
            Run({"big": 1e308, "one": 1e308}, {"lost": 1.0, "kept": -2.0}),
        ),
    ),
    Golden(
        "run/ops/sum_with_repeats",
        "A term that stands in the sum three times gets the gradient three times.",
        """
        a = input 2.0
        b = param -3.0
        y = sum a b a a b
        z = mul y a
        """,
        "z",
        (Run(), Run({"a": 0.1, "b": 0.7}), Run({"a": -0.0, "b": 0.0})),
    ),
)

OP_GRAPHS = (*map(_unary, UNARY), *map(_binary, BINARY), *SUMS)
