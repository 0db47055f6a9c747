"""Simulation of an engine with certain mistakes: the numbers that it gives for a program."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.grade.early import early_order
from mgraph.grade.program import LEAF, NUMBER
from mgraph.grade.traversals import (
    MOST,
    MOST_VISITS,
    all_operands,
    as_written,
    events_of,
    postorder,
)
from mgraph.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mgraph.grade.program import Program
    from mgraph.grade.traversals import Order

    Value = Callable[[Sequence[float]], float]
    Passed = Callable[[Sequence[float], float, float], float]
    """From an op's inputs, its output and its upstream adjoint to what one operand receives."""


CHOOSING: Final = ("max", "min")
"""Ops that choose one of their operands."""


class Simulated(NamedTuple):
    """The numbers of a simulated engine, by step.

    Attributes:
        data: Primals.
        grad: Adjoints.
        is_unknown: Whether some numbers can't be known: the program needs a rule that is wrong in
            an unknown way, or its backward pass is too long.
    """

    data: Sequence[float]
    grad: Sequence[float]
    is_unknown: bool


class Primals(NamedTuple):
    """The primals of a program, and what follows from them alone.

    Attributes:
        data: The primals, by step.
        partials: The right partials of the steps that have been asked for.
        is_unknown: Whether some primals can't be known.
    """

    data: list[float]
    partials: dict[int, Sequence[float]]
    is_unknown: bool


