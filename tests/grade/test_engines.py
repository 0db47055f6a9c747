"""The mutants: edits that the source of the engine allows, each with what it should be called."""

from __future__ import annotations

from collections import Counter

from tests.engines.mutants import MUTANTS, PASSED, is_held_out, mutated
from tests.reference.evaluate import OPS

CAUSES = (
    *("overwritten", "repeated", "order", "twice", "seed", "stale", "upstream"),
    *("inner", "place", "swapped", "sign", "exponent", "factor", "no-gradient", "slope", "value"),
    *("precision", "clipped", "depth", "reflected", "int-division", "conversion", "mutated"),
)


def test_each_mutant_is_another_program() -> None:
    """Every edit fits the engine's source, Python can read the result, and no two are the same."""
    sources = [mutated(mutant) for mutant in MUTANTS]
    for mutant, source in zip(MUTANTS, sources, strict=True):
        compile(source, mutant.name, "exec")
    assert [name for name, count in Counter(m.name for m in MUTANTS).items() if count > 1] == []
    assert len(dict.fromkeys(sources)) == len(MUTANTS) >= 220


def test_mutants_cover_every_cause_and_every_op() -> None:
    """Each cause is the only right answer somewhere, and each op of format 1.0 has a mutant."""
    ops = {name for name, op in OPS.items() if op.since == "1.0"}
    assert {m.causes[0] for m in MUTANTS if len(m.causes) == 1} == {*CAUSES}
    assert {cause for m in MUTANTS for cause in m.causes} == {*CAUSES}
    assert {m.op for m in MUTANTS} == {None, *ops}
    assert {*PASSED} == ops


def test_a_third_is_held_out() -> None:
    """Every third mutant is held out, of whichever cause."""
    held_out = [m for m in MUTANTS if is_held_out(m.name)]
    assert len(held_out) == len(MUTANTS) // 3
    assert len(dict.fromkeys(cause for m in held_out for cause in m.causes)) >= len(CAUSES) - 2
