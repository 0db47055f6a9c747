"""`assert_graph` for test suites: the graph of live Values against a golden file."""

from mgraph.golden.asserting import assert_graph

__all__ = ["assert_graph"]
