"""Value: a number that remembers how it was computed, so that it can be differentiated."""

from __future__ import annotations

from itertools import count
from numbers import Real
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Final, Never, TypeAlias

from mgraph.locks import ThreadLock
from mgraph.ops import CONST, INPUT, OPS, PARAM, Op

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Operand: TypeAlias = "Value | float"

_numbers = count()


class _Pickle:
    """Marks which Values came out of one pickle: all of them refer to one object of this class.

    Values count from zero in each process, so the numbers in a pickle only say in which order *its*
    Values were created. When it is loaded, all of them come after the Values of this process that
    exist already, and before those still to come.
    """

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = next(_numbers)

    def __reduce__(self) -> tuple[type[_Pickle], tuple[()]]:
        return _Pickle, ()


_HERE: Final = _Pickle()
"""What Values that are pickled by this process refer to."""


_LOCK: Final = ThreadLock()
"""For `backward`: all graphs of a process may share leaves."""


def mimebundle(thing: object) -> dict[str, str]:
    """Return what a notebook shows of a Value or a Graph: its text, and its picture if possible.

    This is the only import of a module above this one; programs without pictures never pay for it.
    """
    from mgraph.draw import notebook  # noqa: PLC0415 - imported on first display

    return {"text/plain": repr(thing), **notebook.picture(thing)}


class Label(str):
    """A name that need not be an id, and that several Values may have."""

    __slots__ = ()


