"""The mean of each window"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from convlens import ops
from convlens.arrays import Array
from convlens.engines import Engine
from convlens.nn.layer import Rng, Weights
from convlens.nn.pooling2d import Pooling2D


@dataclass(frozen=True)
class AveragePooling2D(Pooling2D):
    """The mean of each window: `convlens.ops.avg_pool2d_forward`. Strides are the pool size unless given."""

    kind: ClassVar[str] = "average_pooling2d"
    average: ClassVar[bool] = True

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = mean over each window"""
        return ops.avg_pool2d_forward(x, **self._pool(engine)), x

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """dy is shared out equally over its window"""
        return ops.avg_pool2d_backward(dy, saved, **self._pool(engine)), {}
