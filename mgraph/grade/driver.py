"""Drive a foreign engine: build graphs with its operators, call its backward, read its numbers.

Any Python from 3.8 runs `driver_start.py`, which runs this file; it needs nothing but the engine,
and the files `driver_*.py` beside it, of which `driver_engine.py` finds how the engine spells
things. It reads one JSON object per line, and answers each with another. The first one names the
engine:

    {"target": "micrograd.engine:Value", "names": {"tanh": "activation:tanh"}}

The answer is `{"engine": …}`, with `problem` if nothing can run a backward pass, or `{"error": …}`.
Each further object is a program, a list of steps that refer to earlier ones by index:

    {"steps": [["leaf", 2.0], ["number", 3], ["mul", 0, 1]], "root": 2, "backward": 1}

A leaf becomes a Value, a number stays a plain number. With `"following": 3`, backward is also run
from step 3 in three more graphs. Their gradients are `own`, of new leaves; `next`, of the same
leaves; and `cleared`, of the same leaves after their gradients were set to 0, if that can be done.
None of their values is read before backward, nor in graphs of more than a thousand steps: so an
engine that computes values when they are read must compute them in backward.
With `"first": true`, the first Value of the process is in the graph, and nothing else has been
built before it.

The answer holds data and grad of every step that is a Value, grad only if it isn't the Value of an
operand, and under `again` both once more if they differed when the graph was built a second time;
with `"integers": true`, whole numbers are floats then. `varies` says that they differ if sets
iterate the other way round. If an error was raised, the answer holds its last line (`error`), the
step, and where in the engine's files it began (`failure`). `compositions` has the steps of ops that
the engine composes of others, by op and kinds of operands, and `parts` those of single steps that
differ. `hidden` has the steps whose Values have a backward that hides the one of their class.
`alone` is the gradient of a leaf after its own backward, and `starters` are methods that call
backward. What the engine prints is kept out.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from contextlib import suppress
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself takes time to import
    from typing import Any
if TYPE_CHECKING or __package__:
    from mgraph.grade.driver_compositions import UNKNOWN
    from mgraph.grade.driver_engine import SAMPLE, ForeignEngine
    from mgraph.grade.driver_errors import (
        EngineError,
        UnsupportedError,
        evidence,
        instead_of_value,
        last_line,
    )
    from mgraph.grade.driver_functions import (
        borrowed_from,
        does_nothing,
        keep_python_modules,
        version_of,
    )
    from mgraph.grade.driver_memory import fill_holes
    from mgraph.grade.driver_numbers import differs
    from mgraph.grade.driver_spellings import OPERATORS, is_backward
else:  # driver_start imports it as a script does
    from driver_compositions import UNKNOWN
    from driver_engine import SAMPLE, ForeignEngine
    from driver_errors import EngineError, UnsupportedError, evidence, instead_of_value, last_line
    from driver_functions import borrowed_from, does_nothing, keep_python_modules, version_of
    from driver_memory import fill_holes
    from driver_numbers import differs
    from driver_spellings import OPERATORS, is_backward

PLAIN = (0.0, 1.0, -1.0, 2.0, 0.5)
"""Numbers that Values in a composition are made of, if no op has made them."""

LONG = 1000  # steps of a graph whose values are read only after backward


def find_forms(engine: ForeignEngine, steps: list[Any]) -> list[tuple[Any, str]]:
    """Find the functions for the ops of a program before there is a graph, which samples may spoil.

    With each comes its op and the kinds of its operands; leaves and numbers have none.

    A tape, say, that all graphs share is emptied by the backward pass of a sample, and keeps what
    was built before an op turned out to be missing.

    Raises:
        UnsupportedError: If the engine lacks an op.
        EngineError: If the engine has it, and it fails.
    """
    forms: list[tuple[Any, str]] = []
    for i, step in enumerate(steps):
        if step[0] in ("leaf", "number"):
            forms.append((None, ""))
        else:
            try:
                kinds = kinds_of(steps, step)
                forms.append((engine.form(step[0], kinds), step[0] + ":" + kinds))
            except (UnsupportedError, EngineError) as error:
                error.step = i
                raise
            except BaseException as error:
                raise engine.failure(error, "build", i) from error
    return forms


def kinds_of(steps: list[Any], step: list[Any]) -> str:
    """Return which operands of a step are Values (V), and numbers (N); of a sum, two at most."""
    if step[0] == "sum":
        return "V" * min(len(step) - 1, 2)
    return "".join(["N" if steps[k][0] == "number" else "V" for k in step[1:]])


def build(
    engine: ForeignEngine,
    steps: list[Any],
    parts: dict[int, Any] | None = None,
    leaves: list[Any] | None = None,
) -> list[Any]:
    """Run the steps of a program; return their Values and numbers.

    Args:
        engine: The engine.
        steps: The steps.
        parts: Gets the compositions of steps that differ from the usual one of their op.
        leaves: The Values of an earlier graph of the same steps, whose leaves this one shares.

    Raises:
        UnsupportedError: If the engine lacks an op, or makes no Values of integers.
        EngineError: If it fails.
    """
    values: list[Any] = []
    forms = find_forms(engine, steps)
    for i, step in enumerate(steps):
        try:
            if step[0] == "leaf":
                values.append(leaves[i] if leaves else make_leaf(engine, step[1]))
            elif step[0] == "number":
                values.append(step[1])
            else:
                operands = [values[k] for k in step[1:]]
                function, usual = forms[i]
                if parts is None or not engine.compositions.get(usual) or step[0] == "sum":
                    values.append(function(*operands))
                    continue
                value, composed = engine.watcher.call(function, operands, step[0])
                values.append(value)
                known = (*engine.compositions[usual]["hidden"], *PLAIN)
                if composed == UNKNOWN or (
                    composed and any(x not in known for x in composed["hidden"])
                ):
                    composed = None
                if composed != engine.compositions[usual]:
                    parts[i] = composed
        except (UnsupportedError, EngineError) as error:
            error.step = i
            raise
        except BaseException as error:
            failure = without_value(engine, steps, values) or engine.failure(error, "build", i)
            raise failure from error
    return values


def without_value(engine: ForeignEngine, steps: list[Any], values: list[Any]) -> EngineError | None:
    """Return the failure of the first op that gave None, a number or the like, if one did."""
    for i, (step, value) in enumerate(zip(steps, values)):  # noqa: B905
        is_op = step[0] not in ("leaf", "number")
        if is_op and engine.is_other(value):
            gave = instead_of_value(value)
            failure = EngineError(f"TypeError: {step[0]} gave {gave}", i)
            culprit = step[0] + ":" + kinds_of(steps, step)
            failure.evidence = {"exception": "TypeError", "phase": "build"}
            failure.evidence.update(culprit=culprit, gave=gave)
            return failure
    return None


def first_of_all(engine: ForeignEngine, program: Any) -> list[Any]:
    """Build a graph of the first Value of the process, before it has been used for anything else.

    Return nothing if that can't be: only operators are called, because finding other functions
    makes Values. If the gradient is a method, that of the first Value has been called to find it.
    """
    is_called = callable(getattr(engine.kind, engine.attribute["grad"], None))
    if not program.get("first") or engine.forms or engine.has_begun or is_called:
        return []
    engine.has_begun = True
    values: list[Any] = []
    try:
        for op, *rest in program["steps"]:
            if op != "leaf":
                operate: Any = OPERATORS[op]
                values.append(operate(*(values[k] for k in rest)))
            elif not values and rest[0] == SAMPLE:
                values.append(engine.samples[0])
            else:
                values.append(engine.leaf(rest[0]))
    except Exception:  # noqa: BLE001 - whatever the engine raises, it raises again in the graph
        return []
    return values


def make_leaf(engine: ForeignEngine, x: float) -> Any:
    """Make a Value of a float or an integer.

    Raises:
        UnsupportedError: If the engine doesn't take integers, as a tensor with a gradient may not.
    """
    try:
        return engine.leaf(x)
    except Exception as error:
        if isinstance(x, float):
            raise
        raise UnsupportedError("no Values of integers: " + last_line(error)) from error


def read_all(engine: ForeignEngine, steps: list[Any], values: list[Any], what: str) -> list[Any]:
    """Read the data or grad of every step that is a Value of its own; None for the others."""
    numbers: list[Any] = []
    for i, (step, value) in enumerate(zip(steps, values)):  # noqa: B905 - strict came with 3.10
        is_op = step[0] not in ("leaf", "number")
        is_operand = is_op and any(value is values[k] for k in step[1:])
        if step[0] == "number" or (is_operand and what == "grad"):
            numbers.append(None)  # an op that returns its operand: it has no gradient of its own
            continue
        try:
            numbers.append(engine.number(engine.read(value, what)))
            if numbers[-1] is None and what == "data":
                raise EngineError("None", kind="no-number")  # noqa: TRY301
        except EngineError as error:
            cause = error.__cause__
            error.step, error.what = i, what
            error.evidence = evidence(cause, "read", engine.own) if cause else {"phase": "read"}
            raise
        except BaseException as error:
            failure = without_value(engine, steps, values) or engine.failure(error, "read", i)
            raise failure from error
    return numbers


def run(
    engine: ForeignEngine, program: Any, parts: dict[int, Any] | None = None
) -> tuple[dict[str, Any], list[Any]]:
    """Build a graph, run backward, and read the numbers; return the answer, and all graphs."""
    steps, root = program["steps"], program["root"]
    values = first_of_all(engine, program) or build(engine, steps, parts)
    answer: dict[str, Any] = {}
    own = {i: engine.own_backward(value) for i, value in enumerate(values)}
    hidden = [i for i, function in own.items() if function is not None]
    if hidden and all(does_nothing(own[i]) for i in hidden if steps[i][0] in ("leaf", "number")):
        answer["hidden"] = hidden  # a leaf's own backward may be how the engine works
    if len(steps) <= LONG:
        answer["before"] = read_all(engine, steps, values, "data")
    try:
        engine.backward(values[root])
    except EngineError:
        raise
    except BaseException as error:
        raise engine.failure(error, "backward") from error
    answer["grad"] = read_all(engine, steps, values, "grad")
    if program["backward"] > 1:
        try:
            engine.backward(values[root])
            answer["second"] = read_all(engine, steps, values, "grad")
        except BaseException as error:  # noqa: BLE001 - some engines refuse a second backward
            answer["refused"] = last_line(error)
    answer["data"] = read_all(engine, steps, values, "data")
    if answer["data"] == answer.get("before"):
        del answer["before"]
    graphs = [values]
    if program.get("following") is not None:
        answer["own"] = run_another(engine, program, graphs)
        answer["next"] = run_another(engine, program, graphs, values)
        if clear(engine, steps, values):
            with suppress(BaseException):  # it may not go on with gradients that it didn't set
                answer["cleared"] = run_another(engine, program, graphs, values)
    return answer, graphs


def run_another(
    engine: ForeignEngine, program: Any, graphs: list[Any], leaves: list[Any] | None = None
) -> list[Any]:
    """Build another graph, and return the gradients after its backward.

    Args:
        engine: The engine.
        program: The program; backward starts from the step that is to follow.
        graphs: Gets the graph, so that the next one has other addresses in memory.
        leaves: The Values of an earlier graph whose leaves it is made of, as in each step of
            training but the first; None for new leaves.
    """
    steps = program["steps"]
    values = build(engine, steps, leaves=leaves)
    graphs.append(values)
    try:
        engine.backward(values[program["following"]])
    except EngineError:
        raise
    except BaseException as error:
        raise engine.failure(error, "backward") from error
    return read_all(engine, steps, values, "grad")


def clear(engine: ForeignEngine, steps: list[Any], values: list[Any]) -> bool:
    """Set the gradients of leaves to those of new ones, as before each step of training.

    Return whether all of them are 0, or none, then: not every engine lets one set them.
    """
    leaves = [(value, step[1]) for step, value in zip(steps, values) if step[0] == "leaf"]  # noqa: B905
    name = engine.attribute["grad"]
    try:
        for value, x in leaves:
            new = engine.leaf(x)
            engine.samples.append(new)  # so that the next graph has other addresses in memory
            grad = engine.read(new, "grad")
            if callable(grad):  # a method
                return False
            if name not in getattr(value, "__dict__", ()) and not hasattr(type(value), name):
                return False  # `__getattr__` gives it: another attribute would only hide it
            setattr(value, name, grad)
        return not any(engine.number(engine.read(value, "grad")) for value, _ in leaves)
    except BaseException:  # noqa: BLE001 - whatever the engine raises
        return False


def answer_program(engine: ForeignEngine, program: Any) -> dict[str, Any]:
    """Run a program twice, and return the answer; the second run shows whether it changes.

    If objects were hashed, a third run shows whether the numbers depend on the order of sets.
    """
    try:
        if not program.get("first"):  # a graph of the first Value must come before other Values
            find_forms(engine, program["steps"])  # which tries ops that it meets for the first time
        engine.random.restart(program)
        start, before = monotonic(), engine.hashes.restart()
        parts: dict[int, Any] = {}
        answer, graphs = run(engine, program, parts)
        has_hashed, seconds = engine.hashes.serial != before, monotonic() - start
        is_random = engine.random.are_used(program)
        if not any(grad is not None for grad in answer["grad"]):
            engine.look_for_gradient()
        engine.hashes.restart()
        again, others = run(engine, with_floats(program))
    except (UnsupportedError, EngineError) as error:
        return described_failure(error)
    is_quick, is_other = seconds < engine.patience, are_other(answer, again)
    first, second = [[each[what] for what in ("data", "grad")] for each in (answer, again)]
    if json.dumps(second) != json.dumps(first):
        answer["again"] = again
    if is_random and (not is_other or (is_quick and is_same(engine, program, answer))):
        answer["random"] = True
    if has_hashed and is_quick and not is_other:
        note_order(engine, program, answer)
    del graphs, others  # kept until here, so that each graph gets other addresses in memory
    answer["compositions"], answer["parts"] = engine.compositions, parts
    engine.random.restart(None)  # whatever program was the first
    answer["alone"] = engine.seed_of_leaf()
    with suppress(Exception):  # the class may be anything
        answer["starters"] = engine.starters()
    return answer


def with_floats(program: Any) -> Any:
    """Return a program with floats in all leaves."""
    if not program.get("integers"):
        return program
    steps = [["leaf", float(step[1])] if step[0] == "leaf" else step for step in program["steps"]]
    return dict(program, steps=steps)


def described_failure(error: UnsupportedError | EngineError) -> dict[str, Any]:
    """Return the answer to a program that failed."""
    kind, what = getattr(error, "kind", "unsupported"), getattr(error, "what", "")
    answer = {"error": str(error), "kind": kind, "step": error.step}
    if what:
        answer["what"] = what
    if error.evidence:
        answer["failure"] = error.evidence
    return answer


def is_same(engine: ForeignEngine, program: Any, answer: dict[str, Any]) -> bool:
    """Whether a program gives an answer once more, with the same random numbers."""
    other = run_once_more(engine, program)
    return other is None or ("grad" in other and not are_other(answer, other))


def note_order(engine: ForeignEngine, program: Any, answer: dict[str, Any]) -> None:
    """Note in an answer if other numbers come out when small sets iterate the other way."""
    other = run_once_more(engine, program, is_reversed=True)
    if other is not None and ("grad" not in other or are_other(answer, other)):
        answer["varies"] = True
        if "grad" in other:
            answer["turned"] = other


def run_once_more(
    engine: ForeignEngine, program: Any, *, is_reversed: bool = False
) -> dict[str, Any] | None:
    """Return data and grad of a program with the same random numbers, in an order of small sets.

    None if the order of sets may need more memory or recursion; nothing if the engine fails.
    """
    engine.hashes.restart(is_reversed=is_reversed)
    engine.random.restart(program)
    try:
        other, _ = run(engine, dict(program, backward=1, following=None))
    except (RecursionError, MemoryError):
        return None
    except BaseException:  # noqa: BLE001 - whatever the engine raises
        return {}
    return {what: other[what] for what in ("data", "grad")}


def are_other(answer: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two answers to a program have other numbers, beyond rounding."""
    return any(
        differs(x, y)
        for what in ("data", "grad")
        for x, y in zip(answer[what], other[what])  # noqa: B905
    )


