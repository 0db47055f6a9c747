"""Tests of the server that take long, or need more than the extra `dev`."""
