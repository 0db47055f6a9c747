"""Gradcheck: the slope of an output by a leaf, measured, beside the one that the rules give."""

from __future__ import annotations

from math import fsum, inf, isfinite, nan
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.analysis.nodewise import row, slopes_of
from mgraph.graph.run import DEFAULT
from mgraph.ops import no_kink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mgraph.analysis.nodewise import Nodewise

OK: Final = "ok"
WRONG: Final = "wrong"
KINK: Final = "kink"
EDGE: Final = "edge"
UNSURE: Final = "unsure"
NO_PATH: Final = "no path"
VERDICTS: Final = (OK, WRONG, KINK, EDGE, UNSURE, NO_PATH)

TOLERANCE: Final = 1e-6
"""How far a slope may be from the measured one, as a part of it, beyond what measuring costs."""

EVALUATIONS: Final = 80
"""How many passes over a graph it takes, about, to measure one slope."""

_EPS: Final = 2.0**-52
_TINY: Final = 5e-324  # what rounding may do to the smallest numbers
_SHRINK: Final = 0.3  # of the step, from one to the next: no fraction that a period may hit
_STEPS: Final = 16
_NEAR: Final = 4  # the step whose noise stands for that of all
_LARGEST: Final = 0.1  # step, as a part of the scale
_FINER: Final = 1e-8  # scale, where nothing could be measured at the one before
_SCALES: Final = 4
_LOST: Final = 1e-300  # a slope that is lost among the smallest doubles
_FINEST: Final = 1e-290  # scale whose steps are not lost below the smallest double
_SAFETY: Final = 4.0  # on the expected error
_ROUGH: Final = 1e-2  # an expected error, as a part of the slope, that decides nothing
_LARGE: Final = 0.1  # a part of all change that may be noise, before nothing can be said
_FINE: Final = 1e-9  # an expected error that needs no other steps
_LITTLE: Final = 0.01  # a leaf that is smaller may stand beside numbers around 1
_SMALL: Final = 1e-6  # an expected error that is fine whatever the slope


class Measured(NamedTuple):
    """A slope from differences.

    Attributes:
        slope: The slope; NaN if none could be measured.
        error: How far off it may be, by rounding and by the length of the step.
        step: The smallest difference from the leaf's primal that it was measured with.
    """

    slope: float
    error: float
    step: float


NOTHING: Final = Measured(nan, inf, nan)


class Check(NamedTuple):
    """What was found out about the slope by one leaf.

    Attributes:
        leaf: The leaf.
        analytic: Its adjoint, by the rules; None if there is no path.
        measured: The slope from central differences.
        verdict: `OK`; `WRONG`; `KINK` or `EDGE`: there is no one slope here; `UNSURE`: rounding,
            or a kink near by, drowns it; `NO_PATH`.
        stored: The gradient that the file's run has; None if it says nothing.
        stored_is_wrong: Whether that is what is wrong.
        bend: The op at, or near, whose kink or pole the leaf is; None if there is none.
        distance: How far the arguments of `bend` are from there.
        sides: The slopes to the left and to the right, where they may differ.
    """

    leaf: int
    analytic: float | None
    measured: Measured
    verdict: str
    stored: float | None = None
    stored_is_wrong: bool = False
    bend: int | None = None
    distance: float = inf
    sides: tuple[Measured, Measured] | None = None


class Quotient(NamedTuple):
    """(f(a + h) - f(a))/h.

    Attributes:
        h: The step.
        slope: The quotient.
        error: How far it is from the analytic slope.
    """

    h: float
    slope: float
    error: float


