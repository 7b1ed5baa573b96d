"""A simple network of two convolutions, as in Keras's first example of a convolutional network.

F. Chollet, "Simple MNIST convnet", Keras's code examples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from convlens.models._images import make
from convlens.nn import Conv2D, Dense, Dropout, Flatten, Layer, MaxPooling2D, Sequential

INPUT_SHAPE = (28, 28, 1)


def layers(classes: int = 10) -> tuple[Layer, ...]:
    """Return the layers."""
    return (
        Conv2D(32, (3, 3), activation="relu"),
        MaxPooling2D((2, 2)),
        Conv2D(64, (3, 3), activation="relu"),
        MaxPooling2D((2, 2)),
        Flatten(),
        Dropout(0.5),
        Dense(classes, activation="softmax"),
    )


def convnet(
    input_shape: tuple[int, ...] = INPUT_SHAPE,
    classes: int = 10,
    *,
    seed: int = 0,
    dtype: DTypeLike = np.float32,
    engine: str = "auto",
) -> Sequential:
    """Return the network: images (n, h, w, c) of at least 10 × 10 pixels -> probabilities (n, classes).

    >>> convnet().count_params()
    34826
    """
    return make("convnet", layers(classes), input_shape, seed=seed, dtype=dtype, engine=engine)
