"""Which mistakes are named together, and which are not, in view of the failures that are left."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from mgraph.grade.hypotheses.hypothesis import Hypothesis
from mgraph.grade.hypotheses.passes import passes_of_op, whole_passes
from mgraph.grade.search import Model, ProvenMistakes, Search

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(eq=False)
class Failure:
    """Stands in for a sample.

    Attributes:
        name: The name of its graph, and of the only op in it.
        why: The mistakes behind it.
        touched: A mistake that would change its numbers.
    """

    name: str
    why: frozenset[str]
    touched: str
    is_long = is_opaque = False

    @property
    def program(self) -> SimpleNamespace:
        """The graph."""
        return SimpleNamespace(steps=[SimpleNamespace(op=self.name, args=())])

    @property
    def outcome(self) -> SimpleNamespace:
        """The case."""
        return SimpleNamespace(case=SimpleNamespace(file=self.name))


class Table:
    """Stands in for the simulator: a failure is explained if the mistakes are those behind it."""

    is_spent = False

    def fits(self, sample: Failure, names: frozenset[str]) -> bool:
        """Whether mistakes explain a failure."""
        return sample.why <= names

    def differ(self, sample: Failure, some: frozenset[str], others: frozenset[str]) -> bool:
        """Whether a further mistake changes the numbers of a failure."""
        return sample.touched in others - some


def failures(count: int, why: str, touched: str = "") -> list[Failure]:
    """Return failures that a mistake explains, in as many graphs of as many shapes."""
    return [Failure(f"{why}{i}", frozenset({why}), touched) for i in range(count)]


def named(failed: Sequence[Failure], *hypotheses: Hypothesis) -> list[str]:
    """Return the mistakes that are proven."""
    search = Search(frozenset(), failed, (), Table())  # type: ignore[arg-type]
    model = Model(frozenset(), hypotheses)  # type: ignore[arg-type]
    return [each.says for each in search.proven(model).hypotheses]


def mistake(name: str, cause: str = "no-gradient", op: str = "") -> Hypothesis:
    """Return a mistake with a name."""
    change: Any = lambda names: names | {name}  # noqa: E731
    return Hypothesis(cause, op, name, change)


def test_few_failures_may_speak_against_a_mistake() -> None:
    """In many graphs, other mistakes give the same numbers, as 0 where nothing is passed on."""
    failed = [*failures(24, "lost"), *failures(4, "unknown", touched="lost")]
    assert named(failed, mistake("lost")) == named(failed, mistake("lost", "order")) == []
    assert named(failed[:-1], mistake("lost", "order")) == ["lost"]


def test_a_further_mistake_explains_much_more_than_is_left() -> None:
    """Otherwise it may be a part of what isn't known."""
    failed = [*failures(40, "lost"), *failures(10, "replaced"), *failures(5, "unknown")]
    lost, replaced = mistake("lost"), mistake("replaced", op="mul")
    assert named(failed, lost, replaced) == ["lost"]
    assert named(failed[:-1], lost, replaced) == ["lost", "replaced"]


def test_several_mistakes_of_all_ops_explain_everything() -> None:
    """Otherwise the second may be what the first one leaves of something that isn't known."""
    failed = [*failures(40, "dropped"), *failures(20, "kept"), *failures(1, "unknown")]
    dropped, kept = mistake("dropped"), mistake("kept", "overwritten")
    assert named(failed, dropped, kept) == ["dropped"]
    assert named(failed[:-1], dropped, kept) == ["dropped", "kept"]
    assert named(failed, dropped, mistake("kept", op="mul")) == ["dropped", "kept"]


class Rules(NamedTuple):
    """Stands in for the rules of an engine."""

    order: str = "right"
    visits: str = "usual"
    slopes: str = "right"


class TableOfRules(Table):
    """Stands in for the simulator: a failure is explained by some of the rules."""

    left = 1

    def fits(self, sample: Failure, rules: Iterable[str]) -> bool:
        """Whether rules explain a failure."""
        return super().fits(sample, frozenset(rules))

    def differ(self, *_: object) -> bool:
        """Whether a further mistake changes numbers: none of those that it doesn't explain."""
        return False


