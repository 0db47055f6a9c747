"""One reader under Atheris: `python -m tests.fuzz.target READER [options of libFuzzer] CORPUS`."""

from __future__ import annotations

import json
import sys
import time
import tracemalloc
from random import Random
from typing import Any, Final

import atheris
import msgpack

with atheris.instrument_imports(include=["mgraph"]):
    import mgraph.format.nodes
    import mgraph.format.runs
    import mgraph.format.shape  # noqa: F401 - imported late otherwise, and not watched
    from mgraph.format.reading import inspect

from tests.fuzz.mutations import damage, damaged, damaged_text
from tests.fuzz.oracle import CONSTANT, MULTIPLE, consume

SECONDS: Final = 5.0
"""Processor time for one input, watched and instrumented."""

WEIGHED: Final = 50
"""One input in so many is weighed: tracing memory takes its time."""

inputs = 0


def test_one_input(data: bytes) -> None:
    """Give some bytes to the reader."""
    global inputs  # noqa: PLW0603 - Atheris calls a function
    inputs += 1
    start = time.process_time()
    if inputs % WEIGHED:
        consume(data)
    else:
        tracemalloc.start()
        inspect(data)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= MULTIPLE * len(data) + CONSTANT, f"{peak:,} bytes of memory"
    taken = time.process_time() - start
    assert taken < SECONDS, f"{taken:.1f} s"


def json_mutator(data: bytes, longest: int, seed: int) -> bytes:
    """Damage a text: its bytes, its pieces, or the document that it is."""
    source = Random(seed)  # noqa: S311 - scattered, not secret
    kind = source.randint(0, 2)
    try:
        if kind == 0:
            document = json.loads(data)
            return json.dumps(_damaged(document, source), default=bytes.hex).encode()[:longest]
        if kind == 1:
            return damaged_text(data.decode(), source).encode()[:longest]
    except (ValueError, AttributeError, RecursionError):
        pass
    mutated: bytes = atheris.Mutate(data, longest)
    return mutated


def msgpack_mutator(data: bytes, longest: int, seed: int) -> bytes:
    """Damage an object: its bytes, or the document that it is."""
    source = Random(seed)  # noqa: S311 - scattered, not secret
    kind = source.randint(0, 2)
    try:
        if kind == 0:
            packed: bytes = msgpack.packb(_damaged(msgpack.unpackb(data), source))
            return packed[:longest]
    except (ValueError, OverflowError, TypeError, RecursionError, msgpack.UnpackException):
        pass
    mutated: bytes = damaged(data, source) if kind == 1 else atheris.Mutate(data, longest)
    return mutated[:longest]


def _damaged(document: Any, source: Random) -> Any:  # noqa: ANN401 - any plain data
    if isinstance(document, dict) and document:
        damage(document, source)
    return document


MUTATORS: Final = {"json": json_mutator, "msgpack": msgpack_mutator}

if __name__ == "__main__":
    mutator = MUTATORS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, test_one_input, custom_mutator=mutator)
    atheris.Fuzz()
