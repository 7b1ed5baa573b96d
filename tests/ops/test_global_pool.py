"""Global pooling: the mean and the maximum of each channel, compared with NumPy, finite differences and Keras."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from convlens.gradcheck import check_vjp
from convlens.ops import (
    global_avg_pool2d_backward,
    global_avg_pool2d_forward,
    global_max_pool2d_backward,
    global_max_pool2d_forward,
)


def d_max(dy, x):
    return global_max_pool2d_backward(dy, x, global_max_pool2d_forward(x))


POOLS = {
    "average": ("GlobalAveragePooling2D", np.mean, global_avg_pool2d_forward, global_avg_pool2d_backward),
    "max": ("GlobalMaxPooling2D", np.max, global_max_pool2d_forward, d_max),
}
pools = pytest.mark.parametrize(("name", "number", "forward", "backward"), POOLS.values(), ids=POOLS)


@pools
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_channel_alone(name, number, forward, backward, dtype, rng):
    x = rng.standard_normal((3, 5, 4, 2)).astype(dtype)
    y = forward(x)
    assert y.dtype == dtype
    assert_allclose(y, number(x, axis=(1, 2)), rtol=1e-6 if dtype == "float32" else 1e-14)
    assert backward(y, x).dtype == dtype


@pools
def test_backward_is_the_gradient_of_forward(name, number, forward, backward, rng):
    x = rng.permutation(2 * 5 * 4 * 3).reshape(2, 5, 4, 3) * 0.1
    check_vjp(forward, backward, (x,), rng=rng)


@pytest.mark.frameworks
@pools
def test_keras_agrees(tf, keras, name, number, forward, backward, rng):
    x = rng.integers(0, 4, (3, 5, 4, 2)).astype(np.float64)  # several cells hold the maximum
    dy, given = rng.standard_normal((3, 2)), tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(given)
        y = getattr(keras.layers, name)(dtype="float64")(given)
    assert_allclose(forward(x), y.numpy(), rtol=1e-14)
    assert_allclose(backward(dy, x), tape.gradient(y, given, output_gradients=tf.constant(dy)).numpy(), rtol=1e-14)


def test_equal_maxima_share_the_gradient():
    x = np.array([[[[1.0], [3.0]], [[3.0], [0.0]]]])
    assert_array_equal(d_max(np.array([[5.0]]), x).ravel(), [0, 2.5, 2.5, 0])


def test_bad_arguments_are_refused():
    x = np.zeros((2, 3, 4, 5))
    for call, message in (
        (lambda: global_avg_pool2d_forward(x[0]), "global_avg_pool2d needs x (n, h, w, c); got 3 axes, (3, 4, 5)"),
        (lambda: global_avg_pool2d_backward(x, x), "global_avg_pool2d_backward needs dy (2, 5); got (2, 3, 4, 5)"),
        (
            lambda: global_max_pool2d_backward(x[:, 0, 0], x, x[:, 0, 0].astype(np.float32)),
            "global_max_pool2d_backward needs x and y of the same dtype; got x float64, y float32",
        ),
    ):
        with pytest.raises(ValueError) as caught:
            call()
        assert str(caught.value) == message
