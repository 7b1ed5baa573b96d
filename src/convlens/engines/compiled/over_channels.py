"""Compiled kernels on (n, h, w, c) as it lies, one operation at a time: every vector holds neighbouring channels.

No windows are copied: a convolution reads its input where it is (direct convolution; Zhang et al. 2018, "High
Performance Zero-Memory Overhead Direct Convolutions"). Kernels are packed first, in panels as wide as a vector, so that
they are read in a straight line. Sizes in t: `xn` is the length of an example, `row` of a row, all counted in numbers.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled.registers import ALIKE, BYTES, OWN, largest, multiply, to_largest, vector, zero
from convlens.engines.compiled.tape import Kernel, table, unpack


def panels(w: Array) -> Array:
    """w (rows, columns) -> (panels, rows, vector): columns side by side as far as a vector goes, then the next ones"""
    rows, columns = w.shape
    wide = BYTES // w.itemsize
    found = np.zeros((-(-columns // wide), rows, wide), w.dtype)
    whole = columns // wide
    found[:whole] = w[:, : whole * wide].reshape(rows, whole, wide).swapaxes(0, 1)
    if columns % wide:
        found[whole, :, : columns % wide] = w[:, whole * wide :]
    return found


def band(w: Array, width: int, sw: int) -> Array:
    """w (kh, kw, ci, co) -> (kh, (width - 1) * sw + kw, ci, width * co): a kernel of so many neighbouring outputs

    Few channels would leave most of a vector empty; the channels of neighbours fill it, at the price of some zeros.
    """
    kh, kw, ci, co = w.shape
    found = np.zeros((kh, (width - 1) * sw + kw, ci, width, co), w.dtype)
    for j in range(width):
        found[:, j * sw : j * sw + kw, :, j] = w
    return found.reshape(kh, -1, ci, width * co)


def best_width(ow: int, kw: int, sw: int, co: int, wide: int) -> int:
    """How many neighbours make the most of a vector of `wide` numbers: of the widths that divide a row of ow outputs

    >>> best_width(28, 5, 1, 6, 16), best_width(10, 5, 1, 16, 16)
    (2, 1)
    """

    def cost(width: int) -> float:
        return -(-width * co // wide) * (kw + (width - 1) * sw) / width

    return min((width for width in (1, 2, 3, 4) if ow % width == 0), key=cost)


def steps(count: int, step: int) -> Array:
    """0, step, 2 step, …"""
    return np.arange(count, dtype=np.int64) * step


@cache
def forward(size: int, rest: int) -> Kernel:
    """The kernel of a convolution that takes so many positions of a row at a time, and its last `rest` together"""

    @Kernel
    def forward(m, t):
        """y[e, i, j, o] = b[o] + sum_aq x[e, i*sh + a, j*sw*ci + q] w[a, q, o]: w in panels of o, run = kw * ci"""
        x, xn, row, down, right, n, oh, ow, co, w, kh, run, columns, b, y = unpack(t, 15)
        wide = vector(m)
        for e in range(n):
            for o in range(0, co, wide):  # an example stays in the cache
                panel = w + o * kh * run
                for i in range(oh):
                    place, out = x + e * xn + i * down, y + (e * oh + i) * ow * co + o
                    for j in range(0, ow - rest, size):
                        multiply(
                            m, size, j, ow - 1, panel, (0, run * wide), (1, kh, run), table(columns),
                            place, (right, 0, row, 1), b + o, out, co, co - o, ALIKE, 0,
                        )  # fmt: skip
                    if rest:
                        multiply(
                            m, rest, ow - rest, ow - 1, panel, (0, run * wide), (1, kh, run), table(columns),
                            place, (right, 0, row, 1), b + o, out, co, co - o, ALIKE, 0,
                        )  # fmt: skip

    return forward


@cache
def dx(size: int) -> Kernel:
    """The kernel of dx that takes so many examples at a time"""

    @Kernel
    def dx(m, t):
        """dx[e, i*sh + a, j*sw*ci + q] += sum_o dy[e, i, j, o] w[a, o, q]: for each a, w in panels of q"""
        dy, n, oh, ow, co, w, kh, run, columns, x, xn, row, down, right = unpack(t, 14)
        wide = vector(m)
        length = -(-run // wide) * wide * co
        for e in range(0, n, size):
            for i in range(oh):
                for a in range(kh):
                    for j in range(ow):
                        place = x + i * down + a * row + j * right
                        for q in range(0, run, wide):
                            multiply(
                                m, size, e, n - 1, w + a * length + q * co, (0, 0), (1, 1, co), table(columns),
                                dy + (i * ow + j) * co, (oh * ow * co, 0, 0, 1), place, place + q, xn, run - q, OWN, 0,
                            )  # fmt: skip

    return dx


@cache
def dw(size: int) -> Kernel:
    """The kernel of dw that takes so many numbers of a row of the kernel at a time"""

    @Kernel
    def dw(m, t):
        """dw[a, q, o] += sum_eij x[e, i*sh + a, j*sw*ci + q] dy[e, i, j, o]; `panel` holds a vector for each e, i, j"""
        x, xn, row, down, right, dy, n, oh, ow, co, columns, kh, run, panel, w = unpack(t, 15)
        wide = vector(m)
        for e in range(n):
            for o in range(0, co, wide):
                for k in range(oh * ow):
                    source, target = dy + (e * oh * ow + k) * co + o, panel + k * wide
                    for v in range(min(wide, co - o)):
                        m[target + v] = m[source + v]
                for a in range(kh):
                    place, out = x + e * xn + a * row, w + a * run * co + o
                    for q in range(0, run, size):
                        multiply(
                            m, size, q, run - 1, panel, (0, ow * wide), (1, oh, ow), table(columns),
                            place, (1, 0, down, right), out, out, co, co - o, OWN, 0,
                        )  # fmt: skip

    return dw


@cache
def max_pool(window: int) -> Kernel:
    """The kernel of max pooling by windows of that size, both ways, whose loops are unrolled; 0 is any window"""

    @Kernel
    def max_pool(m, t):
        """y[e, i, j, k] = the largest x[e, i*sh + a, j*sw + b, k]"""
        x, xn, row, down, right, n, oh, ow, c, kh, kw, y = unpack(t, 12)
        for e in range(n):
            for i in range(oh):
                for j in range(ow):
                    place, out = x + e * xn + i * down + j * right, y + ((e * oh + i) * ow + j) * c
                    for k in range(0, c, vector(m)):
                        sizes = (window, window) if window else (kh, kw)
                        largest(m, place + k, (row, c), sizes, out + k, c - k)

    return max_pool


@cache
def max_pool_dx(window: int) -> Kernel:
    """The kernel of its gradient"""

    @Kernel
    def max_pool_dx(m, t):
        """dx[e, i*sh + a, j*sw + b, k] += dy[e, i, j, k] where x there is y[e, i, j, k]: the first, or all of them"""
        x, xn, row, down, right, n, oh, ow, c, kh, kw, y, dy, dx, first = unpack(t, 15)
        for p in range(dx, dx + n * xn):
            m[p] = zero(m)
        for e in range(n):
            for i in range(oh):
                for j in range(ow):
                    at, here = e * xn + i * down + j * right, ((e * oh + i) * ow + j) * c
                    for k in range(0, c, vector(m)):
                        d, seen, top, out = dy + here + k, x + at + k, y + here + k, dx + at + k
                        sizes = (window, window) if window else (kh, kw)
                        to_largest(m, d, seen, top, (row, c), sizes, first, out, (row, c), c - k)

    return max_pool_dx


@Kernel
def sum_pool(m, t):
    """y[e, i, j, k] = the sum of x[e, i*sh + a, j*sw + b, k]"""
    x, xn, row, down, right, n, oh, ow, c, kh, kw, y = unpack(t, 12)
    for e in range(n):
        for i in range(oh):
            for j in range(ow):
                place, out = x + e * xn + i * down + j * right, y + ((e * oh + i) * ow + j) * c
                for k in range(c):
                    m[out + k] = zero(m)
                for a in range(kh):
                    for b in range(kw):
                        cell = place + a * row + b * c
                        for k in range(c):
                            m[out + k] += m[cell + k]


@Kernel
def sum_pool_dx(m, t):
    """dx[e, i*sh + a, j*sw + b, k] += dy[e, i, j, k]"""
    dx, xn, row, down, right, n, oh, ow, c, kh, kw, dy = unpack(t, 12)
    for p in range(dx, dx + n * xn):
        m[p] = zero(m)
    for e in range(n):
        for i in range(oh):
            for j in range(ow):
                place, out = dx + e * xn + i * down + j * right, dy + ((e * oh + i) * ow + j) * c
                for a in range(kh):
                    for b in range(kw):
                        cell = place + a * row + b * c
                        for k in range(c):
                            m[cell + k] += m[out + k]
