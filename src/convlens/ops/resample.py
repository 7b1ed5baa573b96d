"""Images read at other places: y[n, i, j] = sum over four neighbours of weight * x[n, neighbour].

`sampling` finds the neighbours and their weights for an affine map of the places; the forward reads there, and the
backward adds what comes back. Jaderberg et al. 2015, "Spatial transformer networks", section 3.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from convlens.arrays import Array

__all__ = ["Sampling", "resample_backward", "resample_forward", "sampling"]


class Sampling(NamedTuple):
    """Where each pixel is read: at two rows (2, n, h w) and two columns, each with its weight

    A neighbour's weight is that of its row times that of its column. The weights of an image without the fill value add
    up to 1; what is missing there falls on the fill value.
    """

    rows: Array
    row_weights: Array
    columns: Array
    column_weights: Array

    def neighbours(self, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Iterator[tuple[Array, Array]]:
        """Yield for each of the four its number in x (n h w, c), and its weight (n, h w, 1)."""
        n, h, w, _ = shape
        rows = self.rows * w + np.arange(0, n * h * w, h * w)[:, None]
        down, right = (weights.astype(dtype)[..., None] for weights in (self.row_weights, self.column_weights))
        for i in (0, 1):
            for j in (0, 1):
                yield rows[i] + self.columns[j], down[i] * right[j]

    @property
    def outside(self) -> Array:
        """The part of the weight that falls on the fill value, (n, h w)"""
        found: Array = 1 - (self.row_weights[0] + self.row_weights[1]) * (
            self.column_weights[0] + self.column_weights[1]
        )
        return found


def sampling(matrices: Array, size: tuple[int, int], fill_mode: str, interpolation: str) -> Sampling:
    """Return the places for matrices (n, 2, 3): (row, column) in x = matrix (row, column, 1) in y, from the centre."""
    h, w = size
    rows, columns = (k.reshape(-1) - (n - 1) / 2 for k, n in zip(np.indices(size), size, strict=True))
    places = matrices @ np.stack([rows, columns, np.ones(h * w)])
    r, c = _axis(places[:, 0], h, fill_mode, interpolation), _axis(places[:, 1], w, fill_mode, interpolation)
    return Sampling(*r, *c)


def _axis(at: Array, n: int, fill_mode: str, interpolation: str) -> tuple[Array, Array]:
    """Return the two rows, or columns, around places counted from the centre, in 0 … n - 1, and their weights."""
    at = at + (n - 1) / 2
    if interpolation == "nearest":
        at = np.floor(at + 0.5)
    first = np.floor(at)
    past = at - first
    k = np.stack([first, first + 1]).astype(np.int64)
    weights = np.stack([1 - past, past])
    if fill_mode == "constant":
        weights *= (k >= 0) & (k < n)
    return _inside(k, n, fill_mode), weights


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
    flat, y = x.reshape(-1, x.shape[3]), None
    for number, weight in at.neighbours(x.shape, x.dtype):
        part = flat.take(number, axis=0)
        part *= weight
        y = part if y is None else np.add(y, part, out=y)
    assert y is not None
    if fill_value:
        y += (at.outside * fill_value).astype(x.dtype)[..., None]
    return y.reshape(x.shape)


def resample_backward(dy: Array, at: Sampling, shape: tuple[int, ...]) -> Array:
    """dy (n, h, w, c) -> dx (n, h, w, c)"""
    n, h, w, c = shape
    flat, channels = dy.reshape(n, h * w, c), np.arange(c)
    dx = np.zeros(n * h * w * c, dy.dtype)
    for number, weight in at.neighbours(shape, dy.dtype):
        np.add.at(dx, (number[..., None] * c + channels).ravel(), (flat * weight).ravel())
    return dx.reshape(shape)
