"""The golden set, second half: how gradients add up, in which order, and how far."""

from collections.abc import Iterator

from .golden import Golden, Run
from .graphs_nets import network
from .graphs_pack import lesson

# For engines without these: nets and the like are not about them.
COMPOSE = {
    "sigmoid": "1 / (1 + exp(-x))",
    "tanh": "(exp(2 * x) - 1) / (exp(2 * x) + 1)",
}


def _composed(*ops: str) -> dict[str, dict[str, str]]:
    return {"compose": {op: COMPOSE[op] for op in ops}}


USED_AGAIN = (
    lesson(
        "x-plus-x",
        "x + x is 2x, so its slope is 2: x gets a gradient from the left and one from the right.",
        "x = input 3.5\ny = add x x",
        "y",
        Run(),
        Run({"x": -1.3}, {"y": 2.5}),
    ),
    lesson(
        "x-times-x",
        "x * x is x², so its slope is 2x: each side sends x once.",
        "x = input 3.5\ny = mul x x",
        "y",
        Run(),
        Run({"x": -1.3}, {"y": 2.5}),
    ),
    lesson(
        "x-minus-x",
        "x - x is 0 whatever x is, so the two gradients must cancel.",
        "x = input 3.5\ny = sub x x",
        "y",
        Run(),
        Run({"x": -1.3}, {"y": 2.5}),
    ),
    lesson(
        "x-over-x",
        "x / x is 1 whatever x is, so the two gradients must cancel.",
        "x = input 3.5\ny = div x x",
        "y",
        Run(),
        Run({"x": -1.3}, {"y": 2.5}),
    ),
    lesson(
        "x-to-the-x",
        "x to the power x: x gets one gradient as base and one as exponent.",
        "x = input 1.7\ny = pow x x",
        "y",
        Run(),
        Run({"x": 0.45}, {"y": 2.5}),
    ),
    lesson(
        "sum-with-repeats",
        "The sum of x, x, y and x: three terms are the same Value, and each of them counts.",
        "x = input 3.5\ny = input -1.2\nz = sum x x y x",
        "z",
        Run(),
        Run({"x": -1.3}, {"z": 2.5}),
    ),
    lesson(
        "inner-node-plus-itself",
        "The doubled Value is no leaf this time: its gradient of 2 has to travel on.",
        "x = input 3.5\nw = param -0.6\na = mul x w\nb = add a a\nc = mul b w",
        "c",
        Run(),
        Run({"x": -1.3, "w": 2.2}),
    ),
    lesson(
        "added-up",
        "x is used by two ops, so two gradients arrive. They are added, not overwritten.",
        "x = input 3.5\nw = param -0.6\nv = param 1.4\na = mul x w\nb = add x v\ny = mul a b",
        "y",
        Run(),
        Run({"x": -1.3, "w": 2.2}),
    ),
    lesson(
        "added-up-by-plus",
        "Only additions, and x is in three of them: its gradient is the number of ways to it, 4.",
        "x = input 3.5\nv = param 1.4\na = add x v\nb = add a x\nc = add b a",
        "c",
        Run(),
        Run({"x": -1.3, "v": 2.2}, {"c": 2.5}),
    ),
    lesson(
        "directly-and-through",
        "x is used directly and through x·w: the long way's gradient is added to the short way's.",
        "x = input 3.5\nw = param -0.6\na = mul x w\ny = mul a x\nz = sub y x",
        "z",
        Run(),
        Run({"x": -1.3, "w": 2.2}),
    ),
    lesson(
        "shared-weight",
        "One weight on three inputs: it gets a gradient from each of them.",
        """
        x1 = input 1.5
        x2 = input -0.7
        x3 = input 2.3
        w = param -0.6
        a = mul x1 w
        b = mul w x2
        c = mul x3 w
        ab = add a b
        y = add ab c
        z = mul y y
        """,
        "z",
        Run(),
        Run({"w": 1.9}),
    ),
)

DIAMOND = """
    x = input 1.5
    w = param -0.6
    v = param 2.3
    n = mul x w
    left = add n v
    right = mul n v
"""

