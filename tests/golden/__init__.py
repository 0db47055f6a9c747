"""Tests of golden tests."""
