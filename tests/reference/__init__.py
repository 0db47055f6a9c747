"""A second, independent reading of the file format, which writes the golden graph files.

Nothing here imports the package under test. Every expected number comes from exact rationals or
from 50-digit arithmetic, so a golden file that fails points at the engine, not at its own origin.

Run `python -m tests.reference` from the root of the checkout to write the files again.
"""
