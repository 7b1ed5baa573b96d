"""A whole pass of a network as a list of calls of compiled kernels, with their arguments: made once, run many times.

Forward and backward of a block of n examples. All buffers are made with the list, and what goes from one layer to
the next stays in lanes (`convlens.engines.numba_lanes`). A program belongs to one thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from convlens.engines import Array
from convlens.engines import numba_dense as dense
from convlens.engines import numba_lanes as lanes
from convlens.engines.numba_lanes import LANES
from convlens.engines.steps import Conv, Dense, Flatten, Pool, Step

Call = tuple[Callable[..., None], tuple[Any, ...]]


class Image(NamedTuple):
    """Planes in lanes with a frame: data (planes, h, (left + w + right) * n); `planes` counts those with a meaning."""

    data: Array
    planes: int
    left: int
    w: int


def image(planes: int, h: int, left: int, w: int, right: int, n: int, dtype: np.dtype[Any]) -> Image:
    """A new one, all zeros, on a cache line's boundary; one plane more if their number is odd"""
    return Image(aligned((planes + planes % 2, h, (left + w + right) * n), dtype), planes, left, w)


def aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Zeros that begin on a cache line"""
    size = int(np.prod(shape)) * dtype.itemsize
    raw = np.zeros(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(dtype).reshape(shape)


def tap_calls(x: Array, w: Array, at: Array, y: Image, sh: int, first: int, n: int) -> list[Call]:
    """y += the convolution, five taps of a kernel row at a time, then three, then one"""
    calls: list[Call] = []
    k, kw = 0, w.shape[3]
    while k < kw:
        kernel, taps = (lanes.taps5, 5) if kw - k >= 5 else (lanes.taps3, 3) if kw - k >= 3 else (lanes.taps1, 1)
        calls.append((kernel, (x, w, at, k, y.data, y.left, y.w * n, sh, first, n)))
        k += taps
    return calls


def dot_calls(x: Array, at: Array, dy: Image, sh: int, first: int, dw: Array, n: int) -> list[Call]:
    """dw += the gradient of the kernel, five taps at a time, then one"""
    calls: list[Call] = []
    k, kw = 0, dw.shape[1]
    while k < kw:
        kernel, taps = (lanes.dots5, 5) if kw - k >= 5 else (lanes.dots1, 1)
        calls.append((kernel, (x, at, k, dy.data, dy.left, dy.w * n, sh, first, dw, n)))
        k += taps
    return calls


class ConvCalls:
    """A convolution's calls. x has the frame of its padding; dy, for dx at stride 1, one of kw - 1 columns."""

    def __init__(self, step: Conv, x: Image, w: Array, n: int) -> None:
        self.step, self.x, self.w, self.n = step, x, w, n
        kw, sw = step.kernel[1], step.stride[1]
        h, wide = x.data.shape[1], x.data.shape[2] // n
        phase = -(-wide // sw)
        self.by_phase = x.data if sw == 1 else aligned((x.data.shape[0], h, sw * phase * n), x.data.dtype)
        columns = np.arange(kw) + x.left - step.pads[1][0]
        self.at = (columns % sw * phase + columns // sw) * n
        self.first = -step.pads[0][0]

    def forward(self, b: Array, y: Image) -> list[Call]:
        """y = relu(x * w + b)"""
        step, n = self.step, self.n
        packed = np.zeros((y.data.shape[0], step.ci, *step.kernel), self.w.dtype)
        calls: list[Call] = [(lanes.pack, (self.w, packed, False)), (lanes.fill, (y.data, b, y.left, y.w * n, n))]
        if step.stride[1] > 1:
            calls.append((lanes.by_phase, (self.x.data, step.stride[1], self.by_phase, n)))
        calls += tap_calls(self.by_phase, packed, self.at, y, step.stride[0], self.first, n)
        if step.relu:
            calls.append((lanes.relu, (y.data, y.planes, y.left, y.w * n, n)))
        return calls

    def dw(self, dy: Image, dw: Array) -> list[Call]:
        """dw += the gradient of the kernel; `forward` ran before"""
        return dot_calls(self.by_phase, self.at, dy, self.step.stride[0], self.first, dw, self.n)

    def dx(self, dy: Image, dx: Image) -> list[Call]:
        """dx = the gradient of x"""
        (kh, kw), ((top, _), (left, _)), n = self.step.kernel, self.step.pads, self.n
        zero = np.zeros(1, self.w.dtype)
        calls: list[Call] = [(lanes.fill, (dx.data, zero, dx.left, dx.w * n, n))]
        if self.step.stride != (1, 1):
            (sh, sw) = self.step.stride
            spread = (dy.data, dy.left, dy.w, self.w, sh, sw, -top, -left, dx.data, dx.left, dx.w, n)
            return [*calls, (lanes.spread, spread)]
        packed = np.zeros((dx.data.shape[0], self.step.co, kh, kw), self.w.dtype)
        at = (np.arange(kw) + dy.left - kw + 1 + left) * n
        calls.append((lanes.pack, (self.w, packed, True)))
        return calls + tap_calls(dy.data, packed, at, dx, 1, top - kh + 1, n)


class Program:
    """`forward` and `backward` are the calls; `x`, `logits`, `dlogits` the buffers where they begin and end."""

    def __init__(self, steps: Sequence[Step], flat: Array, gradient: Array, n: int) -> None:
        self.n = n
        self.forward: list[Call] = []
        self.backward: list[Call] = []
        self._flat, self._gradient, self._at = flat, gradient, 0
        values, gradients = zip(*(self._buffers(steps, k) for k in range(len(steps) + 1)), strict=True)
        for k, step in enumerate(steps):
            add: Any = {Conv: self._conv, Pool: self._pool, Flatten: self._flatten, Dense: self._dense}[type(step)]
            ahead, back = add(step, values[k], values[k + 1], gradients[k], gradients[k + 1], k == 0)
            self.forward += ahead
            self.backward = back + self.backward
        self.x, self.logits, self.dlogits = values[0], values[-1], gradients[-1]

    def _buffers(self, steps: Sequence[Step], k: int) -> tuple[Any, Any]:
        """What goes into step k, and its gradient: images, or (LANES, features)"""
        dtype = self._flat.dtype
        if k == len(steps) or isinstance(steps[k], Dense):
            last = steps[k - 1] if k == len(steps) else None
            features = steps[k].inputs if last is None else last.units  # type: ignore[union-attr]
            return aligned((LANES, features), dtype), aligned((LANES, features), dtype)
        step = steps[k]
        assert not isinstance(step, Dense)
        (h, w), c = step.size, step.ci if isinstance(step, Conv) else step.c
        pads = step.pads[1] if isinstance(step, Conv) else (0, 0)
        frame = (0, 0)
        if k and isinstance(maker := steps[k - 1], Conv) and maker.stride == (1, 1):
            frame = maker.kernel[1] - 1, max(0, maker.size[1] + maker.pads[1][0] - w)
        return image(c, h, pads[0], w, pads[1], self.n, dtype), image(c, h, frame[0], w, frame[1], self.n, dtype)

    def _weights(self, *shape: int) -> tuple[Array, Array, Array, Array]:
        """The next kernel and bias, and their gradients"""
        views = []
        middle = self._at + int(np.prod(shape))
        for vector in (self._flat, self._gradient):
            views += [vector[self._at : middle].reshape(shape), vector[middle : middle + shape[-1]]]
        self._at = middle + shape[-1]
        return views[0], views[1], views[2], views[3]

    def _conv(self, step: Conv, x: Image, y: Image, dx: Image, dy: Image, first: bool) -> tuple[list[Call], list[Call]]:
        w, b, dw, db = self._weights(*step.kernel, step.ci, step.co)
        calls, run = ConvCalls(step, x, w, self.n), y.w * self.n
        back: list[Call] = [
            (lanes.relu_db, (dy.data, dy.left, y.data, y.left, run, step.co, step.relu, db, self.n)),
            *calls.dw(dy, dw),
        ]
        return calls.forward(b, y), back if first else back + calls.dx(dy, dx)

    def _pool(self, step: Pool, x: Image, y: Image, dx: Image, dy: Image, first: bool) -> tuple[list[Call], list[Call]]:
        window = (*step.kernel, *step.stride, step.pads[0][0], step.pads[1][0])
        ends = (y.w, step.c, self.n)
        ahead: Call = (
            lanes.avg_pool if step.average else lanes.max_pool,
            (x.data, x.left, x.w, *window, y.data, y.left, *ends),
        )
        if first:
            return [ahead], []
        clear: Call = (lanes.fill, (dx.data, np.zeros(1, dx.data.dtype), dx.left, dx.w * self.n, self.n))
        back: Call
        if step.average:
            back = (lanes.avg_pool_dx, (dy.data, dy.left, x.w, *window, dx.data, dx.left, *ends))
        else:
            seen = (x.data, x.left, x.w, y.data, y.left)
            back = (lanes.max_pool_dx, (dy.data, dy.left, *seen, *window, True, dx.data, dx.left, *ends))
        return [ahead], [clear, back]

    def _flatten(
        self, step: Flatten, x: Image, y: Array, dx: Image, dy: Array, first: bool
    ) -> tuple[list[Call], list[Call]]:
        shape = (LANES, *step.size, step.c)
        back: Call = (lanes.to_lanes, (dy.reshape(shape), 0, self.n, dx.data, dx.left))
        return [(lanes.from_lanes, (x.data, x.left, self.n, y.reshape(shape), 0))], [] if first else [back]

    def _dense(
        self, step: Dense, x: Array, y: Array, dx: Array, dy: Array, first: bool
    ) -> tuple[list[Call], list[Call]]:
        w, b, dw, db = self._weights(step.inputs, step.units)
        return [(dense.dense, (x, w, b, step.relu, y, self.n))], [
            (dense.dense_dw, (dy, x, y, step.relu, dw, db, self.n)),
            (dense.dense_dx, (dy, w, dx, self.n)),
        ]


def run(calls: list[Call]) -> None:
    """Do them in order."""
    for kernel, arguments in calls:
        kernel(*arguments)
