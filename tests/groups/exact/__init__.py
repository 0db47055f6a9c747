"""Exact math against MPFR."""
