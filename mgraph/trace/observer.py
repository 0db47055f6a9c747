"""Tell from a call, or from a running function, which node a Value is."""

from __future__ import annotations

import math
from inspect import CO_VARARGS, getattr_static, unwrap
from itertools import chain, islice
from types import FunctionType, MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from mgraph.ops import CONST, OPS
from mgraph.trace.attributes import Attributes
from mgraph.trace.nodes import LEAF, UNKNOWN, Nodes, attribute
from mgraph.trace.sites import Sites, callers, program_frame
from mgraph.trace.spellings import PARENTS, SYMBOLS
from mgraph.value import Value
from mgraph.value import ancestry as values_before

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import CodeType, FrameType

    from mgraph.trace.nodes import TracedNode
    from mgraph.trace.sites import Site
    from mgraph.trace.spellings import Spelling, Spellings

_LISTS: Final = (list, tuple)
_COLLECTIONS: Final = (list, tuple, set, frozenset)
_PLAIN: Final = (float, int)
_NEAR: Final = 4  # most calls between a function and the constructor that it calls through helpers
_HERE: Final = __file__.rpartition("observer")[0]


class Observer:
    """Makes the nodes of Values: from the op that computed them, or from who constructed them.

    Attributes:
        spellings: What the names of the engine mean.
        attributes: Reads the numbers of Values.
        nodes: The nodes of all existing Values.
        sites: The places at which Values were made.
        classes: The classes that are watched.
        sees_all: Whether the recorder saw every Value of the program that has operands.
    """

    def __init__(self, spellings: Spellings) -> None:
        """Start without classes and nodes."""
        self.spellings = spellings
        self.attributes = Attributes(spellings)
        self.nodes = Nodes()
        self.sites = Sites()
        self.classes: tuple[type, ...] = ()
        self.sees_all = False
        self._known: dict[int, tuple[CodeType, int, Sequence[tuple[object, Any]]]] = {}

    # --- ops ---------------------------------------------------------------------------------

    def match(
        self, meanings: Sequence[Spelling], given: Sequence[Any]
    ) -> tuple[Spelling, Sequence[Any]] | None:
        """Return the meaning that takes such arguments, and the operands; None if none does."""
        for meaning in meanings:
            operands = self.operands(meaning, given)
            if operands is not None:
                return meaning, operands
        return None

    def operands(self, meaning: Spelling, given: Sequence[Any]) -> Sequence[Any] | None:
        """Return the operands in order; None if the op does not take such arguments."""
        if meaning.has_argument:
            if not given or not _is_same(given[-1], meaning.argument):
                return None
            given = given[:-1]
        if meaning.takes_lists:
            given = [*chain.from_iterable(x if type(x) in _LISTS else (x,) for x in given)]
        if not meaning.takes(len(given)):
            return None
        has_value = False
        for operand in given:
            if type(operand) in _PLAIN:
                continue
            if isinstance(operand, self.classes):
                has_value = True
            elif not is_number(operand):
                return None
        return given if has_value else None

    def computed(
        self, meaning: Spelling, operands: Sequence[Any], result: object, caller: FrameType
    ) -> None:
        """Record the result of an op if it is a new Value; x + 0 or x += 1 may return x itself."""
        if self.nodes.of(result) is not None:
            if result is operands[0] and len(operands) > 1:
                self.nodes.change(result, self.sites.of(caller))
            return
        for operand in operands:
            if operand is result:
                return
        self._add(result, meaning.op, meaning.is_reflected, operands, caller)

    def _add(
        self, value: object, op: str, is_reflected: bool,  # noqa: FBT001 - of the meaning
        operands: Sequence[Any], caller: FrameType,
    ) -> TracedNode:  # fmt: skip
        args = tuple([self.node_of(operand) for operand in operands])
        node = self.nodes.add(value, op, args[::-1] if is_reflected else args)
        self.nodes.inside.pop(id(value), None)
        node.site = self.sites.of(caller)
        return node

    def node_of(self, operand: object) -> TracedNode:
        """Return the node of an operand; a Value that was not recorded is a leaf."""
        node = self.nodes.of(operand)
        if node is None:
            if not isinstance(operand, self.classes):
                return self.nodes.const(operand)
            node = self._unseen(operand)
        if node.op == LEAF:
            node.primal = self.attributes.data(operand)
        return node

    def _unseen(self, value: object) -> TracedNode:
        """Return the node of a Value that no op returned and nobody outside of one constructed."""
        name = type(value).__name__
        made = self.nodes.inside.pop(id(value), None)
        if made is not None:  # made within an op, which may have kept it
            if not self._holds_values(value):
                node = self.nodes.add(value, CONST)
                node.primal = self.attributes.data(value)
                return node
            places = f"{made[0]}, called by {made[1]}"
            return self._unknown(value, (), f"{name}(…) in {places}, within another op")
        if self.sees_all and has_parents(value):
            use = self.sites.of(program_frame())
            text = (
                f"something that called neither an op nor {name}(…), such as a copy; used in {use}"
            )
            return self._unknown(value, (), text)
        return self.nodes.add(value, LEAF)

    def _unknown(self, value: object, args: tuple[TracedNode, ...], maker: str) -> TracedNode:
        node = self.nodes.add(value, UNKNOWN, args)
        node.maker = maker
        return node

    def own(self, value: Value) -> TracedNode:
        """Return the node of a Value of mgraph, which knows its own arguments."""
        nodes: dict[Value, TracedNode] = {}
        for ancestor in values_before([value]):
            args = tuple([nodes[arg] for arg in ancestor.args])
            known = self.nodes.of(ancestor)
            nodes[ancestor] = known or self.nodes.add(ancestor, ancestor.op, args)
        return nodes[value]

    # --- Values that no method made ------------------------------------------------------------

    def constructed(self, value: object, args: list[Any], caller: FrameType) -> None:
        """Record a Value that was constructed outside of any known op.

        It is a leaf, or it was computed by a function or an unknown method. Then the constructor
        was given the operands, and the name of the function tells the op.
        """
        self.nodes.inside.pop(id(value), None)
        matched = self.match(self.spellings.meanings_of(type(value).__name__), args)
        if matched:  # class Max(Value)
            meaning, operands = matched
            self._add(value, meaning.op, False, operands, caller)  # noqa: FBT003
            return
        children = self._children(value, args)
        if not self._is_called(value, args, children, caller):
            if children:
                self._not_an_op(value, args, children, caller)
            else:
                self._leaf(value, args, caller)

    def _is_called(
        self, value: object, args: list[Any], children: list[Any], caller: FrameType
    ) -> bool:
        """Record a Value whose constructor was called by a function that is named like an op."""
        for frame in islice(callers(caller), _NEAR):
            given = _arguments(frame)
            meanings = self._meanings_in(frame)
            if not meanings and given and isinstance(given[0], type):  # Mul.apply(x, y)
                meanings, given = self.spellings.meanings_of(given[0].__name__), given[1:]
            matched = self.match(meanings, given)
            if matched is None:
                continue
            meaning, operands = matched
            if children:
                fits = self._are_same(operands, children)
            else:  # then the function connects them in another way, such as a tape
                is_given = any(x is given for x in args for given in operands)
                fits = not is_given and self._is_result(meaning, operands, value)
            if fits:
                outer = frame.f_back or frame
                self._add(value, meaning.op, meaning.is_reflected, operands, outer)
                return True
        return False

    def _meanings_in(self, frame: FrameType) -> Sequence[Spelling]:
        """Return the meanings of a running function: of its own name, or of one that refers to it.

        A name may be assigned to a class later: `Value.tanh = lambda x: …`.
        """
        name = frame.f_code.co_name
        meanings = self.spellings.meanings_of(name)
        if meanings or (name.startswith("<") and name != "<lambda>"):
            return meanings
        for member, spellings in self._members_with(frame):
            if _is_code_of(member, frame):
                return spellings
        return ()

    def _members_with(self, frame: FrameType) -> Sequence[tuple[object, Sequence[Spelling]]]:
        """Return the functions with the code of a frame that are called like an op."""
        code = frame.f_code
        spaces = [vars(cls) for cls in self.classes if cls is not Value]
        spaces.append(MappingProxyType(frame.f_globals))
        size = sum(map(len, spaces))
        known = self._known.get(id(code))
        if known is None or known[0] is not code or known[1] != size:
            items = chain.from_iterable([*space.items()] for space in spaces)
            members = [(x, name) for name, x in items if _code_of(x) is code]
            pairs = [(x, self.spellings.meanings_of(name)) for x, name in members]
            known = self._known[id(code)] = code, size, [pair for pair in pairs if pair[1]]
        return known[2]

    def _is_result(self, meaning: Spelling, operands: Sequence[Any], value: object) -> bool:
        """Whether a Value holds what mgraph computes for an op, within single precision."""
        if meaning.is_reflected:
            operands = operands[::-1]
        try:
            numbers = [
                self.attributes.data_number(x) if isinstance(x, self.classes) else float(x)
                for x in operands
            ]
            got = self.attributes.data_number(value)
            want = OPS[meaning.op].value([x for x in numbers if x is not None])
        except (ArithmeticError, IndexError, TypeError, ValueError):
            return False
        return got is not None and (got == want or math.isclose(got, want, rel_tol=1e-6))

    def _not_an_op(
        self, value: object, args: list[Any], children: list[Any], caller: FrameType
    ) -> None:
        op = self._labelled(args, children, caller)
        if op is not None:
            self._add(value, op, False, children, caller)  # noqa: FBT003
            return
        nodes = tuple([self.node_of(child) for child in children])
        maker = f"{type(value).__name__}(…) in {self.sites.of(caller)}"
        outer = self._outside(caller)
        if outer is not None:
            maker += f", called by {outer}"
        self._unknown(value, nodes, maker)

    def _leaf(self, value: object, args: list[Any], caller: FrameType) -> None:
        given = [x for x in _arguments(caller) if isinstance(x, self.classes) and x is not value]
        is_const = self._is_converted(args, given, caller)
        node = self.nodes.add(value, CONST if is_const else LEAF)
        node.primal = self.attributes.data(value)
        node.site = self.sites.of(caller)
        node.maker = type(value).__name__
        if given and not is_const:
            known = (self.nodes.of(x) for x in given)
            node.near = tuple([x for x in known if x is not None])

    def _outside(self, caller: FrameType) -> Site | None:
        """Return the call of the function around a helper or a method of the engine."""
        methods = self.method_codes()
        for frame in islice(callers(caller.f_back), _NEAR):
            if frame.f_code.co_filename.startswith(_HERE):
                continue
            if frame.f_code.co_name == "<module>":
                return None
            if frame.f_code not in methods:
                return self.sites.of(frame)
        return None

    def method_codes(self) -> list[CodeType]:
        """Return the code of the methods of the engine's classes."""
        members = chain.from_iterable(vars(cls).values() for cls in self.classes)
        return [code for code in map(_code_of, members) if code is not None]

    def _children(self, value: object, args: list[Any]) -> list[Any]:
        """Return the Values passed to a constructor, without a first one that is only copied."""
        children: list[object] = []
        for i, arg in enumerate(args):
            if i or type(arg) is not type(value):
                children.extend(x for x in _flat(arg) if isinstance(x, self.classes))
        return children

    def _are_same(self, operands: Sequence[Any], children: list[Any]) -> bool:
        values = {id(operand) for operand in operands if isinstance(operand, self.classes)}
        return values == {id(child) for child in children}

    def _labelled(self, args: list[Any], children: list[Any], caller: FrameType) -> str | None:
        """Return the op that a label among the arguments names, if the function has no name."""
        if not caller.f_code.co_name.startswith("<") or any(
            isinstance(arg, (set, frozenset)) and len(arg) > 1 for arg in args
        ):
            return None
        for text in args:
            if isinstance(text, str):
                for meaning in self.spellings.meanings_of(SYMBOLS.get(text, text)):
                    if meaning.takes(len(children)):
                        return meaning.op
        return None

    def _is_converted(self, args: list[Any], given: list[Any], caller: FrameType) -> bool:
        """Whether a method, or a function with the name of an op, converted a number to a Value."""
        name = caller.f_code.co_name
        if name == self.spellings.number:
            return True
        if not given:
            return False
        if self.spellings.meanings_of(name) and args:
            return any(x is args[0] for x in _arguments(caller))
        method = getattr_static(type(_arguments(caller)[0]), name, None)
        return _code_of(method) is caller.f_code

    def _holds_values(self, value: object) -> bool:
        """Whether a Value refers to others, except by its gradient."""
        held = getattr(value, "__dict__", None)
        if held is None:
            return has_parents(value)
        grad = self.attributes.grad(value)
        parts = chain.from_iterable(_flat(x) for x in held.values() if x is not grad)
        return any(isinstance(x, self.classes) for x in parts)


