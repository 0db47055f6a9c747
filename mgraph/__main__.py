"""The command `mgraph`, and `python -m mgraph`."""

from __future__ import annotations

import signal


def main() -> None:
    """Run the command; Ctrl-C while its modules are being read ends it without a word."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from mgraph.cli import main as run  # noqa: PLC0415 - only now

    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, before)
    run()


if __name__ == "__main__":
    main()
