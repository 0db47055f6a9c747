"""Correct engines with habits of their own; a grader must find no cause in any of them.

- `numpy_arrays` keeps 0-d arrays. relu has slope ½ at 0.
- `other_names` says `value` and `gradient`, and sends from a node when all of its users have sent.
  relu has slope 1 at 0. It has no sum, max and min, and not every function.
- `functions` has operators and functions, but no methods, and not every function.
- `tape` keeps every op in one global list. Each backward pass starts from zero, and leaves None
  where it does not come.
- `torch_like` has `Tensor`s: only leaves accumulate, and what was not reached has None.
- `composed` knows a few ops, as micrograd does, and makes the others of them. It resets nothing.
"""
