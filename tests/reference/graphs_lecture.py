"""The graphs of the micrograd lecture and of its repository.

The lecture is Andrej Karpathy's "The spelled-out intro to neural networks and backpropagation:
building micrograd"; the repository is karpathy/micrograd. Their printed numbers are asserted.
"""

from .golden import Golden, Run

NEURON_LEAVES = """
    x1 = input 2.0
    x2 = input 0.0
    w1 = param -3.0
    w2 = param 1.0
    b = param 6.8813735870195432
    x1w1 = mul x1 w1
    x2w2 = mul x2 w2
    x1w1x2w2 = add x1w1 x2w2
    n = add x1w1x2w2 b
"""
NEURON_PRINTED = "n=0.8814 o=0.7071 o'=1.0 n'=0.5 x1w1'=0.5 b'=0.5 x1'=-1.5 w1'=1.0 x2'=0.5 w2'=0.0"
README_PRINTED = "g=24.7041 a'=138.8338 b'=645.5773"

LECTURE = (
    Golden(
        "neuron",
        "One tanh neuron, from Andrej Karpathy's micrograd lecture. "
        "Its bias is chosen so that the numbers come out round.",
        """
        x1 = input 2.0
        x2 = input 0.0
        w1 = param -3.0
        w2 = param 1.0
        x1w1 = mul x1 w1
        x2w2 = mul x2 w2
        x1w1x2w2 = add x1w1 x2w2
        b = param 6.8813735870195432
        n = add x1w1x2w2 b
        o = tanh n
        """,
        "o",
        (Run(published=NEURON_PRINTED),),
    ),
    Golden(
        "run/lecture/loss",
        "L = (a*b + c) * f, the first graph of the micrograd lecture, where L is -8. "
        "The second run is the lecture's nudge of all leaves along the gradient: L rises.",
        """
        a = param 2.0
        b = param -3.0
        c = param 10.0
        e = mul a b
        d = add e c
        f = param -2.0
        L = mul d f
        """,
        "L",
        (
            Run(published="L=-8.0 L'=1.0 d'=-2.0 f'=4.0 c'=-2.0 e'=-2.0 a'=6.0 b'=-4.0"),
            Run({"a": 2.06, "b": -3.04, "c": 9.98, "f": -1.96}, published="L=-7.286496"),
            Run({"a": 2.0001}),
        ),
        notes={
            "e": {"label": "e = a·b"},
            "d": {"label": "d = e + c"},
            "L": {"label": "L = d·f", "doc": "Its own gradient is 1, where backward begins."},
        },
    ),
    Golden(
        "run/lecture/loss_inner_sum",
        "Only the middle of the lecture's graph, d = a*b + c: "
        "a plus hands the gradient on, a times swaps in the other side.",
        """
        a = param 2.0
        b = param -3.0
        c = param 10.0
        e = mul a b
        d = add e c
        """,
        "d",
        (Run(published="d=4.0 c'=1.0 a'=-3.0 b'=2.0"), Run({"c": -6.0})),
    ),
    Golden(
        "run/lecture/slope_by_nudging",
        "The lecture's first function, 3x² - 4x + 5. At x = 3 its slope is 14, at -3 it is -22, "
        "and at two thirds it is nearly 0.",
        """
        x = input 3.0
        three = const 3.0
        four = const 4.0
        five = const 5.0
        squared = mul x x
        first = mul three squared
        second = mul four x
        difference = sub first second
        y = add difference five
        """,
        "y",
        (
            Run(published="y=20.0 x'=14.0"),
            Run({"x": -3.0}, published="x'=-22.0"),
            Run({"x": 2.0 / 3.0}),
        ),
    ),
    Golden(
        "run/lecture/neuron_at_other_inputs",
        "The lecture's neuron again, fed with other inputs: where tanh is flat, nobody learns.",
        NEURON_LEAVES + "o = tanh n",
        "o",
        (
            Run({"x1": 0.5, "x2": -1.0}),
            Run({"x1": -1.0, "x2": 2.0}),
            Run({"b": 6.7, "w2": 0.25}),
            Run(seed={"o": -2.5}),
        ),
    ),
    Golden(
        "run/lecture/neuron_with_exp",
        "The lecture's neuron with its tanh written out, (e^2n - 1) / (e^2n + 1). "
        "More nodes, the same numbers: it does not matter how finely a function is cut.",
        NEURON_LEAVES
        + """
        two = const 2.0
        one = const 1.0
        n2 = mul two n
        e = exp n2
        top = sub e one
        bottom = add e one
        o = div top bottom
        """,
        "o",
        (Run(published=NEURON_PRINTED), Run({"x1": 1.5, "x2": -0.5})),
    ),
    Golden(
        "run/lecture/a_plus_a",
        "b = a + a has slope 2. An engine that stores gradients instead of adding them says 1.",
        "a = param 3.0\nb = add a a",
        "b",
        (Run(published="b=6.0 a'=2.0"), Run({"a": -0.0})),
    ),
    Golden(
        "run/lecture/used_twice",
        "f = (a*b) * (a+b): a and b are both used twice, so their gradients arrive in two parts. "
        "This is the graph with which the lecture finds its bug.",
        """
        a = param -2.0
        b = param 3.0
        d = mul a b
        e = add a b
        f = mul d e
        """,
        "f",
        (Run(published="f=-6.0 a'=-3.0 b'=-8.0"), Run({"a": 0.1, "b": 0.2})),
    ),
    Golden(
        "run/lecture/readme",
        "The example of micrograd's README, cut into nodes as micrograd does it: "
        "a - b is a + b * -1, and a / b is a * b to the power -1.",
        """
        a = param -4.0
        b = param 2.0
        one = const 1.0
        two = const 2.0
        three = const 3.0
        minus_one = const -1.0
        half = pow two minus_one
        ten = const 10.0
        c = add a b
        ab = mul a b
        b3 = pow b three
        d = add ab b3
        c_plus_1 = add c one
        c.2 = add c c_plus_1
        one_plus_c = add one c.2
        minus_a = mul a minus_one
        c.step = add one_plus_c minus_a
        c.3 = add c.2 c.step
        d2 = mul d two
        b_plus_a = add b a
        r = relu b_plus_a
        d.step = add d2 r
        d.2 = add d d.step
        d3 = mul three d.2
        minus_a.2 = mul a minus_one
        b_minus_a = add b minus_a.2
        r.2 = relu b_minus_a
        d.step2 = add d3 r.2
        d.3 = add d.2 d.step2
        minus_d = mul d.3 minus_one
        e = add c.3 minus_d
        f = pow e two
        f_half = mul f half
        f_inverse = pow f minus_one
        ten_over_f = mul ten f_inverse
        g = add f_half ten_over_f
        """,
        "g",
        (Run(published=README_PRINTED), Run({"a": 1.5, "b": -0.5})),
    ),
    Golden(
        "run/lecture/more_ops",
        "The expression of micrograd's README and of its test_more_ops, with division and "
        "subtraction as nodes of their own. Every op has one right answer here, bit for bit.",
        """
        a = param -4.0
        b = param 2.0
        one = const 1.0
        two = const 2.0
        three = const 3.0
        ten = const 10.0
        c = add a b
        ab = mul a b
        bb = mul b b
        bbb = mul bb b
        d = add ab bbb
        c.2 = sum c c one
        minus_a = neg a
        c.3 = sum c.2 one c.2 minus_a
        d2 = mul d two
        b_plus_a = add b a
        r = relu b_plus_a
        d.2 = sum d d2 r
        d3 = mul three d.2
        b_minus_a = sub b a
        r.2 = relu b_minus_a
        d.3 = sum d.2 d3 r.2
        e = sub c.3 d.3
        f = mul e e
        f_half = div f two
        ten_over_f = div ten f
        g = add f_half ten_over_f
        """,
        "g",
        (Run(published=README_PRINTED), Run({"a": 0.3, "b": -1.7}), Run({"a": 0.0, "b": 0.0})),
    ),
    Golden(
        "run/lecture/sanity_check",
        "micrograd's own test_sanity_check, with x = -4: y is -20 and its slope is 46.",
        """
        x = param -4.0
        two = const 2.0
        x2 = mul two x
        x2_plus_2 = add x2 two
        z = add x2_plus_2 x
        zr = relu z
        zx = mul z x
        q = add zr zx
        zz = mul z z
        h = relu zz
        qx = mul q x
        h_plus_q = add h q
        y = add h_plus_q qx
        """,
        "y",
        (Run(published="y=-20.0 x'=46.0"), Run({"x": 0.5}), Run({"x": -0.0})),
    ),
)
