"""Columns as Arrow encodes them where pyarrow lacks kernels: views, run ends, dictionaries."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

_PLAIN: Final = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
"""What views, such as the texts of Polars, become where something can't be done with them."""


def decoded(column: pa.Array) -> pa.Array:
    """Return a column of any dictionary without it; views of texts or bytes are no views then."""
    if pa.types.is_dictionary(column.type):
        column = _with_plain_dictionary(column).dictionary_decode()
    plain = _PLAIN.get(column.type)
    return column if plain is None else column.cast(plain)


def _with_plain_dictionary(column: pa.DictionaryArray) -> pa.DictionaryArray:
    plain = _PLAIN.get(column.type.value_type)
    if plain is None:
        return column
    values, ordered = column.dictionary.cast(plain), column.type.ordered
    return pa.DictionaryArray.from_arrays(column.indices, values, ordered=ordered)


def plain_dictionaries(table: pa.Table) -> pa.Table:
    """Return a table in which dictionaries hold texts or bytes, and not views of them."""
    for i, field in enumerate(table.schema):
        kind = plain_dictionary_type(field.type)
        if kind != field.type:
            chunks = [_with_plain_dictionary(chunk) for chunk in table.column(i).chunks]
            table = table.set_column(i, field.with_type(kind), pa.chunked_array(chunks, kind))
    return table


def plain_dictionary_type(kind: pa.DataType) -> pa.DataType:
    """Return the type that columns of a type have in `plain_dictionaries`."""
    if not pa.types.is_dictionary(kind) or kind.value_type not in _PLAIN:
        return kind
    return pa.dictionary(kind.index_type, _PLAIN[kind.value_type], ordered=kind.ordered)


def filtered(batch: pa.RecordBatch, is_kept: pa.BooleanArray) -> pa.RecordBatch:
    """Return some rows of a batch; columns keep their types.

    Args:
        batch: The batch.
        is_kept: Which rows, none of them null.
    """
    columns = [_filtered(column, is_kept) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _filtered(column: pa.Array, is_kept: pa.BooleanArray) -> pa.Array:
    try:
        return column.filter(is_kept)
    except pa.ArrowNotImplementedError:
        plain = _PLAIN.get(column.type)
        if plain is not None:
            return column.cast(plain).filter(is_kept).cast(column.type)
        return _joined_runs(column, is_kept)


def _joined_runs(column: pa.Array, is_kept: pa.BooleanArray) -> pa.Array:
    """Return some rows of a column, joined from slices, which works for every type."""
    is_there = np.zeros(len(is_kept) + 2, np.int8)
    is_there[1:-1] = is_kept.to_numpy(zero_copy_only=False)
    runs = np.flatnonzero(np.diff(is_there)).reshape(-1, 2).tolist()
    return pa.concat_arrays([column.slice(0, 0), *(column.slice(a, b - a) for a, b in runs)])
