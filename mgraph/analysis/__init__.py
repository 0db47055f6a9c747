"""Explaining one run: paths, steps, and gradients checked by differences."""
