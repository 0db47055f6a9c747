"""Runs the driver as a module, which Python compiles only once; a script it compiles each time.

Like the driver, this file needs nothing of mgraph, and runs on any Python from 3.8.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING or __package__:
    from mgraph.grade import driver
else:  # it is run as a script, perhaps without its folder on the path
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import driver

    del sys.path[0], sys.modules["driver"]  # an engine may have a module of that name

if __name__ == "__main__":
    driver.main()
    os._exit(0)  # without waiting for exit handlers and threads of the engine
