"""The base class of both pooling layers: window, strides, padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from convlens.engines import Engine, specs
from convlens.geometry import Padding, Pair, as_padding, pair
from convlens.nn.layer import Layer, Shape, expect
from convlens.ops.pool import plan_pool


@dataclass(frozen=True)
class Pooling2D(Layer):
    """A window that moves over the image. Strides default to pool_size. One integer stands for both directions."""

    pool_size: int | Pair = (2, 2)
    strides: int | Pair | None = None
    padding: Padding = "valid"
    average: ClassVar[bool]

    def __post_init__(self) -> None:
        object.__setattr__(self, "pool_size", pair("pool_size", self.pool_size, 1))
        strides = self.pool_size if self.strides is None else pair("strides", self.strides, 1)
        object.__setattr__(self, "strides", strides)
        object.__setattr__(self, "padding", as_padding(self.padding))

    def _pool(self, engine: Engine) -> dict[str, Any]:
        return {"kernel": self.pool_size, "stride": self.strides, "padding": self.padding, "engine": engine}

    def output_shape(self, shape: Shape) -> Shape:
        """(h, w, c) -> (oh, ow, c)"""
        return (*self._spec(shape).out, shape[2])

    def _spec(self, shape: Shape) -> specs.Pool:
        name = type(self).__name__
        expect(name, shape, "h w channels")
        h, w, c = shape
        (pads, out), kernel, stride = plan_pool(name, (h, w), self.pool_size, self.strides, self.padding)
        return specs.Pool((h, w), c, out, kernel, stride, pads, self.average)

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...]:
        """One specification, max or average pooling"""
        return (self._spec(shape),)
