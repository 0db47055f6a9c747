"""Searches for the fewest mistakes that together give an engine's gradients.

A hypothesis is proven only by numbers: an engine that is simulated with all mistakes found must
give every gradient of the cases that they explain, and leave the right cases right; and each of
the mistakes must be needed for some of the cases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.grade.hypotheses.orders import ANY_ORDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mgraph.grade.evidence import Sample, Simulator
    from mgraph.grade.hypotheses.hypothesis import Hypothesis
    from mgraph.grade.simulation import Rules

MANY: Final = 3
"""This many graphs are not a coincidence."""

_MUCH_THE_SAME: Final = frozenset({"overwritten", "repeated"})
"""Causes of which one is a part of the other: x + x shows both."""

_SUSPECT: Final = 4  # times as many failures must speak for a mistake of an op as against it
_SUSPECT_OF_ALL: Final = 8  # and for one of the pass as a whole
_FURTHER: Final = 2  # times as many must be explained as are left: by all, and by each further one
_TRIED: Final = 40  # a hypothesis that explains none of this many small failures is given up
_MOST: Final = 6  # mistakes in one engine
_WIDTH: Final = 3  # partial explanations that are pursued


class ProvenMistakes(NamedTuple):
    """Mistakes that together explain failures.

    Attributes:
        hypotheses: The mistakes, the most important first.
        explained: The failures that they explain.
        left: The failures that nothing explains.
    """

    hypotheses: tuple[Hypothesis, ...]
    explained: tuple[Sample, ...]
    left: tuple[Sample, ...]


class Model:
    """An engine with some mistakes."""

    def __init__(self, base: Rules, hypotheses: Sequence[Hypothesis] = ()) -> None:
        """Apply the mistakes to the rules that are known."""
        self.hypotheses = tuple(hypotheses)
        self.base = base
        rules = base
        for hypothesis in self.hypotheses:
            rules = hypothesis.change(rules)
        self.rules = rules
        self.own_seed = any(hypothesis.own_seed for hypothesis in self.hypotheses)
        self._fits: dict[Sample, bool | None] = {}

    def with_(self, hypothesis: Hypothesis) -> Model:
        """Return the engine with one more mistake."""
        return Model(self.base, (*self.hypotheses, hypothesis))

    def without(self, hypothesis: Hypothesis) -> Model:
        """Return the engine with one mistake less."""
        return Model(self.base, [each for each in self.hypotheses if each is not hypothesis])

    def fits(self, sample: Sample, simulator: Simulator) -> bool | None:
        """Whether the engine gives a sample's numbers; None if that isn't known."""
        if sample not in self._fits:
            self._fits[sample] = self._simulated(sample, simulator)
        return self._fits[sample]

    def _simulated(self, sample: Sample, simulator: Simulator) -> bool | None:
        rules = self.rules
        if self.own_seed:
            if sample.root is None:
                return None
            seed = sample.root[1]
            rules = rules._replace(seed=lambda _: seed)
        return simulator.fits(sample, rules)


class Search:
    """The failures to explain, and the right cases, which must stay right.

    Attributes:
        base: What is known about the engine.
        failed: The failures, the smallest first.
        fine: The right cases.
        untold: Ops of which cases were left out.
        simulator: Compares rules with cases; when its budget is spent, the search ends.
    """

    def __init__(
        self, base: Rules, failed: Iterable[Sample], fine: Iterable[Sample], simulator: Simulator
    ) -> None:
        """Keep the cases, without those that can't be simulated, or are too long for that."""
        self.base = base
        self.failed = [each for each in failed if not (each.is_long or each.is_opaque)]
        self.fine = [each for each in fine if not (each.is_long or each.is_opaque)]
        self.simulator = simulator
        self.untold: Sequence[str] = ()
        self._alone: dict[Hypothesis, Model] = {}

    def single(self, hypotheses: Iterable[Hypothesis]) -> ProvenMistakes | None:
        """Return the first mistake that alone explains all failures."""
        for hypothesis in hypotheses:
            if self.simulator.is_spent:
                return None
            if self.explains(hypothesis):
                return ProvenMistakes((hypothesis,), tuple(self.failed), ())
        return None

    def explains(self, hypothesis: Hypothesis) -> bool:
        """Whether a mistake alone explains all failures, and leaves the right cases right."""
        model = self._with(Model(self.base), hypothesis)
        return all(model.fits(sample, self.simulator) for sample in self.failed) and self.is_fine(
            model
        )

    def _with(self, model: Model, hypothesis: Hypothesis) -> Model:
        """Return an engine with one more mistake; if that is the first, what it fits is kept."""
        if model.hypotheses:
            return model.with_(hypothesis)
        return self._alone.setdefault(hypothesis, model.with_(hypothesis))

    def together(self, hypotheses: Sequence[Hypothesis]) -> ProvenMistakes | None:
        """Return an explanation of all failures by these mistakes, or None if they don't."""
        model = Model(self.base, hypotheses)
        if not all(model.fits(sample, self.simulator) for sample in self.failed):
            return None
        if not self.is_fine(model):
            return None
        return self.proven(model)

    def explaining_most(self, hypotheses: Sequence[Hypothesis]) -> list[Model]:
        """Return a few engines whose one mistake explains the most failures, and more than half."""
        grown = self._grown(Model(self.base), hypotheses)
        return [model for count, model in grown if 2 * count > len(self.failed)]

    def beside(
        self, known: Sequence[Hypothesis], hypotheses: Iterable[Hypothesis]
    ) -> ProvenMistakes | None:
        """Return the first mistake that explains all failures beside some that are known."""
        plain = Model(self.base, known)
        left = self.left_by(plain)
        for hypothesis in hypotheses:
            if self.simulator.is_spent:
                return None
            model = plain.with_(hypothesis)
            if not all(model.fits(sample, self.simulator) for sample in (*left, *self.failed)):
                continue
            if self.is_fine(model):
                proven = self.proven(model)
                if not proven.left:
                    return proven
        return None

    def possible(self, hypotheses: Sequence[Hypothesis]) -> ProvenMistakes | None:
        """Return an explanation of all failures by mistakes some of which are not known exactly.

        They were seen directly. All failures must have them, and each must be needed for some.
        """
        model = Model(self.base, hypotheses)
        if any(model.fits(sample, self.simulator) is False for sample in self.failed):
            return None
        smaller = [model.without(hypothesis) for hypothesis in hypotheses]
        is_each_needed = all(
            any(each.fits(sample, self.simulator) is False for sample in self.failed)
            for each in smaller
        )
        if not is_each_needed or not self.is_fine(model):
            return None
        return ProvenMistakes(model.hypotheses, tuple(self.failed), ())

    def without(self, forms: Sequence[tuple[str, str]]) -> Search:
        """Return the search in the cases that have none of some ops."""
        failed, fine = (
            [sample for sample in samples if sample.forms.isdisjoint(forms)]
            for samples in (self.failed, self.fine)
        )
        smaller = Search(self.base, failed, fine, self.simulator)
        smaller.untold = [*dict.fromkeys(op for op, _ in forms)]
        return smaller

    def with_unknown(
        self, proven: ProvenMistakes, unknown: Sequence[Hypothesis], rivals: Sequence[Hypothesis]
    ) -> ProvenMistakes | None:
        """Add mistakes that are not known exactly to those that explain all graphs without them.

        Each must be needed, and none of its rivals may explain what it is needed for. If the others
        explain many graphs with its op, it isn't the op that is wrong.
        """
        model = Model(self.base, proven.hypotheses)
        for each in unknown:
            of_op = [x for x in self.failed if not each.forms.isdisjoint(x.forms)]
            own = [x for x in of_op if model.fits(x, self.simulator) is False]
            if 3 * len(own) <= 2 * len(of_op):
                return None
            for rival in rivals:
                other = model.with_(rival)
                if all(other.fits(sample, self.simulator) for sample in own):
                    return None
        whole = Model(self.base, (*proven.hypotheses, *unknown))
        if self.simulator.is_spent or not self.is_fine(whole):
            return None
        return ProvenMistakes(whole.hypotheses, tuple(self.failed), ())

    def is_fine(self, model: Model) -> bool:
        """Whether the right cases stay right."""
        return all(model.fits(sample, self.simulator) is not False for sample in self.fine)

    def stepwise(
        self, hypotheses: Sequence[Hypothesis],
        more: Callable[[Model, Sequence[Sample]], Iterable[Hypothesis]],
    ) -> ProvenMistakes:  # fmt: skip
        """Add mistakes one by one, each time one that explains the most of what is left.

        Args:
            hypotheses: Those to choose from.
            more: Yields further ones, given an engine and the failures that are left.
        """
        models = [Model(self.base)]
        best = models[0]
        for _ in range(_MOST):
            grown: list[tuple[int, Model]] = []
            for model in models:
                grown += self._grown(model, [*hypotheses, *more(model, self.left_by(model))])
            if not grown:
                break
            grown.sort(key=lambda pair: -pair[0])
            models = [model for _, model in grown[:_WIDTH]]
            if grown[0][0] > len(self.failed) - len(self.left_by(best)):
                best = models[0]
            if not self.left_by(best):
                break
        proven = self.proven(best)
        return self._if_enough(proven)

    def _if_enough(self, proven: ProvenMistakes) -> ProvenMistakes:
        """Return an explanation of two failures in three; else what is left may be all there is."""
        if len(proven.explained) < _FURTHER * len(proven.left):
            return ProvenMistakes((), (), tuple(self.failed))
        return proven

    def left_by(self, model: Model) -> list[Sample]:
        """Return the failures that an engine doesn't explain."""
        return [sample for sample in self.failed if not model.fits(sample, self.simulator)]

    def _grown(self, model: Model, hypotheses: Sequence[Hypothesis]) -> list[tuple[int, Model]]:
        """Return the engine with each further mistake that explains more, and how much it does.

        Odd ones are not tried: they must explain everything.
        """
        left = self.left_by(model)
        done = [sample for sample in self.failed if not any(sample is other for other in left)]
        scores: list[tuple[int, Model]] = []
        for hypothesis in hypotheses:
            if self.simulator.is_spent:
                break
            if hypothesis.is_odd or self._hides(hypothesis, model):
                continue
            larger = self._with(model, hypothesis)
            count = self._count(larger, hypothesis, left)
            if count:
                scores.append((count, larger))
        scores.sort(key=lambda pair: -pair[0])
        grown: list[tuple[int, Model]] = []
        for count, larger in scores:
            if len(grown) == _WIDTH:
                break
            kept = [sample for sample in done if larger.fits(sample, self.simulator)]
            if len(kept) == len(done) and self.is_fine(larger):
                grown.append((len(done) + count, larger))
        return grown

    def _hides(self, hypothesis: Hypothesis, model: Model) -> bool:
        """Whether a further mistake replaces what another one does, so that they don't add up.

        A right order is no mistake: an engine with a wrong one doesn't have it.
        """
        alone = hypothesis.change(self.base)
        both = hypothesis.change(model.rules)
        for own, old, usual, new in zip(alone, model.rules, self.base, both, strict=True):
            if own != usual != old and own != old and new == own and old not in ANY_ORDER:
                return True
        return False

    def _count(self, model: Model, hypothesis: Hypothesis, left: Sequence[Sample]) -> int:
        """Return how many failures an engine explains; 0 if none of the first ones."""
        count = tried = 0
        for sample in left:
            if hypothesis.forms and not hypothesis.forms & sample.forms:
                continue
            tried += 1
            count += model.fits(sample, self.simulator) is True
            if tried > _TRIED and not count:
                return 0
        return count

    def proven(self, model: Model) -> ProvenMistakes:
        """Keep the mistakes without which some failures aren't explained, and few are contrary."""
        proven = self._needed(model)
        while contradicted := self._contradicted(proven):
            smaller = Model(self.base, proven.hypotheses).without(contradicted)
            proven = self._needed(smaller)
        return proven

    def _contradicted(self, proven: ProvenMistakes) -> Hypothesis | None:
        """Return a mistake that too many failures speak against, the last one first.

        A failure speaks against a mistake that would change its numbers, but doesn't explain them.
        A few of them are too many. Beside other mistakes, one that explains little more than is
        left may be a part of whatever explains that; and so may one of several that concern all
        ops, if anything is left.
        """
        model = Model(self.base, proven.hypotheses)
        for hypothesis in reversed(proven.hypotheses if proven.left else ()):
            smaller = model.without(hypothesis)
            against = [s for s in proven.left if self._changes(s, smaller, model)]
            weight = _SUSPECT if hypothesis.op else _SUSPECT_OF_ALL
            weight = 1 if hypothesis.is_seen else weight
            only = len(self.only(model, hypothesis, proven.explained))
            further = [each for each in proven.hypotheses if each is not hypothesis]
            is_further = bool(further) and not hypothesis.is_seen
            is_one_of_all = _is_of_all_ops(hypothesis) and any(map(_is_of_all_ops, further))
            is_little = is_further and _FURTHER * len(proven.left) >= only
            if weight * len(against) > only or is_little or is_one_of_all:
                return hypothesis
        return None

    def _changes(self, sample: Sample, smaller: Model, larger: Model) -> bool:
        """Whether another mistake changes the numbers of a failure."""
        return self.simulator.differ(sample, smaller.rules, larger.rules)

    def _needed(self, model: Model) -> ProvenMistakes:
        """Keep the mistakes without which some failures aren't explained."""
        explained = [sample for sample in self.failed if model.fits(sample, self.simulator)]
        is_whole = len(explained) == len(self.failed)
        for hypothesis in reversed(model.hypotheses):
            is_only = is_whole and len(model.hypotheses) == 1
            is_enough = is_only or hypothesis.is_plain
            least = 1 if is_enough else 2 if hypothesis.op and is_whole else MANY
            only = self.only(model, hypothesis, explained)
            is_sure = is_whole or hypothesis.is_seen or not hypothesis.op
            is_thin = not is_sure and len(shapes_of(only)) < MANY
            is_thin = is_thin or not self._is_seen_alone(model, hypothesis, only)
            if is_thin or len(only if hypothesis.op else files_of(only)) < least:
                model = model.without(hypothesis)
                explained = [s for s in explained if model.fits(s, self.simulator)]
        left = [sample for sample in self.failed if not any(sample is other for other in explained)]
        return ProvenMistakes(model.hypotheses, tuple(explained), tuple(left))

    def _is_seen_alone(self, model: Model, hypothesis: Hypothesis, only: Sequence[Sample]) -> bool:
        """Whether a mistake explains some failure without the others.

        If it doesn't, it may be what an inexact hypothesis about the others leaves over; unless
        those change all cases that have its op, or it is one of several mistakes that concern all
        ops.
        """
        others = [each for each in model.hypotheses if each is not hypothesis]
        is_one_of_all = not hypothesis.op and any(_is_of_all_ops(each) for each in others)
        if hypothesis.is_seen or not others or is_one_of_all:
            return True
        alone = Model(self.base, [hypothesis])
        if any(alone.fits(sample, self.simulator) for sample in only):
            return True
        plain, rest = Model(self.base), model.without(hypothesis)
        cases = [x for x in (*self.fine, *self.failed) if not hypothesis.op or x.has(hypothesis.op)]
        return all(self._changes(sample, plain, rest) for sample in cases)

    def unambiguous(
        self, proven: ProvenMistakes, hypotheses: Sequence[Hypothesis],
        of_ops: Sequence[Hypothesis] = (),
    ) -> ProvenMistakes:  # fmt: skip
        """Leave out mistakes instead of which another cause explains as much, beside the others.

        A single mistake is the simplest explanation; of several, each must be the only one. So must
        one that shows in a single graph, unless it was seen directly.

        Args:
            proven: An explanation.
            hypotheses: Those that concern all ops, which may explain the same, and what is no
                mistake, as another correct order.
            of_ops: Those that concern one op.
        """
        if len(proven.hypotheses) == 1:
            (single,) = proven.hypotheses
            is_rare = len(files_of(proven.explained)) == 1
            if single.is_seen or single.is_plain or not is_rare:
                return proven
            has_rival = any(
                self.explains(each)
                for each in (*hypotheses, *of_ops)
                if (each.cause, each.op) != (single.cause, single.op)
            )
            return ProvenMistakes((), (), tuple(self.failed)) if has_rival else proven
        model = Model(self.base, proven.hypotheses)
        others = [
            each for each in proven.hypotheses
            if each.op or not self._has_rival(model.without(each), each, proven, hypotheses)
        ]  # fmt: skip
        if len(others) == len(proven.hypotheses):
            return proven
        return self.enough(others)

    def enough(self, hypotheses: Sequence[Hypothesis]) -> ProvenMistakes:
        """Return what is proven of some mistakes, if they explain two failures in three."""
        return self._if_enough(self.proven(Model(self.base, hypotheses)))

    def has_rivals(self, proven: ProvenMistakes, hypotheses: Sequence[Hypothesis]) -> bool:
        """Whether another cause explains as much as one of the mistakes that concern all ops."""
        model = Model(self.base, proven.hypotheses)
        return any(
            self._has_rival(model.without(each), each, proven, hypotheses)
            for each in proven.hypotheses
            if not (each.op or each.is_seen)
        )

    def _has_rival(
        self, smaller: Model, hypothesis: Hypothesis, proven: ProvenMistakes,
        hypotheses: Sequence[Hypothesis],
    ) -> bool:  # fmt: skip
        """Whether a mistake of another cause explains as much in the place of one."""
        for rival in hypotheses:
            causes = {rival.cause, hypothesis.cause}
            if len(causes) > 1 and rival.op == hypothesis.op and not causes <= _MUCH_THE_SAME:
                other = smaller.with_(rival)
                if self._leaves_at_most(len(proven.left), other) and self.is_fine(other):
                    return True
        return False

    def _leaves_at_most(self, count: int, model: Model) -> bool:
        """Whether an engine explains all failures but some."""
        for sample in self.failed:
            count -= not model.fits(sample, self.simulator)
            if count < 0:
                return False
        return True

    def only(
        self, model: Model, hypothesis: Hypothesis, explained: Iterable[Sample]
    ) -> list[Sample]:
        """Return the failures that are not explained without one of the mistakes."""
        smaller = model.without(hypothesis)
        return [
            sample
            for sample in explained
            if smaller.fits(sample, self.simulator) is False
            or (model.fits(sample, self.simulator) and not smaller.fits(sample, self.simulator))
        ]


def _is_of_all_ops(hypothesis: Hypothesis) -> bool:
    return not (hypothesis.op or hypothesis.is_seen)


def shapes_of(samples: Iterable[Sample]) -> dict[tuple[tuple[str, tuple[int, ...]], ...], None]:
    """Return the programs of cases without their numbers: those of one shape count once."""
    return dict.fromkeys(
        tuple((step.op, step.args) for step in sample.program.steps) for sample in samples
    )


def files_of(samples: Iterable[Sample]) -> dict[str, None]:
    """Return the graphs of cases: several runs of one count once."""
    return dict.fromkeys(sample.outcome.case.file for sample in samples)
