"""Compile LLVM assembly to machine code, link it with a math library, and call it with arrays."""

from __future__ import annotations

import ctypes
from functools import cache, partial
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from llvmlite import binding as llvm

from mgraph.engine.tape.libraries import FUNCTIONS, LIBM, address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from mgraph.engine.tape.lowering import MathLibrary

_TYPES: Final = {"int": (ctypes.c_int64,), "float": (ctypes.c_double,)}
_ARRAY: Final = (ctypes.c_void_p, ctypes.c_int64)

_LIBRARIES: Final = count()


def target() -> str:
    """Describe what machine code depends on: this processor and the version of LLVM."""
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
    options.loop_unrolling = (
        False  # doubles the code and is no faster: kernels use vectors themselves
    )
    options.loop_vectorization = options.slp_vectorization = False
    llvm.create_pass_builder(machine, options).getModulePassManager().run(
        module, llvm.create_pass_builder(machine, options)
    )
    code: bytes = machine.emit_object(module)
    return code


class Kernels:
    """The kernels of one module, as attributes: call them with arrays and numbers.

    An array must be contiguous, have the type that the kernel's text states, and not overlap an
    array that the kernel changes. Other threads can run while a kernel runs.
    """

    def __init__(
        self,
        code: bytes,
        signatures: Mapping[str, Sequence[str]],
        math: MathLibrary,
        symbols: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Link an object file.

        Args:
            code: From `compiled`.
            signatures: The types of each kernel's arguments.
            math: The library whose functions it calls besides those of libm.
            symbols: The addresses of other functions that it calls.
        """
        self._code = linked(code, {**dict(_symbols(math)), **symbols}, signatures)
        self._kernels = {
            name: _function(self._code[name], types) for name, types in signatures.items()
        }

    def __getattr__(self, name: str) -> Callable[..., int]:
        """Return a kernel. It returns 0; or 1 if it checks indices and one is out of range."""
        kernel = vars(self).get("_kernels", {}).get(name)
        if kernel is None:
            raise AttributeError(name)
        return lambda *arguments: kernel(*flat(arguments))

    def bound(self, name: str, *arguments: Any) -> Callable[..., int]:  # noqa: ANN401
        """Return a kernel with its first arguments bound; pass the others as `flat` yields them.

        The caller must keep the arrays alive.
        """
        kernel: Any = self._kernels[name]
        pairs = zip(kernel.argtypes, flat(arguments), strict=False)
        return partial(kernel, *(c_type(x) for c_type, x in pairs))  # not converted in each call


def linked(code: bytes, symbols: Mapping[str, int], exported: Iterable[str]) -> Any:  # noqa: ANN401 - llvmlite has no types
    """Link an object file.

    Args:
        code: From `compiled`.
        symbols: The addresses of what it calls or reads.
        exported: The functions that it defines.

    Returns:
        The address of each of these, by name. The code lives as long as this does.
    """
    builder = llvm.JITLibraryBuilder().add_object_img(code)
    for symbol, location in symbols.items():
        builder.import_symbol(symbol, location)
    for name in exported:
        builder.export_symbol(name)
    return builder.link(_jit(), f"mgraph{next(_LIBRARIES)}")


@cache
def _jit() -> Any:  # noqa: ANN401 - llvmlite has no types
    _target_machine()
    return llvm.create_lljit_compiler()


def _symbols(math: MathLibrary) -> Iterator[tuple[str, int]]:
    for symbol in (*FUNCTIONS, *(symbol for _, symbol in math.vectors.values())):
        location = address(symbol, LIBM, math.name)
        if location is not None:
            yield symbol, location


def _function(location: int, types: Sequence[str]) -> Callable[..., int]:
    arguments: list[Any] = [c_type for name in types for c_type in _TYPES.get(name, _ARRAY)]
    kernel: Callable[..., int] = ctypes.CFUNCTYPE(ctypes.c_int32, *arguments)(location)
    return kernel


def flat(arguments: Sequence[Any]) -> Iterator[Any]:
    """Yield arguments as C takes them: an array becomes its address and its length."""
    for argument in arguments:
        if isinstance(argument, (int, float)):
            yield argument
        else:
            yield argument.__array_interface__["data"][0]
            yield argument.shape[0]
