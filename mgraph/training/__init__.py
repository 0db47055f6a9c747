"""Training: gradient descent on the params of a graph, over the rows of a table.

It needs the extra `rows`. docs/training.md has all formulas.
"""

from __future__ import annotations

import mgraph.rows  # noqa: F401 - says what to install if something is missing
from mgraph.training.driver import train
from mgraph.training.job import Trained

__all__ = ["Trained", "train"]
