"""Calls Graphviz and resvg: a script that runs in a child process, so that it can be killed.

These libraries are C and Rust and can't be interrupted from within the interpreter. For a
layout they are given only numbers; for painting, a finished picture whose texts are escaped.
"""

from __future__ import annotations

import faulthandler
import os
import sys
from ctypes import CDLL, Structure, addressof, byref, c_char_p, c_int, c_size_t, c_void_p, string_at
from importlib.util import find_spec
from pathlib import Path


def layout(dot: bytes, form: str = "json0") -> bytes:
    """Return Graphviz's answer, in one of its formats, for a graph in the DOT language."""
    libraries = _libraries()
    if libraries is not None:
        return _call_graphviz(libraries, dot, form)
    from pygraphviz import AGraph  # noqa: PLC0415 - an extra

    answer: bytes = AGraph(string=dot.decode()).draw(format=form, prog="dot")
    return answer


_PARTS = ("libcgraph", "libgvc", "libgvplugin_core", "libgvplugin_dot_layout")


def _libraries() -> list[Path] | None:
    """Return the libraries of Graphviz that a layout needs, from PyGraphviz's wheel for Linux.

    PyGraphviz itself loads all of Graphviz, and so Pango and Cairo, which paint texts, and which
    need system libraries (GLib, X11) that wheels may not include. A layout needs neither.

    Returns:
        None if the wheel is built differently: those for macOS and Windows include everything,
        and a PyGraphviz built on this machine uses the system's Graphviz.
    """
    spec = find_spec("pygraphviz")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent.with_name("pygraphviz.libs")
    matches = [sorted(folder.glob(f"{part}-*.so*")) for part in _PARTS]
    return [paths[0] for paths in matches] if all(len(paths) == 1 for paths in matches) else None


class _Symbol(Structure):
    """Graphviz's `lt_symlist_t`: a plugin that is already loaded."""

    _fields_ = (("name", c_char_p), ("address", c_void_p))


def _call_graphviz(libraries: list[Path], dot: bytes, form: str) -> bytes:
    """Lay out with Graphviz's C library.

    Nothing is freed, because the process ends after this.

    Source:
        gvc.h and cgraph.h of Graphviz 14.
    """
    cgraph, gvc, *plugins = (CDLL(str(path)) for path in libraries)
    names = [f"{part.removeprefix('lib')}_LTX_library" for part in _PARTS[2:]]
    symbols = [
        _Symbol(name.encode(), addressof(c_int.in_dll(plugin, name)))
        for name, plugin in zip(names, plugins, strict=True)
    ]
    gvc.gvContextPlugins.restype = cgraph.agmemread.restype = c_void_p
    context = c_void_p(gvc.gvContextPlugins((_Symbol * 3)(*symbols), 0))  # the third ends the list
    graph = c_void_p(cgraph.agmemread(dot))
    if not graph or gvc.gvLayout(context, graph, b"dot"):
        message = "Graphviz could not lay out this graph"
        raise ValueError(message)
    answer, size = c_void_p(), c_size_t()
    gvc.gvRenderData(context, graph, form.encode(), byref(answer), byref(size))
    return string_at(answer, size.value)


def paint(svg: bytes, zoom: float, fonts: list[str], family: str, *, own_only: bool) -> bytes:
    """Return a picture as PNG, in our fonts, and in others only where ours lack a character.

    resvg itself prints on standard output which characters no font has.
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
    """Read standard input, run the task that the second argument names, write standard output.

    The first argument limits the seconds that this process lives, even if its parent is gone.
    """
    seconds, task, *rest = sys.argv[1:]
    faulthandler.dump_traceback_later(float(seconds), exit=True)
    given = sys.stdin.buffer.read()
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)  # so that what a library prints does not mix with the answer
        if task == "layout":
            answer = layout(given)
        else:
            zoom, own_only, family, *fonts = rest
            answer = paint(given, float(zoom), fonts, family, own_only=own_only == "own")
        out.write(answer)


if __name__ == "__main__":
    main()