LONG_WAY = """
    x = input 1.5
    w = param -0.6
    v = param 2.3
    n = mul x w
    s1 = add n v
    s2 = mul s1 w
    s3 = sub s2 v
    s4 = mul s3 x
"""

ORDER = (
    lesson(
        "diamond",
        "Two ways lead from n to the output. n passes its gradient on when both have arrived.",
        DIAMOND + "y = mul left right",
        "y",
        Run(),
        Run({"x": -0.8, "w": 1.7}),
    ),
    lesson(
        "diamond-turned",
        "The same diamond with its sides exchanged. The answer must not depend on which is first.",
        DIAMOND + "y = mul right left",
        "y",
        Run(),
        Run({"x": -0.8, "w": 1.7}, {"y": 2.5}),
    ),
    lesson(
        "short-way-first",
        "The output uses n directly and, four steps later, again. Whoever goes by the first way "
        "passes n's gradient on too early.",
        LONG_WAY + "y = mul n s4",
        "y",
        Run(),
        Run({"x": -0.8, "w": 1.7}),
    ),
    lesson(
        "short-way-last",
        "The same graph with the short way on the right: whoever walks sides in the other order "
        "stumbles here.",
        LONG_WAY + "y = mul s4 n",
        "y",
        Run(),
        Run({"x": -0.8, "w": 1.7}),
    ),
    lesson(
        "used-early-and-late",
        "n is used at the first step, at the third and at the last. It is finished when all have "
        "been.",
        """
        x = input 1.5
        w = param -0.6
        v = param 2.3
        n = mul x w
        a = add n v
        b = mul a w
        c = mul b n
        d = add v c
        e = mul d v
        f = sub n e
        g = mul f w
        """,
        "g",
        Run(),
        Run({"x": -0.8, "w": 1.7, "v": 0.4}),
    ),
    lesson(
        "ladder",
        "Each rung is made of the two below it, as the Fibonacci numbers are. To go down rung by "
        "rung takes the right order.",
        """
        r0 = input 0.7
        r1 = input -1.1
        r2 = add r1 r0
        r3 = mul r2 r1
        r4 = add r3 r2
        r5 = mul r4 r3
        r6 = sub r5 r4
        r7 = mul r6 r5
        """,
        "r7",
        Run(),
        Run({"r0": 1.3, "r1": 0.4}),
    ),
    lesson(
        "row-of-diamonds",
        "Five diamonds in a row: 32 ways from end to end, yet each node passes its gradient on "
        "just once.",
        "\n".join(
            ["x0 = input 0.7", "w = param 0.9", "v = param -0.4"]
            + [f"a{i} = mul x{i} w\nb{i} = add v x{i}\nx{i + 1} = add a{i} b{i}" for i in range(5)]
        ),
        "x5",
        Run(),
        Run({"x0": -1.3, "w": -0.7}),
    ),
    lesson(
        "equal-values",
        "a and b have the same value, and so have their products, but they are different nodes. "
        "Nodes are told apart by identity, not by value.",
        """
        a = input 1.5
        b = input 1.5
        w = param -0.6
        v = param 2.3
        aw = mul a w
        bw = mul b w
        d = sub aw v
        y = mul d bw
        """,
        "y",
        Run(),
        Run({"a": -0.8, "b": -0.8}),
    ),
)

LEFT_OUT = (
    lesson(
        "convention-unreached",
        "u depends on x, and the output doesn't depend on u. Nothing flows from there: "
        "engines say 0, or nothing at all.",
        "x = input 1.5\nw = param -0.6\nlonely = param 4.2\nu = mul x lonely\ny = mul x w",
        "y",
    ),
    lesson(
        "constants",
        "Numbers get no gradient, but they count: 3x² - 4x + 5.",
        """
        x = input 1.7
        two = const 2.0
        three = const 3.0
        four = const 4.0
        five = const 5.0
        square = pow x two
        first = mul three square
        second = mul four x
        rest = sub first second
        y = add rest five
        """,
        "y",
        Run(),
        Run({"x": -2.6}, {"y": 2.5}),
    ),
    lesson(
        "numbers-that-are-not-whole",
        "2.5 is not 2, on either side of an operator.",
        """
        x = input 1.7
        a = const 2.5
        b = const 0.125
        c = const -1.75
        ax = mul a x
        up = add ax b
        down = sub c up
        y = div down a
        """,
        "y",
        Run(),
        Run({"x": -2.6}),
    ),
    lesson(
        "zero-as-a-number",
        "The larger of x and 0 is relu, in other words.",
        "x = input 1.7\nzero = const 0.0\ny = max x zero\nz = mul y x",
        "z",
        Run(),
        Run({"x": -2.6}),
    ),
    lesson(
        "negative-numbers",
        "Minus times minus is plus, for gradients, too.",
        """
        a = input -1.5
        b = input -0.6
        c = input -2.3
        two = const -2.0
        ab = mul a b
        n = neg ab
        d = sub n c
        e = mul d two
        y = div e b
        """,
        "y",
        Run(),
        Run({"a": -0.8, "b": -1.7}, {"y": -2.5}),
    ),
)

