"""What the functions of tasks 0 to 3 are called with: sizes, and the arrays that go with them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.geometry import Pads, out_size

__all__ = ["CONV_BACKWARD", "CONV_FORWARD", "POOL_BACKWARD", "POOL_FORWARD", "READINGS", "Case", "Size", "odd"]

CONV_FORWARD, POOL_FORWARD, CONV_BACKWARD, POOL_BACKWARD = range(4)
_FEW = 6  # numbers of an array that are told with a call

# Zeros before and after, of an odd total 2 t + 1: more than t before? more than t after? All four are met and accepted.
READINGS = {"start": (1, 0), "floor": (0, 0), "ceil": (1, 1), "end": (0, 1)}


class Size(NamedTuple):
    """Images (n, h, w, ci), a kernel (kh, kw, ci, co), strides (sh, sw). Pooling has no co."""

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

    how: the padding or the mode; numbers: "float64", "float32", "integers" (the images alone), "whole" (all arrays are
    integers), "ties" or "negative";
    activation: a name that the guest knows; bias: whether there is one; defaults: whether to leave out what has one;
    reading: of "same" where the total of zeros is odd, a key of READINGS
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
        """(kh, kw)"""
        return self.size.kh, self.size.kw

    @property
    def stride(self) -> tuple[int, int]:
        """(sh, sw)"""
        return self.size.sh, self.size.sw

    def pads(self) -> Pads:
        """The zeros around the images, by this reading"""
        if self.how != "same":
            return (0, 0), (0, 0)
        start, end = READINGS[self.reading]
        totals = _totals(self.size)
        rows, columns = ((total // 2 + total % 2 * start, total // 2 + total % 2 * end) for total in totals)
        return rows, columns

    def windows(self) -> tuple[int, int]:
        """How many windows there are, down and across"""
        size, pads = self.size, self.pads()
        return out_size(size.h, size.kh, size.sh, *pads[0]), out_size(size.w, size.kw, size.sw, *pads[1])

    def possible(self) -> bool:
        """Is there a window at all, in every reading?"""
        return min(self.size) >= 1 and all(min(case.windows()) >= 1 for case in self.readings())

    def arrays(self, seed: int) -> dict[str, Array]:
        """The arrays by the names that the course gives them, the same ones for the same case and seed.

        Quarters that float32 holds exactly, none of them 0, the images' numbers all different (but for "ties"): so that
        sums are exact, and a message has short numbers.
        """
        key = zlib.crc32(repr((self.task, self.size, self.how, self.numbers, self.activation, self.bias)).encode())
        rng = np.random.default_rng((seed, key))
        size = self.size
        given = {"A_prev": _images(rng, (size.n, size.h, size.w, size.ci), self.numbers)}
        if self.task in (CONV_FORWARD, CONV_BACKWARD):
            given["W"] = _quarters(rng, (size.kh, size.kw, size.ci, size.co))
            given["b"] = _quarters(rng, (1, 1, 1, size.co)) * self.bias
        if self.task in (CONV_BACKWARD, POOL_BACKWARD):
            channels = size.co if self.task == CONV_BACKWARD else size.ci
            name = "dZ" if self.task == CONV_BACKWARD else "dA"
            given = {name: _quarters(rng, (size.n, *self.windows(), channels)), **given}
        if self.numbers == "whole":
            given = {name: (4 * array).astype(np.int64) for name, array in given.items()}
        if self.numbers == "float32":
            given = {name: array.astype(np.float32) for name, array in given.items()}
        return given

    def arguments(self, given: dict[str, Array]) -> tuple[list[Any], dict[str, Any], list[Array]]:
        """Positional and named arguments as a guest understands them, and their arrays"""
        order: list[Any] = [{"array": k} for k in range(len(given))]
        if self.task == CONV_FORWARD:
            order.append({"activation": self.activation})
        if self.task in (POOL_FORWARD, POOL_BACKWARD):
            order.append({"tuple": list(self.kernel)})
        name = "padding" if self.task in (CONV_FORWARD, CONV_BACKWARD) else "mode"
        named = {} if self.defaults else {name: self.how, "stride": {"tuple": list(self.stride)}}
        return order, named, list(given.values())

    def readings(self) -> Iterator[Case]:
        """This case in every reading of it, ours first: one where nothing is odd"""
        for reading in READINGS if odd(self) else ("start",):
            yield replace(self, reading=reading)

    def smaller(self) -> Iterator[Case]:
        """This case with one size less each, the greatest steps first"""
        for name in Size._fields:
            value = getattr(self.size, name)
            for less in sorted({1, value // 2, value - 1} - {0, value}):
                case = replace(self, size=self.size._replace(**{name: less}))
                if case.possible() and odd(case) == odd(self):
                    yield case

    def describe(self, given: dict[str, Array]) -> str:
        """The call in words: the shapes, the numbers where they are few, and what else was given"""
        shapes = ", ".join(f"{name} {array.shape}{_few(array)}" for name, array in given.items())
        if self.defaults:
            return f"{shapes}, nothing else given"
        if self.task in (CONV_FORWARD, CONV_BACKWARD):
            return f"{shapes}, padding {self.how!r}, stride {self.stride}"
        return f"{shapes}, kernel_shape {self.kernel}, stride {self.stride}, mode {self.how!r}"

    def weight(self) -> int:
        """How much there is to look at: what makes a case smaller than another"""
        size = self.size
        return size.n * size.h * size.w * size.ci + size.kh * size.kw * size.co + size.sh + size.sw


def _few(array: Array) -> str:
    """The numbers, row by row, if there are not many"""
    return f" = [{', '.join(f'{value + 0:g}' for value in array.ravel())}]" if array.size <= _FEW else ""


def odd(case: Case) -> bool:
    """Is the total of zeros of "same" odd, down or across?"""
    return case.how == "same" and any(total % 2 for total in _totals(case.size))


def _totals(size: Size) -> tuple[int, int]:
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
