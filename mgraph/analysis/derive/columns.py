"""The backward pass as nodes, with NumPy: the same nodes as `plain`, for large graphs.

The nodes of all edges are made first (`edges`). Then rounds over whole columns replace nodes by
simpler or equal ones, by the same rules, until nothing changes.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from mgraph.analysis.derive.edges import expanded, followed
from mgraph.analysis.derive.growth import Growth
from mgraph.analysis.derive.rules import (
    COMMUTATIVE,
    CONST,
    EXACT,
    MUL,
    NEG,
    NEUTRAL_LEFT,
    NEUTRAL_RIGHT,
    pattern,
)
from mgraph.graph.passes.plain import ARITY, FOLDS, LEAF_OPCODES
from mgraph.ops import op_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mgraph.analysis.derive.edges import Bools, Indices, Raw
    from mgraph.analysis.derive.request import Derivation
    from mgraph.graph.columns import Columns

    Keys = NDArray[np.uint64]

ROUNDS: Final = 16
"""A graph that is not done after so many rounds over columns is left to `plain`."""

MOST: Final = 2**28
"""The most nodes of which two fit into a key of 64 bits, beside the op."""


def _those(codes: Any) -> Bools:  # noqa: ANN401 - any opcodes
    return np.isin(np.arange(256), [*codes])


_EXACT: Final = _those(EXACT)
_COMMUTATIVE: Final = _those(COMMUTATIVE)
_UNARY: Final = _those(code for code, count in enumerate(ARITY) if count == 1)
_SHAREABLE: Final = ~_those(LEAF_OPCODES) & ~_those(FOLDS)


def grow(graph: Columns, derivation: Derivation) -> Growth | None:
    """Add the nodes of the backward pass to those on which an output depends.

    Returns:
        The new nodes; None for one of the few graphs that are not done after `ROUNDS`.
    """
    raw = expanded(graph, derivation)
    same = _simplified(raw, len(graph))
    return None if same is None else _growth(graph, derivation, raw, same)


class Known(NamedTuple):
    """The nodes that later ones may be equal to.

    Attributes:
        nodes: How many nodes the graph had; they stay as they are.
        ops: The ops of which another one could be equal.
        consts: The consts by their bits.
        is_shared: Which nodes may have several users. An op that is the only user of an argument
            equals no other op, so it is not looked up.
    """

    nodes: int
    ops: EqualOps
    consts: dict[int, int]
    is_shared: Bools


def _simplified(raw: Raw, count: int) -> Indices | None:
    """Find for each node the one that replaces it, most often itself; None if it takes too long."""
    total = raw.opcode.size
    if total > MOST:
        return None
    same = np.arange(total)
    consts = _consts(raw, same)
    known = Known(count, EqualOps(), consts, _have_several_users(raw))
    some: slice | Indices = slice(0, total)
    for _ in range(ROUNDS):
        changed = _round(raw, same, some, known)
        if not changed.size:
            replaced = np.flatnonzero(same != np.arange(total))
            same[replaced] = followed(same, replaced)
            return same
        same[changed] = now = followed(same, changed)
        new_shared = now[~known.is_shared[now]]
        known.is_shared[new_shared] = True
        some = _users(raw, np.concatenate((changed, new_shared)))
        some = some[same[some] == some]
        raw.a[some], raw.b[some] = same[raw.a[some]], same[raw.b[some]]
    return None


def _have_several_users(raw: Raw) -> Bools:
    """Mark the nodes that more than one op has as an argument; also a few of the others."""
    has_two = raw.a != raw.b
    uses = np.bincount(raw.a, minlength=raw.a.size)
    uses += np.bincount(raw.b[has_two], minlength=raw.a.size)
    result: Bools = uses > 1
    return result


def _users(raw: Raw, nodes: Indices) -> Indices:
    """Return the ops that have one of some nodes as an argument; they come behind it."""
    start = int(nodes.min())
    touched = np.zeros(raw.opcode.size, np.bool_)
    touched[nodes] = True
    some = np.flatnonzero(touched[raw.a[start:]] | touched[raw.b[start:]]) + start
    ops: Indices = some[_SHAREABLE[raw.opcode[some]]]
    return ops


def _round(raw: Raw, same: Indices, some: slice | Indices, known: Known) -> Indices:
    """Apply all rules once to some nodes, ascending; return the nodes that are others now."""
    if isinstance(some, slice):
        new: slice | Indices = slice(known.nodes, some.stop)
    else:
        new = some[some >= known.nodes]
    is_const = raw.opcode == CONST
    near = _those_of(new, is_const[raw.a[new]] | is_const[raw.b[new]])
    neutral = _drop_neutral(raw, same, near, known.consts)
    near = near[same[near] == near]
    minus = _negate(raw, near, known.consts)  # may be a negation of a negation now
    twice = _drop_twice_negated(raw, same, _those_of(new, raw.opcode[new] == NEG))
    near = near[same[near] == near]
    constant = _fold(raw, near)
    _share_consts(raw, same, constant, known.consts)
    may_be_equal = known.is_shared[raw.a[some]]
    may_be_equal &= known.is_shared[raw.b[some]]
    may_be_equal &= _SHAREABLE[raw.opcode[some]]
    left = _those_of(some, may_be_equal)
    left = left[same[left] == left]
    shared = known.ops.add(_keys(raw, left), left, same)
    return np.concatenate((neutral, minus, twice, constant, shared))


def _those_of(nodes: slice | Indices, marks: Bools) -> Indices:
    """Return the nodes that are marked; a slice stands for all nodes in it."""
    if isinstance(nodes, slice):
        start: int = nodes.start
        return np.flatnonzero(marks) + start
    return nodes[marks]


def _fold(raw: Raw, near: Indices) -> Indices:
    """Turn exact ops of consts into consts, and exact ops of these; return them.

    Args:
        raw: All nodes.
        near: New nodes that have a const as an argument.
    """
    is_known = raw.opcode == CONST
    near = near[_EXACT[raw.opcode[near]]]
    if not (is_known[raw.a[near]] & is_known[raw.b[near]]).any():
        return np.zeros(0, np.intp)
    is_known[near] = True
    near = near[is_known[raw.a[near]] & is_known[raw.b[near]]]
    done = _folded(raw, near)
    nodes = np.array([*done], np.intp)
    raw.opcode[nodes], raw.value[nodes] = CONST, [*done.values()]
    raw.a[nodes] = raw.b[nodes] = 0
    return nodes


def _folded(raw: Raw, near: Indices) -> dict[int, float]:
    """Return the values of the nodes whose arguments are consts, or turn out to be."""
    args = np.concatenate((raw.a[near], raw.b[near]))
    args = args[raw.opcode[args] == CONST]
    known = dict(zip(args.tolist(), raw.value[args].tolist(), strict=True))
    done: dict[int, float] = {}
    columns = (column.tolist() for column in (near, raw.opcode[near], raw.a[near], raw.b[near]))
    for node, code, a, b in zip(*columns, strict=True):
        if a in known and b in known:
            values = (known[a], known[b])[: ARITY[code]]
            known[node] = done[node] = op_of(code).value(values)
    return done


def _drop_neutral(raw: Raw, same: Indices, near: Indices, consts: Mapping[int, int]) -> Indices:
    """Replace ops that return an argument as it is by that; return these ops."""
    some = [near[:0]]
    codes = raw.opcode[near]
    for rules, of, other in ((NEUTRAL_LEFT, raw.a, raw.b), (NEUTRAL_RIGHT, raw.b, raw.a)):
        for code, value in rules.items():  # the right argument comes last, and so it prevails
            nodes = _having(near[codes == code], of, consts.get(pattern(value)))
            same[nodes] = other[nodes]
            some.append(nodes)
    return np.concatenate(some)


def _drop_twice_negated(raw: Raw, same: Indices, negations: Indices) -> Indices:
    """Replace negations of negations; return them."""
    twice: Indices = negations[raw.opcode[raw.a[negations]] == NEG]
    same[twice] = raw.a[raw.a[twice]]
    return twice


def _negate(raw: Raw, near: Indices, consts: Mapping[int, int]) -> Indices:
    """Turn products with -1 into negations; return them."""
    some = []
    for of, other in ((raw.b, raw.a), (raw.a, raw.b)):
        products = near[raw.opcode[near] == MUL]
        nodes = _having(products, of, consts.get(pattern(-1.0)))
        factor = other[nodes]
        raw.opcode[nodes], raw.a[nodes], raw.b[nodes] = NEG, factor, factor
        some.append(nodes)
    return np.concatenate(some)


def _having(nodes: Indices, of: Indices, const: int | None) -> Indices:
    """Return those of some nodes that have a const, if there is one, as one argument."""
    some: Indices = nodes[:0] if const is None else nodes[of[nodes] == const]
    return some


def _consts(raw: Raw, same: Indices) -> dict[int, int]:
    """Share the consts that are there; return them by their bits."""
    consts: dict[int, int] = {}
    nodes = np.flatnonzero(raw.opcode == CONST)
    _share_consts(raw, same, nodes, consts)
    if (same[nodes] != nodes).any():
        raw.a[:], raw.b[:] = same[raw.a], same[raw.b]
    return consts


def _share_consts(raw: Raw, same: Indices, nodes: Indices, consts: dict[int, int]) -> None:
    """Replace consts by earlier ones with the same bits, and remember the others."""
    values = raw.value[nodes]
    values[np.isnan(values)] = np.nan
    bits, first, inverse = np.unique(values.view(np.uint64), return_index=True, return_inverse=True)
    owners = [
        consts.setdefault(*pair) for pair in zip(bits.tolist(), nodes[first].tolist(), strict=True)
    ]
    if owners:
        same[nodes] = np.array(owners)[inverse]


def _keys(raw: Raw, nodes: Indices) -> Keys:
    """Return what equal ops have in common, as a number: op and arguments."""
    codes, a, b = raw.opcode[nodes], raw.a[nodes], raw.b[nodes]
    turned = _COMMUTATIVE[codes] & (a > b)
    low, high = np.where(turned, b, a), np.where(turned, a, b)
    return ((codes.astype(np.intp) << 56) | (low << 28) | high).view(np.uint64)


class EqualOps:
    """A hash table with open addressing, of which many keys are looked up at a time.

    A key is never removed: if a node's arguments are replaced, no other node can have its old key.
    """

    def __init__(self) -> None:
        """Make an empty table."""
        self._reserve(0)

    def _reserve(self, most: int) -> None:
        """Make a new table, of which so many keys fill a third to two thirds."""
        size = max(1, (most + most // 2).bit_length())
        self._shift, self._mask = np.uint64(64 - size), 2**size - 1
        self._keys = np.zeros(2**size, np.uint64)
        self._nodes = np.zeros(2**size, np.uint32)
        self._most = most  # how many keys there are at most

    def add(self, keys: Keys, nodes: Indices, same: Indices) -> Indices:
        """Add nodes, ascending; let all nodes with one key be the first of them.

        Returns:
            The nodes that are replaced.
        """
        self._most += keys.size
        if self._most > self._mask - self._mask // 4:
            full = np.flatnonzero(self._keys)
            before = self._keys[full], self._nodes[full].astype(np.intp)
            self._reserve(full.size + keys.size)
            self._insert(*before, same)
        return self._insert(keys, nodes, same)

    def _insert(self, keys: Keys, nodes: Indices, same: Indices) -> Indices:
        replaced = [nodes[:0]]
        keys, nodes, slots = self._by_slot(keys, nodes)
        while keys.size:
            free = np.flatnonzero(self._keys[slots] == 0)[::-1]  # the first node is written last
            self._keys[slots[free]] = keys[free]
            self._nodes[slots[free]] = nodes[free]
            equal = self._keys[slots] == keys
            at, own = slots[equal], nodes[equal]
            owners = self._nodes[at].astype(np.intp)
            earlier = np.flatnonzero(own < owners)[::-1]
            self._nodes[at[earlier]] = own[earlier]
            both = np.concatenate((own, owners[earlier]))
            first = self._nodes[np.concatenate((at, at[earlier]))].astype(np.intp)
            later = both != first
            same[both[later]] = first[later]
            replaced.append(both[later])
            rest = ~equal
            keys, nodes, slots = keys[rest], nodes[rest], (slots[rest] + 1) & self._mask
        return np.concatenate(replaced)

    def _by_slot(self, keys: Keys, nodes: Indices) -> tuple[Keys, Indices, Indices]:
        """Return keys and their nodes in the order of their slots, and these.

        Memory is reached much faster in this order. Equal keys stay in the order of their nodes.
        """
        slots = (keys * _FACTOR) >> self._shift
        pairs = np.sort((slots << np.uint64(32)) | np.arange(keys.size, dtype=np.uint64))
        order = (pairs & np.uint64(0xFFFFFFFF)).view(np.intp)
        return keys[order], nodes[order], (pairs >> np.uint64(32)).view(np.intp)


_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)


def _growth(graph: Columns, derivation: Derivation, raw: Raw, same: Indices) -> Growth:
    """Return the new nodes that are left, numbered without gaps."""
    count, total = len(graph), same.size
    is_left = same == np.arange(total)
    is_left[:count] = True
    left = np.flatnonzero(is_left[count:]) + count
    number = np.cumsum(is_left, dtype=np.uint32)
    number -= 1
    return Growth(
        graph=graph,
        derivation=derivation,
        opcode=raw.opcode[left].tobytes(),
        first=_column("I", number[raw.a[left]]),
        second=_column("I", number[raw.b[left]]),
        value=_column("d", np.where(raw.opcode[left] == CONST, raw.value[left], 0.0)),
        gradients=_column("I", number[same[raw.gradients]]),
    )


def _column(typecode: str, values: NDArray[Any]) -> array[Any]:
    column = array(typecode)
    column.frombytes(values.data.cast("B"))
    return column
