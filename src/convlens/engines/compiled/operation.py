"""One operation on one shape: its tapes are made once, then it runs on any arrays of that shape, on several threads.

The examples are cut into pieces by the shape alone. Each piece is a tape of one call; the arrays are its slots, further
on with each example or piece before it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled.helpers import Job, helpers
from convlens.engines.compiled.kernel import Call, Slot, address
from convlens.engines.compiled.tape import play, write

PIECE = 2_500_000  # operations worth a piece: some 10 µs of work, twice what handing it over costs (benchmarks.tuning)


def pieces(examples: int, operations: float) -> int:
    """1, 2, 4 or 8: two, four or eight threads share such numbers evenly"""
    most = min(examples, operations / PIECE)
    return 1 if most < 2 else 2 if most < 4 else 4 if most < 8 else 8


class Operation:
    """A call of one kernel in pieces; any thread may run it.

    call: for all examples at once, its parameter `examples` being their number, its arrays slots. by_example: how far
    the array of a slot moves on with each example; by_piece: with each piece, in numbers.
    """

    def __init__(
        self,
        call: Call,
        dtype: np.dtype[Any],
        pieces: int,
        threads: int,
        by_example: Mapping[str, int],
        by_piece: Mapping[str, int] | None = None,
    ) -> None:
        self._call, self._dtype, self._pieces, self._threads = call, dtype, pieces, threads
        self._moves = by_example, by_piece or {}
        self._idle: deque[_Pieces] = deque()  # one of them is in use by each thread that runs this

    def run(self, **arrays: Array) -> None:
        """Run on these arrays, C-contiguous and aligned, by the names of the slots."""
        try:
            mine = self._idle.pop()
        except IndexError:
            mine = _Pieces(self._call, self._dtype, self._pieces, self._threads, *self._moves)
        mine.run(arrays)
        self._idle.append(mine)  # not after an exception: at Ctrl-C a helper may still be at work on it


class _Pieces:
    """The tapes of an operation, for one thread at a time"""

    def __init__(
        self,
        call: Call,
        dtype: np.dtype[Any],
        pieces: int,
        threads: int,
        by_example: Mapping[str, int],
        by_piece: Mapping[str, int],
    ) -> None:
        self._names = [value.name for value in call.values if isinstance(value, Slot)]
        self._threads, self._call = threads, call
        row = write([call], dtype, self._names)
        at = 4 + call.kernel.names.index("examples")  # after the tape's head and the call's
        examples = row[at]
        cuts = [k * examples // pieces for k in range(pieces + 1)]
        self._tapes = np.array([row] * pieces, np.int64)
        self._tapes[:, at] = np.diff(cuts)
        by = [(by_example.get(name, 0), by_piece.get(name, 0)) for name in self._names]
        self._past = np.array(
            [[cuts[k] * example + k * piece for example, piece in by] for k in range(pieces)], np.int64
        )
        self._slots = np.zeros_like(self._past)
        self._places = [(address(self._tapes[k]), address(self._slots[k])) for k in range(pieces)]
        if pieces > 1:
            tables = np.array([[tape] * threads for tape, _ in self._places], np.int64)
            calls = [place for k, (_, slots) in enumerate(self._places) for place in (address(tables[k]), slots)]
            self._job = Job(range(pieces + 1), calls, tables)

    def run(self, arrays: Mapping[str, Array]) -> None:
        np.add(self._past, [address(arrays[name]) for name in self._names], out=self._slots)
        if len(self._places) == 1:
            play(*self._places[0])
        else:
            helpers(self._threads).run(self._job, *arrays.values())
