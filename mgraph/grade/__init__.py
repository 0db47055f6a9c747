"""Grading: the golden graphs, run on somebody else's engine."""
