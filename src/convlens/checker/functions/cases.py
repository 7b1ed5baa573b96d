"""The calls of tasks 0 to 3: sizes, options, and random arrays."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.geometry import Pads, out_size

__all__ = ["CONV_BACKWARD", "CONV_FORWARD", "POOL_BACKWARD", "POOL_FORWARD", "READINGS", "Case", "Size", "odd"]

CONV_FORWARD, POOL_FORWARD, CONV_BACKWARD, POOL_BACKWARD = range(4)

# Padding "same" may need an odd number of zeros, 2 t + 1 rows or columns. A reading of the task is a pair of numbers,
# for the zeros before the image and for the zeros after it: 1 means t + 1 zeros, 0 means t. The course does not say
# which reading is right, and students submit all four.
READINGS = {"start": (1, 0), "floor": (0, 0), "ceil": (1, 1), "end": (0, 1)}


class Size(NamedTuple):
    """The sizes of a call: images (n, h, w, ci), kernel (kh, kw, ci, co), strides (sh, sw). Pooling does not use co."""

    n: int
    h: int
    w: int
    ci: int
    co: int
    kh: int
    kw: int
    sh: int = 1
    sw: int = 1


@dataclass(frozen=True)
class Case:
    """One call of one task's function.

    how: the padding or the mode; numbers: "float64", "float32", "integers" (integer images), "whole" (integers in all
    arrays), "ties" or "negative"; activation: a key of `expected.ACTIVATIONS`; bias: whether b is not 0; defaults:
    whether arguments with a default are left out; reading: a key of READINGS, for an odd number of zeros
    """

    task: int
    size: Size
    how: str
    numbers: str = "float64"
    activation: str = "identity"
    bias: bool = False
    defaults: bool = False
    reading: str = "start"

    @property
    def kernel(self) -> tuple[int, int]:
        """The kernel's size (kh, kw)."""
        return self.size.kh, self.size.kw

    @property
    def stride(self) -> tuple[int, int]:
        """The strides (sh, sw)."""
        return self.size.sh, self.size.sw

    def pads(self) -> Pads:
        """Return the zeros around the images in this reading: ((top, bottom), (left, right))."""
        if self.how != "same":
            return (0, 0), (0, 0)
        start, end = READINGS[self.reading]
        totals = _totals(self.size)
        rows, columns = ((total // 2 + total % 2 * start, total // 2 + total % 2 * end) for total in totals)
        return rows, columns

    def windows(self) -> tuple[int, int]:
        """Return the number of windows down and across: (oh, ow)."""
        size, pads = self.size, self.pads()
        return out_size(size.h, size.kh, size.sh, *pads[0]), out_size(size.w, size.kw, size.sw, *pads[1])

    def possible(self) -> bool:
        """Return whether there is at least one window in every reading."""
        return min(self.size) >= 1 and all(min(case.windows()) >= 1 for case in self.readings())

    def arrays(self, seed: int) -> dict[str, Array]:
        """Return the arrays by the course's names. The same case and seed give the same arrays.

        All numbers are multiples of 1/4, so that sums are exact in float32 and messages have short numbers. No number
        is 0, except in b without a bias and in integer images. The numbers of the images are all different, except for
        "ties". The arrays are kept for the next submission, so they are read-only.
        """
        return dict(_arrays(self, seed))

    def arguments(self, given: dict[str, Array]) -> tuple[list[Any], dict[str, Any], list[Array]]:
        """Return positional arguments, named arguments and arrays, in the form of `guest_side.course_file`."""
        order: list[Any] = [{"array": k} for k in range(len(given))]
        if self.task == CONV_FORWARD:
            order.append({"activation": self.activation})
        if self.task in (POOL_FORWARD, POOL_BACKWARD):
            order.append({"tuple": list(self.kernel)})
        name = "padding" if self.task in (CONV_FORWARD, CONV_BACKWARD) else "mode"
        named = {} if self.defaults else {name: self.how, "stride": {"tuple": list(self.stride)}}
        return order, named, list(given.values())

    def readings(self) -> Iterator[Case]:
        """Yield this case in each reading, "start" first, or only in "start" if the number of zeros is even."""
        for reading in READINGS if odd(self) else ("start",):
            yield self if reading == self.reading else replace(self, reading=reading)

    def smaller(self) -> Iterator[Case]:
        """Yield this case with one smaller size: 1, half of the size, and the size minus 1."""
        for name in Size._fields:
            value = getattr(self.size, name)
            for less in sorted({1, value // 2, value - 1} - {0, value}):
                case = replace(self, size=self.size._replace(**{name: less}))
                if case.possible() and odd(case) == odd(self):
                    yield case

    def weight(self) -> int:
        """Return one number for the sizes of a case, by which the smallest of several cases is chosen."""
        size = self.size
        return size.n * size.h * size.w * size.ci + size.kh * size.kw * size.co + size.sh + size.sw


def odd(case: Case) -> bool:
    """Return whether padding "same" needs an odd number of zeros, down or across."""
    return case.how == "same" and any(total % 2 for total in _totals(case.size))


@functools.lru_cache(maxsize=512)
def _arrays(case: Case, seed: int) -> dict[str, Array]:
    """Return the arrays of `Case.arrays`."""
    key = zlib.crc32(repr((case.task, case.size, case.how, case.numbers, case.activation, case.bias)).encode())
    rng = np.random.default_rng((seed, key))
    size = case.size
    given = {"A_prev": _images(rng, (size.n, size.h, size.w, size.ci), case.numbers)}
    if case.task in (CONV_FORWARD, CONV_BACKWARD):
        given["W"] = _quarters(rng, (size.kh, size.kw, size.ci, size.co))
        given["b"] = _quarters(rng, (1, 1, 1, size.co)) * case.bias
    if case.task in (CONV_BACKWARD, POOL_BACKWARD):
        channels = size.co if case.task == CONV_BACKWARD else size.ci
        name = "dZ" if case.task == CONV_BACKWARD else "dA"
        given = {name: _quarters(rng, (size.n, *case.windows(), channels)), **given}
    if case.numbers == "whole":
        given = {name: (4 * array).astype(np.int64) for name, array in given.items()}
    if case.numbers == "float32":
        given = {name: array.astype(np.float32) for name, array in given.items()}
    for array in given.values():
        array.flags.writeable = False
    return given


def _totals(size: Size) -> tuple[int, int]:
    """Return the total number of zeros that the course's padding "same" needs, down and across."""
    return (size.h - 1) * size.sh + size.kh - size.h, (size.w - 1) * size.sw + size.kw - size.w


def _quarters(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    values = rng.integers(1, 9, shape) / 4
    signed: Array = values * rng.choice((-1.0, 1.0), shape)
    return signed


def _images(rng: np.random.Generator, shape: tuple[int, ...], numbers: str) -> Array:
    count = int(np.prod(shape))
    if numbers == "ties":
        return rng.integers(-1, 2, shape) / 2 + 0.25
    values = rng.permutation(count) + 1
    signed = -values if numbers == "negative" else values - count // 2
    if numbers == "integers":
        return signed.reshape(shape).astype(np.int64)
    quarters: Array = (np.where(signed == 0, count, signed) / 4).reshape(shape)
    return quarters
