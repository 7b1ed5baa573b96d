"""Every activation in ACTIVATIONS, compared with finite differences, Keras and PyTorch; extremes; its variants."""

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from convlens import ops
from convlens.engines.normal import normal_cdf, normal_density
from convlens.gradcheck import check_vjp
from convlens.ops import ACTIVATIONS, OTHER_NAMES

each = pytest.mark.parametrize("name", ACTIVATIONS)
KINKS = {
    "relu": [0],
    "relu6": [0, 6],
    "elu": [0],
    "leaky_relu": [0],
    "selu": [0],
    "hard_sigmoid": [-3, 3],
    "hard_silu": [-3, 3],
}
ROUNDED = {"gelu": 2e-8, "leaky_relu": 2e-8}  # Keras rounds their constants, sqrt 2 and 0.2, to float32
TORCH = {"exponential": "exp", "hard_sigmoid": "hardsigmoid", "hard_silu": "hardswish"}


def numbers(name, rng, shape=(4, 3, 5)):
    """Random numbers from -8 to 8, none of them near a kink of the activation."""
    x = rng.uniform(-8, 8, shape)
    for kink in KINKS.get(name, []):
        x += 0.1 * np.sign(x - kink) * (abs(x - kink) < 0.1)
    return x


def backward(name, dy, x):
    """The activation's gradient at x: its backward gets the array that it asks for."""
    function = ACTIVATIONS[name]
    return function.backward(dy, x if function.from_input else function.forward(x))


@each
def test_backward_is_the_gradient_of_forward(name, rng):
    check_vjp(ACTIVATIONS[name].forward, lambda dy, x: backward(name, dy, x), (numbers(name, rng),), rng=rng)


@each
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_and_arguments_are_kept(name, dtype, rng):
    x, dy = (rng.standard_normal((2, 3, 4)).astype(dtype) for _ in range(2))
    x.flags.writeable = dy.flags.writeable = False
    for found in (ACTIVATIONS[name].forward(x), backward(name, dy, x)):
        assert found.dtype == dtype and found.shape == x.shape and found is not x


@each
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_numbers_give_no_nan(name, dtype):
    x = np.array([[-1e4, 0, 80], [-80, 5, -0.0]], dtype)
    dy = np.ones_like(x)
    assert np.isfinite(ACTIVATIONS[name].forward(x)).all() and np.isfinite(backward(name, dy, x)).all()


@each
def test_nan_stays_nan(name):
    x = np.array([[np.nan, 1.0]])
    assert np.isnan(ACTIVATIONS[name].forward(x)[0, 0])


@pytest.mark.frameworks
@each
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_keras_agrees(tf, keras, name, dtype, rng):
    x, dy = (rng.uniform(-8, 8, (4, 3, 5)).astype(dtype) for _ in range(2))
    x[0, 0] = 0
    given = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(given)
        y = keras.activations.get(name)(given)
    tolerance = 2e-6 if dtype == "float32" else ROUNDED.get(name, 1e-13)
    assert_allclose(ACTIVATIONS[name].forward(x), y.numpy(), rtol=tolerance, atol=tolerance)
    want = tape.gradient(y, given, output_gradients=tf.constant(dy)).numpy()
    assert_allclose(backward(name, dy, x), want, rtol=8 * tolerance, atol=8 * tolerance)


@pytest.mark.frameworks
def test_the_other_names_are_names_in_keras(keras):
    for other, name in OTHER_NAMES.items():
        assert keras.activations.get(other) is keras.activations.get(name)


