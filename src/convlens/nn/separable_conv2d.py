"""The separable convolutional layer: a depthwise convolution, then a 1 × 1 convolution over the channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from convlens import ops
from convlens.arrays import Array
from convlens.engines import Engine, specs
from convlens.geometry import Padding, Pair, check_count
from convlens.nn.convolution import bias_of, normal_window, planned, window
from convlens.nn.layer import Layer, Rng, Shape, Weights, activate, activate_backward, expect


@dataclass(frozen=True)
class SeparableConv2D(Layer):
    """A depthwise convolution without bias, then a 1 × 1 convolution with bias and activation.

    depthwise_kernel (kh, kw, c, depth_multiplier), pointwise_kernel (1, 1, c * depth_multiplier, filters). The other
    fields are those of `Conv2D`.
    """

    filters: int
    kernel_size: int | Pair
    strides: int | Pair = (1, 1)
    padding: Padding = "valid"
    dilation_rate: int | Pair = (1, 1)
    depth_multiplier: int = 1
    activation: str | None = None
    use_bias: bool = True
    depthwise_initializer: str | None = None
    pointwise_initializer: str | None = None
    bias_initializer: str | None = None
    depthwise_regularizer: str | None = None
    pointwise_regularizer: str | None = None
    bias_regularizer: str | None = None
    kind: ClassVar[str] = "separable_conv2d"

    def __post_init__(self) -> None:
        normal_window(self)
        check_count("filters", self.filters, 1)
        check_count("depth_multiplier", self.depth_multiplier, 1)

    def output_shape(self, shape: Shape) -> Shape:
        """(h, w, c) -> (oh, ow, filters)"""
        return (*self._spec(shape).out, self.filters)

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        """depthwise_kernel (kh, kw, c, depth_multiplier), pointwise_kernel (1, 1, …, filters), bias (filters,)"""
        spec = self._spec(shape)
        found: dict[str, Shape] = {
            "depthwise_kernel": (*spec.kernel, spec.c, spec.multiplier),
            "pointwise_kernel": (1, 1, spec.c * spec.multiplier, self.filters),
        }
        return found | {"bias": (self.filters,)} if self.use_bias else found

    def _spec(self, shape: Shape) -> specs.Depthwise:
        expect("SeparableConv2D", shape, "h w channels")
        h, w, c = shape
        kernel, stride, dilation, (pads, out) = planned(self, (h, w))
        return specs.Depthwise((h, w), c, out, self.depth_multiplier, kernel, stride, pads, dilation, bias=False)

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...]:
        """A depthwise convolution, a convolution, and the activation if the layer has one"""
        first = self._spec(shape)
        none: Pair = (0, 0)
        second = specs.Conv(
            first.out, first.c * first.multiplier, first.out, self.filters, (1, 1), (1, 1), (none, none),
            bias=self.use_bias,
        )  # fmt: skip
        return (first, second, *specs.activation(self.activation, (*first.out, self.filters)))

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = activation(conv2d(depthwise_conv2d(x, depthwise_kernel), pointwise_kernel) + bias)"""
        zeros = bias_of({"kernel": weights["depthwise_kernel"]}, x.shape[-1] * self.depth_multiplier)
        between = ops.depthwise_conv2d_forward(x, weights["depthwise_kernel"], zeros, **window(self))
        bias = bias_of(weights, self.filters)
        z = ops.conv2d_forward(between, weights["pointwise_kernel"], bias, engine=engine)
        y, kept = activate(self.activation, z)
        return y, (x, between, kept)

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """Return the gradient of the input (if `need_dx`) and the gradients of both kernels and the bias."""
        x, between, kept = saved
        dz = activate_backward(self.activation, dy, kept)
        d_between, d_point, db = ops.conv2d_backward(dz, between, weights["pointwise_kernel"], engine=engine)
        assert d_between is not None
        kernel = weights["depthwise_kernel"]
        dx, d_depth, _ = ops.depthwise_conv2d_backward(d_between, x, kernel, need_dx=need_dx, **window(self))
        found = {"depthwise_kernel": d_depth, "pointwise_kernel": d_point}
        return dx, found | {"bias": db} if self.use_bias else found
