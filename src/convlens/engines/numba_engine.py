"""The kernels compiled by Numba: channels side by side in vector registers, and in a network's own passes examples.

One operation alone runs on the arrays as they lie (`convlens.engines.numba_direct`); a network's passes on blocks of 16
examples (`convlens.engines.numba_lanes`). A kernel compiles at its first use on a machine, a few seconds for all of
them together, and is kept in a cache. The work is cut by the shapes alone, and threads share the pieces: so the bits do
not depend on the number of threads.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from convlens.engines import Array
from convlens.engines import numba_dense as dense
from convlens.engines import numba_direct as direct
from convlens.engines.numba_lanes import LANES, tile
from convlens.engines.numba_program import Program
from convlens.engines.numba_tape import Call, Tape
from convlens.engines.numba_tiles import BYTES
from convlens.engines.steps import Step
from convlens.geometry import Pair
from convlens.memory import aligned
from convlens.threads import Workers, usable_threads

name = "numba"
part = LANES

_PIECE = 4_000_000  # multiplications and additions worth a piece of their own
_PIECES = 8
_LONG, _SHORT = (14, 12, 10, 8), (7, 10, 8, 5)  # sums at a time: many are best where each is long


def _pieces(examples: int, operations: float) -> int:
    return int(max(1, min(_PIECES, examples, operations // _PIECE)))


def _share(examples: int, operations: float, work: Callable[[int, int, int], list[Call]], kind: Array) -> None:
    """Run the calls work(piece, first, n) for each piece of the examples, on several threads"""
    pieces = _pieces(examples, operations)

    def piece(k: int) -> None:
        first, end = k * examples // pieces, (k + 1) * examples // pieces
        Tape(work(k, first, end - first), kind.dtype).run()

    _crew().map(piece, pieces)


@cache
def _crew() -> Workers:
    """The threads that share a single operation; there from the first one on"""
    return Workers(usable_threads())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_crew.cache_clear)  # threads do not come along


def _c(x: Array) -> Array:
    return np.ascontiguousarray(x)


def _give(out: Array, y: Array) -> None:
    if out is not y:
        y[...] = out


def _sizes(x: Array, stride: Pair) -> tuple[int, int, int, int]:
    """The length of an example and of a row of x (n, h, w, c), and how far a window moves down and to the right"""
    _, h, w, c = x.shape
    return h * w * c, w * c, stride[0] * w * c, stride[1] * c


def conv2d(xp: Array, w: Array, b: Array, stride: Pair, y: Array) -> None:
    """y[n,i,j,o] = b[o] + sum_abc xp[n, i*sh+a, j*sw+b, c] * w[a,b,c,o]"""
    x, out = _c(xp), _c(y)
    (sh, sw), (n, oh, ow, co), (kh, kw, ci, _) = stride, y.shape, w.shape
    width = direct.best_width(ow, kw, sw, co, BYTES // w.itemsize)
    run, columns = (kw + (width - 1) * sw) * ci, width * co
    packed = direct.panels(direct.band(w, width, sw).reshape(-1, columns))
    places, bias = direct.steps(run, packed.shape[2]), np.tile(b, width)
    kernel = direct.forward(tile(ow // width, *(_LONG if kh * run >= 128 else _SHORT)))

    def piece(_: int, first: int, n: int) -> list[Call]:
        source = (x[first:], *_sizes(x, (sh, width * sw)), n)
        return [(kernel, (*source, oh, ow // width, columns, packed, kh, run, places, bias, out[first:]))]

    _share(n, 2.0 * y.size * kh * kw * ci, piece, y)
    _give(out, y)


def conv2d_dx(dy: Array, w: Array, stride: Pair, dxp: Array) -> None:
    """dxp[n, i*sh+a, j*sw+b, c] = the sum of dy[n,i,j,o] * w[a,b,c,o] over all windows that see that cell, and o"""
    (kh, kw, ci, co), (n, oh, ow, _) = w.shape, dy.shape
    if stride == (1, 1):  # a convolution of dy in a frame, with the kernel turned round
        framed = np.zeros((n, oh + 2 * kh - 2, ow + 2 * kw - 2, co), dy.dtype)
        framed[:, kh - 1 : kh - 1 + oh, kw - 1 : kw - 1 + ow] = dy
        return conv2d(framed, w[::-1, ::-1].swapaxes(2, 3), np.zeros(ci, dy.dtype), stride, dxp)
    dy, out = _c(dy), _c(dxp)
    packed = np.stack([direct.panels(row.reshape(-1, co).T) for row in w])
    columns = direct.steps(co, packed.shape[3])
    out[...] = 0

    def piece(_: int, first: int, n: int) -> list[Call]:
        source = (dy[first:], n, oh, ow, co, packed, kh, kw * ci, columns)
        return [(direct.dx(tile(n, 8, 4, 1)), (*source, out[first:], *_sizes(out, stride)))]

    _share(len(dy), 2.0 * dy.size * kh * kw * ci, piece, dy)
    _give(out, dxp)


def conv2d_dw(dy: Array, xp: Array, stride: Pair, dw: Array) -> None:
    """dw[a,b,c,o] = sum_nij xp[n, i*sh+a, j*sw+b, c] * dy[n,i,j,o]"""
    dy, x = _c(dy), _c(xp)
    (sh, sw), (n, oh, ow, _), (kh, kw, ci, co) = stride, dy.shape, dw.shape
    width = direct.best_width(ow, kw, sw, co, BYTES // dw.itemsize)
    run, columns = (kw + (width - 1) * sw) * ci, width * co
    operations = 2.0 * dy.size * kh * kw * ci
    sums = np.zeros((_pieces(n, operations), kh, run // ci, ci, width, co), dw.dtype)
    wide = BYTES // dw.itemsize
    places = direct.steps(ow // width, wide)
    kernel = direct.dw(tile(run, *_LONG, 11, 5))

    def piece(k: int, first: int, n: int) -> list[Call]:
        source = (x[first:], *_sizes(x, (sh, width * sw)), dy[first:], n)
        panel = aligned(oh * ow // width * wide, dw.dtype)
        return [(kernel, (*source, oh, ow // width, columns, places, kh, run, panel, sums[k]))]

    _share(n, operations, piece, dy)
    total = sums.sum(axis=0)
    dw[...] = sum(total[:, j * sw : j * sw + kw, :, j] for j in range(width))


def _unrolled(kernel: Pair) -> int:
    return kernel[0] if kernel in ((2, 2), (3, 3)) else 0


def _pool(kernel: Pair, y: Array, n: int) -> tuple[int, ...]:
    return (n, *y.shape[1:], *kernel)


def max_pool2d(xp: Array, kernel: Pair, stride: Pair, y: Array) -> None:
    """y[n,i,j,c] = max_ab xp[n, i*sh+a, j*sw+b, c]"""
    x, out = _c(xp), _c(y)

    def piece(_: int, first: int, n: int) -> list[Call]:
        return [
            (direct.max_pool(_unrolled(kernel)), (x[first:], *_sizes(x, stride), *_pool(kernel, y, n), out[first:]))
        ]

    _share(len(x), 2.0 * y.size * kernel[0] * kernel[1], piece, y)
    _give(out, y)


def max_pool2d_dx(dy: Array, xp: Array, y: Array, kernel: Pair, stride: Pair, ties: str, dxp: Array) -> None:
    """dxp += dy where xp equals the maximum y of its window: at the first such cell, or at all of them"""
    dy, x, y, out = _c(dy), _c(xp), _c(y), _c(dxp)

    def piece(_: int, first: int, n: int) -> list[Call]:
        seen = (x[first:], *_sizes(x, stride), *_pool(kernel, y, n), y[first:])
        return [(direct.max_pool_dx(_unrolled(kernel)), (*seen, dy[first:], out[first:], ties == "first"))]

    _share(len(dy), 6.0 * y.size * kernel[0] * kernel[1], piece, dy)
    _give(out, dxp)


def sum_pool2d(xp: Array, kernel: Pair, stride: Pair, y: Array) -> None:
    """y[n,i,j,c] = sum_ab xp[n, i*sh+a, j*sw+b, c]"""
    x, out = _c(xp), _c(y)

    def piece(_: int, first: int, n: int) -> list[Call]:
        return [(direct.sum_pool, (x[first:], *_sizes(x, stride), *_pool(kernel, y, n), out[first:]))]

    _share(len(x), 2.0 * y.size * kernel[0] * kernel[1], piece, y)
    _give(out, y)


def sum_pool2d_dx(dy: Array, kernel: Pair, stride: Pair, dxp: Array) -> None:
    """dxp[n, i*sh+a, j*sw+b, c] = the sum of dy[n,i,j,c] over all windows that see that cell"""
    dy, out = _c(dy), _c(dxp)

    def piece(_: int, first: int, n: int) -> list[Call]:
        return [(direct.sum_pool_dx, (out[first:], *_sizes(out, stride), *_pool(kernel, dy, n), dy[first:]))]

    _share(len(dy), 4.0 * dy.size * kernel[0] * kernel[1], piece, dy)
    _give(out, dxp)


def adam(w: Array, m: Array, v: Array, g: Array, rate: float, beta_1: float, beta_2: float, epsilon: float) -> None:
    """m += (1 - beta_1)(g - m);  v += (1 - beta_2)(g² - v);  w -= rate m / (sqrt(v) + epsilon)"""
    number = w.dtype.type
    dense.adam(w, m, v, g, number(rate), number(1 - beta_1), number(1 - beta_2), number(epsilon))


def _blocks(examples: int) -> list[tuple[int, int]]:
    """(first, n) of each block of at most LANES examples"""
    return [(first, min(LANES, examples - first)) for first in range(0, examples, LANES)]


class Network:
    """A network's whole pass in lanes. The weights are read from `flat` at each call; any thread may call."""

    def __init__(self, steps: Sequence[Step], flat: Array) -> None:
        self._steps, self._flat = tuple(steps), flat
        self._own = threading.local()

    def _program(self, n: int) -> tuple[Program, Array]:
        """This thread's program for blocks of n examples, and the gradient that all its programs add to"""
        own = self._own.__dict__
        if not own:
            own["gradient"] = aligned(self._flat.size, self._flat.dtype)
            own["programs"] = {}
        if n not in own["programs"]:
            own["programs"][n] = Program(self._steps, self._flat, own["gradient"], n)
        return own["programs"][n], own["gradient"]

    def forward(self, x: Array) -> Array:
        """x (n, h, w, c) -> logits (n, classes)"""
        x = _c(x)
        logits = []
        for first, n in _blocks(len(x)):
            program, _ = self._program(n)
            program.forward(x[first:])
            logits.append(program.logits.T.copy())
        return np.concatenate(logits)

    def loss_gradient(self, x: Array, labels: Array, weight: float, gradient: Array) -> tuple[Array, Array]:
        """x, labels (n,) -> loss (n,), logits (n, classes); the gradient of weight * sum(loss) is written"""
        x, labels = _c(x), np.ascontiguousarray(labels, np.int64)
        losses = np.empty(len(x), x.dtype)
        logits = np.empty((len(x), self._steps[-1].units), x.dtype)  # type: ignore[union-attr]
        for first, n in _blocks(len(x)):
            program, total = self._program(n)
            if first == 0:
                total[...] = 0
            program.loss_gradient(x[first:], labels[first : first + n], weight)
            logits[first : first + n] = program.logits.T
            losses[first : first + n] = program.losses
        gradient[...] = total
        return losses, logits


def network(steps: Sequence[Step], flat: Array) -> Network:
    """The whole pass of these steps, whose weights are `flat`, kernel and bias in turn"""
    return Network(steps, flat)
