"""The child process that lays out and paints: a script of its own, which can be killed.

It is given nothing that a file says: boxes and edges come as numbers, and a finished picture
with its texts escaped. Graphviz and resvg are C and Rust, so neither can be interrupted from
within the interpreter that called it.
"""

from __future__ import annotations

import faulthandler
import os
import sys


def layout(dot: bytes) -> bytes:
    """Return Graphviz's answer, as JSON, for a graph in the DOT language."""
    from pygraphviz import AGraph  # noqa: PLC0415 - an extra

    answer: bytes = AGraph(string=dot.decode("ascii")).draw(format="json0", prog="dot")
    return answer


def paint(svg: bytes, zoom: float, fonts: list[str], family: str, *, own_only: bool) -> bytes:
    """Return a picture as PNG, in our fonts; in others only what those lack.

    Which characters no font has is told on standard output, by resvg itself.
    """
    from resvg_py import svg_to_bytes  # noqa: PLC0415 - an extra

    return svg_to_bytes(
        svg_string=svg.decode(),
        log_information=not own_only,
        zoom=zoom,
        font_files=fonts,
        skip_system_fonts=own_only,
        font_family=family,
        sans_serif_family=family,
    )


def main() -> None:
    """Read standard input, do what the second argument says, write standard output.

    The first argument is how many seconds to live, should nobody be there any more to end us.
    """
    seconds, task, *rest = sys.argv[1:]
    faulthandler.dump_traceback_later(float(seconds), exit=True)
    given = sys.stdin.buffer.read()
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)  # what a library prints is not the answer
        if task == "layout":
            done = layout(given)
        else:
            zoom, own_only, family, *fonts = rest
            done = paint(given, float(zoom), fonts, family, own_only=own_only == "own")
        out.write(done)


if __name__ == "__main__":
    main()
