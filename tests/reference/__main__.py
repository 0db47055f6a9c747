"""Write every golden file again: `python -m tests.reference`. Those of exact math need gmpy2."""

import sys
from importlib.util import find_spec
from pathlib import Path

from .graphs import write_all

if __name__ == "__main__":
    folder = Path("fixtures")
    write_all(folder)
    if find_spec("gmpy2"):
        from .by_mpfr import write_exact

        write_exact(folder)
    else:
        sys.stdout.write("fixtures/exact is left as it is: pip install --editable '.[dev,exact]'\n")
