"""Mutants of mgraph itself: how many small faults in its code the test suite notices.

There are well-kept libraries for this, mutmut and cosmic-ray. They identify a mutant by its module
and its position there, so nothing can be compared after code has moved. These mutants are
identified by the text of their function and statement: the same ones are found again in another
layout of the package, and two checkouts are compared mutant by mutant.
"""
