"""Layers that change images at random: what each change does, its gradient, and what Keras does at prediction."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.support.layers import refused

import convlens
from convlens import layers
from convlens.engines import numpy_engine
from convlens.gradcheck import check_vjp
from convlens.ops.resample import resample_forward, sampling

X = np.random.default_rng(6).random((4, 5, 7, 2))
MADE = [
    layers.RandomFlip(),
    layers.RandomFlip("horizontal"),
    layers.RandomRotation(0.2),
    layers.RandomRotation((0.1, 0.2), fill_mode="constant", fill_value=0.5),
    layers.RandomTranslation(0.3, 0.2, fill_mode="wrap"),
    layers.RandomZoom(0.3, fill_mode="nearest"),
    layers.RandomZoom((-0.4, -0.2), (0.1, 0.3), interpolation="nearest"),
    layers.RandomContrast(0.5, value_range=(0.2, 0.8)),
    layers.RandomBrightness(0.2, value_range=(0.2, 0.8)),
]


def trained(layer, x, seed=3):
    return layer.forward(x, {}, numpy_engine, np.random.default_rng(seed))


@pytest.mark.parametrize("layer", MADE, ids=str)
def test_prediction_training_and_gradient(layer):
    assert layer.forward(X, {}, numpy_engine)[0] is X and layer.output_shape((5, 7, 2)) == (5, 7, 2)
    y, _ = trained(layer, X)
    assert y.shape == X.shape and y.dtype == X.dtype and not np.array_equal(y, X)
    assert_array_equal(trained(layer, X)[0], y)
    assert trained(layer, X.astype("float32"))[0].dtype == np.float32

    def backward(dy, x):
        return layer.backward(dy, trained(layer, x)[1], {}, numpy_engine)[0]

    x = X * 0.99 + 0.003
    check_vjp(lambda x: trained(layer, x)[0], backward, (x,), rng=np.random.default_rng(1), step=1e-5, rtol=1e-5)


def test_each_image_is_mirrored_or_not():
    x = np.repeat(X[:1], 200, axis=0)
    y, _ = trained(layers.RandomFlip(), x)
    kinds = [X[0], X[0, ::-1], X[0, :, ::-1], X[0, ::-1, ::-1]]
    counts = [sum(np.array_equal(image, kind) for image in y) for kind in kinds]
    assert sum(counts) == 200 and min(counts) > 30
    assert {np.array_equal(image, X[0, ::-1]) for image in trained(layers.RandomFlip("horizontal"), x)[0]} == {False}


def test_a_quarter_turn_a_shift_and_half_the_size():
    square = X[:, :, :5]
    y, _ = trained(layers.RandomRotation((0.25, 0.25)), square)
    assert_allclose(y, np.rot90(square, axes=(1, 2)), atol=1e-9)
    y, _ = trained(layers.RandomTranslation((0.2, 0.2), (0, 0), fill_mode="constant", fill_value=9), X)
    assert_allclose(y[:, 1:], X[:, :-1]) and assert_allclose(y[:, 0], 9)
    y, _ = trained(layers.RandomZoom((-0.5, -0.5)), X)
    assert_allclose(y[:, 2, 3], X[:, 2, 3]) and assert_allclose(y[:, 4, 3], X[:, 3, 3])


@pytest.mark.frameworks
@pytest.mark.parametrize("fill_mode", ["reflect", "nearest", "constant"])  # TensorFlow's own "wrap" skips pixels
def test_reading_between_pixels_is_keras(keras, fill_mode):
    matrix = np.array([[[0.9, 0.3, 1.2], [-0.2, 1.1, -2.3]]])  # (row, column) from (row, column, 1), from the centre
    x = X[:1].astype("float32")
    found = resample_forward(x, sampling(matrix, (5, 7), fill_mode, "bilinear"), 0.5)
    (a, b, r), (d, e, c) = matrix[0]
    row, column = r + 2 - 2 * a - 3 * b, c + 3 - 2 * d - 3 * e  # the same from the corner
    flat = np.array([e, d, column, b, a, row, 0, 0], "float32")
    want = keras.ops.image.affine_transform(x, flat[None], "bilinear", fill_mode, 0.5)
    assert_allclose(found, np.asarray(want), atol=1e-5)


def test_wrap_goes_on_at_the_other_side():
    y, _ = trained(layers.RandomTranslation((0.4, 0.4), (0, 0), fill_mode="wrap"), X)
    assert_allclose(y, np.roll(X, 2, axis=1), atol=1e-9)


def test_contrast_and_brightness():
    y, _ = trained(layers.RandomContrast((0.5, 0.0)), X)
    spread, mean = y.std(axis=(1, 2)) / X.std(axis=(1, 2)), y.mean(axis=(1, 2))
    assert ((spread > 0.5) & (spread <= 1)).all() and np.allclose(mean, X.mean(axis=(1, 2)))
    y, _ = trained(layers.RandomBrightness((0.1, 0.2), value_range=(0, 10)), X)
    assert (((y - X) >= 1) & ((y - X) <= 2)).all() and np.ptp((y - X)[0]) < 1e-12


def test_a_network_trains_with_them():
    x, y = X.astype("float32"), np.array([0, 1, 2, 1])
    both = (layers.RandomFlip(), layers.Conv2D(2, 3), layers.RandomZoom(0.1))
    model = convlens.Sequential([convlens.Input((5, 7, 2)), *both, layers.Flatten(), layers.Dense(3)])
    model.compile("sgd", convlens.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x, y, epochs=2, verbose=0)
    again = convlens.Sequential.from_config(model.get_config())
    assert again.descriptions == model.descriptions
    assert np.array_equal(model.predict(x), model.predict(x))


def test_a_layer_called_without_training_acts_as_in_keras():
    flip, x = layers.RandomFlip(), np.repeat(X[:1], 30, axis=0).astype("float32")
    assert not np.array_equal(flip(x), flip(x)) and np.array_equal(flip(x, training=False), x)
    model = convlens.Sequential([layers.RandomFlip(), layers.Dropout(0.5)])
    one, other = model(x), model(x)
    assert not np.array_equal(one, other) and np.isin(np.asarray(one), X[0].astype("float32")).all()
    assert np.array_equal(model(x, training=False), x) and np.array_equal(model.predict(x), x)


def test_bad_arguments():
    assert refused(lambda: layers.RandomFlip("left")).startswith("mode must be horizontal, vertical or horizontal_and")
    assert refused(lambda: layers.RandomZoom((0.3, -0.3))) == (
        "height_factor must be from -1 to inf, the smaller number first; got (0.3, -0.3)"
    )
    assert refused(lambda: layers.RandomContrast(1.5)) == "factor must be from 0 to 1; got 1.5"
    assert refused(lambda: layers.RandomRotation(0.1, fill_mode="mirror")) == (
        "fill_mode must be one of reflect, wrap, nearest, constant; got 'mirror'"
    )
    assert refused(lambda: layers.RandomRotation(0.1).output_shape((4,))).startswith("RandomRotation needs an input of")
