"""docs/recipes.md: what it shows is what is printed, and every recipe is run somewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.groups import big_tables, tables
from tests.rows.recipes import FILES, PAGE, RECIPES, assert_prints_what_is_shown

if TYPE_CHECKING:
    from pathlib import Path

HERE = (FILES, "pyarrow")


def test_every_recipe_is_tested() -> None:
    """Each heading has one program with its output, which is run here or in a group of tests."""
    assert re.findall(r"^## (.+)$", PAGE, re.MULTILINE) == [*RECIPES]
    assert PAGE.count("```python\n") == len(RECIPES)
    assert {*RECIPES} == {*HERE, *tables.RECIPES, *big_tables.RECIPES}


@pytest.mark.parametrize("title", HERE)
def test_the_recipe_prints_what_is_shown(title: str, tmp_path: Path) -> None:
    """Line by line."""
    assert_prints_what_is_shown(title, tmp_path)
