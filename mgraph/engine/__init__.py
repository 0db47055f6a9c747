"""Running a graph, with Values or on the tape: inputs and seed in, a Run out."""
