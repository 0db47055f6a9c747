"""Graphs in other systems."""
