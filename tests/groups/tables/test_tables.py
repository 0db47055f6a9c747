"""Tables of other libraries through a graph: the recipes, and what each makes of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mgraph import GraphError
from mgraph.build.network import mlp
from mgraph.rows import mapper
from mgraph.training import train
from tests.groups.tables import RECIPES
from tests.rows.lines import GRADIENTS, LOSS, X, Y, line
from tests.rows.recipes import assert_prints_what_is_shown

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("title", RECIPES)
def test_the_recipe_prints_what_is_shown(title: str, tmp_path: Path) -> None:
    """Line by line."""
    assert_prints_what_is_shown(title, tmp_path)


def test_the_index_of_pandas_is_kept() -> None:
    """Metadata that pandas wrote fits the results; rows that are left out leave no gap in it."""
    frame = pd.DataFrame({"x": X, "y": Y}, index=["Mo", "Tu", "We", "Th"])
    made = mapper(line())
    out = made.apply(pa.Table.from_pandas(frame)).to_pandas()
    assert (out["loss"].tolist(), out.index.tolist()) == (LOSS, ["Mo", "Tu", "We", "Th"])
    frame = pd.DataFrame({"x": [3.0, np.nan, 0.0], "y": [5.0, 1.0, 0.0]})
    out = mapper(line(), bad_rows="skip").apply(pa.Table.from_pandas(frame)).to_pandas()
    assert (out["loss"].tolist(), out.index.tolist()) == ([4.0, 1.0], [0, 1])


def test_what_is_missing_in_pandas_is_null() -> None:
    """NaN of a pandas frame is refused, by its row."""
    frame = pd.DataFrame({"x": [3.0, np.nan]})
    with pytest.raises(GraphError, match='"x" is null in row 1'):
        mapper(line()).apply(pa.Table.from_pandas(frame))


def test_nan_in_polars_is_a_number() -> None:
    """There, null is what is missing; a chunked, sliced frame with views of texts is taken, too."""
    frame = pl.DataFrame({"x": [0.0, *X], "y": [9.0, *Y], "day": ["", "Mo", "Tu", "We", "Th"]})
    sliced = pl.concat([frame.slice(1, 1), frame.slice(2)], rechunk=False)
    out = pl.from_arrow(mapper(line(), grad="rows").apply(sliced.to_arrow()))
    assert isinstance(out, pl.DataFrame)
    assert out["loss"].to_list() == LOSS
    assert out["grad:w"].to_list() == GRADIENTS["w"]
    nan = mapper(line()).apply(pl.DataFrame({"x": [float("nan")]}).to_arrow())
    assert np.isnan(nan["loss"][0].as_py())


def test_marks_of_missing_classes_in_polars() -> None:
    """Texts of a frame are views: a mark of a missing class is left out as in other tables."""
    frame = pl.DataFrame({"x1": [1.0, 2.0, 3.0, 4.0], "kind": ["a", "b", "NA", "b"]})
    for table in (frame, frame.with_columns(pl.col("kind").cast(pl.Categorical))):
        result = train(mlp((1, 1), loss="mse"), table, target="kind", epochs=1, bad_rows="skip")
        assert (result.results["rows"], result.results["skipped"]) == (3, 1)
        assert result.results["classes"] == ["a", "b"]


def test_polars_keeps_its_numbers() -> None:
    """Frames that share memory with results keep their numbers while more rows are computed."""
    made = mapper(line())
    frames: list[Any] = [pl.from_arrow(made.apply(pa.table({"x": [float(i)]}))) for i in range(20)]
    assert [frame["loss"][0] for frame in frames] == [(2.0 * i - 4.0) ** 2 for i in range(20)]


def test_decimals_of_duckdb() -> None:
    """A number in SQL is a decimal: 0.57 is the nearest double, as Python reads it."""
    relation: Any = duckdb.sql("SELECT 0.57 AS x, 5 AS y")
    table = relation.to_arrow_table()
    assert pa.types.is_decimal(table.schema.field("x").type)
    want = (2.0 * 0.57 + 1.0 - 5.0) ** 2
    assert mapper(line()).apply(table)["loss"].to_pylist() == [want]
