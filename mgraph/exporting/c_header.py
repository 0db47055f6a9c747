"""The header of a graph in C: its structures, and what its functions are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgraph.exporting.program import StraightProgram

FLAGS: Final = "-std=c99 -O2 -ffp-contract=off"
"""With these, every op computes what mgraph computes."""


def header(program: StraightProgram, stem: str) -> Iterator[str]:
    """Yield the header."""
    title, size = program.title, 16 * len(program.nodes)
    yield f"""\
/* Values and gradients of a computation graph: forward and backward in C99, without allocation.
   The results have the same bits as those of mgraph if this is compiled with
   cc {FLAGS} -c {stem}.c
   Functions such as exp have the bits of the C library. The gradient needs {size:,} bytes of
   stack. */"""
    yield from (f"/* {line} */" for line in program.about())
    yield f"""
#ifndef {title.upper()}_H
#define {title.upper()}_H

#ifdef __cplusplus
extern "C" {{
#endif

/* The inputs and params, or the gradients by them. */
struct {title}_leaves {{"""
    yield from (f"  double {x.name}; /* {x.op} {x.id} */" for x in program.leaves)
    yield from () if program.leaves else ("  double none; /* there are none */",)
    yield "};\n"
    yield f"/* The outputs, or the gradients that they start with. */\nstruct {title}_outputs {{"
    yield from (f"  double {name}; /* {key} */" for key, name in program.outputs)
    several = (
        "No output is seeded if" if len(program.outputs) > 1 else "The output starts with 1 if"
    )
    yield f"""}};

/* The declared values; NAN for inputs that have none. */
extern const struct {title}_leaves {title}_defaults;

/* Compute the outputs. */
{prototype(title, "forward")};

/* Compute the outputs, and the gradients by inputs and params: 0 where there is no path.
   {several} seed is NULL. An output whose seed is NAN is not seeded. */
{prototype(title, "gradient")};

#ifdef __cplusplus
}}
#endif

#endif
"""


def prototype(title: str, function: str) -> str:
    """Return the declaration of a function, without its semicolon."""
    outputs = f"struct {title}_outputs *outputs"
    if function == "gradient":
        outputs = f"const struct {title}_outputs *seed,\n    {outputs}, struct {title}_leaves *grad"
    return f"void {title}_{function}(const struct {title}_leaves *leaves, {outputs})"
