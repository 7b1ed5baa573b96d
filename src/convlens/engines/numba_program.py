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
from convlens.engines.numba_tiles import aligned
from convlens.engines.steps import Conv, Dense, Flatten, Pool, Step

Call = tuple[Callable[..., None], tuple[Any, ...]]


class Image(NamedTuple):
    """Planes in lanes, (planes, h, columns * n): the image of w columns begins at number `left` of each row"""

    data: Array
    left: int
    w: int


def image(planes: int, h: int, left: int, w: int, right: int, n: int, dtype: np.dtype[Any]) -> Image:
    """A new one, all zeros, with a frame of so many columns to the left and right"""
    return Image(aligned((planes, h, (left + w + right) * n), dtype), left * n, w)


class ConvCalls:
    """A convolution's calls. x has the frame of its padding; dy, for dx at stride 1, one of kw - 1 columns."""

    def __init__(self, step: Conv, x: Image, w: Array, n: int) -> None:
        self.step, self.x, self.w, self.n = step, x, w, n
        kw, sw = step.kernel[1], step.stride[1]
        h, wide = x.data.shape[1], x.data.shape[2] // n
        phase = -(-wide // sw)
        self.by_phase = x.data if sw == 1 else aligned((x.data.shape[0], h, sw * phase * n), x.data.dtype)
        columns = np.arange(kw) + x.left // n - step.pads[1][0]
        self.columns = (columns % sw * phase + columns // sw) * n
        self.first = -step.pads[0][0]

    def forward(self, b: Array, y: Image) -> list[Call]:
        """y = relu(x * w + b)"""
        (kh, kw), ci, co = self.step.kernel, self.step.ci, self.step.co
        calls: list[Call] = []
        if self.step.stride[1] > 1:
            calls.append((lanes.by_phase, (self.x.data, self.step.stride[1], self.by_phase, self.n)))
        weights = (self.w, 0, (1, co, kw * ci * co, ci * co), kh)
        target = (y.data, y.left, y.w * self.n, co, self.step.stride[0], self.first)
        kernel = lanes.convolve(lanes.group(co, (8, 6, 4)))
        return [*calls, (kernel, (self.by_phase, self.columns, *weights, b, self.step.relu, *target))]

    def dw(self, dy: Image, dw: Array) -> list[Call]:
        """dw += the gradient of the kernel; `forward` ran before"""
        kernel = lanes.correlation(lanes.group(self.step.co, (4, 3)), lanes.group(self.step.kernel[1], (5, 3, 1)))
        target = (dy.data, dy.left, dy.w * self.n, self.step.stride[0], self.first, dw)
        return [(kernel, (self.by_phase, self.columns, *target))]

    def dx(self, dy: Image, dx: Image) -> list[Call]:
        """dx = the gradient of x: at stride 1 a convolution of dy with the kernel turned round"""
        (kh, kw), ((top, _), (left, _)), n = self.step.kernel, self.step.pads, self.n
        ci, co = self.step.ci, self.step.co
        if self.step.stride != (1, 1):
            ends = (-top, -left, dx.data, dx.left, dx.w, n)
            spread = (dy.data, dy.left, dy.w, self.w, *self.step.stride, *ends)
            return [(lanes.fill, (dx.data, dx.data.dtype.type(0))), (lanes.spread, spread)]
        columns = (np.arange(kw) - kw + 1 + left) * n + dy.left
        weights = (self.w, (kh * kw - 1) * ci * co, (co, 1, -kw * ci * co, -ci * co), kh)
        target = (dx.data, dx.left, dx.w * n, ci, 1, top - kh + 1)
        kernel = lanes.convolve(lanes.group(ci, (8, 6, 4)))
        return [(kernel, (dy.data, columns, *weights, np.zeros(ci, self.w.dtype), False, *target))]


class Program:
    """`forward` and `backward` are the calls; `x`, `logits`, `dlogits` the buffers where they begin and end."""

    def __init__(self, steps: Sequence[Step], flat: Array, gradient: Array, n: int) -> None:
        self.n = n
        self.forward: list[Call] = []
        self.backward: list[Call] = []
        self._flat, self._gradient, self._at = flat, gradient, 0
        values, gradients = [self._image(steps, 0)], [self._image(steps, 0, gradient=True)]
        for k, step in enumerate(steps):
            same = isinstance(step, Flatten)  # the dense layer reads the image as it lies
            values.append(values[k] if same else self._image(steps, k + 1))
            gradients.append(gradients[k] if same else self._image(steps, k + 1, gradient=True))
        for k, step in enumerate(steps):
            if isinstance(step, Flatten):
                continue
            add: Any = {Conv: self._conv, Pool: self._pool, Dense: self._dense}[type(step)]
            first = all(isinstance(earlier, Flatten) for earlier in steps[:k])
            ahead, back = add(step, values[k], values[k + 1], gradients[k], gradients[k + 1], first)
            self.forward += ahead
            self.backward = back + self.backward
        self.x, self.logits, self.dlogits = values[0], values[-1].data, gradients[-1].data

    def _image(self, steps: Sequence[Step], k: int, gradient: bool = False) -> Image:
        """What goes into step k, or its gradient, with the frame that its reader needs"""
        n, dtype = self.n, self._flat.dtype
        maker, step = steps[k - 1] if k else None, steps[k] if k < len(steps) else None
        if isinstance(maker, Dense):
            return image(maker.units, 1, 0, 1, 0, n, dtype)
        assert step is not None and not isinstance(step, Dense)
        (h, w), c = step.size, step.ci if isinstance(step, Conv) else step.c
        left, right = step.pads[1] if isinstance(step, Conv) else (0, 0)
        if gradient:
            left, right = 0, 0
            if isinstance(maker, Conv) and maker.stride == (1, 1):
                left, right = maker.kernel[1] - 1, max(0, maker.size[1] + maker.pads[1][0] - w)
        return image(c, h, left, w, right, n, dtype)

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
            (lanes.relu_db, (dy.data, dy.left, y.data, y.left, run, step.relu, db)),
            *calls.dw(dy, dw),
        ]
        return calls.forward(b, y), back if first else back + calls.dx(dy, dx)

    def _pool(self, step: Pool, x: Image, y: Image, dx: Image, dy: Image, first: bool) -> tuple[list[Call], list[Call]]:
        window = (*step.kernel, *step.stride, step.pads[0][0], step.pads[1][0])
        ends = (y.w, self.n)
        pool = lanes.avg_pool if step.average else lanes.max_pool
        ahead: Call = (pool, (x.data, x.left, x.w, *window, y.data, y.left, *ends))
        if first:
            return [ahead], []
        back: Call
        if step.average:
            back = (lanes.avg_pool_dx, (dy.data, dy.left, x.w, *window, dx.data, dx.left, *ends))
        else:
            seen = (x.data, x.left, x.w, y.data, y.left)
            back = (lanes.max_pool_dx, (dy.data, dy.left, *seen, *window, True, dx.data, dx.left, *ends))
        return [ahead], [(lanes.fill, (dx.data, dx.data.dtype.type(0))), back]

    def _dense(
        self, step: Dense, x: Image, y: Image, dx: Image, dy: Image, first: bool
    ) -> tuple[list[Call], list[Call]]:
        w, b, dw, db = self._weights(step.inputs, step.units)
        (c, h, _), n, units = x.data.shape, self.n, step.units
        columns = x.left + np.arange(x.w) * n
        weights = (w, 0, (1, units, x.w * c * units, c * units), h)
        kernel = lanes.convolve(lanes.group(units, (8, 6, 4)))
        turned = aligned((n, units), w.dtype)
        none = np.zeros(c, w.dtype)
        back: list[Call] = [
            (lanes.relu_db, (dy.data, 0, y.data, 0, n, step.relu, db)),
            (dense.turn, (dy.data, turned)),
            (dense.dense_dw, (turned, x.data, x.left, x.w, dw)),
        ]
        if not first:
            back.append((dense.dense_dx, (dy.data, w, none, dx.data, dx.left, x.w, n)))
        return [(kernel, (x.data, columns, *weights, b, step.relu, y.data, 0, n, units, 1, 0))], back


def run(calls: list[Call]) -> None:
    """Do them in order."""
    for kernel, arguments in calls:
        kernel(*arguments)
