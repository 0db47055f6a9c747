"""Machine code: made from LLVM assembly, linked with a math library, called with arrays."""

from __future__ import annotations

import ctypes
from functools import cache, partial
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from llvmlite import binding as llvm

from mgraph.engine.tape.libraries import FUNCTIONS, LIBM, address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mgraph.engine.tape.lower import MathLibrary

_TYPES: Final = {"int": (ctypes.c_int64,), "float": (ctypes.c_double,)}
_ARRAY: Final = (ctypes.c_void_p, ctypes.c_int64)

_LIBRARIES: Final = count()


def target() -> str:
    """Return what machine code depends on: this processor, and what compiles for it."""
    features = llvm.get_host_cpu_features().flatten()
    version = ".".join(map(str, llvm.llvm_version_info))
    return f"{llvm.get_process_triple()} {llvm.get_host_cpu_name()} {features} LLVM {version}"


@cache
def _target_machine() -> Any:  # noqa: ANN401 - llvmlite has no types
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=2, reloc="pic", jit=True,
    )  # fmt: skip


def compiled(assembly: str) -> bytes:
    """Compile a module of LLVM assembly to an object file."""
    machine = _target_machine()
    module = llvm.parse_assembly(assembly)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_unrolling = False  # twice the code, no faster: kernels say what is a vector
    options.loop_vectorization = options.slp_vectorization = False
    llvm.create_pass_builder(machine, options).getModulePassManager().run(
        module, llvm.create_pass_builder(machine, options)
    )
    found: bytes = machine.emit_object(module)
    return found


class Kernels:
    """The kernels of one module, as attributes: call them with arrays and numbers.

    An array must be contiguous, of the type that the kernel's text says, and distinct from the
    others that the kernel changes. While a kernel runs, other threads can.
    """

    def __init__(
        self, code: bytes, signatures: Mapping[str, Sequence[str]], math: MathLibrary
    ) -> None:
        """Link an object file.

        Args:
            code: From `compiled`.
            signatures: The types of each kernel's arguments.
            math: The library whose functions it calls, besides libm.
        """
        builder = llvm.JITLibraryBuilder().add_object_img(code)
        for symbol, found in _symbols(math):
            builder.import_symbol(symbol, found)
        for name in signatures:
            builder.export_symbol(name)
        self._code = builder.link(_jit(), f"mgraph{next(_LIBRARIES)}")
        self._kernels = {
            name: _function(self._code[name], types) for name, types in signatures.items()
        }

    def __getattr__(self, name: str) -> Callable[..., int]:
        """Return a kernel; it gives 0, or 1 if it was made to look at indices and one was wrong."""
        kernel = self._kernels[name]
        return lambda *arguments: kernel(*flat(arguments))

    def bound(self, name: str, *arguments: Any) -> Callable[..., int]:  # noqa: ANN401
        """Return a kernel with its first arguments; what follows is given as `flat` yields it.

        The arrays must stay alive.
        """
        return partial(self._kernels[name], *flat(arguments))


@cache
def _jit() -> Any:  # noqa: ANN401 - llvmlite has no types
    _target_machine()
    return llvm.create_lljit_compiler()


def _symbols(math: MathLibrary) -> Iterator[tuple[str, int]]:
    for symbol in (*FUNCTIONS, *(symbol for _, symbol in math.vectors.values())):
        found = address(symbol, LIBM, math.name)
        if found is not None:
            yield symbol, found


def _function(place: int, types: Sequence[str]) -> Callable[..., int]:
    arguments: list[Any] = [each for name in types for each in _TYPES.get(name, _ARRAY)]
    kernel: Callable[..., int] = ctypes.CFUNCTYPE(ctypes.c_int32, *arguments)(place)
    return kernel


def flat(arguments: Sequence[Any]) -> Iterator[Any]:
    """Yield arguments as C takes them: an array as its address and how many it holds."""
    for each in arguments:
        if isinstance(each, (int, float)):
            yield each
        else:
            yield each.__array_interface__["data"][0]
            yield each.shape[0]
