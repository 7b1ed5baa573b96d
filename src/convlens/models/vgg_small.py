"""A small network in the manner of VGG: three blocks of two 3 × 3 convolutions, with batch normalisation and dropout.

Simonyan and Zisserman 2015, "Very Deep Convolutional Networks for Large-Scale Image Recognition", section 2, has the
blocks; Ioffe and Szegedy 2015, "Batch Normalization", section 3.2, puts the normalisation before the activation. The
running statistics move by a tenth in each step, since a small data set has few steps; Keras's default is a hundredth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from convlens.models._images import make
from convlens.nn import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Layer, MaxPooling2D, ReLU, Sequential

INPUT_SHAPE = (32, 32, 3)

_BLOCKS = ((32, 0.2), (64, 0.3), (128, 0.4))  # filters and the rate of dropout


def _convolution(filters: int) -> tuple[Layer, ...]:
    return Conv2D(filters, (3, 3), padding="same", use_bias=False), BatchNormalization(momentum=0.9), ReLU()


def layers(classes: int = 10) -> tuple[Layer, ...]:
    """Return the layers."""
    blocks: list[Layer] = []
    for filters, rate in _BLOCKS:
        blocks += [*_convolution(filters), *_convolution(filters), MaxPooling2D((2, 2)), Dropout(rate)]
    return (*blocks, Flatten(), Dense(128, activation="relu"), Dropout(0.5), Dense(classes, activation="softmax"))


def vgg_small(
    input_shape: tuple[int, ...] = INPUT_SHAPE,
    classes: int = 10,
    *,
    seed: int = 0,
    dtype: DTypeLike = np.float32,
    engine: str = "auto",
) -> Sequential:
    """Return the network: images (n, h, w, c) of at least 8 × 8 pixels -> probabilities (n, classes).

    For images (32, 32, 3) it has 551,914 parameters, of which 896 are running statistics.
    """
    return make("vgg_small", layers(classes), input_shape, seed=seed, dtype=dtype, engine=engine)
