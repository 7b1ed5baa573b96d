"""Weights of the classes in the training loss, from the words of `--class-weights`."""

from __future__ import annotations

import math

import numpy as np

from convlens.arrays import Array
from convlens.data import Digits

__all__ = ["BALANCED", "check_class_weights", "class_weights"]

BALANCED = "balanced"


def check_class_weights(words: str) -> str:
    """Return the words without spaces around names and numbers; ValueError unless they are right, see `class_weights`.

    >>> check_class_weights("cat=1, dog = 2.5")
    'cat=1,dog=2.5'
    """
    if words.strip() in ("", BALANCED):
        return words.strip()
    return ",".join(f"{name}={text}" for name, (text, _) in _parsed(words).items())


def class_weights(words: str, digits: Digits) -> Array | None:
    """Return the weight of each class, float64 (classes,), or None if all are 1.

    words: "balanced", or weights by the name of the class, such as "cat=1,dog=2.5"; other classes have the weight 1.
    Balanced weights are n / (k · n_c) for the n training images, the k classes that they have, and the n_c images of
    class c, as in scikit-learn: the mean weight of all images is 1.

    Raises ValueError for a name that is no class of the data, and if no training image has a weight above 0.
    """
    if not words:
        return None
    counts = np.bincount(digits.y_train, minlength=digits.classes)
    if words == BALANCED:
        found = np.ones(digits.classes)
        found[counts > 0] = len(digits.y_train) / (np.count_nonzero(counts) * counts[counts > 0])
        return found
    weights = {name: weight for name, (_, weight) in _parsed(words).items()}
    if unknown := [name for name in weights if name not in digits.class_names]:
        known = ", ".join(digits.class_names[:10]) + (", …" if digits.classes > 10 else "")
        raise ValueError(f"class_weights must name classes of the data, {known}; got {unknown[0]!r}")
    found = np.array([weights.get(name, 1.0) for name in digits.class_names])
    if not found[counts > 0].any():
        raise ValueError(f"class_weights must leave a weight above 0 for some training images; got {words}")
    return found


def _parsed(words: str) -> dict[str, tuple[str, float]]:
    """Return the weight of each name, as text and as a number."""
    found: dict[str, tuple[str, float]] = {}
    for part in words.split(","):
        name, mark, text = (each.strip() for each in part.rpartition("="))
        if not mark or not name:
            raise ValueError(
                f"class_weights must be {BALANCED}, or NAME=WEIGHT with commas between, such as cat=1,dog=2.5; got "
                f"{part.strip()!r}"
            )
        try:
            weight = float(text)
        except ValueError:
            weight = math.nan
        if not (math.isfinite(weight) and weight >= 0):
            raise ValueError(f"class_weights must be finite numbers of at least 0; got {text or 'nothing'} for {name}")
        if name in found:
            raise ValueError(f"class_weights must name each class once; got {name} twice")
        found[name] = text, weight
    return found
