"""The kernels compiled by Numba: examples side by side in vector registers (`convlens.engines.numba_lanes`).

A kernel compiles at its first use on a machine, which takes seconds for all of them together, and is kept in a cache.
The arithmetic is cut into blocks of 16 examples and the blocks into groups, by the shapes alone; threads share the
groups. So the bits do not depend on the number of threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from convlens.engines import Array
from convlens.engines import numba_dense as dense
from convlens.engines import numba_lanes as lanes
from convlens.engines.numba_lanes import LANES
from convlens.engines.numba_program import Call, ConvCalls, Image, Program, image, run
from convlens.engines.steps import Conv, Step
from convlens.geometry import Pair
from convlens.threads import Workers, usable_threads

name = "numba"
part = LANES

_GROUPS = 8  # of blocks; a gradient of the kernel is summed group by group
_NONE = ((0, 0), (0, 0))


def _blocks(examples: int) -> list[tuple[int, int]]:
    """(first, n) of each block of at most LANES examples"""
    return [(first, min(LANES, examples - first)) for first in range(0, examples, LANES)]


def _share(examples: int, work: Callable[[int, int, int], None]) -> int:
    """Call work(group, first, n) for each block, the groups on several threads; the number of groups"""
    blocks = _blocks(examples)
    groups = min(_GROUPS, len(blocks))

    def group(k: int) -> None:
        for first, n in blocks[k * len(blocks) // groups : (k + 1) * len(blocks) // groups]:
            work(k, first, n)

    _crew().map(group, groups)
    return groups


@cache
def _crew() -> Workers:
    """The threads that share a single operation; there from the first one on"""
    return Workers(usable_threads())


def _image(x: Array, first: int, n: int) -> tuple[Image, list[Call]]:
    """A buffer for those examples of x (n, h, w, c), and the call that fills it"""
    _, h, w, c = x.shape
    into = image(c, h, 0, w, 0, n, x.dtype)
    return into, [(lanes.to_lanes, (x, first, n, into.data, 0))]


def _conv(w: Array, stride: Pair, size: Pair, out: Pair) -> Conv:
    kh, kw, ci, co = w.shape
    return Conv(size, ci, out, co, (kh, kw), stride, _NONE, False)


def _c(x: Array) -> Array:
    return np.ascontiguousarray(x)


def conv2d(xp: Array, w: Array, stride: Pair, y: Array) -> None:
    """y[n,i,j,o] = sum_abc xp[n, i*sh+a, j*sw+b, c] * w[a,b,c,o]"""
    xp, w, out = _c(xp), _c(w), _c(y)
    step = _conv(w, stride, xp.shape[1:3], y.shape[1:3])
    zero = np.zeros(step.co, w.dtype)

    def block(_: int, first: int, n: int) -> None:
        x, calls = _image(xp, first, n)
        z = image(step.co, step.out[0], 0, step.out[1], 0, n, y.dtype)
        run([*calls, *ConvCalls(step, x, w, n).forward(zero, z), (lanes.from_lanes, (z.data, 0, n, out, first))])

    _share(len(xp), block)
    _give(out, y)


def _give(out: Array, y: Array) -> None:
    if out is not y:
        y[...] = out


def conv2d_dx(dy: Array, w: Array, stride: Pair, dxp: Array) -> None:
    """dxp[n, i*sh+a, j*sw+b, c] = the sum of dy[n,i,j,o] * w[a,b,c,o] over all windows that see that cell, and o"""
    dy, w, out = _c(dy), _c(w), _c(dxp)
    step = _conv(w, stride, dxp.shape[1:3], dy.shape[1:3])
    (oh, ow), kw = step.out, step.kernel[1]
    frame = (kw - 1, max(0, step.size[1] - ow)) if stride == (1, 1) else (0, 0)

    def block(_: int, first: int, n: int) -> None:
        d = image(step.co, oh, frame[0], ow, frame[1], n, dy.dtype)
        x = image(step.ci, step.size[0], 0, step.size[1], 0, n, dy.dtype)
        calls: list[Call] = [(lanes.to_lanes, (dy, first, n, d.data, d.left))]
        run([*calls, *ConvCalls(step, x, w, n).dx(d, x), (lanes.from_lanes, (x.data, 0, n, out, first))])

    _share(len(dy), block)
    _give(out, dxp)


def conv2d_dw(dy: Array, xp: Array, stride: Pair, dw: Array) -> None:
    """dw[a,b,c,o] = sum_nij xp[n, i*sh+a, j*sw+b, c] * dy[n,i,j,o]"""
    dy, xp = _c(dy), _c(xp)
    w = np.zeros(dw.shape, dw.dtype)
    step = _conv(w, stride, xp.shape[1:3], dy.shape[1:3])
    sums = np.zeros((_GROUPS, *dw.shape), dw.dtype)

    def block(group: int, first: int, n: int) -> None:
        x, calls = _image(xp, first, n)
        d, more = _image(dy, first, n)
        conv = ConvCalls(step, x, w, n)
        if stride[1] > 1:
            more.append((lanes.by_phase, (x.data, stride[1], conv.by_phase, n)))
        run([*calls, *more, *conv.dw(d, sums[group])])

    groups = _share(len(dy), block)
    dw[...] = sums[:groups].sum(axis=0)


def _window(kernel: Pair, stride: Pair) -> tuple[int, ...]:
    return (*kernel, *stride, 0, 0)


def max_pool2d(xp: Array, kernel: Pair, stride: Pair, y: Array) -> None:
    """y[n,i,j,c] = max_ab xp[n, i*sh+a, j*sw+b, c]"""
    _pool2d(lanes.max_pool, xp, kernel, stride, y)


def sum_pool2d(xp: Array, kernel: Pair, stride: Pair, y: Array) -> None:
    """y[n,i,j,c] = sum_ab xp[n, i*sh+a, j*sw+b, c]"""
    _pool2d(lanes.avg_pool, xp, kernel, stride, y)
    y *= kernel[0] * kernel[1]


def _pool2d(kernel_of: Any, xp: Array, kernel: Pair, stride: Pair, y: Array) -> None:
    xp, out = _c(xp), _c(y)
    _, oh, ow, c = y.shape

    def block(_: int, first: int, n: int) -> None:
        x, calls = _image(xp, first, n)
        z = image(c, oh, 0, ow, 0, n, y.dtype)
        pool: Call = (kernel_of, (x.data, 0, x.w, *_window(kernel, stride), z.data, 0, ow, n))
        run([*calls, pool, (lanes.from_lanes, (z.data, 0, n, out, first))])

    _share(len(xp), block)
    _give(out, y)


def max_pool2d_dx(dy: Array, xp: Array, y: Array, kernel: Pair, stride: Pair, ties: str, dxp: Array) -> None:
    """dxp += dy where xp equals the maximum y of its window: at the first such cell, or at all of them"""
    dy, xp, y, out = _c(dy), _c(xp), _c(y), _c(dxp)

    def block(_: int, first: int, n: int) -> None:
        x, calls = _image(xp, first, n)
        d, more = _image(dy, first, n)
        z, last = _image(y, first, n)
        dx = image(x.data.shape[0], x.data.shape[1], 0, x.w, 0, n, dy.dtype)
        back: Call = (
            lanes.max_pool_dx,
            (
                d.data,
                0,
                x.data,
                0,
                x.w,
                z.data,
                0,
                *_window(kernel, stride),
                ties == "first",
                dx.data,
                0,
                d.w,
                n,
            ),
        )
        run([*calls, *more, *last, back, (lanes.from_lanes, (dx.data, 0, n, out, first))])

    _share(len(dy), block)
    _give(out, dxp)


def sum_pool2d_dx(dy: Array, kernel: Pair, stride: Pair, dxp: Array) -> None:
    """dxp[n, i*sh+a, j*sw+b, c] = the sum of dy[n,i,j,c] over all windows that see that cell"""
    dy, out = _c(dy), _c(dxp)
    _, h, w, c = dxp.shape

    def block(_: int, first: int, n: int) -> None:
        d, calls = _image(dy, first, n)
        dx = image(c, h, 0, w, 0, n, dy.dtype)
        back: Call = (lanes.avg_pool_dx, (d.data, 0, w, *_window(kernel, stride), dx.data, 0, d.w, n))
        run([*calls, back, (lanes.from_lanes, (dx.data, 0, n, out, first))])

    _share(len(dy), block)
    out *= kernel[0] * kernel[1]
    _give(out, dxp)


def adam(w: Array, m: Array, v: Array, g: Array, rate: float, beta_1: float, beta_2: float, epsilon: float) -> None:
    """m += (1 - beta_1)(g - m);  v += (1 - beta_2)(g² - v);  w -= rate m / (sqrt(v) + epsilon)"""
    number = w.dtype.type
    dense.adam(w, m, v, g, number(rate), number(1 - beta_1), number(1 - beta_2), number(epsilon))


class Network:
    """A network's whole pass in lanes. The weights are read from `flat` at each call; any thread may call."""

    def __init__(self, steps: Sequence[Step], flat: Array) -> None:
        self._steps, self._flat = tuple(steps), flat
        self._own = threading.local()

    def _program(self, n: int) -> tuple[Program, Array]:
        """This thread's program for blocks of n examples, and the gradient that all its programs add to"""
        own = self._own.__dict__
        if not own:
            own["gradient"] = np.zeros_like(self._flat)
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
            lanes.to_lanes(x, first, n, program.x.data, program.x.left)
            run(program.forward)
            logits.append(program.logits[:, 0].T.copy())
        return np.concatenate(logits)

    def loss_gradient(self, x: Array, labels: Array, weight: float, gradient: Array) -> tuple[Array, Array]:
        """x, labels (n,) -> loss (n,), logits (n, classes); the gradient of weight * sum(loss) is written"""
        x, labels = _c(x), _c(labels)
        losses = np.empty(len(x), x.dtype)
        logits = np.empty((len(x), self._steps[-1].units), x.dtype)  # type: ignore[union-attr]
        weight = x.dtype.type(weight)
        for first, n in _blocks(len(x)):
            program, total = self._program(n)
            if first == 0:
                total[...] = 0
            lanes.to_lanes(x, first, n, program.x.data, program.x.left)
            run(program.forward)
            logits[first : first + n] = program.logits[:, 0].T
            dense.cross_entropy(program.logits, labels, first, weight, losses, program.dlogits, n)
            run(program.backward)
        gradient[...] = total
        return losses, logits


def network(steps: Sequence[Step], flat: Array) -> Network:
    """The whole pass of these steps, whose weights are `flat`, kernel and bias in turn"""
    return Network(steps, flat)
