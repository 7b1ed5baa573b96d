"""Compiled kernels over lanes: up to 16 examples side by side, so that every inner loop runs over them.

A block of n examples is (c, h, w * n): planes of rows, and in a row, column by column, that pixel of each of the n.
With n = 16 a column of float32 is a cache line and a vector register, and a step to the right is a step of n: no
vector ever starts off the grid. It is the layout of cuda-convnet (Krizhevsky 2012). A row may begin with a frame of
`left` columns and end with one: zeros that a convolution takes for padding; rows above and below are left out instead.
Planes come in pairs; an odd number of them has one more, of no meaning.

The kernels run without Python's lock. Sums may be reordered and contracted; NaN stays NaN. Slices are taken in a
straight line before the loop that uses them, or each would cost an atomic count of references.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

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
                row = y[k, i, (left + j) * n :]
                for e in range(n):
                    row[e] = x[first + e, i, j, k]


@compiled
def from_lanes(x, left, n, y, first):
    """x (c, h, w * n) -> y[first : first + n] (n, h, w, c)"""
    _, h, w, c = y.shape
    for i in range(h):
        for j in range(w):
            for k in range(c):
                row = x[k, i, (left + j) * n :]
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


@compiled
def pack(w, y, flip):
    """w (kh, kw, ci, co) -> y (co, ci, kh, kw); to go back, flipped and with ci for co: y (ci, co, kh, kw)"""
    kh, kw, ci, co = w.shape
    for a in range(kh):
        for b in range(kw):
            for c in range(ci):
                for o in range(co):
                    if flip:
                        y[c, o, kh - 1 - a, kw - 1 - b] = w[a, b, c, o]
                    else:
                        y[o, c, a, b] = w[a, b, c, o]


@compiled
def fill(y, b, left, run, n):
    """y[o] = b[o], and 0 in a last plane without meaning; without the frame"""
    for o in range(y.shape[0]):
        v = b[o] if o < b.size else b[0] * 0
        for i in range(y.shape[1]):
            row = y[o, i, left * n :]
            for p in range(run):
                row[p] = v


@compiled
def taps5(x, w, at, k, y, left, run, sh, first, n):
    """y[o, i, j] += sum_cab x[c, first + i * sh + a, at[b] + j] w[o, c, a, b] for b = k … k + 4, where x has that row

    x (ci, h, …), w (co, ci, kh, kw) with co even, y (co, oh, …) from column `left` on, `run` numbers of each row. A
    number that is loaded is used for five taps and two outputs.
    """
    h, kh = x.shape[1], w.shape[2]
    for i in range(y.shape[1]):
        top = first + i * sh
        low, high = max(0, -top), min(kh, h - top)
        for o in range(0, w.shape[0], 2):
            y0 = y[o, i, left * n :]
            y1 = y[o + 1, i, left * n :]
            for c in range(w.shape[1]):
                for a in range(low, high):
                    r = x[c, top + a]
                    x0 = r[at[k] :]
                    x1 = r[at[k + 1] :]
                    x2 = r[at[k + 2] :]
                    x3 = r[at[k + 3] :]
                    x4 = r[at[k + 4] :]
                    p0 = w[o, c, a, k]
                    p1 = w[o, c, a, k + 1]
                    p2 = w[o, c, a, k + 2]
                    p3 = w[o, c, a, k + 3]
                    p4 = w[o, c, a, k + 4]
                    q0 = w[o + 1, c, a, k]
                    q1 = w[o + 1, c, a, k + 1]
                    q2 = w[o + 1, c, a, k + 2]
                    q3 = w[o + 1, c, a, k + 3]
                    q4 = w[o + 1, c, a, k + 4]
                    for p in range(run):
                        y0[p] += p0 * x0[p] + p1 * x1[p] + p2 * x2[p] + p3 * x3[p] + p4 * x4[p]
                        y1[p] += q0 * x0[p] + q1 * x1[p] + q2 * x2[p] + q3 * x3[p] + q4 * x4[p]


@compiled
def taps3(x, w, at, k, y, left, run, sh, first, n):
    """The same for b = k … k + 2"""
    h, kh = x.shape[1], w.shape[2]
    for i in range(y.shape[1]):
        top = first + i * sh
        low, high = max(0, -top), min(kh, h - top)
        for o in range(0, w.shape[0], 2):
            y0 = y[o, i, left * n :]
            y1 = y[o + 1, i, left * n :]
            for c in range(w.shape[1]):
                for a in range(low, high):
                    r = x[c, top + a]
                    x0 = r[at[k] :]
                    x1 = r[at[k + 1] :]
                    x2 = r[at[k + 2] :]
                    p0 = w[o, c, a, k]
                    p1 = w[o, c, a, k + 1]
                    p2 = w[o, c, a, k + 2]
                    q0 = w[o + 1, c, a, k]
                    q1 = w[o + 1, c, a, k + 1]
                    q2 = w[o + 1, c, a, k + 2]
                    for p in range(run):
                        y0[p] += p0 * x0[p] + p1 * x1[p] + p2 * x2[p]
                        y1[p] += q0 * x0[p] + q1 * x1[p] + q2 * x2[p]


@compiled
def taps1(x, w, at, k, y, left, run, sh, first, n):
    """The same for b = k"""
    h, kh = x.shape[1], w.shape[2]
    for i in range(y.shape[1]):
        top = first + i * sh
        low, high = max(0, -top), min(kh, h - top)
        for o in range(0, w.shape[0], 2):
            y0 = y[o, i, left * n :]
            y1 = y[o + 1, i, left * n :]
            for c in range(w.shape[1]):
                for a in range(low, high):
                    x0 = x[c, top + a, at[k] :]
                    p0 = w[o, c, a, k]
                    q0 = w[o + 1, c, a, k]
                    for p in range(run):
                        y0[p] += p0 * x0[p]
                        y1[p] += q0 * x0[p]


@compiled
def dots5(x, at, k, dy, left, run, sh, first, dw, n):
    """dw[a, b, c, o] += sum_ij x[c, first + i * sh + a, at[b] + j] dy[o, i, j] for b = k … k + 4"""
    kh, _, ci, co = dw.shape
    h = x.shape[1]
    zero = x.dtype.type(0)
    for o in range(0, co, 2):
        for c in range(ci):
            for a in range(kh):
                s0, s1, s2, s3, s4 = zero, zero, zero, zero, zero
                t0, t1, t2, t3, t4 = zero, zero, zero, zero, zero
                for i in range(max(0, -((first + a) // sh)), min(dy.shape[1], (h - 1 - first - a) // sh + 1)):
                    r = x[c, first + i * sh + a]
                    x0 = r[at[k] :]
                    x1 = r[at[k + 1] :]
                    x2 = r[at[k + 2] :]
                    x3 = r[at[k + 3] :]
                    x4 = r[at[k + 4] :]
                    d0 = dy[o, i, left * n :]
                    d1 = dy[o + 1, i, left * n :]
                    for p in range(run):
                        s0 += d0[p] * x0[p]
                        s1 += d0[p] * x1[p]
                        s2 += d0[p] * x2[p]
                        s3 += d0[p] * x3[p]
                        s4 += d0[p] * x4[p]
                        t0 += d1[p] * x0[p]
                        t1 += d1[p] * x1[p]
                        t2 += d1[p] * x2[p]
                        t3 += d1[p] * x3[p]
                        t4 += d1[p] * x4[p]
                dw[a, k, c, o] += s0
                dw[a, k + 1, c, o] += s1
                dw[a, k + 2, c, o] += s2
                dw[a, k + 3, c, o] += s3
                dw[a, k + 4, c, o] += s4
                if o + 1 < co:
                    dw[a, k, c, o + 1] += t0
                    dw[a, k + 1, c, o + 1] += t1
                    dw[a, k + 2, c, o + 1] += t2
                    dw[a, k + 3, c, o + 1] += t3
                    dw[a, k + 4, c, o + 1] += t4


@compiled
def dots1(x, at, k, dy, left, run, sh, first, dw, n):
    """The same for b = k"""
    kh, _, ci, co = dw.shape
    h = x.shape[1]
    zero = x.dtype.type(0)
    for o in range(0, co, 2):
        for c in range(ci):
            for a in range(kh):
                s0, t0 = zero, zero
                for i in range(max(0, -((first + a) // sh)), min(dy.shape[1], (h - 1 - first - a) // sh + 1)):
                    x0 = x[c, first + i * sh + a, at[k] :]
                    d0 = dy[o, i, left * n :]
                    d1 = dy[o + 1, i, left * n :]
                    for p in range(run):
                        s0 += d0[p] * x0[p]
                        t0 += d1[p] * x0[p]
                dw[a, k, c, o] += s0
                if o + 1 < co:
                    dw[a, k, c, o + 1] += t0


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
                            target = dx[c, first + i * sh + a, (gleft + start + j * sw + b) * n :]
                            source = dy[o, i, (dleft + j) * n :]
                            for e in range(n):
                                target[e] += v * source[e]


# ---------------------------------------------------------------- pointwise


@compiled
def relu(y, planes, left, run, n):
    """y = max(y, 0) without the frame; NaN stays NaN"""
    zero = y.dtype.type(0)
    for o in range(planes):
        for i in range(y.shape[1]):
            row = y[o, i, left * n :]
            for p in range(run):
                row[p] = zero if row[p] < 0 else row[p]


@compiled
def relu_db(dy, dleft, y, left, run, planes, active, db, n):
    """dy = dy where y > 0, in place (if `active`), and db[o] += its sum"""
    zero = y.dtype.type(0)
    for o in range(planes):
        total = zero
        for i in range(y.shape[1]):
            d = dy[o, i, dleft * n :]
            if active:
                r = y[o, i, left * n :]
                for p in range(run):
                    d[p] = d[p] if r[p] > 0 else zero
            for p in range(run):
                total += d[p]
        db[o] += total


# ---------------------------------------------------------------- pooling


@compiled
def max_pool(x, xleft, w, kh, kw, sh, sw, top, left, y, yleft, ow, planes, n):
    """y = the largest of each window's cells inside x"""
    h = x.shape[1]
    for c in range(planes):
        for i in range(y.shape[1]):
            r0, r1 = max(0, i * sh - top), min(h, i * sh - top + kh)
            for j in range(ow):
                c0, c1 = max(0, j * sw - left), min(w, j * sw - left + kw)
                out = y[c, i, (yleft + j) * n :]
                cell = x[c, r0, (xleft + c0) * n :]
                for e in range(n):
                    out[e] = cell[e]
                for a in range(r0, r1):
                    for b in range(c0, c1):
                        cell = x[c, a, (xleft + b) * n :]
                        for e in range(n):
                            v = cell[e]
                            out[e] = out[e] if (out[e] >= v or out[e] != out[e]) else v