class Rules(NamedTuple):
    """How an engine behaves.

    Attributes:
        values: The value of an op, by op and kinds of operands, where it differs from the op
            table; None if the wrong rule is not known.
        slopes: What an operand receives, by op, kinds and index of the operand, likewise.
        leaf: The number that a leaf keeps, from the number it is given.
        order: The order of the backward pass.
        overwrites: Whether an op sets an operand's adjoint instead of adding to it, by op and
            index of the operand.
        keeps: Ops that, overwriting, leave an operand as it is if they pass 0 on to it.
        touches: Those of them that set it to 0 all the same.
        resets: Whether an overwriting op sets the adjoint to zero once, and then adds.
        zeroes: Whether an op sets an operand's adjoint to zero where it must add nothing to it.
        once: Whether an op counts only the last use of an operand that it uses twice.
        keyed: Whether an op keeps its local derivatives by operand: an operand that it uses twice
            gets the last one twice.
        keyed_first: Whether it gets the first one twice instead.
        crossed: Whether an op gives its operands their gradients in the reverse order.
        shares: Whether an operand without an adjoint takes the op's own as it is, not a copy, and
            adds to it in place, by op and index of the operand.
        shares_root: Whether only the root's adjoint can be changed in place: a product of NumPy's
            arrays without dimensions is a scalar, which can't.
        seed: The adjoint of the root, from its primal.
        start: The adjoint of every step before the backward pass.
        start_all: Whether interior steps have that adjoint, too, or start at 0.
        clip: The new adjoint, from the old one and what is added to it.
        visit: A step's adjoint as it is kept when the step passes on.
        upstream: A step's adjoint as it is passed on.
        afterwards: A step's adjoint as it is kept when the backward pass is over.
        kinks: Partials at the kinks, by op.
        bare: Whether an op passes its adjoint on without any partial.
        unlinked: Whether an op doesn't keep an operand, so that the backward pass doesn't reach it
            from there, by op and index of the operand.
        replaced: Whether an op replaces how an operand passes on its adjoint, likewise.
        cut: Whether an op has nothing to do with an operand in the backward pass, likewise.
        idle: Whether a step with an adjoint of 0 passes nothing on, as it may not be visited.
        is_early: Whether a step may pass on before all of its users have, in any order that gives
            the engine's adjoints.
        by_number: The order of the backward pass, if it depends on primals.
        by_chance: Orders of which an engine may have any instead of that one.
        at_visits: Whether a step has what it had at each of its visits, added up, in the end.
        of_last: Whether an op computes its partials from inputs and output of the last step that
            has it.
        one_number: Whether all plain numbers are the one that was used last, when partials are
            computed.
        own_upstream: Whether an op takes an operand's adjoint for its own, by op and index of the
            operand.
        by_grads: Whether an op computes its partials from its operands' adjoints, by op.
        gated: Whether an op passes its adjoint on as it is if an operand's own is positive, and
            nothing if not.
        seeded: The step whose adjoint starts at 1 instead of the root's.
        combines: What is made of a partial and the upstream adjoint instead of their product.
        only_leaves: Whether only the adjoints of leaves are overwritten, and changed by `clip` or
            `visit`.
        of_data: Whether an op takes its primal for its adjoint.
        lost: A step that gets no adjoint.
        merges: Whether an op takes operands with equal primals for one, the first, by op.
        shared: The order of the backward pass, if adjoints are looked up by primal, so that steps
            with equal primals share one.
        one_term: Whether steps of one op with the same operands are one and the same.
        by_path: Whether each path from the root is walked by itself: a step passes what it gets on
            at once, alone.
        ends: Whether such a path ends, from the partial and the step's adjoint so far.
        stops: Whether the backward pass ends when it comes to a step with some adjoint.
        silent: Whether a step passes nothing on, from its primal.
        running: Whether an operand's partial is multiplied by those of the operands before it: by
            which of them.
        passes_newest: Whether a step passes on only what it got last, not the sum of all it got.
    """

    values: Mapping[tuple[str, str], Value | None] = {}
    slopes: Mapping[tuple[str, str, int], Passed | None] = {}
    leaf: Callable[[float], float] | None = None
    order: Order | None = None
    overwrites: Callable[[str, int], bool] | None = None
    resets: bool = False
    zeroes: Callable[[str], bool] | None = None
    once: Callable[[str], bool] | None = None
    keyed: Callable[[str], bool] | None = None
    keyed_first: bool = False
    crossed: Callable[[str], bool] | None = None
    shares: Callable[[str, int], bool] | None = None
    shares_root: bool = False
    seed: Callable[[float], float] | None = None
    start: float = 0.0
    start_all: bool = True
    clip: Callable[[float, float], float] | None = None
    visit: Callable[[float], float] | None = None
    upstream: Callable[[float], float] | None = None
    afterwards: Callable[[float], float] | None = None
    kinks: Mapping[str, Sequence[float]] = {}
    bare: Callable[[str], bool] | None = None
    unlinked: Callable[[str, int], bool] | None = None
    replaced: Callable[[str, int], bool] | None = None
    cut: Callable[[str, int], bool] | None = None
    idle: bool = False
    is_early: bool = False
    by_number: Callable[[Program, Sequence[float]], Iterable[int]] | None = None
    by_chance: Callable[[Program, Sequence[float]], Iterable[Iterable[int]]] | None = None
    own_upstream: Callable[[str, int], bool] | None = None
    by_grads: Callable[[str], bool] | None = None
    gated: Callable[[str], bool] | None = None
    at_visits: bool = False
    of_last: Callable[[str], bool] | None = None
    one_number: bool = False
    seeded: Callable[[Program], int] | None = None
    combines: Callable[[float, float], float] | None = None
    only_leaves: bool = False
    of_data: bool = False
    lost: Callable[[Program], int] | None = None
    merges: Callable[[str], bool] | None = None
    shared: Order | None = None
    one_term: bool = False
    by_path: bool = False
    ends: Callable[[float, float], bool] | None = None
    stops: Callable[[Program, int, float], bool] | None = None
    silent: Callable[[float], bool] | None = None
    running: Callable[[float], bool] | None = None
    passes_newest: bool = False
    keeps: Sequence[str] = CHOOSING
    touches: Sequence[str] = ()


CORRECT: Final = Rules()


