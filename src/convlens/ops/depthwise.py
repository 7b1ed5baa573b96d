"""Depthwise convolution: each input channel has its own kernels, and channels are not mixed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from convlens.arrays import Array
from convlens.geometry import Padding, Pair, Plan, pair
from convlens.ops._windows import check, check_same_dtype, check_shape, crop, pad
from convlens.ops.conv import plan_conv

__all__ = ["depthwise_conv2d_backward", "depthwise_conv2d_forward"]

_BLOCK = 1 << 18  # bytes of outputs that are computed together: they stay in the cache while the kernel's cells pass


def _plan(
    op: str, x: Array, w: Array, padding: Padding, stride: int | Pair, dilation: int | Pair
) -> tuple[Plan, Pair, Pair]:
    check(op, "x", x, "n h w c")
    check(op, "w", w, "kh kw c m")
    check_same_dtype(op, "x", x, w=w)
    if x.shape[3] != w.shape[2]:
        raise ValueError(f"{op} needs equal c; got x {x.shape}, w {w.shape}")
    stride, dilation = pair("stride", stride, 1), pair("dilation", dilation, 1)
    return plan_conv(op, x.shape[1:3], w.shape[:2], stride, padding, dilation), stride, dilation


def _blocks(n: int, example_bytes: int) -> Iterator[slice]:
    step = max(1, _BLOCK // example_bytes)
    return (slice(k, min(k + step, n)) for k in range(0, n, step))


def _cells(xp: Array, out: Pair, kernel: Pair, stride: Pair, dilation: Pair) -> Iterator[tuple[Pair, Array]]:
    """Yield each cell (a, b) of the kernel, and the view (n, oh, ow, c) of xp with the numbers that it meets."""
    rows, columns = ((out[axis] - 1) * stride[axis] + 1 for axis in (0, 1))
    for a in range(kernel[0]):
        for b in range(kernel[1]):
            top, left = a * dilation[0], b * dilation[1]
            yield (a, b), xp[:, top : top + rows : stride[0], left : left + columns : stride[1]]


def depthwise_conv2d_forward(
    x: Array,
    w: Array,
    b: Array,
    *,
    padding: Padding = "valid",
    stride: int | Pair = (1, 1),
    dilation: int | Pair = (1, 1),
) -> Array:
    """y[n,i,j, c*m+k] = b[c*m+k] + sum_ab x[n, i*sh+a*dh, j*sw+b*dw, c] * w[a,b,c,k]

    x (n, h, w, c), w (kh, kw, c, m), b (c*m,) -> y (n, oh, ow, c*m), all of the same dtype. m is the number of kernels
    for each channel. padding, stride and dilation (dh, dw): as in `convlens.ops.conv2d_forward`.
    """
    (pads, (oh, ow)), stride, dilation = _plan("depthwise_conv2d", x, w, padding, stride, dilation)
    c, m = w.shape[2:]
    check_same_dtype("depthwise_conv2d", "x", x, b=b)
    check_shape("depthwise_conv2d", "b", b, (c * m,))
    y = np.empty((len(x), oh, ow, c * m), x.dtype)
    y[...] = b
    flat = w.reshape(*w.shape[:2], c * m)
    work = np.empty(0, x.dtype)
    for part in _blocks(len(x), y[0].nbytes):
        xp = _repeat(pad(x[part], pads), m)
        if work.shape != y[part].shape:
            work = np.empty(y[part].shape, x.dtype)
        for cell, seen in _cells(xp, (oh, ow), w.shape[:2], stride, dilation):
            np.multiply(seen, flat[cell], out=work)
            y[part] += work
    return y


def depthwise_conv2d_backward(
    dy: Array,
    x: Array,
    w: Array,
    *,
    padding: Padding = "valid",
    stride: int | Pair = (1, 1),
    dilation: int | Pair = (1, 1),
    need_dx: bool = True,
) -> tuple[Array | None, Array, Array]:
    """Return the gradients of sum(dy * y) for y = depthwise_conv2d_forward(x, w, b), with respect to x, w and b.

    dx[n, i*sh+a*dh, j*sw+b*dw, c] += sum_k dy[n,i,j, c*m+k] * w[a,b,c,k]
    dw[a,b,c,k] = sum_nij x[n, i*sh+a*dh, j*sw+b*dw, c] * dy[n,i,j, c*m+k]
    db[c*m+k] = sum_nij dy[n,i,j, c*m+k]

    dy (n, oh, ow, c*m), x (n, h, w, c), w (kh, kw, c, m) -> dx as x (None unless `need_dx`), dw as w, db (c*m,)
    """
    (pads, (oh, ow)), stride, dilation = _plan("depthwise_conv2d_backward", x, w, padding, stride, dilation)
    n, h, width, c = x.shape
    m = w.shape[3]
    check_same_dtype("depthwise_conv2d_backward", "x", x, dy=dy)
    check_shape("depthwise_conv2d_backward", "dy", dy, (n, oh, ow, c * m))
    flat = w.reshape(*w.shape[:2], c * m)
    dx = np.empty(x.shape, x.dtype) if need_dx else None
    dw, db = np.zeros(flat.shape, w.dtype), np.zeros(c * m, w.dtype)
    for part in _blocks(n, dy[0].nbytes):
        xp, mine = _repeat(pad(x[part], pads), m), dy[part]
        dxp = np.zeros(xp.shape, x.dtype) if need_dx else xp
        db += _channel_sums(mine)
        targets = _cells(dxp, (oh, ow), w.shape[:2], stride, dilation)
        for (cell, seen), (_, target) in zip(_cells(xp, (oh, ow), w.shape[:2], stride, dilation), targets, strict=True):
            product = seen * mine
            dw[cell] += _channel_sums(product)
            if need_dx:
                np.multiply(mine, flat[cell], out=product)
                target += product
        if dx is not None:
            inside = crop(dxp, pads, h, width)
            dx[part] = inside if m == 1 else inside.reshape(*inside.shape[:3], c, m).sum(axis=4)
    return dx, dw.reshape(w.shape), db


def _repeat(x: Array, m: int) -> Array:
    """Return x with each channel m times, so that a cell of the kernel is one product of whole rows."""
    return x if m == 1 else x.repeat(m, axis=3)


def _channel_sums(x: Array) -> Array:
    """x (n, oh, ow, c) -> the sums (c,), rows first: long pieces of memory, and each sum is short"""
    found: Array = x.reshape(-1, x.shape[2] * x.shape[3]).sum(axis=0).reshape(x.shape[2:]).sum(axis=0)
    return found