@compiled
def max_pool_dx(dy, dleft, x, xleft, w, y, yleft, kh, kw, sh, sw, top, left, first, dx, gleft, ow, planes, n):
    """dx += dy at the first maximum of each window, or at all of them; dx is 0 to begin with"""
    h = x.shape[1]
    zero = x.dtype.type(0)
    one = x.dtype.type(1)
    free = np.empty(n, x.dtype)
    for c in range(planes):
        for i in range(y.shape[1]):
            r0, r1 = max(0, i * sh - top), min(h, i * sh - top + kh)
            for j in range(ow):
                c0, c1 = max(0, j * sw - left), min(w, j * sw - left + kw)
                m = y[c, i, (yleft + j) * n :]
                d = dy[c, i, (dleft + j) * n :]
                for e in range(n):
                    free[e] = one
                for a in range(r0, r1):
                    for b in range(c0, c1):
                        cell = x[c, a, (xleft + b) * n :]
                        out = dx[c, a, (gleft + b) * n :]
                        if first:
                            for e in range(n):
                                hit = free[e] if cell[e] == m[e] else zero
                                free[e] -= hit
                                out[e] += d[e] if hit > 0 else zero
                        else:
                            for e in range(n):
                                out[e] += d[e] if cell[e] == m[e] else zero


