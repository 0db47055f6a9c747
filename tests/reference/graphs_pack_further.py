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
        "polynomial-at-zero",
        "a·x¹ + b·x² at 0 has slope a: x¹ is steep everywhere, at 0, too.",
        """
        x = input 0.0
        a = param -1.3
        b = param 0.7
        one = const 1.0
        two = const 2.0
        x1 = pow x one
        x2 = pow x two
        ax = mul a x1
        bx = mul b x2
        y = add ax bx
        """,
        "y",
        Run(),
        Run({"x": 1.7}),
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
)

FURTHER: tuple[Golden, ...] = (*USERS, *ZEROS, *NUMBERS, *TRAINING)
