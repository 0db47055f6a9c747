"""Replays and trainings on a Dask cluster: real processes, each in a network of its own."""
