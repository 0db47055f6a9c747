"""Small neural networks and the losses that train them."""

from collections.abc import Sequence

from .golden import Golden, Run


def _weight(index: int) -> float:
    """Return a weight in [-1, 1]: scattered, the same for ever, and short to write."""
    return (index * 37 % 101 - 50) / 50


def _layer(name: str, inputs: Sequence[str], size: int, activation: str) -> tuple[str, list[str]]:
    """Return the program of one dense layer and the ids of its outputs."""
    lines: list[str] = []
    outputs = []
    for j in range(1, size + 1):
        neuron = f"{name}.neuron{j}"
        first = len(name) * 7 + j * (len(inputs) + 1) + int(name[-1]) * 11
        terms = []
        for i, source in enumerate(inputs, start=1):
            lines.append(f"{neuron}.w{i} = param {_weight(first + i)}")
            lines.append(f"{neuron}.p{i} = mul {neuron}.w{i} {source}")
            terms.append(f"{neuron}.p{i}")
        lines.append(f"{neuron}.b = param {_weight(first)}")
        lines.append(f"{neuron}.n = sum {' '.join(terms)} {neuron}.b")
        if activation:
            lines.append(f"{neuron}.o = {activation} {neuron}.n")
        outputs.append(f"{neuron}.{'o' if activation else 'n'}")
    return "\n".join(lines), outputs


def network(sizes: Sequence[int], activation: str, last: str = "") -> tuple[str, list[str]]:
    """Return the program of a dense network on inputs x1, x2 …, and its outputs."""
    outputs = [f"x{i}" for i in range(1, sizes[0] + 1)]
    parts = [f"x{i} = input {_weight(i * 5)}" for i in range(1, sizes[0] + 1)]
    for depth, size in enumerate(sizes[1:], start=1):
        kind = last if depth == len(sizes) - 1 else activation
        lines, outputs = _layer(f"layer{depth}", outputs, size, kind)
        parts.append(lines)
    return "\n".join(parts), outputs


def _squared_error(path: str, doc: str, sizes: Sequence[int], activation: str, last: str) -> Golden:
    program, (guess,) = network(sizes, activation, last)
    program += f"\ntarget = input 0.5\nmiss = sub {guess} target\nloss = mul miss miss"
    runs = (Run(), Run({"x1": 0.25, "x2": -1.5, "target": -1.0}), Run(seed={"loss": 0.5}))
    return Golden(path, doc, program, "loss", runs)


def _vanishing() -> Golden:
    lines = ["x = input 0.5", "w = param 1.0"]
    for i in range(10):
        lines += [f"z{i} = mul w {f's{i - 1}' if i else 'x'}", f"s{i} = sigmoid z{i}"]
    return Golden(
        "run/nets/vanishing_gradient",
        "Ten sigmoids in a row. Each passes on less than a quarter of the gradient, "
        "so almost nothing is left at the start: deep networks could not learn this way.",
        "\n".join(lines),
        "s9",
        (Run(), Run({"w": 4.0}), Run({"w": -2.0, "x": 3.0})),
    )


def _residual() -> Golden:
    lines = ["x = input 0.5", "w = param 0.5", "h0 = mul x w"]
    for i in range(6):
        lines += [f"z{i} = mul w h{i}", f"t{i} = tanh z{i}", f"h{i + 1} = add h{i} t{i}"]
    return Golden(
        "run/nets/residual",
        "Six blocks with a way around each of them: h + tanh(w*h). "
        "The gradient takes the bypass and arrives at full strength.",
        "\n".join(lines),
        "h6",
        (Run(), Run({"w": -0.75}), Run({"x": -2.0, "w": 0.1})),
    )


def _rnn() -> Golden:
    lines = ["wx = param 0.6", "wh = param -0.9", "b = param 0.1", "h0 = const 0.0"]
    for i, x in enumerate((1.0, -0.5, 0.25, 0.75, -1.0), start=1):
        lines += [
            f"x{i} = input {x}",
            f"step{i}.in = mul wx x{i}",
            f"step{i}.memory = mul wh h{i - 1}",
            f"step{i}.n = sum step{i}.in step{i}.memory b",
            f"h{i} = tanh step{i}.n",
        ]
    lines += ["target = input 0.5", "miss = sub h5 target", "loss = mul miss miss"]
    return Golden(
        "run/nets/rnn",
        "A recurrent network of one cell, unrolled over five steps in time. "
        "The same three weights work at every step, and collect a gradient from each.",
        "\n".join(lines),
        "loss",
        (Run(), Run({"wh": 1.5, "x1": 2.0}), Run({"target": -1.0, "b": -0.3})),
    )