class LeafFunction:
    """The seeded outputs as a function of one leaf: what depends on it, and no more.

    Attributes:
        start: The leaf's primal.
        cone: The ops between the leaf and the seeded outputs, ascending.
        bends: Those of them that have kinks or poles.
    """

    def __init__(self, ran: Nodewise, leaf: int) -> None:
        """Find what depends on a leaf."""
        graph = ran.graph
        self.ran, self.leaf, self.start = ran, leaf, ran.primals[leaf]
        depends = bytearray(len(graph))
        depends[leaf] = 1
        for node in range(leaf + 1, max(ran.seeds) + 1):
            if ran.marks[node] and any(map(depends.__getitem__, graph.arguments(node))):
                depends[node] = 1
        self.cone = [i for i in range(leaf + 1, len(graph)) if depends[i]]
        self.seeds = [(i, seed) for i, seed in ran.seeds.items() if depends[i]]
        self._primals = ran.primals[:]
        self._work = [(i, *_rule(ran, i)) for i in self.cone]
        self._bends = [(i, *_bend(ran, i)) for i in self.cone if _bends(ran, i)]
        self.bends = [i for i, _, _ in self._bends]

    def at(self, x: float) -> float:
        """Return the function where the leaf is `x`: the outputs times their seeds, added up."""
        primals = self._primals
        primals[self.leaf] = x
        for node, step, fold, args in self._work:
            if fold:
                total = primals[args[0]]
                for arg in args[1:]:
                    total = step(total, primals[arg])
                primals[node] = total
            elif len(args) == 1:
                primals[node] = step(primals[args[0]])
            else:
                primals[node] = step(primals[args[0]], primals[args[1]])
        values = [seed * primals[i] for i, seed in self.seeds]
        return fsum(values) if all(map(isfinite, values)) else nan

    def noise_at(self, x: float) -> float:
        """Return by how much rounding may change the function near `x`: half an ulp at each op."""
        self.at(x)
        primals, adjoints = self._primals, dict.fromkeys((self.leaf, *self.cone), 0.0)
        adjoints |= self.seeds
        noise = 0.0
        for node in reversed(self.cone):
            adjoint = adjoints[node]
            term = abs(adjoint) * max(_EPS * abs(primals[node]), _TINY)
            noise += term if isfinite(term) else 0.0
            slopes = slopes_of(self.ran.graph, node, primals)
            for arg, slope in zip(self.ran.graph.arguments(node), slopes, strict=True):
                if arg in adjoints:
                    adjoints[arg] += adjoint * slope
        return noise

    def distances(self) -> list[float]:
        """Return how far the bends are from their kinks, where `at` was called last."""
        primals = self._primals
        return [distance(*[primals[arg] for arg in args]) for _, distance, args in self._bends]


def _rule(ran: Nodewise, node: int) -> tuple[Callable[..., float], bool, Sequence[int]]:
    op = row(ran.graph, node)
    if op is None:
        raise ValueError(node)  # leaves are in no cone
    return op.step, op.fold, ran.graph.arguments(node)


def _bends(ran: Nodewise, node: int) -> bool:
    op = row(ran.graph, node)
    return op is not None and op.kink_distance is not no_kink


def _bend(ran: Nodewise, node: int) -> tuple[Callable[..., float], Sequence[int]]:
    op = row(ran.graph, node)
    return (op.kink_distance if op is not None else no_kink), ran.graph.arguments(node)


class _Sample(NamedTuple):
    """The function to both sides of a point, at one distance.

    Attributes:
        h: The distance.
        left: Its value there, at `start - h`; `right` likewise.
        width: How far apart the two points are, as doubles.
        crossed: The bend whose kink lies between them; None if none does.
    """

    h: float
    left: float
    right: float
    width: float
    crossed: int | None

    @property
    def quotient(self) -> float:
        """The central difference; NaN where it would say nothing."""
        return nan if self.crossed is not None else (self.right - self.left) / self.width


def check(
    ran: Nodewise, leaf: int, stored: float | None = None, tolerance: float = TOLERANCE
) -> Check:
    """Check the adjoint of a leaf against the slope that differences give.

    Args:
        ran: The run.
        leaf: An input or a param.
        stored: What a file says of it; None if nothing.
        tolerance: How far they may be apart, as a part of the slope, beyond the error that is
            expected of measuring.
    """
    if not ran.has_adjoint(leaf):
        is_wrong = stored is not None and stored != 0.0
        measured = Measured(0.0, 0.0, nan)
        return Check(leaf, None, measured, WRONG if is_wrong else NO_PATH, stored, is_wrong)
    found = _judged(ran, leaf, tolerance)
    if stored is None:
        return found
    is_right = (
        _agree(stored, found.measured, tolerance)
        if found.verdict in (OK, WRONG)
        else DEFAULT.allows(stored, ran.adjoints[leaf])
    )
    if is_right:
        return found._replace(stored=stored)
    return found._replace(verdict=WRONG, stored=stored, stored_is_wrong=True)


