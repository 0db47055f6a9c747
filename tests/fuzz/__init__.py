"""Chance as a tester."""
