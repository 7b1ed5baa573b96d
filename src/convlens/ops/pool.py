"""Two-dimensional max and average pooling and their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.engines import Engine, numpy_engine
from convlens.geometry import Padding, Pair, Plan, pair, plan
from convlens.ops._windows import blocks, check, check_same_dtype, check_shape, crop, framed, pad

__all__ = ["avg_pool2d_backward", "avg_pool2d_forward", "max_pool2d_backward", "max_pool2d_forward"]

TIES = ("first", "all")


def plan_pool(
    op: str, size: Pair, kernel: int | Pair, stride: int | Pair | None, padding: Padding
) -> tuple[Plan, Pair, Pair]:
    """Return the plan, kernel and stride of a pool over an input of `size` (h, w); ValueError if they do not fit."""
    kernel = pair("kernel", kernel, 1)
    stride = kernel if stride is None else pair("stride", stride, 1)
    found = plan(size, kernel, stride, padding)
    for axis, side in enumerate(("rows", "columns")):
        if max(found.pads[axis]) >= kernel[axis]:
            raise ValueError(
                f"{op} needs fewer {side} of padding than the kernel has {side}, so that every window sees some input; "
                f"got padding {found.pads[axis]}, kernel {kernel}"
            )
    return found, kernel, stride


def _plan(
    op: str, x: Array, kernel: int | Pair, stride: int | Pair | None, padding: Padding
) -> tuple[Plan, Pair, Pair]:
    check(op, "x", x, "n h w c")
    return plan_pool(op, x.shape[1:3], kernel, stride, padding)


def _counts(size: Pair, found: Plan, kernel: Pair, stride: Pair, dtype: np.dtype[Any]) -> Array:
    """Return the number of input cells in each window, (oh, ow, 1). Padding does not count."""
    seen = []
    for axis in (0, 1):
        start = np.arange(found.out[axis]) * stride[axis] - found.pads[axis][0]
        seen.append(np.minimum(start + kernel[axis], size[axis]) - np.maximum(start, 0))
    counts: Array = seen[0][:, None, None] * seen[1][:, None]
    return counts.astype(dtype)


def max_pool2d_forward(
    x: Array,
    kernel: int | Pair,
    *,
    stride: int | Pair | None = None,
    padding: Padding = "valid",
    engine: Engine = numpy_engine,
) -> Array:
    """y[n,i,j,c] = max_ab x[n, i*sh+a, j*sw+b, c]

    x (n, h, w, c) -> y (n, oh, ow, c) of the same dtype. `stride` defaults to the kernel size. Padding is never the
    maximum.
    """
    (pads, (oh, ow)), kernel, stride = _plan("max_pool2d", x, kernel, stride, padding)
    y = np.empty((len(x), oh, ow, x.shape[3]), x.dtype)
    for part in blocks(len(x), x[0].nbytes + y[0].nbytes):
        engine.max_pool2d(pad(x[part], pads, -np.inf), kernel, stride, y[part])
    return y


def max_pool2d_backward(
    dy: Array,
    x: Array,
    y: Array,
    kernel: int | Pair,
    *,
    stride: int | Pair | None = None,
    padding: Padding = "valid",
    ties: str = "first",
    engine: Engine = numpy_engine,
) -> Array:
    """dx[n, i*sh+a, j*sw+b, c] += dy[n,i,j,c] where x at that cell equals y[n,i,j,c], the maximum of the window

    dy and y = max_pool2d_forward(x, ...) (n, oh, ow, c), x (n, h, w, c) -> dx as x.
    ties: what happens if several cells of a window are equal to the maximum. "first": the first one in row-major order
    gets the whole gradient (TensorFlow, PyTorch). "all": each of them gets the whole gradient (the course).
    """
    (pads, (oh, ow)), kernel, stride = _plan("max_pool2d_backward", x, kernel, stride, padding)
    if ties not in TIES:
        raise ValueError(f"ties must be 'first' or 'all'; got {ties!r}")
    n, h, w, c = x.shape
    check_same_dtype("max_pool2d_backward", "x", x, dy=dy, y=y)
    check_shape("max_pool2d_backward", "dy", dy, (n, oh, ow, c))
    check_shape("max_pool2d_backward", "y", y, (n, oh, ow, c))
    dx = np.empty(x.shape, x.dtype)
    for part in blocks(n, x[0].nbytes + y[0].nbytes):
        xp = pad(x[part], pads, -np.inf)
        dxp = framed(dx[part], pads)
        engine.max_pool2d_dx(dy[part], xp, y[part], kernel, stride, ties, dxp)
        if dxp.shape != x[part].shape:
            dx[part] = crop(dxp, pads, h, w)
    return dx


def avg_pool2d_forward(
    x: Array,
    kernel: int | Pair,
    *,
    stride: int | Pair | None = None,
    padding: Padding = "valid",
    engine: Engine = numpy_engine,
) -> Array:
    """y[n,i,j,c] = mean_ab x[n, i*sh+a, j*sw+b, c], over the cells inside x: padding does not count

    x (n, h, w, c) -> y (n, oh, ow, c) of the same dtype. `stride` defaults to the kernel size.
    """
    found, kernel, stride = _plan("avg_pool2d", x, kernel, stride, padding)
    y = np.empty((len(x), *found.out, x.shape[3]), x.dtype)
    counts = _counts(x.shape[1:3], found, kernel, stride, x.dtype)
    for part in blocks(len(x), x[0].nbytes + y[0].nbytes):
        engine.sum_pool2d(pad(x[part], found.pads), kernel, stride, y[part])
        y[part] /= counts
    return y


def avg_pool2d_backward(
    dy: Array,
    x: Array,
    kernel: int | Pair,
    *,
    stride: int | Pair | None = None,
    padding: Padding = "valid",
    engine: Engine = numpy_engine,
) -> Array:
    """dx[n, i*sh+a, j*sw+b, c] += dy[n,i,j,c] / (number of the window's cells inside x)

    dy (n, oh, ow, c), x (n, h, w, c) -> dx as x; only the shape of x is used.
    """
    found, kernel, stride = _plan("avg_pool2d_backward", x, kernel, stride, padding)
    n, h, w, c = x.shape
    check_same_dtype("avg_pool2d_backward", "x", x, dy=dy)
    check_shape("avg_pool2d_backward", "dy", dy, (n, *found.out, c))
    dx = np.empty(x.shape, x.dtype)
    counts = _counts((h, w), found, kernel, stride, x.dtype)
    for part in blocks(n, x[0].nbytes + dy[0].nbytes):
        dxp = framed(dx[part], found.pads)
        engine.sum_pool2d_dx(dy[part] / counts, kernel, stride, dxp)
        if dxp.shape != x[part].shape:
            dx[part] = crop(dxp, found.pads, h, w)
    return dx