class Value:
    """A scalar that remembers how it was computed, so that it can be differentiated.

    It works like micrograd's `Value`. `Value(2.0)` is an input, `Value.param(2.0)` is a trainable
    parameter, and a plain number in an expression becomes a const, which gets no gradient. Programs
    that draw micrograd's graphs, or go backward node by node, can read `_prev` (the arguments
    without repeats) and `_op` (such as `"+"` and `"tanh"`), and call `_backward()`.

    The operators `+ - * / **`, `abs()`, the methods below and the functions `mgraph.max`,
    `mgraph.min` and `mgraph.sum` return new Values. Arithmetic never raises: dividing by zero or
    leaving a function's domain gives an infinity or NaN, as in IEEE 754. Two Values are equal only
    if they are the same object.

    Values can be pickled and copied, together with everything that they were computed from. Threads
    can build Values and call `backward` at the same time, also on graphs that share leaves: calls
    of `backward` wait for each other. Read gradients that several threads add to when all are done.

    Attributes:
        name: The id of the node in a graph file; None to have one assigned (`n0`, `n1`, …).
    """

    __slots__ = ("__weakref__", "_args", "_data", "_grad", "_kind", "_number", "_rule", "name")

    # Makes NumPy leave operators to us: np.float64(2.0) * value is a Value.
    __array_ufunc__: ClassVar[None] = None

    math: ClassVar[str] = "libm"
    """Who rounds exp, tanh and so on: the machine's math library, or `"exact"` math."""

    _args: tuple[Value, ...]
    _data: float
    _grad: float
    _kind: str
    _number: int | tuple[int, ...]  # orders Values by creation; a tuple if it came from a pickle
    _rule: Op | None  # None for a leaf
    name: str | None

    def __init__(  # noqa: D417 - what is unknown is refused
        self, data: float, *, name: str | None = None, label: str = "", **unknown: Never
    ) -> None:
        """Make an input.

        Args:
            data: Its value, any real number; stored as a float.
            name: The id of the node in a graph file; None to have one assigned.
            label: A name that may be any text, instead of `name`.

        Raises:
            TypeError: `data` is not a number, `label` is not a text, or both `name` and `label` are
                given.
        """
        if unknown:
            raise _unknown_argument(next(iter(unknown)))
        self._data = data if type(data) is float else _float(data)
        self._grad = 0.0
        self._number = next(_numbers)
        self._rule = None
        self._args = ()
        self.name = name
        self._kind = INPUT
        if label:
            if name is not None:
                message = "a Value takes name= or label=, not both"
                raise TypeError(message)
            self.label = label

    @classmethod
    def input(
        cls, data: float, *, name: str | None = None, label: str = "", **unknown: Never
    ) -> Value:
        """Make an input, which each run can set; `data`, `name` and `label` are as for `Value`."""
        return cls(data, name=name, label=label, **unknown)

    @classmethod
    def param(
        cls, data: float, *, name: str | None = None, label: str = "", **unknown: Never
    ) -> Value:
        """Make a trainable parameter; `data`, `name` and `label` are as for `Value`."""
        value = cls(data, name=name, label=label, **unknown)
        value._kind = PARAM
        return value

    @classmethod
    def const(
        cls, data: float, *, name: str | None = None, label: str = "", **unknown: Never
    ) -> Value:
        """Make a constant; `data`, `name` and `label` are as for `Value`, and `grad` stays 0.0."""
        value = cls(data, name=name, label=label, **unknown)
        value._kind = CONST
        return value

    @property
    def op(self) -> str:
        """The name of the op, as in a graph file; `"input"`, `"param"` or `"const"` for a leaf."""
        return self._kind

    @property
    def args(self) -> tuple[Value, ...]:
        """The Values that the op was applied to, in order, with repeats; empty for a leaf."""
        return self._args

    @property
    def label(self) -> str:
        """The name as micrograd's lecture has it: any text, and `""` if there is none.

        In a graph file it is the node's id, if it can be one and no other Value has it; otherwise
        an id is assigned, and the file has the text as the node's `label`.
        """
        return "" if self.name is None else str(self.name)

    @label.setter
    def label(self, label: str) -> None:
        if not isinstance(label, str):
            message = f"a label is a text, not {type(label).__name__}"
            raise TypeError(message)
        self.name = Label(label) if label else None

    @property
    def data(self) -> float:
        """The value, a float. Setting it does not change what was computed from it before."""
        return self._data

    @data.setter
    def data(self, data: float) -> None:
        self._data = _float(data)

    @property
    def grad(self) -> float:
        """The gradient: how fast the output of `backward` changes with this value.

        A float, in units of the output per unit of this value; 0.0 before the first `backward`.
        """
        return self._grad

    @grad.setter
    def grad(self, grad: float) -> None:
        self._grad = _float(grad)

    def backward(self, seed: float = 1.0) -> None:
        """Compute the gradients of everything that this value was computed from.

        The gradients of leaves accumulate, as in PyTorch: a second call adds to their `grad`, so
        set it to 0.0 between training steps. The gradients of all other nodes start at 0.0 in each
        call.

        Args:
            seed: The gradient that this value starts with.

        Raises:
            TypeError: `seed` is not a number.
        """
        seeds = ((self, _float(seed)),)
        with _LOCK.lock:
            sweep(seeds)

    @classmethod
    def _apply(cls, op: Op, args: tuple[Value, ...]) -> Value:
        """Make the Value of an op in the math of this class."""
        return apply(op, args)

    # --- what programs for micrograd read ---

    @property
    def _prev(self) -> tuple[Value, ...]:
        """The arguments in order, without repeats."""
        return tuple(dict.fromkeys(self._args))

    @property
    def _op(self) -> str:
        """The op as micrograd shows it, such as `"+"`, `"**2"` or `"tanh"`; empty for a leaf."""
        if self._rule is None:
            return ""
        symbol = _SYMBOLS.get(self._kind, self._kind)
        if self._kind == "pow" and self._args[1]._kind == CONST:
            return symbol + repr(self._args[1]._data).removesuffix(".0")
        return symbol

    @property
    def _backward(self) -> Callable[[], None]:
        """A function that adds to the gradients of the arguments what this value passes on."""
        return self._push

    @_backward.setter
    def _backward(self, _: object) -> Never:
        message = (
            "_backward can't be assigned: it follows from the op, whose derivatives are in the "
            "table of `mgraph ops`; to check an engine of your own, use `mgraph grade`"
        )
        raise AttributeError(message)

    def _push(self) -> None:
        consts = [(arg, arg._grad) for arg in self._args if arg._kind == CONST]
        if self._rule is not None:
            _pass_on(self, self._rule)
        for const, grad in consts:  # they have no adjoint
            const._grad = grad

    def __getstate__(self) -> tuple[_Pickle, Any]:
        """Return what a pickle holds of this Value; its arguments are in the same pickle."""
        return _HERE, super().__getstate__()

    def __setstate__(self, state: tuple[_Pickle, Any]) -> None:
        """Restore a Value from a pickle, or make it a copy."""
        pickle, (attributes, slots) = state
        for name, content in {**(attributes or {}), **slots}.items():
            setattr(self, name, content)
        if pickle is _HERE:  # copy.copy
            self._number = next(_numbers)
        else:
            self._number = pickle.number, *_as_tuple(self._number)

    def __repr__(self) -> str:
        """Show primal and adjoint, as micrograd does, and the name or label if there is one."""
        keyword = "label" if isinstance(self.name, Label) else "name"
        name = f", {keyword}={self.name!r}" if self.name is not None else ""
        return f"Value(data={self._data}, grad={self._grad}{name})"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """Show the graph that this value was computed from, in a notebook."""
        return mimebundle(self)

    # --- operators; a plain number on either side becomes a const ---

    def __add__(self, other: Operand) -> Value:
        """Return self + other."""
        return _binary(_ADD, self, other)

    def __radd__(self, other: float) -> Value:
        """Return other + self."""
        return _binary(_ADD, other, self)

    def __sub__(self, other: Operand) -> Value:
        """Return self - other."""
        return _binary(_SUB, self, other)

    def __rsub__(self, other: float) -> Value:
        """Return other - self."""
        return _binary(_SUB, other, self)

    def __mul__(self, other: Operand) -> Value:
        """Return self * other."""
        return _binary(_MUL, self, other)

    def __rmul__(self, other: float) -> Value:
        """Return other * self."""
        return _binary(_MUL, other, self)

    def __truediv__(self, other: Operand) -> Value:
        """Return self / other."""
        return _binary(_DIV, self, other)

    def __rtruediv__(self, other: float) -> Value:
        """Return other / self."""
        return _binary(_DIV, other, self)

    def __pow__(self, other: Operand) -> Value:
        """Return self ** other."""
        return _binary(_POW, self, other)

    def __rpow__(self, other: float) -> Value:
        """Return other ** self."""
        return _binary(_POW, other, self)

    def __neg__(self) -> Value:
        """Return -self."""
        return apply(_NEG, (self,))

    def __pos__(self) -> Value:
        """Return self: + does nothing."""
        return self

    def __abs__(self) -> Value:
        """Return |self|; the derivative at 0 is 0."""
        return apply(_ABS, (self,))

    def max(self, other: Operand) -> Value:
        """Return the larger of this and `other`; if they are equal, each gets half the gradient."""
        return maximum(self, other)

    def min(self, other: Operand) -> Value:
        """Return the smaller of this and `other`; if equal, each gets half the gradient."""
        return minimum(self, other)

    def sqrt(self) -> Value:
        """Return the square root."""
        return apply(OPS["sqrt"], (self,))

    def exp(self) -> Value:
        """Return e to the power of this value."""
        return apply(OPS["exp"], (self,))

    def log(self) -> Value:
        """Return the natural logarithm."""
        return apply(OPS["log"], (self,))

    def log1p(self) -> Value:
        """Return ln(1 + x), where x is this value; exact for small x, too."""
        return apply(OPS["log1p"], (self,))

    def expm1(self) -> Value:
        """Return eˣ - 1, where x is this value; exact for small x, too."""
        return apply(OPS["expm1"], (self,))

    def sin(self) -> Value:
        """Return the sine of this value, an angle in radians."""
        return apply(OPS["sin"], (self,))

    def cos(self) -> Value:
        """Return the cosine of this value, an angle in radians."""
        return apply(OPS["cos"], (self,))

    def tan(self) -> Value:
        """Return the tangent of this value, an angle in radians."""
        return apply(OPS["tan"], (self,))

    def asin(self) -> Value:
        """Return the arc sine, in radians."""
        return apply(OPS["asin"], (self,))

    def acos(self) -> Value:
        """Return the arc cosine, in radians."""
        return apply(OPS["acos"], (self,))

    def atan(self) -> Value:
        """Return the arc tangent, in radians."""
        return apply(OPS["atan"], (self,))

    def atan2(self, other: Operand) -> Value:
        """Return the angle of the point (x, y), in radians; y is this value, x is `other`."""
        return compute(OPS["atan2"], (self, other))

    def sinh(self) -> Value:
        """Return the hyperbolic sine."""
        return apply(OPS["sinh"], (self,))

    def cosh(self) -> Value:
        """Return the hyperbolic cosine."""
        return apply(OPS["cosh"], (self,))

    def tanh(self) -> Value:
        """Return the hyperbolic tangent."""
        return apply(OPS["tanh"], (self,))

    def sigmoid(self) -> Value:
        """Return 1/(1 + e⁻ˣ), where x is this value."""
        return apply(OPS["sigmoid"], (self,))

    def softplus(self) -> Value:
        """Return ln(1 + eˣ), where x is this value."""
        return apply(OPS["softplus"], (self,))

    def relu(self) -> Value:
        """Return this value if it is above zero, else 0; the slope at 0 is 0."""
        return apply(OPS["relu"], (self,))

    def erf(self) -> Value:
        """Return the error function of this value."""
        return apply(OPS["erf"], (self,))

    def gate(self, other: Operand) -> Value:
        """Return `other` if this value is above zero, else 0; only `other` gets a gradient."""
        return compute(OPS["gate"], (self, other))


