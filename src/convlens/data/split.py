"""Divide labelled examples into a training and a validation part, class by class, with a seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["VALIDATE", "split_by_class"]

VALIDATE = 5  # one of five examples of each class is held back to validate


def split_by_class(y: NDArray[np.int64], seed: int, name: str) -> NDArray[np.bool_]:
    """Return a mask (n,) of the examples that validate: a fifth of each class, at least one of two.

    y (n,): labels. The examples are drawn with default_rng(seed); the same labels and seed give the same mask.

    Raises ValueError, which calls the data `name`, if no class has two examples.
    """
    rng = np.random.default_rng(seed)
    held = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        places = np.flatnonzero(y == label)
        count = max(len(places) // VALIDATE, 1) if len(places) > 1 else 0
        held[rng.permutation(places)[:count]] = True
    if not held.any():
        raise ValueError(
            f"{name} must hold two examples of a class, one to train and one to validate; got {len(y)} in all"
        )
    return held
