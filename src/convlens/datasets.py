"""Data sets in Keras's spelling: `(x_train, y_train), (x_test, y_test) = convlens.datasets.mnist.load_data()`.

`convlens.load` has more: folders of pictures, files in many layouts, and a validation part.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["mnist"]

_Pair = tuple[NDArray[Any], NDArray[Any]]


class _Mnist:
    """The 70,000 digits of MNIST"""

    def load_data(self, path: str = "mnist.npz") -> tuple[_Pair, _Pair]:
        """Return (x_train, y_train), (x_test, y_test): uint8 (60000, 28, 28), (60000,), (10000, 28, 28), (10000,).

        They come from the cache, or by a checked download. path has no effect.
        """
        from convlens.data import load

        found = load("mnist")
        images = np.concatenate([found.pixels_train, found.pixels_valid])[..., 0]
        labels = np.concatenate([found.y_train, found.y_valid]).astype(np.uint8)
        return (images, labels), (found.pixels_test[..., 0], found.y_test.astype(np.uint8))


mnist = _Mnist()


class _Elsewhere:
    """A data set of Keras that convlens does not download"""

    def __init__(self, name: str) -> None:
        self.name = name

    def load_data(self, *args: Any, **words: Any) -> Any:
        """Say how the data are read."""
        raise ValueError(
            f"convlens does not download {self.name}: convlens.load(PATH) reads its files, a folder of pictures, IDX, "
            "CSV or .npz, and gives x_train, y_train, x_valid, y_valid, x_test, y_test"
        )


def __getattr__(name: str) -> Any:
    if name in ("fashion_mnist", "cifar10", "cifar100"):
        return _Elsewhere(name)
    raise AttributeError(
        f"convlens.datasets has no {name}: mnist.load_data() is here, and convlens.load(PATH) reads images"
    )
