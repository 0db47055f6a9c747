"""Engines that are no part of the package: one as learners write it, its mutants, and others.

`engine` is correct. `mutants` are its copies, each with one plausible mistake, and what `mgraph
grade` should say of it. The engines in `correct` have other habits and no mistake: whoever names a
cause there cries wolf.
"""
