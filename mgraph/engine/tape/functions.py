"""The functions of the library "exact" in machine code: correctly rounded, for one row or eight.

A function first tries the fast path that `fast` has for it. Where that does not settle how to
round, and for functions that have none, it asks Python: `mgraph.ops.exact` knows every answer. This
is the slow path. It takes the GIL, which other threads may hold, and some 10,000 times as long.

Python can answer with an exception, above all with KeyboardInterrupt, if Ctrl-C is pressed while
kernels run: Python handles the signal as soon as it runs again. Then the question is asked again,
so that the results are right, and the exception is raised in this thread once the kernels are
through, as an asynchronous exception. What can't be answered in 16 attempts is NaN, and the
exception is written to stderr besides, with its traceback.

These functions are compiled once, and kernels are linked to them by symbol; their code contains
neither addresses nor copies of them. They call Python by symbols, too.
"""

from __future__ import annotations

import ast
import ctypes
import inspect
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from mgraph.engine.tape import libraries
from mgraph.engine.tape.libraries import EXACT_PREFIX, EXACT_ROWS, FUNCTIONS, LIBM
from mgraph.engine.tape.lowering import (
    ATTRIBUTES,
    BOOL,
    DOUBLE,
    LANES,
    MASK,
    VECTOR,
    Body,
    Lowering,
    MathLibrary,
    Operand,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_TWO: Final = ("pow", "atan2")
"""The functions of two arguments."""

_ATTEMPTS: Final = 16
"""How often a question is asked."""

_ANSWERS: Final = "mgraph_answers"
_COUNTS: Final = "mgraph_counts"

_IDENT: Final = f"i{8 * ctypes.sizeof(ctypes.c_ulong)}"
"""The type of the number of a thread."""

_PYTHON: Final[Mapping[str, str]] = {
    "PyGILState_Ensure": "i32 ()",
    "PyGILState_Release": "void (i32)",
    "PyObject_CallFunction": "ptr (ptr, ptr, ...)",
    "PyFloat_AsDouble": "double (ptr)",
    "PyErr_Occurred": "ptr ()",
    "PyErr_Clear": "void ()",
    "PyErr_WriteUnraisable": "void (ptr)",
    "PyThread_get_thread_ident": f"{_IDENT} ()",
    "PyThreadState_SetAsyncExc": f"i32 ({_IDENT}, ptr)",
    "Py_IncRef": "void (ptr)",
    "Py_DecRef": "void (ptr)",
}
"""What the slow path calls of Python, with types; all of it is in the stable interface."""

_counts = (ctypes.c_int64 * len(FUNCTIONS))()


def slow_calls() -> dict[str, int]:
    """Return how often each function has taken the slow path in this process, by its name in C."""
    return dict(zip(FUNCTIONS, _counts, strict=True))


def symbols() -> list[str]:
    """Return the symbols of all functions."""
    return [form.format(name) for form in (EXACT_PREFIX + "{}", EXACT_ROWS) for name in FUNCTIONS]


@cache
def answers() -> Any:  # noqa: ANN401 - an array of ctypes
    """Return what the slow path calls, in the order of `FUNCTIONS`, as Python's objects."""
    from mgraph.ops import exact  # noqa: PLC0415 - only whoever computes exactly needs it

    functions = [getattr(exact, "power" if name == "pow" else name) for name in FUNCTIONS]
    return (ctypes.py_object * len(functions))(*functions)


def references() -> dict[str, int]:
    """Return the addresses of what the slow path calls and reads, by symbol."""
    addresses = {_ANSWERS: ctypes.addressof(answers()), _COUNTS: ctypes.addressof(_counts)}
    for name in _PYTHON:
        address = ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value
        assert address is not None  # noqa: S101 - it is a function
        addresses[name] = address
    return addresses


# --- assembly ---


def assembly() -> str:
    """Return all functions as LLVM assembly."""
    module = _module()
    functions = [
        _Function(module, name, type_).text() for name in FUNCTIONS for type_ in (DOUBLE, VECTOR)
    ]
    outside = [
        f"@{_ANSWERS} = external global [{len(FUNCTIONS)} x ptr]",
        f"@{_COUNTS} = external global [{len(FUNCTIONS)} x i64]",
        '@one = private unnamed_addr constant [2 x i8] c"d\\00"',
        '@two = private unnamed_addr constant [3 x i8] c"dd\\00"',
        *(f"declare {type_.replace(' (', f' @{name}(')}" for name, type_ in _PYTHON.items()),
    ]
    return "\n".join([*outside, _ASK, _ASK_FOR_ROWS, *functions, *module.declared.values()])


def _module() -> Lowering:
    """Return the fast paths as helpers, and the constants that they use."""
    from mgraph.engine.tape import fast  # noqa: PLC0415 - only compiling needs its tables

    text, constants = [], {}
    for module in fast.MODULES:
        constants.update(vars(module))
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.FunctionDef) and node.name not in fast.pairs.NOT_HELPERS:
                node.returns = None
                text.append(ast.unparse(node))
    return Lowering("\n".join(text), MathLibrary(LIBM, (), {}), constants=constants)


