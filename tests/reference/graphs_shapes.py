"""Graphs whose point is their shape, or what else a file may hold."""

from .golden import Golden, Run


def _chain() -> Golden:
    lines = ["start = input 1.0", "grow = param 1.001"]
    lines += [f"n{i} = mul {f'n{i - 1}' if i > 2 else 'start'} grow" for i in range(2, 1002)]
    return Golden(
        "run/shapes/chain_1000",
        "A thousand multiplications in a row: 1.001 to the power 1000, nearly e. "
        "An engine that recurses runs out of stack on graphs like this one.",
        "\n".join(lines),
        "n1001",
        (Run(published="n1001=2.71692"),),
    )


def _wide() -> Golden:
    leaves = [f"n{i}" for i in range(500)]
    lines = [f"{leaf} = param {(i * 37 % 101 - 50) / 10}" for i, leaf in enumerate(leaves)]
    lines += [f"n500 = sum {' '.join(leaves)}", "n501 = mul n500 n500"]
    return Golden(
        "run/shapes/wide_500",
        "Five hundred leaves in one sum, squared. All of them get the same gradient.",
        "\n".join(lines),
        "n501",
    )


def _diamonds(path: str, doc: str, left: str, right: str, runs: tuple[Run, ...]) -> Golden:
    lines = ["x0 = input 1.0", "w = param 0.5"]
    for i in range(20):
        lines += [f"a{i} = {left.format(i)}", f"b{i} = {right.format(i)}"]
        lines += [f"x{i + 1} = add a{i} b{i}"]
    return Golden(path, doc, "\n".join(lines), "x20", runs)


def _reversed_chain() -> Golden:
    lines = [f"x{i} = add x{i - 1} step" for i in range(60, 0, -1)]
    return Golden(
        "run/shapes/backwards_file",
        "Sixty additions listed from last to first, and the leaves at the very end. "
        "The file's order is free; the order of evaluation is not.",
        "\n".join([*lines, "step = param 0.1", "x0 = input 0.0"]),
        "x60",
    )


def _pascal() -> Golden:
    lines = ["r0.0 = input 1.0"]
    for row in range(1, 9):
        for k in range(row + 1):
            if 0 < k < row:
                lines.append(f"r{row}.{k} = add r{row - 1}.{k - 1} r{row - 1}.{k}")
            else:
                lines.append(f"r{row}.{k} = sum r{row - 1}.{0 if k == 0 else row - 1}")
    outputs = [f"r8.{k}" for k in range(9)]
    return Golden(
        "run/shapes/pascal_triangle",
        "Pascal's triangle: each number is the sum of the two above it. "
        "The gradient of the top is the number of ways down.",
        "\n".join(lines),
        " ".join(outputs),
        (
            Run(seed={"r8.4": 1.0}, published="r8.4=70 r0.0'=70"),
            Run(seed=dict.fromkeys(outputs, 1.0), published="r0.0'=256"),
        ),
    )


def _fibonacci() -> Golden:
    lines = ["f0 = input 0.0", "f1 = input 1.0"]
    lines += [f"f{i} = add f{i - 1} f{i - 2}" for i in range(2, 41)]
    return Golden(
        "run/shapes/fibonacci",
        "Each number is the sum of the two before it. Backward, the same rabbits breed again: "
        "the gradients are Fibonacci numbers too.",
        "\n".join(lines),
        "f40",
        (Run(published="f40=102334155 f0'=63245986"), Run({"f0": 0.1, "f1": 0.2})),
    )


def _tree() -> Golden:
    lines = [f"leaf{i} = param {(i * 7 % 16 - 8) / 4}" for i in range(16)]
    level = [f"leaf{i}" for i in range(16)]
    for depth, op in enumerate(("mul", "add", "sub", "max")):
        pairs = list(zip(level[::2], level[1::2], strict=True))
        level = [f"level{depth}.{i}" for i in range(len(pairs))]
        lines += [f"{id_} = {op} {a} {b}" for id_, (a, b) in zip(level, pairs, strict=True)]
    return Golden(
        "run/shapes/binary_tree",
        "Sixteen leaves meet in pairs until one is left. No node is used twice, "
        "so every gradient is a single product along a single path.",
        "\n".join(lines),
        level[0],
        (Run(), Run({"leaf0": 3.0, "leaf1": 0.1})),
    )


def _hub() -> Golden:
    lines = ["hub = param 0.5"]
    lines += [f"spoke{i} = mul hub hub" if i % 2 else f"spoke{i} = neg hub" for i in range(30)]
    lines += ["rim = sum " + " ".join(f"spoke{i}" for i in range(30)) + " hub"]
    return Golden(
        "run/shapes/hub",
        "One parameter that the whole graph hangs on: its gradient is collected from 31 users.",
        "\n".join(lines),
        "rim",
        (Run(), Run({"hub": 0.1})),
    )


