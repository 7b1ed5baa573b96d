"""Compiled kernels over lanes: up to 16 examples side by side, so that every vector holds one pixel of each of them.

A block of n examples is (c, h, w * n): planes of rows, and in a row, column by column, that pixel of each of the n.
With n = 16 a column of float32 is a cache line and a vector register, and a step to the right is a step of n: no
vector ever starts off the grid. It is the layout of cuda-convnet (Krizhevsky 2012). A row may begin with a frame of
`left` numbers and end with one: zeros that a convolution takes for padding; rows above and below are left out instead.

The kernels run without Python's lock. Sums may be reordered and contracted; NaN stays NaN. Slices are taken in a
straight line before the loop that uses them, or each would cost an atomic count of references.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import njit

from convlens.engines.numba_tiles import BYTES, correlate, largest, multiply, to_largest

LANES = 16

compiled: Any = njit(
    cache=True, nogil=True, boundscheck=False, error_model="numpy", fastmath={"reassoc", "contract", "nsz"}
)


@compiled
def to_lanes(x, first, n, y, left):
    """x[first : first + n] (n, h, w, c) -> y (c, h, w * n)"""
    _, h, w, c = x.shape
    for i in range(h):
        for j in range(w):
            for k in range(c):
                row = y[k, i, left + j * n :]
                for e in range(n):
                    row[e] = x[first + e, i, j, k]


@compiled
def from_lanes(x, left, n, y, first):
    """x (c, h, w * n) -> y[first : first + n] (n, h, w, c)"""
    _, h, w, c = y.shape
    for i in range(h):
        for j in range(w):
            for k in range(c):
                row = x[k, i, left + j * n :]
                for e in range(n):
                    y[first + e, i, j, k] = row[e]


@compiled
def by_phase(x, sw, y, n):
    """The columns j of x in the order j % sw, then j // sw: a step of sw columns becomes a step of one"""
    c, h, run = x.shape
    phase = y.shape[2] // sw
    for k in range(c):
        for i in range(h):
            for j in range(run // n):
                source = x[k, i, j * n :]
                target = y[k, i, (j % sw) * phase + (j // sw) * n :]
                for e in range(n):
                    target[e] = source[e]


# ---------------------------------------------------------------- convolution


def group(outputs: int, sizes: tuple[int, ...]) -> int:
    """Which of the sizes of a tile wastes least on so many outputs; of equals, the first

    >>> group(16, (8, 6, 4)), group(6, (8, 6, 4)), group(84, (8, 6, 4))
    (8, 6, 6)
    """
    return min(sizes, key=lambda size: -(-outputs // size) * size)


@cache
def convolve(O: int) -> Any:
    """The kernel of a convolution that takes O outputs at a time"""

    @compiled
    def convolve(x, columns, w, wat, wsteps, kh, b, active, y, left, run, co, sh, first):
        """y[o, i, left + p] = b[o] + sum_cad x[c, first + i * sh + a, columns[d] + p] * w[o, c, a, d], then ReLU

        where x has that row; for o below co and p below `run`. w's number is found at wat + the steps of o, c, a and d.
        """
        ci, h, row = x.shape
        for i in range(y.shape[1]):
            top = first + i * sh
            low, high = max(0, -top), min(kh, h - top)
            sizes = (ci, max(0, high - low), columns.size)
            for o in range(0, co, O):
                for p in range(0, run, BYTES // x.itemsize):
                    multiply(
                        O,
                        (o, co - 1),
                        x,
                        (top + low) * row + p,
                        (h * row, row),
                        sizes,
                        columns,
                        w,
                        wat + low * wsteps[2],
                        wsteps,
                        b,
                        y,
                        i * y.shape[2] + left + p,
                        y.shape[1] * y.shape[2],
                        run - p,
                        False,
                        active,
                    )

    return convolve


@cache
def correlation(O: int, K: int) -> Any:
    """The kernel of a convolution's dw that takes O outputs and K taps at a time"""

    @compiled
    def correlation(x, columns, d, left, run, sh, first, dw):
        """dw[a, b, c, o] += sum_ip x[c, first + i * sh + a, columns[b] + p] d[o, i, left + p], p below `run`"""
        kh, kw, ci, co = dw.shape
        h, row, rows, drow = x.shape[1], x.shape[2], d.shape[1], d.shape[2]
        for o in range(0, co, O):
            for c in range(ci):
                for a in range(kh):
                    i = max(0, -((first + a) // sh))
                    end = min(rows, (h - 1 - first - a) // sh + 1)
                    for k in range(0, kw, K):
                        correlate(
                            O,
                            K,
                            (o, co - 1),
                            x,
                            (c * h + first + i * sh + a) * row,
                            sh * row,
                            columns,
                            (k, kw - 1),
                            d,
                            left + i * drow,
                            (rows * drow, drow),
                            max(0, end - i),
                            run,
                            dw,
                            (a * kw * ci + c) * co,
                            (1, ci * co),
                        )

    return correlation


@compiled
def fill(y, v):
    """y = v"""
    flat = y.reshape(y.size)
    for p in range(flat.size):
        flat[p] = v


@compiled
def spread(dy, dleft, ow, w, sh, sw, first, start, dx, gleft, wide, n):
    """dx[c, first + i sh + a, start + j sw + b] += dy[o, i, j] w[a, b, c, o]: the transpose, at any stride"""
    kh, kw, ci, co = w.shape
    h = dx.shape[1]
    for c in range(ci):
        for o in range(co):
            for i in range(dy.shape[1]):
                for a in range(max(0, -first - i * sh), min(kh, h - first - i * sh)):
                    for b in range(kw):
                        v = w[a, b, c, o]
                        for j in range(max(0, -((start + b) // sw)), min(ow, (wide - 1 - start - b) // sw + 1)):
                            target = dx[c, first + i * sh + a, gleft + (start + j * sw + b) * n :]
                            source = dy[o, i, dleft + j * n :]
                            for e in range(n):
                                target[e] += v * source[e]


# ---------------------------------------------------------------- pointwise


@compiled
def relu_db(dy, dleft, y, left, run, active, db):
    """dy = dy where y > 0, in place (if `active`), and db[o] += its sum"""
    zero = y.dtype.type(0)
    for o in range(y.shape[0]):
        total = zero
        for i in range(y.shape[1]):
            d = dy[o, i, dleft:]
            if active:
                r = y[o, i, left:]
                for p in range(run):
                    d[p] = d[p] if r[p] > 0 else zero
            for p in range(run):
                total += d[p]
        db[o] += total


# ---------------------------------------------------------------- pooling


@compiled
def max_pool(x, xleft, w, kh, kw, sh, sw, top, left, y, yleft, ow, n):
    """y = the largest of each window's cells inside x"""
    _, h, row = x.shape
    for c in range(x.shape[0]):
        for i in range(y.shape[1]):
            r0, r1 = max(0, i * sh - top), min(h, i * sh - top + kh)
            for j in range(ow):
                c0, c1 = max(0, j * sw - left), min(w, j * sw - left + kw)
                at, out = (c * h + r0) * row + xleft + c0 * n, (c * y.shape[1] + i) * y.shape[2] + yleft + j * n
                for p in range(0, n, BYTES // x.itemsize):
                    largest(x, at + p, (row, n), (r1 - r0, c1 - c0), y, out + p, n - p)


@compiled
def max_pool_dx(dy, dleft, x, xleft, w, y, yleft, kh, kw, sh, sw, top, left, first, dx, gleft, ow, n):
    """dx += dy at the first maximum of each window, or at all of them; dx is 0 to begin with"""
    _, h, row = x.shape
    grow = dx.shape[2]
    for c in range(x.shape[0]):
        for i in range(y.shape[1]):
            r0, r1 = max(0, i * sh - top), min(h, i * sh - top + kh)
            for j in range(ow):
                c0, c1 = max(0, j * sw - left), min(w, j * sw - left + kw)
                at, out = (c * h + r0) * row + xleft + c0 * n, (c * h + r0) * grow + gleft + c0 * n
                here = c * y.shape[1] + i
                d, m = here * dy.shape[2] + dleft + j * n, here * y.shape[2] + yleft + j * n
                for p in range(0, n, BYTES // x.itemsize):
                    to_largest(
                        dy,
                        d + p,
                        x,
                        at + p,
                        y,
                        m + p,
                        (row, n),
                        (r1 - r0, c1 - c0),
                        first,
                        dx,
                        out + p,
                        (grow, n),
                        n - p,
                    )


@compiled
def avg_pool(x, xleft, w, kh, kw, sh, sw, top, left, y, yleft, ow, n):
    """y = the mean of each window's cells inside x"""
    h = x.shape[1]
    for c in range(x.shape[0]):
        for i in range(y.shape[1]):
            r0, r1 = max(0, i * sh - top), min(h, i * sh - top + kh)
            for j in range(ow):
                c0, c1 = max(0, j * sw - left), min(w, j * sw - left + kw)
                out = y[c, i, yleft + j * n :]
                share = x.dtype.type(1) / x.dtype.type((r1 - r0) * (c1 - c0))
                for e in range(n):
                    out[e] = 0
                for a in range(r0, r1):
                    for b in range(c0, c1):
                        cell = x[c, a, xleft + b * n :]
                        for e in range(n):
                            out[e] += cell[e]
                for e in range(n):
                    out[e] *= share


@compiled
def avg_pool_dx(dy, dleft, w, kh, kw, sh, sw, top, left, dx, gleft, ow, n):
    """dx += dy / (number of the window's cells inside x); dx is 0 to begin with"""
    h = dx.shape[1]
    for c in range(dx.shape[0]):
        for i in range(dy.shape[1]):
            r0, r1 = max(0, i * sh - top), min(h, i * sh - top + kh)
            for j in range(ow):
                c0, c1 = max(0, j * sw - left), min(w, j * sw - left + kw)
                d = dy[c, i, dleft + j * n :]
                share = dy.dtype.type(1) / dy.dtype.type((r1 - r0) * (c1 - c0))
                for a in range(r0, r1):
                    for b in range(c0, c1):
                        out = dx[c, a, gleft + b * n :]
                        for e in range(n):
                            out[e] += d[e] * share
