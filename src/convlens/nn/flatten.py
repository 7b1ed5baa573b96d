"""The layer that joins all axes of an example into one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from convlens.arrays import Array
from convlens.engines import Engine, specs
from convlens.nn.layer import Layer, Rng, Shape, Weights


@dataclass(frozen=True)
class Flatten(Layer):
    """Joins all axes of an example into one, the last axis fastest: (h, w, c) -> (h * w * c,)"""

    kind: ClassVar[str] = "flatten"

    def output_shape(self, shape: Shape) -> Shape:
        """(h, w, c) -> (h * w * c,)"""
        return (math.prod(shape),)

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...]:
        """One specification, a change of shape"""
        return (specs.Flatten(shape),)

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = x, reshaped"""
        return x.reshape(len(x), -1), x.shape

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """dx = dy, reshaped"""
        return dy.reshape(saved), {}
