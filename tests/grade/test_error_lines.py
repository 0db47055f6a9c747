"""The line that states the error, in what programs in several languages write when they end."""

from __future__ import annotations

from time import process_time
from typing import TYPE_CHECKING, Final

import pytest

from mgraph.grade.error_lines import error_line
from tests.grade.test_hostile import graded

if TYPE_CHECKING:
    from tests.command_line import Shell

ENDS: Final = {
    "rust": (
        """
thread 'main' (6259) panicked at src/main.rs:1:82:
index out of bounds: the len is 3 but the index is 99
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
""",
        "index out of bounds: the len is 3 but the index is 99",
    ),
    "rust-backtrace": (
        """
thread 'main' (6301) panicked at b.rs:1:81:
can't read the graph: "no such op\\nsecond line"
stack backtrace:
   0: __rustc::rust_begin_unwind
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/panicking.rs:689:5
   3: core::result::Result<T,E>::expect
   4: b::main
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.
error: process didn't exit successfully: `target/debug/engine` (exit status: 101)
""",
        'can\'t read the graph: "no such op\\nsecond line"',
    ),
    "rust-2021": (
        """thread 'main' panicked at 'attempt to divide by zero', src/main.rs:2:5
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
""",
        "thread 'main' panicked at 'attempt to divide by zero', src/main.rs:2:5",
    ),
    "rust-main": ("Error: ParseFloatError { kind: Invalid }\n", None),
    "rust-anyhow": (
        "Error: can't read the graph\n\nCaused by:\n    No such file or directory (os error 2)\n",
        "No such file or directory (os error 2)",
    ),
    "node": (
        """file:///home/me/engine.mjs:1
function f(){ return null.x; }
                          ^

TypeError: Cannot read properties of null (reading 'x')
    at Timeout.f [as _onTimeout] (file:///home/me/engine.mjs:1:27)
    at process.processTimers (node:internal/timers:519:7)

Node.js v20.20.2
""",
        "TypeError: Cannot read properties of null (reading 'x')",
    ),
    "node-text": (
        """
node:internal/modules/run_main:123
    triggerUncaughtException(
    ^
just a text
(Use `node --trace-uncaught ...` to show where the exception was thrown)

Node.js v20.20.2
""",
        "just a text",
    ),
    "node-fields": (
        """node:fs:573
  return binding.open(
                 ^

Error: ENOENT: no such file or directory, open '/nope'
    at Object.openSync (node:fs:573:18) {
  errno: -2,
  code: 'ENOENT',
  path: '/nope'
}

Node.js v20.20.2
""",
        "Error: ENOENT: no such file or directory, open '/nope'",
    ),
    "java": (
        """Exception in thread "main" java.lang.ArithmeticException: / by zero
\tat B.main(B.java:1)
""",
        'Exception in thread "main" java.lang.ArithmeticException: / by zero',
    ),
    "java-cause": (
        """Exception in thread "main" java.lang.RuntimeException: can't run the graph
\tat A.main(A.java:1)
Caused by: java.lang.ArithmeticException: / by zero
\tat A.f(A.java:1)
\t... 1 more
""",
        "Caused by: java.lang.ArithmeticException: / by zero",
    ),
    "go": (
        """panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.main()
\t/home/me/engine.go:7 +0x1d
exit status 2
""",
        "panic: runtime error: index out of range [5] with length 3",
    ),
    "go-again": (
        """panic: no such op [recovered]
\tpanic: no such op: tanh

goroutine 1 [running]:
main.main.func1()
\t/home/me/engine.go:9 +0x65
""",
        "panic: no such op: tanh",
    ),
    "python-then-more": (
        """/home/me/a.py:9: UserWarning: watch out
  warnings.warn("watch out")
Traceback (most recent call last):
  File "/home/me/a.py", line 6, in f
    {}["a"]
    ~~^^^^^
KeyError: 'a'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/home/me/a.py", line 10, in <module>
    f()
Boom: first
second
bye
""",
        "Boom: first",
    ),
    "python-group": (
        """  + Exception Group Traceback (most recent call last):
  |   File "<string>", line 1, in <module>
  | ExceptionGroup: two (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: a
    +---------------- 2 ----------------
    | TypeError: b
    +------------------------------------
""",
        "ExceptionGroup: two (2 sub-exceptions)",
    ),
    "python-syntax": (
        '  File "/home/me/s.py", line 1\n    def f(:\n          ^\nSyntaxError: invalid syntax\n',
        "SyntaxError: invalid syntax",
    ),
    "python-ignored": (
        """Exception ignored in: <function V.__del__ at 0x7fc091245bc0>
Traceback (most recent call last):
  File "/home/me/i.py", line 2, in __del__
    def __del__(self): raise ValueError("in del")
                       ^^^^^^^^^^^^^^^^^^^^^^^^^^
ValueError: in del
bad graph: op tanh
""",
        "bad graph: op tanh",
    ),
    "c++": (
        """terminate called after throwing an instance of 'std::out_of_range'
  what():  vector::_M_range_check: __n (which is 3) >= this->size() (which is 0)
Aborted (core dumped)
""",
        "what():  vector::_M_range_check: __n (which is 3) >= this->size() (which is 0)",
    ),
    "c-assert": ("ac: a.c:2: main: Assertion `n==1' failed.\n", None),
    "c-sanitizer": (
        """=================================================================
==6407==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x60200000001c
WRITE of size 4 at 0x60200000001c thread T0
    #0 0x55d6dfe80256 in main /home/me/engine.c:2

SUMMARY: AddressSanitizer: heap-buffer-overflow /home/me/engine.c:2 in main
Shadow bytes around the buggy address:
  0x0c047fff7fb0: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
==6407==ABORTING
""",
        "==6407==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x60200000001c",
    ),
    "c#": (
        """Unhandled exception. System.DivideByZeroException: Attempted to divide by zero.
   at Program.<Main>$(String[] args) in /home/me/Program.cs:line 2
""",
        "Unhandled exception. System.DivideByZeroException: Attempted to divide by zero.",
    ),
    "ruby": (
        "engine.rb:3:in `/': divided by 0 (ZeroDivisionError)\n\tfrom engine.rb:3:in `<main>'\n",
        "engine.rb:3:in `/': divided by 0 (ZeroDivisionError)",
    ),
    "julia": (
        """ERROR: LoadError: DivideError: integer division error
Stacktrace:
 [1] div
   @ ./int.jl:295 [inlined]
in expression starting at /home/me/engine.jl:1
""",
        "ERROR: LoadError: DivideError: integer division error",
    ),
    "haskell": (
        "engine: no such op\nCallStack (from HasCallStack):\n  error, called at engine.hs:1:8\n",
        "engine: no such op",
    ),
    "lua": (
        "lua: engine.lua:1: attempt to index a nil value\nstack traceback:\n\t[C]: in ?\n",
        "lua: engine.lua:1: attempt to index a nil value",
    ),
    "perl": ("careful\nIllegal division by zero at -e line 1.\n", None),
    "unsupported": ("reading\nunsupported: tanh\nbye\n", "unsupported: tanh"),
    "nothing": ("", ""),
    "spaces": (" \n\t\n", ""),
    "only-noise": ("exit status 2\n", "exit status 2"),
    "cut": ('Traceback (most recent call last):\n  File "a.py", line 1, in f\n', None),
}
"""What programs wrote, copied from real ones where they could be run; None for the last line."""


@pytest.mark.parametrize("name", ENDS)
def test_line_that_states_the_error(name: str) -> None:
    """Each language's message is found, wherever it stands."""
    text, expected = ENDS[name]
    assert error_line(text) == (
        text.strip().splitlines()[-1].strip() if expected is None else expected
    )


def test_long_output_takes_no_time() -> None:
    """Output made to be slow to search is searched in a moment."""
    starts = (
        "Error.", " Traceback (most recent call last):\n", "panic: \n", "   ^\n", "a: error",
        "Exception ignored in\n", " | ", "x:1:in ",
    )  # fmt: skip
    before = process_time()
    for start in starts:
        assert len(error_line(start * (2**16 // len(start)))) <= 500
    assert process_time() - before < 5.0


def test_report_of_a_program(shell: Shell) -> None:
    """The report shows that line, even if a long stack follows."""
    text, line = ENDS["java-cause"]
    stack = text + "\tat java.base/jdk.internal.reflect.Method.invoke(Method.java:569)\n" * 500
    shell.write("stack.txt", stack)
    (case,) = graded(shell, "--cmd", "sh -c 'cat stack.txt >&2; exit 1'", file="once.json")
    assert case["note"] == f"its process ended with status 1: {line}"
