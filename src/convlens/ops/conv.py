"""Two-dimensional convolution (cross-correlation, as in every framework) and its gradients."""

from __future__ import annotations

import numpy as np

from convlens.engines import Array, Engine, numpy_engine
from convlens.geometry import Padding, Pair, Plan, pair, plan
from convlens.ops._windows import blocks, check, check_same_dtype, check_shape, crop, framed, pad


def _plan(op: str, x: Array, w: Array, padding: Padding, stride: Pair) -> tuple[Plan, Pair]:
    check(op, "x", x, "n h w ci")
    check(op, "w", w, "kh kw ci co")
    check_same_dtype(op, "x", x, w=w)
    if x.shape[3] != w.shape[2]:
        raise ValueError(f"{op} needs equal ci; got x {x.shape}, w {w.shape}")
    stride = pair("stride", stride, 1)
    return plan(x.shape[1:3], w.shape[:2], stride, padding), stride


def conv2d_forward(
    x: Array,
    w: Array,
    b: Array,
    *,
    padding: Padding = "valid",
    stride: Pair = (1, 1),
    engine: Engine = numpy_engine,
) -> Array:
    """y[n,i,j,o] = b[o] + sum_abc x[n, i*sh+a, j*sw+b, c] * w[a,b,c,o]

    x (n, h, w, ci), w (kh, kw, ci, co), b (co,) -> y (n, oh, ow, co), all of one dtype, float32 or float64.
    x counts as 0 outside: `padding` says how far (see `convlens.geometry.plan`).
    """
    (pads, (oh, ow)), stride = _plan("conv2d", x, w, padding, stride)
    n, co = len(x), w.shape[3]
    check_same_dtype("conv2d", "x", x, b=b)
    check_shape("conv2d", "b", b, (co,))
    y = np.empty((n, oh, ow, co), x.dtype)
    for part in blocks(n, x[0].nbytes + y[0].nbytes):
        engine.conv2d(pad(x[part], pads), w, b, stride, y[part])
    return y


def conv2d_backward(
    dy: Array,
    x: Array,
    w: Array,
    *,
    padding: Padding = "valid",
    stride: Pair = (1, 1),
    engine: Engine = numpy_engine,
    need_dx: bool = True,
) -> tuple[Array | None, Array, Array]:
    """The gradients of sum(dy * y) for y = conv2d_forward(x, w, b): the transposed products.

    dx[n, i*sh+a, j*sw+b, c] += dy[n,i,j,o] * w[a,b,c,o]
    dw[a,b,c,o] = sum_nij x[n, i*sh+a, j*sw+b, c] * dy[n,i,j,o]
    db[o] = sum_nij dy[n,i,j,o]

    dy (n, oh, ow, co), x (n, h, w, ci), w (kh, kw, ci, co) -> dx as x (None unless `need_dx`), dw as w, db (co,)
    """
    (pads, (oh, ow)), stride = _plan("conv2d_backward", x, w, padding, stride)
    n, h, width, _ = x.shape
    co = w.shape[3]
    check_same_dtype("conv2d_backward", "x", x, dy=dy)
    check_shape("conv2d_backward", "dy", dy, (n, oh, ow, co))
    dy = np.ascontiguousarray(dy)
    dx = np.empty(x.shape, x.dtype) if need_dx else None
    dw, dw_part = np.zeros(w.shape, w.dtype), np.empty(w.shape, w.dtype)
    db = np.zeros(ow * co, dy.dtype)
    for part in blocks(n, x[0].nbytes + dy[0].nbytes):
        xp = pad(x[part], pads)
        engine.conv2d_dw(dy[part], xp, stride, dw_part)
        dw += dw_part
        db += dy[part].reshape(-1, ow * co).sum(axis=0)  # not by BLAS, whose threads would spin in the way of others
        if dx is not None:
            dxp = framed(dx[part], pads)
            engine.conv2d_dx(dy[part], w, stride, dxp)
            if dxp.shape != x[part].shape:
                dx[part] = crop(dxp, pads, h, width)
    return dx, dw, db.reshape(ow, co).sum(axis=0)
