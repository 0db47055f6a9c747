"""Functions from textbooks and papers: optimisation, physics, geometry, finance, numerics."""

from .golden import Golden, Run


def _lines(*lines: str) -> str:
    return "\n".join(lines)


def _horner() -> Golden:
    coefficients = (2.0, -1.5, 0.25, 3.0, -0.125, 1.0)  # highest power first
    lines = ["x = input 1.5"]
    lines += [f"c{5 - i} = param {c}" for i, c in enumerate(coefficients)]
    for power in (4, 3, 2, 1, 0):
        inner = "c5" if power == 4 else f"y{power + 1}"
        lines += [f"t{power} = mul {inner} x", f"y{power} = add t{power} c{power}"]
    return Golden(
        "run/functions/horner",
        "A polynomial of degree five by Horner's rule: one times and one plus for each power. "
        "The gradient of each coefficient is a power of x.",
        _lines(*lines),
        "y0",
        (Run(), Run({"x": -0.7}), Run({"x": 0.0}), Run({"x": 0.1, "c5": 1.0 / 3.0})),
    )


def _newton_sqrt() -> Golden:
    lines = ["a = input 2.0", "half = const 0.5", "x0 = input 1.0"]
    for i in range(5):
        lines += [
            f"q{i} = div a x{i}",
            f"s{i} = add x{i} q{i}",
            f"x{i + 1} = mul half s{i}",
        ]
    return Golden(
        "run/functions/newton_square_root",
        "Five Newton steps towards the root of two. The slope comes out as 1/(2*root), "
        "and where the search began no longer matters.",
        _lines(*lines),
        "x5",
        (
            Run(published="x5=1.41421356237 a'=0.35355339059 x0'=0.0000000"),
            Run({"a": 10.0, "x0": 3.0}),
            Run({"a": 0.1}),
        ),
    )


def _kepler() -> Golden:
    lines = ["M = input 1.0", "e = param 0.3", "one = const 1.0", "E0 = add M e"]
    for i in range(4):
        lines += [
            f"sin{i} = sin E{i}",
            f"pull{i} = mul e sin{i}",
            f"lag{i} = sub E{i} pull{i}",
            f"error{i} = sub lag{i} M",
            f"cos{i} = cos E{i}",
            f"bend{i} = mul e cos{i}",
            f"slope{i} = sub one bend{i}",
            f"step{i} = div error{i} slope{i}",
            f"E{i + 1} = sub E{i} step{i}",
        ]
    return Golden(
        "run/functions/kepler",
        "Where is the planet? Kepler's equation E - e*sin(E) = M, solved by four Newton steps, "
        "and how the answer depends on the time M and the orbit's shape e.",
        _lines(*lines),
        "E4",
        (
            Run(),
            Run({"M": 2.5, "e": 0.6}, data=("E4",), grad=("M", "e")),
        ),
    )


def _pendulum() -> Golden:
    lines = [
        *("angle0 = input 0.5", "speed0 = input 0.0", "dt = const 0.1", "g = param 9.81"),
        *("length = param 1.0", "k = div g length"),
    ]
    for i in range(10):
        lines += [
            f"sin{i} = sin angle{i}",
            f"pull{i} = mul k sin{i}",
            f"dv{i} = mul pull{i} dt",
            f"speed{i + 1} = sub speed{i} dv{i}",
            f"dx{i} = mul speed{i + 1} dt",
            f"angle{i + 1} = add angle{i} dx{i}",
        ]
    return Golden(
        "run/functions/pendulum",
        "A pendulum over ten small steps in time. The gradient says how the last angle would "
        "change with the first one, with gravity and with the length of the string.",
        _lines(*lines),
        "angle10",
        (Run(), Run({"angle0": 1.2, "speed0": -0.4, "length": 2.0})),
    )


def _logistic_map() -> Golden:
    lines = ["r = param 3.7", "one = const 1.0", "x0 = input 0.4"]
    for i in range(8):
        lines += [
            f"left{i} = sub one x{i}",
            f"grow{i} = mul r x{i}",
            f"x{i + 1} = mul grow{i} left{i}",
        ]
    return Golden(
        "run/functions/logistic_map",
        "Eight years of a population that grows and starves: x becomes r*x*(1-x). "
        "The gradient to the first year shows how chaos stretches a small difference.",
        _lines(*lines),
        "x8",
        (Run(), Run({"r": 2.5}), Run({"r": 4.0, "x0": 0.5})),
    )


