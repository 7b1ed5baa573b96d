"""A whole pass of a network as a tape of compiled kernels: made once for blocks of n examples, run many times.

All buffers are made with the tape, and what goes from one layer to the next stays in lanes
(`convlens.engines.compiled.over_examples`). A program belongs to one thread at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled import dense
from convlens.engines.compiled import over_examples as lanes
from convlens.engines.compiled.tape import Call, Slot, Tape
from convlens.engines.specs import Conv, Dense, Flatten, Pool, Step
from convlens.geometry import Pair
from convlens.machine.memory import aligned


class Image(NamedTuple):
    """Planes in lanes: `first` is the view of (planes, h, row * n) from the first pixel on, past the frame's left"""

    data: Array
    first: Array
    w: int

    @property
    def planes(self) -> int:
        """How many"""
        return int(self.data.shape[0])

    @property
    def shape(self) -> tuple[int, int, int]:
        """planes, rows, and the numbers of a row with its frame"""
        planes, h, row = self.data.shape
        return planes, h, row


def image(planes: int, h: int, left: int, w: int, right: int, n: int, dtype: np.dtype[Any]) -> Image:
    """A new one, all zeros, with a frame of so many columns to the left and right"""
    data = aligned((planes, h, (left + w + right) * n), dtype)
    return Image(data, data[:, :, left * n :], w)


def load_call(x: Slot, into: Image, n: int) -> Call:
    """The image of x (n, h, w, c)"""
    return lanes.to_lanes, (x, into.first, *into.shape, into.w, n)


def store_call(out: Image, y: Slot, n: int) -> Call:
    """The image as y (n, h, w, c)"""
    return lanes.from_lanes, (y, out.first, *out.shape, out.w, n)


