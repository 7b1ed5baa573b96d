"""One operation on one shape. Its tapes are made once; then it runs on any arrays of that shape, on several threads.

The examples are cut into pieces, and the cut depends only on the shape. Each piece is a tape of one call, with the
arrays in its slots. In each piece, a slot's place begins after the examples, or the results, of the pieces before it.
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

# The fewest operations for a piece of its own: about 10 µs of work, twice the time to hand a piece to another thread
# (benchmarks.tuning)
PIECE = 2_500_000


def pieces(examples: int, operations: float) -> int:
    """Return the number of pieces: 1, 2, 4 or 8, which two, four or eight threads share evenly."""
    most = min(examples, operations / PIECE)
    return 1 if most < 2 else 2 if most < 4 else 4 if most < 8 else 8


class Operation:
    """A call of one kernel, cut into pieces. Any thread may run it.

    call: the call for all examples; its parameter `examples` is their number, and its arrays are slots. by_example: how
    many numbers the place in a slot moves forward for each example. by_piece: the same for each piece.
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
        self._idle: deque[_Pieces] = deque()  # a thread that runs this operation takes one and returns it

    def run(self, **arrays: Array) -> None:
        """Run on these arrays, by the names of the slots. They must be C-contiguous and aligned."""
        try:
            mine = self._idle.pop()
        except IndexError:
            mine = _Pieces(self._call, self._dtype, self._pieces, self._threads, *self._moves)
        mine.run(arrays)
        self._idle.append(mine)  # not after an exception: after Ctrl-C a helper may still be using it


class _Pieces:
    """The tapes of an operation. Only one thread at a time may use them."""

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
        at = 4 + call.kernel.names.index("examples")  # two numbers of the tape's head and two of the call's come first
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
