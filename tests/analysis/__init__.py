"""Tests of explain, step, gradcheck."""
