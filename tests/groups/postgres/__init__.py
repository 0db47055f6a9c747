"""The store in PostgreSQL, against a real database."""
