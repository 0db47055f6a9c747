"""Mutants: which are made of a source, that they are found again after a move, and their rates."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import pytest

from tests.mutants.operators import OPERATORS
from tests.mutants.packages import PACKAGES
from tests.mutants.pairing import drawn, is_new, keys_of, pairs, sites_of
from tests.mutants.rates import compared, wilson

if TYPE_CHECKING:
    from pathlib import Path

    from tests.mutants.sites import Site

BEFORE = '''"""Arithmetic."""
if TYPE_CHECKING:
    LEFT_OUT = 1

LIMIT: Final = 3
TABLE = (Row("add", lambda a, b: a + b), Row("mul", lambda a, b: a * b))


class Op:
    def takes(self, count: int = 1, name: str | None = None) -> bool:
        """Say "é" > 1."""
        if not self.fold:
            raise ValueError(f"{1 + 1} of {count}")
        return count >= 1 and bound(count, LIMIT)


def _bound(each, limit):
    total = [x for x in each if x]
    total.sort()
    return "é", total[0] < limit
'''
EXPECTED = """
number LIMIT: Final = 3 -> 4
number LIMIT: Final = 3 -> 2
order Row('add', lambda a, b: a + b) -> Row(lambda a, b: a + b, 'add')
arithmetic a + b -> a - b
order Row('mul', lambda a, b: a * b) -> Row(lambda a, b: a * b, 'mul')
arithmetic a * b -> a / b
default None -> 0
number 1 -> 2
number 1 -> 0
condition not self.fold -> not not self.fold
sign not self.fold -> self.fold
removal raise ValueError(f'{1 + 1} of {count}') -> pass
answer return count >= 1 and bound(count, LIMIT) -> return None
boolean count >= 1 and bound(count, LIMIT) -> count >= 1 or bound(count, LIMIT)
comparison count >= 1 -> count > 1
number 1 -> 2
number 1 -> 0
order bound(count, LIMIT) -> bound(LIMIT, count)
filter x -> not x
removal total.sort() -> pass
answer return ('é', total[0] < limit) -> return None
comparison total[0] < limit -> total[0] <= limit
number 0 -> 1
number 0 -> -1
"""


def checkout(folder: Path, files: dict[str, str]) -> list[Site]:
    """Write a checkout and return its mutants."""
    for name, text in files.items():
        path = folder / "mgraph" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return sites_of(folder)


def change(site: Site) -> str:
    """Return what a mutant changes."""
    return f"{ast.unparse(site.old)} -> {ast.unparse(site.new)}"


def test_sites_of_a_source(tmp_path: Path) -> None:
    """Every operator finds what it changes, except in annotations, f-strings and docstrings."""
    found = checkout(tmp_path, {"ops.py": BEFORE})
    texts = [f"{site.operator} {change(site)}" for site in found]
    expected = EXPECTED.replace("LIMIT: Final = 3", "3").strip().splitlines()
    assert texts == expected
    assert {site.operator for site in found} == {*OPERATORS}


def test_a_mutant_differs_in_its_node_only(tmp_path: Path) -> None:
    """The source stays as it was around the node, behind letters of several bytes, too."""
    source = BEFORE.encode()
    for site in checkout(tmp_path, {"ops.py": BEFORE}):
        mutated = site.applied(source)
        ast.parse(mutated)
        assert mutated != source, change(site)
        gone = [line for line in site.diff(source) if line.startswith("-")]
        assert gone == [f"-{BEFORE.splitlines()[site.line - 1]}"], change(site)


def test_mutants_are_found_again_after_a_move(tmp_path: Path) -> None:
    """Code may move to other files, lose an underscore, and get other names for its variables."""
    first, rest = BEFORE.split("class Op")
    moved = ("class Op" + rest).replace("_bound", "bound").replace("total", "found")
    before = checkout(tmp_path / "before", {"ops.py": BEFORE})
    after = checkout(
        tmp_path / "after", {"ops/table.py": first, "format/a.py": "X = 1\n", "engine/b.py": moved}
    )
    found = pairs(before, after)
    assert {*found} == {*before}
    for old, new in found.items():
        assert change(old).replace("total", "found") == change(new)
    fresh = [site for site in after if is_new(site, keys_of(before))]
    assert [site.unit.name for site in fresh] == ["X", "X"]


def test_a_mutant_that_is_gone_is_not_paired(tmp_path: Path) -> None:
    """Where the statement is another one, or two are the same, no mutant takes its place."""
    before = checkout(tmp_path / "before", {"ops.py": "def f(x):\n    return x + 1\n"})
    other = checkout(tmp_path / "other", {"ops.py": "def f(x):\n    return x * 1\n"})
    twice = "def {}(x):\n    return x + 1\n"
    double = checkout(tmp_path / "double", {"a.py": twice.format("g"), "b.py": twice.format("h")})
    assert {site.operator for site in pairs(before, other)} == set()
    assert pairs(before, double) == {}


def test_the_same_seed_draws_the_same_mutants(tmp_path: Path) -> None:
    """Each is drawn once, but for those that change nothing; another seed, another order."""
    nothing = "def f():\n    return None\n"
    *found, unchanged = checkout(tmp_path, {"ops.py": BEFORE + nothing})
    orders = [[*drawn([*found, unchanged], seed)["ops"]] for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert all({*order} == {*found} and len(order) == len(found) for order in orders)
    assert [*drawn(found, 1)] == [*PACKAGES]


def test_interval() -> None:
    """Wilson's interval of 81 of 263: Newcombe, Statistics in Medicine 17 (1998), table I."""
    low, high = wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 20)[0] == pytest.approx(0.0, abs=1e-15)


def test_comparison_names_the_mutants_noticed_no_more() -> None:
    """Mutants that are gone count for neither; those that hang count as noticed."""

    def trial(outcome: str) -> dict[str, Any]:
        return {
            "package": "ops", "path": "a.py", "line": 1, "unit": "f", "operator": "sign",
            "diff": ["-not x", "+x"], "outcome": outcome,
        }  # fmt: skip

    before = {
        "1": trial("killed"),
        "2": trial("time"),
        "3": trial("killed"),
        "4": trial("survived"),
    }
    after = {
        "1": trial("killed"),
        "2": trial("survived"),
        "3": {"outcome": "gone", "package": "ops"},
    }
    lines = [*compared(before, after | {"4": trial("killed")})]
    both = lines[lines.index("\nmutants in both") :]
    assert [line.partition("%")[0] for line in both[1:3]] == [
        "before: 2 of 3, 66.7", "after: 2 of 3, 66.7"
    ]  # fmt: skip
    assert both[both.index("\nnoticed no more") + 1].startswith("2: a.py:1 f, sign")
    assert both[both.index("\nnoticed now") + 1].startswith("4: a.py:1 f, sign")
