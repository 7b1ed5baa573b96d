"""ResNet-8: a convolution and three residual blocks of two convolutions each, with 16, 32 and 64 filters.

He et al. 2016, "Deep Residual Learning for Image Recognition", section 4.2, has this network with more blocks. The
shortcut of the second and third block is a 1 × 1 convolution (option B), as in the ResNet-8 of MLPerf Tiny.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from convlens.models._images import make
from convlens.nn import Add, BatchNormalization, Conv2D, Dense, GlobalAveragePooling2D, Layer, ReLU, Sequential

INPUT_SHAPE = (32, 32, 3)


def _convolution(filters: int, size: int, stride: int = 1) -> tuple[Layer, ...]:
    return (
        Conv2D(filters, (size, size), strides=(stride, stride), padding="same", use_bias=False),
        BatchNormalization(momentum=0.9),
    )


def _block(filters: int, stride: int) -> tuple[Layer, ...]:
    """Return a residual block: two convolutions, their input added, ReLU."""
    path = (*_convolution(filters, 3, stride), ReLU(), *_convolution(filters, 3))
    shortcut = _convolution(filters, 1, stride) if stride > 1 else ()
    return (Add(path, shortcut, activation="relu"),)


def layers(classes: int = 10) -> tuple[Layer, ...]:
    """Return the layers."""
    return (
        *_convolution(16, 3),
        ReLU(),
        *_block(16, 1),
        *_block(32, 2),
        *_block(64, 2),
        GlobalAveragePooling2D(),
        Dense(classes, activation="softmax"),
    )


def resnet8(
    input_shape: tuple[int, ...] = INPUT_SHAPE,
    classes: int = 10,
    *,
    seed: int = 0,
    dtype: DTypeLike = np.float32,
    engine: str = "auto",
) -> Sequential:
    """Return the network: images (n, h, w, c) of any size -> probabilities (n, classes).

    For images (32, 32, 3) it has 78,714 parameters, of which 672 are running statistics.
    """
    return make("resnet8", layers(classes), input_shape, seed=seed, dtype=dtype, engine=engine)
