"""Average pooling: the mean of each window."""

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
    """Average pooling: the mean of each window, see `convlens.ops.avg_pool2d_forward`. Strides default to pool_size."""

    kind: ClassVar[str] = "average_pooling2d"
    average: ClassVar[bool] = True

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = mean of each window"""
        return ops.avg_pool2d_forward(x, **self._pool(engine)), x

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """Each number of dy is divided equally among the cells of its window."""
        return ops.avg_pool2d_backward(dy, saved, **self._pool(engine)), {}