def simulate(program: Program, rules: Rules, primals: Primals | None = None) -> Simulated:
    """Run a program as an engine with these rules would.

    Args:
        program: The program.
        rules: How the engine behaves.
        primals: Its primals; if None, those that follow from the rules.
    """
    primals = primals or forward(program, rules)
    if rules.afterwards:
        ran = simulate(program, rules._replace(afterwards=None), primals)
        return ran._replace(grad=[*map(rules.afterwards, ran.grad)])
    if rules.one_term:
        terms, firsts = _with_each_term_once(program)
        ran = simulate(terms, rules._replace(one_term=False), primals)
        return ran._replace(grad=[ran.grad[first] for first in firsts])
    if rules.shares or rules.shared:
        sharing = _shared_by_number if rules.shared else _with_shared_memory
        return Simulated(primals.data, sharing(program, rules, primals), primals.is_unknown)
    return (_along_paths if rules.by_path else _in_order)(program, rules, primals)


def _in_order(  # noqa: C901, PLR0912 - what may happen at each step
    program: Program, rules: Rules, primals: Primals
) -> Simulated:
    """Return the numbers of an engine that visits steps, which pass on what they have."""
    data, _, is_unknown = primals
    grad, passed_on = _start(program, rules, data), _passed_on(program, rules, primals)
    steps, last, olds, at_visits = program.steps, -1, dict[int, float](), [0.0] * len(data)
    lost = rules.lost(program) if rules.lost else -1
    visit, is_own = rules.visit, not (rules.crossed or rules.keyed)
    is_plain = not (rules.own_upstream or rules.of_data or rules.upstream)
    may_be_silent = rules.idle or rules.silent is not None
    adds = not (rules.once or rules.overwrites or rules.clip or rules.zeroes)
    newest: dict[int, float] = {}
    for count, (step, operand) in enumerate(_events(program, rules, data)):
        if count > MOST:
            return Simulated(data, grad, is_unknown=True)
        if operand <= 0:
            at_visits[step] += grad[step]
        if rules.stops and operand < 1 and rules.stops(program, step, grad[step]):
            break
        if operand < 0:  # only visited: it is a leaf, or passes on later
            last, olds = step, {}
            grad[step] = visit(grad[step]) if visit else grad[step]
            continue
        op, args, _ = steps[step]
        if step != last or operand == 0:
            last, olds = step, {}
            if visit and not rules.only_leaves:
                grad[step] = visit(grad[step])
        arg = _receiver(program, rules, data, step, operand) if rules.merges else args[operand]
        if steps[arg].op == NUMBER or arg == lost:
            continue
        if may_be_silent and _is_silent(rules, data[step], grad[step]):
            continue
        upstream = newest.get(step, grad[step])
        if not is_plain:
            upstream = _upstream(rules, data, grad, step, arg, by=(op, operand))
        which = operand if is_own else _partial_of(program, rules, step, operand)
        passed = passed_on(step, which, upstream)
        if rules.by_grads and rules.by_grads(op):
            passed = _by_grads(program, data, grad, step, operand)
        if passed is None:
            return Simulated(data, grad, is_unknown=True)
        if rules.gated and rules.gated(op):
            passed = upstream if grad[arg] > 0.0 else 0.0
        if rules.passes_newest:
            newest[arg] = passed
        if adds or (rules.only_leaves and steps[arg].op != LEAF):
            grad[arg] += passed
        else:
            grad[arg] = _added(rules, (op, operand), arg, grad[arg], passed, olds)
    return Simulated(data, at_visits if rules.at_visits else grad, is_unknown)


def _by_grads(
    program: Program, data: Sequence[float], grad: Sequence[float], step: int, operand: int
) -> float:
    """Return what an operand gets if an op takes the adjoints of its operands for their primals.

    Plain numbers are made Values, which have none.
    """
    op, args, _ = program.steps[step]
    xs = [0.0 if program.steps[arg].op == NUMBER else grad[arg] for arg in args]
    return OPS[op].partials(xs, data[step])[operand] * grad[step]


def _is_silent(rules: Rules, data: float, adjoint: float) -> bool:
    """Whether a step with these numbers passes nothing on."""
    return (rules.idle and adjoint == 0.0) or (rules.silent is not None and rules.silent(data))


def _upstream(  # noqa: PLR0913 - what is passed on, and by what to what
    rules: Rules, data: Sequence[float], grad: Sequence[float], step: int, arg: int, *,
    by: tuple[str, int],
) -> float:  # fmt: skip
    """Return the adjoint that an op multiplies by its partial."""
    of = arg if rules.own_upstream and rules.own_upstream(*by) else step
    upstream = data[of] if rules.of_data else grad[of]
    return rules.upstream(upstream) if rules.upstream else upstream


