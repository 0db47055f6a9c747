"""For test suites: `assert_graph` compares the graph of live Values with a golden file."""

from mgraph.golden.asserting import assert_graph

__all__ = ["assert_graph"]
