"""Tests of the graph in memory."""
