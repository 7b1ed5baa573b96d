"""The kernels compiled by Numba: channels side by side in vector registers, and in a network's own passes examples.

One operation alone runs on the arrays as they lie (`over_channels`); a network's passes on blocks of 16 examples
(`over_examples`). A kernel compiles at its first use on a machine, a few seconds for all of
them together, and is kept in a cache. The work is cut by the shapes alone, and threads share the pieces: so the bits do
not depend on the number of threads.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from convlens.arrays import Array, contiguous
from convlens.engines.compiled import dense
from convlens.engines.compiled import over_channels as direct
from convlens.engines.compiled.fused import Network
from convlens.engines.compiled.helpers import EXAMPLES, Each, alike, crew
from convlens.engines.compiled.over_examples import tile
from convlens.engines.compiled.registers import BYTES
from convlens.engines.compiled.tape import Kernel, Tape
from convlens.engines.specs import Step
from convlens.geometry import Pair
from convlens.machine.memory import aligned
from convlens.machine.threads import usable_threads

name = "numba"
part = sys.maxsize  # a network's own pass shares a batch itself

_THREADS = usable_threads()
_PIECE = 2_500_000  # multiplications and additions worth a piece of their own
_FORWARD, _DW = (8, 7, 9, 10), (14, 12, 10, 8, 11, 6, 5)  # sums at a time: of equal waste, the fastest as measured


def _pieces(examples: int, operations: float) -> int:
    """1, 2, 4 or 8: two cores share such numbers evenly"""
    most = min(examples, operations / _PIECE)
    return 1 if most < 2 else 2 if most < 4 else 4 if most < 8 else 8


def _share(kernel: Kernel, arguments: tuple[Any, ...], examples: int, operations: float, kind: Array) -> None:
    """Call the kernel for pieces of the examples, on several threads"""
    pieces = _pieces(examples, operations)
    if pieces == 1:
        whole = [a.array if isinstance(a, Each) else examples if a is EXAMPLES else a for a in arguments]
        return Tape([(kernel, tuple(whole))], kind.dtype).run()
    cuts = [k * examples // pieces for k in range(pieces + 1)]
    crew(_THREADS).run(alike(kernel, arguments, cuts, kind.dtype, _THREADS))


def _each(x: Array) -> Each:
    return Each(x, x[0].size)


def _give(out: Array, y: Array) -> None:
    if out is not y:
        y[...] = out


def _sizes(x: Array, stride: Pair) -> tuple[int, int, int, int]:
    """The length of an example and of a row of x (n, h, w, c), and how far a window moves down and to the right"""
    _, h, w, c = x.shape
    return h * w * c, w * c, stride[0] * w * c, stride[1] * c


def conv2d(xp: Array, w: Array, b: Array, stride: Pair, y: Array) -> None:
    """y[n,i,j,o] = b[o] + sum_abc xp[n, i*sh+a, j*sw+b, c] * w[a,b,c,o]"""
    x, out = contiguous(xp), contiguous(y)
    (sh, sw), (n, oh, ow, co), (kh, kw, ci, _) = stride, y.shape, w.shape
    width = direct.best_width(ow, kw, sw, co, BYTES // w.itemsize)
    run, columns = (kw + (width - 1) * sw) * ci, width * co
    packed = direct.panels(direct.band(w, width, sw).reshape(-1, columns))
    places, bias = direct.steps(run, packed.shape[2]), np.tile(b, width)
    size = tile(ow // width, *_FORWARD)
    kernel = direct.forward(size, ow // width % size)

    source = (_each(x), *_sizes(x, (sh, width * sw)), EXAMPLES, oh, ow // width)
    _share(kernel, (*source, columns, packed, kh, run, places, bias, _each(out)), n, 2.0 * y.size * kh * kw * ci, y)
    _give(out, y)


def conv2d_dx(dy: Array, w: Array, stride: Pair, dxp: Array) -> None:
    """dxp[n, i*sh+a, j*sw+b, c] = the sum of dy[n,i,j,o] * w[a,b,c,o] over all windows that see that cell, and o"""
    (kh, kw, ci, co), (n, oh, ow, _) = w.shape, dy.shape
    if stride == (1, 1):  # a convolution of dy in a frame, with the kernel turned round
        framed = np.zeros((n, oh + 2 * kh - 2, ow + 2 * kw - 2, co), dy.dtype)
        framed[:, kh - 1 : kh - 1 + oh, kw - 1 : kw - 1 + ow] = dy
        return conv2d(framed, w[::-1, ::-1].swapaxes(2, 3), np.zeros(ci, dy.dtype), stride, dxp)
    dy, out = contiguous(dy), contiguous(dxp)
    packed = np.stack([direct.panels(row.reshape(-1, co).T) for row in w])
    columns = direct.steps(co, packed.shape[3])
    out[...] = 0

    source = (_each(dy), EXAMPLES, oh, ow, co, packed, kh, kw * ci, columns)
    operations = 2.0 * dy.size * kh * kw * ci
    kernel = direct.dx(tile(n // _pieces(n, operations), 8, 4, 1))
    _share(kernel, (*source, _each(out), *_sizes(out, stride)), n, operations, dy)
    _give(out, dxp)


def conv2d_dw(dy: Array, xp: Array, stride: Pair, dw: Array) -> None:
    """dw[a,b,c,o] = sum_nij xp[n, i*sh+a, j*sw+b, c] * dy[n,i,j,o]"""
    dy, x = contiguous(dy), contiguous(xp)
    (sh, sw), (n, oh, ow, _), (kh, kw, ci, co) = stride, dy.shape, dw.shape
    width = direct.best_width(ow, kw, sw, co, BYTES // dw.itemsize)
    run, columns = (kw + (width - 1) * sw) * ci, width * co
    operations = 2.0 * dy.size * kh * kw * ci
    sums = np.zeros((_pieces(n, operations), kh, run // ci, ci, width, co), dw.dtype)
    wide = BYTES // dw.itemsize
    places = direct.steps(ow // width, wide)
    kernel = direct.dw(tile(run, *_DW))

    panel = aligned((len(sums), oh * ow // width * wide), dw.dtype)
    source = (_each(x), *_sizes(x, (sh, width * sw)), _each(dy), EXAMPLES, oh, ow // width, columns, places)
    own = (Each(panel, 0, panel[0].size), Each(sums, 0, sums[0].size))
    _share(kernel, (*source, kh, run, *own), n, operations, dy)
    total = sums.sum(axis=0)
    dw[...] = sum(total[:, j * sw : j * sw + kw, :, j] for j in range(width))


def _unrolled(kernel: Pair) -> int:
    return kernel[0] if kernel in ((2, 2), (3, 3)) else 0


def _windows(x: Array, kernel: Pair, stride: Pair, y: Array) -> tuple[Any, ...]:
    return (_each(x), *_sizes(x, stride), EXAMPLES, *y.shape[1:], *kernel)


def max_pool2d(xp: Array, kernel: Pair, stride: Pair, y: Array) -> None:
    """y[n,i,j,c] = max_ab xp[n, i*sh+a, j*sw+b, c]"""
    x, out = contiguous(xp), contiguous(y)
    arguments = (*_windows(x, kernel, stride, y), _each(out))
    _share(direct.max_pool(_unrolled(kernel)), arguments, len(x), 2.0 * y.size * kernel[0] * kernel[1], y)
    _give(out, y)


def max_pool2d_dx(dy: Array, xp: Array, y: Array, kernel: Pair, stride: Pair, ties: str, dxp: Array) -> None:
    """dxp += dy where xp equals the maximum y of its window: at the first such cell, or at all of them"""
    dy, x, y, out = contiguous(dy), contiguous(xp), contiguous(y), contiguous(dxp)
    arguments = (*_windows(x, kernel, stride, y), _each(y), _each(dy), _each(out), ties == "first")
    _share(direct.max_pool_dx(_unrolled(kernel)), arguments, len(x), 40.0 * y.size * kernel[0] * kernel[1], dy)
    _give(out, dxp)


def sum_pool2d(xp: Array, kernel: Pair, stride: Pair, y: Array) -> None:
    """y[n,i,j,c] = sum_ab xp[n, i*sh+a, j*sw+b, c]"""
    x, out = contiguous(xp), contiguous(y)
    arguments = (*_windows(x, kernel, stride, y), _each(out))
    _share(direct.sum_pool, arguments, len(x), 2.0 * y.size * kernel[0] * kernel[1], y)
    _give(out, y)


def sum_pool2d_dx(dy: Array, kernel: Pair, stride: Pair, dxp: Array) -> None:
    """dxp[n, i*sh+a, j*sw+b, c] = the sum of dy[n,i,j,c] over all windows that see that cell"""
    dy, out = contiguous(dy), contiguous(dxp)
    arguments = (*_windows(out, kernel, stride, dy), _each(dy))
    _share(direct.sum_pool_dx, arguments, len(dy), 20.0 * dy.size * kernel[0] * kernel[1], dy)
    _give(out, dxp)


def adam(w: Array, m: Array, v: Array, g: Array, rate: float, beta_1: float, beta_2: float, epsilon: float) -> None:
    """m += (1 - beta_1)(g - m);  v += (1 - beta_2)(g² - v);  w -= rate m / (sqrt(v) + epsilon)"""
    number = w.dtype.type
    dense.adam(w, m, v, g, number(rate), number(1 - beta_1), number(1 - beta_2), number(epsilon))


def network(steps: Sequence[Step], flat: Array) -> Network:
    """The whole pass of these steps, whose weights are `flat`, kernel and bias in turn"""
    return Network(steps, flat)
