"""The buffers of a program: images and scratch, of which those that are never in use at the same time share memory.

A buffer is in use from the first call that names it to the last one, in the order of a whole pass. Its place is found
when all calls are known: the largest buffers come first, and each gets the lowest place that is free as long as the
buffer is in use (greedy by size: Pisarchyk, Lee 2020, "Efficient Memory Management for Deep Neural Net Inference").
The zeros of an image's frame are written again before each use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled import over_examples
from convlens.engines.compiled.image import Frame, Image
from convlens.engines.compiled.kernel import Call, Slot
from convlens.engines.compiled.room import Memory, Room
from convlens.machine.memory import aligned

__all__ = ["SMALL", "Buffers"]

# Bytes of all images that stay in the second-level cache without sharing: then frames are written once
SMALL = 3 * 2**19
_LINE = 64  # bytes
# Bytes between two buffers. A vector may reach past an end; and two arrays of a loop that nearly touch count as one for
# LLVM, so the loop is not vectorized and rounds in another order
_GAP = 256
_NONE = Frame()

Step = TypeVar("Step")


class _Use(NamedTuple):
    """A buffer with its size in numbers, and the first and the last step that names it"""

    name: str
    size: int
    first: int
    last: int


class Buffers(Room):
    """Gives slots for buffers, and memory for all of them at the end."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        super().__init__(dtype.itemsize)
        self._dtype = dtype
        self._sizes: dict[str, int] = {}
        self._images: dict[str, Image] = {}
        self._own: set[str] = set()
        self._found: dict[str, Array] = {}

    def of(self, name: str, size: int) -> Slot:
        """Return a new buffer of `size` numbers with any content, which calls use one after another."""
        slot = Slot(f"{name} {len(self._sizes)}")
        self._sizes[slot.name] = size
        return slot

    def image(
        self, planes: int, rows: int, columns: int, lanes: int, frame: Frame = _NONE, whole: bool = True
    ) -> Image:
        """Return a new image with a frame of zeros. whole: whether each pass writes all pixels; else others are 0"""
        made = super().image(planes, rows, columns, lanes, frame)
        self._images[made.data.name] = made
        self._own |= set() if whole else {made.data.name}
        return made

    def keep(self, image: Image) -> Image:
        """Return the image with memory of its own, which is 0 at first."""
        self._keep(image.data.name)
        return replace(image, data=self._array(image.data), origin=self._array(image.origin))

    def _keep(self, name: str) -> None:
        if name not in self._found:
            self._found[name] = aligned(self._sizes[name], self._dtype)

    def placed(self, steps: Sequence[Step], memory: Memory, owner: object = None) -> list[list[Step | Call]]:
        """Return for each step of a pass what runs in its place, with memory for all buffers.

        A step is a call, or anything that names no buffer. memory: with any content; owner: whose memory it is
        """
        uses = self._uses(steps)
        images = [use.name for use in uses if use.name in self._images]
        few = sum(self._sizes[name] for name in images) * self.itemsize <= SMALL
        for image in images:
            if few or image in self._own:
                self._keep(image)
        shared = [use for use in uses if use.name not in self._found]
        places, size = _places(shared, self.itemsize)
        whole = memory.of(owner, size, self._dtype)
        for use in shared:
            self._found[use.name] = whole[places[use.name] : places[use.name] + use.size]
        clear: dict[int, list[Call]] = {}
        for use in shared:
            if (framed := self._images.get(use.name)) and any(framed.frame):
                clear.setdefault(use.first, []).append(_clear_frame(framed))
        return [[self._resolved(each) for each in [*clear.get(k, []), step]] for k, step in enumerate(steps)]

    def _uses(self, steps: Sequence[object]) -> list[_Use]:
        first: dict[str, int] = {}
        last: dict[str, int] = {}
        for k, step in enumerate(steps):
            for value in step.values if isinstance(step, Call) else ():
                if isinstance(value, Slot) and value.name in self._sizes:
                    first.setdefault(value.name, k)
                    last[value.name] = k
        return [_Use(name, self._sizes[name], first[name], last[name]) for name in first]

    def _resolved(self, step: Any) -> Any:
        if not isinstance(step, Call):
            return step
        return Call(step.kernel, tuple(map(self._array, step.values)))

    def _array(self, value: Any) -> Any:
        """Return the memory of a buffer; other values are returned as they are."""
        known = isinstance(value, Slot) and value.name in self._found
        return self._found[value.name][value.past :] if known else value


def _clear_frame(image: Image) -> Call:
    """Return the call that sets the frame of an image to 0."""
    before = image.frame.top * image.pitch + image.frame.left * image.lanes
    return over_examples.clear_frame(
        x=image.data, planes=image.planes, rows=image.rows, run=image.run, plane=image.plane, pitch=image.pitch,
        before=before,
    )  # fmt: skip


def _places(uses: Sequence[_Use], itemsize: int) -> tuple[dict[str, int], int]:
    """Return the place of each buffer, and the size of them all."""
    line, size = _LINE // itemsize, 0
    done: list[tuple[int, int, _Use]] = []  # begin, end
    for use in sorted(uses, key=lambda use: -use.size):
        need = -(-use.size // line) * line + _GAP // itemsize
        begin = 0
        for start, end, other in sorted(done, key=lambda each: each[0]):
            if use.first <= other.last and other.first <= use.last:
                if start - begin >= need:
                    break
                begin = max(begin, end)
        done.append((begin, begin + need, use))
        size = max(size, begin + need)
    return {use.name: begin for begin, _, use in done}, size
