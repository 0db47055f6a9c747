"""Loads an engine's functions, and wraps them so that operands come first, for `driver.py`.

Like the driver, this file needs nothing of mgraph, and runs on any Python from 3.8.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import os
import sys
from types import FunctionType, MemberDescriptorType, MethodType

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself takes time to import
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any
if TYPE_CHECKING or __package__:
    from mgraph.grade.driver_compositions import VARARGS
    from mgraph.grade.driver_errors import (
        HERE,
        INSTALLED,
        NAME,
        EngineError,
        described,
        last_line,
        shown,
    )
else:  # the driver imports it as a script does
    from driver_compositions import VARARGS
    from driver_errors import HERE, INSTALLED, NAME, EngineError, described, last_line, shown

NEIGHBOURS = (
    "functional", "functions", "function", "ops", "operations", "activations", "activation",
    "nn", "nnet", "math", "engine",
)  # fmt: skip
"""Names of modules beside the engine's own in which to look for functions."""

LATE = ("inspect", "ast", "dis", "opcode", "annotationlib", "token", "tokenize")
"""Python's own modules that few engines need here, and that take long to import."""

LIKELY = ("back", "rever", "propag", "grads", "gradients", "differentiate")
"""Parts of names that a backward pass may have."""


def keep_python_modules(folders: list[str]) -> None:
    """Import Python's own late modules now if others of these names are in an engine's folders."""
    paths = [os.path.join(folder, name) for folder in folders for name in LATE]
    if any(os.path.lexists(path) or os.path.lexists(path + ".py") for path in paths):
        importlib.import_module("inspect")


def signature(call: Any) -> Any:
    """Return the signature of something, as `inspect` does."""
    import inspect  # noqa: PLC0415 - for odd functions only

    return inspect.signature(call)


def keywords(make: Any) -> dict[str, bool]:
    """Return the arguments that ask a constructor for Values with gradients."""
    names = names_of(make)
    if names is None:
        try:
            names = tuple(signature(make).parameters)
        except (TypeError, ValueError):
            return {}
    return {name: True for name in names if asks_for_gradient(name)}


def asks_for_gradient(name: str) -> bool:
    """Whether a name such as `requires_grad` says that a Value gets a gradient."""
    plain = name.replace("_", "").lower()
    return "grad" in plain and plain.startswith(("requir", "need", "want", "track"))


def ask_for_gradient(value: Any) -> None:
    """Set the attribute of a Value that says whether it gets a gradient."""
    names = [*getattr(value, "__dict__", ())]
    for kind in type(value).__mro__:
        slots = [name for name, thing in vars(kind).items() if type(thing) is MemberDescriptorType]
        names += slots
    for name in names:
        is_name = isinstance(name, str) and asks_for_gradient(name)
        if is_name and getattr(value, name, None) is False:
            setattr(value, name, True)


def fits(call: Any, *operands: object, **more: object) -> bool:
    """Whether something can be called with these operands, as far as its signature tells."""
    if not callable(call):
        return False
    counts = None if more else takes(call)
    if counts is not None:
        return counts[0] <= len(operands) <= counts[1]
    try:
        signature(call).bind(*operands, **more)
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def takes(call: Any) -> tuple[int, float] | None:
    """Return how many operands a usual function or method takes, at least and at most.

    It is what `inspect` finds, in less time; None if that must be asked.
    """
    is_bound = type(call) is MethodType
    function = call.__func__ if is_bound else call
    if type(function) is not FunctionType or function.__dict__:  # another one may be inside it
        return None
    code, defaults = function.__code__, len(function.__defaults__ or ())
    least = code.co_argcount - defaults - is_bound
    if code.co_kwonlyargcount or least < 0:
        return None
    return least, math.inf if code.co_flags & VARARGS else code.co_argcount - is_bound


def names_of(make: Any) -> tuple[str, ...] | None:
    """Return the names of what a usual class takes; None if `inspect` must be asked."""
    if type(make) is not type or make.__new__ is not object.__new__:  # type: ignore[comparison-overlap]
        return None
    function: Any = make.__init__  # type: ignore[misc]
    if type(function) is not FunctionType or function.__dict__ or hasattr(make, "__signature__"):
        return None
    code = function.__code__
    return code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]


def takes_any(call: Any) -> bool:
    """Whether a function can be called with any number of operands."""
    counts = takes(call)
    if call is None or counts is not None:
        return counts is not None and counts[1] == math.inf
    try:
        parameters = signature(call).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)


