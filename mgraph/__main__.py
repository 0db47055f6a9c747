"""The command `mgraph`, and `python -m mgraph`."""

from __future__ import annotations

import gc
import signal


def main() -> None:
    """Run the command; Ctrl-C during the imports ends it without a traceback."""
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.disable()  # imports leave nothing to collect, and looking takes milliseconds
    from mgraph.cli import main as run  # noqa: PLC0415 - while Ctrl-C has its default effect

    gc.freeze()  # what was imported stays: the collector need not look at it again and again
    gc.enable()
    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, handler)
    run()


if __name__ == "__main__":
    main()
