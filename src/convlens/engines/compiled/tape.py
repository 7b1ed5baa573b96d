"""A tape: a sequence of kernel calls that is played without Python between the calls.

A tape is a list of integers. First come two numbers: the length of the calls, and the number of slots. Then follow, for
each call, the address of its machine code, the number of its arguments, and the arguments. Last come, for each slot,
three numbers: the argument that it fills, the array that it takes, and how many numbers past the array's beginning.
A few zeros end the tape.

    2 calls, 1 slot:   | 11 | 1 | code | 3 | x n 4 | code | 4 | x y 2 7 |  | at | array | past |
                         0    1   2      3   4       7      8   9           13

Playing is a short loop in machine code without Python's lock, so threads can play their tapes at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from convlens.arrays import Array
from convlens.engines.compiled.kernel import Call, Slot, address, compiled, intrinsic
from convlens.engines.compiled.later import types

__all__ = ["Tape", "play", "table", "write"]

_INT = ir.IntType(64)
MOST_PARAMETERS = 32  # the most parameters of a kernel
_STEP = 4  # `_call` rounds their number up to a multiple; a function does not see what it gets more


@intrinsic
def table(typing, place):
    """The table of 8-byte integers at a place, which is counted in numbers of 8 bytes"""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(builder.mul(values[0], _INT(8)), _INT.as_pointer())

    return types.CPointer(types.int64)(types.int64), code


@intrinsic
def _call(typing, tape, at, memory):
    """Call the machine code at tape[at] with `memory` and the tape[at + 1] numbers that begin at tape[at + 2]."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        tape, at, memory = values

        def number(past: int) -> Any:
            return builder.load(builder.gep(tape, [builder.add(at, _INT(past))]))

        start = builder.inttoptr(memory, ir.IntType(8).as_pointer())
        target, done = number(0), builder.append_basic_block("done")
        choice = builder.switch(builder.udiv(builder.add(number(1), _INT(_STEP - 1)), _INT(_STEP)), done)
        for count in range(_STEP, MOST_PARAMETERS + 1, _STEP):
            block = builder.append_basic_block(f"of_{count}")
            choice.add_case(_INT(count // _STEP), block)
            with builder.goto_block(block):
                kind = ir.FunctionType(ir.VoidType(), [start.type, *[_INT] * count]).as_pointer()
                builder.call(builder.inttoptr(target, kind), [start, *(number(2 + k) for k in range(count))])
                builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(tape, at, memory), code


@compiled
def play(tape: int, slots: int) -> None:
    """Fill the slots of a tape, then run its calls. tape: place of the tape; slots: place of a table with the place of
    each array."""
    t = table(tape)
    end = 2 + t[0]
    for k in range(end, end + 3 * t[1], 3):
        t[t[k]] = table(slots)[t[k + 1]] + t[k + 2]
    at = 2
    while at < end:
        _call(t, at, 0)
        at += 2 + t[at + 1]


def write(calls: Sequence[Call], dtype: np.dtype[Any], names: Sequence[str] = ()) -> list[int]:
    """Return the tape of these calls, for numbers of type `dtype`. names: the arrays in the slots, in order"""
    numbers: list[int] = [0, 0]
    slots: list[int] = []
    for kernel, values in calls:
        if len(values) > MOST_PARAMETERS:
            raise TypeError(
                f"a kernel must have at most {MOST_PARAMETERS} parameters; {kernel.__name__} has {len(values)}"
            )
        numbers += [kernel.code(dtype), len(values)]
        for value in values:
            if isinstance(value, Slot):
                slots += [len(numbers), names.index(value.name), value.past]
                value = 0
            elif isinstance(value, np.ndarray):
                if value.dtype not in (dtype, np.int64):
                    raise TypeError(f"{kernel.__name__} runs on {dtype}; got an array of {value.dtype}")
                value = address(value)
            numbers.append(value)
    numbers[:2] = len(numbers) - 2, len(slots) // 3
    return numbers + slots + [0] * _STEP


class Tape:
    """A tape that keeps its calls' arrays alive."""

    def __init__(self, calls: Sequence[Call], dtype: np.dtype[Any], names: Sequence[str] = ()) -> None:
        self._kept, self._names = list(calls), tuple(names)
        self._numbers = np.array(write(calls, dtype, names), np.int64)  # OverflowError for a number past 64 bits
        self.place = address(self._numbers)

    def run(self, **arrays: Array) -> None:
        """Run the calls with these arrays in the slots. The arrays must be C-contiguous."""
        if not arrays:
            play(self.place, 0)
            return
        slots = np.array([address(arrays[name]) if name in arrays else 0 for name in self._names], np.int64)
        play(self.place, address(slots))
