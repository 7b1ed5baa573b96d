"""Compiled kernels over lanes: up to 16 examples side by side, so that every vector holds one pixel of each of them.

A block of n examples is (c, h, w * n): planes of rows, and in a row, column by column, that pixel of each of the n.
With n = 16 a column of float32 is a cache line and a vector register, and a step to the right is a step of n: no
vector ever starts off the grid. It is the layout of cuda-convnet (Krizhevsky 2012). A row may begin with a frame and
end with one, zeros that a convolution takes for padding; rows above and below are left out instead.

An image's numbers in t are `x, planes, h, row`: where its first pixel lies, how many planes and rows, and the length of
a row with its frame, all of them counted in numbers.
"""

from __future__ import annotations

from functools import cache

from convlens.engines.compiled.registers import EACH, correlate, largest, multiply, rectify, to_largest, vector, zero
from convlens.engines.compiled.tape import Kernel, table, unpack

LANES = 16


@Kernel
def to_lanes(m, t):
    """x (n, h, w, c) -> the image y"""
    x, y, c, h, row, w, n = unpack(t, 7)
    for k in range(c):
        for i in range(h):
            for j in range(w):
                source, target = x + (i * w + j) * c + k, y + (k * h + i) * row + j * n
                for e in range(n):
                    m[target + e] = m[source + e * h * w * c]


@Kernel
def from_lanes(m, t):
    """The image x -> y (n, h, w, c)"""
    y, x, c, h, row, w, n = unpack(t, 7)
    for i in range(h):
        for j in range(w):
            for k in range(c):
                source, target = x + (k * h + i) * row + j * n, y + (i * w + j) * c + k
                for e in range(n):
                    m[target + e * h * w * c] = m[source + e]


