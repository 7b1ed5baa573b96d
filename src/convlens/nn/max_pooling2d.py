"""The largest of each window"""

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
    """The largest of each window: `convlens.ops.max_pool2d_forward`. Strides are the pool size unless given."""

    kind: ClassVar[str] = "max_pooling2d"
    average: ClassVar[bool] = False

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = max over each window"""
        y = ops.max_pool2d_forward(x, **self._pool(engine))
        return y, (x, y)

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """dy goes to the first maximum of its window"""
        return ops.max_pool2d_backward(dy, *saved, **self._pool(engine)), {}