def has_parents(value: object) -> bool:
    """Whether an attribute of a Value that usually holds operands is not empty."""
    name = attribute(value, PARENTS)
    parents = getattr(value, name) if name else ()
    return isinstance(parents, (*_COLLECTIONS, dict)) and len(parents) > 0


def is_number(x: object) -> bool:
    """Whether an operand is a number, or an array of one."""
    if type(x) in _PLAIN:
        return True
    has = hasattr(type(x), "__float__") or hasattr(type(x), "__index__")
    return has and getattr(x, "size", 1) == 1


def _flat(thing: object) -> Iterator[object]:
    """Yield an object, or what a collection of objects or pairs holds."""
    if not isinstance(thing, (*_COLLECTIONS, dict)):
        yield thing
        return
    for part in [*thing]:
        if isinstance(part, _LISTS):
            yield from part
        else:
            yield part


def _is_same(x: object, y: object) -> bool:
    return type(x) is type(y) and x == y


def _function(member: object) -> FunctionType | None:
    """Return the Python function of a method, without what wraps it; None if there is none."""
    function = getattr(member, "__func__", member)
    function = unwrap(function) if isinstance(function, FunctionType) else None
    return function if isinstance(function, FunctionType) else None


def _code_of(member: object) -> CodeType | None:
    function = _function(member)
    return function.__code__ if function else None


def _is_code_of(member: object, frame: FrameType) -> bool:
    """Whether a frame runs this function, and not another one with the same code."""
    function = _function(member)
    if function is None:
        return False
    local = frame.f_locals
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return all(local.get(name) is cell.cell_contents for name, cell in cells if name in local)


def _arguments(frame: FrameType) -> list[Any]:
    """Return the current values of the positional arguments of a running function."""
    code, local = frame.f_code, frame.f_locals
    names = code.co_varnames[: code.co_argcount]
    given = [local[name] for name in names if name in local]
    if code.co_flags & CO_VARARGS:
        rest = code.co_varnames[code.co_argcount + code.co_kwonlyargcount]
        given.extend(local.get(rest, ()))
    return given
