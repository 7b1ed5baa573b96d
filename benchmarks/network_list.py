"""The networks that people start from, for the benchmarks: their layers, the shape of an image, and what is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.steps import cifar_tutorial
from convlens import nn
from convlens.models import build_model
from convlens.nn import Layer, Sequential

BATCH = 64


def vgg(normalised: bool, dropout: bool) -> Sequence[Layer]:
    """Two convolutions of 32, of 64 and of 128 channels, each pair with a pool; two dense layers"""
    layers: list[Layer] = []
    for channels in (32, 64, 128):
        for _ in range(2):
            layers.append(nn.Conv2D(channels, (3, 3), padding="same", use_bias=not normalised))
            layers += [nn.BatchNormalization(), nn.ReLU()] if normalised else [nn.ReLU()]
        layers += [nn.MaxPooling2D((2, 2)), *([nn.Dropout(0.25)] if dropout else [])]
    layers += [nn.Flatten(), nn.Dense(128, activation="relu"), *([nn.Dropout(0.5)] if dropout else [])]
    return (*layers, nn.Dense(10, activation="softmax"))


def pytorch_example() -> Sequence[Layer]:
    """The network of PyTorch's MNIST example"""
    return (
        nn.Conv2D(32, (3, 3), activation="relu"),
        nn.Conv2D(64, (3, 3), activation="relu"),
        nn.MaxPooling2D((2, 2)),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Dense(128, activation="relu"),
        nn.Dropout(0.5),
        nn.Dense(10, activation="softmax"),
    )


def _known(name: str, shape: tuple[int, ...]) -> Sequence[Layer]:
    return build_model(name, input_shape=shape, classes=10, engine="numpy").layers


class Network(NamedTuple):
    """layers: makes them. shape: of an image. asked, aim: times as fast as the fastest peer.

    share, share_aim: of the machine's product speed, or None where nothing is asked.
    """

    layers: Callable[[], Sequence[Layer]]
    shape: tuple[int, int, int]
    asked: float
    aim: float
    share: float | None = None
    share_aim: float | None = None


GREY, COLOUR = (28, 28, 1), (32, 32, 3)
NETWORKS = {
    "LeNet-5": Network(lambda: _known("lenet5", GREY), GREY, 4, 6, 0.5, 0.7),
    "Keras's MNIST convnet": Network(lambda: _known("convnet", GREY), GREY, 1.5, 2.5),
    "TensorFlow's CIFAR tutorial": Network(cifar_tutorial, COLOUR, 1.5, 2.5),
    "PyTorch's MNIST example": Network(pytorch_example, GREY, 1.5, 2.5),
    "small VGG": Network(lambda: vgg(False, False), COLOUR, 1.1, 2, 0.7, 1.2),
    "small VGG, dropout": Network(lambda: vgg(False, True), COLOUR, 1.1, 2),
    "small VGG, normalised": Network(lambda: vgg(True, False), COLOUR, 1.1, 2),
    "small VGG, normalised, dropout": Network(lambda: vgg(True, True), COLOUR, 1.1, 2),
    "ResNet-8": Network(lambda: _known("resnet8", COLOUR), COLOUR, 1.1, 2),
}


def model_of(name: str, shape: tuple[int, int, int] | None = None, engine: str = "numpy") -> Sequential:
    """Return the network with weights. shape: of an image, if it is not the network's own."""
    network = NETWORKS[name]
    return Sequential(network.layers(), shape or network.shape, engine=engine, seed=1)


def data(name: str, batch: int = BATCH, shape: tuple[int, int, int] | None = None) -> tuple[Any, Any]:
    """Return random images (batch, h, w, c) and labels (batch,)."""
    rng = np.random.default_rng(0)
    return rng.random((batch, *(shape or NETWORKS[name].shape)), dtype=np.float32), rng.integers(0, 10, batch)


def operations(model: Sequential) -> float:
    """Return the multiplications and additions of one image's forward pass, in convolutions and dense layers."""
    from convlens.engines.compiled.plan import every
    from convlens.engines.specs import Conv, Dense

    total = 0.0
    for spec in every(model.specs() or ()):
        if isinstance(spec, Conv):
            total += 2.0 * np.prod(spec.out) * spec.co * np.prod(spec.kernel) * spec.ci / spec.groups
        elif isinstance(spec, Dense):
            total += 2.0 * spec.inputs * spec.units
    return total
