"""Golden tests: expectations in files, and graphs compared with them."""
