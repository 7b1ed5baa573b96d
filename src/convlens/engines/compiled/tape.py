"""A pass as a tape: kernels and the numbers they take, one after the other, run without Python in between.

A kernel is compiled from a function of (m, t): memory, and whole numbers that say where in it to read and write, how
much and how. Memory begins at address 0, and a place is an address counted in numbers of the memory's type. All kernels
have this one signature, so that a short loop can run a tape of them; and as it does so without Python's lock, threads
with a tape each do not meet until the end.
"""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import cfunc, config, extending, from_dtype, njit, types

from convlens.arrays import Array

if getattr(config, "DISABLE_JIT", 0):  # also from a file of settings
    raise ImportError("Numba's compiler is switched off; unset NUMBA_DISABLE_JIT to use it")


def _probe() -> None:
    """Nothing: to see whether it could be cached"""


def _can_cache() -> bool:
    """Whether Numba finds a folder to keep compiled kernels in: beside this file, or in this user's own cache"""
    try:
        njit(cache=True)(_probe)
    except RuntimeError:
        warnings.warn(
            "the engine numba finds no folder for its compiled kernels, and compiles them at each start, which takes "
            "some seconds; NUMBA_CACHE_DIR names a folder that it may write to",
            RuntimeWarning,
            stacklevel=2,
        )
        return False
    return True


_OPTIONS: dict[str, Any] = {
    "cache": _can_cache(),
    "boundscheck": False,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz"},  # sums may be reordered and contracted; NaN stays NaN
}
_INT = ir.IntType(64)

compiled: Any = njit(nogil=True, **_OPTIONS)
intrinsic: Any = extending.intrinsic


class Kernel:
    """A function of (m, t), compiled when it is first asked for, for that type of numbers"""

    def __init__(self, function: Callable[[Any, Any], None]) -> None:
        self._function = function
        self.__doc__, self.__name__ = function.__doc__, function.__name__

    @cache  # noqa: B019 - kernels live as long as the program
    def address(self, dtype: np.dtype[Any]) -> int:
        """Where the machine code begins"""
        signature = types.void(types.CPointer(from_dtype(dtype)), types.CPointer(types.int64))
        found: int = cfunc(signature, **_OPTIONS)(self._function).address  # type: ignore[assignment]
        return found


class Slot(NamedTuple):
    """An array that is known only when the tape runs"""

    name: str
    past: int = 0


Call = tuple[Kernel, tuple[Any, ...]]


@intrinsic(prefer_literal=True)
def unpack(typing, t, count):
    """The first `count` numbers of t, as a tuple; `count` is a constant"""
    if not isinstance(count, types.IntegerLiteral):
        return None
    length = count.literal_value

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        found = [builder.load(builder.gep(values[0], [_INT(k)])) for k in range(length)]
        return context.make_tuple(builder, signature.return_type, found)

    return types.UniTuple(types.int64, length)(t, count), code


@intrinsic
def table(typing, place):
    """The whole numbers at that place, counted in numbers of 8 bytes"""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        address = builder.mul(values[0], _INT(8))
        return builder.inttoptr(address, _INT.as_pointer())

    return types.CPointer(types.int64)(types.int64), code


@intrinsic
def _call(typing, tape, at, memory):
    """Call the kernel tape[at] with what follows two numbers on"""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        tape, at, memory = values
        rest = builder.gep(tape, [builder.add(at, _INT(2))])
        first = builder.inttoptr(memory, ir.IntType(8).as_pointer())
        kernel = ir.FunctionType(ir.VoidType(), [first.type, rest.type]).as_pointer()
        builder.call(builder.inttoptr(builder.load(builder.gep(tape, [at])), kernel), [first, rest])
        return context.get_dummy_value()

    return types.void(tape, at, memory), code


@compiled
def play(tape, slots):
    """Do the calls of a tape, with these places in its slots; both lie at these places themselves."""
    t = table(tape)
    end = 2 + t[0]
    for k in range(end, end + 3 * t[1], 3):
        t[t[k]] = table(slots)[t[k + 1]] + t[k + 2]
    at = 2
    while at < end:
        _call(t, at, 0)
        at += t[at + 1]


def tape(calls: Sequence[Call], dtype: np.dtype[Any], names: Sequence[str] = ()) -> list[int]:
    """Calls in order: (kernel, its numbers), an array standing for the place of its first number.

    A `Slot` stands for the place so many numbers on in an array that is given when the tape is played; `names` says
    which one is which. Layout: the length of the calls, the number of slots, the calls, the slots.
    """
    numbers: list[int] = [0, 0]
    slots: list[int] = []
    for kernel, arguments in calls:
        numbers += [kernel.address(dtype), len(arguments) + 2]
        for argument in arguments:
            if isinstance(argument, Slot):
                slots += [len(numbers), names.index(argument.name), argument.past]
                argument = 0
            numbers.append(place(argument) if isinstance(argument, np.ndarray) else int(argument))
    numbers[:2] = len(numbers) - 2, len(slots) // 3
    return numbers + slots


class Tape:
    """A `tape` that keeps its arrays"""

    def __init__(self, calls: Sequence[Call], dtype: np.dtype[Any], names: Sequence[str] = ()) -> None:
        self._kept, self._names = list(calls), tuple(names)
        self._numbers = np.array(tape(calls, dtype, names), np.int64)  # an OverflowError for what no address can be
        self.place = place(self._numbers)

    def run(self, **arrays: Array) -> None:
        """Do the calls, with these C-contiguous arrays in the slots."""
        slots = np.array([place(arrays[name]) if name in arrays else 0 for name in self._names], np.int64)
        play(self.place, place(slots) if arrays else 0)


def place(array: Array) -> int:
    """Where the first number of an array lies, counted in such numbers; ValueError if it lies between two of them"""
    try:
        address = ctypes.addressof(_begin(array))  # a quarter of the time, if the array allows it
    except (TypeError, ValueError):  # read-only, with gaps, or empty
        address = int(array.ctypes.data)
    whole, rest = divmod(address, array.itemsize)
    if rest:
        raise ValueError(f"an array of {array.dtype} must start on a multiple of {array.itemsize} bytes; got {address}")
    return whole


_begin: Any = ctypes.c_char.from_buffer
