"""Nearest images: images that look similar to a network, because their hidden activations are close.

    d(a, b) = sqrt(sum_u (h[a, u] - h[b, u])²),   h: the input of the last Dense layer, 84 numbers in LeNet-5

In a network without a Dense layer, h is the input of the last convolution, averaged over all positions: one number for
each of its channels.

Krizhevsky, Sutskever, Hinton 2012, "ImageNet Classification with Deep Convolutional Neural Networks", section 6.1 and
the right half of figure 4.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from convlens.arrays import Array
from convlens.data import Pixels
from convlens.geometry import check_count
from convlens.machine.threads import usable_threads, workers
from convlens.nn import Dense, Sequential

__all__ = ["Nearest", "hidden", "hidden_units", "nearest", "nearest_images"]

Images: TypeAlias = Array | Pixels

_NUMBERS = 1 << 20  # the most numbers held at a time, of a layer or of differences


class Nearest(NamedTuple):
    """For each of q rows its k nearest rows, nearest first: their indices `places` (q, k) and `distances` (q, k)."""

    places: NDArray[np.int64]
    distances: Array


def nearest_images(model: Sequential, x: Images, among: Images, k: int = 5) -> Nearest:
    """x (q, *input_shape), among (n, *input_shape), both of the model's dtype -> the k images nearest to each x

    ValueError if k is above n, or if the model has no hidden activations: see `hidden`.
    """
    _check_k(k, len(among))
    return nearest(hidden(model, x), hidden(model, among), k)


def hidden(model: Sequential, x: Images) -> Array:
    """x (n, *input_shape) of the model's dtype -> the hidden activations (n, units), see the formula of this module

    Pixels of a data set are converted a few images at a time. ValueError if the model has neither a Dense layer nor a
    convolution after its first one.
    """
    last, units = _last(model)
    if not isinstance(x, Pixels):
        _check_images(model, x)
    size = max(1, _NUMBERS // max(math.prod(row.input_shape) for row in model.table[: last + 1]))
    y = np.empty((len(x), units), model.dtype)

    def run(piece: int) -> None:
        part = slice(piece * size, (piece + 1) * size)
        h = x[part]
        if isinstance(x, Pixels):
            _check_images(model, h)
        for layer in itertools.islice(model.walk(h), last):
            h = layer.y
        y[part] = h if h.ndim == 2 else h.mean(axis=tuple(range(1, h.ndim - 1)))

    pieces = -(-len(x) // size)
    with workers(min(usable_threads(), pieces)) as pool:
        pool.map(run, pieces)
    return y


def hidden_units(model: Sequential) -> int:
    """Return how many numbers `hidden` gives for each image; ValueError if the model has no hidden activations."""
    return _last(model)[1]


def _last(model: Sequential) -> tuple[int, int]:
    """Return the place of the layer whose input are the hidden activations, and their number."""
    dense = [k for k, row in enumerate(model.table) if isinstance(row.layer, Dense)]
    convolutions = [
        k
        for k, row in enumerate(model.table)
        if len(row.input_shape) == 3 and any(len(s) == 4 for s in row.layer.weight_shapes(row.input_shape).values())
    ]
    found = dense or convolutions[1:]
    if not found:
        raise ValueError(
            f"hidden activations need a Dense layer, or a convolution after the first one; {model.name} has none"
        )
    return found[-1], model.table[found[-1]].input_shape[-1]


def _check_images(model: Sequential, x: Array) -> None:
    model.check_images("x", x)
    if x.dtype != model.dtype:
        raise ValueError(f"x must be {model.dtype}, the model's dtype; got {x.dtype}")


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
