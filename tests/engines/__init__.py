"""Engines to test the grader with: one as learners write it, its mutants, and other correct ones.

`engine` is correct. `mutants` describes copies of it, each with one plausible mistake, and the
causes that `mgraph grade` should name. The engines in `correct` are written in other styles and
have no mistake: a cause named there is a false alarm.
"""
