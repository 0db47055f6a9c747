"""Finds the numbers in an engine's objects, and compares them, for `driver.py`.

Like the driver, this file needs nothing of mgraph, and runs on any Python from 3.8.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself takes time to import
    from typing import Any
if TYPE_CHECKING or __package__:
    from mgraph.grade.driver_errors import EngineError, described
else:  # the driver imports it as a script does
    from driver_errors import EngineError, described


def as_float(thing: Any, engine: Any = None) -> float | None:
    """Return the number in an object: a float, a NumPy scalar, or an array or Value with one.

    Raises:
        EngineError: If there isn't exactly one.
    """
    if thing is None or type(thing) is float:
        return thing
    try:
        return inner(thing, engine, 0)
    except Exception as error:
        raise EngineError("not a number but a " + described(thing), kind="no-number") from error


def inner(thing: Any, engine: Any, depth: int) -> float | None:
    """Look for a number inside an object.

    Raises:
        TypeError: If there is none; other errors if the object raises them.
    """
    if thing is None:
        return None
    if isinstance(thing, (int, float)):
        return float(thing)
    if depth < 4 and not isinstance(thing, (str, bytes, complex)):  # noqa: PLR2004
        if engine is not None and isinstance(thing, engine.kind):
            return inner(engine.read(thing, "data"), engine, depth + 1)
        if callable(getattr(thing, "item", None)):
            item = thing.item()
            is_same = type(item) is type(thing)  # as for numpy.longdouble
            return float(thing) if is_same else inner(item, engine, depth + 1)
        if isinstance(thing, (list, tuple)) and len(thing) == 1:
            return inner(thing[0], engine, depth + 1)
        if callable(getattr(thing, "__float__", None)):
            return float(thing)
    raise TypeError


def differs(x: float | None, y: float | None) -> bool:
    """Whether two numbers are different, even if added in another order in single precision."""
    if x is None or y is None:
        return x is not y
    return not (x == y or (x != x and y != y) or abs(x - y) <= 1e-9 + 1e-6 * max(abs(x), abs(y)))