def _linear_regression() -> Golden:
    points = ((0.0, 1.0), (1.0, 3.0), (2.0, 4.5), (3.0, 7.25))
    lines = ["slope = param 1.5", "height = param 0.5"]
    for i, (x, y) in enumerate(points):
        lines += [
            f"x{i} = input {x}",
            f"y{i} = input {y}",
            f"rise{i} = mul slope x{i}",
            f"line{i} = add rise{i} height",
            f"miss{i} = sub line{i} y{i}",
            f"square{i} = mul miss{i} miss{i}",
        ]
    lines += ["total = sum square0 square1 square2 square3", "four = const 4.0"]
    lines += ["loss = div total four"]
    return Golden(
        "run/nets/linear_regression",
        "A straight line through four points, and how far it misses them. "
        "In the second run the line is the best one: both of its gradients are 0.",
        "\n".join(lines),
        "loss",
        (
            Run(),
            Run({"slope": 2.025, "height": 0.9}, published="slope'=0.0 height'=0.0"),
            Run({"slope": -0.1, "height": 1.0 / 3.0}),
        ),
    )


def _learning_to_learn() -> Golden:
    lines = ["rate = param 0.1", "w0 = param 3.0", "goal = input 1.0", "two = const 2.0"]
    for i in range(4):
        lines += [
            f"miss{i} = sub w{i} goal",
            f"slope{i} = mul two miss{i}",
            f"step{i} = mul rate slope{i}",
            f"w{i + 1} = sub w{i} step{i}",
        ]
    lines += ["miss4 = sub w4 goal", "loss = mul miss4 miss4"]
    return Golden(
        "run/nets/learning_rate",
        "Gradient descent on (w-1)², four steps written out as a graph. "
        "Now the learning rate has a gradient too: it says that larger steps would have helped.",
        "\n".join(lines),
        "loss",
        (Run(), Run({"rate": 0.5}), Run({"rate": 1.1})),
    )


def _convolution() -> Golden:
    signal = (0.0, 1.0, 3.0, 2.0, -1.0, 0.5)
    lines = [f"x{i} = input {x}" for i, x in enumerate(signal)]
    lines += ["k0 = param 0.25", "k1 = param -0.5", "k2 = param 0.3"]
    for i in range(4):
        lines += [f"p{i}{j} = mul k{j} x{i + j}" for j in range(3)]
        lines += [f"z{i} = sum p{i}0 p{i}1 p{i}2", f"y{i} = relu z{i}"]
    lines += ["a = max y0 y1", "b = max y2 y3", "pooled = add a b"]
    return Golden(
        "run/nets/convolution",
        "A kernel of three weights slides along a signal, then relu, then the larger of each two. "
        "Weights that are shared add up their gradients.",
        "\n".join(lines),
        "pooled",
        (Run(), Run({"k0": 1.0, "k1": 1.0, "k2": 1.0}), Run({"x2": -3.0})),
    )


def _batch_norm() -> Golden:
    lines = [f"x{i} = input {x}" for i, x in enumerate((1.0, 2.0, 4.0, 7.0))]
    lines += ["four = const 4.0", "tiny = const 1e-5", "gain = param 1.5", "shift = param -0.25"]
    lines += ["total = sum x0 x1 x2 x3", "mean = div total four"]
    for i in range(4):
        lines += [f"away{i} = sub x{i} mean", f"square{i} = mul away{i} away{i}"]
    lines += ["squares = sum square0 square1 square2 square3", "variance = div squares four"]
    lines += ["safe = add variance tiny", "width = sqrt safe"]
    for i in range(4):
        lines += [f"z{i} = div away{i} width", f"g{i} = mul gain z{i}", f"y{i} = add g{i} shift"]
    return Golden(
        "run/nets/batch_norm",
        "Four numbers moved to mean 0 and width 1, then scaled by a gain and a shift. "
        "Every output depends on every input, and all of them meet in the mean and the width.",
        "\n".join(lines),
        "y0 y1 y2 y3",
        (
            Run(seed={"y0": 1.0}),
            Run(seed={"y0": 1.0, "y1": 1.0, "y2": 1.0, "y3": 1.0}),
            Run({"x0": -3.0}, {"y1": -0.5, "y3": 2.0}),
        ),
    )


def _xor() -> Golden:
    program = """
        x1 = input 1.0
        x2 = input 0.0
        one = const 1.0
        both = add x1 x2
        h1 = relu both
        over = sub both one
        h2 = relu over
        w = param -2.0
        correction = mul w h2
        y = add h1 correction
        target = input 1.0
        miss = sub y target
        loss = mul miss miss
        """
    corners = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))
    return Golden(
        "run/nets/xor",
        "Two relus are enough for the exclusive or, which no single neuron can do. "
        "In three of the corners an input stands exactly at a kink.",
        program,
        "loss",
        (
            *(Run({"x1": a, "x2": b, "target": abs(a - b)}) for a, b in corners),
            Run({"x1": 0.9, "x2": 0.6, "w": -1.7}),
        ),
    )


