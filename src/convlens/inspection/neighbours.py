"""Nearest images: images that look similar to a network, because their hidden activations are close.

    d(a, b) = sqrt(sum_u (h[a, u] - h[b, u])²),   h: the input of the last Dense layer, 84 numbers in LeNet-5

Krizhevsky, Sutskever, Hinton 2012, "ImageNet Classification with Deep Convolutional Neural Networks", section 6.1 and
the right half of figure 4.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convlens.arrays import Array
from convlens.geometry import check_count
from convlens.machine.threads import usable_threads, workers
from convlens.nn import Dense, Sequential

__all__ = ["Nearest", "hidden", "nearest", "nearest_images"]

_NUMBERS = 1 << 20  # the most numbers held at a time, of a layer or of differences


class Nearest(NamedTuple):
    """For each of q rows its k nearest rows, nearest first: their indices `places` (q, k) and `distances` (q, k)."""

    places: NDArray[np.int64]
    distances: Array


def nearest_images(model: Sequential, x: Array, among: Array, k: int = 5) -> Nearest:
    """x (q, *input_shape), among (n, *input_shape), both of the model's dtype -> the k images nearest to each x

    ValueError if k is above n, or if the model has no Dense layer.
    """
    _check_k(k, len(among))
    return nearest(hidden(model, x), hidden(model, among), k)


def hidden(model: Sequential, x: Array) -> Array:
    """x (n, *input_shape) of the model's dtype -> the input of the last Dense layer (n, units)"""
    model.check_images("x", x)
    if x.dtype != model.dtype:
        raise ValueError(f"x must be {model.dtype}, the model's dtype; got {x.dtype}")
    last = max((k for k, layer in enumerate(model.layers) if isinstance(layer, Dense)), default=None)
    if last is None:
        raise ValueError(f"hidden activations need a Dense layer; {model.name} has none")
    size = max(1, _NUMBERS // max(math.prod(row.input_shape) for row in model.table[: last + 1]))
    y = np.empty((len(x), *model.table[last].input_shape), model.dtype)

    def run(piece: int) -> None:
        part = slice(piece * size, (piece + 1) * size)
        h = x[part]
        for layer in itertools.islice(model.walk(h), last):
            h = layer.y
        y[part] = h

    pieces = -(-len(x) // size)
    with workers(min(usable_threads(), pieces)) as pool:
        pool.map(run, pieces)
    return y


def nearest(rows: Array, among: Array, k: int = 5) -> Nearest:
    """Return for each q the k smallest d[q, i] = sqrt(sum_u (rows[q, u] - among[i, u])²).

    rows (q, units), among (n, units) of the same dtype, which the distances have too. If distances are equal, the lower
    i comes first.
    """
    for name, values in (("rows", rows), ("among", among)):
        if np.ndim(values) != 2 or getattr(values, "dtype", None) not in (np.float32, np.float64):
            kind = getattr(values, "dtype", type(values).__name__)
            raise ValueError(f"{name} must be float32 or float64 (n, units); got {kind} {np.shape(values)}")
        if not np.isfinite(values).all():
            bad = np.count_nonzero(~np.isfinite(values))
            raise ValueError(f"{name} must be finite; got {bad} NaN or infinite numbers")
    if rows.dtype != among.dtype or rows.shape[1] != among.shape[1]:
        raise ValueError(
            "rows and among must have the same units and dtype; "
            f"got {rows.dtype} {rows.shape}, {among.dtype} {among.shape}"
        )
    _check_k(k, len(among))
    found = Nearest(np.empty((len(rows), k), np.int64), np.empty((len(rows), k), rows.dtype))
    for q, row in enumerate(rows):
        d = _distances(row, among)
        candidates = np.flatnonzero(d <= np.partition(d, k - 1)[k - 1])  # k, or more if the largest are equal
        chosen = candidates[np.argsort(d[candidates], kind="stable")[:k]]
        found.places[q], found.distances[q] = chosen, d[chosen]
    return found


def _distances(row: Array, among: Array) -> Array:
    """Return the distances (n,) from one row (units,) to each row of `among` (n, units)."""
    size = max(1, _NUMBERS // max(1, len(row)))
    parts = (among[start : start + size] - row for start in range(0, len(among), size))
    squares: Array = np.concatenate([np.square(part).sum(axis=1) for part in parts])
    return np.sqrt(squares, out=squares)


def _check_k(k: int, n: int) -> None:
    check_count("k", k, 1)
    if k > n:
        raise ValueError(f"k must be at most the number of candidates, {n}; got {k}")
