"""Sound graphs with runs that can't be replayed."""

from tests.hostile.case import Case, reject
from tests.hostile.frames import fork, neuron, runs, small, small_hash

OPEN = '{"id": "x", "op": "input"}'
RIGHT_HASH = small_hash()
OTHER_HASH = "mgraph1-sha256:" + "0123456789abcdef" * 4


def small_run(*rows: str) -> str:
    """Return `small` with these runs."""
    return small(tail=(runs(*rows),))


def fork_run(*rows: str) -> str:
    """Return the two outputs of `fork` with these runs."""
    return fork(tail=(runs(*rows),))


UNBOUND_INPUT = (
    reject("unbound-input", "empty_run", small(x=OPEN, tail=(runs("⟦{}"),)), "/runs/0"),
    reject(
        "unbound-input",
        "only_data",
        small(x=OPEN, tail=(runs('{"inputs": {"x": 1.0}}', '⟦{"data": {"x": 2.0, "o": -2.0}}'),)),
        "/runs/1",
    ),
    reject(
        "unbound-input",
        "two_runs",
        neuron(
            x2='{"id": "x2", "op": "input", "label": "x₂"}',
            tail=(
                runs(
                    '⟦{"inputs": {"x1": 1.0}}', '{"inputs": {"x2": 1.0}}', '⟦{"seed": {"o": 2.0}}'
                ),
            ),
        ),
        "/runs/0",
        "/runs/2",
    ),
)

SEED = (
    reject("seed", "missing", fork_run('⟦{"data": {"a": 9.0, "b": 1.5}}'), "/runs/0"),
    reject("seed", "missing_in_empty_run", fork_run('{"seed": {"a": 1.0}}', "⟦{}"), "/runs/1"),
    reject("seed", "empty", fork_run('⟦{"seed": {}, "grad": {"x": 6.0}}'), "/runs/0"),
    reject(
        "seed", "on_a_leaf", small_run('{"origin": "grüße", "seed": {"x": ⟦1.0}}'), "/runs/0/seed/x"
    ),
    reject(
        "seed",
        "on_an_inner_node",
        neuron(tail=(runs('{"seed": {"o": 1.0, "n": ⟦0.5}}'),)),
        "/runs/0/seed/n",
    ),
    reject("seed", "on_a_const", fork_run('{"seed": {"a": 1.0, "k": ⟦1.0}}'), "/runs/0/seed/k"),
)

HASH = (
    *(
        reject(
            "hash",
            name,
            small_run(f'{{"data": {{"o": -2.0}}, "graph": ⟦"{spelling}"}}'),
            "/runs/0/graph",
        )
        for name, spelling in {
            "other_graph": OTHER_HASH,
            "one_digit": RIGHT_HASH[:-1] + ("0" if RIGHT_HASH[-1] != "0" else "1"),
            "empty": "",
            "without_prefix": RIGHT_HASH.removeprefix("mgraph1-sha256:"),
            "other_prefix": RIGHT_HASH.replace("mgraph1", "mgraph2"),
            "upper": "mgraph1-sha256:" + RIGHT_HASH.removeprefix("mgraph1-sha256:").upper(),
            "cut": RIGHT_HASH[:-1],
            "newline_after": RIGHT_HASH + r"\n",
            "escape_sequence": r"mgraph1-sha256:\u001b[2J",
        }.items()
    ),
    reject(
        "hash",
        "second_run",
        small_run(
            f'{{"graph": "{RIGHT_HASH}"}}', f'{{"origin": "später", "graph": ⟦"{OTHER_HASH}"}}'
        ),
        "/runs/1/graph",
    ),
    reject(
        "hash",
        "hash_after_inputs",  # of the same graph with x = 3: `inputs` must not count
        small_run(f'{{"inputs": {{"x": 3.0}}, "graph": ⟦"{small_hash(3.0)}"}}'),
        "/runs/0/graph",
    ),
)

RUN_NODE = tuple(
    reject("run-node", name, source, pointer)
    for name, source, pointer in (
        (
            "data_unknown",
            small_run('{"origin": "größe", "data": {"o": -2.0, "zz": ⟦1.0}}'),
            "/runs/0/data/zz",
        ),
        ("grad_unknown", small_run('{"grad": {"X": ⟦-1.0}}'), "/runs/0/grad/X"),
        ("inputs_unknown", small_run('{"inputs": {"x": 1.0, "y": ⟦1.0}}'), "/runs/0/inputs/y"),
        (
            "inputs_prototype",
            small_run('{"inputs": {"__proto__": ⟦1.0}}'),
            "/runs/0/inputs/__proto__",
        ),
        ("inputs_on_an_op", small_run('{"inputs": {"o": ⟦1.0}}'), "/runs/0/inputs/o"),
        (
            "inputs_on_a_const",
            fork_run('{"inputs": {"k": ⟦1.0}, "seed": {"a": 1.0}}'),
            "/runs/0/inputs/k",
        ),
        ("seed_unknown", small_run('{"seed": {"out": ⟦1.0}}'), "/runs/0/seed/out"),
        ("empty_name", small_run('{"data": {"": ⟦0.0}}'), "/runs/0/data/"),
        ("pointer_escapes", small_run('{"data": {"a/b~c": ⟦0.0}}'), "/runs/0/data/a~1b~0c"),
        ("control_characters", small_run(r'{"data": {"\u001b[2J": ⟦0.0}}'), "/runs/0/data/\x1b[2J"),
        (
            "not_a_number_yet_named",
            small_run('{"data": {"o": "nan", "p": ⟦"nan"}}'),
            "/runs/0/data/p",
        ),
        (
            "third_run",
            neuron(
                tail=(runs("{}", '{"data": {"o": 0.7}}', '{"grad": {"w3": ⟦0.0, "x1": -1.5}}'),)
            ),
            "/runs/2/grad/w3",
        ),
    )
)

CASES: tuple[Case, ...] = (*UNBOUND_INPUT, *SEED, *HASH, *RUN_NODE)
