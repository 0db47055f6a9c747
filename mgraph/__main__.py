"""`python -m mgraph`."""

from mgraph.cli import main

main()
