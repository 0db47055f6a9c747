"""The shape of a graph file: fields, pydantic models, and the faults that they find."""