MAGNITUDES = (
    lesson(
        "seven-over-two",
        "7/2 is 3.5, and -7/2 is -3.5: / is not //.",
        "a = input 7.0\nb = input 2.0\ny = div a b",
        "y",
        Run(),
        Run({"a": -7.0}),
        Run({"a": 1.0, "b": 3.0}),
    ),
    lesson(
        "large-gradients",
        "Steep functions have large gradients: 30, or 10,000. Nobody asked for them to be cut off.",
        "x = input 0.7\na = param 5.0\nb = param 6.0\nxa = mul x a\ny = mul xa b",
        "y",
        Run(),
        Run({"a": -3.1, "b": 0.9}),
        Run({"x": -3.1, "a": 100.0, "b": -100.0}),
    ),
    lesson(
        "large-values",
        "Values of 50, of thousands and of millions.",
        """
        x = input 50.0
        y = input -50.0
        k = param 1234.5
        a = mul x k
        b = mul y k
        c = sub a y
        d = mul b x
        e = add c d
        """,
        "e",
        Run(),
        Run({"x": -50.0, "y": 2e6}),
    ),
    lesson(
        "small-values",
        "Millionths are numbers, too: none of them is rounded to 0.",
        """
        x = input 0.0000123456789
        y = input -0.00321
        w = param 0.000271828
        xw = mul x w
        d = div xw y
        dw = mul d w
        s = add dw x
        """,
        "s",
        Run(),
        Run({"x": 0.00098765, "y": 0.0000445566}),
    ),
    lesson(
        "more-than-seven-digits",
        "16,777,217 has eight digits, one more than single precision can hold: numbers need to be "
        "doubles.",
        """
        x = input 0.123456789
        big = param 16777217.0
        even = param 16777216.0
        up = add x big
        y = sub up even
        z = mul y x
        """,
        "z",
        Run(),
        Run({"x": -2.718281828459045}),
    ),
    lesson(
        "many-digits",
        "A third and a seventh, with all the digits that a double has.",
        """
        a = input 0.3333333333333333
        b = input 0.14285714285714285
        c = input 1234.5678901234
        ab = mul a b
        d = div ab c
        y = add d a
        """,
        "y",
        Run(),
        Run({"a": -0.6666666666666666, "c": -98765.43210987654}),
    ),
    lesson(
        "exp-of-50",
        "exp(50) is huge, and exp(-50) tiny, but both are ordinary numbers.",
        "x = input 50.0\ny = exp x",
        "y",
        Run(),
        Run({"x": -50.0}),
        Run({"x": 12.5}),
    ),
    lesson(
        "tanh-far-out",
        "At 50 tanh is 1, and flat: no gradient comes through. At 5 a little does.",
        "x = input 50.0\ny = tanh x",
        "y",
        Run(),
        Run({"x": -50.0}),
        Run({"x": 5.0}),
        Run({"x": -7.5}),
    ),
    lesson(
        "sigmoid-far-out",
        "At 50 the sigmoid is 1, and at -50 it is 0. At -12 a little of the gradient is left.",
        "x = input 50.0\ny = sigmoid x",
        "y",
        Run(),
        Run({"x": -50.0}),
        Run({"x": 12.0}),
        Run({"x": -12.0}, {"y": 40.0}),
    ),
)

