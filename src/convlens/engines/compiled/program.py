"""A program: a network's passes over a block of n examples as tapes, which are made once and played many times.

All buffers are allocated with the tapes. The values between two layers are images in the layout of `over_examples`.
Only one thread at a time may use a program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled import dense, over_examples
from convlens.engines.compiled.kernel import Call, Slot
from convlens.engines.compiled.over_examples import tile
from convlens.engines.compiled.tape import Tape
from convlens.engines.specs import Activation, Conv, Dense, Flatten, Pool, Spec
from convlens.machine.memory import aligned

# Found by `python -m benchmarks.tuning`. Eight outputs hide the latency of a multiply-add: it takes 4 cycles, and two
# start in each cycle. Tiles of 6 and 4 waste nothing on LeNet-5's layers.
OUTPUT_TILES = (8, 6, 4)
DW_OUTPUT_TILES, DW_TAP_TILES = (4, 3), (5, 3, 1)  # at most 20 sums, which fit 32 registers with the loaded vectors


class Fused(NamedTuple):
    """An operation, and whether a ReLU follows it"""

    spec: Spec
    relu: bool


def fuse_relus(specs: Sequence[Spec]) -> list[Fused]:
    """Return the operations in order; a ReLU becomes part of the operation before it."""
    found: list[Fused] = []
    for spec in specs:
        if isinstance(spec, Activation):
            found[-1] = Fused(found[-1].spec, True)
        else:
            found.append(Fused(spec, False))
    return found


@dataclass(frozen=True)
class Image:
    """A block of examples in the layout of `over_examples`; data is (planes, rows, pitch), with the frame."""

    data: Array
    origin: Array  # a view of `data` that begins at the first pixel, after the left frame
    columns: int

    @property
    def planes(self) -> int:
        """The number of channels"""
        return int(self.data.shape[0])

    @property
    def rows(self) -> int:
        """The number of rows"""
        return int(self.data.shape[1])

    @property
    def pitch(self) -> int:
        """The distance from one row to the next, in numbers"""
        return int(self.data.shape[2])


def image(planes: int, rows: int, left: int, columns: int, right: int, n: int, dtype: np.dtype[Any]) -> Image:
    """Return a new image of zeros, with a frame of `left` and `right` columns."""
    data = aligned((planes, rows, (left + columns + right) * n), dtype)
    return Image(data, data[:, :, left * n :], columns)


@dataclass(frozen=True)
class PlannedLayer:
    """A layer of a program with its images: x, y and their gradients. first: whether the layer is the first one, which
    needs no dx"""

    spec: Any
    relu: bool
    x: Image
    y: Image
    dx: Image
    dy: Image
    first: bool
    n: int

    def relu_db(self, db: Slot) -> Call:
        """Return the call for the ReLU's backward, in place in dy, and the bias's gradient."""
        return over_examples.relu_db(dy=self.dy, y=self.y, run=self.dy.columns * self.n, relu=self.relu, db=db)

    def clear_dx(self) -> Call:
        """Return the call that sets dx = 0."""
        return over_examples.fill_zeros(x=self.dx.data, count=self.dx.data.size)


class Weights(NamedTuple):
    """A kernel and a bias, and the slots for their gradients"""

    w: Array
    b: Array
    dw: Slot
    db: Slot


Calls = tuple[list[Call], list[Call]]  # forward, backward


def conv_calls(layer: PlannedLayer, weights: Weights) -> Calls:
    """Return the calls of a convolution.

    x has a frame for the padding. For dx at stride 1, dy has a frame of kw - 1 columns.
    """
    spec: Conv = layer.spec
    x, y, n = layer.x, layer.y, layer.n
    (kh, kw), ci, co, (top, _), (left, _) = spec.kernel, spec.ci, spec.co, *spec.pads
    sh, sw = (stride if windows > 1 else 1 for stride, windows in zip(spec.stride, spec.out, strict=True))
    frame = x.pitch // n - x.origin.shape[2] // n
    columns = np.arange(kw) + frame - left  # columns of the first output's taps, counted from the frame's beginning
    before, seen, lead, inside = [], x.data, left, x.columns
    if sw > 1:
        phase = -(-x.pitch // n // sw)
        seen = aligned((ci, x.rows, sw * phase * n), x.data.dtype)
        whole = Image(x.data, x.data, x.columns)
        before.append(over_examples.by_phase(x=whole, sw=sw, y=seen, phase=phase * n, lanes=n))
        columns = columns % sw * phase + columns // sw
        lead, inside = 0, kw + y.columns  # the columns are out of order, so the kernel must skip none
    source = Image(seen, seen, inside)
    taps, run = columns * n, y.columns * n
    w_steps = {"w_o": 1, "w_c": co, "w_a": kw * ci * co, "w_d": ci * co}
    forward = over_examples.convolve(tile(co, *OUTPUT_TILES))(
        x=source, lead=lead, w=weights.w, **w_steps, kh=kh, kw=kw, taps=taps, b=weights.b, relu=layer.relu, y=y,
        run=run, sh=sh, top=-top, lanes=n,
    )  # fmt: skip
    dw = over_examples.convolve_dw(tile(co, *DW_OUTPUT_TILES), tile(kw, *DW_TAP_TILES))(
        x=source, dy=layer.dy, run=run, sh=sh, top=-top, dw=weights.dw, kh=kh, kw=kw, taps=taps
    )
    backward = [layer.relu_db(weights.db), dw]
    if not layer.first:
        backward += _conv_dx(layer, weights.w, (sh, sw))
    return [*before, forward], backward


def _conv_dx(layer: PlannedLayer, w: Array, stride: tuple[int, int]) -> list[Call]:
    """Return the calls for dx. At stride 1 it is a convolution of dy with the kernel rotated by 180 degrees."""
    spec: Conv = layer.spec
    (kh, kw), ci, co, (top, _), (left, _) = spec.kernel, spec.ci, spec.co, *spec.pads
    dy, dx, n = layer.dy, layer.dx, layer.n
    if stride != (1, 1) or spec.stride != (1, 1):  # dy has a frame only at stride 1
        spread = over_examples.convolve_dx(
            dy=dy, w=w, kh=kh, kw=kw, sh=stride[0], sw=stride[1], top=-top, left=-left, dx=dx, lanes=n
        )
        return [layer.clear_dx(), spread]
    w_steps = {"w_o": co, "w_c": 1, "w_a": -kw * ci * co, "w_d": -ci * co}
    turned = over_examples.convolve(tile(ci, *OUTPUT_TILES))(
        x=dy, lead=kw - 1 - left, w=w.reshape(-1)[(kh * kw - 1) * ci * co :], **w_steps, kh=kh, kw=kw,
        taps=(np.arange(kw) - kw + 1 + left) * n, b=np.zeros(ci, w.dtype), relu=0, y=dx, run=dx.columns * n, sh=1,
        top=top - kh + 1, lanes=n,
    )  # fmt: skip
    return [turned]


def pool_calls(layer: PlannedLayer) -> Calls:
    """Return the calls of a pooling layer. If several maxima are equal, the first one gets the gradient."""
    spec: Pool = layer.spec
    (kh, kw), (sh, sw), (top, _), (left, _) = spec.kernel, spec.stride, *spec.pads
    window = {"kh": kh, "kw": kw, "sh": sh, "sw": sw, "top": top, "left": left, "lanes": layer.n}
    if spec.average:
        forward = over_examples.average_pool(x=layer.x, y=layer.y, **window)
        dx = over_examples.average_pool_dx(dy=layer.dy, dx=layer.dx, **window)
    else:
        forward = over_examples.max_pool(x=layer.x, y=layer.y, **window)
        dx = over_examples.max_pool_dx(dy=layer.dy, x=layer.x, y=layer.y, dx=layer.dx, only_one=1, **window)
    return [forward], [] if layer.first else [layer.clear_dx(), dx]


def dense_calls(layer: PlannedLayer, weights: Weights) -> Calls:
    """Return the calls of a dense layer. Its forward is a convolution with one window, the whole image."""
    x, y, dy, n, units = layer.x, layer.y, layer.dy, layer.n, layer.spec.units
    c, w, dtype = x.planes, weights.w, weights.w.dtype
    w_steps = {"w_o": 1, "w_c": units, "w_a": x.columns * c * units, "w_d": c * units}
    forward = over_examples.convolve(tile(units, *OUTPUT_TILES))(
        x=x, lead=0, w=w, **w_steps, kh=x.rows, kw=x.columns, taps=np.arange(x.columns) * n, b=weights.b,
        relu=layer.relu, y=y, run=n, sh=1, top=0, lanes=n,
    )  # fmt: skip
    turned, tap = aligned((n, units), dtype), np.zeros(1, np.int64)
    backward = [
        layer.relu_db(weights.db),
        dense.transpose(x=dy, features=units, y=turned, lanes=n),
        dense.dense_dw(dy=turned, units=units, x=x, dw=weights.dw, tap=tap, lanes=n),
    ]
    if not layer.first:
        zeros = np.zeros(c, dtype)
        backward.append(dense.dense_dx(dy=dy, units=units, w=w, zeros=zeros, dx=layer.dx, tap=tap, lanes=n))
    return [forward], backward


SLOTS = ("x", "labels", "weight", "losses", "logits", "gradient")


class Program:
    """The passes over n examples as tapes with SLOTS: `forward`, `both` (forward and backward), and `clear`.

    forward: x (n, h, w, c) -> logits (n, classes). both: needs labels (n,) and weight (1,) too, and also gives losses
    (n,). It adds the gradient of weight * sum(losses) to `gradient`, a vector like `flat`. clear: sets `gradient` to 0.
    """

    def __init__(self, specs: Sequence[Spec], flat: Array, n: int) -> None:
        self.n = n
        self._flat, self._at = flat, 0
        parts = fuse_relus(specs)
        values, gradients = [self._image(parts, 0)], [self._image(parts, 0, gradient=True)]
        for k, step in enumerate(parts):
            same = isinstance(step.spec, Flatten)  # no new image: the dense layer reads the image before Flatten
            values.append(values[k] if same else self._image(parts, k + 1))
            gradients.append(gradients[k] if same else self._image(parts, k + 1, gradient=True))
        forward = [over_examples.from_nhwc(x=Slot("x"), y=values[0], lanes=n)]
        backward: list[Call] = []
        for k, (spec, relu) in enumerate(parts):
            if isinstance(spec, Flatten):
                continue
            first = all(isinstance(earlier.spec, Flatten) for earlier in parts[:k])
            layer = PlannedLayer(spec, relu, values[k], values[k + 1], gradients[k], gradients[k + 1], first, n)
            ahead, back = self._calls(layer)
            forward += ahead
            backward = back + backward
        logits, classes = values[-1].data, values[-1].planes
        forward.append(dense.transpose(x=logits, features=classes, y=Slot("logits"), lanes=n))
        loss = dense.cross_entropy(
            logits=logits, classes=classes, weight=Slot("weight"), losses=Slot("losses"), dlogits=gradients[-1].data,
            labels=Slot("labels"), lanes=n,
        )  # fmt: skip
        clear = over_examples.fill_zeros(x=Slot("gradient"), count=flat.size)
        self.clear = Tape([clear], flat.dtype, SLOTS)
        self.forward = Tape(forward, flat.dtype, SLOTS)
        self.both = Tape([*forward, loss, *backward], flat.dtype, SLOTS)

    def _calls(self, layer: PlannedLayer) -> Calls:
        spec = layer.spec
        if isinstance(spec, Conv):
            return conv_calls(layer, self._weights(*spec.kernel, spec.ci, spec.co))
        if isinstance(spec, Dense):
            return dense_calls(layer, self._weights(spec.inputs, spec.units))
        return pool_calls(layer)

    def _image(self, parts: Sequence[Fused], k: int, gradient: bool = False) -> Image:
        """Return the input image of step k, or the image of its gradient, with the frame that its reader needs."""
        n, dtype = self.n, self._flat.dtype
        maker = parts[k - 1].spec if k else None
        reader = parts[k].spec if k < len(parts) else None
        if isinstance(maker, Dense):
            return image(maker.units, 1, 0, 1, 0, n, dtype)
        if isinstance(reader, Flatten):
            (h, w, c), (left, right) = reader.shape, (0, 0)
        elif isinstance(reader, Conv):
            (h, w), c, (left, right) = reader.size, reader.ci, reader.pads[1]
        else:
            assert isinstance(reader, Pool)
            (h, w), c, (left, right) = reader.size, reader.c, (0, 0)
        if gradient:
            left, right = 0, 0
            if isinstance(maker, Conv) and maker.stride == (1, 1):
                left, right = maker.kernel[1] - 1, max(0, maker.size[1] + maker.pads[1][0] - w)
        return image(c, h, left, w, right, n, dtype)

    def _weights(self, *shape: int) -> Weights:
        """Return the next kernel and bias in `flat`."""
        start = self._at
        middle = start + int(np.prod(shape))
        self._at = middle + shape[-1]
        w, b = self._flat[start:middle].reshape(shape), self._flat[middle : self._at]
        return Weights(w, b, Slot("gradient", start), Slot("gradient", middle))
