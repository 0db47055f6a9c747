"""Tests of bytes and plain data."""
