"""Small networks on pictures that are not square, which have every kind of layer of convlens.nn between them."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from convlens import nn
from convlens.nn import (
    ELU,
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Identity,
    Layer,
    LeakyReLU,
    LocalResponseNormalization,
    MaxPooling2D,
    Normalization,
    RandomBrightness,
    RandomContrast,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    ReLU,
    Rescaling,
    Reshape,
    SeparableConv2D,
    Softmax,
    SpatialDropout2D,
    ZeroPadding2D,
)
from convlens.ops import ACTIVATIONS

_HEAD = (Flatten(), Dense(3, activation="softmax"))
_RANDOM = (
    RandomFlip(), RandomRotation(0.1), RandomZoom(0.1), RandomTranslation(0.1, 0.1), RandomContrast(0.1),
    RandomBrightness(0.1),
)  # fmt: skip

NETWORKS: dict[str, tuple[tuple[Layer, ...], tuple[int, ...]]] = {
    "convolutions": (
        (
            *_RANDOM,
            Rescaling(2.0, (0.5, -0.5)),
            Conv2D(4, (3, 2), strides=(2, 1), padding="same", activation="tanh"),
            Conv2D(6, (2, 3), padding=((2, 0), (1, 1)), groups=2, use_bias=False),
            Conv2D(4, (2, 3), padding="course", dilation_rate=(2, 1)),
            *_HEAD,
        ),
        (7, 5, 2),
    ),
    "depthwise": (
        (
            DepthwiseConv2D((3, 2), padding="same", depth_multiplier=2, activation="relu6"),
            BatchNormalization(),
            DepthwiseConv2D((2, 2), strides=(2, 1), padding="course", use_bias=False),
            SeparableConv2D(5, (2, 3), padding="same", activation="silu", dilation_rate=2),
            SeparableConv2D(3, 2, use_bias=False, depth_multiplier=2),
            GlobalAveragePooling2D(),
            Dense(3, activation="softmax"),
        ),
        (9, 6, 3),
    ),
    "pools": (
        (
            ZeroPadding2D(((1, 0), (2, 1))),
            MaxPooling2D((3, 2), strides=(2, 1), padding="same"),
            AveragePooling2D((2, 3), strides=(1, 2), padding="same"),
            MaxPooling2D((2, 2), strides=(1, 1), padding=((1, 0), (0, 1))),
            AveragePooling2D((2, 2), strides=(1, 1)),
            *_HEAD,
        ),
        (8, 6, 2),
    ),
    "pools of equal numbers": (
        (ReLU(), ReLU(0.5), MaxPooling2D((3, 3), strides=(1, 2), padding="same"), GlobalMaxPooling2D(), Dense(3)),
        (6, 5, 3),
    ),
    "normalisations": (
        (
            Normalization(mean=(0.1, -0.2, 0.3, 0.0, 0.5), variance=(1.0, 2.0, 0.5, 1.0, 4.0)),
            LocalResponseNormalization(size=4, k=1.0, alpha=0.3, beta=0.6),
            LocalResponseNormalization(size=3, k=1.5, alpha=0.2),
            BatchNormalization(center=False),
            BatchNormalization(scale=False, epsilon=0.01),
            Dropout(0.3),
            SpatialDropout2D(0.3),
            Identity(),
            Softmax(),
            Reshape((5, -1, 3)),
            *_HEAD,
        ),
        (3, 4, 5),
    ),
    "blocks": (
        (
            Add((Conv2D(3, 3, padding="same", activation="relu"), BatchNormalization()), activation="relu"),
            Add((Conv2D(4, 2, strides=2), LeakyReLU()), (Conv2D(4, 1, strides=2),)),
            Add((Add((ELU(0.7),), (Identity(),)), Activation("linear")), (Conv2D(4, 1),), activation="softplus"),
            GlobalMaxPooling2D(keepdims=True),
            Flatten(),
            Dense(3, use_bias=False),
            Activation("softmax"),
        ),
        (6, 4, 3),
    ),
    "activations": (
        (
            *(layer for name in ACTIVATIONS if name != "exponential" for layer in (Activation(name), Rescaling(3, -1))),
            Activation("exponential"),
            ReLU(max_value=1.2, negative_slope=0.1, threshold=0.4),
            LeakyReLU(0.2),
            Flatten(),
            Dense(4, activation="gelu"),
            Dense(3),
            Softmax(),
        ),
        (3, 2, 3),
    ),
}


def _kinds(layers: Any) -> Iterator[str]:
    for layer in layers:
        yield type(layer).__name__
        for field in fields(layer):
            if isinstance(value := getattr(layer, field.name), tuple) and value and isinstance(value[0], Layer):
                yield from _kinds(value)


def missing() -> set[str]:
    """The layers of convlens.nn that none of the networks has."""
    known = {name for name in nn.__all__ if isinstance(found := getattr(nn, name), type) and issubclass(found, Layer)}
    return known - {"Layer"} - {kind for layers, _ in NETWORKS.values() for kind in _kinds(layers)}
