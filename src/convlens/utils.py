"""Helpers by their names in Keras: `convlens.utils.to_categorical`, `convlens.utils.set_random_seed`."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import ArrayLike

from convlens.arrays import Array
from convlens.geometry import check_count
from convlens.nn.absent import names_of

__all__ = ["set_random_seed", "to_categorical"]


def to_categorical(x: ArrayLike, num_classes: int | None = None) -> Array:
    """Return one-hot rows (…, num_classes) in float64 of integer labels (…) or (…, 1); ValueError for a bad label.

    num_classes: by default the largest label plus 1

    >>> to_categorical([1, 0, 1])
    array([[0., 1.],
           [1., 0.],
           [0., 1.]])
    """
    labels = np.asarray(x)
    if labels.size == 0 or labels.dtype.kind not in "biuf" or not (labels == np.floor(labels)).all():
        raise ValueError(f"x must be integer labels, at least one; got {labels.dtype} {labels.shape}")
    labels = labels.astype(np.int64)
    labels = labels[..., 0] if labels.ndim > 1 and labels.shape[-1] == 1 else labels
    if num_classes is None:
        num_classes = int(labels.max()) + 1
    else:
        check_count("num_classes", num_classes, 1)
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(f"labels must be from 0 to {num_classes - 1}; got {labels.min()} to {labels.max()}")
    found: Array = np.eye(num_classes)[labels]
    return found


def set_random_seed(seed: int) -> None:
    """Seed Python's and NumPy's own random numbers, as Keras does.

    convlens does not need it: a model draws its weights from `Sequential(..., seed=0)`, and a training shuffles and
    drops by the argument `seed` of `fit`. Both are 0 unless they are given, so the same script gives the same bits.
    """
    check_count("seed", seed, 0)
    random.seed(int(seed))
    np.random.seed(int(seed))  # Keras's meaning


__getattr__ = names_of(
    __name__,
    {
        "image_dataset_from_directory": "convlens.load(FOLDER) reads a folder with a folder for each class",
        "get_file": "convlens.load(NAME) downloads the data sets that it knows",
        "plot_model": "model.summary() shows the layers as a table",
        "model_to_dot": "model.summary() shows the layers as a table",
        "load_img": "convlens.load(FOLDER) reads pictures",
        "normalize": "divide by np.linalg.norm(x, axis=-1, keepdims=True)",
        "Sequence": "fit takes whole arrays",
        "PyDataset": "fit takes whole arrays",
    },
)
