"""Spatial dropout: during training, whole random channels are set to 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from convlens.arrays import Array
from convlens.engines import Engine, specs
from convlens.nn.dropout import Dropout
from convlens.nn.layer import Rng, Shape, Weights, expect


@dataclass(frozen=True)
class SpatialDropout2D(Dropout):
    """In training y = x m / (1 - rate), where each m is 0 with probability `rate`, else 1, for a channel of an example.

    Neighbouring pixels are alike, so a convolution could read a dropped one from its neighbours. Tompson et al. 2015.
    """

    kind: ClassVar[str] = "spatial_dropout2d"

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of the input, (h, w, c)"""
        expect("SpatialDropout2D", shape, "h w channels")
        return shape

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...]:
        """One specification; prediction ignores it."""
        return (specs.Dropout(shape, float(self.rate), channels=True),)

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """Return y = x m / (1 - rate) and the factor m / (1 - rate); without an `rng`, y = x and None."""
        if rng is None or not self.rate:
            return x, None
        size = (len(x), 1, 1, x.shape[3])
        factor = (rng.random(size, dtype=x.dtype) >= self.rate) * x.dtype.type(1 / (1 - self.rate))
        return x * factor, factor
