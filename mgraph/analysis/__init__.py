"""Explanations of one run: paths, steps, and gradients measured by differences."""