@each
def test_pytorch_agrees(name, rng):
    torch = pytest.importorskip("torch")
    x, dy = numbers(name, rng), rng.standard_normal((4, 3, 5))
    given = torch.tensor(x, requires_grad=True)
    named: dict[str, dict[str, Any]] = {"leaky_relu": {"negative_slope": 0.2}, "softmax": {"dim": -1}}
    settings = named.get(name, {})
    home = torch if name == "exponential" else torch.nn.functional
    y = getattr(home, TORCH.get(name, name))(given, **settings)
    y.backward(torch.tensor(dy))
    assert_allclose(ACTIVATIONS[name].forward(x), y.detach().numpy(), rtol=1e-12, atol=1e-13)
    assert_allclose(backward(name, dy, x), given.grad.numpy(), rtol=1e-12, atol=1e-13)


def test_the_normal_distribution_function_is_exact_to_rounding():
    x = np.concatenate([np.linspace(-9, 9, 3001), [0.0, -0.0, 38.0, -38.0]])
    want = np.array([math.erfc(-v / math.sqrt(2)) / 2 for v in x])
    near = abs(x) < 5
    assert_allclose(normal_cdf(x)[near], want[near], rtol=8e-15, atol=0)  # v / sqrt 2 is rounded here too
    assert_allclose(normal_cdf(x), want, rtol=1e-13, atol=1e-300)  # exp(-x²) multiplies the rounding of x by 2 x²
    single = normal_cdf(x.astype(np.float32))
    assert single.dtype == np.float32
    assert_allclose(single, want, rtol=0, atol=4e-7)
    assert_array_equal(normal_cdf(np.array([np.inf, -np.inf, np.nan])), [1, 0, np.nan])
    assert_allclose(normal_density(x), [math.exp(-v * v / 2) / math.sqrt(2 * math.pi) for v in x], rtol=1e-13)
    assert normal_cdf(np.zeros((3, 0))).shape == (3, 0)
    columns = np.linspace(-2, 2, 6).reshape(2, 3).T
    assert_array_equal(normal_cdf(columns), normal_cdf(np.ascontiguousarray(columns)))


@pytest.mark.frameworks
def test_the_variants_agree_with_keras(tf, keras, rng):
    x, dy = rng.uniform(-8, 8, (5, 7)), rng.standard_normal((5, 7))
    own = keras.activations
    bounds: dict[str, Any] = {"max_value": 4.0, "negative_slope": 0.25, "threshold": 1.5}
    gelu, d_gelu = (partial(f, approximate=True) for f in (ops.gelu_forward, ops.gelu_backward))
    bounded, d_bounded = (partial(f, **bounds) for f in (ops.threshold_relu_forward, ops.threshold_relu_backward))
    for theirs, forward, back in (
        (lambda a: own.gelu(a, approximate=True), gelu(x), d_gelu(dy, x)),
        (lambda a: own.elu(a, alpha=0.5), ops.elu_forward(x, 0.5), ops.elu_backward(dy, ops.elu_forward(x, 0.5), 0.5)),
        (lambda a: own.leaky_relu(a, 0.125), ops.leaky_relu_forward(x, 0.125), ops.leaky_relu_backward(dy, x, 0.125)),
        (lambda a: own.relu(a, **bounds), bounded(x), d_bounded(dy, x)),
        (lambda a: own.relu(a), ops.threshold_relu_forward(x), ops.threshold_relu_backward(dy, x)),
    ):
        given = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(given)
            y = theirs(given)
        assert_allclose(forward, y.numpy(), rtol=0, atol=1e-8)  # Keras rounds gelu's constants to float32
        want = tape.gradient(y, given, output_gradients=tf.constant(dy)).numpy()
        assert_allclose(back, want, rtol=0, atol=1e-7)


def test_the_variants_have_the_right_gradient(rng):
    x = numbers("relu", rng)
    d_gelu = partial(ops.gelu_backward, approximate=True)
    check_vjp(lambda x: ops.gelu_forward(x, approximate=True), d_gelu, (x,), rng=rng)
    check_vjp(elu2, lambda dy, x: ops.elu_backward(dy, elu2(x), 2.0), (x,), rng=rng)


def elu2(x):
    return ops.elu_forward(x, 2.0)