def _receiver(
    program: Program, rules: Rules, data: Sequence[float], step: int, operand: int
) -> int:
    """Return the step that gets what is meant for an operand."""
    args = program.steps[step].args
    if rules.merges and rules.merges(program.steps[step].op) and data[args[0]] == data[args[-1]]:
        return args[operand] if program.steps[args[0]].op == NUMBER else args[0]
    return args[operand]


def _added(  # noqa: PLR0913, PLR0917 - what an operand has, and what it gets
    rules: Rules, by: tuple[str, int], arg: int, base: float, passed: float, olds: dict[int, float]
) -> float:  # fmt: skip
    """Return the adjoint of an operand after an op has passed something on to it.

    Args:
        rules: How the engine behaves.
        by: The op, and the index of the operand.
        arg: The operand.
        base: Its adjoint before.
        passed: What it gets.
        olds: What the operands had before the op passed anything on; changed in place.
    """
    if rules.once and rules.once(by[0]):
        base = olds.setdefault(arg, base)
    if rules.overwrites and rules.overwrites(*by):
        keeps = by[0] in rules.keeps and by[0] not in rules.touches
        is_kept = (passed == 0.0 and keeps) or (rules.resets and arg in olds)
        base = base if is_kept else 0.0
        olds[arg] = 0.0
    if passed == 0.0 and rules.zeroes and rules.zeroes(by[0]):
        base = 0.0
    return rules.clip(base, passed) if rules.clip else base + passed


def _start(program: Program, rules: Rules, data: Sequence[float]) -> list[float]:
    """Return the adjoints before the backward pass."""
    grad = [rules.start] * len(data)
    for step in () if rules.start_all else postorder(program):
        grad[step] = rules.start if program.steps[step].op == LEAF else 0.0
    seeded = rules.seeded(program) if rules.seeded else program.root
    grad[seeded] = rules.seed(data[program.root]) if rules.seed else 1.0
    return grad


def early_rules(
    program: Program, rules: Rules, primals: Primals, grads: Sequence[float | None],
    near: Callable[[float | None, float], bool],
) -> tuple[Rules | None, int]:  # fmt: skip
    """Return rules with an order by which nodes pass on too early, and how many were tried.

    Args:
        program: The program.
        rules: The other rules.
        primals: The engine's primals.
        grads: Its adjoints, by step; None where they are not known.
        near: Whether a number is the one that is expected.
    """
    order, tries = early_order(program, _passed_on(program, rules, primals), grads, near)
    if order is None:
        return None, tries
    return rules._replace(is_early=False, order=all_operands(lambda _: order)), tries


def _events(program: Program, rules: Rules, data: Sequence[float]) -> Iterable[tuple[int, int]]:
    """Return the order of the backward pass, without the steps that don't take part in it."""
    if rules.cut:
        smaller, kept = _cut(program, rules.cut)
        events = _events(smaller, rules._replace(cut=None), data)
        return ((step, kept[step][k] if k >= 0 else -1) for step, k in events if kept[step])
    if rules.by_number:
        steps = rules.by_number(program, data)
        return (event for step in steps for event in events_of(program, step))
    events = (rules.order or as_written)(program)
    if not (rules.unlinked or rules.replaced):
        return events
    reached = bytearray(len(program.steps))
    reached[program.root] = 1
    replaced: dict[int, None] = {}
    for i in range(program.root, -1, -1):
        step = program.steps[i]
        for k, arg in enumerate(step.args if reached[i] else ()):
            if not (rules.unlinked and rules.unlinked(step.op, k)):
                reached[arg] = 1
            if rules.replaced and rules.replaced(step.op, k):
                replaced[arg] = None
    return (event for event in events if reached[event[0]] and event[0] not in replaced)


