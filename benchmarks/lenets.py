"""LeNet-5 in each framework, for training (`benchmarks.peers`).

Each function imports its framework when it is called. The frameworks use all cores.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np

from convlens.machine.threads import usable_threads

DENSE = ((400, 120), (120, 84), (84, 10))


def keras_model(backend: str) -> Any:
    """Return a `keras.Sequential` model. Its outputs are probabilities."""
    os.environ["KERAS_BACKEND"] = backend
    import keras

    layers, he = keras.layers, {"kernel_initializer": "he_normal"}
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="relu", **he),
            layers.MaxPooling2D(2, 2),
            layers.Conv2D(16, 5, activation="relu", **he),
            layers.MaxPooling2D(2, 2),
            layers.Flatten(),
            layers.Dense(120, "relu", **he),
            layers.Dense(84, "relu", **he),
            layers.Dense(10, "softmax", **he),
        ]
    )


class Graph(NamedTuple):
    """A TensorFlow 1 graph: the module, the placeholder of the images, and the logits."""

    tf: Any
    x: Any
    logits: Any


def tensorflow_graph() -> Graph:
    """Return LeNet-5 in TensorFlow 1 style, like task 4 of the course. It runs in a `tf.Session`."""
    import tensorflow.compat.v1 as tf

    tf.disable_eager_execution()
    x = tf.placeholder(tf.float32, (None, 28, 28, 1))

    def weights(name: str, *shape: int) -> tuple[Any, Any]:
        start = tf.keras.initializers.VarianceScaling(scale=2.0)
        bias = tf.get_variable(f"{name}_b", (shape[-1],), initializer=tf.zeros_initializer())
        return tf.get_variable(f"{name}_w", shape, initializer=start), bias

    w, b = weights("conv1", 5, 5, 1, 6)
    z = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(x, w, 1, "SAME") + b), 2, 2, "VALID")
    w, b = weights("conv2", 5, 5, 6, 16)
    z = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(z, w, 1, "VALID") + b), 2, 2, "VALID")
    z = tf.reshape(z, (-1, 400))
    for k, shape in enumerate(DENSE):
        w, b = weights(f"dense{k}", *shape)
        z = tf.matmul(z, w) + b
        z = z if k == 2 else tf.nn.relu(z)
    return Graph(tf, x, z)


def torch_model() -> Any:
    """Return an `nn.Sequential` model: images (n, 1, 28, 28) -> logits (n, 10)."""
    import torch
    from torch import nn

    torch.set_num_threads(usable_threads())
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


def jax_weights() -> Any:
    """Return kernel and bias of each layer. Kernels are initialised by He's normal distribution."""
    import jax
    from jax import numpy as jnp

    shapes = ((5, 5, 1, 6), (5, 5, 6, 16), *DENSE)
    keys = jax.random.split(jax.random.PRNGKey(0), len(shapes))
    return [
        (jax.random.normal(key, shape) * (2 / np.prod(shape[:-1])) ** 0.5, jnp.zeros(shape[-1]))
        for key, shape in zip(keys, shapes, strict=True)
    ]


def jax_logits(weights: Any, x: Any) -> Any:
    """Compute logits (n, 10) from the weights of `jax_weights` and x (n, 28, 28, 1). The caller jits this function."""
    import jax
    from jax import lax
    from jax import numpy as jnp

    z = x
    for (w, b), padding in zip(weights[:2], ("SAME", "VALID"), strict=True):
        z = lax.conv_general_dilated(z, w, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")) + b
        z = lax.reduce_window(jax.nn.relu(z), -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    z = z.reshape(len(z), -1)
    for k, (w, b) in enumerate(weights[2:]):
        z = z @ w + b
        z = z if k == 2 else jax.nn.relu(z)
    return z
