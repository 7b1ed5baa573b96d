"""Targets of a training: integer labels and one-hot rows, and a weight for each example."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from convlens.arrays import Array, is_plain, kind
from convlens.geometry import check_count
from convlens.ops.losses import Labels, check_labels

__all__ = ["check_given", "example_weights", "labels_of", "one_hot"]


def check_given(y: object) -> Array:
    """Return labels or targets as an array of numbers; ValueError unless they are at least one finite number."""
    if isinstance(y, np.ndarray) and not is_plain(y):
        raise ValueError(f"labels must be a plain array; got {kind(y)}")
    found = np.asarray(y)
    assert isinstance(found, np.ndarray)
    if found.dtype.kind not in "biuf" or found.ndim == 0 or found.size == 0:
        raise ValueError(f"labels must be numbers, at least one; got {found.dtype} {found.shape}")
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise ValueError(f"labels must be finite; got {np.count_nonzero(~np.isfinite(found))} NaN or infinite numbers")
    return found


def labels_of(y: object, classes: int) -> Labels:
    """Return integer labels (n,), from integers (n,) or (n, 1), whole floats, or one-hot rows (n, classes)."""
    found = check_given(y)
    if found.ndim == 2 and found.shape[1] == classes and classes > 1:
        ones = (found == 1).sum(axis=1) == 1
        if not (ones & ((found == 0).sum(axis=1) == classes - 1)).all():
            raise ValueError(
                f"one-hot labels must be one 1 and {classes - 1} zeros in each row; got "
                f"{found[np.argmin(ones)].tolist()} in row {int(np.argmin(ones))}: categorical_crossentropy takes "
                "distributions"
            )
        return np.asarray(found.argmax(axis=1))
    found = found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found
    if found.ndim != 1:
        raise ValueError(f"labels must be integers (n,) or one-hot (n, {classes}); got {found.shape}")
    if found.dtype.kind in "fb":
        whole = found.astype(np.int64)
        if not (whole == found).all():
            wrong = float(found[np.argmax(whole != found)])
            raise ValueError(f"labels must be integers from 0 to {classes - 1}; got {wrong}")
        found = whole
    check_labels(found, len(found), classes)
    return found


def one_hot(y: object, classes: int, dtype: np.dtype[Any]) -> Array:
    """Return targets (n, classes) of a dtype, from integer labels (n,) or (n, 1), or rows (n, classes) as they are."""
    found = check_given(y)
    if found.ndim == 2 and found.shape[1] == classes:
        return found.astype(dtype)
    if found.ndim == 2 and found.shape[1] > 1:
        raise ValueError(f"targets must be integers (n,) or rows (n, {classes}); got {found.shape}")
    rows: Array = np.zeros((len(found), classes), dtype)
    rows[np.arange(len(found)), labels_of(found, classes)] = 1
    return rows


def example_weights(
    labels: Labels | None,
    n: int,
    *,
    class_weight: Mapping[int, float] | None = None,
    sample_weight: object = None,
    dtype: Any = np.float32,
) -> Array | None:
    """Return the weight (n,) of each example in the loss, or None when all are 1.

    class_weight: a weight for each class; a class without one has weight 1. sample_weight (n,): a weight for each
    example. As in Keras, only one of the two is given. The loss is sum(weight * loss) / n.
    labels (n,): integers, needed for class_weight
    """
    if class_weight is not None and sample_weight is not None:
        raise ValueError("only one of class_weight and sample_weight can be given; multiply them into sample_weight")
    if sample_weight is not None:
        found = np.asarray(sample_weight)
        if found.shape not in ((n,), (n, 1)) or found.dtype.kind not in "biuf":
            raise ValueError(
                f"sample_weight must be {n} numbers, one for each example; got {found.dtype} {found.shape}"
            )
        _check_weights("sample_weight", found)
        return found.reshape(n).astype(dtype)
    if class_weight is None:
        return None
    if not isinstance(class_weight, Mapping):
        raise TypeError(f"class_weight must be a dictionary from class number to weight; got {class_weight!r}")
    if labels is None:
        raise ValueError("class_weight needs integer or one-hot labels")
    for number, weight in class_weight.items():
        check_count("each class in class_weight", number, 0)
        _check_weights(f"class_weight[{number}]", np.asarray(weight))
    table = np.ones(int(labels.max()) + 1, dtype)
    for number, weight in class_weight.items():
        if number < len(table):  # no example has a larger class
            table[number] = weight
    return np.asarray(table[labels])


def _check_weights(name: str, weights: Array) -> None:
    if weights.dtype.kind not in "biuf" or not np.isfinite(weights).all() or (weights < 0).any():
        least = math.nan if weights.dtype.kind not in "biuf" else float(weights.min())
        raise ValueError(f"{name} must be finite and at least 0; got {least if weights.ndim else weights.item()!r}")
