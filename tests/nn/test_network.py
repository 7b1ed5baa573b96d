"""An engine's fused pass through a network gives the same results as the single layers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from convlens.models.lenet5 import lenet5
from convlens.nn import (
    AveragePooling2D,
    Conv2D,
    Dense,
    Flatten,
    Layer,
    MaxPooling2D,
    Sequential,
)
from convlens.ops import softmax_forward

pytest.importorskip("numba")

TOLERANCE = {"float64": 1e-12, "float32": 1e-5}  # relative to the largest number


def equal(got, want, dtype, among=0.0):
    scale = max(1e-30, float(np.abs(want).max()), float(np.abs(among).max()))
    assert_allclose(got, want, rtol=0, atol=TOLERANCE[dtype] * scale)


def compare(layers, input_shape, dtype, n, seed=0):
    slow = Sequential(layers, input_shape, engine="numpy", dtype=dtype, seed=seed)
    fast = Sequential(layers, input_shape, engine="numba", dtype=dtype, seed=seed)
    assert slow.fused is None and fast.fused is not None
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, *input_shape)).astype(dtype)
    labels = rng.integers(0, slow.output_shape[0], n)
    wanted, found = np.full_like(slow.flat, np.nan), np.full_like(slow.flat, np.nan)
    loss, logits = slow.loss_gradient(x, labels, 1 / n, wanted)
    for _ in range(2):  # the second pass must not depend on the first
        fast_loss, fast_logits = fast.loss_gradient(x, labels, 1 / n, found)
        equal(fast_logits, logits, dtype)
        equal(fast_loss, loss, dtype, among=logits)  # a loss is a difference of two numbers of this size
        equal(found, wanted, dtype, among=softmax_forward(logits) / n)  # sums of numbers of this size, which may cancel
    equal(fast.logits(x), logits, dtype)
    assert fast_loss.dtype == fast_logits.dtype == found.dtype == np.dtype(dtype)


@st.composite
def networks(draw):
    """A random network: convolutions and poolings of any shape that fits, then dense layers."""
    h, w, c = draw(st.integers(3, 12)), draw(st.integers(3, 12)), draw(st.integers(1, 3))
    shape: tuple[int, ...] = (h, w, c)
    layers: list[Layer] = []
    for _ in range(draw(st.integers(0, 3))):
        size = draw(st.integers(1, min(6, shape[0]))), draw(st.integers(1, min(6, shape[1])))
        strides = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        rule = draw(st.sampled_from(["valid", "same"]))
        kind = draw(st.sampled_from([Conv2D, Conv2D, MaxPooling2D, AveragePooling2D]))
        if kind is Conv2D:
            rule = draw(st.sampled_from([rule, "course", ((1, 0), (0, 2))]))
            relu = draw(st.sampled_from([None, "relu"]))
            layer: Layer = Conv2D(draw(st.integers(1, 5)), size, strides=strides, padding=rule, activation=relu)
        else:
            layer = kind(size, strides=strides, padding=rule)
        layers.append(layer)
        shape = layer.output_shape(shape)
    layers.append(Flatten())
    for _ in range(draw(st.integers(0, 2))):
        layers.append(Dense(draw(st.integers(1, 9)), activation=draw(st.sampled_from([None, "relu"]))))
    return [*layers, Dense(draw(st.integers(2, 5)))], (h, w, c)


@given(networks(), st.integers(1, 35), st.integers(0, 99))
def test_any_network(network, n, seed):
    layers, input_shape = network
    compare(layers, input_shape, "float64", n, seed)


@pytest.mark.smoke
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 7, 16, 33])
def test_lenet5(n, dtype):
    model = lenet5(engine="numba")
    compare(model.layers, model.input_shape, dtype, n)


def test_training_curves_equal_those_of_the_numpy_engine():
    """In float64. In float32 a ReLU or a pool decides differently in one of some hundred steps, and the curves part."""
    import convlens

    digits = convlens.load("embedded")
    curves: dict[str, dict[str, Any]] = {}
    for engine, dtype in (("numpy", "float64"), ("numba", "float64"), ("numba", "float32")):
        model = lenet5(engine=engine, dtype=dtype)
        x, valid = digits.x_train.astype(dtype), (digits.x_valid.astype(dtype), digits.y_valid)
        curves[engine + dtype] = convlens.fit(model, x, digits.y_train, validation=valid, epochs=1).history
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert_allclose(curves["numbafloat64"][name], curves["numpyfloat64"][name], rtol=0, atol=1e-9)
        assert_allclose(curves["numbafloat32"][name], curves["numpyfloat64"][name], rtol=0, atol=0.02)


@pytest.mark.smoke
def test_other_layer_kinds_are_computed_one_by_one():
    class Twice(Layer):
        kind = "twice"

        def output_shape(self, shape):
            return shape

        def forward(self, x, weights, engine, rng=None):
            return 2 * x, None

        def backward(self, dy, saved, weights, engine, need_dx=True):
            return 2 * dy, {}

    model = Sequential([Twice(), Flatten(), Dense(3)], (4, 5, 1), engine="numba")
    assert model.fused is None
    assert model.summary_text().endswith(", engine numba, layer by layer because of a layer of one's own")
    assert model.predict(np.ones((2, 4, 5, 1), np.float32)).shape == (2, 3)


@pytest.mark.smoke
def test_a_fused_pass_refuses_bad_arguments():
    model, gradient = lenet5(engine="numba"), np.empty(61_706, np.float32)
    x, labels = np.zeros((2, 28, 28, 1), np.float32), np.array([3, 10])
    with pytest.raises(ValueError, match="labels must be from 0 to 9; got 3 to 10"):
        model.loss_gradient(x, labels, 1.0, gradient)
    with pytest.raises(ValueError, match="x must be float32, the model's dtype; got float64"):
        model.logits(x.astype(float))
    with pytest.raises(ValueError, match=r"x must be \(n, 28, 28, 1\) with n of at least 1; got \(2, 28, 27, 1\)"):
        model.logits(x[:, :, :27])


@pytest.mark.smoke
def test_nan_stays_nan():
    model = lenet5(engine="numba")
    x = np.zeros((2, 28, 28, 1), np.float32)
    x[1, 5, 5] = np.nan
    logits = model.logits(x)
    assert np.isfinite(logits[0]).all() and np.isnan(logits[1]).all()
