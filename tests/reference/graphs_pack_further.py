"""The golden set, fourth part: what engines get wrong that are right everywhere else."""

from .golden import Golden, Run
from .graphs_pack import lesson

USERS = (
    lesson(
        "inner-node-minus-itself",
        "n - n is 0, and n's two gradients cancel: nothing is left for what n is made of.",
        """
        x = input 3.5
        w = param -0.6
        n = mul x w
        d = sub n n
        y = add d x
        """,
        "y",
        Run(),
        Run({"x": -1.3, "w": 2.2}, {"y": 2.5}),
    ),
    lesson(
        "doubled-and-used-again",
        "a is doubled by a + a, and another op uses it, too; so is b, the other way round. Whoever "
        "counts down how often a node is used must count a + a twice, or not at all.",
        """
        x = input 1.5
        w = param -0.6
        v = param 2.3
        a = mul x w
        aw = mul a w
        aa = add a a
        left = mul aw aa
        b = mul x v
        bb = add b b
        bv = mul b v
        right = mul bb bv
        y = sub left right
        """,
        "y",
        Run(),
        Run({"x": -0.8, "w": 1.7}),
    ),
    lesson(
        "doubled-and-used-far-away",
        "a is doubled next to the output, and another op uses it far away; so is b, the other way "
        "round. Whoever counts down how often a node is used must count a + a twice.",
        """
        x = input 1.5
        w = param -0.6
        v = param 2.3
        a = mul x w
        aa = add a a
        av = sub a v
        avx = mul av x
        avxw = sub avx w
        left = mul aa avxw
        b = mul x v
        bb = add b b
        bw = sub b w
        bwx = mul bw x
        bwxv = sub bwx v
        right = mul bwxv bb
        y = sub left right
        """,
        "y",
        Run(),
        Run({"x": -0.8, "w": 1.7}),
    ),
    lesson(
        "one-node-through-several-ops",
        "u goes through exp, tanh, a square and a cube. Each of them needs what it computed itself "
        "when backward comes: it must not be kept where the others put theirs, in u.",
        """
        x = input 0.7
        w = param 1.5
        two = const 2.0
        three = const 3.0
        u = mul x w
        e = exp u
        t = tanh u
        s = pow u two
        c = pow u three
        et = mul e t
        sc = mul s c
        y = mul et sc
        """,
        "y",
        Run(),
        Run({"x": -0.8, "w": 0.45}),
        grade={"compose": {"tanh": "(exp(2 * x) - 1) / (exp(2 * x) + 1)"}},
    ),
    lesson(
        "around-relu",
        "A way leads around relu, as in a residual network. If relu lets nothing through, the way "
        "around it still does.",
        """
        x = input 1.5
        w = param -0.6
        v = param 2.3
        h = mul x w
        r = relu h
        s = add h r
        y = mul s v
        """,
        "y",
        Run(),
        Run({"w": 1.7}),
    ),
    lesson(
        "made-after-the-output",
        "backward is called on y, although other nodes have been made since, of y and of what y is "
        "made of. They have no part in it.",
        """
        x = input 3.5
        w = param -0.6
        y = mul x w
        later = mul y x
        last = add later w
        """,
        "y",
        Run(data=("y",), grad=("x", "w", "y")),
        Run({"x": -1.3}, data=("y",), grad=("x", "w", "y")),
    ),
    lesson(
        "nothing-computed",
        "backward is called on a number from which nothing was computed: its gradient is 1.",
        "x = param 1.5",
        "x",
        Run(),
    ),
)

TERMS = (
    lesson(
        "same-term-twice",
        "x·w is written twice: the two terms are nodes of their own, each with its own gradient, "
        "though they have the same operands.",
        """
        x = input 1.5
        w = param -0.6
        v = param 2.3
        first = mul x w
        again = mul x w
        scaled = mul first v
        y = add scaled again
        """,
        "y",
        Run(),
        Run({"x": -0.8, "w": 1.7}, {"y": 2.5}),
    ),
)

