"""Data sets in Keras's spelling."""

import numpy as np
import pytest

from convlens import data, datasets
from convlens.data.digits import Digits


def test_mnist_has_the_shapes_of_keras(monkeypatch):
    def x(n, first):
        return np.full((n, 4, 3, 1), first, np.uint8)

    def y(n):
        return np.arange(n) % 10

    found = Digits(x(12, 1), y(12), x(10, 2), y(10), x(5, 3), y(5), "mnist")
    monkeypatch.setattr(data, "load", lambda name: found)
    (x_train, y_train), (x_test, y_test) = datasets.mnist.load_data()
    assert (x_train.shape, y_train.shape, x_test.shape, y_test.shape) == ((22, 4, 3), (22,), (5, 4, 3), (5,))
    assert x_train[11, 0, 0] == 1 and x_train[12, 0, 0] == 2 and {x.dtype.name for x in (x_train, y_test)} == {"uint8"}


def test_others_are_refused():
    with pytest.raises(ValueError, match=r"convlens does not download cifar10: convlens\.load\(PATH\) reads its files"):
        datasets.cifar10.load_data()
    with pytest.raises(AttributeError, match=r"convlens\.datasets has no imdb: mnist\.load_data\(\) is here"):
        datasets.imdb  # noqa: B018
