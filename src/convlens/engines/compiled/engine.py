"""The engine numba: kernels compiled by Numba, for single operations and for fused passes.

Numba compiles a kernel at its first use on a machine; all kernels together take a few seconds. Later starts link the
kept machine code and do not import Numba.
An operation is cut into pieces that threads share. The cut depends only on the shapes, so the bits do not depend on the
number of threads. The README in this folder explains the package.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from convlens.arrays import Array, contiguous
from convlens.engines.compiled import dense, fused, over_channels, pixel_calls, single
from convlens.engines.compiled.kernel import Call, Slot
from convlens.engines.compiled.operation import Operation, Plan, pieces
from convlens.engines.compiled.over_channels import taps
from convlens.engines.compiled.over_examples import tile
from convlens.engines.compiled.registers import BYTES
from convlens.engines.padding import NO_PADS, pad
from convlens.engines.specs import Spec
from convlens.geometry import Pads, Pair
from convlens.machine.memory import aligned
from convlens.machine.threads import usable_threads

name = "numba"
least_part = sys.maxsize  # no part gets a thread from the caller: a fused pass cuts the batch itself

# Found by `python -m benchmarks.tuning`, which prints the time for each choice. The first of equally good ones is used
FORWARD_TILES, DW_TILES = (8, 7, 9, 10), (14, 12, 10, 8, 11, 6, 5)
# Cost of one cell of a window, in operations, where a multiply-add counts as 2. Masked loads, compares and stores are
# counted by the time that they take
POOL_COST, MAX_POOL_DX_COST, SUM_POOL_DX_COST = 2.0, 40.0, 20.0

_THREADS = usable_threads()
_SHAPES = 512  # planned shapes that are cached for each operation

Shape = tuple[int, ...]
Type = np.dtype[Any]


def _steps(prefix: str, shape: Shape, stride: Pair) -> dict[str, int]:
    """Return how many numbers x (n, h, w, c) has up to the next example, row, window below and window to the right."""
    _, h, w, c = shape
    sizes = {"n": h * w * c, "row": w * c, "i": stride[0] * w * c, "j": stride[1] * c}
    return {f"{prefix}_{step}": size for step, size in sizes.items()}


def _example(shape: Shape) -> int:
    """Return how many numbers one example of an array (n, h, w, c) has."""
    return shape[1] * shape[2] * shape[3]


def _give(out: Array, y: Array) -> None:
    """Copy the result `out` into the caller's array y, unless the kernel wrote into y itself."""
    if out is not y:
        y[...] = out


# ---------------------------------------------------------------- convolution


