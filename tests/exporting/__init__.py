"""Tests of `mgraph.exporting`."""
