"""Pooling over whole images: the mean or the maximum of each channel."""

from __future__ import annotations

import numpy as np

from convlens.arrays import Array
from convlens.ops._windows import check, check_same_dtype, check_shape

__all__ = [
    "global_avg_pool2d_backward",
    "global_avg_pool2d_forward",
    "global_max_pool2d_backward",
    "global_max_pool2d_forward",
]


def global_avg_pool2d_forward(x: Array) -> Array:
    """y[n,c] = mean_ij x[n,i,j,c]

    x (n, h, w, c) -> y (n, c) of the same dtype
    """
    check("global_avg_pool2d", "x", x, "n h w c")
    y: Array = x.sum(axis=1).sum(axis=1)  # rows first: the sums are long pieces of memory, and each of them is short
    y /= x.shape[1] * x.shape[2]
    return y


def global_avg_pool2d_backward(dy: Array, x: Array) -> Array:
    """dx[n,i,j,c] = dy[n,c] / (h w)

    dy (n, c), x (n, h, w, c) -> dx as x; only the shape of x is used.
    """
    n, h, w, c = x.shape
    check_same_dtype("global_avg_pool2d_backward", "x", x, dy=dy)
    check_shape("global_avg_pool2d_backward", "dy", dy, (n, c))
    dx = np.empty(x.shape, x.dtype)
    dx[...] = (dy / (h * w))[:, None, None]
    return dx


def global_max_pool2d_forward(x: Array) -> Array:
    """y[n,c] = max_ij x[n,i,j,c]

    x (n, h, w, c) -> y (n, c) of the same dtype
    """
    check("global_max_pool2d", "x", x, "n h w c")
    y: Array = x.max(axis=1).max(axis=1)
    return y


def global_max_pool2d_backward(dy: Array, x: Array, y: Array) -> Array:
    """dx[n,i,j,c] = dy[n,c] / k where x[n,i,j,c] equals the maximum y[n,c], which k cells of the image have; else 0

    dy and y = global_max_pool2d_forward(x) (n, c), x (n, h, w, c) -> dx as x. Equal maxima share the gradient, as in
    TensorFlow.
    """
    n, _, _, c = x.shape
    check_same_dtype("global_max_pool2d_backward", "x", x, dy=dy, y=y)
    check_shape("global_max_pool2d_backward", "dy", dy, (n, c))
    check_shape("global_max_pool2d_backward", "y", y, (n, c))
    hit = x == y[:, None, None]
    share = dy / np.maximum(hit.sum(axis=(1, 2)), 1)  # a maximum that is NaN equals no cell
    dx: Array = hit * share.astype(x.dtype, copy=False)[:, None, None]
    return dx
