"""Depthwise convolution: each channel alone, compared with ordinary convolutions, finite differences, TensorFlow."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from convlens.gradcheck import check_vjp
from convlens.ops import conv2d_forward, depthwise, depthwise_conv2d_backward, depthwise_conv2d_forward

CASES = [
    ((3, 2), 1, "valid", (1, 1), (1, 1)),
    ((2, 3), 2, "same", (2, 1), (1, 1)),
    ((2, 2), 3, ((1, 2), (0, 1)), (1, 2), (1, 1)),
    ((3, 2), 1, "same", (1, 1), (2, 3)),
    ((1, 3), 2, "course", (3, 2), (1, 1)),
]
cases = pytest.mark.parametrize(("kernel", "m", "padding", "stride", "dilation"), CASES)


def arrays(kernel, m, rng, n=3):
    return rng.standard_normal((n, 8, 7, 4)), rng.standard_normal((*kernel, 4, m)), rng.standard_normal(4 * m)


@cases
def test_each_channel_is_a_convolution_of_its_own(kernel, m, padding, stride, dilation, rng):
    x, w, b = arrays(kernel, m, rng)
    settings: dict[str, Any] = {"padding": padding, "stride": stride, "dilation": dilation}
    got = depthwise_conv2d_forward(x, w, b, **settings)
    for c in range(4):
        mine = slice(c * m, (c + 1) * m)
        want = conv2d_forward(x[..., c : c + 1], w[:, :, c : c + 1], b[mine], **settings)
        assert_allclose(got[..., mine], want, rtol=1e-12, atol=1e-12)


@cases
def test_backward_is_the_gradient_of_forward(kernel, m, padding, stride, dilation, rng):
    settings: dict[str, Any] = {"padding": padding, "stride": stride, "dilation": dilation}
    x, w, b = arrays(kernel, m, rng)
    check_vjp(
        lambda x, w, b: depthwise_conv2d_forward(x, w, b, **settings),
        lambda dy, x, w, b: depthwise_conv2d_backward(dy, x, w, **settings),
        (x, w, b),
        rng=rng,
    )
    dy = rng.standard_normal(depthwise_conv2d_forward(x, w, b, **settings).shape)
    none, dw, _ = depthwise_conv2d_backward(dy, x, w, need_dx=False, **settings)
    assert none is None
    assert_array_equal(dw, depthwise_conv2d_backward(dy, x, w, **settings)[1])


def test_blocks_of_examples_change_nothing_but_rounding(monkeypatch, rng):
    x, w, b = arrays((3, 2), 2, rng, n=5)
    dy = rng.standard_normal((5, 6, 6, 8))
    y, (dx, dw, db) = depthwise_conv2d_forward(x, w, b), depthwise_conv2d_backward(dy, x, w)
    monkeypatch.setattr(depthwise, "_BLOCK", 2 * dy[0].nbytes)
    assert_array_equal(depthwise_conv2d_forward(x, w, b), y)
    again = depthwise_conv2d_backward(dy, x, w)
    assert_array_equal(again[0], dx)
    assert_allclose(again[1], dw, rtol=1e-12)
    assert_allclose(again[2], db, rtol=1e-12)


@pytest.mark.frameworks
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tensorflow_agrees(tf, dtype, rng):
    x, w, b = (array.astype(dtype) for array in arrays((3, 2), 2, rng))
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    for padding, stride, dilation in (("VALID", 2, 1), ("SAME", 1, 2)):
        given, kernel = tf.constant(x), tf.constant(w)
        with tf.GradientTape() as tape:
            tape.watch([given, kernel])
            y = tf.nn.depthwise_conv2d(given, kernel, (1, stride, stride, 1), padding, dilations=(dilation, dilation))
        dy = rng.standard_normal(y.shape).astype(dtype)
        settings: dict[str, Any] = {"padding": padding.lower(), "stride": stride, "dilation": dilation}
        got = depthwise_conv2d_forward(x, w, b, **settings)
        assert got.dtype == dtype
        assert_allclose(got, y.numpy() + b, rtol=tolerance, atol=tolerance)
        want = tape.gradient(y, [given, kernel], output_gradients=tf.constant(dy))
        found = depthwise_conv2d_backward(dy, x, w, **settings)
        assert found[0] is not None
        for one, other in zip(found, want, strict=False):
            assert_allclose(np.asarray(one), other.numpy(), rtol=tolerance, atol=tolerance)
        assert_allclose(found[2], dy.sum(axis=(0, 1, 2)), rtol=tolerance, atol=tolerance)


def test_bad_arguments_are_refused(rng):
    x, w, b = arrays((3, 2), 2, rng)
    for call, message in (
        (lambda: depthwise_conv2d_forward(x[0], w, b), "depthwise_conv2d needs x (n, h, w, c); got 3 axes, (8, 7, 4)"),
        (
            lambda: depthwise_conv2d_forward(x[..., :3], w, b),
            "depthwise_conv2d needs equal c; got x (3, 8, 7, 3), w (3, 2, 4, 2)",
        ),
        (lambda: depthwise_conv2d_forward(x, w, b[:4]), "depthwise_conv2d needs b (8,); got (4,)"),
        (
            lambda: depthwise_conv2d_forward(x, w, b, stride=2, dilation=2),
            "depthwise_conv2d needs a stride of 1 where it has a dilation; got stride (2, 2), dilation (2, 2)",
        ),
        (
            lambda: depthwise_conv2d_backward(x, x, w),
            "depthwise_conv2d_backward needs dy (3, 6, 6, 8); got (3, 8, 7, 4)",
        ),
    ):
        with pytest.raises(ValueError) as caught:
            call()
        assert str(caught.value) == message