SEEDS = (
    lesson(
        "output-gradient",
        "backward begins with 1, whatever the output's value is. After a multiplication by 2.5 "
        "everything is 2.5 times as much.",
        "x = input 3.5\nw = param -0.6\ny = mul x w",
        "y",
        Run(),
        Run(seed={"y": 2.5}),
        Run({"x": -12.0}, {"y": -0.5}),
    ),
    lesson(
        "two-outputs",
        "The gradients of two outputs add up, each with its weight.",
        """
        x = input 3.5
        w = param -0.6
        xw = mul x w
        up = add xw x
        down = mul xw w
        """,
        "up down",
        Run(seed={"up": 1.0, "down": 1.0}),
        Run({"x": -1.3}, {"up": 2.5, "down": -0.75}),
        Run(seed={"up": 2.5}),
    ),
    lesson(
        "output-inside",
        "One output is on the way to the other: it has a gradient of its own, and one from above.",
        "x = input 3.5\nw = param -0.6\ninner = mul x w\nouter = mul inner x",
        "inner outer",
        Run(seed={"inner": 2.5, "outer": 1.0}),
        Run({"x": -1.3}, {"inner": -0.5, "outer": 3.0}),
    ),
    lesson(
        "second-backward",
        "backward called twice on one product. PyTorch adds the second gradient to the first.",
        "x = input 3.5\nw = param -0.6\ny = mul x w",
        "y",
        grade={"backward": 2},
    ),
    lesson(
        "second-backward-with-inner-nodes",
        "backward called twice, with nodes in between: only leaves add up, for what is left in "
        "inner nodes would be sent down again.",
        DIAMOND + "y = mul left right",
        "y",
        grade={"backward": 2},
    ),
)

AT_KINKS = (
    lesson(
        "convention-relu-at-zero",
        "At 0 relu has no slope: everything from 0 to 1 is defensible, and 0 is usual.",
        "x = input 0.0\ny = relu x",
        "y",
    ),
    lesson(
        "convention-abs-at-zero",
        "At 0 |x| has no slope: everything from -1 to 1 is defensible, and 0 is usual.",
        "x = input 0.0\ny = abs x",
        "y",
    ),
    lesson(
        "convention-max-of-equals",
        "Both are the larger one. Each gets half, or one of them gets all.",
        "a = input 1.7\nb = input 1.7\ny = max a b",
        "y",
    ),
    lesson(
        "convention-min-of-equals",
        "Both are the smaller one. Each gets half, or one of them gets all.",
        "a = input 1.7\nb = input 1.7\ny = min a b",
        "y",
    ),
)


def _chain(count: int, doc: str, steps: tuple[str, ...]) -> Golden:
    """Return a chain; of its thousands of numbers the file holds the ends and one in the middle."""
    leaves = {"n0": "input 0.5", "w": "param 0.998", "x": "param 0.3"}
    used = [leaf for leaf in leaves if leaf == "n0" or any(leaf in step for step in steps)]
    lines = [f"{leaf} = {leaves[leaf]}" for leaf in used]
    lines += [f"n{i} = {steps[i % len(steps)].format(f'n{i - 1}')}" for i in range(1, count + 1)]
    run = Run(data=(f"n{count}",), grad=(*used, f"n{count // 2}"))
    return lesson(f"chain-{count}", doc, "\n".join(lines), f"n{count}", run)


CHAINS = (
    _chain(
        100,
        "A hundred additions of x: its gradient is 100, one from each.",
        ("add {} x",),
    ),
    _chain(
        500,
        "Five hundred ops in a row: one neuron that looks at 250 pixels has as many.",
        ("mul {} w", "add {} x"),
    ),
    _chain(
        1000,
        "A thousand ops in a row. A backward pass that calls itself for each of them ends with "
        "RecursionError: Python stops at a depth of 1,000.",
        ("add {} x", "mul w {}"),
    ),
    _chain(
        2000,
        "Two thousand ops in a row: an ordinary loss, summed term by term.",
        ("sub {} x", "mul {} w"),
    ),
)