_NUMBER: Final = attrgetter("_number")
_ADD: Final = OPS["add"]
_SUB: Final = OPS["sub"]
_MUL: Final = OPS["mul"]
_DIV: Final = OPS["div"]
_POW: Final = OPS["pow"]
_NEG: Final = OPS["neg"]
_ABS: Final = OPS["abs"]

_SYMBOLS: Final = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**", "relu": "ReLU"}
"""Ops that micrograd shows by another name than ours."""


def _float(data: Any) -> float:  # noqa: ANN401 - numbers of any library
    if type(data) is float:
        return data
    if isinstance(data, (str, bytes, Value)):
        message = f"a Value holds a number, not {type(data).__name__}"
        raise TypeError(message)
    try:
        return float(data)
    except OverflowError:  # an int too large for a double
        return float("inf") if data > 0 else float("-inf")


_ELSEWHERE: Final = {
    "_children": "operators and methods make the Values of ops, for example x * y and x.tanh()",
    "_op": "operators and methods make the Values of ops, for example x * y and x.tanh()",
    "id": "name it with name=…",
    "requires_grad": "Value.param(…) makes a trainable parameter",
}
"""Keyword arguments of other engines, and what to write instead."""


def _unknown_argument(keyword: str) -> TypeError:
    hint = _ELSEWHERE.get(keyword, "a Value takes its data and name=…")
    return TypeError(f"Value got an unexpected keyword argument {keyword!r}: {hint}")


