"""Read the primal and the adjoint of a Value, whatever its class calls them."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from mgraph.errors import quoted
from mgraph.grade.driver_spellings import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgraph.trace.spellings import Spellings

_DEEPEST: Final = 4  # a gradient that is a Value, whose data is an array, say


class Attributes:
    """Finds the attributes of Values by their usual names, and remembers them for each class.

    An attribute may also be a method without arguments, such as `item()`.
    """

    def __init__(self, spellings: Spellings) -> None:
        """Take the names to look for."""
        self.data_names = spellings.data
        self.grad_names = spellings.grad
        self._data: dict[type, str] = {}
        self._grad: dict[type, str] = {}
        self._names: dict[tuple[type, Sequence[str], int], Sequence[str]] = {}

    def data(self, value: object) -> Any:  # noqa: ANN401 - whatever the engine stores
        """Return the primal as the engine has it; None if it has none."""
        return self._read(value, self.data_names, self._data)

    def grad(self, value: object) -> Any:  # noqa: ANN401
        """Return the adjoint as the engine has it; None if it has none."""
        return self._read(value, self.grad_names, self._grad)

    def data_name(self, value: object) -> str | None:
        """Return the attribute with the primal; None if it is not known, or a method."""
        self.data(value)
        name = self._data.get(type(value))
        is_method = name is not None and callable(getattr(type(value), name, None))
        return None if is_method else name

    def data_number(self, value: object) -> float | None:
        """Return the primal as a double; None if there is none.

        Raises:
            ValueError: It is not a number; the message says what it is.
        """
        name = self._data.get(type(value))
        x = getattr(value, name, None) if name is not None else None
        return x if type(x) is float else number_of(self.data(value))

    def grad_number(self, value: object) -> float | None:
        """Return the adjoint as a double; None if there is none. It may be a Value itself.

        Raises:
            ValueError: It is not a number; the message says what it is.
        """
        name = self._grad.get(type(value))
        x = getattr(value, name, None) if name is not None else None
        if type(x) is float:
            return x
        x = self.grad(value)
        for _ in range(_DEEPEST):
            if type(x) not in self._data or x is value:
                break
            x = self.data(x)
        return number_of(x)

    def _read(self, value: object, wanted: Sequence[str], known: dict[type, str]) -> Any:  # noqa: ANN401
        cls = type(value)
        name = known.get(cls)
        if name is not None:
            x = getattr(value, name, None)
            return x if type(x) is float else _called(x)
        names = self._named(value, wanted)
        name = next((name for name in names if _is_number(_get(value, name))), None)
        if name is not None:
            known[cls] = name
            return _get(value, name)
        things = (_get(value, name) for name in names)
        return next((x for x in things if x is not None), None)

    def _named(self, value: object, wanted: Sequence[str]) -> Sequence[str]:
        """Return the attributes of a Value that have one of some names, the most usual first."""
        key = type(value), wanted, len(getattr(value, "__dict__", ()))
        if key not in self._names:
            names = [name for name in dir(value) if not name.startswith("__")]
            spelled = [sorted((x for x in names if plain(x) == text), key=len) for text in wanted]
            self._names[key] = [*chain.from_iterable(spelled)]
        return self._names[key]


def _get(value: object, name: str) -> Any:  # noqa: ANN401
    try:
        return _called(getattr(value, name))
    except Exception:  # noqa: BLE001 - a property of the engine may raise anything
        return None


def _called(x: Any) -> Any:  # noqa: ANN401
    """Return what a method without arguments returns; other objects as they are."""
    is_method = hasattr(x, "__self__") and hasattr(x, "__func__")
    return x() if is_method else x


def _is_number(x: object) -> bool:
    try:
        return number_of(x) is not None
    except ValueError:
        return False


def number_of(x: Any) -> float | None:  # noqa: ANN401 - whatever an engine stores
    """Return a number of an engine as a double; None if there is none.

    Raises:
        ValueError: It is not a number; the message says what it is.
    """
    if type(x) is float or x is None:
        return x
    if isinstance(x, (str, bytes)):
        raise ValueError(quoted(str(x)))  # noqa: TRY004 - a fault of the program
    if isinstance(x, (list, tuple)) and len(x) == 1:
        (x,) = x
    try:
        if callable(getattr(x, "item", None)):  # NumPy and the like, arrays of one element, too
            x = x.item()
        return float(x)
    except OverflowError:
        return float("inf") if x > 0 else float("-inf")
    except (TypeError, ValueError):
        raise ValueError(f"a {type(x).__name__}") from None
