"""Helpers by their names in Keras: `convlens.utils.to_categorical`, `convlens.utils.set_random_seed`."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from convlens.arrays import Array
from convlens.geometry import check_count
from convlens.nn.absent import names_of

__all__ = ["PyDataset", "Sequence", "clear_session", "set_random_seed", "to_categorical"]


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


class PyDataset:
    """Batches that a class of one's own makes: a subclass has `__len__()`, their number, and `__getitem__(k)`.

    A batch is (x, y) or (x, y, weights). `fit(shuffle=True)` takes the batches in random order and calls
    `on_epoch_end()` after each epoch. workers, use_multiprocessing and max_queue_size have no effect.
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size

    def __len__(self) -> int:
        """Return the number of batches."""
        raise TypeError(f"{type(self).__name__} needs a method __len__() that returns the number of batches")

    @property
    def num_batches(self) -> int:
        """The number of batches"""
        return len(self)

    def __getitem__(self, index: int) -> Any:
        """Return batch number `index`."""
        raise TypeError(f"{type(self).__name__} needs a method __getitem__(k) that returns batch k, (x, y)")

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def on_epoch_end(self) -> None:
        """Called after each epoch."""


Sequence = PyDataset  # Keras 2's name


def clear_session(free_memory: bool = True) -> None:
    """Do nothing: convlens keeps no state between models, and each model counts its layers' names from the start."""


__getattr__ = names_of(
    __name__,
    {
        "image_dataset_from_directory": "convlens.load(FOLDER) reads a folder with a folder for each class",
        "get_file": "convlens.load(NAME) downloads the data sets that it knows",
        "plot_model": "model.summary() shows the layers as a table",
        "model_to_dot": "model.summary() shows the layers as a table",
        "load_img": "convlens.load(FOLDER) reads pictures",
        "normalize": "divide by np.linalg.norm(x, axis=-1, keepdims=True)",
    },
)
