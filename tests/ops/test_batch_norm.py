"""Batch normalisation, compared with its definition, finite differences, Keras and PyTorch; large means."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from convlens.gradcheck import check_vjp
from convlens.ops import (
    batch_norm,
    batch_norm_backward,
    batch_norm_forward,
    batch_norm_training_backward,
    batch_norm_training_forward,
)

SHAPES = [(6, 4, 5, 3), (7, 2), (150, 3, 2, 1)]
shapes = pytest.mark.parametrize("shape", SHAPES)


def arrays(shape, rng):
    """x, gamma, beta, mean, variance"""
    c = shape[-1]
    return 3 * rng.standard_normal(shape) + 2, *rng.standard_normal((3, c)), rng.uniform(0.1, 2, c)


def train(x, gamma, beta):
    return batch_norm_training_forward(x, gamma, beta, epsilon=1e-2)[0]


def d_train(dy, x, gamma, beta):
    return batch_norm_training_backward(dy, batch_norm_training_forward(x, gamma, beta, epsilon=1e-2)[1], gamma)


@shapes
def test_the_definition(shape, rng):
    x, gamma, beta, mean, variance = arrays(shape, rng)
    want = gamma * (x - mean) / np.sqrt(variance + 1e-2) + beta
    assert_allclose(batch_norm_forward(x, gamma, beta, mean, variance, epsilon=1e-2), want, rtol=1e-12, atol=1e-12)
    axes = tuple(range(x.ndim - 1))
    want = gamma * (x - x.mean(axes)) / np.sqrt(x.var(axes) + 1e-2) + beta
    y, found = batch_norm_training_forward(x, gamma, beta, epsilon=1e-2)
    assert_allclose(y, want, rtol=1e-12, atol=1e-12)
    assert_allclose(found.mean, x.mean(axes), rtol=1e-13)
    assert_allclose(found.variance, x.var(axes), rtol=1e-13)


@shapes
def test_backward_is_the_gradient_of_forward(shape, rng):
    x, gamma, beta, mean, variance = arrays(shape, rng)
    check_vjp(train, d_train, (x, gamma, beta), rng=rng)
    check_vjp(
        lambda x, gamma, beta: batch_norm_forward(x, gamma, beta, mean, variance, epsilon=1e-2),
        lambda dy, x, gamma, beta: batch_norm_backward(dy, x, gamma, mean, variance, epsilon=1e-2),
        (x, gamma, beta),
        rng=rng,
    )


def test_a_large_mean_loses_no_variance(rng):
    x = (rng.standard_normal((300, 9, 8, 2)) + 1000).astype(np.float32)
    y, found = batch_norm_training_forward(x, np.ones(2, np.float32), np.zeros(2, np.float32))
    exact = x.astype(np.float64)
    assert y.dtype == found.mean.dtype == found.variance.dtype == np.float32
    assert_allclose(found.mean, exact.mean((0, 1, 2)), rtol=1e-7)
    assert_allclose(found.variance, exact.var((0, 1, 2)), rtol=1e-5)
    assert_allclose(y.mean((0, 1, 2), np.float64), [0, 0], atol=1e-4)


@pytest.mark.frameworks
@shapes
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_keras_agrees(tf, keras, shape, dtype, rng):
    x, gamma, beta, mean, variance = (array.astype(dtype) for array in arrays(shape, rng))
    dy = rng.standard_normal(shape).astype(dtype)
    tolerance = 2e-5 if dtype == "float32" else 1e-11
    layer = keras.layers.BatchNormalization(epsilon=1e-2, dtype=dtype)
    layer.build(shape)
    layer.set_weights([gamma, beta, mean, variance])
    want = batch_norm_forward(x, gamma, beta, mean, variance, epsilon=1e-2)
    assert_allclose(want, layer(x, training=False).numpy(), rtol=tolerance, atol=tolerance)
    given = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(given)
        y = layer(given, training=True)
    assert_allclose(train(x, gamma, beta), y.numpy(), rtol=tolerance, atol=tolerance)
    wanted = tape.gradient(y, [given, *layer.trainable_variables], output_gradients=tf.constant(dy))
    for got, other in zip(d_train(dy, x, gamma, beta), wanted, strict=True):
        assert got.dtype == dtype
        assert_allclose(got, other.numpy(), rtol=10 * tolerance, atol=10 * tolerance)


def test_pytorch_agrees(rng):
    torch = pytest.importorskip("torch")
    x, gamma, beta, _, _ = arrays(SHAPES[0], rng)
    dy = rng.standard_normal(x.shape)
    given, scale, offset = (torch.tensor(array, requires_grad=True) for array in (x, gamma, beta))
    y = torch.nn.functional.batch_norm(given.permute(0, 3, 1, 2), None, None, scale, offset, True, 0.1, 1e-2)
    y = y.permute(0, 2, 3, 1)
    y.backward(torch.tensor(dy))
    assert_allclose(train(x, gamma, beta), y.detach().numpy(), rtol=1e-11, atol=1e-11)
    for got, other in zip(d_train(dy, x, gamma, beta), (given, scale, offset), strict=True):
        assert_allclose(got, other.grad.numpy(), rtol=1e-10, atol=1e-10)


def test_arguments_are_kept(rng):
    x, gamma, beta, mean, variance = arrays(SHAPES[0], rng)
    dy = rng.standard_normal(x.shape)
    for array in (x, gamma, beta, mean, variance, dy):
        array.flags.writeable = False
    batch_norm_backward(dy, x, gamma, mean, variance)
    y, saved = batch_norm_training_forward(x, gamma, beta)
    before = saved.x_hat.copy()
    batch_norm_training_backward(dy, saved, gamma)
    assert_array_equal(saved.x_hat, before)
    assert y is not saved.x_hat


def test_bad_arguments_are_refused(rng):
    x, gamma, beta, mean, variance = arrays(SHAPES[0], rng)
    form = "batch_norm_training needs x"
    for call, message in (
        (
            lambda: train(x[0, 0, 0], gamma, beta),
            f"{form} (n, …, c) with at least one number along each axis; got (3,)",
        ),
        (lambda: train(x.astype(int), gamma, beta), f"{form} as an array of float32 or float64; got int64"),
        (lambda: train(x, gamma[:2], beta), "batch_norm_training needs gamma (3,); got (2,)"),
        (lambda: batch_norm_forward(x, gamma, beta, mean, variance[:1]), "batch_norm needs variance (3,); got (1,)"),
        (
            lambda: d_train(x[1:], x, gamma, beta),
            "batch_norm_training_backward needs dy (6, 4, 5, 3); got (5, 4, 5, 3)",
        ),
    ):
        with pytest.raises(ValueError) as caught:
            call()
        assert str(caught.value) == message


def test_few_examples_at_a_time_change_nothing_but_rounding(monkeypatch, rng):
    x, gamma, beta, _, _ = arrays((9, 4, 5, 3), rng)
    dy = rng.standard_normal(x.shape)
    y, found = train(x, gamma, beta), d_train(dy, x, gamma, beta)
    monkeypatch.setattr(batch_norm, "_BYTES", 2 * x[0].nbytes)
    assert_allclose(train(x, gamma, beta), y, rtol=1e-12, atol=1e-12)
    for got, want in zip(d_train(dy, x, gamma, beta), found, strict=True):
        assert_allclose(got, want, rtol=1e-12, atol=1e-12)
