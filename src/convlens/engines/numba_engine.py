"""The kernels compiled by Numba: examples side by side in vector registers (`convlens.engines.numba_lanes`).

A kernel compiles at its first use on a machine, which takes seconds for all of them together, and is kept in a cache.
The arithmetic is cut into blocks of 16 examples and the blocks into groups, by the shapes alone; threads share the
groups. So the bits do not depend on the number of threads.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from convlens.engines import Array
from convlens.engines import numba_dense as dense
from convlens.engines.numba_lanes import LANES
from convlens.engines.numba_program import (
    ConvCalls,
    Image,
    Program,
    image,
    load_call,
    pool_call,
    pool_dx_calls,
    store_call,
)
from convlens.engines.numba_tape import Call, Tape
from convlens.engines.steps import Conv, Step
from convlens.geometry import Pair
from convlens.memory import aligned
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


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_crew.cache_clear)  # threads do not come along


def _image(x: Array, first: int, n: int, calls: list[Call], left: int = 0, right: int = 0) -> Image:
    """A buffer for those examples of x (n, h, w, c); the call that fills it is added"""
    _, h, w, c = x.shape
    into = image(c, h, left, w, right, n, x.dtype)
    calls.append(load_call(x[first:], into, n))
    return into


def _empty(y: Array, n: int) -> Image:
    """A buffer for n examples of y (n, h, w, c)"""
    _, h, w, c = y.shape
    return image(c, h, 0, w, 0, n, y.dtype)


def _conv(w: Array, stride: Pair, size: Pair, out: Pair) -> Conv:
    kh, kw, ci, co = w.shape
    return Conv(size, ci, out, co, (kh, kw), stride, _NONE, False)


def _c(x: Array) -> Array:
    return np.ascontiguousarray(x)


def _give(out: Array, y: Array) -> None:
    if out is not y:
        y[...] = out


def conv2d(xp: Array, w: Array, stride: Pair, y: Array) -> None:
    """y[n,i,j,o] = sum_abc xp[n, i*sh+a, j*sw+b, c] * w[a,b,c,o]"""
    xp, w, out = _c(xp), _c(w), _c(y)
    step = _conv(w, stride, xp.shape[1:3], y.shape[1:3])
    zero = np.zeros(step.co, w.dtype)

    def block(_: int, first: int, n: int) -> None:
        calls: list[Call] = []
        x, z = _image(xp, first, n, calls), _empty(y, n)
        Tape([*calls, *ConvCalls(step, x, w, n).forward(zero, z), store_call(z, out[first:], n)], y.dtype).run()

    _share(len(xp), block)
    _give(out, y)


def conv2d_dx(dy: Array, w: Array, stride: Pair, dxp: Array) -> None:
    """dxp[n, i*sh+a, j*sw+b, c] = the sum of dy[n,i,j,o] * w[a,b,c,o] over all windows that see that cell, and o"""
    dy, w, out = _c(dy), _c(w), _c(dxp)
    step = _conv(w, stride, dxp.shape[1:3], dy.shape[1:3])
    frame = (step.kernel[1] - 1, max(0, step.size[1] - step.out[1])) if stride == (1, 1) else (0, 0)

    def block(_: int, first: int, n: int) -> None:
        calls: list[Call] = []
        d, x = _image(dy, first, n, calls, *frame), _empty(dxp, n)
        Tape([*calls, *ConvCalls(step, x, w, n).dx(d, x), store_call(x, out[first:], n)], dy.dtype).run()

    _share(len(dy), block)
    _give(out, dxp)


def conv2d_dw(dy: Array, xp: Array, stride: Pair, dw: Array) -> None:
    """dw[a,b,c,o] = sum_nij xp[n, i*sh+a, j*sw+b, c] * dy[n,i,j,o]"""
    dy, xp = _c(dy), _c(xp)
    w = np.zeros(dw.shape, dw.dtype)
    step = _conv(w, stride, xp.shape[1:3], dy.shape[1:3])
    sums = np.zeros((_GROUPS, *dw.shape), dw.dtype)

    def block(group: int, first: int, n: int) -> None:
        calls: list[Call] = []
        x, d = _image(xp, first, n, calls), _image(dy, first, n, calls)
        conv = ConvCalls(step, x, w, n)
        Tape([*calls, *conv.before, *conv.dw(d, sums[group])], dy.dtype).run()

    groups = _share(len(dy), block)
    dw[...] = sums[:groups].sum(axis=0)


def max_pool2d(xp: Array, kernel: Pair, stride: Pair, y: Array) -> None:
    """y[n,i,j,c] = max_ab xp[n, i*sh+a, j*sw+b, c]"""
    _pool2d(xp, kernel, stride, y, average=False)


def sum_pool2d(xp: Array, kernel: Pair, stride: Pair, y: Array) -> None:
    """y[n,i,j,c] = sum_ab xp[n, i*sh+a, j*sw+b, c]"""
    _pool2d(xp, kernel, stride, y, average=True)
    y *= kernel[0] * kernel[1]


def _pool2d(xp: Array, kernel: Pair, stride: Pair, y: Array, average: bool) -> None:
    xp, out = _c(xp), _c(y)

    def block(_: int, first: int, n: int) -> None:
        calls: list[Call] = []
        x, z = _image(xp, first, n, calls), _empty(y, n)
        pool = pool_call(x, z, kernel, stride, (0, 0), average, n)
        Tape([*calls, pool, store_call(z, out[first:], n)], y.dtype).run()

    _share(len(xp), block)
    _give(out, y)


def max_pool2d_dx(dy: Array, xp: Array, y: Array, kernel: Pair, stride: Pair, ties: str, dxp: Array) -> None:
    """dxp += dy where xp equals the maximum y of its window: at the first such cell, or at all of them"""
    dy, xp, y, out = _c(dy), _c(xp), _c(y), _c(dxp)

    def block(_: int, first: int, n: int) -> None:
        calls: list[Call] = []
        d, x, z = (_image(a, first, n, calls) for a in (dy, xp, y))
        dx = _empty(dxp, n)
        calls += pool_dx_calls(d, x, z, kernel, stride, (0, 0), ties == "first", dx, n)
        Tape([*calls, store_call(dx, out[first:], n)], dy.dtype).run()

    _share(len(dy), block)
    _give(out, dxp)


def sum_pool2d_dx(dy: Array, kernel: Pair, stride: Pair, dxp: Array) -> None:
    """dxp[n, i*sh+a, j*sw+b, c] = the sum of dy[n,i,j,c] over all windows that see that cell"""
    dy, out = _c(dy), _c(dxp)

    def block(_: int, first: int, n: int) -> None:
        calls: list[Call] = []
        d, dx = _image(dy, first, n, calls), _empty(dxp, n)
        calls += pool_dx_calls(d, dx, None, kernel, stride, (0, 0), False, dx, n)
        Tape([*calls, store_call(dx, out[first:], n)], dy.dtype).run()

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
        x = _c(x)
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