class ConvCalls:
    """A convolution's calls. x has the frame of its padding; dy, for dx at stride 1, one of kw - 1 columns."""

    def __init__(self, step: Conv, x: Image, w: Array, n: int) -> None:
        self.step, self.w, self.n, self.wide = step, w, n, x.w
        kw, sw = step.kernel[1], step.stride[1]
        ci, h, row = x.shape
        left = row // n - x.first.shape[2] // n
        columns = np.arange(kw) + left - step.pads[1][0]
        phase = -(-row // n // sw)
        self.columns = (columns % sw * phase + columns // sw) * n
        self.first = -step.pads[0][0]
        self.before: list[Call] = []
        self.x = x.data
        if sw > 1:
            self.x = aligned((ci, h, sw * phase * n), x.data.dtype)
            self.before.append((lanes.by_phase, (x.data, ci, h, row, sw, self.x, phase * n, n)))

    def forward(self, b: Array, y: Image) -> list[Call]:
        """y = relu(x * w + b)"""
        (kh, kw), ci, co, sh = self.step.kernel, self.step.ci, self.step.co, self.step.stride[0]
        weights = (self.w, 1, co, kw * ci * co, ci * co, kh, kw, b, self.step.relu)
        lead, wide = (self.step.pads[1][0], self.wide) if self.step.stride[1] == 1 else (0, kw + y.w)
        target = (y.first, *y.shape, y.w * self.n, sh, self.first, lead, wide, self.columns, self.n)
        kernel = lanes.convolve(lanes.tile(co, 8, 6, 4))
        return [*self.before, (kernel, (self.x, *self.x.shape, *weights, *target))]

    def dw(self, dy: Image, dw: Array | Slot) -> list[Call]:
        """dw += the gradient of the kernel; `forward` ran before"""
        kh, kw = self.step.kernel
        kernel = lanes.correlation(lanes.tile(self.step.co, 4, 3), lanes.tile(kw, 5, 3, 1))
        target = (dy.first, *dy.shape, dy.w * self.n, self.step.stride[0], self.first, dw, kh, kw, self.columns)
        return [(kernel, (self.x, *self.x.shape, *target))]

    def dx(self, dy: Image, dx: Image) -> list[Call]:
        """dx = the gradient of x: at stride 1 a convolution of dy with the kernel turned round"""
        (kh, kw), ((top, _), (left, _)), n = self.step.kernel, self.step.pads, self.n
        ci, co = self.step.ci, self.step.co
        if self.step.stride != (1, 1):
            here = (self.w, kh, kw, *self.step.stride, -top, -left)
            spread = (dy.first, *dy.shape, dy.w, *here, dx.first, *dx.shape, dx.w, n)
            return [(lanes.clear, (dx.data, dx.data.size)), (lanes.spread, spread)]
        columns = (np.arange(kw) - kw + 1 + left) * n
        weights = (self.w.reshape(-1)[(kh * kw - 1) * ci * co :], co, 1, -kw * ci * co, -ci * co, kh, kw)
        target = (dx.first, *dx.shape, dx.w * n, 1, top - kh + 1, kw - 1 - left, dy.w, columns, n)
        kernel = lanes.convolve(lanes.tile(ci, 8, 6, 4))
        none = np.zeros(ci, self.w.dtype)
        return [(kernel, (dy.first, *dy.shape, *weights, none, False, *target))]


def pool_call(x: Image, y: Image, kernel: Pair, stride: Pair, start: Pair, average: bool, n: int) -> Call:
    """y = the largest, or the mean, of each window of x; the first one begins `start` rows and columns before x"""
    pool = lanes.avg_pool if average else lanes.max_pool
    return pool, (x.first, *x.shape, x.w, *kernel, *stride, *start, y.first, *y.shape[1:], y.w, n)


def pool_dx_calls(
    dy: Image, x: Image, y: Image | None, kernel: Pair, stride: Pair, start: Pair, first: bool, dx: Image, n: int
) -> list[Call]:
    """dx = the gradient of x: of the largest, or of the mean if there is no y"""
    window = (*kernel, *stride, *start)
    clear: Call = (lanes.clear, (dx.data, dx.data.size))
    if y is None:
        return [clear, (lanes.avg_pool_dx, (dy.first, *dy.shape, dy.w, *window, dx.first, *dx.shape[1:], dx.w, n))]
    seen = (x.first, *x.shape, x.w, y.first, *y.shape[1:], y.w)
    return [clear, (lanes.max_pool_dx, (dy.first, dy.shape[2], *seen, *window, first, dx.first, dx.shape[2], n))]


SLOTS = ("x", "labels", "weight", "losses", "logits", "gradient")


class Program:
    """Passes over n examples as tapes with SLOTS: `forward` alone, and `both`, there and back

    x (n, h, w, c) -> logits (n, classes); with labels (n,) and weight (1,) -> losses (n,), and weight times their
    gradient is added to `gradient`, a vector like `flat`, which `clear` makes zero.
    """

    def __init__(self, steps: Sequence[Step], flat: Array, n: int) -> None:
        self.n = n
        self._flat, self._at = flat, 0
        values, gradients = [self._image(steps, 0)], [self._image(steps, 0, gradient=True)]
        for k, step in enumerate(steps):
            same = isinstance(step, Flatten)  # the dense layer reads the image as it lies
            values.append(values[k] if same else self._image(steps, k + 1))
            gradients.append(gradients[k] if same else self._image(steps, k + 1, gradient=True))
        forward: list[Call] = [load_call(Slot("x"), values[0], n)]
        backward: list[Call] = []
        for k, step in enumerate(steps):
            if isinstance(step, Flatten):
                continue
            add: Any = {Conv: self._conv, Pool: self._pool, Dense: self._dense}[type(step)]
            first = all(isinstance(earlier, Flatten) for earlier in steps[:k])
            ahead, back = add(step, values[k], values[k + 1], gradients[k], gradients[k + 1], first)
            forward += ahead
            backward = back + backward
        logits, classes = values[-1].data, values[-1].planes
        forward.append((dense.turn, (logits, classes, Slot("logits"), n)))
        goal = (logits, classes, Slot("weight"), Slot("losses"), gradients[-1].data, Slot("labels"), n)
        self.clear = Tape([(lanes.clear, (Slot("gradient"), flat.size))], flat.dtype, SLOTS)
        self.forward = Tape(forward, flat.dtype, SLOTS)
        self.both = Tape([*forward, (dense.cross_entropy, goal), *backward], flat.dtype, SLOTS)

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

    def _weights(self, *shape: int) -> tuple[Array, Array, Slot, Slot]:
        """The next kernel and bias, and where their gradients go"""
        start = self._at
        middle = start + int(np.prod(shape))
        self._at = middle + shape[-1]
        views = self._flat[start:middle].reshape(shape), self._flat[middle : self._at]
        return *views, Slot("gradient", start), Slot("gradient", middle)

    def _relu(self, active: bool, y: Image, dy: Image, db: Slot) -> Call:
        return lanes.relu_db, (dy.first, dy.shape[2], y.first, y.shape[2], *y.shape[:2], y.w * self.n, active, db)

    def _conv(self, step: Conv, x: Image, y: Image, dx: Image, dy: Image, first: bool) -> tuple[list[Call], list[Call]]:
        w, b, dw, db = self._weights(*step.kernel, step.ci, step.co)
        calls = ConvCalls(step, x, w, self.n)
        back = [self._relu(step.relu, y, dy, db), *calls.dw(dy, dw)]
        return calls.forward(b, y), back if first else back + calls.dx(dy, dx)

    def _pool(self, step: Pool, x: Image, y: Image, dx: Image, dy: Image, first: bool) -> tuple[list[Call], list[Call]]:
        window = (step.kernel, step.stride, (step.pads[0][0], step.pads[1][0]))
        back = [] if first else pool_dx_calls(dy, x, None if step.average else y, *window, True, dx, self.n)
        return [pool_call(x, y, *window, step.average, self.n)], back

    def _dense(
        self, step: Dense, x: Image, y: Image, dx: Image, dy: Image, first: bool
    ) -> tuple[list[Call], list[Call]]:
        w, b, dw, db = self._weights(step.inputs, step.units)
        (c, h, row), n, units = x.shape, self.n, step.units
        weights = (w, 1, units, x.w * c * units, c * units, h, x.w, b, step.relu)
        kernel = lanes.convolve(lanes.tile(units, 8, 6, 4))
        ahead: Call = (
            kernel,
            (x.first, c, h, row, *weights, y.data, units, 1, n, n, 1, 0, 0, x.w, np.arange(x.w) * n, n),
        )
        turned, none, here = aligned((n, units), w.dtype), np.zeros(c, w.dtype), np.zeros(1, np.int64)
        back: list[Call] = [
            self._relu(step.relu, y, dy, db),
            (dense.turn, (dy.data, units, turned, n)),
            (dense.dense_dw, (turned, units, x.first, c, h, row, x.w, dw, here, n)),
        ]
        if not first:
            back.append((dense.dense_dx, (dy.data, units, w, none, dx.first, *dx.shape, dx.w, here, n)))
        return [ahead], back
