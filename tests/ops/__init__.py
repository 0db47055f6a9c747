"""Tests of the table of ops."""
