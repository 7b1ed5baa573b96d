"""Kernels over channels: one operation at a time on arrays (n, h, w, c), with neighbouring channels in each vector.

No windows are copied: a convolution reads its input in place (direct convolution; Zhang et al. 2018, "High Performance
Zero-Memory Overhead Direct Convolutions"). Its kernel is packed first, into panels as wide as a vector, so that the
micro-kernel reads it in order.

Steps of an image x, in numbers: x_n from one example to the next, x_row from one row to the next, x_i for a window one
position down, x_j for a window one position to the right.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled.kernel import Kernel, Memory, Place, Table, kernel
from convlens.engines.compiled.pool_tiles import scatter_to_max, window_max
from convlens.engines.compiled.registers import (
    ADD_TO_Y,
    BIAS_VECTOR,
    BYTES,
    multiply_tile,
    vector,
    zero,
)
from convlens.engines.compiled.tape import table


def panels(w: Array) -> Array:
    """w (rows, columns) -> (panels, rows, vector): each panel holds as many columns as a vector has numbers"""
    rows, columns = w.shape
    wide = BYTES // w.itemsize
    found = np.zeros((-(-columns // wide), rows, wide), w.dtype)
    whole = columns // wide
    found[:whole] = w[:, : whole * wide].reshape(rows, whole, wide).swapaxes(0, 1)
    if columns % wide:
        found[whole, :, : columns % wide] = w[:, whole * wide :]
    return found


def band(w: Array, width: int, sw: int) -> Array:
    """w (kh, kw, ci, co) -> (kh, (width - 1) * sw + kw, ci, width * co): one kernel for `width` neighbouring outputs

    A layer with few channels would leave most of a vector empty. The channels of neighbouring outputs fill it, at the
    price of some products with zero.
    """
    kh, kw, ci, co = w.shape
    found = np.zeros((kh, (width - 1) * sw + kw, ci, width, co), w.dtype)
    for j in range(width):
        found[:, j * sw : j * sw + kw, :, j] = w
    return found.reshape(kh, -1, ci, width * co)


def best_width(ow: int, kw: int, sw: int, co: int, wide: int) -> int:
    """Return how many neighbouring outputs use a vector of `wide` numbers best; the result divides ow.

    >>> best_width(28, 5, 1, 6, 16), best_width(10, 5, 1, 16, 16)
    (2, 1)
    """

    def cost(width: int) -> float:  # how many vectors of the kernel are read for one output
        return -(-width * co // wide) * (kw + (width - 1) * sw) / width

    return min((width for width in (1, 2, 3, 4) if ow % width == 0), key=cost)


def taps(count: int, step: int) -> Array:
    """Return the offsets of the `count` numbers of a sum: 0, step, 2 step, …"""
    return np.arange(count, dtype=np.int64) * step


@cache
def convolve(tile: int, rest: int) -> Kernel:
    """Return the kernel of a convolution.

    A register tile has `tile` positions of a row. The last tile of a row has `rest` positions, if `rest` is not 0.
    """

    @kernel
    def convolve(
        m: Memory, x: Place, x_n: int, x_row: int, x_i: int, x_j: int, examples: int, oh: int, ow: int, co: int,
        w: Place, kh: int, run: int, taps: Table, b: Place, y: Place,
    ) -> None:  # fmt: skip
        """y[e, i, j, o] = b[o] + sum_aq x[e, i*sh + a, j*sw*ci + q] w[a, q, o], for q below run = kw * ci"""
        wide = vector(m)
        for e in range(examples):
            for o in range(0, co, wide):  # inside the loop over e, so that e stays in the cache for all panels
                panel = w + o * kh * run
                for i in range(oh):
                    seen, out = x + e * x_n + i * x_i, y + (e * oh + i) * ow * co + o
                    for j in range(0, ow - rest, tile):
                        multiply_tile(
                            m, tile, j, ow - 1, panel, (0, run * wide), (1, kh, run), table(taps),
                            seen, (x_j, 0, x_row, 1), b + o, out, co, co - o, BIAS_VECTOR, 0,
                        )  # fmt: skip
                    if rest:
                        multiply_tile(
                            m, rest, ow - rest, ow - 1, panel, (0, run * wide), (1, kh, run), table(taps),
                            seen, (x_j, 0, x_row, 1), b + o, out, co, co - o, BIAS_VECTOR, 0,
                        )  # fmt: skip

    return convolve


@cache
def convolve_dw(tile: int) -> Kernel:
    """Return the kernel of the gradient of w; its register tile has `tile` numbers of a row of w."""

    @kernel
    def convolve_dw(
        m: Memory, x: Place, x_n: int, x_row: int, x_i: int, x_j: int, dy: Place, examples: int, oh: int, ow: int,
        co: int, taps: Table, kh: int, run: int, panel: Place, dw: Place,
    ) -> None:  # fmt: skip
        """dw[a, q, o] += sum_eij x[e, i*sh + a, j*sw*ci + q] dy[e, i, j, o]; `panel` has room for oh * ow vectors"""
        wide = vector(m)
        for e in range(examples):
            for o in range(0, co, wide):
                for k in range(oh * ow):
                    gradient, packed = dy + (e * oh * ow + k) * co + o, panel + k * wide
                    for v in range(min(wide, co - o)):
                        m[packed + v] = m[gradient + v]
                for a in range(kh):
                    seen, out = x + e * x_n + a * x_row, dw + a * run * co + o
                    for q in range(0, run, tile):
                        multiply_tile(
                            m, tile, q, run - 1, panel, (0, ow * wide), (1, oh, ow), table(taps),
                            seen, (1, 0, x_i, x_j), out, out, co, co - o, ADD_TO_Y, 0,
                        )  # fmt: skip

    return convolve_dw


@cache
def max_pool(side: int) -> Kernel:
    """Return the kernel of max pooling with windows of side × side, whose loops are unrolled; 0 allows any window."""

    @kernel
    def max_pool(
        m: Memory, x: Place, x_n: int, x_row: int, x_i: int, x_j: int, examples: int, oh: int, ow: int, c: int,
        kh: int, kw: int, y: Place,
    ) -> None:  # fmt: skip
        """y[e, i, j, k] = max_ab x[e, i*sh + a, j*sw + b, k]"""
        for e in range(examples):
            for i in range(oh):
                for j in range(ow):
                    seen, out = x + e * x_n + i * x_i + j * x_j, y + ((e * oh + i) * ow + j) * c
                    for k in range(0, c, vector(m)):
                        sizes = (side, side) if side else (kh, kw)
                        window_max(m, seen + k, (x_row, c), sizes, out + k, c - k)

    return max_pool


@cache
def max_pool_dx(side: int) -> Kernel:
    """Return the kernel of the gradient of `max_pool(side)`."""

    @kernel
    def max_pool_dx(
        m: Memory, x: Place, x_n: int, x_row: int, x_i: int, x_j: int, examples: int, oh: int, ow: int, c: int,
        kh: int, kw: int, y: Place, dy: Place, dx: Place, only_one: int,
    ) -> None:  # fmt: skip
        """dx[e, i*sh + a, j*sw + b, k] += dy[e, i, j, k] where x at that cell equals y[e, i, j, k]

        only_one: whether only the first such cell of the window gets dy, or all such cells
        """
        for p in range(dx, dx + examples * x_n):
            m[p] = zero(m)
        for e in range(examples):
            for i in range(oh):
                for j in range(ow):
                    past, out = e * x_n + i * x_i + j * x_j, ((e * oh + i) * ow + j) * c
                    for k in range(0, c, vector(m)):
                        sizes = (side, side) if side else (kh, kw)
                        scatter_to_max(
                            m, dy + out + k, x + past + k, y + out + k, (x_row, c), sizes, only_one,
                            dx + past + k, (x_row, c), c - k,
                        )  # fmt: skip

    return max_pool_dx


@kernel
def sum_pool(
    m: Memory, x: Place, x_n: int, x_row: int, x_i: int, x_j: int, examples: int, oh: int, ow: int, c: int,
    kh: int, kw: int, y: Place,
) -> None:  # fmt: skip
    """y[e, i, j, k] = sum_ab x[e, i*sh + a, j*sw + b, k]"""
    for e in range(examples):
        for i in range(oh):
            for j in range(ow):
                seen, out = x + e * x_n + i * x_i + j * x_j, y + ((e * oh + i) * ow + j) * c
                for k in range(c):
                    m[out + k] = zero(m)
                for a in range(kh):
                    for b in range(kw):
                        cell = seen + a * x_row + b * c
                        for k in range(c):
                            m[out + k] += m[cell + k]


@kernel
def sum_pool_dx(
    m: Memory, dx: Place, dx_n: int, dx_row: int, dx_i: int, dx_j: int, examples: int, oh: int, ow: int, c: int,
    kh: int, kw: int, dy: Place,
) -> None:  # fmt: skip
    """dx[e, i*sh + a, j*sw + b, k] += dy[e, i, j, k]"""
    for p in range(dx, dx + examples * dx_n):
        m[p] = zero(m)
    for e in range(examples):
        for i in range(oh):
            for j in range(ow):
                out, gradient = dx + e * dx_n + i * dx_i + j * dx_j, dy + ((e * oh + i) * ow + j) * c
                for a in range(kh):
                    for b in range(kw):
                        cell = out + a * dx_row + b * c
                        for k in range(c):
                            m[cell + k] += m[gradient + k]
