"""The kernels in NumPy: a convolution is computed as matrix products over strips of neighbouring outputs.

The usual method (im2col) copies one window for each output position, so neighbouring positions copy almost the same
numbers. Here one row of the matrix holds the input of a *strip*, J outputs side by side: kh rows of (J - 1) * sw + kw
columns. The kernel appears J times in a banded matrix, each time sw columns further to the right:

    x x x x x x      w w w . . .      J = 4 outputs, kw = 3, sw = 1: six input columns, a 6 x 4 band.
                     . w w w . .      There are more products, some of them with zero. But the copies
                     . . w w w .      are few and long, and the matrix product is wide enough for BLAS
                     . . . w w w      to be fast.

J = 1 is im2col; J = ow is the whole row (a Toeplitz matrix). Both gradients are the transposed products.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convlens.arrays import Array
from convlens.engines.padding import NO_PADS, framed, pad, put_inside
from convlens.engines.specs import Spec
from convlens.geometry import Pads, Pair

name = "numpy"
least_part = 32  # with fewer examples, NumPy's calls are so short that the threads wait for Python's lock

_WIDE = 32  # the fewest columns of a product for which BLAS is fast
_WIDER = 64  # the same if the product is added back into overlapping strips: wider strips overlap less
_BLOCK = 1 << 22  # bytes of gathered strips held at once


class _Strips(NamedTuple):
    """`number` strips of `width` outputs, the first one at output column `start`; each sees `span` input columns."""

    start: int
    number: int
    width: int
    span: int

    @property
    def columns(self) -> slice:
        """The output columns that the strips cover."""
        return slice(self.start, self.start + self.number * self.width)


def _strips(ow: int, kw: int, sw: int, co: int, wide: int = _WIDE) -> list[_Strips]:
    """Divide a row of ow outputs into strips of equal width; the rest of the row is one narrower strip."""
    wanted = min(-(-wide // co), 3 * kw)
    count = max(1, ow // wanted)
    width = -(-ow // count)
    pieces = [(0, ow // width, width), (ow - ow % width, 1, ow % width)]
    return [_Strips(s, c, j, (j - 1) * sw + kw) for s, c, j in pieces if j]


def _band(w: Array, strip: _Strips, sw: int) -> Array:
    """w (kh, kw, ci, co) -> banded matrix (kh * span * ci, width * co), with the kernel once for each output"""
    kh, kw, ci, co = w.shape
    band = np.zeros((kh, strip.span, ci, strip.width, co), w.dtype)
    for j in range(strip.width):
        band[:, j * sw : j * sw + kw, :, j] = w
    return band.reshape(kh * strip.span * ci, strip.width * co)


def _windows(xp: Array, rows: range, strip: _Strips, kh: int, stride: Pair, every: range | None = None) -> Array:
    """Return a view of xp (n, h, w, ci) as strips (n, rows, strips, kh, span, ci): all, or the strips in `every`."""
    every = every or range(strip.number)
    sh, sw = stride
    first = xp[:, rows.start * sh :, (strip.start + every.start * strip.width) * sw :]
    sn, srow, scol, sc = xp.strides
    shape = (len(xp), len(rows), len(every), kh, strip.span, xp.shape[3])
    return as_strided(first, shape, (sn, srow * sh, scol * sw * strip.width * every.step, srow, scol, sc))


def _blocks(n: int, oh: int, row_bytes: int) -> Iterator[tuple[slice, range]]:
    """Yield examples and output rows in blocks of at most _BLOCK bytes: whole examples, or rows of one example."""
    examples, rows = max(1, _BLOCK // (oh * row_bytes)), max(1, _BLOCK // row_bytes)
    for k in range(0, n, examples):
        for i in range(0, oh, rows):
            yield slice(k, k + examples), range(i, min(i + rows, oh))


def conv2d(x: Array, w: Array, b: Array, stride: Pair, y: Array, pads: Pads = NO_PADS) -> None:
    """y[n,i,j,o] = b[o] + sum_abc xp[n, i*sh+a, j*sw+b, c] * w[a,b,c,o], where xp is x with its frame"""
    xp = pad(x, pads)
    n, oh, ow, co = y.shape
    kh, kw = w.shape[:2]
    for strip in _strips(ow, kw, stride[1], co):
        band, bias = _band(w, strip, stride[1]), np.tile(b, strip.width)
        for examples, rows in _blocks(n, oh, strip.number * len(band) * xp.itemsize):
            cells = _windows(xp[examples], rows, strip, kh, stride).reshape(-1, len(band))
            out = y[examples, rows.start : rows.stop, strip.columns]
            if out.flags.c_contiguous:
                flat = np.matmul(cells, band, out=out.reshape(len(cells), -1))
                flat += bias
            else:
                out[...] = (cells @ band + bias).reshape(out.shape)


def conv2d_dx(dy: Array, w: Array, stride: Pair, dx: Array, pads: Pads = NO_PADS) -> None:
    """dxp[n, i*sh+a, j*sw+b, c] = the sum of dy[n,i,j,o] * w[a,b,c,o] over all windows that see that cell, and o"""
    dxp = framed(dx, pads)
    n, oh, ow, co = dy.shape
    kh, kw, ci, _ = w.shape
    dxp[...] = 0
    for strip in _strips(ow, kw, stride[1], co, _WIDER):
        band = _band(w, strip, stride[1])
        apart = -(-strip.span // (strip.width * stride[1]))  # strips at this distance do not overlap
        for examples, rows in _blocks(n, oh, strip.number * len(band) * dy.itemsize):
            dcells = dy[examples, rows.start : rows.stop, strip.columns].reshape(-1, strip.width * co)
            cells = (dcells @ band.T).reshape(-1, len(rows), strip.number, kh, strip.span, ci)
            for first in range(min(apart, strip.number)):
                target = _windows(dxp[examples], rows, strip, kh, stride, range(first, strip.number, apart))
                for a in range(kh):
                    target[:, :, :, a] += cells[:, :, first::apart, a]
    put_inside(dxp, pads, dx)


def conv2d_dw(dy: Array, x: Array, stride: Pair, dw: Array, pads: Pads = NO_PADS) -> None:
    """dw[a,b,c,o] = sum_nij xp[n, i*sh+a, j*sw+b, c] * dy[n,i,j,o], where xp is x with its frame"""
    xp = pad(x, pads)
    n, oh, ow, co = dy.shape
    kh, kw, ci, _ = dw.shape
    dw[...] = 0
    for strip in _strips(ow, kw, stride[1], co):
        size = kh * strip.span * ci
        for examples, rows in _blocks(n, oh, strip.number * size * xp.itemsize):
            cells = _windows(xp[examples], rows, strip, kh, stride).reshape(-1, size)
            dcells = dy[examples, rows.start : rows.stop, strip.columns].reshape(-1, strip.width * co)
            dband = (cells.T @ dcells).reshape(kh, strip.span, ci, strip.width, co)
            for j in range(strip.width):
                dw += dband[:, j * stride[1] : j * stride[1] + kw, :, j]


def _cells(xp: Array, y: Array, kernel: Pair, stride: Pair) -> Iterator[Array]:
    """Yield for each cell of the window, in row-major order, the view (n, oh, ow, c) of xp with that cell's numbers."""
    last_row, last_column = (y.shape[1] - 1) * stride[0], (y.shape[2] - 1) * stride[1]
    for a in range(kernel[0]):
        for b in range(kernel[1]):
            yield xp[:, a : a + last_row + 1 : stride[0], b : b + last_column + 1 : stride[1]]


