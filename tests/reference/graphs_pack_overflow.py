"""The golden set, third part: exp(|x|) overflows, but the value and the slope are finite.

The op is multiplied by x, so that its value shows in the gradient. And x is used twice: far out,
many rules give the right slope, so a point there must not count for or against one.
"""

from collections.abc import Iterator, Mapping, Sequence

from .golden import Golden, Run
from .graphs_pack import lesson

OPS: Mapping[str, str] = {
    "tanh": "tanh is 1 or -1 and flat there; infinity divided by infinity is not a number.",
    "sigmoid": "The sigmoid is 1 or almost 0 there, and flat.",
    "softplus": "softplus is almost x on the right and almost 0 on the left; it has no infinity.",
}

SIZES: Mapping[str, tuple[str, Sequence[float]]] = {
    "overflow-{}-single": ("exp(90) is too large for single precision.", (90.0,)),
    "overflow-{}": ("exp(800) is too large for a double, and so is exp(2·400).", (400.0, 800.0)),
}


def _overflows() -> Iterator[Golden]:
    for op, what in OPS.items():
        for name, (why, sizes) in SIZES.items():
            points = [x for size in sizes for x in (size, -size)]
            program = f"x = input {points[0]}\nf = {op} x\ny = mul x f"
            runs = [Run({"x": x}) for x in points]
            yield lesson(name.format(op), f"{why} {what}", program, "y", *runs)


OVERFLOWS: tuple[Golden, ...] = tuple(_overflows())