@compiled
def avg_pool(x, xleft, w, kh, kw, sh, sw, top, left, y, yleft, ow, planes, n):
    """y = the mean of each window's cells inside x"""
    h = x.shape[1]
    for c in range(planes):
        for i in range(y.shape[1]):
            r0, r1 = max(0, i * sh - top), min(h, i * sh - top + kh)
            for j in range(ow):
                c0, c1 = max(0, j * sw - left), min(w, j * sw - left + kw)
                out = y[c, i, (yleft + j) * n :]
                share = x.dtype.type(1) / x.dtype.type((r1 - r0) * (c1 - c0))
                for e in range(n):
                    out[e] = 0
                for a in range(r0, r1):
                    for b in range(c0, c1):
                        cell = x[c, a, (xleft + b) * n :]
                        for e in range(n):
                            out[e] += cell[e]
                for e in range(n):
                    out[e] *= share


@compiled
def avg_pool_dx(dy, dleft, w, kh, kw, sh, sw, top, left, dx, gleft, ow, planes, n):
    """dx += dy / (number of the window's cells inside x); dx is 0 to begin with"""
    h = dx.shape[1]
    for c in range(planes):
        for i in range(dy.shape[1]):
            r0, r1 = max(0, i * sh - top), min(h, i * sh - top + kh)
            for j in range(ow):
                c0, c1 = max(0, j * sw - left), min(w, j * sw - left + kw)
                d = dy[c, i, (dleft + j) * n :]
                share = dy.dtype.type(1) / dy.dtype.type((r1 - r0) * (c1 - c0))
                for a in range(r0, r1):
                    for b in range(c0, c1):
                        out = dx[c, a, (gleft + b) * n :]
                        for e in range(n):
                            out[e] += d[e] * share
