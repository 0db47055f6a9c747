"""Graphs from formulas."""