def searched(
    failed: Sequence[Failure], *changes: dict[str, str], are_odd: bool = False
) -> list[str]:
    """Return the mistakes that are found one by one, as changes of rules."""
    hypotheses = [
        Hypothesis("order", "", str(change), partial(_changed, change), is_odd=are_odd)
        for change in changes
    ]
    search = Search(Rules(), failed, (), TableOfRules())  # type: ignore[arg-type]
    return [each.says for each in search.stepwise(hypotheses, lambda *_: ()).hypotheses]


def _changed(change: dict[str, str], rules: Any) -> Any:  # noqa: ANN401 - stands in for rules
    return rules._replace(**change)


def because(count: int, *rules: str) -> list[Failure]:
    """Return failures of an engine with some rules."""
    return [Failure(f"{rules}{i}", frozenset(rules), "") for i in range(count)]


def test_mistakes_that_replace_each_other_are_not_named_together() -> None:
    """There is only one order: what is left of the first mistake may fit in another way."""
    first, second, slopes = (
        {"order": "preorder", "visits": "kept"},
        {"order": "none"},
        {"slopes": "wrong"},
    )
    beside = [*because(30, "kept"), *because(40, "kept", "wrong")]
    assert searched(beside, first, slopes) == [str(first), str(slopes)]
    instead = [*because(30, "kept"), *because(40, "kept", "none")]
    assert searched(instead, first, second) == []


def test_a_mistake_that_leaves_much_unexplained() -> None:
    """If it explains less than twice what is left, something like it may be the reason for all."""
    failed = [*because(10, "preorder"), *because(5, "unknown")]
    change = {"order": "preorder"}
    assert searched(failed, change) == [str(change)]
    assert searched(failed[1:], change) == []


def test_an_odd_mistake_must_explain_everything() -> None:
    """There are so many of them that one may fit most failures by chance."""
    failed = [*because(30, "kept"), *because(1, "unknown")]
    change = {"visits": "kept"}
    assert searched(failed, change) == [str(change)]
    assert searched(failed, change, are_odd=True) == []


def test_odd_mistakes_are_not_named_together() -> None:
    """What one of them leaves over may fit many others."""
    failed = [*because(30, "kept"), *because(40, "kept", "none")]
    changes = {"visits": "kept"}, {"order": "none"}
    assert searched(failed, *changes) == [*map(str, changes)]
    assert searched(failed, *changes, are_odd=True) == []


def test_which_mistakes_are_odd() -> None:
    """Learners forget `+=`, the order and the chain rule; hardly any keep the first gradient."""
    hypotheses = [*whole_passes([(2.0, 0.5)], [5.0], [2.0], varies=False)]
    hypotheses += passes_of_op("mul", varies=False)
    is_odd = {each.says: each.is_odd for each in hypotheses}
    for words, odd in (
        ("starts at 0.5", False), ("every gradient starts at 1", False),
        ("`=` instead of `+=` for", False),
        ("counted only once", False), ("level by level", False), ("once for each path", False),
        ("clipped at 5", False), ("2 times what it must", False), ("by out.grad", False),
        ("for the first operand of each op", False), ("mul sets the gradients", False),
        ("keeps only the first gradient", True), ("only the last of the gradients", True),
        ("after that with `-=`", True), ("0.001 are dropped", True),
        ("in the reverse order", True), ("lets nothing", True),
        ("is checked only when", True), ("before it is complete", True),
        ("ends at the first leaf", True), ("by their shortest path", True),
        ("written twice", True), ("adds the upstream", True), ("of the first leaf is set", True),
        ("mul passes nothing on to its first operand, which waits", True),
    ):  # fmt: skip
        own = {says: is_ for says, is_ in is_odd.items() if words in says}
        assert own, words
        assert {*own.values()} == {odd}, own


def test_what_one_graph_shows_must_be_unambiguous() -> None:
    """If another cause explains the only graph that fails, neither is named."""
    one, rival = mistake("lost", op="max"), mistake("lost", "order")
    for count, hypotheses, is_named in ((1, [rival], False), (2, [rival], True), (1, [one], True)):
        failed = failures(count, "lost")
        search = Search(frozenset(), failed, (), Table())  # type: ignore[arg-type]
        proven = ProvenMistakes((one,), tuple(failed), ())  # type: ignore[arg-type]
        found = search.unambiguous(proven, hypotheses)
        assert found.hypotheses == ((one,) if is_named else ())
        assert len(found.left) == (0 if is_named else count)
