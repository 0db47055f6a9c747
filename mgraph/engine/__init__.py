"""Running a graph: inputs and seed in, a Run out."""
