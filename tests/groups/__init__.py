"""Test groups: tests that need more than the README's test command installs."""