TWO_HEADS = """
    x = input 3.0
    w = param 0.5
    h = mul x w
    left = add h x
    right = mul h w
    """

SHAPES = (
    _chain(),
    _wide(),
    _diamonds(
        "run/shapes/diamonds",
        "Twenty diamonds in a row have 2^20 paths. Backward walks none of them one by one: "
        "it visits every node once.",
        "mul x{0} w",
        "mul x{0} w",
        (Run(), Run({"w": 0.55}), Run({"x0": 0.1, "w": 1.0})),
    ),
    _diamonds(
        "run/shapes/diamonds_that_bend",
        "Twenty diamonds again, with a different op on each side: the two halves of a gradient "
        "are not alike.",
        "sin x{0}",
        "mul x{0} w",
        (Run(), Run({"w": -0.25, "x0": 2.0})),
    ),
    _reversed_chain(),
    _pascal(),
    _fibonacci(),
    _tree(),
    _hub(),
    Golden(
        "run/shapes/single_leaf",
        "The smallest graph: one leaf that is its own output. Its gradient is the seed.",
        "x = input 4.2",
        "x",
        (Run(), Run({"x": -0.0}, {"x": -3.0})),
    ),
    Golden(
        "run/shapes/constant_output",
        "A constant as an output. It has a value, but a constant never has a gradient.",
        "x = input 2.0\nk = const 7.0\ny = mul x k",
        "y k",
        (Run(seed={"k": 1.0}), Run(seed={"y": 1.0, "k": 5.0})),
    ),
    Golden(
        "run/shapes/constants_only",
        "An op on constants alone does have a gradient; the constants themselves do not.",
        "two = const 2.0\nthree = const 3.0\nsix = mul two three",
        "six",
    ),
    Golden(
        "run/shapes/repeats",
        "The same node on both sides: a+a, a-a, a*a, a/a, max(a,a) and a sum of three. "
        "Each use sends its own share back.",
        """
        a = param 3.0
        plus = add a a
        minus = sub a a
        square = mul a a
        one = div a a
        same = max a a
        also_same = min a a
        triple = sum a a a
        y = sum plus minus square one same also_same triple
        """,
        "y",
        (Run(), Run({"a": 0.1}), Run({"a": -2.5}, {"y": -1.0})),
    ),
    Golden(
        "run/shapes/power_of_itself",
        "x to the power x: the same node is base and exponent, and the slope is x^x (ln x + 1).",
        "x = param 2.0\ny = pow x x",
        "y",
        (Run(published="y=4.0 x'=6.7726"), Run({"x": 0.5}), Run({"x": 1.0})),
    ),
    Golden(
        "run/shapes/unreached",
        "Two nodes lead nowhere: they are computed, but no path goes from them to the output, "
        "so they are absent from the gradients. x is used by them and by the output.",
        """
        x = input 2.0
        lonely = param 5.0
        w = param 3.0
        aside = mul x lonely
        dead_end = exp aside
        y = mul x w
        """,
        "y",
        (Run(), Run({"lonely": -1.0})),
    ),
    Golden(
        "run/shapes/zero_or_no_path",
        "A gradient of zero and no gradient are two different things: the loser of max has a path "
        "and gets 0, z has no path and gets nothing.",
        """
        winner = param 2.0
        loser = param 1.0
        z = param 9.0
        zero = const 0.0
        best = max winner loser
        muted = mul loser zero
        z.only = neg z
        y = add best muted
        """,
        "y",
        (Run(), Run({"winner": 0.5}), Run({"winner": 1.0})),
    ),
    Golden(
        "run/shapes/constants_have_no_gradient",
        "Numbers written into a formula are constants: however often they are used, "
        "nobody wants their gradient.",
        """
        x = input 1.5
        three = const 3.0
        half = const 0.5
        square = mul x x
        first = mul three square
        second = mul half three
        y = sub first second
        z = div y three
        """,
        "z",
        (Run(), Run({"x": -0.3})),
    ),
    Golden(
        "run/shapes/constant_as_parameter_twin",
        "The same number twice, as a constant and as a parameter. Only one of them learns.",
        """
        x = input 2.0
        k = const 0.25
        w = param 0.25
        xk = mul x k
        xw = mul x w
        y = add xk xw
        """,
        "y",
        (Run(), Run({"w": 0.75})),
    ),
    Golden(
        "run/shapes/two_outputs",
        "Two heads on one body. The seed says how much each output counts; "
        "an output without a seed counts as not there.",
        TWO_HEADS,
        "left right",
        (
            Run(seed={"left": 1.0}),
            Run(seed={"right": 1.0}),
            Run(seed={"left": 1.0, "right": 1.0}),
            Run(seed={"left": 0.5, "right": -2.0}),
            Run(seed={"right": -2.0, "left": 0.5}),
        ),
    ),
    Golden(
        "run/shapes/seed_of_zero",
        "A seed of 0 is a seed: everything behind that output has a gradient, and it is 0.",
        TWO_HEADS,
        "right left",
        (
            Run(seed={"left": 0.0}),
            Run(seed={"left": 0.0, "right": 1.0}),
            Run({"x": -1.0}, {"right": -0.0}),
        ),
    ),
    Golden(
        "run/shapes/output_inside",
        "An output in the middle of the graph is also an argument of another output. "
        "Its seed and what comes from above are added up.",
        """
        x = input 2.0
        w = param -1.5
        h = mul x w
        s = add h w
        y = mul s h
        """,
        "h y s",
        (
            Run(seed={"y": 1.0}),
            Run(seed={"h": 10.0, "y": 1.0}),
            Run(seed={"h": 0.1, "s": 0.2, "y": 0.3}),
            Run(seed={"h": 0.0}),
        ),
    ),
    Golden(
        "run/shapes/seed_on_a_leaf",
        "A leaf can be an output too. Its gradient is its own seed plus what flows back to it.",
        "x = input 2.0\nw = param 3.0\ny = mul x w",
        "x y",
        (
            Run(seed={"x": 1.0}),
            Run(seed={"x": -6.0, "y": 2.0}),
            Run(seed={"x": 0.1, "y": 0.2}),
        ),
    ),
    Golden(
        "run/shapes/seed_scales",
        "With one output, the seed is a factor on every gradient: here 1, 2, a tenth, and -1.",
        """
        x = input 0.5
        w = param 1.5
        xw = mul x w
        y = sin xw
        """,
        "y",
        (
            Run(),
            Run(seed={"y": 2.0}),
            Run(seed={"y": 0.1}),
            Run(seed={"y": -1.0}),
            Run(seed={"y": 1e-300}),
        ),
    ),
    Golden(
        "run/shapes/out_of_order",
        "The output stands first and its arguments follow. Of all nodes that are ready, "
        "the earliest in the file goes next: b, a, d, c, y.",
        """
        y = mul c d
        c = add a b
        b = param 3.0
        a = param 2.0
        d = neg b
        """,
        "y",
        (Run(), Run({"a": 0.1, "b": 0.2})),
    ),
    Golden(
        "run/shapes/order_decides_rounding",
        "Three gradients meet at x, and floating-point addition cares who comes first. "
        "Backward goes from the last node to the first, so the answer is the same everywhere.",
        """
        x = param 1.0
        big = const 1e16
        minus_big = const -1e16
        up = mul x big
        one = neg x
        down = mul x minus_big
        y = sum up one down
        first = mul x minus_big
        second = mul x big
        third = neg x
        z = sum first second third
        """,
        "y z",
        (
            Run(seed={"y": 1.0}),
            Run(seed={"z": 1.0}),
            Run({"x": 0.1}, {"y": 1.0, "z": 1.0}),
        ),
    ),
    Golden(
        "run/shapes/dotted_ids",
        "Dots, slashes and brackets in an id show where a node belongs. "
        "To the graph they are letters like any other.",
        """
        in/x[0] = input 1.0
        in/x[1] = input -2.0
        layer1.neuron[0].w-a = param 0.5
        layer1.neuron[0].w-b = param 0.25
        _tmp.0 = mul in/x[0] layer1.neuron[0].w-a
        _tmp.1 = mul in/x[1] layer1.neuron[0].w-b
        layer1.neuron[0].n = add _tmp.0 _tmp.1
        layer1.neuron[0]/o = relu layer1.neuron[0].n
        X = mul layer1.neuron[0]/o in/x[0]
        x = add X in/x[1]
        """,
        "x",
        (Run(), Run({"in/x[0]": 3.0})),
    ),
    Golden(
        "run/shapes/javascript_ids",
        "Ids that mean something in other languages. Here they are only names.",
        """
        __proto__ = input 2.0
        constructor = param 3.0
        toString = mul __proto__ constructor
        hasOwnProperty = add toString __proto__
        __class__ = neg hasOwnProperty
        nan = const 1.5
        None = mul __class__ nan
        __init__ = add None constructor
        length = mul __init__ toString
        valueOf = abs length
        """,
        "valueOf",
        (Run(), Run({"__proto__": -1.0})),
    ),
    Golden(
        "run/shapes/numbered_ids",
        "n0, n1 and n2 are the names a node gets when it has none. "
        "Here n1 and n0 have swapped theirs, and n7 has taken a number that is not its place.",
        """
        n1 = input 2.0
        n0 = param 3.0
        n2 = mul n1 n0
        n7 = add n2 n1
        n04 = neg n7
        """,
        "n04",
    ),
    Golden(
        "run/shapes/long_ids",
        "Ids of 1 and of 128 letters, the shortest and the longest there are.",
        f"a = input 2.0\n{'b' * 128} = param 3.0\nc = mul a {'b' * 128}",
        "c",
    ),
    Golden(
        "run/shapes/labels",
        "A label is what people see, in any script. It is shown as text, whatever it looks like.",
        """
        html = input 1.0
        quotes = input 2.0
        lines = input 3.0
        emoji = param 4.0
        chinese = param 5.0
        hebrew = param 6.0
        formula = param 7.0
        accents = const 8.0
        blank = const 9.0
        first = mul html emoji
        second = mul quotes chinese
        third = mul lines hebrew
        y = sum first second third formula accents blank
        """,
        "y",
        notes={
            "html": {"label": "<script>alert('x₁')</script> &amp; <b>bold</b>"},
            "quotes": {"label": 'she said "it\'s `x`" \\ 100%'},
            "lines": {"label": "two\nlines\tand a tab"},
            "emoji": {"label": "🧠 → 📉"},
            "chinese": {"label": "权重"},
            "hebrew": {"label": "משקל"},
            "formula": {"label": "=SUM(A1:A9)"},
            "accents": {"label": "Gewicht für Überraschungen"},
            "blank": {"label": ""},
            "y": {"label": "∑ᵢ xᵢ·wᵢ"},
        },
    ),
    Golden(
        "run/shapes/docs_and_meta",
        "A file can explain itself: every node may carry a doc, and a meta with any JSON inside. "
        "Neither changes a number.",
        """
        mass = input 2.0
        speed = input 3.0
        half = const 0.5
        square = mul speed speed
        vis_viva = mul mass square
        energy = mul half vis_viva
        """,
        "energy",
        (Run(), Run({"speed": 0.1})),
        notes={
            "mass": {"doc": "In kilograms.", "meta": {"unit": "kg", "sigma": 0.05}},
            "speed": {"label": "v", "doc": "In metres per second.", "meta": {"unit": "m/s"}},
            "energy": {
                "label": "½mv²",
                "doc": "Kinetic energy.\nTwice the speed is four times the energy.",
                "meta": {"unit": "J", "position": [120, 40], "pinned": True},
            },
        },
        meta={
            "author": "Émilie du Châtelet",
            "year": 1740,
            "tags": ["physics", "energy", "日本語"],
            "nested": {"empty": {}, "list": [1, 2.5, -3e-7, [None, True, False, "text"]]},
            "largest": 9007199254740992,
            "": "an empty key",
        },
    ),
    Golden(
        "run/shapes/schema",
        "A `$schema` line lets an editor check the file and complete the fields while typing.",
        "x = input 2.0\ny = neg x",
        "y",
        schema="../../../schemas/mgraph-1.0.schema.json",
    ),
    Golden(
        "run/shapes/inputs_without_data",
        "Inputs without a value of their own: every run has to bring one.",
        """
        x = input
        y = input
        bias = input 1.0
        w = param 0.5
        xw = mul x w
        sum = sum xw y bias
        """,
        "sum",
        (
            Run({"x": 1.0, "y": 2.0}),
            Run({"y": -0.0, "x": 0.1}),
            Run({"x": 1.0, "y": 2.0, "bias": -3.0}),
        ),
    ),
    Golden(
        "run/shapes/parameters_for_one_run",
        "A run may try other values for parameters. The graph in the file keeps its own.",
        """
        x = input 2.0
        w = param 1.0
        b = param 0.0
        xw = mul x w
        y = add xw b
        """,
        "y",
        (Run(), Run({"w": -1.0, "b": 0.5}), Run({"x": 3.0, "w": 2.0})),
    ),
    Golden(
        "run/shapes/partial_run",
        "A run need not name every node: here only the output and two gradients are expected, "
        "then only values, then only gradients.",
        """
        x = input 1.2
        w = param -0.7
        b = param 0.4
        xw = mul x w
        n = add xw b
        h = tanh n
        hh = mul h h
        y = add hh x
        """,
        "y",
        (
            Run(data=("y",), grad=("w", "b")),
            Run({"x": 0.3}, data=("xw", "y"), grad=()),
            Run({"x": -2.0}, data=(), grad=("x",)),
        ),
    ),
    Golden(
        "run/shapes/tolerance",
        "A run may say how close is close enough: here a thousandth, then a millionth of the "
        "value, then a fixed distance.",
        """
        x = input 0.8
        s = sigmoid x
        e = exp s
        y = log e
        """,
        "y",
        (
            Run(tolerance={"rel": 1e-3}),
            Run({"x": -1.5}, tolerance={"rel": 1e-6, "abs": 1e-9}),
            Run({"x": 2.5}, tolerance={"abs": 1e-8}),
        ),
    ),
)
