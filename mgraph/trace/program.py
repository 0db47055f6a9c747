"""Scripts and modules, and the conditions in which Python runs them."""

from __future__ import annotations

import ast
import os
import shlex
import sys
import warnings
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from mgraph.codec import LIMITS, read_file
from mgraph.errors import GraphError, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import CodeType, ModuleType

_NOTEBOOK: Final = ".ipynb"
_AFTER: Final = "called by mgraph after a statement"


class Script:
    """A script, as for `python FILE`.

    Attributes:
        folder: The folder from which it imports; None if Python does not add one.
    """

    def __init__(self, path: str) -> None:
        """Read the file.

        Raises:
            GraphError: `io` if it can't be read; `syntax` if it is a notebook.
        """
        self._source = read_file(path, LIMITS)
        self._path = os.path.abspath(path)
        self.folder = None if sys.flags.safe_path else os.path.dirname(os.path.realpath(path))
        if path.endswith(_NOTEBOOK):
            script = shlex.quote(path.removesuffix(_NOTEBOOK) + ".py")
            message = f"{printable(path)} is a notebook, not a Python script"
            convert = f"jupyter nbconvert --to script {shlex.quote(path)}"
            fix = printable(f"{convert} && mgraph trace {script} -o FILE")
            raise GraphError.of("syntax", message, fix=fix, file=path)

    def load(self, main: ModuleType, after: Callable[[], None]) -> CodeType:
        """Compile the script, and let its module know its file.

        Args:
            main: The module.
            after: Called after each of the script's own statements.
        """
        main.__dict__["__file__"] = self._path
        try:
            return _compiled(self._source, self._path, after)
        except ValueError as error:  # a NUL in it: a SyntaxError since Python 3.11.4
            raise SyntaxError(str(error)) from None


class ProgramModule:
    """A module, as for `python -m NAME`.

    Attributes:
        folder: The folder from which it imports; None if Python does not add one.
    """

    def __init__(self, name: str) -> None:
        """Take the name."""
        self._name = name
        self.folder = None if sys.flags.safe_path else os.getcwd()

    def load(self, main: ModuleType, after: Callable[[], None]) -> CodeType:
        """Import the packages around the module, and return its code.

        Args:
            main: What the module will be.
            after: Called after each of the module's own statements.

        Raises:
            ImportError: There is no such module in Python.
        """
        name = self._name
        spec = find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            name += ".__main__"
            spec = find_spec(name)
        get_source = getattr(spec and spec.loader, "get_source", None)
        source: str | None = get_source(name) if get_source else None
        if spec is None or source is None:
            message = f"there is no module {name} written in Python"
            raise ImportError(message, name=name)
        main.__dict__.update(
            __file__=spec.origin, __loader__=spec.loader, __package__=spec.parent, __spec__=spec
        )
        sys.argv[0] = spec.origin or name
        return _compiled(source, sys.argv[0], after)


def _compiled(source: bytes | str, path: str, after: Callable[[], None]) -> CodeType:
    """Compile a program that calls a function after each statement of its module.

    The call needs no name that the program could see: the function is a constant of the code.
    """
    compile(source, path, "exec", dont_inherit=True)  # its errors and warnings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source, path)
        tree.body = [*_with_calls(tree.body)]
        code = compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)
    return code.replace(co_consts=tuple([after if x == _AFTER else x for x in code.co_consts]))


def _with_calls(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements, with a call after each one that need not be among the first."""
    for statement in statements:
        yield statement
        is_future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not (is_future or is_text):
            call = ast.Call(ast.Constant(_AFTER), [], [])
            yield ast.copy_location(ast.Expr(call), statement)


def module_of(path: str) -> tuple[str, str]:
    """Return the name of a script as a module of its package, and the folder with the package."""
    folder, file = os.path.split(os.path.relpath(os.path.realpath(path)))
    names = [os.path.splitext(file)[0]]
    while not names[1:] or os.path.exists(os.path.join(folder, "__init__.py")):
        full = os.path.abspath(folder)
        if full == os.path.dirname(full):
            break
        names.insert(0, os.path.basename(full))
        folder = os.path.relpath(os.path.dirname(full))
    return ".".join(names), folder


@contextmanager
def as_program(main: ModuleType, folder: str | None, argv: Sequence[str]) -> Iterator[None]:
    """Set what a program sees of the process: `__main__`, its arguments, and where it imports."""
    before = sys.argv, sys.path, sys.modules["__main__"]
    depth = sys.getrecursionlimit()
    sys.argv = [*argv]
    sys.path = [*([] if folder is None else [folder]), *sys.path[0 if sys.flags.safe_path else 1 :]]
    sys.modules["__main__"] = main
    try:
        yield
    finally:
        sys.argv, sys.path, sys.modules["__main__"] = before
        sys.setrecursionlimit(max(depth, sys.getrecursionlimit()))
