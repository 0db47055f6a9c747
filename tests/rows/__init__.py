"""Tests of tables through a graph."""
