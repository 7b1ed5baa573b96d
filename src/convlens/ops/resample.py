"""Images read at other places: y[n, i, j] = sum over four neighbours of weight * x[n, neighbour].

`sampling` finds the neighbours and their weights for an affine map of the places; the forward reads there, and the
backward adds what comes back. Jaderberg et al. 2015, "Spatial transformer networks", section 3.3.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from convlens.arrays import Array

__all__ = ["Sampling", "resample_backward", "resample_forward", "sampling"]


class Sampling(NamedTuple):
    """Where each pixel is read: `places` (4, n, h w) into h w pixels, `weights` (4, n, h w), outside (n, h w)

    outside: the part of the weight that falls on the fill value
    """

    places: Array
    weights: Array
    outside: Array


def sampling(matrices: Array, size: tuple[int, int], fill_mode: str, interpolation: str) -> Sampling:
    """Return the places for matrices (n, 2, 3): (row, column) in x = matrix (row, column, 1) in y, from the centre."""
    h, w = size
    rows, columns = (k.reshape(-1) - (n - 1) / 2 for k, n in zip(np.indices(size), size, strict=True))
    places = matrices @ np.stack([rows, columns, np.ones(h * w)])
    r, c = places[:, 0] + (h - 1) / 2, places[:, 1] + (w - 1) / 2
    if interpolation == "nearest":
        r, c = np.floor(r + 0.5), np.floor(c + 0.5)
    r0, c0 = np.floor(r).astype(np.int64), np.floor(c).astype(np.int64)
    index, weight = [], []
    outside = np.zeros(r.shape)
    for i in (0, 1):
        for j in (0, 1):
            share = np.abs(1 - i - (r - r0)) * np.abs(1 - j - (c - c0))
            row, column = r0 + i, c0 + j
            if fill_mode == "constant":
                there = (row >= 0) & (row < h) & (column >= 0) & (column < w)
                outside += np.where(there, 0, share)
                share = np.where(there, share, 0)
            index.append(_inside(row, h, fill_mode) * w + _inside(column, w, fill_mode))
            weight.append(share)
    return Sampling(np.stack(index), np.stack(weight), outside)


def _inside(k: Array, n: int, fill_mode: str) -> Array:
    """Return for numbers of rows or columns the ones in 0 … n - 1 that are read."""
    if fill_mode == "wrap":
        return k % n
    if fill_mode == "reflect":
        k = k % (2 * n)
        return np.asarray(np.minimum(k, 2 * n - 1 - k))
    return np.asarray(np.clip(k, 0, n - 1))


def resample_forward(x: Array, at: Sampling, fill_value: float = 0.0) -> Array:
    """x (n, h, w, c) -> y (n, h, w, c)"""
    flat = x.reshape(len(x), -1, x.shape[3])
    y = at.outside[..., None].astype(x.dtype) * x.dtype.type(fill_value)
    y = np.broadcast_to(y, flat.shape).copy()
    for index, weight in zip(at.places, at.weights, strict=True):
        y += np.take_along_axis(flat, index[..., None], axis=1) * weight[..., None].astype(x.dtype)
    return y.reshape(x.shape)


def resample_backward(dy: Array, at: Sampling, shape: tuple[int, ...]) -> Array:
    """dy (n, h, w, c) -> dx (n, h, w, c)"""
    n, h, w, c = shape
    flat = dy.reshape(n, h * w, c)
    dx = np.zeros((n, h * w, c), dy.dtype)
    images = np.arange(n)[:, None]
    for index, weight in zip(at.places, at.weights, strict=True):
        np.add.at(dx, (images, index), flat * weight[..., None].astype(dy.dtype))
    return dx.reshape(shape)
