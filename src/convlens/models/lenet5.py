"""LeNet-5 with the course's changes: max pooling, and ReLU in place of the squashing function (a scaled tanh).

LeCun, Bottou, Bengio, Haffner 1998, "Gradient-Based Learning Applied to Document Recognition", section II.B.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from convlens.models._images import make
from convlens.nn import Conv2D, Dense, Flatten, Layer, MaxPooling2D, Sequential

INPUT_SHAPE = (28, 28, 1)


def layers(classes: int = 10) -> tuple[Layer, ...]:
    """Return the layers."""
    return (
        Conv2D(6, (5, 5), padding="same", activation="relu"),
        MaxPooling2D((2, 2), strides=(2, 2)),
        Conv2D(16, (5, 5), padding="valid", activation="relu"),
        MaxPooling2D((2, 2), strides=(2, 2)),
        Flatten(),
        Dense(120, activation="relu"),
        Dense(84, activation="relu"),
        Dense(classes, activation="softmax"),
    )


LAYERS = layers()


def lenet5(
    input_shape: tuple[int, ...] = INPUT_SHAPE,
    classes: int = 10,
    *,
    seed: int = 0,
    dtype: DTypeLike = np.float32,
    engine: str = "auto",
) -> Sequential:
    """Return LeNet-5: images (n, h, w, c) of at least 12 × 12 pixels -> probabilities (n, classes).

    For digits (28, 28, 1) it has 61,706 parameters. The loss computes the softmax from the logits, see
    `Sequential.end`.

    >>> lenet5().count_params()
    61706
    """
    return make("lenet5", layers(classes), input_shape, seed=seed, dtype=dtype, engine=engine)
