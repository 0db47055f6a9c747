"""Notice when a program sets an attribute of a Value, without slowing down how it reads it."""

from __future__ import annotations

from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_MISSING: Final = object()


class Setter:
    """A descriptor without `__get__`: attributes are read from the object's own dict, as before."""

    def __init__(self, name: str, notify: Callable[[Any], None]) -> None:
        """Take the name of the attribute, and what to call with the object after it was set."""
        self._name = name
        self._notify = notify

    def __set__(self, value: object, x: object) -> None:
        """Set the attribute."""
        value.__dict__[self._name] = x
        self._notify(value)

    def __delete__(self, value: object) -> None:
        """Delete the attribute.

        Raises:
            AttributeError: There is none.
        """
        if value.__dict__.pop(self._name, _MISSING) is _MISSING:
            raise AttributeError(self._name)


def noticing(cls: type, value: object, name: str, notify: Callable[[Any], None]) -> object:
    """Return a member of a class that calls a function whenever an attribute is set.

    Args:
        cls: The class.
        value: One of its objects, which has the attribute.
        name: The attribute.
        notify: Called with the object.

    Returns:
        The member; None if the attribute is of a kind that can't be watched.
    """
    member = next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)
    if member is None:
        return Setter(name, notify) if name in getattr(value, "__dict__", ()) else None
    if isinstance(member, MemberDescriptorType):
        return property(member.__get__, _after(member.__set__, notify), member.__delete__)
    if isinstance(member, property) and member.fset is not None:
        return property(member.fget, _after(member.fset, notify), member.fdel)
    return None


def _after(
    setter: Callable[[Any, Any], None], notify: Callable[[Any], None]
) -> Callable[[Any, Any], None]:
    def set_and_notify(value: Any, x: Any) -> None:  # noqa: ANN401 - an object of the program
        setter(value, x)
        notify(value)

    return set_and_notify
