"""How the columns of a table fit a graph that is trained."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from mgraph.engine.evaluate import input_nodes
from mgraph.errors import GraphError, printable, quoted, some
from mgraph.format.runs import SETTABLE
from mgraph.ops import INPUT
from mgraph.rows.columns import bind, columns_fix, unbound_fault
from mgraph.rows.sources import TextRules
from mgraph.suggestions import closest, did_you_mean
from mgraph.training.classes import known_targets

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mgraph.graph.columns import Columns
    from mgraph.rows.files import RowFormat


@dataclass(frozen=True)
class RowReading:
    """How tables become numbers for a graph.

    Attributes:
        graph: The graph.
        trained: The ids of the params that are trained: these never come from a column.
        columns: The names of the columns of some leaves, by id; empty for one without a column.
        target: The name of the column of classes; None without one.
        skips: Whether bad rows are left out; otherwise they are errors.
        kind: The format of streams, and of files whose name does not tell it.
    """

    graph: Columns
    trained: Collection[str]
    columns: Mapping[str, str]
    target: str | None = None
    skips: bool = False
    kind: RowFormat | None = None


def text_rules(how: RowReading) -> TextRules:
    """Return how text is read: columns of leaves are numbers, the target is text."""
    graph = how.graph
    leaves = [graph.ids[i] for i in graph.leaves if graph.op(i) in SETTABLE]
    names = {how.columns.get(leaf, leaf) for leaf in leaves if leaf not in how.trained}
    numbers = names - {how.target} | {*how.columns.values()}
    read = frozenset(numbers) - {""}
    return TextRules(read, tolerates=how.skips, ignores=True, only_read=read)


def columns_of(schema: pa.Schema, how: RowReading, targets: Sequence[str]) -> Mapping[str, str]:
    """Return the name of the column of each leaf that has one, by id.

    Args:
        schema: The columns of the table.
        how: What the graph asks for.
        targets: The inputs that the column of classes stands for; none without such a column.

    Raises:
        GraphError: `column`, `unbound-input`, or `run-node` if a column is given to what is not an
            input or param.
    """
    given, graph = how.columns, how.graph
    columns = {name: name for name in schema.names} | {**given}
    moved = next((leaf for leaf in how.trained if columns.get(leaf)), None)
    if moved is not None:
        message = f"the param {quoted(moved)} is trained, so that its values can't be a column"
        fix = f"leave {printable(moved)} out of --train, or leave out the column: "
        fix += f"--column {printable(shlex.quote(f'{moved}='))} (columns= in Python)"
        raise GraphError.of("column", message, fix=fix)
    if twice := next((name for name in targets if given.get(name)), None):
        message = f"{quoted(twice)} has two columns: that of --target, and that of --column"
        raise GraphError.of("column", message, expected="one column", fix="give only one of them")
    _check_apart(how, targets)
    input_nodes(graph, dict.fromkeys(given, 0.0))
    bound = graph.with_data({graph.index[name]: 0.0 for name in targets})
    kept = [field for field in schema if field.name not in targets or field.name in given.values()]
    _check_unbound(bound, given, schema.names, [field.name for field in kept])
    leaves = bind(pa.schema(kept), bound, given, (), nullable=False).leaves
    _check_target(schema, how)
    return {leaf: kept[at].name for leaf, at in leaves.items()}


def _check_apart(how: RowReading, targets: Sequence[str]) -> None:
    """Check that the column of classes is not that of an input, too.

    Raises:
        GraphError: `column`.
    """
    node = how.graph.index.get(how.target or "")
    if node is None or how.graph.op(node) != INPUT or how.target in (*targets, *how.columns):
        return
    name = printable(how.target or "")
    message = f"the column {quoted(name)} can't have the classes: {name} is an input, too"
    fix = f"name another column with --target, or give the input one: --column {name}=COL"
    raise GraphError.of("column", message, expected="a column that no input has", fix=fix)


def _check_unbound(
    graph: Columns, given: Mapping[str, str], names: Sequence[str], kept: Sequence[str]
) -> None:
    """Check that each input has a column or a value.

    Args:
        graph: The graph.
        given: The names of the columns of some leaves, by id.
        names: The columns of the table.
        kept: Those of them that leaves can have.

    Raises:
        GraphError: `unbound-input`, with one diagnostic for all of them.
    """
    inputs = [graph.ids[node] for node in graph.unbound()]
    missing = [name for name in inputs if not given.get(name, name if name in kept else "")]
    if missing:
        taken = {*inputs, *given.values()}
        spare = [name for name in names if name not in taken]
        targets = [name for name in known_targets(graph) if name in missing]
        fix = _fix(missing, targets, names, spare) if targets else ""
        raise GraphError([unbound_fault(missing, names, fix)])


def _fix(
    missing: Sequence[str], targets: Sequence[str], names: Sequence[str], spare: Sequence[str]
) -> str:
    """Return what can be done about inputs without a column, some of which are targets.

    Args:
        missing: The inputs.
        targets: Those of them that are targets.
        names: The columns of the table.
        spare: Those of them that no leaf has.
    """
    others = [name for name in missing if name not in targets]
    column = shlex.quote(spare[-1]) if spare and len(spare) <= len(missing) else "COL"
    fixes = [f"name the columns of inputs, {columns_fix(others, names)}"] if others else []
    fixes.append(f"if {column} says which class a row is in, --target {column}")
    if len(targets) == 1:
        fixes.append(f"if it is a number, --column {targets[0]}={column}")
    return printable("; ".join(fixes).replace("COL says", "a column COL says"))


def _check_target(schema: pa.Schema, how: RowReading) -> None:
    """Check that there is a column of classes, if one is asked for.

    Raises:
        GraphError: `column`.
    """
    if how.target is not None and how.target not in schema.names:
        message = f"the table has no column {quoted(how.target)} with classes"
        fix = did_you_mean(closest(how.target, schema.names))
        raise GraphError.of("column", message, expected=f"one of {some(schema.names)}", fix=fix)
