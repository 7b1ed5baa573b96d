"""What every layer is: a description without state. Weights are passed in; what the backward needs is passed out.

`forward(x, weights, engine, rng)` gives (y, saved); `backward(dy, saved, weights, engine)` gives (dx, gradients by
name). So several threads can run one model at once, and a picture can be drawn from what a pass has saved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np

from convlens.arrays import Array
from convlens.engines import Engine
from convlens.engines.specs import Spec
from convlens.nn.initializers import Initializer, he_normal
from convlens.ops import ACTIVATIONS

Shape = tuple[int, ...]
Weights = dict[str, Array]
Rng: TypeAlias = "np.random.Generator"  # not looked up before it is used: NumPy loads numpy.random late


@dataclass(frozen=True)
class Layer:
    """What all layers have. Shapes are those of one example, without the batch axis."""

    kind: ClassVar[str]
    draws: ClassVar[bool] = False  # random numbers, while training

    def output_shape(self, shape: Shape) -> Shape:
        """The shape that comes out when `shape` goes in, or a ValueError if it does not fit."""
        raise TypeError(f"{type(self).__name__} is no layer of its own")

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        """The weights by name, for an input of `shape`; a kernel comes before its bias."""
        return {}

    def specs(self, shape: Shape) -> tuple[Spec, ...] | None:
        """The layer as plain numbers, for an input of `shape`, for engines and exporters; None if it has none"""
        return None

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """x (n, *shape) -> y (n, *output_shape(shape)), and what `backward` needs

        rng: while training, for a layer that draws numbers; None at prediction
        """
        raise TypeError(f"{type(self).__name__} is no layer of its own")

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """dy as y -> dx as x (None is allowed unless `need_dx`), and the gradients of the weights by name"""
        raise TypeError(f"{type(self).__name__} is no layer of its own")


def expect(layer: str, shape: Shape, letters: str) -> None:
    """A ValueError unless the shape has an axis for each of the letters"""
    axes = letters.split()
    if len(shape) != len(axes):
        raise ValueError(f"{layer} needs an input of shape ({', '.join(axes)}); got {shape}")


def check_activation(activation: str | None) -> None:
    """A ValueError unless the activation has a name in `convlens.ops.ACTIVATIONS`, or is None"""
    if activation is not None and activation not in ACTIVATIONS:
        raise ValueError(f"activation must be one of None, {', '.join(ACTIVATIONS)}; got {activation!r}")


def activate(activation: str | None, z: Array) -> Array:
    """y = activation(z), or z itself"""
    return ACTIVATIONS[activation].forward(z) if activation else z


def activate_backward(activation: str | None, dy: Array, y: Array) -> Array:
    """dz, from the output y = activation(z)"""
    return ACTIVATIONS[activation].backward(dy, y) if activation else dy


def initial_weights(
    layer: Layer, shape: Shape, rng: Rng, dtype: np.dtype[Any], initial: Initializer = he_normal
) -> Weights:
    """What `initial` draws for each kernel, zeros for each bias"""
    return {
        name: np.zeros(size, dtype) if name == "bias" else initial(size, rng, dtype)
        for name, size in layer.weight_shapes(shape).items()
    }