def _mandelbrot() -> Golden:
    lines = ["cr = input -0.4", "ci = input 0.6", "two = const 2.0"]
    lines += ["zr0 = const 0.0", "zi0 = const 0.0"]
    for i in range(4):
        lines += [
            f"rr{i} = mul zr{i} zr{i}",
            f"ii{i} = mul zi{i} zi{i}",
            f"ri{i} = mul zr{i} zi{i}",
            f"re{i} = sub rr{i} ii{i}",
            f"im{i} = mul two ri{i}",
            f"zr{i + 1} = add re{i} cr",
            f"zi{i + 1} = add im{i} ci",
        ]
    lines += ["rr4 = mul zr4 zr4", "ii4 = mul zi4 zi4", "size = add rr4 ii4"]
    return Golden(
        "run/functions/mandelbrot",
        "Four rounds of z*z + c with complex numbers written out as pairs. "
        "The slopes of the size point the way out of the Mandelbrot set.",
        _lines(*lines),
        "size",
        (Run(), Run({"cr": 0.3, "ci": -0.5}), Run({"cr": -2.0, "ci": 0.0})),
    )


def _golden_ratio() -> Golden:
    lines = ["one = const 1.0", "x = input 1.0", "f0 = add one x"]
    for i in range(10):
        lines += [f"q{i} = div x f{i}", f"f{i + 1} = add one q{i}"]
    return Golden(
        "run/functions/continued_fraction",
        "1 + x/(1 + x/(1 + ...)), ten levels deep: for x = 1 it closes in on the golden ratio.",
        _lines(*lines),
        "f10",
        (Run(published="f10=1.618"), Run({"x": 2.0}), Run({"x": 0.1})),
    )