def _cut(
    program: Program, is_cut: Callable[[str, int], bool]
) -> tuple[Program, Sequence[Sequence[int]]]:
    """Return a program without some operands, and which ones each step has kept.

    A leaf has kept one, -1.
    """
    kept = [
        [k for k in range(len(step.args)) if not is_cut(step.op, k)] if step.args else [-1]
        for step in program.steps
    ]
    steps = tuple(
        step._replace(args=tuple(step.args[k] for k in ks if k >= 0))
        for step, ks in zip(program.steps, kept, strict=True)
    )
    return program._replace(steps=steps), kept


def _partial_of(program: Program, rules: Rules, step: int, operand: int) -> int:
    """Return the operand whose partial is passed on.

    It is the first or last that is the same, if it is keyed; the other one, if they are crossed.
    """
    op, args, _ = program.steps[step]
    if rules.crossed and rules.crossed(op):
        return len(args) - 1 - operand
    if not (rules.keyed and rules.keyed(op)):
        return operand
    if rules.keyed_first:
        is_once = rules.once is not None and rules.once(op)  # then it doesn't come twice
        return operand if is_once else args.index(args[operand])
    return len(args) - 1 - args[::-1].index(args[operand])


def _with_shared_memory(program: Program, rules: Rules, primals: Primals) -> list[float]:
    """Return the adjoints of an engine in which several steps may hold the same array."""
    passed_on = _passed_on(program, rules, primals)
    cell = [-1] * len(program.steps)
    arrays = [1.0]
    cell[program.root] = 0
    for step, operand in (rules.order or as_written)(program):
        if operand < 0 or cell[step] < 0:
            continue
        arg = program.steps[step].args[operand]
        if program.steps[arg].op == NUMBER:
            continue
        passed = passed_on(step, operand, arrays[cell[step]]) or 0.0
        if cell[arg] == 0 or (cell[arg] > 0 and not rules.shares_root):
            arrays[cell[arg]] += passed
        elif cell[arg] > 0:
            arrays.append(arrays[cell[arg]] + passed)
            cell[arg] = len(arrays) - 1
        elif rules.shares and rules.shares(program.steps[step].op, operand):
            cell[arg] = cell[step]
        else:
            cell[arg] = len(arrays)
            arrays.append(passed)
    return [0.0 if i < 0 else arrays[i] for i in cell]


def _shared_by_number(program: Program, rules: Rules, primals: Primals) -> list[float]:
    """Return the adjoints of an engine in which steps with equal primals share one.

    Plain numbers have one there, too, if the engine makes Values of them.
    """
    data, passed_on = primals.data, _passed_on(program, rules, primals)
    grads = {data[program.root]: _start(program, rules, data)[program.root]}
    for step, operand in (rules.shared or as_written)(program):
        if operand >= 0:
            passed = passed_on(step, operand, grads.get(data[step], 0.0)) or 0.0
            x = data[program.steps[step].args[operand]]
            grads[x] = grads.get(x, 0.0) + passed
    reached = dict.fromkeys(postorder(program))
    return [grads.get(x, 0.0) if i in reached else 0.0 for i, x in enumerate(data)]


def _with_each_term_once(program: Program) -> tuple[Program, list[int]]:
    """Return a program that uses each term only as it was written first, and where that is."""
    known: dict[tuple[str, tuple[int, ...], float], int] = {}
    firsts: list[int] = []
    steps = list(program.steps)
    for i, step in enumerate(program.steps):
        steps[i] = step._replace(args=tuple(firsts[arg] for arg in step.args))
        term = step.op, steps[i].args, step.x
        firsts.append(i if step.op == LEAF else known.setdefault(term, i))
    return program._replace(steps=tuple(steps), root=firsts[program.root]), firsts


