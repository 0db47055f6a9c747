"""Correct engines in different styles; a grader must not name a cause for any of them.

- `numpy_arrays` keeps 0-d arrays. The derivative of relu at 0 is ½.
- `other_names` has `value` and `gradient`; a node passes on when all nodes that use it have passed
  on. The derivative of relu at 0 is 1. It has no sum, max and min, and lacks some functions.
- `functions` has operators and functions, but no methods, and lacks some functions.
- `tape` keeps every op in one global list. Each backward pass starts from zero, and leaves None
  where no gradient arrives.
- `torch_like` has `Tensor`s: only leaves accumulate, and other nodes have None if backward
  didn't reach them.
- `composed` has a few ops, like micrograd, and composes the others of them. It resets nothing.
"""
