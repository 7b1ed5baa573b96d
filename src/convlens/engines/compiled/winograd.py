"""Winograd's convolution: which layers run so, and its matrices.

A convolution with a 3 × 3 kernel g computes from a tile d of (size + 2)² numbers, size² outputs:

    y = A' [(G g G') * (B' d B)] A        (* is the product number by number)

So size² outputs need (size + 2)² products in place of 9 size²: 36 for 144, or 16 for 36. With a 5 × 5 kernel, 2 × 2
outputs need 36 in place of 100. The gradient of the kernel is G' [(B' d B) * (A dy A')] G, and that of the tile is
B [(G g G') * (A dy A')] B'. dx is a convolution too. (Winograd 1980, "Arithmetic Complexity of Computations"; Lavin and
Gray 2016, "Fast Algorithms for Convolutional Neural Networks".)

The matrices stand for the values of polynomials at points: 0, the pairs ±p, and infinity. The points ±3/4 and ±3/2 of
6 × 6 tiles keep the numbers of a tile close to each other. Their rounding errors are about a quarter of those at the
usual points ±1 and ±2, where one of the largest outputs of 64 channels is wrong by 2.6e-5 instead of 0.6e-5 of their
standard deviation.
"""

from __future__ import annotations

import os
from math import prod
from typing import NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled.over_examples import LANES
from convlens.engines.specs import Conv

PAIRS = {4: (1.0,), 6: (0.75, 1.5)}  # the points ±p of a tile with so many rows


class Form(NamedTuple):
    """The form of a layer's tiles: each gives size × size outputs of a taps × taps kernel."""

    size: int
    taps: int

    @property
    def side(self) -> int:
        """The numbers along one side of a tile"""
        return self.size + self.taps - 1

    @property
    def points(self) -> int:
        """The points of a tile: its products for each pair of channels"""
        return self.side**2

    @property
    def name(self) -> str:
        """In words, for `summary`"""
        return f"Winograd {self.size}×{self.size}"


class Matrices(NamedTuple):
    """outputs: A' (size, side); kernel: G (side, taps); inputs: B' (side, side), where side = size + taps - 1"""

    outputs: Array
    kernel: Array
    inputs: Array


def matrices(form: Form) -> Matrices:
    """Return the matrices of Winograd's convolution with tiles of a form, float64."""
    size, taps = form
    side = form.side
    points = [0.0, *(sign * p for p in PAIRS[side] for sign in (1, -1))]
    others = [[q for q in points if q != p] for p in points]
    values = [[[p**k for k in range(length)] for p in points] for length in (size, taps)]
    outputs, kernel = (
        np.array([*rows, [0.0] * (length - 1) + [1.0]]) for rows, length in zip(values, (size, taps), strict=True)
    )
    kernel[:-1] /= [[prod(p - q for q in rest)] for p, rest in zip(points, others, strict=True)]
    inputs = np.zeros((side, side))
    for row, roots in zip(inputs, [*others, points], strict=True):
        row[: len(roots) + 1] = np.poly(roots)[::-1]  # the product of x - q, its coefficients from the lowest
    return Matrices(outputs.T.copy(), kernel, inputs)


# Multiply-adds of a vector that take as long as the transform of a tile of one block of channels: of the inputs and of
# the outputs, and of the kernels of one channel
_COST = {Form(2, 3): (60, 40, 30), Form(4, 3): (200, 140, 80), Form(2, 5): (200, 80, 130)}


def allowed() -> bool:
    """Return whether the environment leaves Winograd's convolution on: CONVLENS_WINOGRAD=off switches it off."""
    return os.environ.get("CONVLENS_WINOGRAD", "on") != "off"


def tiles(image: tuple[int, int], size: int) -> int:
    """Return the tiles of size × size that cover an image (h, w)."""
    return -(-image[0] // size) * -(-image[1] // size)


def chosen(spec: Conv, wide: int, examples: int = LANES) -> Form | None:
    """Return the form of Winograd's tiles for a block of so many examples; None if the direct way needs less work.

    Counted are multiply-adds of a vector of `wide` numbers, with the transforms, those of the kernels too.
    """
    kh, kw = spec.kernel
    fits = kh == kw and spec.stride == spec.dilation == (1, 1) and spec.groups == 1
    if not fits or spec.ci % wide or spec.co % wide:
        return None
    ins, outs = spec.ci // wide, spec.co // wide
    work: dict[Form | None, float] = {None: float(kh * kw) * examples * spec.out[0] * spec.out[1] * spec.ci * outs}
    for form, (inputs, outputs, kernel) in _COST.items():
        if form.taps == kh:
            each = form.points * spec.ci * outs + inputs * ins + outputs * outs
            work[form] = examples * tiles(spec.out, form.size) * each + kernel * spec.ci * outs
    return min(work, key=lambda form: work[form])


IN_LANES = Form(2, 5)  # the form of tiles with examples in lanes

# The same as _COST for one channel with examples in lanes: of the input, forward and backward, and of the output
_COST_INPUT, _COST_OUTPUT = 150, 130


def chosen_for_examples(spec: Conv, wide: int, examples: int) -> bool:
    """Return whether a convolution with examples in lanes runs in tiles, of the form `IN_LANES`.

    Tiles must cover the output exactly and need no padding. Examples must fill vectors of `wide` numbers.
    """
    fits = spec.kernel == (5, 5) and spec.stride == spec.dilation == (1, 1) and spec.groups == 1
    even = spec.out[0] % 2 == spec.out[1] % 2 == 0 and spec.pads == ((0, 0), (0, 0))
    if not fits or not even or examples % wide or spec.ci * spec.co < wide:
        return False
    return 36 * spec.ci * spec.co + _COST_INPUT * spec.ci + _COST_OUTPUT * spec.co < 4 * 25 * spec.ci * spec.co
