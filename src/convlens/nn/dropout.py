"""Dropout: during training, random units are set to 0."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from convlens.arrays import Array
from convlens.engines import Engine, specs
from convlens.nn.layer import Layer, Rng, Shape, Weights


@dataclass(frozen=True)
class Dropout(Layer):
    """In training y = x m / (1 - rate), where each m is 0 with probability `rate`, else 1. At prediction y = x.

    Krizhevsky et al. 2012, section 4.2, scale at test time instead: by 0.5, at a rate of 0.5. Here, as in Keras, the
    scale is part of training. The expected sums are the same, and prediction needs no scale.
    """

    rate: float
    kind: ClassVar[str] = "dropout"
    draws: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not (isinstance(self.rate, int | float) and math.isfinite(self.rate) and 0 <= self.rate < 1):
            raise ValueError(f"rate must be from 0 to below 1; got {self.rate!r}")

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of the input"""
        return shape

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...]:
        """One specification; prediction ignores it."""
        return (specs.Dropout(shape, float(self.rate)),)

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """Return y = x m / (1 - rate) and the factor m / (1 - rate); without an `rng`, y = x and None."""
        if rng is None or not self.rate:
            return x, None
        factor = (rng.random(x.shape, dtype=x.dtype) >= self.rate) * x.dtype.type(1 / (1 - self.rate))
        return x * factor, factor

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """dx = dy m / (1 - rate)"""
        return dy if saved is None else dy * saved, {}
