"""Mistakes that strangers made in their engines, on the graphs that show them, and what is said."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mgraph.grade import runner
from mgraph.grade.processes import PythonEngine, ResourceLimits
from mgraph.grade.runner import make_report, run_python_engine
from tests.engines.__main__ import cases
from tests.engines.population import FOLDER, STRANGERS, people

if TYPE_CHECKING:
    from mgraph.grade.causes import Cause


def causes_of(name: str, titles: str, written: Path = STRANGERS) -> list[Cause]:
    """Return the causes that some graphs, or all, show of someone's engine with mistakes."""
    who, *names = name.split()
    person = next(person for person in people(written) if person.name == who)
    mistakes = [mistake for mistake in person.mistakes if mistake.name in names]
    assert len(mistakes) == len(names)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "engine.py")
        path.write_text(person.with_(mistakes), encoding="utf-8")
        engine = PythonEngine(f"{path}:{person.kind}", {}, "", ResourceLimits())
        chosen = [case for case in cases() if not titles or case.title in titles.split()]
        return [*make_report({}, list(run_python_engine(chosen, engine))).causes]


@pytest.mark.parametrize(
    ("name", "titles", "cause", "op", "words"),
    [
        (
            "promises keeps-by-calling-itself", "chain-500 chain-1000",  # no value was read
            "depth", "", "but not on one of 500",
        ),
        (
            "lecture_and_more relu-of-grad",
            "around-relu inside-relu op-relu only-through-relu",
            "slope", "relu", "if its operand's gradient is positive",
        ),
        pytest.param(
            "folds_over_immutables zero-or-one", "zero-beside-a-value",
            "conversion", "", "takes the plain number 0 for 1",
            marks=pytest.mark.thorough,
        ),
        (
            "grad_fn_chain all-need-grad", "2-plus-x 2-over-x x-squared x-times-2 op-mul",
            "no-gradient", "", "an op of a Value and a plain number",
        ),
        (
            "folds_over_immutables pure-so-memoised", "same-term-twice",
            "aliased", "", "a term that is written twice",
        ),
        (
            "event_listeners emit-the-last-message",
            "inside-cos inside-exp inner-node-minus-itself diamond short-way-first short-way-last",
            "upstream", "", "only the last of the gradients",
        ),
        (
            "pulled_lazily returns-in-loop",
            "short-way-first short-way-last diamond ladder x-plus-x x-minus-x",
            "overwritten", "", "only one of the gradients",
        ),
        (
            "pulled_lazily pushed-in-order-of-walk",
            "short-way-first short-way-last diamond diamond-turned ladder",
            "order", "", "after it was visited is lost",
        ),
        (
            "event_listeners two-of-one-told-once",
            "x-plus-x x-times-x inner-node-plus-itself inner-node-minus-itself",
            "repeated", "", "gets something only once, and passes nothing on",
        ),
        (
            "levels seen-by-value", "inside-relu inside-abs zero-as-a-number diamond equal-values",
            "no-gradient", "", "only one of several nodes with equal numbers",
        ),
        (
            "levels rounded-column", "op-exp op-tanh op-sqrt inside-exp op-mul",
            "precision", "", "local derivatives are rounded to 4 decimals",
        ),
        (
            "levels duplicates-dropped",
            "x-plus-x x-times-x inputs-of-zero x-minus-x x-over-x x-to-the-x",
            "repeated", "", "as in x + x or x * x, is counted only once, except by sub, div, pow",
        ),
        (
            "arena grad-starts-at-one", "op-sub op-mul op-exp inside-exp diamond", "seed", "",
            "every leaf's gradient starts at 1",
        ),
        (
            "if_elif tanh-without-brackets", "op-tanh",
            "slope", "tanh", "as if brackets were missing",
        ),
        (
            "records_and_reduce both-are-the-largest", "convention-max-of-equals op-max",
            "slope", "max", "to each of two operands that are equal",
        ),
        (
            "records_and_reduce unique-numbers", "inside-relu inside-abs zero-as-a-number diamond",
            "no-gradient", "", "nodes with equal numbers",
        ),
        (
            "opcode_enum no-plus",
            "op-sub op-neg op-cos inside-neg inside-cos diamond x-plus-x x-minus-x x-times-x",
            "overwritten", "", "what is subtracted from it after that with `-=`",
        ),
        (
            "opcode_enum marked-late",
            "doubled-and-used-again around-relu diamond x-plus-x op-mul ladder",
            "twice", "", "checked only when it is put on the stack",
        ),
        (
            "homework_skeleton break-at-leaf",
            "tenths numbers-that-are-not-whole tanh-by-exp op-add op-mul diamond inside-tanh",
            "no-gradient", "", "backward ends at the first leaf",
        ),
        (
            "if_elif stops-early", "op-tanh op-mul x-squared diamond exp-of-50 inside-exp",
            "no-gradient", "", "stops too early",
        ),
        (
            "lecture_and_more stops-at-zero", "op-relu inputs-of-zero around-relu net-relu-hinge",
            "no-gradient", "", "ends at the first node whose gradient is 0",
        ),
        (
            "stamped one-scratch-constant", "constants tenths x-plus-2 x-times-2 x-squared",
            "conversion", "", "as if one Value held all of them",
        ),
        pytest.param(
            "if_elif b-from-the-left", "",
            "slope", "", "as if the second operand were the same as the first",
            marks=[pytest.mark.thorough, pytest.mark.soak],
        ),
        (
            "grad_fn_chain tanh-result-on-the-class", "op-tanh net-tanh-squared-error recurrent",
            "slope", "tanh", "another tanh, made later",
        ),
        (
            "grad_fn_chain dependencies-once", "diamond added-up directly-and-through x-cubed",
            "order", "", "after it was visited is lost",
        ),
        (
            "grad_fn_chain stack-without-dependencies", "diamond ladder x-plus-x op-mul x-times-x",
            "twice", "", "all that it has got",
        ),
        (
            "grad_fn_chain zero-is-no-gradient",
            "inner-node-minus-itself around-relu net-relu-hinge overflow-tanh",
            "no-gradient", "", "passes 0 on to it",
        ),
        (
            "grad_fn_chain add-returns-one", "op-add x-plus-x diamond added-up one-neuron",
            "no-gradient", "add", "waits for it forever",
        ),
        (
            "statistics_teacher derivative-by-index",
            "x-minus-x x-over-x x-to-the-x x-plus-x x-times-x inner-node-minus-itself op-sub",
            "slope", "", "gets the first local derivative twice",
        ),
        (
            "requires_grad gradients-by-input",
            "x-plus-x x-times-x x-to-the-x inner-node-plus-itself inner-node-minus-itself diamond",
            "repeated", "", "has no gradient in the end, as if it got something only once",
        ),
        (
            "few_words break-when-seen",
            "used-early-and-late recurrent diamond ladder x-plus-x directly-and-through",
            "no-gradient", "", "as if `break` or `return` were written",
        ),
        (
            "weekend returns-at-visited-parent",
            "used-early-and-late recurrent diamond ladder x-plus-x directly-and-through",
            "no-gradient", "", "as if `break` or `return` were written",
        ),
        (
            "value_and_pullback seen-asked-before-push",
            "inner-node-plus-itself around-relu short-way-first short-way-last diamond ladder",
            "twice", "", "is checked only when it is put on the stack",
        ),
        (
            "java_operations equals-and-hash-code",
            "only-through-relu op-mul around-relu inside-relu inside-max inner-node-minus-itself",
            "no-gradient", "", "only one of several nodes with equal numbers",
        ),
        (
            "pool_of_slots right-assigned",
            "diamond x-plus-x inside-exp overflow-tanh-single directly-and-through short-way-last",
            "overwritten", "", "for the second operand of each op",
        ),
        (
            "triangular adjoints-clipped", "op-mul op-exp inside-exp op-div x-cubed x-plus-x",
            "clipped", "", "clipped at 5",
        ),
        (
            "waits_for_consumers one-is-left",
            "diamond inside-exp inside-cos added-up-by-plus op-mul ladder x-plus-2",
            "order", "", "when one of its users hasn't yet, and never if there is only one",
        ),
        pytest.param(
            "waits_for_consumers counted-once-a-consumer", "",
            "order", "", "counted once, and counted down twice",
            marks=pytest.mark.thorough,
        ),
        (
            "from_javascript or-one",
            "inside-relu only-through-max inner-node-minus-itself diamond op-relu",
            "upstream", "", "whose gradient is 0 passes 1 on",
        ),
        (
            "from_javascript stop-at-first-leaf",
            "diamond ladder directly-and-through x-minus-x added-up-by-plus op-mul",
            "no-gradient", "", "ends at the first leaf",
        ),
        (
            "symbolic_derivatives as-found",
            "diamond ladder two-outputs output-inside one-node-through-several-ops short-way-last",
            "order", "", "in the order in which they are found",
        ),
        (
            "symbolic_derivatives found-by-number",
            "overflow-tanh-single inside-relu op-mul same-term-twice diamond equal-values",
            "no-gradient", "", "only one of several nodes with equal numbers",
        ),
        (
            "symbolic_derivatives pow-whole-exponents",
            "inside-sqrt op-sqrt x-to-the-half x-to-the-minus-three-halves x-squared x-cubed",
            "exponent", "pow", "turns b into a whole number in b - 1",
        ),
        (
            "symbolic_derivatives rational-numbers",
            "numbers-that-are-not-whole small-values tenths op-add op-neg op-mul",
            "conversion", "", "doesn't keep the number that it is given",
        ),
        (
            "symbolic_derivatives sorted-by-id",
            "diamond ladder recurrent x-cubed inside-exp inside-cos inside-tanh inside-sqrt",
            "stale", "", "addresses in memory",
        ),
        (
            "dict_of_partials second-by-first-slope", "op-sub op-mul op-div op-max op-min",
            "slope", "", "the local derivative for its first operand for the second one",
        ),
        (
            "pool_of_slots slopes-see-operand", "op-exp op-tanh op-sqrt inside-exp op-div op-mul",
            "place", "", "where their local derivative needs their result",
        ),
        pytest.param(
            "few_words keyed-by-data", "",
            "no-gradient", "", "only one of several nodes with equal numbers",
            marks=[pytest.mark.thorough, pytest.mark.soak],
        ),
    ],
)  # fmt: skip
def test_what_is_said(  # noqa: PLR0913, PLR0917 - what is expected
    name: str, titles: str, cause: str, op: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """The first cause that is named says what the engine does."""
    monkeypatch.setattr(runner, "_try_afresh", lambda *_: None)  # it takes most of the time
    first = causes_of(name, titles)[0]
    assert (first.id, first.op) == (cause, op)
    assert words in first.sentence


@pytest.mark.parametrize(
    "name", ["if_elif numbers-as-text", "records_and_reduce ids-as-characters"]
)
@pytest.mark.thorough
def test_numbers_compared_as_text(name: str) -> None:
    """The wrong order is named, not what makes it depend on earlier graphs: a serial number."""
    (cause,) = causes_of(name, "")
    assert (cause.id, cause.op) == ("order", "")
    assert "compared as text" in cause.sentence


@pytest.mark.thorough
def test_an_error_in_what_is_computed_late() -> None:
    """If it is met between Values, too, a plain number isn't what is refused."""
    causes = causes_of("pulled_lazily operands-collected-per-op", "")
    assert [cause.id for cause in causes] == ["error"]


@pytest.mark.thorough
@pytest.mark.soak
def test_an_engine_that_carries_derivatives_forward() -> None:
    """Beside another mistake, no order is named where it isn't seen what nodes pass on."""
    causes = causes_of("dict_of_partials first-wins", "")
    assert [cause for cause in causes if cause.id in {"order", "twice"}] == []


def test_an_operand_without_a_gradient() -> None:
    """Where no operand has a gradient yet, it isn't said to be the one that is passed on."""
    (cause,) = causes_of("lecture_and_more relu-of-grad", "op-relu only-through-relu")
    assert (cause.id, cause.op) == ("no-gradient", "relu")
    assert "passes nothing on" in cause.sentence


@pytest.mark.thorough
def test_what_few_graphs_show_where_graphs_share_something() -> None:
    """Leaves that are shared by their numbers don't make `max` pass on too much."""
    (cause,) = causes_of("arena leaves-interned", "")
    assert (cause.id, cause.op) == ("stale", "")


@pytest.mark.thorough
@pytest.mark.soak
def test_odd_mistakes_are_not_named_where_graphs_share_something() -> None:
    """Failures that aren't tried on their own may speak against them."""
    pair = "tape_of_integers second-only-if-different one-slot-per-number"
    assert [cause.id for cause in causes_of(pair, "", FOLDER)] == ["stale"]


@pytest.mark.thorough
def test_each_path_by_itself_is_no_mistake() -> None:
    """An engine may walk each path by itself; setting gradients with `=` is the only mistake."""
    causes = causes_of("by_path assign", "")
    assert [(cause.id, cause.op) for cause in causes] == [("overwritten", ""), ("depth", "")]


@pytest.mark.thorough
def test_what_is_wrong_with_all_ops_may_be_wrong_with_their_parts() -> None:
    """Where all ops hand out their gradients in the wrong order, div, made of mul, isn't blamed."""
    causes = causes_of("folds_over_immutables zipped-backwards", "")
    assert {cause.op for cause in causes} <= {""}


@pytest.mark.thorough
@pytest.mark.soak
@pytest.mark.parametrize(
    ("pair", "never"),
    [
        ("generator_partial unseeded pow-no-chain", ("reflected", "pow")),
        ("function_classes order-as-built mul-without-upstream", ("no-gradient", "mul")),
    ],
)
def test_what_is_not_said_beside_another_mistake(pair: str, never: tuple[str, str]) -> None:
    """An op isn't wrong once more on the left, and an odd mistake must explain all that is left."""
    assert never not in [(cause.id, cause.op) for cause in causes_of(pair, "", FOLDER)]