ZEROS = (
    lesson(
        "inputs-of-zero",
        "An input of 0 is a number like any other: it gets its gradient, and the weight beside it "
        "gets 0.",
        """
        x1 = input 0.0
        x2 = input 1.0
        w1 = param -0.6
        w2 = param 0.9
        b = param 0.0
        x1w1 = mul x1 w1
        x2w2 = mul w2 x2
        both = add x1w1 x2w2
        n = sub b both
        y = mul n n
        """,
        "y",
        Run(),
        Run({"x1": 1.0, "x2": 0.0}),
        Run({"x1": 0.0, "x2": 0.0}),
    ),
    lesson(
        "squared-error-of-zero",
        "A guess that is exactly right: the error is 0, its square has slope 0, and the weight "
        "learns nothing more.",
        """
        x = input 1.5
        w = param -0.5
        target = input -0.75
        two = const 2.0
        guess = mul x w
        miss = sub guess target
        loss = pow miss two
        """,
        "loss",
    ),
    lesson(
        "difference-of-equals",
        "a - b is 0 and a/b is 1 if both have the same number, but each of them still changes y.",
        """
        a = input 1.5
        b = param 1.5
        v = param -0.6
        w = param 2.3
        d = sub a b
        q = div b a
        dv = mul d v
        qw = mul q w
        y = add dv qw
        """,
        "y",
        Run(),
        Run({"a": -0.8, "b": -0.8}),
    ),
    lesson(
        "x-to-the-1",
        "x to the power 1 is x: its slope is 1 everywhere, at 0, too.",
        "x = input 1.7\none = const 1.0\ny = pow x one",
        "y",
        Run({"x": 0.0}),
        Run({"x": -2.6}, {"y": 2.5}),
    ),
    lesson(
        "zero-beside-a-value",
        "The number 0 on either side of a Value: 0 + x is x, as in Python's sum, and x·0 is 0.",
        """
        x = input 1.7
        w = param -0.6
        zero = const 0.0
        a = add zero x
        b = sub a zero
        c = mul x zero
        d = sub b c
        y = mul d w
        """,
        "y",
        Run(),
        Run({"x": -2.6, "w": 0.9}, {"y": 2.5}),
    ),
    lesson(
        "tiny-gradients",
        "A gradient of a hundred-millionth is small, but not 0: it is passed on.",
        """
        x = input 0.7
        w = param 1.5
        v = param 0.0000002
        xw = mul x w
        y = mul xw v
        half = const 0.5
        z = mul y half
        """,
        "z",
        Run(),
        Run({"v": 0.000000003}),
        Run({"v": 0.00000000004}),
    ),
)

NUMBERS = (
    lesson(
        "tenths",
        "0.1 and 0.3 have no end in binary: beside a Value they keep all digits of a double.",
        """
        x = input 1.7
        a = const 0.1
        b = const 0.3
        c = const 0.7
        ax = mul a x
        up = add ax b
        down = sub c up
        y = div down a
        """,
        "y",
        Run(),
        Run({"x": -2.6}, {"y": 2.5}),
    ),
    lesson(
        "whole-numbers",
        "The Values themselves are made of whole numbers, as in Value(7): 7/2 is still 3.5, and "
        "gradients aren't whole.",
        """
        a = input 7.0
        b = input 2.0
        c = input -3.0
        q = div a b
        p = mul q c
        y = div p b
        """,
        "y",
        Run(),
        Run({"a": -7.0, "b": 3.0}),
        grade={"integers": True},
    ),
    lesson(
        "one-over-a-whole-number",
        "A whole number to the power -1, as in Value(4)**-1, is a fraction, and so is its slope.",
        "x = input 4.0\nn = const -1.0\ny = pow x n",
        "y",
        Run(),
        grade={"integers": True},
    ),
)

TRAINING = (
    lesson(
        "first-of-all",
        "The first graph of a program. If Values are numbered, a has the number 0, which is not "
        "the same as none.",
        """
        a = input 0.5
        b = input 0.75
        d = sub b a
        y = mul a d
        """,
        "y",
        Run(),
        grade={"first": True},
    ),
    lesson(
        "next-step-of-training",
        "A second graph is made of the same leaves, as in each step of training, and backward is "
        "called on it. The leaves have its gradients, or the sum of both: nothing else is left "
        "over from the first graph.",
        """
        x = input 1.5
        w = param -0.6
        b = param 0.4
        xw = mul x w
        n = add xw b
        y = mul n x
        loss = mul y w
        """,
        "loss",
        Run(),
        grade={"graphs": 2},
    ),
    lesson(
        "another-loss-of-the-same-leaves",
        "Two graphs are made of the same leaves, one for a loss and one for a penalty for large "
        "weights, and backward is called on each. A leaf then has the gradient of the second "
        "graph, or the sum of both; if its gradient was set to 0 in between, only that of the "
        "second.",
        """
        x = input 1.5
        w = param -0.6
        b = param 0.4
        xw = mul x w
        n = add xw b
        loss = mul n x
        bw = mul b w
        penalty = mul bw w
        """,
        "loss penalty",
        Run(seed={"loss": 1.0}, data=("loss",), grad=("x", "w", "b", "xw", "n", "loss")),
        Run(seed={"penalty": 1.0}, data=("penalty",), grad=("w", "b", "bw", "penalty")),
        grade={"graphs": 2},
    ),
    lesson(
        "values-not-read-yet",
        "Both operands of an op are results of others. The graph is made again, and backward is "
        "called on it before any of its values is read: an engine that computes values only when "
        "they are read must do so for all of them now.",
        """
        a = input 1.5
        b = param -0.6
        c = param 0.8
        ab = mul a b
        bc = add b c
        n = mul ab bc
        p = add bc n
        loss = mul ab p
        """,
        "loss",
        Run(),
        grade={"graphs": 2},
    ),
)

FURTHER: tuple[Golden, ...] = (*USERS, *TERMS, *ZEROS, *NUMBERS, *TRAINING)