def has_fast_path(name: str) -> bool:
    """Whether a function, by its name in C, has a fast path on this machine.

    They need a fused multiply-add, which is what makes the low part of a product one instruction.
    """
    from mgraph.engine.tape import fast  # noqa: PLC0415 - as above

    has_it = any(hasattr(module, fast.PREFIX + name) for module in fast.MODULES)
    return has_it and libraries.lanes() > 0


class _Function(Body):
    """The lowering of one function: the fast path, and where that fails the slow one."""

    def __init__(self, module: Lowering, name: str, type_: str) -> None:
        """Choose the function.

        Args:
            module: The fast paths.
            name: The name of the function in C.
            type_: `DOUBLE` or `VECTOR`.
        """
        super().__init__(module)
        self.name_in_c, self.type = name, type_
        self.inputs = [Operand(type_, f"%{letter}") for letter in ("ab" if name in _TWO else "a")]

    def text(self) -> str:
        """Return the function as LLVM assembly."""
        is_vector = self.type == VECTOR
        form = EXACT_ROWS if is_vector else EXACT_PREFIX + "{}"
        arguments = ", ".join(f"{operand.type} {operand.text}" for operand in self.inputs)
        if has_fast_path(self.name_in_c):
            self._try_fast(is_vector=is_vector)
        self._ask(is_vector=is_vector)
        head = f"define {self.type} @{form.format(self.name_in_c)}({arguments}) {ATTRIBUTES} {{"
        return "\n".join([head, *self.allocations(), *self.lines, "}"])

    def _try_fast(self, *, is_vector: bool) -> None:
        """Return the result of the fast path if it is certain, in vectors in all lanes."""
        helper = self.module.helpers[f"fast_{self.name_in_c}"]
        y, certain = self.results(helper)
        self.assign("y", y)
        self.assign("certain", certain)
        all_certain = certain
        if is_vector:
            name = self.module.declare(f"llvm.vector.reduce.and.v{LANES}i1", BOOL, MASK)
            all_certain = self.new(BOOL, f"call {BOOL} {name}({MASK} {certain.text})")
        self.lines += [
            f"br i1 {all_certain.text}, label %fast, label %slow, !prof !0",
            "fast:",
            f"ret {y.type} {y.text}",
            "slow:",
        ]

    def results(self, helper: ast.FunctionDef) -> list[Operand]:
        """Return what a fast path returns: the result, and whether it is certain."""
        env, result = self.entered(helper, self.inputs)
        return self.several(result, env)

    def _ask(self, *, is_vector: bool) -> None:
        """Return what Python answers."""
        a, b = self.inputs[0], self.inputs[-1]
        format_ = "two" if len(self.inputs) > 1 else "one"
        which = f"i64 {FUNCTIONS.index(self.name_in_c)}, ptr @{format_}"
        if not is_vector:
            y = self.new(DOUBLE, f"call double @ask({which}, double {a.text}, double {b.text})")
        else:
            fast, certain = Operand(VECTOR, "poison"), Operand(MASK, "zeroinitializer")
            if "certain" in self.slots:
                fast, certain = self.name("y", {}), self.name("certain", {})
            bits = self.new("i8", f"bitcast {MASK} {certain.text} to i{LANES}")
            rows = ", ".join(f"{VECTOR} {operand.text}" for operand in (fast, a, b))
            y = self.new(VECTOR, f"call {VECTOR} @ask_for_rows({which}, i8 {bits.text}, {rows})")
        self.lines.append(f"ret {y.type} {y.text}")


