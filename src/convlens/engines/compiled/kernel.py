"""Kernels with named parameters. A kernel is a function of memory and integers, compiled for each number type.

    @kernel
    def fill(m: Memory, x: Place, count: int) -> None:
        "x[p] = 0 for p below count"
        for p in range(x, x + count):
            m[p] = zero(m)

    fill(x=array, count=array.size)  # a `Call`, for a `Tape` to play; nothing runs yet

Memory begins at address 0. A place is an address counted in numbers of the memory's type. The names are checked when
the `Call` is made. Later only machine code runs, called with the numbers in order.

A parameter may be an attribute of another argument: if a kernel needs `y_rows` and gets `y=image`, it takes
`image.rows`.
"""

from __future__ import annotations

import ctypes
import hashlib
import inspect
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled.later import Later, identity, object_code
from convlens.engines.compiled.machine_code import address_of

__all__ = ["Call", "Kernel", "Memory", "Place", "Slot", "Table", "address", "compiled", "intrinsic", "kernel"]


class Memory(Protocol):
    """All memory as an array of numbers of one type, which begins at address 0"""

    def __getitem__(self, place: int, /) -> float: ...

    def __setitem__(self, place: int, value: float, /) -> None: ...


Place: TypeAlias = int  # the place of a number of the memory's type
Table: TypeAlias = int  # the place of a table of integers, counted in numbers of 8 bytes

_KINDS = ("Place", "Table", "int")  # annotations are strings, since modules with kernels import `annotations`


def _compiled(function: Callable[..., Any], result: str, parameters: Sequence[str]) -> int:
    """Return the address of a function's machine code, as a C function. Types have Numba's names."""
    text = repr((identity(function), result, *parameters))
    name = f"{function.__name__}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    return address_of(name, lambda: object_code(function, name, result, parameters))


class _Compiled(Later):
    """A compiled function. Kernels may call it; so may Python, if all parameters are integers."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function, intrinsic=False)

    def __call__(self, *numbers: int) -> Any:
        """Return what the function returns, an integer or None."""
        return self.foreign(*numbers)

    @cached_property
    def foreign(self) -> Callable[..., Any]:
        """The function as Python calls it, without the detour of `__call__`"""
        notes = inspect.get_annotations(self.function)
        result = "void" if notes["return"] == "None" else "int64"
        kind = None if result == "void" else ctypes.c_int64
        count = len(notes) - 1
        place = _compiled(self.function, result, ["int64"] * count)
        return ctypes.CFUNCTYPE(kind, *[ctypes.c_int64] * count)(place)


def compiled(function: Callable[..., Any]) -> Any:
    """A decorator for a function that kernels call, or that Python calls with integers."""
    return _Compiled(function)


def intrinsic(function: Callable[..., Any] | None = None, *, prefer_literal: bool = False) -> Any:
    """A decorator for a function that is written in LLVM instructions, see Numba's `intrinsic`."""
    if function is None:
        return lambda given: Later(given, intrinsic=True, prefer_literal=prefer_literal)
    return Later(function, intrinsic=True, prefer_literal=prefer_literal)


class Slot(NamedTuple):
    """An argument that is known only when the tape is played

    It is a place in the array `name`, `past` numbers after its first number.
    """

    name: str
    past: int = 0


Value: TypeAlias = "Array | Slot | int"


class Call(NamedTuple):
    """A kernel and its arguments in order: arrays or slots for places and tables, integers for the rest"""

    kernel: Kernel
    values: tuple[Value, ...]