def hello(settings: Any) -> tuple[ForeignEngine | None, dict[str, Any]]:
    """Import the engine; return it, and the answer to the first line."""
    sys.dont_write_bytecode = True  # it may be out of date a moment later, when a file is edited
    file = settings["target"].rpartition(":")[0]
    keep_python_modules([os.getcwd(), os.path.dirname(file)])
    sys.path[0] = os.getcwd()  # as `python -m` does; this file's folder has nothing to import
    try:
        engine = ForeignEngine(
            settings["target"], settings.get("names", {}), settings.get("seconds", 10.0) / 4
        )
    except EngineError as error:
        return None, {"error": str(error)}
    except BaseException as error:  # noqa: BLE001 - whatever importing it does
        return None, {"error": last_line(error)}
    is_file = file.endswith(".py")  # it belongs to no package
    version = None if is_file else version_of(engine.module)
    borrowed = borrowed_from(engine.kind, file, is_backward) if is_file else None
    versions = {"python": sys.version.split()[0], "version": version, "borrowed": borrowed}
    engine.random.find_generators()
    engine.samples.append(fill_holes())
    return engine, {"engine": versions, **({"problem": engine.lacks} if engine.lacks else {})}


def main() -> None:
    """Answer line by line, until the input ends."""
    own = os.getpid()
    questions = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # what the engine prints must not look like an answer
    engine, reply = hello(json.loads(questions.readline()))
    while True:
        if os.getpid() != own:  # the engine forked, and this is its child
            os._exit(0)
        answers.write(json.dumps(reply) + "\n")
        answers.flush()
        line = questions.readline()
        if not line or engine is None:
            break
        reply = answer_program(engine, json.loads(line))
        gc.collect(0)
