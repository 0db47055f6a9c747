"""The checked graph as columns: names resolved, acyclic, in evaluation order, immutable."""
