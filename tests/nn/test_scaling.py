"""Rescaling and Normalization."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.support.layers import check_layer, images, refused

from convlens.engines import numpy_engine
from convlens.nn import Normalization, Rescaling

SHAPE = (4, 3, 2)


@pytest.mark.parametrize(
    "layer",
    [
        Rescaling(1 / 255),
        Rescaling(2, -1),
        Rescaling((2.0, 3.0), (0.5, -0.5)),
        Normalization(-1, 0.5, 4),
        Normalization(-1, (0.5, -1), (0.25, 9)),
        Normalization(-1, 1.0, np.array([4.0, 9.0])),  # type: ignore[arg-type]  # on purpose
    ],
    ids=str,
)
def test_the_layer(layer, quick_engine):
    check_layer(layer, SHAPE, SHAPE, {}, quick_engine)


def test_what_they_compute(rng):
    x = images(SHAPE)
    assert_allclose(Rescaling((2.0, 3.0), -1).forward(x, {}, numpy_engine)[0], x * [2, 3] - 1)
    got, _ = Normalization(-1, (0.5, -1), (0.25, 9)).forward(x, {}, numpy_engine)
    assert_allclose(got, (x - [0.5, -1]) / [0.5, 3], rtol=1e-13, atol=1e-13)
    got, _ = Normalization(-1, 0.0, 0.0).forward(x, {}, numpy_engine)
    assert_allclose(got, x / 1e-7)
    given = 3 * rng.standard_normal((50, *SHAPE)) + 2
    y, _ = Normalization.of(given).forward(given, {}, numpy_engine)
    assert_allclose(y.mean((0, 1, 2)), [0, 0], atol=1e-12)
    assert_allclose(y.var((0, 1, 2)), [1, 1], rtol=1e-12)


def test_arrays_become_plain_numbers():
    assert Normalization(-1, np.float32(0.5), np.array([1, 4])) == Normalization(-1, 0.5, (1.0, 4.0))  # type: ignore[arg-type]  # on purpose
    assert hash(Rescaling([1, 2])) == hash(Rescaling((1.0, 2.0)))  # type: ignore[arg-type]  # on purpose


def test_bad_arguments_are_refused():
    assert refused(lambda: Rescaling("1/255")) == "scale must be a finite number; got '1/255'"  # type: ignore[arg-type]  # on purpose
    assert refused(lambda: Rescaling(1, (0, float("inf")))) == "offset must be a finite number; got inf"
    assert refused(lambda: Rescaling(())) == "scale must be a finite number; got ()"
    assert refused(lambda: Normalization(-1, 0, -1)) == "variance must be a number of at least 0; got -1.0"
    assert refused(lambda: Normalization(-1, (0, 1), (1, 2, 3)).output_shape((2, 2, 3))) == (
        "Normalization needs as many means as variances; got 2, 3"
    )
    assert refused(lambda: Normalization(mean=1)) == (
        "Normalization needs both mean and variance, or adapt(x); got 1, None"
    )
    assert refused(lambda: Normalization().output_shape((2, 2, 3))) == (
        "Normalization needs mean and variance: norm.adapt(x) takes those of the images x"
    )
    assert refused(lambda: Normalization(0, 1, 2)) == "axis of Normalization must be the last one, -1; got 0"
    assert refused(lambda: Rescaling((1, 2)).output_shape((4, 3, 5))) == (
        "Rescaling needs one number, or one for each of the channels of (4, 3, 5); got 2"
    )
