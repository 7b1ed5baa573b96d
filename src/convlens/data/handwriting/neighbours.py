"""The digits of the data set that are most alike to a digit: a second witness, and a measure of how usual it is."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from convlens.data.embedded import embedded

__all__ = ["known_digits", "likeness"]

_NEAREST = 3


known_digits = cache(embedded)  # one copy for all who only read it


@cache
def _reference() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    digits = known_digits()
    return _unit(digits.x_train), digits.y_train


def _unit(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Blur images (n, 28, 28, 1) a little and scale each to length 1, as (n, 784)."""
    x = np.pad(images[..., 0], ((0, 0), (1, 1), (1, 1)))
    x = x[:, :-2] + 2 * x[:, 1:-1] + x[:, 2:]
    x = x[:, :, :-2] + 2 * x[:, :, 1:-1] + x[:, :, 2:]
    flat = x.reshape(len(x), -1)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6), dtype=np.float32)


def likeness(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how alike a digit (28, 28, 1) is to each label: the mean cosine to its nearest embedded digits, (10,)."""
    known, labels = _reference()
    alike = known @ _unit(image[None])[0]
    return np.array([np.sort(alike[labels == label])[-_NEAREST:].mean() for label in range(10)], dtype=np.float32)