FUNCTIONS = (
    Golden(
        "run/functions/survey",
        "y = ln(x1) + x1*x2 - sin(x2) at (2, 5), the worked example of Baydin, Pearlmutter, Radul "
        "and Siskind's survey of automatic differentiation (2018), with its names.",
        """
        x1 = input 2.0
        x2 = input 5.0
        v1 = log x1
        v2 = mul x1 x2
        v3 = sin x2
        v4 = add v1 v2
        v5 = sub v4 v3
        """,
        "v5",
        (
            Run(published="v1=0.693 v2=10 v4=10.693 v5=11.652 x1'=5.5 x2'=1.716"),
            Run({"x1": 0.25, "x2": -3.0}),
        ),
    ),
    Golden(
        "run/functions/textbook",
        "y = (sin(x1/x2) + x1/x2 - exp(x2)) * (x1/x2 - exp(x2)) at (1.5, 0.5): "
        "the first example of Griewank and Walther's book. Two inner results are used twice.",
        """
        x1 = input 1.5
        x2 = input 0.5
        v1 = div x1 x2
        v2 = sin v1
        v3 = exp x2
        v4 = sub v1 v3
        v5 = add v2 v4
        v6 = mul v5 v4
        """,
        "v6",
        (
            Run(published="v1=3.0000 v2=0.1411 v3=1.6487 v4=1.3513 v5=1.4924 x1'=3.0118"),
            Run({"x1": -0.5, "x2": 1.5}),
        ),
    ),
    Golden(
        "run/functions/rosenbrock",
        "The banana valley (1-x)² + 100*(y-x²)², a test for every optimiser since 1960. "
        "At (1, 1) it is 0 and flat; (-1.2, 1) is the classic start.",
        """
        x = param -1.2
        y = param 1.0
        one = const 1.0
        hundred = const 100.0
        u = sub one x
        uu = mul u u
        xx = mul x x
        v = sub y xx
        vv = mul v v
        steep = mul hundred vv
        f = add uu steep
        """,
        "f",
        (
            Run(published="f=24.2 x'=-215.6 y'=-88.0"),
            Run({"x": 1.0, "y": 1.0}, published="f=0 x'=0 y'=0"),
            Run({"x": 0.0, "y": 0.0}, published="f=1 x'=-2"),
        ),
    ),
    Golden(
        "run/functions/beale",
        "Beale's function: three squared misses in one sum. It is 0 at (3, 0.5) and nowhere else.",
        """
        x = param 1.0
        y = param 1.0
        a = const 1.5
        b = const 2.25
        c = const 2.625
        xy = mul x y
        xyy = mul xy y
        xyyy = mul xyy y
        a_x = sub a x
        b_x = sub b x
        c_x = sub c x
        miss1 = add a_x xy
        miss2 = add b_x xyy
        miss3 = add c_x xyyy
        sq1 = mul miss1 miss1
        sq2 = mul miss2 miss2
        sq3 = mul miss3 miss3
        f = sum sq1 sq2 sq3
        """,
        "f",
        (
            Run(published="f=14.203125"),
            Run({"x": 3.0, "y": 0.5}, published="f=0 x'=0 y'=0"),
            Run({"x": -1.3, "y": 0.7}),
        ),
    ),
    Golden(
        "run/functions/himmelblau",
        "Himmelblau's function has four valleys, all of depth 0. One of them is at (3, 2).",
        """
        x = param 0.0
        y = param 0.0
        eleven = const 11.0
        seven = const 7.0
        xx = mul x x
        yy = mul y y
        p = add xx y
        q = add x yy
        u = sub p eleven
        v = sub q seven
        uu = mul u u
        vv = mul v v
        f = add uu vv
        """,
        "f",
        (
            Run(published="f=170 x'=-14 y'=-22"),
            Run({"x": 3.0, "y": 2.0}, published="f=0 x'=0 y'=0"),
            Run({"x": -2.805118, "y": 3.131312}, published="f=0.000"),
        ),
    ),
    Golden(
        "run/functions/ackley",
        "Ackley's function: a deep hole in the middle of a plain full of dents.",
        """
        x = param 1.0
        y = param 1.0
        half = const 0.5
        fifth = const -0.2
        twenty = const 20.0
        e = const 2.718281828459045
        tau = const 6.283185307179586
        xx = mul x x
        yy = mul y y
        rr = add xx yy
        mean = mul half rr
        r = sqrt mean
        sink = mul fifth r
        hole = exp sink
        deep = mul twenty hole
        tx = mul tau x
        ty = mul tau y
        cx = cos tx
        cy = cos ty
        waves = add cx cy
        wave = mul half waves
        dents = exp wave
        floor = add twenty e
        above = sub floor deep
        depth = sub above dents
        """,
        "depth",
        (
            Run({"x": 0.5, "y": -0.3}),
            Run({"x": -1.7, "y": 2.2}),
        ),
    ),
    Golden(
        "run/functions/rastrigin",
        "A bowl full of ripples: x² - 10*cos(2*pi*x), summed over both directions.",
        """
        x = param 0.4
        y = param -1.3
        ten = const 10.0
        twenty = const 20.0
        tau = const 6.283185307179586
        xx = mul x x
        yy = mul y y
        tx = mul tau x
        ty = mul tau y
        cx = cos tx
        cy = cos ty
        ripple_x = mul ten cx
        ripple_y = mul ten cy
        side_x = sub xx ripple_x
        side_y = sub yy ripple_y
        f = sum twenty side_x side_y
        """,
        "f",
        (Run(), Run({"x": 0.25, "y": 2.6})),
    ),
    _horner(),
    _newton_sqrt(),
    _kepler(),
    _pendulum(),
    _logistic_map(),
    _mandelbrot(),
    _golden_ratio(),
    Golden(
        "run/functions/gaussian",
        "The log of the bell curve's density. Its slope towards the mean is the pull of one "
        "observation; towards the width it is 0 exactly one width away.",
        """
        x = input 1.5
        mean = param 0.5
        width = param 2.0
        half = const 0.5
        log_root_tau = const 0.9189385332046727
        away = sub x mean
        z = div away width
        zz = mul z z
        energy = mul half zz
        spread = log width
        cost = sum energy spread log_root_tau
        log_density = neg cost
        """,
        "log_density",
        (Run(), Run({"x": 2.5}), Run({"x": -3.0, "width": 0.7})),
    ),
    Golden(
        "run/functions/option_price",
        "An option priced in the manner of Black and Scholes, with a logistic curve in place of "
        "the bell curve's integral. The gradients are what traders call the Greeks.",
        """
        price = input 100.0
        strike = input 95.0
        rate = param 0.03
        volatility = param 0.2
        years = param 0.5
        half = const 0.5
        stretch = const 1.702
        moneyness = div price strike
        log_moneyness = log moneyness
        vv = mul volatility volatility
        half_vv = mul half vv
        drift = add rate half_vv
        drift_years = mul drift years
        root_years = sqrt years
        risk = mul volatility root_years
        top = add log_moneyness drift_years
        d1 = div top risk
        d2 = sub d1 risk
        s1 = mul stretch d1
        s2 = mul stretch d2
        chance1 = sigmoid s1
        chance2 = sigmoid s2
        rate_years = mul rate years
        minus_rate_years = neg rate_years
        discount = exp minus_rate_years
        stock = mul price chance1
        cost = mul strike discount
        expected_cost = mul cost chance2
        call = sub stock expected_cost
        """,
        "call",
        (Run(), Run({"price": 80.0, "years": 2.0}), Run({"volatility": 0.5})),
    ),
    Golden(
        "run/functions/distance",
        "The distance between two points, 3 across and 4 up: it is 5, "
        "and the gradient is the direction, of length 1.",
        """
        x1 = input 1.0
        y1 = input 2.0
        x2 = input 4.0
        y2 = input 6.0
        dx = sub x2 x1
        dy = sub y2 y1
        dxdx = mul dx dx
        dydy = mul dy dy
        dd = add dxdx dydy
        d = sqrt dd
        """,
        "d",
        (
            Run(published="d=5.0 x2'=0.6 y2'=0.8 x1'=-0.6"),
            Run({"x2": 0.1, "y2": 0.2}),
        ),
    ),
    Golden(
        "run/functions/unit_vector",
        "A vector divided by its own length. Making it longer changes nothing, "
        "so the gradient stands at a right angle to it.",
        """
        x = input 1.0
        y = input -2.0
        z = input 2.0
        xx = mul x x
        yy = mul y y
        zz = mul z z
        length_squared = sum xx yy zz
        length = sqrt length_squared
        ux = div x length
        uy = div y length
        uz = div z length
        """,
        "ux uy uz",
        (
            Run(seed={"ux": 1.0}),
            Run(seed={"ux": 1.0, "uy": -2.0, "uz": 2.0}),
            Run({"x": 0.1, "y": 0.2, "z": 0.3}, {"uz": -1.0, "uy": 0.5}),
        ),
    ),
    Golden(
        "run/functions/cosine_similarity",
        "How alike are two word vectors? The cosine of the angle between them, "
        "as every search engine computes it.",
        """
        a1 = param 0.8
        a2 = param -0.3
        a3 = param 0.5
        b1 = param 0.6
        b2 = param 0.1
        b3 = param 0.9
        p1 = mul a1 b1
        p2 = mul a2 b2
        p3 = mul a3 b3
        dot = sum p1 p2 p3
        a1a1 = mul a1 a1
        a2a2 = mul a2 a2
        a3a3 = mul a3 a3
        aa = sum a1a1 a2a2 a3a3
        b1b1 = mul b1 b1
        b2b2 = mul b2 b2
        b3b3 = mul b3 b3
        bb = sum b1b1 b2b2 b3b3
        aabb = mul aa bb
        lengths = sqrt aabb
        cosine = div dot lengths
        """,
        "cosine",
        (Run(), Run({"b1": 0.8, "b2": -0.3, "b3": 0.5}), Run({"a1": -1.0, "a3": 2.0})),
    ),
    Golden(
        "run/functions/log_sum_exp",
        "A soft maximum: log(e^a + e^b + e^c), with the largest taken out first so that e^800 "
        "never happens. The gradients are the shares of each, and they add up to 1.",
        """
        a = input 1.0
        b = input 3.0
        c = input 2.0
        ab = max a b
        m = max ab c
        a0 = sub a m
        b0 = sub b m
        c0 = sub c m
        ea = exp a0
        eb = exp b0
        ec = exp c0
        total = sum ea eb ec
        log_total = log total
        y = add m log_total
        """,
        "y",
        (Run(), Run({"a": 800.0, "b": 799.0, "c": 790.0}), Run({"a": -800.0, "b": -801.5})),
    ),
    Golden(
        "run/functions/lennard_jones",
        "The force between two argon atoms: they attract from afar and repel up close. "
        "The energy's slope is 0 where they rest, at the sixth root of two.",
        """
        r = input 1.1
        sigma = param 1.0
        epsilon = param 1.0
        four = const 4.0
        six = const 6.0
        ratio = div sigma r
        attract = pow ratio six
        repel = mul attract attract
        net = sub repel attract
        scale = mul four epsilon
        energy = mul scale net
        """,
        "energy",
        (Run(), Run({"r": 2.5}), Run({"r": 0.9, "sigma": 1.2})),
    ),
    Golden(
        "run/functions/projectile",
        "How far does a ball fly? v² * sin(2*angle) / g: at 45 degrees the angle has no say left.",
        """
        v = input 20.0
        angle = input 0.6
        g = param 9.81
        two = const 2.0
        vv = mul v v
        double_angle = mul two angle
        s = sin double_angle
        top = mul vv s
        range = div top g
        """,
        "range",
        (Run(), Run({"angle": 1.2}), Run({"v": 5.0, "g": 1.62})),
    ),
    Golden(
        "run/functions/heron",
        "The area of a triangle from its three sides. With 3, 4 and 5 it is 6.",
        """
        a = input 3.0
        b = input 4.0
        c = input 5.0
        half = const 0.5
        around = sum a b c
        s = mul half around
        sa = sub s a
        sb = sub s b
        sc = sub s c
        p = mul s sa
        q = mul p sb
        r = mul q sc
        area = sqrt r
        """,
        "area",
        (Run(published="area=6.0"), Run({"a": 2.0, "b": 3.5, "c": 2.25})),
    ),
    Golden(
        "run/functions/hyperbolic_identity",
        "cosh² - sinh² is 1 for every x, so the gradient that comes back is 0: "
        "two large parts cancel.",
        """
        x = input 0.75
        c = cosh x
        s = sinh x
        cc = mul c c
        ss = mul s s
        one = sub cc ss
        t = tanh x
        quotient = div s c
        zero = sub t quotient
        """,
        "one zero",
        (Run(seed={"one": 1.0}), Run({"x": -0.5}, {"one": 2.0, "zero": 1.0})),
    ),
    Golden(
        "run/functions/compound_interest",
        "Savings over thirty years, (1 + rate)^years: the slope to the rate dwarfs the rest.",
        """
        start = input 1000.0
        rate = param 0.05
        years = input 30.0
        one = const 1.0
        growth = add one rate
        factor = pow growth years
        end = mul start factor
        """,
        "end",
        (Run(), Run({"rate": -0.02}), Run({"years": 0.5})),
    ),
    Golden(
        "run/functions/machin",
        "A quarter of pi as Machin found it in 1706: 4*atan(1/5) - atan(1/239).",
        """
        four = const 4.0
        fifth = input 0.2
        small = input 0.0041841004184100415
        big_angle = atan fifth
        small_angle = atan small
        four_angles = mul four big_angle
        quarter_pi = sub four_angles small_angle
        right = tan quarter_pi
        """,
        "right",
        (Run(published="quarter_pi=0.785398163397448 right=1.0000000000"),),
    ),
    Golden(
        "run/functions/exact_gelu",
        "The activation of many language models: x times the chance that a normal number is below "
        "it. Unlike a relu it has a small negative dip, and no corner.",
        """
        x = input 1.0
        half = const 0.5
        root_half = const 0.7071067811865476
        scaled = mul x root_half
        e = erf scaled
        one = const 1.0
        twice_chance = add one e
        chance = mul half twice_chance
        y = mul x chance
        """,
        "y",
        (Run(published="y=0.8413447461"), Run({"x": -0.75}), Run({"x": 3.5})),
    ),
    Golden(
        "run/functions/black_scholes",
        "A call option as Black, Scholes and Merton priced it in 1973, with the exact integral of "
        "the bell curve: what the stock is worth, less what it is expected to cost.",
        """
        price = input 42.0
        strike = input 40.0
        rate = param 0.1
        volatility = param 0.2
        years = param 0.5
        half = const 0.5
        one = const 1.0
        root_half = const 0.7071067811865476
        moneyness = div price strike
        log_moneyness = log moneyness
        vv = mul volatility volatility
        half_vv = mul half vv
        drift = add rate half_vv
        drift_years = mul drift years
        root_years = sqrt years
        risk = mul volatility root_years
        top = add log_moneyness drift_years
        d1 = div top risk
        d2 = sub d1 risk
        s1 = mul root_half d1
        s2 = mul root_half d2
        e1 = erf s1
        e2 = erf s2
        twice1 = add one e1
        twice2 = add one e2
        chance1 = mul half twice1
        chance2 = mul half twice2
        rate_years = mul rate years
        minus_rate_years = neg rate_years
        discount = exp minus_rate_years
        stock = mul price chance1
        cost = mul strike discount
        expected_cost = mul cost chance2
        call = sub stock expected_cost
        """,
        "stock expected_cost call",
        (  # the numbers are those of Hull, Options, Futures, and Other Derivatives, example 15.6
            Run(seed={"stock": 1.0}, published="call=4.76 d1=0.7693 d2=0.6278"),
            Run({"price": 36.0, "years": 2.0}, {"expected_cost": -1.0}),
        ),
    ),
    Golden(
        "run/functions/great_circle",
        "How far is it from Paris to New York over the globe, in kilometres, and in which "
        "direction does one start? Haversines give the distance, atan2 the bearing.",
        """
        lat1 = input 0.8527
        lon1 = input 0.0411
        lat2 = input 0.7102
        lon2 = input -1.2916
        half = const 0.5
        diameter = const 12742.0
        dlat = sub lat2 lat1
        dlon = sub lon2 lon1
        hlat = mul half dlat
        hlon = mul half dlon
        slat = sin hlat
        slon = sin hlon
        slat2 = mul slat slat
        slon2 = mul slon slon
        c1 = cos lat1
        c2 = cos lat2
        cc = mul c1 c2
        east = mul cc slon2
        haversine = add slat2 east
        chord = sqrt haversine
        angle = asin chord
        distance = mul diameter angle
        s1 = sin lat1
        s2 = sin lat2
        sdlon = sin dlon
        cdlon = cos dlon
        eastward = mul sdlon c2
        north1 = mul c1 s2
        back = mul s1 c2
        north2 = mul back cdlon
        northward = sub north1 north2
        bearing = atan2 eastward northward
        """,
        "distance bearing",
        (
            Run(seed={"distance": 1.0}),
            Run(seed={"bearing": 1.0}),
            Run({"lat2": -0.5911, "lon2": 2.6388}, {"distance": 1.0, "bearing": 2.0}),
        ),
    ),
    Golden(
        "run/functions/small_interest",
        "Interest that is credited every second: (1 + r/n)^n - 1. As expm1(n·log1p(r/n)) it keeps "
        "its digits, where 1 + r/n would lose half of them.",
        """
        rate = param 0.05
        times = const 31536000.0
        part = div rate times
        growth = log1p part
        log_growth = mul times growth
        interest = expm1 log_growth
        """,
        "interest",
        (Run(published="interest=0.0512710963"), Run({"rate": -0.02}), Run({"rate": 1e-9})),
    ),
    Golden(
        "run/functions/angle_between",
        "The angle between two vectors, by the cosine, and the same by the sine and cosine "
        "together: atan2 needs no division by the lengths.",
        """
        ax = param 3.0
        ay = param 1.0
        bx = param 1.0
        by = param 2.0
        axbx = mul ax bx
        ayby = mul ay by
        dot = add axbx ayby
        axby = mul ax by
        aybx = mul ay bx
        cross = sub axby aybx
        axax = mul ax ax
        ayay = mul ay ay
        bxbx = mul bx bx
        byby = mul by by
        aa = add axax ayay
        bb = add bxbx byby
        aabb = mul aa bb
        lengths = sqrt aabb
        cosine = div dot lengths
        by_cosine = acos cosine
        by_both = atan2 cross dot
        """,
        "by_cosine by_both",
        (
            Run(seed={"by_cosine": 1.0}, published="by_cosine=0.785398163397"),
            Run(seed={"by_both": 1.0}, published="by_both=0.785398163397"),
            Run({"bx": -2.0}, {"by_cosine": 1.0, "by_both": -1.0}),
        ),
    ),
    Golden(
        "run/functions/if_else",
        "A choice without a branch: up is used where x is above 0, down elsewhere. The gradient "
        "goes the way that the value came.",
        """
        x = input 1.5
        up_slope = param 2.0
        down_slope = param 0.25
        one = const 1.0
        is_up = gate x one
        is_down = sub one is_up
        up = mul x up_slope
        down = mul x down_slope
        kept_up = gate is_up up
        kept_down = gate is_down down
        y = add kept_up kept_down
        """,
        "y",
        (
            Run(published="y=3.0 x'=2.0"),
            Run({"x": -1.5}, published="y=-0.375 x'=0.25"),
            Run({"x": 0.0}),
        ),
    ),
)