def _judged(ran: Nodewise, leaf: int, tolerance: float) -> Check:
    line, analytic = LeafFunction(ran, leaf), ran.adjoints[leaf]
    middle = line.at(line.start)
    near = line.distances()
    if not (isfinite(line.start) and isfinite(middle)):
        return Check(leaf, analytic, NOTHING, EDGE, bend=_lowest(line, near))
    samples, measured = _measured(line, near)
    crossed = [each.crossed for each in samples if each.crossed is not None]
    bend = crossed[-1] if crossed else None
    distance = inf if bend is None else near[line.bends.index(bend)]
    found = Check(leaf, analytic, measured, OK, bend=bend, distance=distance)
    if not isfinite(measured.slope) or not isfinite(analytic):
        sides = _side(line, middle, -1.0), _side(line, middle, 1.0)
        verdict = EDGE
        if isfinite(analytic) and bend is not None:
            verdict = KINK if distance == 0.0 else UNSURE
        elif isfinite(analytic) and samples and isfinite(samples[-1].left + samples[-1].right):
            verdict = UNSURE
        return found._replace(verdict=verdict, sides=sides)
    found = found._replace(bend=None, distance=inf)
    if not _agree(analytic, measured, tolerance):
        samples, measured = _measured(line, near, thorough=True)
        found = found._replace(measured=measured)
    if not isfinite(measured.slope):
        return found._replace(verdict=UNSURE)
    if not _agree(analytic, measured, tolerance):
        is_noise = _is_noise(samples, middle, line.noise_at(line.start))
        return found._replace(verdict=UNSURE if is_noise else WRONG)
    size = max(abs(analytic), abs(measured.slope))
    is_rough = measured.error > _SMALL and measured.error > _ROUGH * size
    return found._replace(verdict=UNSURE) if is_rough else found


def _is_noise(samples: Sequence[_Sample], middle: float, noise: float) -> bool:
    """Whether no digit of the function is worth anything, as of cos 1e300."""
    spans = [abs(each.right - each.left) for each in samples]
    widest = max((span for span in spans if isfinite(span)), default=0.0)
    return noise > max(_LARGE * widest, _ROUGH * abs(middle), _LOST)


def _lowest(line: LeafFunction, distances: Sequence[float]) -> int | None:
    """Return the first bend that is at its kink."""
    return next((i for i, x in zip(line.bends, distances, strict=True) if x == 0.0), None)


def _agree(slope: float, measured: Measured, tolerance: float) -> bool:
    size = max(abs(slope), abs(measured.slope))
    allowed = tolerance * size + _SAFETY * measured.error
    return abs(slope - measured.slope) <= max(allowed, _LOST)


def _measured(
    line: LeafFunction, near: Sequence[float], *, thorough: bool = False
) -> tuple[list[_Sample], Measured]:
    """Measure a slope, with finer steps as long as coarse ones give nothing, or as all agree."""
    samples: list[_Sample] = []
    series, size = _Series(2), abs(line.start)
    for scale in _scales(size):
        here = [_sample(line, near, h) for h in _steps(scale) if line.start + h != line.start]
        samples += here
        series.add([(each.h, each.quotient) for each in here], _noise(line, scale))
        best = series.best()
        is_fine = best.error <= max(_ROUGH * abs(best.slope), _FINE)
        if scale <= size and is_fine and not thorough:
            break
    return samples, series.best()


def _noise(line: LeafFunction, scale: float) -> tuple[float, float]:
    """Return what rounding may change at a point, and by how much more for each unit away.

    Where a square has its minimum, it is all in the second number.
    """
    h = _LARGEST * scale * _SHRINK**_NEAR
    here = line.noise_at(line.start)
    return here, max(line.noise_at(line.start + h) - here, 0.0) / h


def _scales(size: float) -> Iterator[float]:
    """Yield lengths over which a function may be smooth."""
    if size < _LITTLE:
        yield 1.0
    scale = size or _FINER
    for _ in range(_SCALES):
        if scale >= _FINEST:
            yield scale
        scale *= _FINER


