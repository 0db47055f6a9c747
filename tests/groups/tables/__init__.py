"""Tests with Dask, DuckDB, pandas and Polars."""

from __future__ import annotations

from typing import Final

RECIPES: Final = ("Polars", "DuckDB", "Dask")
"""The recipes of docs/recipes.md that are run here."""
