"""predict_ten_crops: the mean of ten softmaxes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.support.small import tiny

from convlens import ops
from convlens.data import ten_crops
from convlens.nn import Dropout, Flatten, Sequential, predict_ten_crops

pytestmark = pytest.mark.smoke


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [(9, 7), (5, 5), (6, 4), (5, 4)])
def test_it_is_the_mean_of_ten_softmaxes(rng, size, dtype):
    model, x = tiny(dtype), rng.random((11, *size, 1)).astype(dtype)
    x.flags.writeable = False
    got = predict_ten_crops(model, x)
    assert got.shape == (11, 3) and got.dtype == dtype
    want = np.zeros((11, 3))
    for image, crops in enumerate(ten_crops(x, (5, 4))):
        for crop in crops:
            want[image] += ops.softmax_forward(model.forward(crop[None])[0][0].astype(float)) / 10
    assert_allclose(got, want, rtol=1e-5 if dtype == "float32" else 1e-12)
    assert_allclose(got.sum(axis=1), 1, rtol=1e-6)
    assert_array_equal(predict_ten_crops(model, x), got)


def test_it_is_not_the_softmax_of_the_mean(rng):
    x, model = 9 * rng.random((20, 7, 6, 1)), tiny("float64")
    mean = sum(model.logits(crop) for crop in ten_crops(x, (5, 4)).swapaxes(0, 1)) / 10
    assert np.abs(predict_ten_crops(model, x) - ops.softmax_forward(mean)).max() > 1e-3


def test_no_dropout(rng):
    model = Sequential((Flatten(), Dropout(0.5), *tiny().layers[-1:]), (5, 4, 1))
    x = rng.random((3, 8, 9, 1), dtype=np.float32)
    assert_array_equal(predict_ten_crops(model, x), predict_ten_crops(model, x))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            np.zeros((2, 4, 9, 1)),
            "predict_ten_crops needs a size that fits into the images; got (5, 4), images (4, 9)",
        ),
        (
            np.zeros((9, 9, 1)),
            "predict_ten_crops needs images as an array (n, h, w, c) that is not empty; got (9, 9, 1)",
        ),
        (np.zeros((2, 9, 8, 3)), "x must be (n, 5, 4, 1) with n of at least 1; got (2, 5, 4, 3)"),
        (np.zeros((2, 9, 8, 1), complex), "x must be an array of numbers; got ndarray of complex128"),
    ],
)
def test_bad_arguments_are_refused(x, message):
    with pytest.raises(ValueError) as caught:
        predict_ten_crops(tiny(), x)
    assert str(caught.value) == message