NETS = (
    _squared_error(
        "run/nets/mlp_tanh",
        "A network of 2 inputs, 3 tanh neurons and 1 output, with the square of its miss as loss.",
        (2, 3, 1),
        "tanh",
        "tanh",
    ),
    _squared_error(
        "run/nets/mlp_relu",
        "The same kind of network with relu: only plus, times and a gate, "
        "so every engine must agree to the last bit.",
        (2, 4, 1),
        "relu",
        "",
    ),
    _squared_error(
        "run/nets/mlp_lecture",
        "The lecture's network of shape 3-4-4-1: 41 parameters, and each of them gets a gradient.",
        (3, 4, 4, 1),
        "tanh",
        "tanh",
    ),
    _squared_error(
        "run/nets/mlp_softplus",
        "Softplus neurons and a sigmoid at the end: smooth everywhere, no kink in sight.",
        (2, 3, 2, 1),
        "softplus",
        "sigmoid",
    ),
    _vanishing(),
    _residual(),
    _rnn(),
    _linear_regression(),
    _learning_to_learn(),
    _convolution(),
    _batch_norm(),
    _xor(),
    Golden(
        "run/nets/logistic_regression",
        "Yes or no from two features. The loss is softplus(-margin), "
        "small for a confident right answer and steep for a wrong one.",
        """
        x1 = input 1.5
        x2 = input -0.5
        answer = input 1.0
        w1 = param 0.8
        w2 = param -0.4
        b = param 0.1
        x1w1 = mul x1 w1
        x2w2 = mul x2 w2
        score = sum x1w1 x2w2 b
        margin = mul answer score
        minus_margin = neg margin
        loss = softplus minus_margin
        """,
        "loss",
        (Run(), Run({"answer": -1.0}), Run({"x1": 20.0, "answer": -1.0}), Run({"x1": 30.0})),
    ),
    Golden(
        "run/nets/logistic_regression_by_log",
        "The same loss written as -log(sigmoid(score)): equal on paper, and equal here as long as "
        "the score is not far below 0.",
        """
        x1 = input 1.5
        x2 = input -0.5
        w1 = param 0.8
        w2 = param -0.4
        b = param 0.1
        x1w1 = mul x1 w1
        x2w2 = mul x2 w2
        score = sum x1w1 x2w2 b
        p = sigmoid score
        log_p = log p
        loss = neg log_p
        """,
        "loss",
        (Run(), Run({"x1": -3.0}), Run({"x1": -25.0, "b": 0.0})),
    ),
    Golden(
        "run/nets/softmax_cross_entropy",
        "Three classes, the first one is right. The gradient of each logit is its probability, "
        "minus 1 for the right one. The largest logit is taken out first, to be safe.",
        """
        z1 = param 2.0
        z2 = param 1.0
        z3 = param 0.1
        m12 = max z1 z2
        m = max m12 z3
        s1 = sub z1 m
        s2 = sub z2 m
        s3 = sub z3 m
        e1 = exp s1
        e2 = exp s2
        e3 = exp s3
        total = sum e1 e2 e3
        log_total = log total
        loss = sub log_total s1
        """,
        "loss",
        (
            Run(published="loss=0.417 z1'=-0.341 z2'=0.242 z3'=0.099"),
            Run({"z1": -1.0, "z2": 3.0, "z3": 2.5}),
            Run({"z1": 999.0, "z2": 1000.0, "z3": 998.0}),
        ),
    ),
    Golden(
        "run/nets/hinge_with_l2",
        "A support vector machine's loss: max(0, 1 - margin), plus a fee on large weights. "
        "Beyond the margin only the fee is left. In the last run the margin is exactly 1, a tie.",
        """
        x1 = input 0.5
        x2 = input 1.0
        answer = input 1.0
        w1 = param 0.75
        w2 = param -0.5
        b = param 0.25
        zero = const 0.0
        one = const 1.0
        fee = const 0.01
        x1w1 = mul x1 w1
        x2w2 = mul x2 w2
        score = sum x1w1 x2w2 b
        margin = mul answer score
        short = sub one margin
        hinge = max zero short
        w1w1 = mul w1 w1
        w2w2 = mul w2 w2
        size = add w1w1 w2w2
        tax = mul fee size
        loss = add hinge tax
        """,
        "loss",
        (Run(), Run({"x1": 8.0}), Run({"answer": -1.0}), Run({"x1": 3.0, "x2": 2.0})),
    ),
    Golden(
        "run/nets/dead_relu",
        "A relu whose bias is far below zero never opens: the loss is large, "
        "yet every gradient behind it is 0. Zero, not absent: there is a path.",
        """
        x = input 1.0
        w = param 0.5
        b = param -10.0
        v = param 2.0
        target = input 1.0
        xw = mul x w
        n = add xw b
        h = relu n
        y = mul v h
        miss = sub y target
        loss = mul miss miss
        """,
        "loss",
        (Run(), Run({"b": 0.0}), Run({"x": 0.0, "b": -0.0})),
    ),
    Golden(
        "run/nets/lstm",
        "One step of an LSTM cell with a single number of memory. Four gates read the same input; "
        "what is forgotten and what is written decides the new memory.",
        """
        x = input 0.7
        h = input -0.2
        memory = input 0.9
        forget.wx = param 0.5
        forget.wh = param 0.3
        write.wx = param -0.4
        write.wh = param 0.8
        show.wx = param 0.9
        show.wh = param -0.6
        new.wx = param 1.1
        new.wh = param 0.2
        forget.x = mul forget.wx x
        forget.h = mul forget.wh h
        forget.n = add forget.x forget.h
        forget = sigmoid forget.n
        write.x = mul write.wx x
        write.h = mul write.wh h
        write.n = add write.x write.h
        write = sigmoid write.n
        show.x = mul show.wx x
        show.h = mul show.wh h
        show.n = add show.x show.h
        show = sigmoid show.n
        new.x = mul new.wx x
        new.h = mul new.wh h
        new.n = add new.x new.h
        new = tanh new.n
        kept = mul forget memory
        written = mul write new
        memory.next = add kept written
        shown = tanh memory.next
        h.next = mul show shown
        """,
        "h.next memory.next",
        (
            Run(seed={"h.next": 1.0}),
            Run(seed={"h.next": 1.0, "memory.next": 1.0}),
            Run({"x": -2.0, "h": 0.5, "memory": -1.5}, {"memory.next": 1.0, "h.next": -0.25}),
        ),
    ),
    Golden(
        "run/nets/attention",
        "One query looks at two keys and mixes their values by how well they match: "
        "the heart of every transformer, with numbers small enough to follow.",
        """
        q1 = param 0.5
        q2 = param -1.0
        key1.1 = param 1.0
        key1.2 = param 0.25
        key2.1 = param -0.5
        key2.2 = param -0.75
        value1 = param 2.0
        value2 = param -1.0
        scale = const 0.7071067811865476
        m11 = mul q1 key1.1
        m12 = mul q2 key1.2
        m21 = mul q1 key2.1
        m22 = mul q2 key2.2
        match1 = add m11 m12
        match2 = add m21 m22
        s1 = mul match1 scale
        s2 = mul match2 scale
        top = max s1 s2
        t1 = sub s1 top
        t2 = sub s2 top
        e1 = exp t1
        e2 = exp t2
        total = add e1 e2
        weight1 = div e1 total
        weight2 = div e2 total
        part1 = mul weight1 value1
        part2 = mul weight2 value2
        out = add part1 part2
        """,
        "out",
        (Run(), Run({"q1": 2.0, "q2": 1.0}), Run({"value1": -1.0})),
    ),
    Golden(
        "run/nets/gelu",
        "The activation of modern language models, 0.5*x*(1 + tanh(0.798*(x + 0.0447*x³))). "
        "Unlike relu it dips below zero.",
        """
        x = input 0.5
        half = const 0.5
        one = const 1.0
        scale = const 0.7978845608028654
        cubic = const 0.044715
        xx = mul x x
        xxx = mul xx x
        bend = mul cubic xxx
        inner = add x bend
        n = mul scale inner
        t = tanh n
        gate = add one t
        half_x = mul half x
        y = mul half_x gate
        """,
        "y",
        (Run(), Run({"x": -0.75}), Run({"x": 3.0}), Run({"x": -2.0})),
    ),
    Golden(
        "run/nets/autoencoder",
        "Three numbers squeezed into one and spread out again by the same three weights. "
        "Each weight is used on the way in and on the way out.",
        """
        x1 = input 0.9
        x2 = input -0.4
        x3 = input 0.2
        w1 = param 0.7
        w2 = param -0.5
        w3 = param 0.1
        in1 = mul x1 w1
        in2 = mul x2 w2
        in3 = mul x3 w3
        n = sum in1 in2 in3
        code = tanh n
        out1 = mul code w1
        out2 = mul code w2
        out3 = mul code w3
        miss1 = sub out1 x1
        miss2 = sub out2 x2
        miss3 = sub out3 x3
        sq1 = mul miss1 miss1
        sq2 = mul miss2 miss2
        sq3 = mul miss3 miss3
        loss = sum sq1 sq2 sq3
        """,
        "loss",
        (Run(), Run({"w1": 1.0, "w2": -0.5}), Run({"x1": -2.0, "x3": 1.5})),
    ),
)
