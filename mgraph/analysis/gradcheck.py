"""Check gradients: compare each leaf's adjoint with the derivative measured by differences."""

from __future__ import annotations

from enum import StrEnum
from math import fsum, inf, isfinite, nan
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.analysis.detailed_run import op_at, partials_of
from mgraph.graph.run import DEFAULT
from mgraph.ops import no_kink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mgraph.analysis.detailed_run import DetailedRun


class CheckVerdict(StrEnum):
    """The result of checking one leaf."""

    OK = "ok"
    WRONG = "wrong"
    KINK = "kink"
    """The derivatives to the left and to the right differ."""
    EDGE = "edge"
    """There is no derivative on both sides, as at the edge of a domain."""
    UNSURE = "unsure"
    """Rounding, overflow, or a kink nearby, hides the derivative."""
    NO_PATH = "no path"
    """No seeded output depends on the leaf."""


TOLERANCE: Final = 1e-6
"""The largest relative difference from the measured derivative, besides the error of measuring."""

EVALUATIONS: Final = 80
"""About how many passes over a graph it takes to measure one derivative."""

_EPS: Final = 2.0**-52
_TINY: Final = 5e-324  # the rounding error of the smallest numbers
_SHRINK: Final = 0.3  # ratio of a step to the one before; no fraction that a period may hit
_STEPS: Final = 16
_NEAR: Final = 4  # the step whose noise is used for all steps
_LARGEST: Final = 0.1  # the largest step, relative to the scale
_FINER: Final = 1e-8  # ratio of a scale to the one before, where nothing could be measured
_SCALES: Final = 4
_LOST: Final = 1e-300  # derivatives below this are lost among the smallest doubles
_VANISHED: Final = 1e-150  # a gradient below this is 0 where a square in a divisor overflows
_FINEST: Final = 1e-290  # the finest scale whose steps are not below the smallest double
_SAFETY: Final = 4.0  # factor on the expected error
_ROUGH: Final = 1e-2  # a relative expected error that is too large for a verdict
_LARGE: Final = 0.1  # the part of all change that may be noise
_FINE: Final = 1e-9  # an expected error that needs no finer steps
_LITTLE: Final = 0.01  # a smaller leaf may be used together with numbers around 1
_SMALL: Final = 1e-6  # an expected error that is small enough for any derivative


class Measured(NamedTuple):
    """A derivative measured by differences.

    Attributes:
        derivative: The derivative; NaN if none could be measured.
        error: How far off it may be, due to rounding and to the length of the step.
        step: The smallest difference from the leaf's primal that it was measured with.
    """

    derivative: float
    error: float
    step: float


NOTHING: Final = Measured(nan, inf, nan)


class Check(NamedTuple):
    """The result of checking one leaf.

    Attributes:
        leaf: The leaf.
        analytic: Its adjoint, from the backward pass; None if there is no path.
        measured: The derivative from central differences.
        verdict: Whether both agree.
        stored: The gradient in the file's run; None if there is none.
        stored_is_wrong: Whether the stored gradient is what is wrong.
        bend: The op whose kink or pole is at, or near, its arguments; None if there is none.
        distance: How far the arguments of `bend` are from there.
        sides: The derivatives to the left and to the right, where they may differ.
    """

    leaf: int
    analytic: float | None
    measured: Measured
    verdict: CheckVerdict
    stored: float | None = None
    stored_is_wrong: bool = False
    bend: int | None = None
    distance: float = inf
    sides: tuple[Measured, Measured] | None = None


class Quotient(NamedTuple):
    """The difference quotient (f(a + h) - f(a))/h.

    Attributes:
        h: The step.
        slope: The quotient.
        error: How far it is from the gradient.
    """

    h: float
    slope: float
    error: float


class LeafFunction:
    """The seeded outputs as a function of one leaf. Only nodes that depend on it are computed.

    Attributes:
        start: The leaf's primal.
        cone: The ops between the leaf and the seeded outputs, ascending.
        bends: The ops of the cone that have kinks or poles.
    """

    def __init__(self, ran: DetailedRun, leaf: int) -> None:
        """Find the nodes that depend on a leaf."""
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
        self._bends = [(i, *_bend(ran, i)) for i in self.cone if _has_bend(ran, i)]
        self.bends = [i for i, _, _ in self._bends]

    def at(self, x: float) -> float:
        """Return the value of the function at `x`: the sum of the outputs times their seeds."""
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
        """Estimate by how much rounding changes the function near `x`: half an ulp at each op."""
        self.at(x)
        primals, adjoints = self._primals, dict.fromkeys((self.leaf, *self.cone), 0.0)
        adjoints |= self.seeds
        noise = 0.0
        for node in reversed(self.cone):
            adjoint = adjoints[node]
            term = abs(adjoint) * max(_EPS * abs(primals[node]), _TINY)
            noise += term if isfinite(term) else 0.0
            partials = partials_of(self.ran.graph, node, primals)
            for arg, partial in zip(self.ran.graph.arguments(node), partials, strict=True):
                if arg in adjoints:
                    adjoints[arg] += adjoint * partial
        return noise

    def distances(self) -> list[float]:
        """Return how far the bends are from their kinks, at the point of the last call of `at`."""
        primals = self._primals
        return [distance(*[primals[arg] for arg in args]) for _, distance, args in self._bends]


