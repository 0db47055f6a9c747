"""Chance as a tester: random documents, random damage, and what must hold for any bytes.

`python -m tests.fuzz --seconds 60` lets Atheris look for bytes that break that: it watches which
lines they reach. It needs the extra "fuzz". `tests/test_fuzz.py` does a little of it each time.
"""
