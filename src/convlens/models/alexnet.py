"""AlexNet, the network that won the ImageNet challenge of 2012. Its two GPUs are two groups of a convolution here.

Krizhevsky, Sutskever, Hinton 2012, "ImageNet Classification with Deep Convolutional Neural Networks", sections 3 to 5.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from convlens.arrays import Array
from convlens.models._images import make
from convlens.nn import (
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LocalResponseNormalization,
    MaxPooling2D,
    Sequential,
)

# The paper says 224. But 55 windows of size 11 at stride 4 need 227 rows; 224 rows would need padding.
INPUT_SHAPE = (227, 227, 3)


def layers(classes: int = 1000) -> tuple[Layer, ...]:
    """Return the layers."""
    return (
        Conv2D(96, (11, 11), strides=(4, 4), activation="relu"),
        LocalResponseNormalization(),
        MaxPooling2D((3, 3), strides=(2, 2)),
        Conv2D(256, (5, 5), padding="same", activation="relu", groups=2),
        LocalResponseNormalization(),
        MaxPooling2D((3, 3), strides=(2, 2)),
        Conv2D(384, (3, 3), padding="same", activation="relu"),
        Conv2D(384, (3, 3), padding="same", activation="relu", groups=2),
        Conv2D(256, (3, 3), padding="same", activation="relu", groups=2),
        MaxPooling2D((3, 3), strides=(2, 2)),
        Flatten(),
        Dense(4096, activation="relu"),
        Dropout(0.5),
        Dense(4096, activation="relu"),
        Dropout(0.5),
        Dense(classes, activation="softmax"),
    )


LAYERS = layers()

_BIASED = ("conv2d_1", "conv2d_3", "conv2d_4", "dense", "dense_1")  # section 5: these biases start at 1, others at 0


def alexnet(
    input_shape: tuple[int, ...] = INPUT_SHAPE,
    classes: int = 1000,
    *,
    seed: int = 0,
    dtype: DTypeLike = np.float32,
    engine: str = "auto",
) -> Sequential:
    """Return AlexNet: photographs (n, h, w, c) of at least 67 × 67 pixels -> probabilities (n, classes).

    For photographs (227, 227, 3) and 1000 classes it has 60,965,224 parameters.

    The weights start as in the paper. The kernels are drawn from a normal distribution with standard deviation 0.01.
    The biases of the second, fourth and fifth convolution and of the two hidden dense layers start at 1, the other
    biases at 0.
    """
    model = make("alexnet", layers(classes), input_shape, seed=seed, dtype=dtype, engine=engine, initial=_normal)
    weights = model.named_weights()
    for layer in _BIASED:
        weights[f"{layer}/bias"][...] = 1
    return model


def _normal(shape: tuple[int, ...], rng: np.random.Generator, dtype: np.dtype) -> Array:
    values = rng.standard_normal(shape)
    values *= 0.01
    return values.astype(dtype)