def _rule(ran: DetailedRun, node: int) -> tuple[Callable[..., float], bool, Sequence[int]]:
    op = op_at(ran.graph, node)
    if op is None:
        raise ValueError(node)  # a cone has no leaves
    return op.step, op.fold, ran.graph.arguments(node)


def _has_bend(ran: DetailedRun, node: int) -> bool:
    op = op_at(ran.graph, node)
    return op is not None and op.kink_distance is not no_kink


def _bend(ran: DetailedRun, node: int) -> tuple[Callable[..., float], Sequence[int]]:
    op = op_at(ran.graph, node)
    return (op.kink_distance if op is not None else no_kink), ran.graph.arguments(node)


class _Sample(NamedTuple):
    """The values of the function on both sides of a point, at one distance.

    Attributes:
        h: The distance.
        left: The value at `start - h`.
        right: The value at `start + h`.
        width: The distance of the two points, as doubles.
        crossed: A bend whose kink lies between them; None if there is none.
    """

    h: float
    left: float
    right: float
    width: float
    crossed: int | None

    @property
    def quotient(self) -> float:
        """The central difference; NaN if there is a kink in between."""
        return nan if self.crossed is not None else (self.right - self.left) / self.width


def check(
    ran: DetailedRun, leaf: int, stored: float | None = None, tolerance: float = TOLERANCE
) -> Check:
    """Compare the adjoint of a leaf with the derivative measured by differences.

    Args:
        ran: The run.
        leaf: An input or a param.
        stored: Its gradient in a file; None if there is none.
        tolerance: The largest relative difference, besides the expected error of measuring.
    """
    if not ran.has_adjoint(leaf):
        is_wrong = stored is not None and stored != 0.0
        measured = Measured(0.0, 0.0, nan)
        verdict = CheckVerdict.WRONG if is_wrong else CheckVerdict.NO_PATH
        return Check(leaf, None, measured, verdict, stored, is_wrong)
    result = _check_adjoint(ran, leaf, tolerance)
    if stored is None:
        return result
    is_right = (
        _agree(stored, result.measured, tolerance)
        if result.verdict in (CheckVerdict.OK, CheckVerdict.WRONG)
        else DEFAULT.allows(stored, ran.adjoints[leaf])
    )
    if is_right:
        return result._replace(stored=stored)
    return result._replace(verdict=CheckVerdict.WRONG, stored=stored, stored_is_wrong=True)


def _check_adjoint(ran: DetailedRun, leaf: int, tolerance: float) -> Check:
    line, analytic = LeafFunction(ran, leaf), ran.adjoints[leaf]
    middle = line.at(line.start)
    near = line.distances()
    if not (isfinite(line.start) and isfinite(middle)):
        return Check(leaf, analytic, NOTHING, CheckVerdict.EDGE, bend=_lowest(line, near))
    samples, measured = _measured(line, near)
    crossed = [sample.crossed for sample in samples if sample.crossed is not None]
    bend = crossed[-1] if crossed else None
    distance = inf if bend is None else near[line.bends.index(bend)]
    result = Check(leaf, analytic, measured, CheckVerdict.OK, bend=bend, distance=distance)
    if not isfinite(measured.derivative) or not isfinite(analytic):
        sides = _side(line, middle, -1.0), _side(line, middle, 1.0)
        verdict = CheckVerdict.EDGE
        if isfinite(analytic) and bend is not None:
            verdict = CheckVerdict.KINK if distance == 0.0 else CheckVerdict.UNSURE
        elif isfinite(analytic) and samples and isfinite(samples[-1].left + samples[-1].right):
            verdict = CheckVerdict.UNSURE
        return result._replace(verdict=verdict, sides=sides)
    result = result._replace(bend=None, distance=inf)
    if not _agree(analytic, measured, tolerance):
        samples, measured = _measured(line, near, thorough=True)
        result = result._replace(measured=measured)
    if not isfinite(measured.derivative):
        return result._replace(verdict=CheckVerdict.UNSURE)
    if not _agree(analytic, measured, tolerance):
        is_hidden = (analytic == 0.0 and abs(measured.derivative) < _VANISHED) or _is_noise(
            samples, middle, line.noise_at(line.start)
        )
        return result._replace(verdict=CheckVerdict.UNSURE if is_hidden else CheckVerdict.WRONG)
    size = max(abs(analytic), abs(measured.derivative))
    is_rough = measured.error > _SMALL and measured.error > _ROUGH * size
    return result._replace(verdict=CheckVerdict.UNSURE) if is_rough else result


