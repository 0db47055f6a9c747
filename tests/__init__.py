"""The tests: one file a room, and the cross-cutting ones."""
