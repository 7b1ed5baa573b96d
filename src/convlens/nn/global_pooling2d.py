"""Global pooling: one number for each channel, the mean or the maximum of its whole image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from convlens import ops
from convlens.arrays import Array
from convlens.engines import Engine, specs
from convlens.nn.layer import Layer, Rng, Shape, Weights, expect
from convlens.nn.numbers import check_flag


@dataclass(frozen=True)
class GlobalPooling2D(Layer):
    """The base class of both layers. keepdims: whether the output is (1, 1, c) instead of (c,)"""

    keepdims: bool = False
    average: ClassVar[bool]

    def __post_init__(self) -> None:
        check_flag("keepdims", self.keepdims)

    def output_shape(self, shape: Shape) -> Shape:
        """(h, w, c) -> (c,), or with keepdims (1, 1, c)"""
        expect(type(self).__name__, shape, "h w channels")
        return (1, 1, shape[2]) if self.keepdims else (shape[2],)

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...]:
        """One specification"""
        return (specs.GlobalPool(shape, self.average, self.keepdims),)

    def _shaped(self, y: Array) -> Array:
        return y[:, None, None] if self.keepdims else y


@dataclass(frozen=True)
class GlobalAveragePooling2D(GlobalPooling2D):
    """The mean of each channel's image, (h, w, c) -> (c,); see `convlens.ops.global_avg_pool2d_forward`"""

    kind: ClassVar[str] = "global_average_pooling2d"
    average: ClassVar[bool] = True

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = mean of each channel"""
        return self._shaped(ops.global_avg_pool2d_forward(x)), x

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """Each number of dy is divided equally among the cells of its image."""
        return ops.global_avg_pool2d_backward(dy.reshape(len(dy), -1), saved), {}


@dataclass(frozen=True)
class GlobalMaxPooling2D(GlobalPooling2D):
    """The maximum of each channel's image, (h, w, c) -> (c,); see `convlens.ops.global_max_pool2d_forward`"""

    kind: ClassVar[str] = "global_max_pooling2d"
    average: ClassVar[bool] = False

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = maximum of each channel"""
        y = ops.global_max_pool2d_forward(x)
        return self._shaped(y), (x, y)

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """Each number of dy goes to the maximum of its image; equal maxima share it."""
        return ops.global_max_pool2d_backward(dy.reshape(len(dy), -1), *saved), {}
