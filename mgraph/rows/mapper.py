"""RowMapper: a graph as a function from Arrow record batches to record batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import pyarrow as pa

from mgraph.document import Graph, load
from mgraph.engine.evaluate import numbers_of
from mgraph.errors import some
from mgraph.rows.columns import BAD_ROWS, naming, read_rows
from mgraph.rows.compiled import Request, compiled

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping

    from mgraph.ops.exact_sum import ExactSum
    from mgraph.rows.columns import BadRows, Binding

Rows = TypeVar("Rows", bound=pa.RecordBatch | pa.Table)


def mapper(  # noqa: PLR0913 - one keyword per choice
    graph: Graph | str | os.PathLike[str],
    *,
    grad: Literal["rows"] | None = None,
    wrt: Iterable[str] | None = None,
    columns: Mapping[str, str] | None = None,
    seed: Mapping[str, float] | None = None,
    math: str = "libm",
    bad_rows: BadRows = "fail",
) -> RowMapper:
    """Return a graph as a function of Arrow record batches. Needs the extra `rows`.

    Args:
        graph: The graph, or its file.
        grad: `"rows"` adds the gradients of each row; None runs forward only.
        wrt: The ids of the inputs and params whose gradients are wanted, in this order; None for
            all of them. Those without a path to a seeded output have no gradient.
        columns: The names of the columns of some inputs and params, by id; `""` for one that keeps
            its declared value. All others have the column of their own name, if there is one, else
            their declared value in every row.
        seed: Gradients that outputs start with, by id; may be left out with one output.
        math: The library for `exp`, `tanh` and so on, as in `Replay.batch`. The default, `"libm"`,
            gives the same bits as `Graph.run`, so that results don't depend on which vector
            libraries a machine has. `"auto"` is faster, each op within 2 ulp. `"exact"` gives the
            bits of `Graph.run(math="exact")`, on every machine.
        bad_rows: What to do about rows in which a column is null, or an integer beyond 2^53 in
            magnitude, which a double may not hold: `"fail"` raises an error, `"skip"` leaves these
            rows out, `"null"` gives null results.

    Returns:
        A function that can be pickled.

    Raises:
        GraphError: The graph can't be read; `run-node` or `seed` if `columns`, `wrt` or `seed` name
            something else than inputs, params and outputs.
        MissingExtraError: pyarrow, NumPy, llvmlite or the math library is not installed.
        TypeError: `wrt` is one string.
        ValueError: `grad`, `bad_rows` or `math` is none of these, or `wrt` is used without `grad`.
    """
    if grad not in ("rows", None) or bad_rows not in BAD_ROWS:
        message = f'grad is "rows" or None, and bad_rows one of {", ".join(BAD_ROWS)}'
        raise ValueError(message)
    if isinstance(wrt, str):
        message = 'wrt takes several ids, such as ["w1"]'
        raise TypeError(message)
    if wrt is not None and grad is None:
        message = 'wrt says whose gradients are wanted: use it with grad="rows"'
        raise ValueError(message)
    graph = graph if isinstance(graph, Graph) else load(graph)
    made = RowMapper(
        Request(
            graph=b"".join(graph.with_runs(()).to_bytes(".msgpack")),
            grad=grad,
            wrt=None if wrt is None else tuple(wrt),
            columns=tuple((columns or {}).items()),
            seed=tuple((name, value.hex()) for name, value in numbers_of(seed).items()),
            math=math,
            nullable=bad_rows == "null",
        ),
        bad_rows,
    )
    compiled(made.request)  # raises what is wrong
    return made


@dataclass(frozen=True, repr=False)
class RowMapper:
    """A graph as a function from Arrow record batches to record batches, from `mgraph.rows.mapper`.

    The batches that it returns have the columns of the table, then one for each output, named by
    its id, and one named `grad:ID` for each gradient, all of them float64. The bits of a row don't
    depend on the other rows.

    It can be pickled, and be used by any number of threads and processes; each of them compiles the
    graph once.

    ```python
    mapper = mgraph.rows.mapper("neuron.json", grad="rows", wrt=["w1", "w2"])
    for batch in mapper(pyarrow.dataset.dataset("rows/").to_batches()):
        batch["o"], batch["grad:w1"]
    ```

    Columns of floating-point numbers, integers and decimals are taken as doubles, also if they are
    encoded by dictionary or run length. NaN and infinities are numbers; null is not.

    Attributes:
        request: What is computed for each row, for internal use.
        bad_rows: What is done about bad rows: `"fail"`, `"skip"` or `"null"`.
    """

    request: Request
    bad_rows: BadRows

    def __repr__(self) -> str:
        """Show the columns that it adds."""
        return f"<RowMapper {some(self.results)}>"

    @property
    def results(self) -> tuple[str, ...]:
        """The names of the columns that it adds: outputs, then gradients."""
        return compiled(self.request).results

    def schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema of what comes out for tables of a schema.

        Args:
            schema: The schema of the table.

        Raises:
            GraphError: `column` or `unbound-input` if the table doesn't fit the graph.
        """
        return self._binding(schema).schema

    def leaves(self, schema: pa.Schema) -> dict[str, str]:
        """Return the name of the column of each input and param that has one, by id.

        Args:
            schema: The schema of the table.

        Raises:
            GraphError: As for `schema`.
        """
        return {leaf: schema.names[i] for leaf, i in self._binding(schema).leaves.items()}

    def _binding(self, schema: pa.Schema, file: str = "table") -> Binding:
        with naming(file):
            return compiled(self.request).binding(schema)

    def __call__(
        self, batches: Iterable[pa.RecordBatch], *, file: str = "table", row: int = 0
    ) -> Iterator[pa.RecordBatch]:
        """Yield each batch with the results of its rows, when it is asked for.

        Args:
            batches: Record batches, for example a RecordBatchReader, or batches of a dataset.
            file: What errors call the table.
            row: The number of the first row, for errors.

        Yields:
            Record batches of the schema that `schema` returns, one for each batch.

        Raises:
            GraphError: As for `apply`; rows are counted over all batches.
        """
        for batch in batches:
            yield self.apply(batch, file=file, row=row)
            row += batch.num_rows

    def apply(self, data: Rows, *, file: str = "table", row: int = 0) -> Rows:
        """Return one record batch, or one table, with the results of its rows.

        Args:
            data: The rows.
            file: What errors call the table.
            row: The number of the first row, for errors.

        Returns:
            The same kind of thing.

        Raises:
            GraphError: `column` or `unbound-input` if the table doesn't fit the graph; `number` if
                a value is null, or an integer beyond 2^53, and `bad_rows` is `"fail"`.
            TypeError: It is neither.
        """
        if isinstance(data, pa.Table):
            schema = self._binding(data.schema, file).schema
            table: Rows = pa.Table.from_batches(self(data.to_batches(), file=file, row=row), schema)
            return table
        if not isinstance(data, pa.RecordBatch):
            message = f"expected a pyarrow RecordBatch or Table, not {type(data).__name__}"
            raise TypeError(message)
        binding = self._binding(data.schema, file)
        with naming(file):
            rows = read_rows(data, binding.leaves, self.bad_rows, row)
        arrays = [*rows.batch.columns, *compiled(self.request).run(rows.columns, rows.is_valid)]
        batch: Rows = pa.RecordBatch.from_arrays(arrays, schema=binding.schema)
        return batch

    def check(self, batch: pa.RecordBatch, *, file: str = "table", row: int = 0) -> None:
        """Refuse a record batch that `apply` would refuse, without computing anything.

        Args:
            batch: The rows.
            file: What errors call the table.
            row: The number of the first row, for errors.

        Raises:
            GraphError: As for `apply`.
        """
        binding = self._binding(batch.schema, file)
        with naming(file):
            read_rows(batch, binding.leaves, self.bad_rows, row)

    def sums(
        self, batch: pa.RecordBatch, *, file: str = "table", row: int = 0
    ) -> tuple[pa.RecordBatch, dict[str, ExactSum]]:
        """Return one record batch with the outputs of its rows, and the sums of their gradients.

        The gradients of each row are never stored, so this takes much less memory than `apply`.

        Args:
            batch: The rows.
            file: What errors call the table.
            row: The number of the first row, for errors.

        Returns:
            The batch without columns of gradients, and their exact sums by the names of these.

        Raises:
            GraphError: As for `apply`.
        """
        binding = self._binding(batch.schema, file)
        with naming(file):
            rows = read_rows(batch, binding.leaves, self.bad_rows, row)
        size = rows.batch.num_rows
        outputs, sums = compiled(self.request).sums(rows.columns, rows.is_valid, size)
        fields = [field for field in binding.schema if field.name not in sums]
        schema = pa.schema(fields, binding.schema.metadata)
        return pa.RecordBatch.from_arrays([*rows.batch.columns, *outputs], schema=schema), sums
