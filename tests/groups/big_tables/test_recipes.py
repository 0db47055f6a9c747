"""The recipes for Ray and Spark print what is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.groups.big_tables import RECIPES
from tests.rows.recipes import assert_prints_what_is_shown

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("title", RECIPES)
def test_the_recipe_prints_what_is_shown(title: str, tmp_path: Path) -> None:
    """Line by line, whatever the engine reports on standard error."""
    assert_prints_what_is_shown(title, tmp_path)
