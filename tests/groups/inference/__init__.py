"""Tests of the Open Inference Protocol with Triton's client."""
