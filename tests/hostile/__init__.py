"""Hostile graph files: what each must be told, written down without a parser.

`python -m tests.hostile` writes `fixtures/reject/` and `fixtures/warn/` anew. Nothing here imports
mgraph: a case is the text of a file with a mark at each place where a diagnostic is due, so the
expected positions are counted, not computed by the code they test.
"""
