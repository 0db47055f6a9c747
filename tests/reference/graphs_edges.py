"""Where numbers end: infinities, NaN, signed zeros, subnormals, ties, saturation, cancellation."""

from math import inf, nan

from .golden import Golden, Run

TINY = 5e-324
LARGEST = 1.7976931348623157e308


def _edge(name: str, doc: str, program: str, outputs: str, *runs: Run) -> Golden:
    return Golden(f"run/edges/{name}", doc, program, outputs, runs or (Run(),), special=True)


def _halving() -> Golden:
    lines = ["start = input 4.4501477170144028e-308", "half = const 0.5"]
    lines += [f"x{i} = mul {f'x{i - 1}' if i else 'start'} half" for i in range(56)]
    return _edge(
        "halving_to_zero",
        "Halved again and again, the smallest numbers lose their digits one by one until only 0 "
        "is left. The gradient knows nothing of it: half of half of half.",
        "\n".join(lines),
        "x55",
        Run(),
        Run({"start": -1.7e-308}),
    )


def _doubling() -> Golden:
    lines = ["x0 = input 1e300"]
    lines += [f"x{i + 1} = add x{i} x{i}" for i in range(30)]
    lines += ["inverse = div x0 x30", "y = mul inverse x29"]
    return _edge(
        "doubling_to_infinity",
        "Doubled thirty times, 1e300 does not fit a double any more. What follows is infinity, "
        "then 0, then NaN: the first bad node is the one to look at.",
        "\n".join(lines),
        "y",
        Run(),
        Run({"x0": 1e299}),
        Run({"x0": -1e300}),
    )


UNARY = (
    *("neg", "abs", "relu", "sqrt", "exp", "log", "sin", "cos", "tan", "atan"),
    *("sinh", "cosh", "tanh", "sigmoid", "softplus"),
)
BINARY = ("add", "sub", "mul", "div", "pow", "max", "min", "sum")


def _const_args() -> Golden:
    lines = ["x = input 0.5", "k = const 0.75", "m = const 1.5"]
    lines += [f"{op} = {op} k" for op in UNARY]
    lines += [f"{op} = {op} k m" for op in BINARY]
    lines += [f"{op}.left = {op} x m" for op in BINARY]
    lines += [f"{op}.right = {op} k x" for op in BINARY]
    parts = (*UNARY, *BINARY, *(f"{op}.left" for op in BINARY), *(f"{op}.right" for op in BINARY))
    lines += ["total = sum " + " ".join(parts)]
    return Golden(
        "run/edges/ops_on_constants",
        "Every op on constants, and every two-sided op with a constant on one side. "
        "The gradient stops at the constants.",
        "\n".join(lines),
        "total",
        (Run(), Run({"x": 2.25})),
    )


