"""Tests with the engines of clusters: Ray and Spark, on this machine."""

from __future__ import annotations

from typing import Final

RECIPES: Final = ("Ray Data", "Spark")
"""The recipes of docs/recipes.md that are run here."""
