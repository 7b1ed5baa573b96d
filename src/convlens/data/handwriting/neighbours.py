"""The digits of the data set that are most alike to a digit: a second witness, and a measure of how usual it is."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from convlens.data.embedded import embedded

__all__ = ["nearest_label"]

_NEIGHBOURS = 5


@cache
def _reference() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    digits = embedded()
    return _unit(digits.x_train), digits.y_train


def _unit(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Blur images (n, 28, 28, 1) a little and scale each to length 1, as (n, 784)."""
    x = np.pad(images[..., 0], ((0, 0), (1, 1), (1, 1)))
    x = x[:, :-2] + 2 * x[:, 1:-1] + x[:, 2:]
    x = x[:, :, :-2] + 2 * x[:, :, 1:-1] + x[:, :, 2:]
    flat = x.reshape(len(x), -1)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6), dtype=np.float32)


def nearest_label(image: NDArray[np.float32]) -> tuple[int, float]:
    """Return the label of most of the nearest embedded training digits, and the mean cosine to them."""
    known, labels = _reference()
    alike = known @ _unit(image[None])[0]
    nearest = np.argpartition(alike, -_NEIGHBOURS)[-_NEIGHBOURS:]
    votes = np.bincount(labels[nearest], weights=alike[nearest], minlength=10)
    return int(votes.argmax()), float(alike[nearest].mean())