def _is_noise(samples: Sequence[_Sample], middle: float, noise: float) -> bool:
    """Whether the function is lost in rounding, as cos is at 1e300."""
    spans = [abs(sample.right - sample.left) for sample in samples]
    widest = max((span for span in spans if isfinite(span)), default=0.0)
    return noise > max(_LARGE * widest, _ROUGH * abs(middle), _LOST)


def _lowest(line: LeafFunction, distances: Sequence[float]) -> int | None:
    """Return the first bend that is at its kink."""
    return next((i for i, x in zip(line.bends, distances, strict=True) if x == 0.0), None)


def _agree(gradient: float, measured: Measured, tolerance: float) -> bool:
    size = max(abs(gradient), abs(measured.derivative))
    allowed = tolerance * size + _SAFETY * measured.error
    return abs(gradient - measured.derivative) <= max(allowed, _LOST)


def _measured(
    line: LeafFunction, near: Sequence[float], *, thorough: bool = False
) -> tuple[list[_Sample], Measured]:
    """Measure the derivative with finer and finer steps until it is precise; all if `thorough`."""
    samples: list[_Sample] = []
    series, size = _Series(2), abs(line.start)
    for scale in _scales(size):
        here = [_sample(line, near, h) for h in _steps(scale) if line.start + h != line.start]
        samples += here
        series.add([(sample.h, sample.quotient) for sample in here], _noise(line, scale))
        best = series.best()
        is_fine = best.error <= max(_ROUGH * abs(best.derivative), _FINE)
        if scale <= size and is_fine and not thorough:
            break
    return samples, series.best()


def _noise(line: LeafFunction, scale: float) -> tuple[float, float]:
    """Estimate the rounding error at the point, and its growth per unit of distance.

    At the minimum of a square, the first is 0.
    """
    h = _LARGEST * scale * _SHRINK**_NEAR
    here = line.noise_at(line.start)
    return here, max(line.noise_at(line.start + h) - here, 0.0) / h


def _scales(size: float) -> Iterator[float]:
    """Yield lengths over which the function may be smooth, the largest first."""
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
        # The kink was crossed, or reached, on one side if on the other side the argument moved away
        # from the kink by at least its distance.
        if max(there) >= 2.0 * here and max(there) > 0.0 and isfinite(here):
            crossed = bend
            break
    return _Sample(h, before, after, right - left, crossed)


class _Series:
    """Difference quotients for smaller and smaller steps, extrapolated to step 0.

    Source:
        C. J. F. Ridders, Accurate computation of F'(x) and F'(x)F''(x), Advances in Engineering
        Software 4 (1982); here with all steps, so that finer ones can contradict a result.
    """

    def __init__(self, order: int) -> None:
        """Start with no quotients.

        Args:
            order: Order of a quotient's error: 2 for central differences, 1 for one-sided ones.
        """
        self.first, self.second = (_SHRINK ** (order * power) for power in (1, 2))
        self.raw: list[tuple[float, float, float]] = []  # h, quotient, its rounding error
        self.results: list[tuple[Measured, float]] = []  # each with its quotient

    def add(self, quotients: Sequence[tuple[float, float]], noise: tuple[float, float]) -> None:
        """Add pairs of h and quotient, h shrinking by `_SHRINK`; `noise` is from `_noise`."""
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
                self.results.append((Measured(twice, moved + rounding, h), quotient))

    def best(self) -> Measured:
        """Return the result with the least expected error that no finer step contradicts."""
        for result, quotient in sorted(self.results, key=lambda pair: pair[0].error):
            if self._is_confirmed(result, quotient):
                return result
        return NOTHING

    def _is_confirmed(self, result: Measured, quotient: float) -> bool:
        """Whether finer steps agree with a result.

        Large steps may agree on 0, because a bounded function looks flat from far away.
        """
        slope, error = result.derivative, result.error
        length = abs(quotient - slope)  # the error due to the length of the step
        return not any(
            abs(raw - slope) > _SAFETY * (error + rounding) + length * h / result.step
            for h, raw, rounding in self.raw
            if h < result.step
        )


def _side(line: LeafFunction, middle: float, sign: float) -> Measured:
    """Measure the derivative on one side."""
    series = _Series(1)
    for scale in _scales(abs(line.start)):
        points = [(h, line.start + sign * h) for h in _steps(scale)]
        quotients = [
            (h, (line.at(x) - middle) / (x - line.start)) for h, x in points if x != line.start
        ]
        series.add(quotients, _noise(line, scale))
    return series.best()


def limit(ran: DetailedRun, leaf: int) -> list[Quotient]:
    """Return (f(a + h) - f(a))/h for h = 1e-1, 1e-2 … 1e-15, as in a lecture.

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
    """Return at most `most` leaves, evenly spread."""
    if len(leaves) <= most:
        return leaves
    return [leaves[i * len(leaves) // most] for i in range(most)]