def max_pool2d(xp: Array, kernel: Pair, stride: Pair, y: Array) -> None:
    """y[n,i,j,c] = max_b (max_a xp[n, i*sh+a, j*sw+b, c]): rows first, since a row is one long piece of memory"""
    rows = np.empty((len(y), y.shape[1], *xp.shape[2:]), y.dtype)
    for source, target, window in ((xp, rows, (kernel[0], 1)), (rows, y, (1, kernel[1]))):
        step = (stride[0], 1) if source is xp else (1, stride[1])
        first, *others = _cells(source, target, window, step)
        target[...] = first
        for cell in others:
            np.maximum(target, cell, out=target)


def max_pool2d_dx(dy: Array, xp: Array, y: Array, kernel: Pair, stride: Pair, ties: str, dxp: Array) -> None:
    """dxp += dy where xp equals the maximum y of its window: at the first such cell, or at all such cells"""
    dxp[...] = 0
    free = np.ones(y.shape, bool)
    bits = dy.view(f"i{dy.itemsize}")  # as integers, so that the product with 0 or 1 is exact, also for inf and NaN
    hit = np.empty(y.shape, bool)
    for cell, dcell in zip(_cells(xp, y, kernel, stride), _cells(dxp, y, kernel, stride), strict=True):
        np.equal(cell, y, out=hit)
        if ties == "first":
            hit &= free
            free ^= hit
        if kernel[0] <= stride[0] and kernel[1] <= stride[1]:  # no two windows share a cell
            np.multiply(bits, hit, out=dcell.view(bits.dtype))
        else:
            dcell += (bits * hit).view(dy.dtype)


def sum_pool2d(xp: Array, kernel: Pair, stride: Pair, y: Array) -> None:
    """y[n,i,j,c] = sum_ab xp[n, i*sh+a, j*sw+b, c]"""
    cells = _cells(xp, y, kernel, stride)
    y[...] = next(cells)
    for cell in cells:
        y += cell


def sum_pool2d_dx(dy: Array, kernel: Pair, stride: Pair, dxp: Array) -> None:
    """dxp[n, i*sh+a, j*sw+b, c] = the sum of dy[n,i,j,c] over all windows that see that cell"""
    dxp[...] = 0
    for dcell in _cells(dxp, dy, kernel, stride):
        dcell += dy


def adam(w: Array, m: Array, v: Array, g: Array, rate: float, beta_1: float, beta_2: float, epsilon: float) -> None:
    """m += (1 - beta_1)(g - m);  v += (1 - beta_2)(g² - v);  w -= rate m / (sqrt(v) + epsilon)"""
    spare = g - m
    spare *= 1 - beta_1
    m += spare
    np.multiply(g, g, out=spare)
    spare -= v
    spare *= 1 - beta_2
    v += spare
    np.sqrt(v, out=spare)
    spare += epsilon
    np.divide(m, spare, out=spare)
    spare *= rate
    w -= spare


def fused_pass(specs: Sequence[Spec], flat: Array, state: Array) -> str:
    """Return "": a pass of this engine goes layer by layer."""
    return ""