def leaf(op: str, data: float, name: str | None = None, cls: type[Value] = Value) -> Value:
    """Make a leaf of the given kind."""
    value = cls.__new__(cls)
    value._data = data if type(data) is float else _float(data)
    value._grad = 0.0
    value._number = next(_numbers)
    value._rule = None
    value._args = ()
    value.name = name
    value._kind = op
    return value


def compute(op: Op, operands: tuple[Operand, ...]) -> Value:
    """Make the Value of an op applied to Values of any math, or numbers, which become consts.

    Raises:
        TypeError: One of them is neither, or they were computed in different math.
    """
    for operand in operands:
        if type(operand) is not Value:
            break
    else:
        return apply(op, operands)  # type: ignore[arg-type]
    args = tuple([x if isinstance(x, Value) else as_value(x) for x in operands])
    for arg in args:
        if arg.math != Value.math:
            return arg._apply(op, args)
    return apply(op, args)


def apply(op: Op, args: tuple[Value, ...], cls: type[Value] = Value) -> Value:
    """Make the Value of an op applied to its arguments; their number and math are not checked."""
    step = op.step
    if op.fold:
        primal = args[0]._data
        for arg in args[1:]:
            primal = step(primal, arg._data)
    elif len(args) == 1:
        primal = step(args[0]._data)
    else:
        primal = step(args[0]._data, args[1]._data)
    return node(op, primal, args, cls)


def node(op: Op, primal: float, args: tuple[Value, ...], cls: type[Value] = Value) -> Value:
    """Make the Value of an op whose primal is known."""
    value = cls.__new__(cls)
    value._data = primal
    value._grad = 0.0
    value._number = next(_numbers)
    value._rule = op
    value._args = args
    value.name = None
    value._kind = op.name
    return value


def _binary(op: Op, a: Any, b: Any) -> Value:  # noqa: ANN401 - operands of any type
    if type(a) is not Value or type(b) is not Value:
        pair = as_operand(a), as_operand(b)
        if None in pair:
            return NotImplemented  # type: ignore[no-any-return]
        a, b = pair
    return node(op, op.step(a._data, b._data), (a, b))


def as_operand(x: object) -> Value | None:
    """Return a Value for an operand: a number becomes a const, anything else is refused."""
    if isinstance(x, Value):
        return x
    if type(x) in (float, int) or isinstance(x, Real):
        return leaf(CONST, _float(x))
    return None