_ASK: Final = f"""
define internal double @ask(i64 %which, ptr %format, double %a, double %b) cold noinline nounwind {{
entry:
  %count = getelementptr i64, ptr @{_COUNTS}, i64 %which
  %before = atomicrmw add ptr %count, i64 1 monotonic
  %place = getelementptr ptr, ptr @{_ANSWERS}, i64 %which
  %answer = load ptr, ptr %place
  %state = call i32 @PyGILState_Ensure()
  br label %attempt
attempt:
  %number = phi i64 [1, %entry], [%next, %again]
  %raised = phi ptr [null, %entry], [%kept, %again]
  %result = call ptr (ptr, ptr, ...)
    @PyObject_CallFunction(ptr %answer, ptr %format, double %a, double %b)
  %failed = icmp eq ptr %result, null
  br i1 %failed, label %exception, label %answered
exception:
  %error = call ptr @PyErr_Occurred()
  %is_first = icmp eq ptr %raised, null
  br i1 %is_first, label %first, label %judge
first:
  call void @Py_IncRef(ptr %error)
  br label %judge
judge:
  %kept = phi ptr [%raised, %exception], [%error, %first]
  %next = add i64 %number, 1
  %is_last = icmp eq i64 %number, {_ATTEMPTS}
  br i1 %is_last, label %hopeless, label %again
again:
  call void @PyErr_Clear()
  br label %attempt
hopeless:
  call void @PyErr_WriteUnraisable(ptr %answer)
  br label %end
answered:
  %number_given = call double @PyFloat_AsDouble(ptr %result)
  call void @Py_DecRef(ptr %result)
  br label %end
end:
  %y = phi double [0x7FF8000000000000, %hopeless], [%number_given, %answered]
  %to_raise = phi ptr [%kept, %hopeless], [%raised, %answered]
  %was_fine = icmp eq ptr %to_raise, null
  br i1 %was_fine, label %done, label %raise
raise:
  %thread = call {_IDENT} @PyThread_get_thread_ident()
  %threads = call i32 @PyThreadState_SetAsyncExc({_IDENT} %thread, ptr %to_raise)
  call void @Py_DecRef(ptr %to_raise)
  br label %done
done:
  call void @PyGILState_Release(i32 %state)
  ret double %y
}}
"""
"""Ask Python for one result. An exception is kept until there is a result."""

_ASK_FOR_ROWS: Final = f"""
define internal {VECTOR} @ask_for_rows(
    i64 %which, ptr %format, i{LANES} %certain, {VECTOR} %fast, {VECTOR} %a, {VECTOR} %b
) cold noinline nounwind {{
entry:
  br label %lane
lane:
  %i = phi i64 [0, %entry], [%next, %on]
  %y = phi {VECTOR} [%fast, %entry], [%after, %on]
  %short = trunc i64 %i to i{LANES}
  %shifted = lshr i{LANES} %certain, %short
  %has = trunc i{LANES} %shifted to i1
  br i1 %has, label %on, label %slow
slow:
  %x = extractelement {VECTOR} %a, i64 %i
  %z = extractelement {VECTOR} %b, i64 %i
  %result = call double @ask(i64 %which, ptr %format, double %x, double %z)
  %changed = insertelement {VECTOR} %y, double %result, i64 %i
  br label %on
on:
  %after = phi {VECTOR} [%y, %lane], [%changed, %slow]
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, {LANES}
  br i1 %more, label %lane, label %end
end:
  ret {VECTOR} %after
}}
!0 = !{{!"branch_weights", i32 10000, i32 1}}
"""
"""Ask Python for the lanes of a vector that are not certain."""