def _steps(scale: float) -> Iterator[float]:
    for i in range(_STEPS):
        yield _LARGEST * scale * _SHRINK**i


def _sample(line: LeafFunction, near: Sequence[float], h: float) -> _Sample:
    left, right = line.start - h, line.start + h
    before, left_distances = line.at(left), line.distances()
    after, right_distances = line.at(right), line.distances()
    crossed = None
    for bend, here, *there in zip(line.bends, near, left_distances, right_distances, strict=True):
        # Moving by its distance may bring an argument to the kink; so it has moved if it went
        # as far to the other side, away from it.
        if max(there) >= 2.0 * here and max(there) > 0.0 and isfinite(here):
            crossed = bend
            break
    return _Sample(h, before, after, right - left, crossed)


class _Series:
    """Quotients for smaller and smaller steps, extrapolated to none.

    Source:
        C. J. F. Ridders, Accurate computation of F'(x) and F'(x)F''(x), Advances in Engineering
        Software 4 (1982); here with all steps, so that each result is held against finer ones.
    """

    def __init__(self, order: int) -> None:
        """Take the order of a quotient's error: 2 for central differences, 1 for one-sided ones."""
        self.first, self.second = (_SHRINK ** (order * power) for power in (1, 2))
        self.raw: list[tuple[float, float, float]] = []  # h, quotient, what rounding may do to it
        self.found: list[tuple[Measured, float]] = []  # with the quotient

    def add(self, quotients: Sequence[tuple[float, float]], noise: tuple[float, float]) -> None:
        """Add quotients, each for an h `_SHRINK` times the one before; `noise` from `_noise`."""
        once = twice = before = nan
        for h, quotient in quotients:
            rounding = 2.0 * (noise[0] / h + noise[1])
            self.raw.append((h, quotient, rounding))
            last_once, last_twice = once, twice
            once = quotient + (quotient - before) * self.first / (1.0 - self.first)
            twice = once + (once - last_once) * self.second / (1.0 - self.second)
            before = quotient
            moved = abs(twice - once) + abs(twice - last_twice)
            if moved <= max(_ROUGH * abs(twice), _SAFETY * rounding) and isfinite(rounding):
                self.found.append((Measured(twice, moved + rounding, h), quotient))

    def best(self) -> Measured:
        """Return the result with the least expected error that no finer step contradicts."""
        ordered = sorted(self.found, key=lambda each: each[0].error)
        return next((each for each, quotient in ordered if self._holds(each, quotient)), NOTHING)

    def _holds(self, result: Measured, quotient: float) -> bool:
        """Whether finer steps agree with a result.

        From afar, what is bounded looks flat: the differences of large steps agree on 0.
        """
        length = abs(quotient - result.slope)  # what the length of its step did
        return not any(
            abs(raw - result.slope) > _SAFETY * (result.error + rounding) + length * h / result.step
            for h, raw, rounding in self.raw
            if h < result.step
        )


def _side(line: LeafFunction, middle: float, sign: float) -> Measured:
    """Measure the slope to one side."""
    series = _Series(1)
    for scale in _scales(abs(line.start)):
        points = [(h, line.start + sign * h) for h in _steps(scale)]
        quotients = [
            (h, (line.at(x) - middle) / (x - line.start)) for h, x in points if x != line.start
        ]
        series.add(quotients, _noise(line, scale))
    return series.best()


def limit(ran: Nodewise, leaf: int) -> list[Quotient]:
    """Return (f(a + h) - f(a))/h for h = 1e-1, 1e-2 … 1e-15, as a lecture would work it out.

    Args:
        ran: The run.
        leaf: An input or a param that has an adjoint.
    """
    line, analytic = LeafFunction(ran, leaf), ran.adjoints[leaf]
    middle = line.at(line.start)
    quotients = []
    for digits in range(1, 16):
        h = float(f"1e-{digits}")
        slope = (line.at(line.start + h) - middle) / h
        quotients.append(Quotient(h, slope, abs(slope - analytic)))
    return quotients


def sample(leaves: Sequence[int], most: int) -> Sequence[int]:
    """Return at most so many leaves, evenly spread."""
    if len(leaves) <= most:
        return leaves
    return [leaves[i * len(leaves) // most] for i in range(most)]