@Kernel
def by_phase(m, t):
    """y: the columns j of x in the order j % sw, then j // sw, so that a step of sw columns becomes a step of one"""
    x, c, h, row, sw, y, phase, n = unpack(t, 8)
    for k in range(c * h):
        for j in range(row // n):
            source, target = x + k * row + j * n, y + k * sw * phase + (j % sw) * phase + (j // sw) * n
            for e in range(n):
                m[target + e] = m[source + e]


@Kernel
def clear(m, t):
    """x = 0"""
    x, size = unpack(t, 2)
    for p in range(x, x + size):
        m[p] = zero(m)


# ---------------------------------------------------------------- convolution


def tile(outputs: int, *sizes: int) -> int:
    """Which of the sizes of a tile wastes least on so many outputs; of equals, the first

    >>> tile(16, 8, 6, 4), tile(6, 8, 6, 4), tile(84, 8, 6, 4)
    (8, 6, 6)
    """
    return min(sizes, key=lambda size: -(-outputs // size) * size)


@cache
def convolve(size: int) -> Kernel:
    """The kernel of a convolution that takes so many outputs at a time"""

    @Kernel
    def convolve(m, t):
        """y[o, i, p] = relu(b[o] + sum_cad x[c, first + i*sh + a, columns[d] + p] * w[o, c, a, d])

        where x has that row; for p below `run`. w's number lies at w + o*wo + c*wc + a*wa + d*wb.
        The image is `wide` columns, the first of them under tap `lead` of the first output: what lies outside is 0, and
        left out where a vector is one column.
        """
        (
            x,
            ci,
            h,
            row,
            w,
            wo,
            wc,
            wa,
            wb,
            kh,
            kw,
            b,
            active,
            y,
            co,
            rows,
            yrow,
            run,
            sh,
            first,
            lead,
            wide,
            columns,
            n,
        ) = unpack(t, 24)
        for i in range(rows):
            top = first + i * sh
            low, high = max(0, -top), min(kh, h - top)
            place, kernel = x + (top + low) * row, w + low * wa
            for o in range(0, co, size):
                for p in range(0, run, vector(m)):
                    start, end = 0, kw
                    if n % vector(m) == 0:
                        start, end = max(0, lead - p // n), min(kw, lead + wide - p // n)
                    seen = (ci, max(0, high - low), max(0, end - start))
                    multiply(
                        m, size, o, co - 1, place + p, (h * row, row), seen, table(columns + start),
                        kernel + start * wb, (wo, wc, wa, wb), b, y + i * yrow + p, rows * yrow, run - p, EACH, active,
                    )  # fmt: skip

    return convolve


@cache
def correlation(size: int, wide: int) -> Kernel:
    """The kernel of a convolution's dw that takes so many outputs and taps at a time"""

    @Kernel
    def correlation(m, t):
        """dw[a, b, c, o] += sum_ip x[c, first + i*sh + a, columns[b] + p] d[o, i, p], for p below `run`"""
        x, ci, h, row, d, co, rows, drow, run, sh, first, dw, kh, kw, columns = unpack(t, 15)
        for o in range(0, co, size):
            for c in range(ci):
                for a in range(kh):
                    i = max(0, -((first + a) // sh))
                    seen = max(0, min(rows, (h - 1 - first - a) // sh + 1) - i)
                    place = x + (c * h + first + i * sh + a) * row
                    for k in range(0, kw, wide):
                        correlate(
                            m, size, wide, o, co - 1, k, kw - 1, place, sh * row, table(columns),
                            d + i * drow, (rows * drow, drow), seen, run, dw + (a * kw * ci + c) * co, (1, ci * co),
                        )  # fmt: skip

    return correlation


@Kernel
def spread(m, t):
    """dx[c, first + i*sh + a, start + j*sw + b] += dy[o, i, j] w[a, b, c, o]: the transpose, at any stride"""
    dy, co, rows, drow, ow, w, kh, kw, sh, sw, first, start, dx, ci, h, row, wide, n = unpack(t, 18)
    for c in range(ci):
        for o in range(co):
            for i in range(rows):
                for a in range(max(0, -first - i * sh), min(kh, h - first - i * sh)):
                    for b in range(kw):
                        v = m[w + ((a * kw + b) * ci + c) * co + o]
                        for j in range(max(0, -((start + b) // sw)), min(ow, (wide - 1 - start - b) // sw + 1)):
                            target = dx + (c * h + first + i * sh + a) * row + (start + j * sw + b) * n
                            source = dy + (o * rows + i) * drow + j * n
                            for e in range(n):
                                m[target + e] += v * m[source + e]


@Kernel
def relu_db(m, t):
    """dy = dy where y > 0, in place (if `active`), and db[o] += its sum"""
    dy, drow, y, row, planes, rows, run, active, db = unpack(t, 9)
    for o in range(planes):
        total = zero(m)
        for i in range(o * rows, (o + 1) * rows):
            total += rectify(m, dy + i * drow, y + i * row, run, active)
        m[db + o] += total


# ---------------------------------------------------------------- pooling


@Kernel
def max_pool(m, t):
    """y = the largest of each window's cells inside x"""
    x, planes, h, row, w, kh, kw, sh, sw, top, left, y, rows, yrow, ow, n = unpack(t, 16)
    for c in range(planes):
        for i in range(rows):
            r0, r1 = max(0, i * sh - top), min(h, i * sh - top + kh)
            for j in range(ow):
                c0, c1 = max(0, j * sw - left), min(w, j * sw - left + kw)
                place, out = x + (c * h + r0) * row + c0 * n, y + (c * rows + i) * yrow + j * n
                for p in range(0, n, vector(m)):
                    largest(m, place + p, (row, n), (r1 - r0, c1 - c0), out + p, n - p)


@Kernel
def max_pool_dx(m, t):
    """dx += dy at the first maximum of each window, or at all of them; dx is 0 to begin with"""
    dy, drow, x, planes, h, row, w, y, rows, yrow, ow, kh, kw, sh, sw, top, left, first, dx, gradrow, n = unpack(t, 21)
    for c in range(planes):
        for i in range(rows):
            r0, r1 = max(0, i * sh - top), min(h, i * sh - top + kh)
            for j in range(ow):
                c0, c1 = max(0, j * sw - left), min(w, j * sw - left + kw)
                d, top_one = dy + (c * rows + i) * drow + j * n, y + (c * rows + i) * yrow + j * n
                place, out = x + (c * h + r0) * row + c0 * n, dx + (c * h + r0) * gradrow + c0 * n
                sizes = (r1 - r0, c1 - c0)
                for p in range(0, n, vector(m)):
                    to_largest(m, d + p, place + p, top_one + p, (row, n), sizes, first, out + p, (gradrow, n), n - p)


@Kernel
def avg_pool(m, t):
    """y = the mean of each window's cells inside x"""
    x, planes, h, row, w, kh, kw, sh, sw, top, left, y, rows, yrow, ow, n = unpack(t, 16)
    for c in range(planes):
        for i in range(rows):
            r0, r1 = max(0, i * sh - top), min(h, i * sh - top + kh)
            for j in range(ow):
                c0, c1 = max(0, j * sw - left), min(w, j * sw - left + kw)
                out = y + (c * rows + i) * yrow + j * n
                for e in range(n):
                    m[out + e] = zero(m)
                for a in range(r0, r1):
                    for b in range(c0, c1):
                        cell = x + (c * h + a) * row + b * n
                        for e in range(n):
                            m[out + e] += m[cell + e]
                for e in range(n):
                    m[out + e] /= (r1 - r0) * (c1 - c0)


@Kernel
def avg_pool_dx(m, t):
    """dx += dy / (number of the window's cells inside x); dx is 0 to begin with"""
    dy, planes, rows, drow, ow, kh, kw, sh, sw, top, left, dx, h, row, w, n = unpack(t, 16)
    for c in range(planes):
        for i in range(rows):
            r0, r1 = max(0, i * sh - top), min(h, i * sh - top + kh)
            for j in range(ow):
                c0, c1 = max(0, j * sw - left), min(w, j * sw - left + kw)
                d = dy + (c * rows + i) * drow + j * n
                for a in range(r0, r1):
                    for b in range(c0, c1):
                        out = dx + (c * h + a) * row + b * n
                        for e in range(n):
                            m[out + e] += m[d + e] / ((r1 - r0) * (c1 - c0))
