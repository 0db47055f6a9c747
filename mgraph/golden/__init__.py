"""Golden tests: run the runs of a file again, and compare graphs with golden files."""