EDGES = (
    _edge(
        "exp_overflow",
        "exp(1000) is far beyond the largest double, so it is infinity, and so is its slope.",
        "x = input 1000.0\ny = exp x",
        "y",
        Run(),
        Run({"x": -1000.0}),
    ),
    _edge(
        "divide_by_zero",
        "1/0 is infinity. The sign of the zero decides which one.",
        "one = input 1.0\nzero = input 0.0\ny = div one zero",
        "y",
        Run(),
        Run({"zero": -0.0}),
        Run({"one": -1.0}),
    ),
    _edge(
        "zero_by_zero",
        "0/0 has no answer: NaN, not a number. From there on everything is NaN.",
        "a = input 0.0\nb = input 0.0\nq = div a b\ny = add q a",
        "y",
        Run(),
        Run({"a": -0.0}),
        Run({"a": 1e-300}),
    ),
    _edge(
        "log_of_zero",
        "log(0) is minus infinity and its slope is infinite: the reason why losses add a tiny "
        "number inside the log.",
        "p = input 0.0\ny = log p\nloss = neg y",
        "loss",
        Run(),
        Run({"p": -0.0}),
        Run({"p": TINY}),
    ),
    _edge(
        "log_of_minus_one",
        "log(-1) is not a number, though the formula of its slope, 1/x, still gives one.",
        "x = input -1.0\ny = log x",
        "y",
    ),
    _edge(
        "sqrt_of_zero",
        "sqrt(0) is 0, but its slope there is infinite: the curve starts off straight up.",
        "x = input 0.0\ny = sqrt x",
        "y",
        Run(),
        Run({"x": -0.0}),
        Run({"x": -1.0}),
    ),
    _edge(
        "zero_to_the_zero",
        "pow(0, 0) is 1, and both slopes are 0 by choice.",
        "a = input 0.0\nb = input 0.0\ny = pow a b",
        "y",
        Run(),
        Run({"a": -0.0}),
        Run({"b": -0.0}),
    ),
    _edge(
        "zero_to_the_minus_one",
        "pow(0, -1) is 1/0, infinity, with a slope of minus infinity.",
        "a = input 0.0\nb = input -1.0\ny = pow a b",
        "y",
        Run(),
        Run({"a": -0.0}),
    ),
    _edge(
        "cube_root_of_minus_eight",
        "pow(-8, 1/3) is not -2: a third is not a double, so the root of a negative number is NaN.",
        "a = input -8.0\nb = input 0.3333333333333333\ny = pow a b",
        "y",
        Run(),
        Run({"a": 8.0}),
    ),
    _edge(
        "ties",
        "When both sides are equal, max and min share the gradient half and half. "
        "Plus and minus zero are equal too.",
        """
        a = param 2.0
        b = param 2.0
        high = max a b
        low = min a b
        y = mul high low
        """,
        "y high low",
        Run(seed={"high": 1.0}),
        Run(seed={"low": 1.0}),
        Run(seed={"y": 1.0}),
        Run({"a": 0.0, "b": -0.0}, {"high": 1.0, "low": 3.0}),
        Run({"a": -0.0, "b": 0.0}, {"high": 1.0, "low": 3.0}),
        Run({"a": inf, "b": inf}, {"high": 1.0}),
    ),
    _edge(
        "tie_of_three",
        "Three equal numbers in two rounds of max: the last one gets a half, the others a quarter.",
        """
        a = param 1.0
        b = param 1.0
        c = param 1.0
        ab = max a b
        abc = max ab c
        """,
        "abc",
        Run(),
        Run({"c": 0.5}),
        Run({"a": 0.0, "b": -1.0, "c": -2.0}),
    ),
    _edge(
        "nan_wins",
        "max and min let NaN through from either side, and NaN takes the whole gradient.",
        "a = input 1.0\nb = input 2.0\nhigh = max a b\nlow = min a b",
        "high low",
        Run({"a": nan}, {"high": 1.0, "low": 10.0}),
        Run({"b": nan}, {"high": 1.0, "low": 10.0}),
        Run({"a": nan, "b": nan}, {"high": 1.0, "low": 10.0}),
    ),
    _edge(
        "clamp",
        "min and max together keep a number between -1 and 1. Outside there is no slope, "
        "and exactly on the border half of one.",
        """
        x = input 0.25
        low = const -1.0
        high = const 1.0
        floor = max x low
        y = min floor high
        """,
        "y",
        *(Run({"x": x}) for x in (0.25, -5.0, 5.0, -1.0, 1.0, -0.0, inf, -inf, nan)),
    ),
    _edge(
        "relu_at_zero",
        "The corner of relu: at exactly 0 the gate is shut, so the slope is 0.",
        "x = param 0.0\ny = relu x",
        "y",
        Run(),
        Run({"x": -0.0}),
        Run({"x": TINY}),
        Run({"x": -TINY}),
    ),
    _edge(
        "abs_at_zero",
        "The corner of |x|: left of it the slope is -1, right of it 1, in it 0.",
        "x = param 0.0\ny = abs x",
        "y",
        Run(),
        Run({"x": -0.0}),
        Run({"x": TINY}),
        Run({"x": -TINY}),
    ),
    _edge(
        "signed_zeros",
        "Zero has a sign. It cannot be seen by comparing, but one divided by it tells.",
        """
        x = input 0.0
        one = const 1.0
        minus = neg x
        both = add x minus
        gap = sub x x
        product = mul minus one
        root = sqrt minus
        size = abs minus
        gate = relu minus
        plain = div one x
        flipped = div one minus
        """,
        "plain flipped both gap product root size gate",
        Run(seed={"plain": 1.0}),
        Run({"x": -0.0}, {"flipped": 1.0}),
        Run({"x": -0.0}, {"both": 1.0, "product": -1.0, "gate": 1.0}),
    ),
    _halving(),
    _doubling(),
    _edge(
        "subnormals",
        "Below 2.2e-308 numbers have fewer digits. Sums stay exact there; products do not.",
        """
        a = input 5e-324
        b = input 2.2250738585072014e-308
        third = const 0.3333333333333333
        half = const 0.5
        s = add a b
        d = sub b a
        p = mul b third
        h = mul a half
        q = div a b
        r = div b half
        y = sum s d p h r
        z = mul q y
        """,
        "y z",
        Run(seed={"y": 1.0}),
        Run(seed={"z": 1.0}),
        Run({"a": -1.5e-323}, {"z": 1.0}),
        Run(seed={"y": TINY}),
    ),
    _edge(
        "infinity_minus_infinity",
        "Two infinities of one sign cancel to NaN: the usual fate of a softmax "
        "that does not take out the largest logit.",
        """
        a = input 1000.0
        b = input 1000.0
        ea = exp a
        eb = exp b
        difference = sub ea eb
        total = add ea eb
        share = div ea total
        """,
        "share difference",
        Run(seed={"share": 1.0}),
        Run(seed={"difference": 1.0}),
        Run({"a": 1.0, "b": 2.0}, {"share": 1.0}),
    ),
    _edge(
        "zero_times_infinity",
        "A branch that counts for nothing can still spoil everything: its weight is 0, but the "
        "slope of sqrt at 0 is infinite, and 0 times infinity is NaN.",
        """
        x = param 0.0
        weight = const 0.0
        root = sqrt x
        muted = mul weight root
        y = add x muted
        """,
        "y",
        Run(),
        Run({"x": 4.0}),
    ),
    _edge(
        "zero_gradient_meets_infinity",
        "max throws the infinite side away and sends it a gradient of 0. "
        "Times the infinite slope behind it, that 0 becomes NaN.",
        """
        x = param 0.0
        floor = const 5.0
        minus_log = log x
        loss = neg minus_log
        capped = min loss floor
        """,
        "capped",
        Run(),
        Run({"x": 0.5}),
        Run({"x": 1e-5}),
    ),
    _edge(
        "infinite_input",
        "An infinity as input is a number like any other: 1/inf is 0, tanh(inf) is 1, flat.",
        """
        x = input inf
        one = const 1.0
        inverse = div one x
        t = tanh x
        s = sigmoid x
        a = atan x
        y = sum inverse t s a
        """,
        "y",
        Run(),
        Run({"x": -inf}),
        Run({"x": 1e300}),
        Run({"x": nan}),
    ),
    _edge(
        "nan_spreads",
        "One NaN at the start reaches everything that is computed from it, and nothing else.",
        """
        bad = input nan
        good = input 2.0
        a = mul bad good
        b = mul good good
        c = add a b
        always_one = pow bad zero
        zero = const 0.0
        """,
        "c b always_one",
        Run(seed={"c": 1.0}),
        Run(seed={"b": 1.0}),
        Run(seed={"always_one": 1.0}),
    ),
    _edge(
        "infinite_leaves",
        "Leaves of all kinds may hold an infinity or NaN; in the file they are written as strings.",
        """
        up = input inf
        down = param -inf
        hole = const nan
        s = add up down
        p = mul up down
        q = div up down
        y = max p hole
        """,
        "y s q p",
        Run(seed={"p": 1.0}),
        Run(seed={"s": 1.0, "y": 2.0}),
        Run({"up": 1.0, "down": 0.0}, {"q": 1.0}),
    ),
    _edge(
        "absorption",
        "Next to 1e16 a 1 is too small to be seen: adding it changes nothing. Two ones would.",
        """
        big = input 1e16
        one = input 1.0
        first = add big one
        second = add first one
        gain = sub second big
        pair = add one one
        together = add big pair
        true_gain = sub together big
        error = sub true_gain gain
        """,
        "error",
        Run(published="gain=0 true_gain=2"),
        Run({"big": 1e15}),
    ),
    _edge(
        "a_tenth_and_two_tenths",
        "0.1 + 0.2 is not 0.3: none of the three is a double, and the errors do not match.",
        """
        a = input 0.1
        b = input 0.2
        c = input 0.3
        s = add a b
        error = sub s c
        """,
        "error",
        Run(published="s=0.30000000000000004"),
        Run({"a": 0.25, "b": 0.5, "c": 0.75}),
    ),
    _edge(
        "ties_to_even",
        "Half way between two doubles, the one whose last bit is 0 wins: "
        "sometimes that rounds down, sometimes up.",
        """
        even = input 9007199254740992.0
        one = input 1.0
        three = const 3.0
        down = add even one
        step = add even three
        up = add step one
        half_tiny = mul tiny half
        tiny = input 5e-324
        half = const 0.5
        three_tiny = mul tiny three
        rounded = mul three_tiny half
        """,
        "down up half_tiny rounded",
        Run(seed={"down": 1.0, "up": 1.0, "half_tiny": 1.0, "rounded": 1.0}),
        Run({"even": -9007199254740992.0, "one": -1.0}, {"down": 1.0}),
    ),
    _edge(
        "largest_double",
        "At the top of the range half a step more still rounds down, a whole one is infinity.",
        """
        top = input 1.7976931348623157e308
        step = input 9.979201547673598e291
        two = const 2.0
        stays = add top step
        more = mul step two
        gone = add top more
        back = sub gone top
        """,
        "stays gone back",
        Run(seed={"stays": 1.0, "gone": 1.0}),
        Run({"step": 9.9792015476736e291}, {"stays": 1.0}),
        Run({"top": -LARGEST, "step": -9.979201547673598e291}, {"back": 1.0}),
    ),
    _edge(
        "quadratic_formula",
        "The small root of x² + bx + 1 by the school formula loses its digits when b is large; "
        "dividing by the large root keeps them.",
        """
        b = input 1e8
        c = input 1.0
        two = const 2.0
        four = const 4.0
        bb = mul b b
        four_c = mul four c
        under = sub bb four_c
        root = sqrt under
        minus_b = neg b
        top = add minus_b root
        school = div top two
        far = sub minus_b root
        large = div far two
        stable = div c large
        error = sub school stable
        """,
        "school stable error",
        Run(seed={"school": 1.0}),
        Run(seed={"stable": 1.0}),
        Run({"b": 3.0}, {"school": 1.0, "stable": -1.0}),
    ),
    _edge(
        "sigmoid_saturates",
        "Far from 0 the sigmoid is so flat that 1 - y is 0 in a double: no gradient, no learning.",
        """
        x = input 40.0
        w = param 1.0
        n = mul x w
        y = sigmoid n
        one = const 1.0
        doubt = sub one y
        loss = mul doubt doubt
        """,
        "loss",
        Run(),
        Run({"x": -40.0}),
        Run({"x": -800.0}),
        Run({"x": 36.0}),
    ),
    _edge(
        "tanh_saturates",
        "From about 19 on, tanh is exactly 1 in a double and its slope exactly 0.",
        """
        x = input 25.0
        w = param 1.0
        n = mul x w
        y = tanh n
        """,
        "y",
        Run(),
        Run({"x": -25.0}),
        Run({"x": 1000.0}),
        Run({"w": inf}),
    ),
    _edge(
        "softplus_far_out",
        "Far to the left softplus is e^x, far to the right it is x, and it never overflows.",
        "x = input 800.0\ny = softplus x\nz = softplus y",
        "z",
        Run(),
        Run({"x": -800.0}),
        Run({"x": -745.0}),
        Run({"x": 0.0}),
    ),
    _edge(
        "ackley_at_the_bottom",
        "Ackley's function at its lowest point: the distance to the centre has a tip there, "
        "and 0 times an infinite slope makes the gradient NaN.",
        """
        x = param 0.0
        y = param 0.0
        half = const 0.5
        scale = const -0.2
        xx = mul x x
        yy = mul y y
        rr = add xx yy
        mean = mul half rr
        r = sqrt mean
        sink = mul scale r
        hole = exp sink
        """,
        "hole",
        Run(),
        Run({"x": -0.0}),
        Run({"x": 1e-200}),
    ),
    _edge(
        "slope_of_a_power_at_zero",
        "x^b at x = 0: flat for b = 2, slope 1 for b = 1, infinitely steep for b = 1/2. "
        "The slope in b is 0 in all three.",
        "x = param 0.0\nb = param 2.0\ny = pow x b",
        "y",
        Run(),
        Run({"b": 1.0}),
        Run({"b": 0.5}),
        Run({"x": -0.0, "b": 1.0}),
    ),
    _edge(
        "negative_base",
        "A negative number to a whole power is fine, and so is its slope; "
        "the slope in the exponent is NaN, because nearby powers do not exist.",
        """
        x = param -2.0
        three = param 3.0
        two = const 2.0
        cube = pow x three
        square = pow x two
        y = add cube square
        """,
        "y square",
        Run(seed={"y": 1.0}),
        Run(seed={"square": 1.0}),
        Run({"x": -0.1, "three": -3.0}, {"y": 1.0}),
    ),
    _edge(
        "hidden_overflow",
        "The length of a vector of moderate size cannot overflow, but its square can. "
        "Dividing by the larger side first is the cure.",
        """
        x = input 3e200
        y = input 4e200
        xx = mul x x
        yy = mul y y
        dd = add xx yy
        naive = sqrt dd
        m = max x y
        u = div x m
        v = div y m
        uu = mul u u
        vv = mul v v
        s = add uu vv
        root = sqrt s
        careful = mul m root
        """,
        "careful naive",
        Run(seed={"careful": 1.0}),
        Run(seed={"naive": 1.0}),
        Run({"x": 3.0, "y": 4.0}, {"naive": 1.0, "careful": 1.0}),
        Run({"x": 3e-200, "y": 4e-200}, {"naive": 1.0, "careful": 1.0}),
    ),
    _const_args(),
)
