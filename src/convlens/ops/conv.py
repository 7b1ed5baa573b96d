"""Two-dimensional convolution (cross-correlation, as in every framework) and its gradients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.engines import Engine, numpy_engine
from convlens.geometry import Padding, Pads, Pair, Plan, check_count, pair, plan
from convlens.ops._windows import blocks, check, check_same_dtype, check_shape, crop, pad

__all__ = ["conv2d_backward", "conv2d_forward"]


def plan_conv(op: str, size: Pair, kernel: Pair, stride: int | Pair, padding: Padding, dilation: int | Pair) -> Plan:
    """Return the plan of a convolution whose kernel's cells are `dilation` (dh, dw) apart; ValueError if none fits.

    As in Keras, a convolution has strides or a dilation, not both.
    """
    stride, dilation = pair("stride", stride, 1), pair("dilation", dilation, 1)
    if max(stride) > 1 and max(dilation) > 1:
        raise ValueError(f"{op} needs a stride of 1 where it has a dilation; got stride {stride}, dilation {dilation}")
    reach = ((kernel[0] - 1) * dilation[0] + 1, (kernel[1] - 1) * dilation[1] + 1)
    return plan(size, reach, stride, padding)


def _plan(
    op: str, x: Array, w: Array, padding: Padding, stride: int | Pair, groups: int, dilation: int | Pair
) -> tuple[Plan, Pair, Pair]:
    check(op, "x", x, "n h w ci")
    check(op, "w", w, "kh kw ci co")
    check_same_dtype(op, "x", x, w=w)
    check_count("groups", groups, 1)
    if groups == 1 and x.shape[3] != w.shape[2]:
        raise ValueError(f"{op} needs equal ci; got x {x.shape}, w {w.shape}")
    if x.shape[3] != groups * w.shape[2] or w.shape[3] % groups:
        raise ValueError(
            f"{op} with {groups} groups needs x with {groups} times the ci of w, and co divisible by {groups}; "
            f"got x {x.shape}, w {w.shape}"
        )
    stride, dilation = pair("stride", stride, 1), pair("dilation", dilation, 1)
    return plan_conv(op, x.shape[1:3], w.shape[:2], stride, padding, dilation), stride, dilation


def _grids(dilation: Pair, out: Pair) -> Iterator[tuple[slice, slice, slice]]:
    """Yield index (all examples, rows, columns) of each grid: every dh-th row and every dw-th column.

    With a dilation, the windows of one grid's outputs see only the same grid of the padded input. There they are
    neighbours, so each grid is a convolution without dilation. A grid without an output is left out.
    """
    for a in range(min(dilation[0], out[0])):
        for b in range(min(dilation[1], out[1])):
            yield slice(None), slice(a, None, dilation[0]), slice(b, None, dilation[1])


def _split(array: Array, groups: int) -> list[Array]:
    """Return the array's channels as `groups` contiguous arrays."""
    return [np.ascontiguousarray(part) for part in np.split(array, groups, axis=-1)]


def conv2d_forward(
    x: Array,
    w: Array,
    b: Array,
    *,
    padding: Padding = "valid",
    stride: int | Pair = (1, 1),
    groups: int = 1,
    dilation: int | Pair = (1, 1),
    engine: Engine = numpy_engine,
) -> Array:
    """y[n,i,j,o] = b[o] + sum_abc x[n, i*sh+a*dh, j*sw+b*dw, c] * w[a,b,c,o]

    x (n, h, w, ci), w (kh, kw, ci, co), b (co,) -> y (n, oh, ow, co), all of the same dtype, float32 or float64.
    padding: how far the windows reach beyond x, where x counts as 0 (see `convlens.geometry.plan`).
    groups: number of separate convolutions. Each takes the next ci / groups input channels and gives the next
    co / groups output channels; w is then (kh, kw, ci / groups, co). Krizhevsky et al. 2012, section 3.5, run each
    group on its own GPU.
    dilation: the distance (dh, dw) of neighbouring cells of the kernel; above 1 only without strides.
    """
    (pads, (oh, ow)), stride, dilation = _plan("conv2d", x, w, padding, stride, groups, dilation)
    n, co = len(x), w.shape[3]
    check_same_dtype("conv2d", "x", x, b=b)
    check_shape("conv2d", "b", b, (co,))
    if groups > 1:
        parts = zip(*(_split(array, groups) for array in (x, w, b)), strict=True)
        settings: dict[str, Any] = {"padding": padding, "stride": stride, "dilation": dilation, "engine": engine}
        ys = [conv2d_forward(*part, **settings) for part in parts]
        return np.concatenate(ys, axis=3)
    y = np.empty((n, oh, ow, co), x.dtype)
    if max(dilation) > 1:
        for part in blocks(n, x[0].nbytes + y[0].nbytes):
            xp, mine = pad(x[part], pads), y[part]
            for grid in _grids(dilation, (oh, ow)):
                mine[grid] = conv2d_forward(np.ascontiguousarray(xp[grid]), w, b, engine=engine)
        return y
    for part in blocks(n, x[0].nbytes + y[0].nbytes):
        engine.conv2d(x[part], w, b, stride, y[part], pads)
    return y


