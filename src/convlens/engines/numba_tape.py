"""A pass as a tape: kernels and the numbers they take, one after the other, run without Python in between.

A kernel is compiled from a function of (m, t): memory, and whole numbers that say where in it to read and write, how
much and how. Memory begins at address 0, and a place is an address counted in numbers of the memory's type. All kernels
have this one signature, so that a short loop can run a tape of them; and as it does so without Python's lock, threads
with a tape each do not meet until the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import cfunc, from_dtype, njit, types
from numba.extending import intrinsic

from convlens.engines import Array

_OPTIONS: dict[str, Any] = {
    "cache": True,
    "boundscheck": False,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz"},  # sums may be reordered and contracted; NaN stays NaN
}
_INT = ir.IntType(64)

compiled: Any = njit(nogil=True, **_OPTIONS)


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
        numbers = context.make_array(signature.args[0])(context, builder, tape).data
        rest = builder.gep(numbers, [builder.add(at, _INT(2))])
        first = builder.inttoptr(memory, ir.IntType(8).as_pointer())
        kernel = ir.FunctionType(ir.VoidType(), [first.type, rest.type]).as_pointer()
        builder.call(builder.inttoptr(builder.load(builder.gep(numbers, [at])), kernel), [first, rest])
        return context.get_dummy_value()

    return types.void(tape, at, memory), code


@compiled
def _run(tape, memory):
    at = 0
    while at < tape.size:
        _call(tape, at, memory)  # type: ignore[call-arg]  # Numba's own argument comes first
        at += tape[at + 1]


class Tape:
    """Calls in order: (kernel, its numbers), an array standing for the place of its first number. Keeps the arrays.

    A `Slot` stands for the place so many numbers on in an array that is named when the tape runs.
    """

    def __init__(self, calls: Sequence[Call], dtype: np.dtype[Any]) -> None:
        self._calls = list(calls)
        numbers: list[int] = []
        self._slots: list[tuple[int, Slot]] = []
        for kernel, arguments in self._calls:
            numbers += [kernel.address(dtype), len(arguments) + 2]
            for argument in arguments:
                if isinstance(argument, Slot):
                    self._slots.append((len(numbers), argument))
                    argument = argument.past
                numbers.append(place(argument) if isinstance(argument, np.ndarray) else int(argument))
        self._numbers = np.array(numbers, np.int64)

    def run(self, **arrays: Array) -> None:
        """Do the calls, with these C-contiguous arrays in the slots."""
        for at, slot in self._slots:
            self._numbers[at] = place(arrays[slot.name]) + slot.past
        _run(self._numbers, 0)


def place(array: Array) -> int:
    """Where the first number of an array lies"""
    return int(array.ctypes.data) // array.itemsize
