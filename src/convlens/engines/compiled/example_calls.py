"""The calls of a layer with examples in lanes: see `over_examples`, and for the layers after Flatten `dense`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled import dense, over_examples
from convlens.engines.compiled.image import Image
from convlens.engines.compiled.kernel import Call, Slot
from convlens.engines.compiled.over_examples import tile
from convlens.engines.compiled.registers import BYTES
from convlens.engines.specs import Conv, Pool
from convlens.machine.memory import aligned

# Found by `python -m benchmarks.tuning`. Eight outputs hide the latency of a multiply-add: it takes 4 cycles, and two
# start in each cycle. Tiles of 6 and 4 waste nothing on LeNet-5's layers.
OUTPUT_TILES = (8, 6, 4)
EXAMPLE_TILES = (16, 8, 4, 2, 1) if BYTES == 64 else (8, 4, 2, 1)  # of a dense layer, forward
DW_OUTPUT_TILES, DW_TAP_TILES = (4, 3), (5, 3, 1)  # at most 20 sums, which fit 32 registers with the loaded vectors


@dataclass(frozen=True)
class PlannedLayer:
    """A layer of a program with its images: x, y and their gradients. first: whether the layer is the first one, which
    needs no dx. pooled: whether a max pool follows, whose backward does the ReLU's and the bias's: see `pooled_calls`
    """

    spec: Any
    relu: bool
    x: Image
    y: Image
    dx: Image
    dy: Image
    first: bool
    n: int
    pooled: bool = False

    def relu_db(self, db: Slot | Array) -> list[Call]:
        """Return the calls for the ReLU's backward, in place in dy, and the bias's gradient."""
        run = self.dy.columns * self.n
        return [] if self.pooled else [over_examples.relu_db(dy=self.dy, y=self.y, run=run, relu=self.relu, db=db)]

    def clear_dx(self) -> Call:
        """Return the call that sets dx = 0."""
        return over_examples.fill_zeros(x=self.dx.data, count=self.dx.size)


class Weights(NamedTuple):
    """A kernel and a bias, and the slots for their gradients"""

    w: Array
    b: Array
    dw: Slot | Array
    db: Slot | Array


Calls = tuple[list[Call], list[Call]]  # forward, backward


def conv_calls(layer: PlannedLayer, weights: Weights) -> Calls:
    """Return the calls of a convolution.

    x has a frame for the padding. For dx at stride 1, dy has a frame of kw - 1 columns.
    """
    spec: Conv = layer.spec
    x, y, n = layer.x, layer.y, layer.n
    (kh, kw), ci, co, (top, _), (left, _) = spec.kernel, spec.ci, spec.co, *spec.pads
    sh, sw = (stride if windows > 1 else 1 for stride, windows in zip(spec.stride, spec.out, strict=True))
    columns = (
        np.arange(kw) + x.frame.left - left
    )  # columns of the first output's taps, counted from the frame's beginning
    before, seen, lead, inside, pitch = [], x.data, left, x.columns, x.pitch
    if sw > 1:
        phase = -(-x.pitch // n // sw)
        pitch = sw * phase * n
        seen = aligned(ci * x.rows * pitch, weights.w.dtype)
        before.append(over_examples.by_phase(x=replace(x, origin=x.data), sw=sw, y=seen, phase=phase * n, lanes=n))
        columns = columns % sw * phase + columns // sw
        lead, inside = 0, kw + y.columns  # the columns are out of order, so the kernel must skip none
    source = replace(x, data=seen, origin=seen, columns=inside, pitch=pitch, plane=x.rows * pitch)
    taps, run = columns * n, y.columns * n
    w_steps = {"w_o": 1, "w_c": co, "w_a": kw * ci * co, "w_d": ci * co}
    forward = over_examples.convolve(tile(co, *OUTPUT_TILES))(
        x=source, lead=lead, w=weights.w, **w_steps, kh=kh, kw=kw, taps=taps, b=weights.b, relu=layer.relu, y=y,
        run=run, sh=sh, top=-top, lanes=n,
    )  # fmt: skip
    dw = over_examples.convolve_dw(tile(co, *DW_OUTPUT_TILES), tile(kw, *DW_TAP_TILES))(
        x=source, dy=layer.dy, run=run, sh=sh, top=-top, dw=weights.dw, kh=kh, kw=kw, taps=taps
    )
    backward = [*layer.relu_db(weights.db), dw]
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
    window = {"kh": kh, "kw": kw, "sh": sh, "sw": sw, "top": top, "left": left, "lanes": layer.x.lanes}
    if spec.average:
        forward = over_examples.average_pool(x=layer.x, y=layer.y, **window)
        dx = over_examples.average_pool_dx(dy=layer.dy, dx=layer.dx, **window)
    else:
        side = kh if kh == kw and kh in (2, 3) else 0
        forward = over_examples.max_pool(side)(x=layer.x, y=layer.y, **window)
        dx = over_examples.max_pool_dx(side, int(sh < kh or sw < kw))(
            dy=layer.dy, x=layer.x, y=layer.y, dx=layer.dx, only_one=1, **window
        )
        if side and spec.size == (sh * spec.out[0], sw * spec.out[1]) and (kh, kw) == (sh, sw) and not (top or left):
            return [forward], [] if layer.first else [dx]  # every place of dx is written once
    return [forward], [] if layer.first else [layer.clear_dx(), dx]


def pooled_calls(layer: PlannedLayer, db: Slot | Array) -> Calls:
    """Return the calls of a max pool after a convolution with a ReLU, and the backward of the ReLU and of the bias db.

    The gradient goes to the first maximum of a window alone. So it passes the ReLU there if the maximum is above 0, and
    the sum of what passes is the bias's. The pool's output has fewer numbers to read than the convolution's.
    """
    forward, backward = pool_calls(layer)
    return forward, [*replace(layer, relu=True).relu_db(db), *backward]


def _dense_tile(n: int, units: int, itemsize: int) -> tuple[int, int]:
    """Return the examples and the vectors of units in a register tile of a dense layer: together at least 8 sums."""
    examples = tile(n, *EXAMPLE_TILES)
    vectors, most = -(-units * itemsize // BYTES), max(1, 8 // examples)
    return examples, vectors if vectors < most else tile(vectors, *range(most, most // 2, -1))


def dense_calls(layer: PlannedLayer, weights: Weights) -> Calls:
    """Return the calls of a dense layer. In the forward, a vector holds units, so each weight is loaded once."""
    x, y, dy, n, units = layer.x, layer.y, layer.dy, layer.n, layer.spec.units
    c, w, dtype = x.planes, weights.w, weights.w.dtype
    rows = y.data if n == 1 else aligned((n, units), dtype)
    forward = [
        dense.dense(*_dense_tile(n, units, dtype.itemsize))(x=x, w=w, b=weights.b, units=units, relu=layer.relu, y=rows)
    ]
    if n > 1:
        forward.append(dense.load(x=rows, features=units, y=y, lanes=n))
    turned, tap = aligned((n, units), dtype), np.zeros(1, np.int64)
    backward = [
        *layer.relu_db(weights.db),
        dense.transpose(x=dy, features=units, y=turned, lanes=n),
        dense.dense_dw(dy=turned, units=units, x=x, dw=weights.dw, tap=tap, lanes=n),
    ]
    if not layer.first:
        zeros = np.zeros(c, dtype)
        backward.append(dense.dense_dx(dy=dy, units=units, w=w, zeros=zeros, dx=layer.dx, tap=tap, lanes=n))
    return forward, backward
