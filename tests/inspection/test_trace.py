"""convlens.inspection.trace: one forward and backward pass, layer by layer, equals the model's own."""

from itertools import pairwise

import numpy as np
import pytest

from convlens import ops
from convlens.inspection.trace import trace
from convlens.nn import AveragePooling2D, Conv2D, Dense, Flatten, MaxPooling2D, Sequential, loss_names

LAYERS = (
    Conv2D(3, (3, 2), strides=(1, 2), padding="same", activation="relu"),
    MaxPooling2D((2, 3), strides=(2, 1)),
    Conv2D(4, (2, 3)),
    AveragePooling2D((1, 2)),
    Flatten(),
    Dense(6, activation="relu"),
    Dense(5),
)


@pytest.fixture(params=["float32", "float64"])
def model(request):
    return Sequential(LAYERS, (9, 14, 2), seed=1, dtype=request.param, engine="numpy")


@pytest.fixture
def batch(model, rng):
    return rng.standard_normal((4, *model.input_shape)).astype(model.dtype), np.array([4, 0, 2, 2])


@pytest.mark.smoke
def test_outputs_equal_those_of_forward(model, batch):
    x, labels = batch
    passed = trace(model, x, labels)
    logits, _ = model.forward(x)
    np.testing.assert_array_equal(passed.logits, logits)
    np.testing.assert_array_equal(passed.layers[-1].output, logits)
    np.testing.assert_array_equal(passed.loss, ops.softmax_cross_entropy_forward(logits, labels))
    np.testing.assert_array_equal(passed.probabilities, model.probabilities(x))
    np.testing.assert_allclose(passed.probabilities.sum(axis=1), 1, rtol=0, atol=1e-6)


@pytest.mark.smoke
def test_gradients_equal_those_of_loss_gradient(model, batch):
    x, labels = batch
    gradient = np.empty_like(model.flat)
    model.loss_gradient(x, labels, 1 / len(x), gradient)
    assert np.abs(gradient).max() > 1e-3
    for found, expected in zip(trace(model, x, labels).layers, model.views(gradient), strict=True):
        assert found.d_weights.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_array_equal(found.d_weights[name], value)


def test_layers_follow_each_other_and_have_the_shapes_and_names_of_the_table(model, batch):
    x, labels = batch
    layers = trace(model, x, labels).layers
    assert [layer.name for layer in layers] == [row.name for row in model.table]
    for layer, row in zip(layers, model.table, strict=True):
        assert layer.kind == type(row.layer).__name__
        assert layer.input.shape == layer.d_input.shape == (4, *row.input_shape)
        assert layer.output.shape == layer.d_output.shape == (4, *row.output_shape)
        for name, shape in row.layer.weight_shapes(row.input_shape).items():
            assert layer.weights[name].shape == layer.d_weights[name].shape == shape
        assert {a.dtype for a in (layer.output, layer.d_input, *layer.d_weights.values())} == {model.dtype}
    for earlier, later in pairwise(layers):
        np.testing.assert_array_equal(earlier.output, later.input)
        np.testing.assert_array_equal(earlier.d_output, later.d_input)


def test_the_images_gradient_predicts_how_the_mean_loss_changes(rng):
    model = Sequential(LAYERS, (9, 14, 2), seed=1, dtype="float64", engine="numpy")
    x, labels, step = rng.standard_normal((3, 9, 14, 2)), np.array([1, 3, 0]), 1e-6
    direction = rng.standard_normal(x.shape)
    change = (
        trace(model, x + step * direction, labels).loss.mean() - trace(model, x - step * direction, labels).loss.mean()
    )
    expected = (trace(model, x, labels).layers[0].d_input * direction).sum()
    assert abs(expected) > 1e-3
    np.testing.assert_allclose(change / (2 * step), expected, rtol=1e-6)


def test_a_network_that_ends_in_a_sigmoid_takes_its_own_loss(rng):
    model = Sequential((Flatten(), Dense(3, activation="sigmoid")), (2, 5, 3), seed=1, dtype="float64", engine="numpy")
    x, targets = rng.standard_normal((4, 2, 5, 3)), rng.integers(0, 2, (4, 3)).astype(float)
    passed = trace(model, x, targets, loss=loss_names.get("binary_crossentropy"))
    p = passed.probabilities
    np.testing.assert_array_equal(p, model.probabilities(x))
    expected = -(targets * np.log(p) + (1 - targets) * np.log(1 - p)).mean(axis=1)
    np.testing.assert_allclose(passed.loss, expected, rtol=1e-12)
    np.testing.assert_allclose(passed.layers[-1].d_output, (p - targets) / 12, rtol=1e-10)


def test_the_arguments_are_not_changed(model, batch):
    x, labels = batch
    before = x.copy(), labels.copy(), model.flat.copy()
    trace(model, x, labels)
    for now, then in zip((x, labels, model.flat), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize(
    ("x", "labels", "text"),
    [
        (np.zeros((1, 9, 13, 2)), [0], r"x must be \(n, 9, 14, 2\) with n of at least 1; got \(1, 9, 13, 2\)"),
        (np.full((1, 9, 14, 2), np.nan), [0], "x must be finite; got 252 NaN or infinite numbers"),
        (np.zeros((1, 9, 14, 2)), [5], "labels must be from 0 to 4; got 5 to 5"),
    ],
)
def test_bad_images_and_labels_are_refused(x, labels, text):
    model = Sequential(LAYERS, (9, 14, 2), dtype="float64", engine="numpy")
    with pytest.raises(ValueError, match=text):
        trace(model, x, np.array(labels))
