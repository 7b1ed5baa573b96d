"""Memory that an operation needs while it runs, kept between the runs of all operations.

A `Room` is planned: it gives slots in the memory that a thread will have. `Memory` is the memory itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled.image import Frame, Image
from convlens.engines.compiled.kernel import Slot
from convlens.machine.memory import aligned

__all__ = ["WORK", "Memory", "Room", "memory"]

WORK = "work"  # the slot of the memory that belongs to a thread
_LINE = 64  # bytes


class Room:
    """Places in the slot WORK, one after another; size: the numbers that they take"""

    def __init__(self, itemsize: int) -> None:
        self.itemsize, self.size = itemsize, 0

    def of(self, name: str, size: int) -> Slot:
        """Return a new place for `size` numbers, at the beginning of a cache line."""
        place, line = Slot(WORK, self.size), _LINE // self.itemsize
        self.size += -(-size // line) * line
        return place

    def image(self, planes: int, rows: int, columns: int, lanes: int, frame: Frame) -> Image:
        """Return a new image; nobody writes its frame."""
        pitch = (frame.left + columns + frame.right) * lanes
        plane = (frame.top + rows + frame.bottom) * pitch
        data = self.of("image", planes * plane)
        origin = data._replace(past=data.past + frame.top * pitch + frame.left * lanes)
        return Image(data, origin, planes, rows, columns, lanes, plane, pitch, frame)


class Memory:
    """Arrays by their names"""

    def __init__(self) -> None:
        self._found: dict[object, Array] = {}

    def of(self, name: object, size: int, dtype: np.dtype[Any]) -> Array:
        """Return an array of `size` numbers with any content."""
        size *= dtype.itemsize
        if name not in self._found or self._found[name].size < size:
            self._found[name] = aligned(size, np.dtype(np.uint8))
        return self._found[name][:size].view(dtype)


_idle: deque[Memory] = deque()


@contextmanager
def memory() -> Iterator[Memory]:
    """Yield memory that nobody else uses meanwhile."""
    try:
        mine = _idle.pop()
    except IndexError:
        mine = Memory()
    yield mine
    _idle.append(mine)  # not after an exception: after Ctrl-C a helper may still be using it