def _neighbours(w: Shape, sw: int, ow: int, dtype: Type) -> int:
    """Return how many neighbouring outputs of a row share a vector."""
    return over_channels.best_width(ow, w[1], sw, w[3], BYTES // dtype.itemsize)


def _in_lanes(w: Shape, sw: int, ow: int, dtype: Type) -> bool:
    """Return whether the output channels fill the lanes of vectors as well as neighbouring outputs do, or nearly so."""
    return 2 * w[3] >= BYTES // dtype.itemsize and _neighbours(w, sw, ow, dtype) == 1


@lru_cache(_SHAPES)
def _conv2d(x: Shape, w: Shape, stride: Pair, y: Shape, dtype: Type) -> Operation:
    (sh, sw), (n, oh, ow, co), (kh, kw, ci, _) = stride, y, w
    width = _neighbours(w, sw, ow, dtype)
    run = (kw + (width - 1) * sw) * ci
    size = tile(ow // width, *FORWARD_TILES)
    cut = pieces(n, 2.0 * n * _example(y) * kh * kw * ci)

    def calls(examples: int) -> list[Call]:
        call = over_channels.convolve(size, ow // width % size)(
            x=Slot("x"), **_steps("x", x, (sh, width * sw)), examples=examples, oh=oh, ow=ow // width, co=width * co,
            w=Slot("w"), kh=kh, run=run, taps=taps(run, BYTES // dtype.itemsize), b=Slot("b"), y=Slot("y"),
        )  # fmt: skip
        return [call]

    return Operation(Plan(calls, n, cut, {"x": _example(x), "y": _example(y)}), dtype, _THREADS)


def conv2d(x: Array, w: Array, b: Array, stride: Pair, y: Array, pads: Pads = NO_PADS) -> None:
    """y[n,i,j,o] = b[o] + sum_abc xp[n, i*sh+a, j*sw+b, c] * w[a,b,c,o], where xp is x with its frame"""
    x, out = contiguous(x), contiguous(y)
    _, kw, ci, _ = w.shape
    enough = max(ci, kw * ci // 2) >= BYTES // y.itemsize  # else the usual layout is faster
    if enough and _in_lanes(w.shape, stride[1], y.shape[2], y.dtype):
        single.forward(x, contiguous(w), contiguous(b), stride, pads, out)
        return _give(out, y)
    x = pad(x, pads)
    width = _neighbours(w.shape, stride[1], y.shape[2], y.dtype)
    packed = over_channels.panels(over_channels.band(w, width, stride[1]).reshape(-1, width * len(b)))
    _conv2d(x.shape, w.shape, stride, y.shape, y.dtype).run(x=x, w=packed, b=np.tile(b, width), y=out)
    _give(out, y)


def conv2d_dx(dy: Array, w: Array, stride: Pair, dx: Array, pads: Pads = NO_PADS) -> None:
    """dxp[n, i*sh+a, j*sw+b, c] = the sum of dy[n,i,j,o] * w[a,b,c,o] over all windows that see that cell, and o"""
    ci, co = w.shape[2:]
    wide = BYTES // dy.itemsize
    dy, out = contiguous(dy), contiguous(dx)
    way = single.gradient_of_x if min(2 * ci, co) >= wide else pixel_calls.gradient_of_x
    way(dy, contiguous(w), stride, pads, out)
    _give(out, dx)


@lru_cache(_SHAPES)
def _conv2d_dw(dy: Shape, x: Shape, stride: Pair, dw: Shape, dtype: Type) -> tuple[Operation, int, Shape, int]:
    """Return the operation, the number of neighbouring outputs in a vector, the shape of the sums, and the size of a
    packed example. Each piece has its own sum.
    """
    (sh, sw), (n, oh, ow, _), (kh, kw, ci, co) = stride, dy, dw
    wide, width = BYTES // dtype.itemsize, _neighbours(dw, sw, ow, dtype)
    run, columns = (kw + (width - 1) * sw) * ci, width * co
    cut = pieces(n, 2.0 * n * _example(dy) * kh * kw * ci)
    panel = oh * ow // width * wide

    def calls(examples: int) -> list[Call]:
        call = over_channels.convolve_dw(tile(run, *DW_TILES))(
            x=Slot("x"), **_steps("x", x, (sh, width * sw)), dy=Slot("dy"), examples=examples, oh=oh, ow=ow // width,
            co=columns, taps=taps(ow // width, wide), kh=kh, run=run, panel=Slot("panel"), dw=Slot("dw"),
        )  # fmt: skip
        return [call]

    by_example, by_piece = {"x": _example(x), "dy": _example(dy)}, {"panel": panel, "dw": kh * run * columns}
    operation = Operation(Plan(calls, n, cut, by_example, by_piece), dtype, _THREADS)
    return operation, width, (cut, kh, run // ci, ci, width, co), panel


def conv2d_dw(dy: Array, x: Array, stride: Pair, dw: Array, pads: Pads = NO_PADS) -> None:
    """dw[a,b,c,o] = sum_nij xp[n, i*sh+a, j*sw+b, c] * dy[n,i,j,o], where xp is x with its frame"""
    dy, x, (kw, sw) = contiguous(dy), contiguous(x), (dw.shape[1], stride[1])
    if _in_lanes(dw.shape, sw, dy.shape[2], dw.dtype):
        out = contiguous(dw)
        single.gradient_of_w(dy, x, stride, pads, out)
        return _give(out, dw)
    x = pad(x, pads)
    operation, width, shape, panel = _conv2d_dw(dy.shape, x.shape, stride, dw.shape, dw.dtype)
    sums = np.zeros(shape, dw.dtype)
    operation.run(x=x, dy=dy, panel=aligned(shape[0] * panel, dw.dtype), dw=sums)
    total = sums.sum(axis=0)
    dw[...] = sum(total[:, j * sw : j * sw + kw, :, j] for j in range(width))


# ---------------------------------------------------------------- pooling


def _unrolled(kernel: Pair) -> int:
    """Return the side of a window whose loops are unrolled, 2 or 3; 0 for any other window."""
    return kernel[0] if kernel in ((2, 2), (3, 3)) else 0


@lru_cache(_SHAPES)
def _pool(operation: str, x: Shape, kernel: Pair, stride: Pair, y: Shape, dtype: Type) -> Operation:
    n, oh, ow, c = y
    kind, cost = {
        "max": (over_channels.max_pool(_unrolled(kernel)), POOL_COST),
        "sum": (over_channels.sum_pool, POOL_COST),
        "sum_dx": (over_channels.sum_pool_dx, SUM_POOL_DX_COST),
    }.get(operation, (over_channels.max_pool_dx(_unrolled(kernel)), MAX_POOL_DX_COST))
    given = {name: Slot(name) for name in ("x", "y", "dy", "dx") if name in kind.names}
    more = {"only_one": operation == "max_dx_first"} if "only_one" in kind.names else {}
    steps = _steps("x" if "x" in given else "dx", x, stride)

    def calls(examples: int) -> list[Call]:
        return [kind(**given, **steps, **more, examples=examples, oh=oh, ow=ow, c=c, kh=kernel[0], kw=kernel[1])]

    cut = pieces(n, cost * n * _example(y) * kernel[0] * kernel[1])
    moves = {"x": _example(x), "dx": _example(x), "y": _example(y), "dy": _example(y)}
    return Operation(Plan(calls, n, cut, moves), dtype, _THREADS)


def max_pool2d(xp: Array, kernel: Pair, stride: Pair, y: Array) -> None:
    """y[n,i,j,c] = max_ab xp[n, i*sh+a, j*sw+b, c]"""
    x, out = contiguous(xp), contiguous(y)
    _pool("max", x.shape, kernel, stride, y.shape, y.dtype).run(x=x, y=out)
    _give(out, y)


def max_pool2d_dx(dy: Array, xp: Array, y: Array, kernel: Pair, stride: Pair, ties: str, dxp: Array) -> None:
    """dxp += dy where xp equals the maximum y of its window: at the first such cell, or at all such cells"""
    dy, x, y, out = contiguous(dy), contiguous(xp), contiguous(y), contiguous(dxp)
    _pool(f"max_dx_{ties}", x.shape, kernel, stride, y.shape, y.dtype).run(x=x, y=y, dy=dy, dx=out)
    _give(out, dxp)


def sum_pool2d(xp: Array, kernel: Pair, stride: Pair, y: Array) -> None:
    """y[n,i,j,c] = sum_ab xp[n, i*sh+a, j*sw+b, c]"""
    x, out = contiguous(xp), contiguous(y)
    _pool("sum", x.shape, kernel, stride, y.shape, y.dtype).run(x=x, y=out)
    _give(out, y)


def sum_pool2d_dx(dy: Array, kernel: Pair, stride: Pair, dxp: Array) -> None:
    """dxp[n, i*sh+a, j*sw+b, c] = the sum of dy[n,i,j,c] over all windows that see that cell"""
    dy, out = contiguous(dy), contiguous(dxp)
    _pool("sum_dx", out.shape, kernel, stride, dy.shape, dy.dtype).run(dx=out, dy=dy)
    _give(out, dxp)


# ---------------------------------------------------------------- the rest


def adam(w: Array, m: Array, v: Array, g: Array, rate: float, beta_1: float, beta_2: float, epsilon: float) -> None:
    """m += (1 - beta_1)(g - m);  v += (1 - beta_2)(g² - v);  w -= rate m / (sqrt(v) + epsilon)"""
    numbers = np.array([rate, 1 - beta_1, 1 - beta_2, epsilon], w.dtype)
    dense.adam.run(w=w, mean=m, square=v, gradient=contiguous(g), count=w.size, numbers=numbers)


def fused_pass(specs: Sequence[Spec], flat: Array, state: Array) -> fused.FusedPass | str:
    """Return a fused pass of these operations, or why there is none: see `convlens.engines.Engine`."""
    return fused.refusal(specs) or fused.FusedPass(specs, flat, state)
