"""Write every golden file again: `python -m tests.reference`."""

from pathlib import Path

from .graphs import write_all

if __name__ == "__main__":
    write_all(Path("fixtures"))