def _along_paths(program: Program, rules: Rules, primals: Primals) -> Simulated:
    """Return the numbers of an engine that walks each path from the root by itself."""
    data, _, is_unknown = primals
    passed_on = _passed_on(program, rules, primals)
    own = _passed_on(program, rules._replace(combines=None, bare=None), primals)
    grad = _start(program, rules, data)
    todo = [(program.root, grad[program.root], False)]
    grad[program.root] = 0.0
    for _ in range(MOST_VISITS):
        if not todo:
            return Simulated(data, grad, is_unknown)
        step, gets, is_set = todo.pop()
        grad[step] = 0.0 if is_set else grad[step]
        grad[step] = rules.clip(grad[step], gets) if rules.clip else grad[step] + gets
        upstream = rules.upstream(gets) if rules.upstream else gets
        for operand, arg in reversed([*enumerate(program.steps[step].args)]):
            if program.steps[arg].op == NUMBER or (rules.idle and upstream == 0.0):
                continue
            which = _partial_of(program, rules, step, operand)
            if rules.ends and rules.ends(own(step, which, 1.0) or 0.0, grad[step]):
                continue
            passed = passed_on(step, which, upstream)
            if passed is None:
                return Simulated(data, grad, is_unknown=True)
            is_set = bool(rules.overwrites and rules.overwrites(program.steps[step].op, operand))
            todo.append((arg, passed, is_set))
    return Simulated(data, grad, is_unknown=True)


def forward(program: Program, rules: Rules, seen: Sequence[float | None] | None = None) -> Primals:
    """Return the primals of an engine.

    Args:
        program: The program.
        rules: How the engine behaves.
        seen: Its primals, by step; None where they are not known. They replace those that follow
            from the rules.
    """
    data: list[float] = []
    is_unknown = False
    for i, step in enumerate(program.steps):
        known = seen[i] if seen is not None else None
        if known is not None:
            data.append(known)
        elif step.op == NUMBER:
            data.append(step.x)
        elif step.op == LEAF:
            data.append(rules.leaf(step.x) if rules.leaf else step.x)
        else:
            xs = [data[arg] for arg in step.args]
            key = (step.op, program.kinds(i)[:2]) if rules.values else ("", "")
            if key in rules.values:
                wrong = rules.values[key]
                is_unknown = is_unknown or wrong is None
                data.append(wrong(xs) if wrong else OPS[step.op].value(xs))
            else:
                data.append(OPS[step.op].value(xs))
    return Primals(data, {}, is_unknown)


def _passed_on(
    program: Program, rules: Rules, primals: Primals
) -> Callable[[int, int, float], float | None]:
    data, known, _ = primals
    wrong_ops = dict.fromkeys(op for op, *_ in rules.slopes)

    if rules.one_number:
        data, known = _with_one_number(program, data), {}
    kept_at = _kept_at(program, rules.of_last) if rules.of_last else None

    def passed_on(i: int, operand: int, upstream: float) -> float | None:
        i = kept_at[i] if kept_at else i
        op, args, _ = program.steps[i]
        if rules.bare and rules.bare(op):
            return upstream
        xs = [data[arg] for arg in args] if op in rules.kinks or op in wrong_ops else []
        is_at_kink = op in rules.kinks and OPS[op].kink_distance(*xs) == 0.0
        if op in wrong_ops and not is_at_kink:
            key = (op, program.kinds(i)[:2], operand)
            if key in rules.slopes:
                wrong = rules.slopes[key]
                return wrong(xs, data[i], upstream) if wrong else None
        if not is_at_kink and i not in known:
            known[i] = tuple(OPS[op].partials([data[arg] for arg in args], data[i]))
        partials = rules.kinks[op] if is_at_kink else known[i]
        own = partials[operand]
        if rules.running:
            own *= math.prod(filter(rules.running, partials[:operand]))
        return rules.combines(own, upstream) if rules.combines else own * upstream

    return passed_on


def _kept_at(program: Program, of_last: Callable[[str], bool]) -> list[int]:
    """Return for each step the one whose operands and result an op uses when it passes on."""
    last = {step.op: i for i, step in enumerate(program.steps) if of_last(step.op)}
    return [last.get(step.op, i) for i, step in enumerate(program.steps)]


def _with_one_number(program: Program, data: Sequence[float]) -> list[float]:
    """Return primals with the number that was used last in place of all plain numbers."""
    steps = program.steps
    numbers = [arg for step in steps for arg in step.args if steps[arg].op == NUMBER]
    last = data[numbers[-1]] if numbers else 0.0
    return [last if step.op == NUMBER else x for step, x in zip(steps, data, strict=True)]
