"""ReLU, tanh, sigmoid and softmax, compared with their definitions, finite differences and TensorFlow; extremes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from tests.support.tolerance import Tolerance

from convlens.gradcheck import check_vjp
from convlens.ops import (
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    softmax_backward,
    softmax_forward,
    tanh_backward,
    tanh_forward,
)

DTYPES = ("float32", "float64")
any_array = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(
        dtype,
        hnp.array_shapes(min_dims=1, max_dims=4, max_side=4),
        elements=st.floats(-1000, 1000, width=32),
    )
)


@pytest.mark.smoke
@given(any_array)
def test_relu_number_by_number(x):
    before = x.copy()
    y = relu_forward(x)
    assert y.dtype == x.dtype
    assert_array_equal(y, np.array([max(float(v), 0.0) for v in x.ravel()]).reshape(x.shape))
    dy = np.arange(1, x.size + 1, dtype=x.dtype).reshape(x.shape)
    dx = relu_backward(dy, x)
    assert dx.dtype == x.dtype
    want = [d if v > 0 else 0 for d, v in zip(dy.ravel(), x.ravel(), strict=True)]
    assert_array_equal(dx.ravel(), want)
    assert_array_equal(relu_backward(dy, y), dx, "the output serves as well as the input")
    assert_array_equal(x, before)


@pytest.mark.parametrize("dtype", DTYPES)
def test_relu_of_special_numbers(dtype):
    x = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0], dtype)
    assert_array_equal(relu_forward(x), np.array([np.nan, np.inf, 0, 0, 0], dtype))
    assert_array_equal(relu_backward(np.ones_like(x), x), np.array([0, 1, 0, 0, 0], dtype))


def by_hand_sigmoid(v):
    return 1 / (1 + math.exp(-v)) if v > -700 else 0.0


CURVES = {  # forward, backward, a function that computes y, and the slope as a function of y
    "tanh": (tanh_forward, tanh_backward, math.tanh, lambda y: 1 - y**2),
    "sigmoid": (sigmoid_forward, sigmoid_backward, by_hand_sigmoid, lambda y: y * (1 - y)),
}
curves = pytest.mark.parametrize(("forward", "backward", "number", "slope"), CURVES.values(), ids=CURVES)


@pytest.mark.smoke
@curves
@given(x=any_array)
def test_tanh_and_sigmoid_number_by_number(forward, backward, number, slope, x):
    x.flags.writeable = False
    tolerance: Tolerance = {"rtol": 1e-6, "atol": 1e-7} if x.dtype == "float32" else {"rtol": 1e-14, "atol": 1e-15}
    y = forward(x)
    assert y.dtype == x.dtype and y.shape == x.shape
    assert_allclose(y.ravel(), [number(float(v)) for v in x.ravel()], **tolerance)
    dy = np.linspace(-2, 3, x.size, dtype=x.dtype).reshape(x.shape)
    dy.flags.writeable = y.flags.writeable = False
    dx = backward(dy, y)
    assert dx.dtype == x.dtype and dx.shape == x.shape
    want = [float(d) * slope(float(v)) for d, v in zip(dy.ravel(), y.ravel(), strict=True)]
    assert_allclose(dx.ravel(), want, rtol=1e-5, atol=1e-6 if x.dtype == "float32" else 1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
def test_tanh_and_sigmoid_of_special_numbers(dtype):
    x = np.array([np.nan, np.inf, -np.inf, 0, 3e38, -3e38], dtype)
    assert_array_equal(tanh_forward(x), np.array([np.nan, 1, -1, 0, 1, -1], dtype))
    assert_array_equal(sigmoid_forward(x), np.array([np.nan, 1, 0, 0.5, 1, 0], dtype))
    for forward, backward, *_ in CURVES.values():
        assert_array_equal(backward(np.ones_like(x), forward(x))[[1, 2, 4, 5]], np.zeros(4, dtype))


@pytest.mark.smoke
@given(any_array, st.data())
def test_softmax_number_by_number(x, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    before = x.copy()
    y = softmax_forward(x, axis)
    assert y.dtype == x.dtype and y.shape == x.shape
    assert_array_equal(x, before)
    rows_in, rows_out = (np.moveaxis(a, axis, -1).reshape(-1, x.shape[axis]) for a in (x, y))
    for row, got in zip(rows_in, rows_out, strict=True):
        powers = [math.exp(float(v) - float(row.max())) for v in row]
        want = np.array(powers) / math.fsum(powers)
        assert_allclose(got, want, rtol=1e-4 if x.dtype == "float32" else 1e-12, atol=1e-30)


def test_softmax_takes_the_last_axis_unless_told():
    x = np.random.default_rng(0).standard_normal((3, 4, 5))
    assert_array_equal(softmax_forward(x), softmax_forward(x, axis=2))
    assert_allclose(softmax_forward(x, axis=0).sum(axis=0), np.ones((4, 5)), rtol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_does_not_overflow_and_ignores_a_common_shift(dtype):
    x = np.array([[1.5e38, 1.5e38, -1.5e38], [-3e38, -3e38, -3e38], [1000, 1001, 1002]], dtype)
    y = softmax_forward(x)
    assert_allclose(y[0], [0.5, 0.5, 0], rtol=1e-6)
    assert_allclose(y[1], [1 / 3] * 3, rtol=1e-6)
    assert_allclose(y[2], softmax_forward(np.array([0, 1, 2], dtype)), rtol=1e-6)


@pytest.mark.smoke
@pytest.mark.parametrize("shape", [(3, 5), (1, 4), (2, 1), (2, 3, 4)])
def test_backward_is_the_gradient_of_forward(shape, rng):
    x = rng.standard_normal(shape)
    away_from_the_kink = x + np.sign(x) * 0.1
    check_vjp(relu_forward, relu_backward, (away_from_the_kink,), rng=rng)
    check_vjp(tanh_forward, lambda dy, x: tanh_backward(dy, tanh_forward(x)), (x,), rng=rng)
    check_vjp(sigmoid_forward, lambda dy, x: sigmoid_backward(dy, sigmoid_forward(x)), (x,), rng=rng)
    for axis in range(-1, len(shape)):
        check_vjp(
            lambda x, axis=axis: softmax_forward(x, axis),
            lambda dy, x, axis=axis: softmax_backward(dy, softmax_forward(x, axis), axis),
            (x,),
            rng=rng,
        )


@pytest.mark.frameworks
@pytest.mark.parametrize("dtype", DTYPES)
def test_tensorflow_agrees(tf, dtype, rng):
    x = (rng.standard_normal((4, 6, 5)) * 5).astype(dtype)
    x[0, 0] = 0
    dy = rng.standard_normal(x.shape).astype(dtype)
    tolerance: Tolerance = {"rtol": 1e-5, "atol": 1e-6} if dtype == "float32" else {"rtol": 1e-12, "atol": 1e-13}
    given = tf.constant(x)
    for function, forward, backward in (
        (tf.nn.relu, relu_forward, relu_backward),
        (tf.nn.tanh, tanh_forward, lambda dy, x: tanh_backward(dy, tanh_forward(x))),
        (tf.nn.sigmoid, sigmoid_forward, lambda dy, x: sigmoid_backward(dy, sigmoid_forward(x))),
        (tf.nn.softmax, softmax_forward, lambda dy, x: softmax_backward(dy, softmax_forward(x))),
        (lambda a: tf.nn.softmax(a, axis=1), lambda x: softmax_forward(x, 1), None),
    ):
        with tf.GradientTape() as tape:
            tape.watch(given)
            y = function(given)
        assert_allclose(forward(x), y.numpy(), **tolerance)
        if backward:
            want = tape.gradient(y, given, output_gradients=tf.constant(dy))
            assert_allclose(backward(dy, x), want.numpy(), **tolerance)