def _nets() -> Iterator[Golden]:
    yield lesson(
        "one-neuron",
        "Two inputs, two weights, a bias and tanh.",
        """
        x1 = input 1.5
        x2 = input -0.7
        w1 = param -0.6
        w2 = param 0.9
        b = param 0.4
        x1w1 = mul x1 w1
        x2w2 = mul x2 w2
        both = add x1w1 x2w2
        n = add both b
        o = tanh n
        """,
        "o",
        Run(),
        Run({"x1": -0.8, "b": -0.3}, {"o": 2.5}),
        grade=_composed("tanh"),
    )
    program, (guess,) = network((2, 3, 1), "tanh")
    yield lesson(
        "net-tanh-squared-error",
        "Two inputs, three tanh neurons, one output, and the square of what it is off by.",
        f"{program}\ntarget = input 0.5\ntwo = const 2.0\n"
        f"miss = sub {guess} target\nloss = pow miss two",
        "loss",
        Run({"x1": 0.9, "x2": -1.3}),
        grade=_composed("tanh"),
    )
    program, (guess,) = network((2, 3, 1), "relu")
    yield lesson(
        "net-relu-hinge",
        "Two inputs, three relu neurons, and the hinge loss max(0, 1 - target·score). Neurons that "
        "are shut learn nothing.",
        f"{program}\ntarget = input -1.0\none = const 1.0\n"
        f"match = mul target {guess}\nmargin = sub one match\nloss = relu margin",
        "loss",
        Run({"x1": 0.9, "x2": -1.3}),
        Run({"x1": 0.9, "x2": -1.3, "target": 1.0}),
    )
    yield lesson(
        "logistic-regression",
        "A probability by the sigmoid, and minus its logarithm as loss.",
        """
        x1 = input 1.5
        x2 = input -0.7
        w1 = param -0.6
        w2 = param 0.9
        b = param 0.4
        x1w1 = mul x1 w1
        x2w2 = mul x2 w2
        n = sum x1w1 x2w2 b
        p = sigmoid n
        logp = log p
        loss = neg logp
        """,
        "loss",
        Run(),
        Run({"x1": -2.8}),
        grade=_composed("sigmoid"),
    )
    yield lesson(
        "softmax",
        "Three scores become shares that sum to 1; the loss is minus the logarithm of one of them.",
        """
        a = input 0.7
        b = input -1.2
        c = input 1.9
        ea = exp a
        eb = exp b
        ec = exp c
        all = sum ea eb ec
        share = div ec all
        logged = log share
        loss = neg logged
        """,
        "loss",
        Run(),
        Run({"a": 2.3, "c": -0.4}),
    )
    yield lesson(
        "tanh-by-exp",
        "tanh written out: (e²ˣ - 1)/(e²ˣ + 1). The exponential is used twice.",
        """
        x = input 0.7
        two = const 2.0
        one = const 1.0
        x2 = mul two x
        e = exp x2
        top = sub e one
        bottom = add e one
        t = div top bottom
        """,
        "t",
        Run(),
        Run({"x": -1.3}, {"t": 2.5}),
    )
    yield lesson(
        "sigmoid-by-exp",
        "The sigmoid written out, 1/(1 + e⁻ˣ): twice a number comes first.",
        "x = input 0.7\none = const 1.0\nn = neg x\ne = exp n\nd = add one e\ns = div one d",
        "s",
        Run(),
        Run({"x": -1.3}, {"s": 2.5}),
    )
    yield lesson(
        "recurrent",
        "A recurrent net of three steps: the same two weights work at each, and are paid by each.",
        """
        x1 = input 1.5
        x2 = input -0.7
        x3 = input 0.9
        wx = param 0.6
        wh = param -0.9
        h1 = mul wx x1
        a2 = mul wx x2
        m2 = mul wh h1
        n2 = add a2 m2
        h2 = tanh n2
        a3 = mul wx x3
        m3 = mul h2 wh
        n3 = add m3 a3
        h3 = tanh n3
        """,
        "h3",
        Run(),
        Run({"wx": -0.4, "wh": 1.3}),
        grade=_composed("tanh"),
    )


LESSONS: tuple[Golden, ...] = (
    *(*USED_AGAIN, *ORDER, *LEFT_OUT, *MAGNITUDES, *SEEDS, *AT_KINKS, *CHAINS),
    *_nets(),
)
