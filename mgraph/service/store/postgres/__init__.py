"""A store in a PostgreSQL database, which several servers on several machines may use at once."""