def methodcaller(name: str, kind: type | None = None) -> Callable[..., Any]:
    """Return a function that calls a method of its first operand with the others.

    If it is a static method of a class, all operands are passed to that. What is returned is a
    function of this module, by which it is known to call a method.
    """
    classes = kind.__mro__ if kind is not None else ()
    method = next((vars(each)[name] for each in classes if name in vars(each)), None)
    if isinstance(method, staticmethod):
        return lambda *operands: getattr(kind, name)(*operands)  # noqa: PLW0108 - see above
    return lambda first, *rest: getattr(first, name)(*rest)


def followed_by(function: Callable[..., Any], argument: object) -> Callable[..., Any]:
    """Return a function that passes one more argument, always the same."""
    return lambda *operands: function(*operands, argument)


def converting(
    function: Callable[..., Any], kinds: str, make: Callable[..., Any]
) -> Callable[..., Any]:
    """Return a function that first turns plain numbers (N) into Values."""
    return lambda *operands: function(
        *(make(x) if kind == "N" else x for x, kind in zip(operands, kinds))  # noqa: B905
    )


def added_up(first: Any, *rest: Any) -> Any:
    """Return a sum, added from left to right: from the third term on as in a loop, with `+=`.

    The first two make a new Value, so that `+=` may change it, but not an operand.
    """
    for i, term in enumerate(rest):
        if i:
            first += term
        else:
            first = first + term
    return first


def modules_beside(module: ModuleType, kind: type) -> list[Any]:
    """List the modules in which to look for functions: the engine's own and its neighbours."""
    own = sys.modules.get(kind.__module__)
    candidates = [module, own]
    for one in (module, own):
        name = getattr(one, "__name__", "")
        package = name if hasattr(one, "__path__") else name.rpartition(".")[0]
        for base in {package: None, package.partition(".")[0]: None}:
            if base:
                candidates.append(sys.modules.get(base))
                candidates.extend(neighbour(base + "." + name) for name in NEIGHBOURS)
    modules: list[Any] = []
    for one in candidates:
        if one is not None and not any(one is other for other in modules):
            modules.append(one)
    return modules


def neighbour(name: str) -> ModuleType | None:
    """Import a module beside the engine's; return None if there is none, or it can't be."""
    try:
        if name not in sys.modules and importlib.util.find_spec(name) is None:
            return None
        return importlib.import_module(name)
    except BaseException:  # noqa: BLE001 - it may import what is not installed
        return None


def load(name: str) -> ModuleType:
    """Import a module by its name, or by the path of its file.

    Raises:
        ImportError: If there is no such module.
        EngineError: If there is no such file.
    """
    if not name.endswith(".py"):
        if os.sep in name or name.startswith("."):
            raise ImportError(f"{name!r} is not a module; for a file write {name}.py")
        return importlib.import_module(name)
    path = os.path.abspath(name)
    if not os.path.lexists(path):
        raise EngineError("there is no file " + shown(name, str, NAME))
    folder, file = os.path.split(path)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    name = os.path.splitext(file)[0]
    while name in sys.modules and getattr(sys.modules[name], "__file__", None) != path:
        name += "_"  # if the file is called math.py, say, or json.py
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


def member(where: Any, name: str) -> Any:
    """Return what has a name in a module or a class.

    Raises:
        EngineError: If nothing has it; it says which classes there are.
    """
    try:
        return getattr(where, name)
    except AttributeError:
        import difflib  # noqa: PLC0415 - for this message only

        classes = [x for x in dir(where) if isinstance(getattr(where, x, None), type)]
        classes = [shown(x, str, NAME) for x in classes if not x.startswith("_")]
        name = shown(name, str, NAME)
        near = difflib.get_close_matches(name, classes, 1)
        hint = "; did you mean " + near[0] + "?" if near else ""
        if classes and not near:
            hint = "; the classes there are " + ", ".join(classes[:5])
        home = shown(getattr(where, "__name__", ""), str, NAME)
        raise EngineError("there is no " + name + " in " + home + hint) from None


