"""Write `fixtures/reject/` and `fixtures/warn/` anew: `python -m tests.hostile`."""

import sys

from tests.hostile.tree import write

if __name__ == "__main__":
    sys.stdout.write(f"{write()} cases written\n")
