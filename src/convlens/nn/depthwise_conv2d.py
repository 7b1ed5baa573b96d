"""The depthwise convolutional layer: each input channel has its own kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from convlens import ops
from convlens.arrays import Array
from convlens.engines import Engine, specs
from convlens.geometry import Padding, Pair, check_count
from convlens.nn.convolution import bias_of, normal_window, planned, window
from convlens.nn.initializers import Initializer
from convlens.nn.layer import Layer, Rng, Shape, Weights, activate, activate_backward, expect


@dataclass(frozen=True)
class DepthwiseConv2D(Layer):
    """A convolution of each channel alone, bias, activation, see `convlens.ops.depthwise_conv2d_forward`.

    The kernel is (kh, kw, c, depth_multiplier), the output has c * depth_multiplier channels. Howard et al. 2017,
    "MobileNets". The other fields are those of `Conv2D`.
    """

    kernel_size: int | Pair
    strides: int | Pair = (1, 1)
    padding: Padding = "valid"
    depth_multiplier: int = 1
    dilation_rate: int | Pair = (1, 1)
    activation: str | None = None
    use_bias: bool = True
    depthwise_initializer: str | None = None
    bias_initializer: str | None = None
    depthwise_regularizer: str | None = None
    bias_regularizer: str | None = None
    kind: ClassVar[str] = "depthwise_conv2d"

    def __post_init__(self) -> None:
        normal_window(self)
        check_count("depth_multiplier", self.depth_multiplier, 1)

    def output_shape(self, shape: Shape) -> Shape:
        """(h, w, c) -> (oh, ow, c * depth_multiplier)"""
        spec = self._spec(shape)
        return (*spec.out, spec.c * spec.multiplier)

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        """kernel (kh, kw, c, depth_multiplier), bias (c * depth_multiplier,) if `use_bias`"""
        spec = self._spec(shape)
        found: dict[str, Shape] = {"kernel": (*spec.kernel, spec.c, spec.multiplier)}
        return found | {"bias": (spec.c * spec.multiplier,)} if self.use_bias else found

    def initial(self, name: str, size: Shape, rng: Rng, dtype: np.dtype[Any], kernel: Initializer) -> Array:
        """The first value of a weight; `depthwise_initializer` is the kernel's."""
        return super().initial("depthwise_kernel" if name == "kernel" else name, size, rng, dtype, kernel)

    def regularizer(self, name: str) -> str | None:
        """The penalty of a weight; `depthwise_regularizer` is the kernel's."""
        return super().regularizer("depthwise_kernel" if name == "kernel" else name)

    def _spec(self, shape: Shape) -> specs.Depthwise:
        expect("DepthwiseConv2D", shape, "h w channels")
        h, w, c = shape
        kernel, stride, dilation, (pads, out) = planned(self, (h, w))
        return specs.Depthwise((h, w), c, out, self.depth_multiplier, kernel, stride, pads, dilation, self.use_bias)

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...]:
        """One specification for the convolution, and one for the activation if the layer has one."""
        spec = self._spec(shape)
        return (spec, *specs.activation(self.activation, (*spec.out, spec.c * spec.multiplier)))

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = activation(depthwise_conv2d(x, kernel) + bias)"""
        bias = bias_of(weights, x.shape[-1] * self.depth_multiplier)
        z = ops.depthwise_conv2d_forward(x, weights["kernel"], bias, **window(self))
        y, kept = activate(self.activation, z)
        return y, (x, kept)

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """Return the gradient of the input (if `need_dx`) and the gradients of kernel and bias."""
        x, kept = saved
        dz = activate_backward(self.activation, dy, kept)
        dx, dw, db = ops.depthwise_conv2d_backward(dz, x, weights["kernel"], need_dx=need_dx, **window(self))
        return dx, {"kernel": dw, "bias": db} if self.use_bias else {"kernel": dw}
