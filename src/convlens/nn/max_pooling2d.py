"""Max pooling: the maximum of each window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from convlens import ops
from convlens.arrays import Array
from convlens.engines import Engine
from convlens.nn.layer import Rng, Weights
from convlens.nn.pooling2d import Pooling2D


@dataclass(frozen=True)
class MaxPooling2D(Pooling2D):
    """Max pooling: the maximum of each window, see `convlens.ops.max_pool2d_forward`. Strides default to pool_size."""

    kind: ClassVar[str] = "max_pooling2d"
    average: ClassVar[bool] = False

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = maximum of each window"""
        y = ops.max_pool2d_forward(x, **self._pool(engine))
        return y, (x, y)

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """Each number of dy goes to the first maximum of its window."""
        return ops.max_pool2d_backward(dy, *saved, **self._pool(engine)), {}
