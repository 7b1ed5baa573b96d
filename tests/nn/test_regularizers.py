"""Penalties of weights: their values, their gradient in a training, their form in files, all as in Keras."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.support.layers import refused

import convlens
from convlens import layers, regularizers
from convlens.nn import Add, Conv2D, Dense
from convlens.nn.regularizer_texts import penalty_of

RNG = np.random.default_rng(4)
X, Y = RNG.random((24, 6, 5, 2)).astype("float32"), RNG.integers(0, 3, 24)


def network(keras):
    """The same network in convlens and in Keras, with the same weights"""
    l2, rng = keras.regularizers.L2(0.02), np.random.default_rng(1)
    model = keras.Sequential(
        [
            keras.Input((6, 5, 2)),
            keras.layers.SeparableConv2D(3, (2, 3), depthwise_regularizer="l1", pointwise_regularizer=l2),
            keras.layers.DepthwiseConv2D(2, depthwise_regularizer=keras.regularizers.L1L2(0.01, 0.03)),
            keras.layers.Conv2D(3, (2, 1), kernel_regularizer=l2, bias_regularizer="l2"),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax", kernel_regularizer=keras.regularizers.l1(0.005)),
        ]
    )
    model.set_weights([rng.normal(0, 0.3, w.shape).astype("float32") for w in model.get_weights()])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@pytest.mark.frameworks
def test_a_training_is_that_of_keras(keras):
    theirs, ours = network(keras), network(convlens)
    assert_allclose(ours.losses, [float(x) for x in theirs.losses], rtol=1e-5)
    assert_allclose(ours.evaluate(X, Y, verbose=0), theirs.evaluate(X, Y, verbose=0), rtol=1e-5)
    words = {"batch_size": 10, "epochs": 2, "shuffle": False, "verbose": 0, "validation_split": 0.25}
    want, found = (model.fit(X, Y, **words).history for model in (theirs, ours))
    for name in want:
        assert_allclose(found[name], want[name], rtol=1e-4)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert_allclose(mine, other, rtol=1e-4, atol=1e-5)
    assert_allclose(ours.train_on_batch(X, Y), theirs.train_on_batch(X, Y), rtol=1e-4)


@pytest.mark.frameworks
@pytest.mark.parametrize("end", [".keras", ".safetensors"])
def test_files_keep_the_penalties(keras, tmp_path, end):
    model, path = network(convlens), tmp_path / f"model{end}"
    model.save(path)
    again = convlens.models.load_model(path)
    assert again.losses == model.losses and again.descriptions == model.descriptions
    if end == ".keras":
        assert_allclose([float(x) for x in keras.models.load_model(path).losses], model.losses, rtol=1e-5)


def test_frozen_layers_and_residual_blocks():
    block = Add((Conv2D(2, 3, padding="same", kernel_regularizer="l2"),))
    model = convlens.Sequential([convlens.Input((6, 5, 2)), block, layers.Flatten(), Dense(3, kernel_regularizer="l1")])
    kernel, last = model.get_weights()[0], model.get_weights()[2]
    assert_allclose(model.losses, [0.01 * np.square(kernel).sum(), 0.01 * np.abs(last).sum()], rtol=1e-5)
    first: Any = model.layers[0]
    first.trainable = False
    assert len(model.losses) == 1
    gradient = np.zeros_like(model.flat)
    model.add_penalty_gradient(gradient)
    assert not gradient[: kernel.size].any() and np.isclose(np.abs(gradient).max(), 0.01)


def test_texts():
    assert Dense(3, kernel_regularizer="l2") == Dense(3, kernel_regularizer=regularizers.L2())
    assert Dense(3, kernel_regularizer=regularizers.l2(1e-4)).kernel_regularizer == "l2(l2=0.0001)"
    assert Dense.from_config(Dense(3, bias_regularizer="l1").get_config()).bias_regularizer == "l1(l1=0.01)"
    assert penalty_of("l1_l2(l1=0.5, l2=0.25)") == (0.5, 0.25) and regularizers.get(None) is None
    assert regularizers.L1L2(0.5, 2)(np.array([1.0, -2.0])) == 11.5 and regularizers.L1(1).get_config() == {"l1": 1.0}
    assert refused(lambda: Dense(3, kernel_regularizer="l3")) == (
        "kernel_regularizer must be None, 'l1', 'l2', 'l1_l2' or one of convlens.regularizers; got 'l3'"
    )
    own: Any = abs
    assert refused(lambda: Dense(3, kernel_regularizer=own)).endswith("a function of one's own has no gradient here")
    assert refused(lambda: regularizers.L2(-1)) == "l2 must be a number of at least 0; got -1"