def as_value(x: Operand) -> Value:
    """Return a Value as it is, and a plain number as a const.

    Raises:
        TypeError: It is neither.
    """
    value = as_operand(x)
    if value is None:
        message = f"expected a Value or a number, not {type(x).__name__}"
        raise TypeError(message)
    return value


def maximum(a: Operand, b: Operand, *more: Operand) -> Value:
    """Return the larger of `a` and `b`; if they are equal, each gets half the gradient.

    `more` are compared with the result from left to right, each in a node of its own.

    Raises:
        TypeError: One of them is neither a Value nor a number.
    """
    return _of_pairs(OPS["max"], a, b, more)


def minimum(a: Operand, b: Operand, *more: Operand) -> Value:
    """Return the smaller of `a` and `b`; if they are equal, each gets half the gradient.

    `more` are compared with the result from left to right, each in a node of its own.

    Raises:
        TypeError: One of them is neither a Value nor a number.
    """
    return _of_pairs(OPS["min"], a, b, more)


def _of_pairs(op: Op, a: Operand, b: Operand, more: Iterable[Operand]) -> Value:
    value = compute(op, (a, b))
    for operand in more:
        value = compute(op, (value, operand))
    return value


def total(values: Iterable[Operand]) -> Value:
    """Return the sum of one or more values as one node, added from left to right.

    Args:
        values: Values or numbers.

    Raises:
        TypeError: One of them is neither a Value nor a number.
        ValueError: There are none.
    """
    args = tuple(values)
    if not args:
        message = "mgraph.sum needs at least one value"
        raise ValueError(message)
    return compute(OPS["sum"], args)


for _function, _name in ((maximum, "max"), (minimum, "min"), (total, "sum")):
    _function.__module__ = "mgraph"  # errors, help and pickles call them what users do
    _function.__name__ = _function.__qualname__ = _name


def ancestry(roots: Iterable[Value]) -> list[Value]:
    """Return some values and everything that they were computed from, in creation order."""
    seen = dict.fromkeys(roots)
    stack = [value._args for value in seen]
    while stack:
        for arg in stack.pop():
            if arg not in seen:
                seen[arg] = None
                if arg._args:
                    stack.append(arg._args)
    try:
        return sorted(seen, key=_NUMBER)
    except TypeError:  # some came from a pickle, and their numbers are tuples
        return sorted(seen, key=lambda value: _as_tuple(value._number))


def _as_tuple(number: int | tuple[int, ...]) -> tuple[int, ...]:
    return number if isinstance(number, tuple) else (number,)


def sweep(seeds: Sequence[tuple[Value, float]], tape: Sequence[Value] | None = None) -> None:
    """Propagate adjoints from some values to everything that they were computed from.

    Users are visited before what they use, in descending creation order, so each adjoint is
    complete when it is passed on; contributions add up in the order of users and arguments.

    Args:
        seeds: The adjoint that each of these values is given.
        tape: Their `ancestry`, if it is already known.

    Source:
        Griewank & Walther, Evaluating Derivatives, 2nd ed., ch. 3.
    """
    if tape is None:
        tape = ancestry(value for value, _ in seeds)
    leaves = []
    for value in tape:
        if not value._args:
            leaves.append((value, value._grad))
        value._grad = 0.0
    for value, seed in seeds:
        value._grad += seed
    for value in reversed(tape):
        if value._rule is not None:
            _pass_on(value, value._rule)
    for value, grad in leaves:
        # The sweep adds to consts, too, but they have no adjoint.
        value._grad = grad if value._kind == CONST else grad + value._grad


def _pass_on(value: Value, op: Op) -> None:
    """Add a value's contributions to the adjoints of its arguments."""
    args = value._args
    if len(args) == 2 and not op.fold:  # noqa: PLR2004 - most nodes are of this kind
        a, b = args
        adjoint = value._grad
        partial_a, partial_b = op.step_partials(a._data, b._data, value._data)
        a._grad += adjoint * partial_a
        b._grad += adjoint * partial_b  # +=: a and b may be the same Value
    elif op.fold:
        share = value._grad * op.step_partials(0.0, 0.0, 0.0)[1]  # the same for every argument
        for arg in args:
            arg._grad += share
    else:
        (a,) = args
        a._grad += value._grad * op.step_partials(a._data, value._data)[0]
