"""Searches for the fewest mistakes that together give an engine's gradients.

A hypothesis is proven only by numbers: an engine that is simulated with all mistakes found must
give every gradient of the cases that they explain, and leave the right cases right; and each of
the mistakes must be needed for some of the cases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mgraph.grade.evidence import Sample, Simulator
    from mgraph.grade.hypotheses import Hypothesis
    from mgraph.grade.simulation import Rules

MANY: Final = 3
"""This many graphs are not a coincidence."""

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

    def with_(self, hypothesis: Hypothesis) -> Model:
        """Return the engine with one more mistake."""
        return Model(self.base, (*self.hypotheses, hypothesis))

    def without(self, hypothesis: Hypothesis) -> Model:
        """Return the engine with one mistake less."""
        return Model(self.base, [each for each in self.hypotheses if each is not hypothesis])

    def fits(self, sample: Sample, simulator: Simulator) -> bool | None:
        """Whether the engine gives a sample's numbers; None if that isn't known."""
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

    def single(self, hypotheses: Iterable[Hypothesis]) -> ProvenMistakes | None:
        """Return the first mistake that alone explains all failures."""
        for hypothesis in hypotheses:
            if self.simulator.is_spent:
                return None
            model = Model(self.base, [hypothesis])
            if all(model.fits(sample, self.simulator) for sample in self.failed) and self.is_fine(
                model
            ):
                return ProvenMistakes((hypothesis,), tuple(self.failed), ())
        return None

    def together(self, hypotheses: Sequence[Hypothesis]) -> ProvenMistakes | None:
        """Return an explanation of all failures by these mistakes, or None if they don't."""
        model = Model(self.base, hypotheses)
        if not all(model.fits(sample, self.simulator) for sample in self.failed):
            return None
        if not self.is_fine(model):
            return None
        return self.proven(model)

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
                grown += self._grown(model, [*hypotheses, *more(model, self._left(model))])
            if not grown:
                break
            grown.sort(key=lambda pair: -pair[0])
            models = [model for _, model in grown[:_WIDTH]]
            if grown[0][0] > len(self.failed) - len(self._left(best)):
                best = models[0]
            if not self._left(best):
                break
        return self.proven(best)

    def _left(self, model: Model) -> list[Sample]:
        return [sample for sample in self.failed if not model.fits(sample, self.simulator)]

    def _grown(self, model: Model, hypotheses: Sequence[Hypothesis]) -> list[tuple[int, Model]]:
        """Return the engine with each further mistake that explains more, and how much it does."""
        left = self._left(model)
        done = [sample for sample in self.failed if not any(sample is other for other in left)]
        scores: list[tuple[int, Model]] = []
        for hypothesis in hypotheses:
            if self.simulator.is_spent:
                break
            larger = model.with_(hypothesis)
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
        """Keep the mistakes without which some failures aren't explained."""
        explained = [sample for sample in self.failed if model.fits(sample, self.simulator)]
        is_whole = len(explained) == len(self.failed)
        for hypothesis in reversed(model.hypotheses):
            is_only = is_whole and len(model.hypotheses) == 1
            least = 1 if is_only else 2 if hypothesis.op else MANY
            only = self.only(model, hypothesis, explained)
            if len(dict.fromkeys(sample.outcome.case.file for sample in only)) < least:
                model = model.without(hypothesis)
                explained = [s for s in explained if model.fits(s, self.simulator)]
        left = [sample for sample in self.failed if not any(sample is other for other in explained)]
        return ProvenMistakes(model.hypotheses, tuple(explained), tuple(left))

    def only(
        self, model: Model, hypothesis: Hypothesis, explained: Iterable[Sample]
    ) -> list[Sample]:
        """Return the failures that are not explained without one of the mistakes."""
        smaller = model.without(hypothesis)
        return [sample for sample in explained if not smaller.fits(sample, self.simulator)]
