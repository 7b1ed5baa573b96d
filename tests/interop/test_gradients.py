"""A training pass of small networks, as people build them, gives the loss, gradients and statistics of Keras."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from convlens.interop.keras_model import to_keras
from convlens.nn import (
    Add,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
    ReLU,
    Rescaling,
    SeparableConv2D,
    Sequential,
)

pytestmark = pytest.mark.frameworks

IMAGE = (10, 8, 3)


def conv(filters, kernel=3, strides=1):
    return Conv2D(filters, kernel, strides=strides, padding="same", use_bias=False)


def block(filters, strides=1):
    """A residual block of ResNet-8 and ResNet-20."""
    branch = (conv(filters, strides=strides), BatchNormalization(), ReLU(), conv(filters), BatchNormalization())
    shortcut = (conv(filters, 1, strides), BatchNormalization()) if strides > 1 else ()
    return Add(branch, shortcut, activation="relu")


def depthwise(filters, strides=1):
    """A pair of layers of MobileNet."""
    first = DepthwiseConv2D((3, 2), strides=strides, padding="same", use_bias=False)
    return [first, BatchNormalization(), ReLU(6), conv(filters, 1), BatchNormalization(), ReLU(6)]


NETWORKS = {
    "a simple convnet": [
        Rescaling(1 / 2),
        Conv2D(8, 3, activation="relu"),
        MaxPooling2D(2),
        Conv2D(6, (3, 2), activation="relu"),
        Flatten(),
        Dense(4),
    ],
    "a small VGG": [
        *(Conv2D(6, 3, padding="same"), BatchNormalization(), ReLU(), conv(6), BatchNormalization(), ReLU()),
        *(MaxPooling2D(2), Flatten(), Dense(10, use_bias=False), BatchNormalization(scale=False), ReLU(), Dense(4)),
    ],
    "ResNet-8": [
        *(conv(4), BatchNormalization(), ReLU(), block(4), block(6, 2), block(8, 2), GlobalAveragePooling2D()),
        Dense(4),
    ],
    "a MobileNet": [
        *(conv(4, strides=2), BatchNormalization(), ReLU(6), *depthwise(6), *depthwise(8, 2)),
        *(SeparableConv2D(5, 2, activation="swish"), GlobalAveragePooling2D(), Dense(4)),
    ],
    "curves and a dilation": [
        *(Conv2D(5, (3, 2), dilation_rate=(2, 3), activation="gelu"), AveragePooling2D(2), BatchNormalization()),
        *(Flatten(), Dense(7, activation="elu"), Dense(4)),
    ],
}


@pytest.mark.parametrize("name", NETWORKS)
def test_keras_computes_the_same_step(tf, keras, name, rng):
    model = Sequential(NETWORKS[name], IMAGE, seed=2, dtype=np.float64, engine="numpy")
    model.flat += 0.1 * rng.standard_normal(model.flat.size)
    model.flat_state += rng.uniform(0, 1, model.flat_state.size)
    theirs = to_keras(model, softmax=False)
    x, labels = rng.standard_normal((9, *IMAGE)), rng.integers(0, 4, 9)
    gradient, state = np.empty_like(model.flat), np.empty_like(model.flat_state)
    losses, logits = model.loss_gradient(x, labels, 1 / 9, gradient, rng=rng, state=state)
    with tf.GradientTape() as tape:
        got = theirs(x, training=True)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, got))
    assert_allclose(logits, got.numpy(), rtol=1e-7, atol=1e-8)
    assert_allclose(losses.mean(), loss.numpy(), rtol=1e-8)
    found = dict(zip(names(theirs, "trainable"), tape.gradient(loss, theirs.trainable_variables), strict=True))
    mine = named(model, model.views(gradient))
    assert found.keys() == mine.keys()
    scale = max(float(abs(value).max()) for value in mine.values())
    for key, value in mine.items():
        assert_allclose(value, found[key].numpy(), rtol=1e-5, atol=1e-7 * scale, err_msg=key)
    moved = dict(zip(names(theirs, "non_trainable"), theirs.non_trainable_variables, strict=True))
    for key, value in named(model, model.state_views(state)).items():
        assert_allclose(value, moved[key].numpy(), rtol=1e-7, err_msg=key)


def names(theirs, which):
    """The names of a Keras model's variables, "layer/name"."""
    return [f"{layer.name}/{w.name}" for layer in theirs.layers for w in getattr(layer, f"{which}_variables")]


def named(model, views):
    """The weights of each layer by Keras's names: "add/branch_0/kernel" is kernel of the layer add_branch_0."""
    found = {}
    for row, own in zip(model.table, views, strict=True):
        for name, value in own.items():
            *path, last = f"{row.name}/{name}".split("/")
            found[f"{'_'.join(path)}/{last}"] = value
    return found


def test_an_add_is_a_functional_model(keras):
    model = Sequential(NETWORKS["ResNet-8"], IMAGE, engine="numpy")
    assert type(to_keras(model)).__name__ == "Functional"
    assert type(to_keras(Sequential(NETWORKS["a small VGG"], IMAGE, engine="numpy"))).__name__ == "Sequential"
