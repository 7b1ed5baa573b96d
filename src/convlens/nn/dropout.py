"""Dropout: while training, units are left out at random."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from convlens.arrays import Array
from convlens.engines import Engine, specs
from convlens.nn.layer import Layer, Rng, Shape, Weights


@dataclass(frozen=True)
class Dropout(Layer):
    """While training, y = x m / (1 - rate), where each m is 0 with probability `rate`, else 1. Otherwise y = x.

    Krizhevsky et al. 2012, section 4.2, who scale when they test instead: by 0.5, at a rate of 0.5. As in Keras the
    scale is here where the network trains, so that the expected sums are equal and its answers need none.
    """

    rate: float
    kind: ClassVar[str] = "dropout"
    draws: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not (isinstance(self.rate, int | float) and math.isfinite(self.rate) and 0 <= self.rate < 1):
            raise ValueError(f"rate must be from 0 to below 1; got {self.rate!r}")

    def output_shape(self, shape: Shape) -> Shape:
        """As it goes in"""
        return shape

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...]:
        """Nothing but while training"""
        return (specs.Dropout(shape, float(self.rate)),)

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = x m / (1 - rate), and that factor; y = x without an `rng`"""
        if rng is None or not self.rate:
            return x, None
        factor = (rng.random(x.shape, dtype=x.dtype) >= self.rate) * x.dtype.type(1 / (1 - self.rate))
        return x * factor, factor

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """dx = dy m / (1 - rate)"""
        return dy if saved is None else dy * saved, {}