class Kernel:
    """A compiled function of memory and named integers. Calling it returns a `Call` and runs nothing."""

    def __init__(self, function: Callable[..., None]) -> None:
        self._function = function
        self.__doc__, self.__name__ = function.__doc__, function.__name__
        _, *parameters = inspect.signature(function).parameters.values()
        self.names = tuple(one.name for one in parameters)
        self._kinds = tuple(str(one.annotation) for one in parameters)
        for name, kind in zip(self.names, self._kinds, strict=True):
            if kind not in _KINDS:
                kinds = ", ".join(_KINDS)
                raise TypeError(f"a kernel's parameters must be {kinds}; {self.__name__} has {name}: {kind}")

    def __call__(self, **given: Any) -> Call:
        """Return the call with these arguments; TypeError if one is missing, unknown or of a wrong kind."""
        names, values = set(given), []
        try:
            values = [given[name] for name in self.names]
        except KeyError:
            values = [self._find(name, given) for name in self.names]
            names = {name for name in names if not self._is_owner(name)}
        if len(names) != len(values) and (unknown := names - set(self.names)):
            raise TypeError(f"{self.__name__} takes {', '.join(self.names)}; got {', '.join(sorted(unknown))}")
        for k, kind in enumerate(self._kinds):
            values[k] = self._checked(self.names[k], kind, values[k])
        return Call(self, tuple(values))

    def _find(self, name: str, given: dict[str, Any]) -> Any:
        """Return the argument of that name, or an attribute of another argument: y_rows is y.rows."""
        if name in given:
            return given[name]
        owner, _, found = name.partition("_")
        try:
            return getattr(given[owner], found)
        except (KeyError, AttributeError):
            raise TypeError(f"{self.__name__} needs {name}; got {', '.join(sorted(given))}") from None

    def _is_owner(self, name: str) -> bool:
        return name not in self.names and any(one.partition("_")[0] == name for one in self.names)

    def _checked(self, name: str, kind: str, value: Any) -> Value:
        if kind == "int":
            if not isinstance(value, int | np.integer):
                raise TypeError(f"{self.__name__} needs {name} as an integer; got {type(value).__name__}")
            return int(value)
        found = value if isinstance(value, np.ndarray | Slot) else getattr(value, "origin", None)
        if not isinstance(found, np.ndarray | Slot):
            raise TypeError(f"{self.__name__} needs {name} as an array or a Slot; got {type(value).__name__}")
        if isinstance(found, np.ndarray) and (found.dtype == np.int64) != (kind == "Table"):
            raise TypeError(f"{self.__name__} needs {name} as a {kind}; got an array of {found.dtype}")
        return found

    @cache  # noqa: B019 - kernels live as long as the program
    def code(self, dtype: np.dtype[Any]) -> int:
        """Return the address of the machine code for a number type; the first call compiles or loads it."""
        return _compiled(self._function, "void", [f"{dtype}*", *["int64"] * len(self.names)])

    def run(self, **given: Any) -> None:
        """Run the kernel once, on arrays. Any thread may call."""
        _, values = self(**given)
        arrays = [value for value in values if isinstance(value, np.ndarray)]
        dtype = next(array.dtype for array in arrays if array.dtype != np.int64)
        self._foreign(dtype)(None, *(address(value) if isinstance(value, np.ndarray) else value for value in values))

    @cache  # noqa: B019 - as above
    def _foreign(self, dtype: np.dtype[Any]) -> Callable[..., Any]:
        kinds = [ctypes.c_void_p, *[ctypes.c_int64] * len(self.names)]
        return ctypes.CFUNCTYPE(None, *kinds)(self.code(dtype))


def kernel(function: Callable[..., None]) -> Kernel:
    """A decorator that makes a function a kernel."""
    return Kernel(function)


def address(array: Array) -> int:
    """Return the place of an array's first number; ValueError if its address is not a multiple of the number's size."""
    try:
        found = ctypes.addressof(_begin(array))  # four times as fast as array.ctypes, if the array allows it
    except (TypeError, ValueError):  # read-only, with gaps, or empty
        found = int(array.ctypes.data)
    place, rest = divmod(found, array.itemsize)
    if rest:
        raise ValueError(f"an array of {array.dtype} must start on a multiple of {array.itemsize} bytes; got {found}")
    return place


_begin: Any = ctypes.c_char.from_buffer
