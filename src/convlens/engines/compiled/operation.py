"""One operation on one shape. Its tapes are made once; then it runs on any arrays of that shape, on several threads.

The examples are cut into pieces, and the pieces of some operations into groups of a few examples, which fit the cache.
The cut depends only on the shape. A group is a tape of calls, with the arrays in its slots: a slot's place begins after
the examples, or the results, of what comes before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled.helpers import Job, helpers
from convlens.engines.compiled.kernel import Call, Slot, address
from convlens.engines.compiled.room import WORK
from convlens.engines.compiled.tape import play, write

# The fewest operations for a piece of its own: about 10 µs of work, twice the time to hand a piece to another thread
# (benchmarks.tuning)
PIECE = 2_500_000


def pieces(examples: int, operations: float) -> int:
    """Return the number of pieces: 1, 2, 4 or 8, which two, four or eight threads share evenly."""
    most = min(examples, operations / PIECE)
    return 1 if most < 2 else 2 if most < 4 else 4 if most < 8 else 8


@dataclass(frozen=True)
class Plan:
    """An operation, cut into pieces

    calls: returns the calls for a number of examples; their arrays are slots. most: the examples of a group.
    by_example: how many numbers the place in a slot moves forward for each example; by_piece: for each piece. parts: in
    how many parts each piece of the examples is cut, each a piece of its own; by_part: as by_example. begin: the calls
    that begin a piece. room: the numbers in the slot WORK, which each thread has for itself.
    """

    calls: Callable[[int], Sequence[Call]]
    examples: int
    pieces: int = 1
    by_example: Mapping[str, int] = field(default_factory=dict)
    by_piece: Mapping[str, int] = field(default_factory=dict)
    most: int | None = None
    parts: int = 1
    by_part: Mapping[str, int] = field(default_factory=dict)
    begin: Sequence[Call] = ()
    room: int = 0


class Operation:
    """A plan for numbers of one type. Any thread may run it."""

    def __init__(self, plan: Plan, dtype: np.dtype[Any], threads: int) -> None:
        self.plan, self.dtype, self.threads = plan, dtype, threads
        self._idle: deque[_Pieces] = deque()  # a thread that runs this operation takes one and returns it

    def run(self, work: Sequence[Array] = (), **arrays: Array) -> None:
        """Run on these arrays, by the names of the slots. They must be C-contiguous and aligned.

        work: for each thread `plan.room` numbers
        """
        try:
            mine = self._idle.pop()
        except IndexError:
            mine = _Pieces(self.plan, self.dtype, self.threads)
        mine.run(arrays, work)
        self._idle.append(mine)  # not after an exception: after Ctrl-C a helper may still be using it


class _Pieces:
    """The tapes of an operation. Only one thread at a time may use them."""

    def __init__(self, plan: Plan, dtype: np.dtype[Any], threads: int) -> None:
        n, most = plan.examples, plan.most or plan.examples
        cuts = [k * n // plan.pieces for k in range(plan.pieces + 1)]
        groups = [
            [(start, min(most, cuts[k + 1] - start)) for start in range(cuts[k], cuts[k + 1], most)]
            for k in range(plan.pieces)
        ]
        made = {size: plan.calls(size) for size in {size for piece in groups for _, size in piece}}
        values = [value for calls in (plan.begin, *made.values()) for call in calls for value in call.values]
        names = dict.fromkeys(value.name for value in values if isinstance(value, Slot))
        self._names = [name for name in names if name != WORK]
        self._threads, self._kept = threads, list[Any]([plan, made])
        begin = self._table(plan.begin, dtype)
        tables = {size: self._table(calls, dtype) for size, calls in made.items()}
        past, starts, order = list[list[int]](), [0], list[int]()
        for k in range(plan.pieces * plan.parts):
            piece, part = divmod(k, plan.parts)
            rows = [(begin, groups[piece][0][0])] if plan.begin else []
            for table, start in rows + [(tables[size], start) for start, size in groups[piece]]:
                order.append(table)
                past.append(
                    [
                        start * plan.by_example.get(name, 0)
                        + k * plan.by_piece.get(name, 0)
                        + part * plan.by_part.get(name, 0)
                        for name in self._names
                    ]
                )
            starts.append(len(order))
        self._past = np.array(past, np.int64).reshape(len(order), len(self._names))
        self._slots = np.zeros((len(order), len(self._names) + threads), np.int64)
        calls = [place for table, row in zip(order, self._slots, strict=True) for place in (table, address(row))]
        self._job = Job(starts, calls, (self._kept, self._slots))
        self._only = None if len(order) > 1 else (int(self._kept[-1][0]), calls[1])

    def _table(self, calls: Sequence[Call], dtype: np.dtype[Any]) -> int:
        """Return the place of a table of tapes of these calls, one for each thread."""
        row = np.array(write(calls, dtype, [*self._names, WORK]), np.int64)
        tapes = np.tile(row, (self._threads, 1))
        end = 2 + row[0]
        fills = tapes[:, end : end + 3 * row[1]].reshape(self._threads, -1, 3)
        fills[..., 1] += np.arange(self._threads)[:, None] * (fills[..., 1] == len(self._names))
        places = np.array([address(tape) for tape in tapes], np.int64)
        self._kept += [tapes, places]
        return address(places)

    def run(self, arrays: Mapping[str, Array], work: Sequence[Array] = ()) -> None:
        count = len(self._names)
        np.add(self._past, [address(arrays[name]) for name in self._names], out=self._slots[:, :count])
        if work:
            self._slots[:, count:] = [address(memory) for memory in work]
        if self._only:
            play(*self._only)
        else:
            helpers(self._threads).run(self._job, *arrays.values(), *work)