def conv2d_backward(
    dy: Array,
    x: Array,
    w: Array,
    *,
    padding: Padding = "valid",
    stride: int | Pair = (1, 1),
    groups: int = 1,
    dilation: int | Pair = (1, 1),
    engine: Engine = numpy_engine,
    need_dx: bool = True,
) -> tuple[Array | None, Array, Array]:
    """Return the gradients of sum(dy * y) for y = conv2d_forward(x, w, b), with respect to x, w and b.

    dx[n, i*sh+a*dh, j*sw+b*dw, c] += dy[n,i,j,o] * w[a,b,c,o]
    dw[a,b,c,o] = sum_nij x[n, i*sh+a*dh, j*sw+b*dw, c] * dy[n,i,j,o]
    db[o] = sum_nij dy[n,i,j,o]

    dy (n, oh, ow, co), x (n, h, w, ci), w (kh, kw, ci, co) -> dx as x (None unless `need_dx`), dw as w, db (co,)
    groups, dilation: as in the forward; the gradients are computed group by group, and grid by grid.
    """
    (pads, (oh, ow)), stride, dilation = _plan("conv2d_backward", x, w, padding, stride, groups, dilation)
    n, co = len(x), w.shape[3]
    check_same_dtype("conv2d_backward", "x", x, dy=dy)
    check_shape("conv2d_backward", "dy", dy, (n, oh, ow, co))
    if groups > 1:
        parts = zip(*(_split(array, groups) for array in (dy, x, w)), strict=True)
        settings: dict[str, Any] = {"padding": padding, "stride": stride, "dilation": dilation, "engine": engine}
        found = [conv2d_backward(*part, **settings, need_dx=need_dx) for part in parts]
        dxs, dws, dbs = zip(*found, strict=True)
        whole = np.concatenate(dxs, axis=3) if need_dx else None
        return whole, np.concatenate(dws, axis=3), np.concatenate(dbs)
    if max(dilation) > 1:
        return _dilated_backward(dy, x, w, pads, dilation, engine, need_dx)
    dy = np.ascontiguousarray(dy)
    dx = np.empty(x.shape, x.dtype) if need_dx else None
    dw, dw_part = np.zeros(w.shape, w.dtype), np.empty(w.shape, w.dtype)
    db = np.zeros(ow * co, dy.dtype)
    for part in blocks(n, x[0].nbytes + dy[0].nbytes):
        engine.conv2d_dw(dy[part], x[part], stride, dw_part, pads)
        dw += dw_part
        db += dy[part].reshape(-1, ow * co).sum(axis=0)  # not BLAS: its spinning threads would slow the other threads
        if dx is not None:
            engine.conv2d_dx(dy[part], w, stride, dx[part], pads)
    return dx, dw, db.reshape(ow, co).sum(axis=0)


def _dilated_backward(
    dy: Array, x: Array, w: Array, pads: Pads, dilation: Pair, engine: Engine, need_dx: bool
) -> tuple[Array | None, Array, Array]:
    h, width = x.shape[1:3]
    dx = np.empty(x.shape, x.dtype) if need_dx else None
    dw, db = np.zeros(w.shape, w.dtype), np.zeros(w.shape[3], w.dtype)
    for part in blocks(len(x), x[0].nbytes + dy[0].nbytes):
        xp = pad(x[part], pads)
        dxp = np.zeros(xp.shape, x.dtype) if need_dx else None
        for grid in _grids(dilation, (dy.shape[1], dy.shape[2])):
            parts = np.ascontiguousarray(dy[part][grid]), np.ascontiguousarray(xp[grid])
            dx_part, dw_part, db_part = conv2d_backward(*parts, w, engine=engine, need_dx=need_dx)
            dw += dw_part
            db += db_part
            if dxp is not None and dx_part is not None:
                dxp[grid] = dx_part
        if dx is not None and dxp is not None:
            dx[part] = crop(dxp, pads, h, width)
    return dx, dw, db