def borrowed_from(kind: type, file: str, is_backward: Callable[[str], bool]) -> str | None:
    """Return the package that the backward of a class comes from, if not from beside a file.

    Args:
        kind: The class.
        file: The path of the file that the class was found in.
        is_backward: Whether a name is one of backward.
    """
    folder = os.path.dirname(os.path.abspath(file)) + os.sep
    own = os.path.dirname(HERE) + os.sep
    try:
        for base in kind.__mro__:
            home = getattr(sys.modules.get(base.__module__), "__file__", None)
            if home is not None and any(map(is_backward, vars(base))):
                home = os.path.abspath(home)
                is_installed = home.startswith(own) or any(name in home for name in INSTALLED)
                if is_installed or not home.startswith(folder):
                    return shown(base.__module__.partition(".")[0], str, NAME)
    except Exception:  # noqa: BLE001 - the class may say anything of itself
        return None
    return None


def version_of(module: ModuleType) -> str | None:
    """Return the name and version of the distribution that a module comes from."""
    try:
        from importlib.metadata import packages_distributions, version  # noqa: PLC0415

        name = packages_distributions()[module.__name__.partition(".")[0]][0]
        return f"{name} {version(name)}"
    except Exception:  # noqa: BLE001 - an old Python, or a module that isn't installed
        return None


def without_backward(sample: Any, names: list[str]) -> str:
    """Say that no backward of a Value can be called, and what to do.

    Args:
        sample: A Value.
        names: Its attributes that have one of the usual names.
    """
    kind = shown(type(sample).__name__, str, NAME)
    problem = f"{kind} has no backward"
    if names:
        call, problem = getattr(sample, names[0]), f"{kind}.{names[0]}"
        if callable(call):
            problem += " needs more arguments than a seed: " + shown(signature(call), str, NAME)
        else:
            problem += f" is not a function but {'None' if call is None else described(call)}"
    likely = [name for name in dir(type(sample)) if is_like_backward(name) and name not in names]
    own = [name for name in dir(sample) if is_like_backward(name)]
    if not names and not likely and any(callable(getattr(sample, name, None)) for name in own):
        return (
            f"{problem} in the class; each {kind} has its own {own[0]}, for one op. Write a "
            "function that does a whole pass, and name it: --op backward=MODULE:FUNCTION"
        )
    if any(callable(getattr(sample, name, None)) for name in likely[:1]):
        return f"{problem}. If {likely[0]} does its work, add --op backward={likely[0]}"
    return f"{problem}. Name what does its work: --op backward=METHOD or backward=MODULE:FUNCTION"


class Seed(float):
    """A seed that can be told from other numbers in the text of an exception."""


def without_seed(call: Any, operands: tuple[Any, ...]) -> str:
    """Say that a backward wants another argument than a number; empty if it takes a seed.

    Args:
        call: A function that can be called with one argument more.
        operands: Its other operands.
    """
    name = shown(getattr(call, "__qualname__", "backward"), str, NAME)
    if switch := _switch(call, len(operands)):
        return (
            f"{name} takes {switch}, which is True or False, instead of a seed. Write a function "
            "of a Value that calls it, and name that: --op backward=MODULE:FUNCTION"
        )
    try:
        call(*operands, Seed(1.0))
    except (TypeError, AttributeError) as error:
        error_line = last_line(error)
        if f"'{Seed.__name__}'" in error_line:
            text = error_line.replace(f"'{Seed.__name__}'", "'float'")
            return (
                f"{name} can't be called with a seed: {text}. Write a function of a Value that "
                "calls it, and name that: --op backward=MODULE:FUNCTION"
            )
    except BaseException:  # noqa: BLE001, S110 - the cases show what else is wrong
        pass
    return ""


def _switch(call: Any, before: int) -> str:
    """Return the name of the argument after the other operands if it is annotated as a bool."""
    try:
        parameters = [*signature(call).parameters.values()][before:]
    except (TypeError, ValueError):
        return ""
    annotation = parameters[0].annotation if parameters else None
    is_bool = annotation is bool or (isinstance(annotation, str) and annotation == "bool")
    return shown(parameters[0].name, str, NAME) if is_bool else ""


def does_nothing(function: Any) -> bool:
    """Whether a function, such as `lambda: None`, has nothing to call or to change."""
    return (
        isinstance(function, FunctionType)
        and not function.__code__.co_names
        and not function.__closure__
    )


def is_slot(kind: type, name: str) -> bool:
    """Whether a class only reserves a name in `__slots__` for what its objects have."""
    return isinstance(getattr(kind, name, None), MemberDescriptorType)


def is_like_backward(name: str) -> bool:
    """Whether a name sounds like that of a backward pass."""
    return not name.startswith("_") and any(part in name.lower() for part in LIKELY)
