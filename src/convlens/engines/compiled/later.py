"""Numba, which is imported when a kernel is compiled. To run compiled kernels, it is not needed.

A function that kernels call is kept as a `Later`. When a kernel is compiled, it gets Numba's function in its place.
"""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable, Sequence
from functools import cached_property
from types import CellType, CodeType, FunctionType
from typing import Any

__all__ = ["Later", "cgutils", "identity", "object_code", "types"]

_OPTIONS: dict[str, Any] = {
    "boundscheck": False,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz"},  # allows reordered sums and fused multiply-adds; NaN stays NaN
    "forceinline": True,  # LLVM then sees that no kernel raises an error, and the code needs nothing of Python
}


class _Module:
    """A module that is imported when one of its names is used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self._name), name)


_numba: Any = _Module("numba")
types: Any = _Module("numba.types")
_compiler: Any = _Module("convlens.engines.compiled.compiler")
cgutils: Any = _Module("numba.core.cgutils")


class Later:
    """A function that kernels call: an intrinsic, with Numba's options, or a compiled function."""

    def __init__(self, function: Callable[..., Any], intrinsic: bool, **options: Any) -> None:
        self.function, self._intrinsic, self._options = function, intrinsic, options
        self.__doc__, self.__name__ = function.__doc__, function.__name__

    @cached_property
    def made(self) -> Any:
        """Numba's function"""
        if self._intrinsic:
            return importlib.import_module("numba.extending").intrinsic(**self._options)(self.function)
        return _numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS)(_with_numba(self.function))


def _with_numba(function: Any) -> Any:
    """Return the function with Numba's functions in place of each `Later` that it may call."""

    def made(value: Any) -> Any:
        return value.made if isinstance(value, Later) else value

    named = {name: function.__globals__[name] for name in function.__code__.co_names if name in function.__globals__}
    closure = tuple(CellType(made(cell.cell_contents)) for cell in function.__closure__ or ())
    known = function.__globals__ | {name: made(value) for name, value in named.items()}
    return FunctionType(function.__code__, known, function.__name__, function.__defaults__, closure)


def identity(value: Any) -> str:
    """Return a text that is the same in each process, and differs for functions with other code or closures."""
    if isinstance(value, Later):
        value = value.function
    if not isinstance(value, FunctionType):
        return repr(value)
    code = value.__code__
    constants = [constant for constant in code.co_consts if not isinstance(constant, CodeType)]
    closure = [identity(cell.cell_contents) for cell in value.__closure__ or ()]
    return repr((value.__module__, value.__qualname__, code.co_code, code.co_names, constants, closure))


def object_code(function: Callable[..., Any], name: str, result: str, parameters: Sequence[str]) -> tuple[str, bytes]:
    """Compile a function to an object file. Return the name of its C function in the file, and the file.

    name: a name that no other function has, in any process. result, parameters: types by Numba's names; a name with a
    star is a pointer.
    """
    made = _with_numba(function)
    made.__qualname__ = name
    signature = _type(result)(*map(_type, parameters))
    collects = gc.isenabled()
    gc.disable()  # Numba makes many small objects; the collector would walk through all modules again and again
    try:
        compiled = _numba.cfunc(signature, pipeline_class=_compiler.Compiler, **_OPTIONS)(made)
        code = compiled._library.object_code()
    except (AttributeError, ImportError, TypeError, RuntimeError):  # a version of Numba with other insides
        compiled = _numba.cfunc(signature, **_OPTIONS)(made)
        code = compiled._library._get_compiled_object()
    finally:
        if collects:
            gc.enable()
    return compiled.native_name, code


def _type(name: str) -> Any:
    return types.CPointer(_type(name[:-1])) if name.endswith("*") else getattr(types, name)
