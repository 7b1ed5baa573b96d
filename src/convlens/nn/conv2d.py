"""The convolutional layer: convolution, bias, activation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from convlens import ops
from convlens.arrays import Array
from convlens.engines import Engine, specs
from convlens.geometry import Padding, Pair, as_padding, check_count, pair, plan
from convlens.nn.layer import Layer, Rng, Shape, Weights, activate, activate_backward, expect, known_activation


@dataclass(frozen=True)
class Conv2D(Layer):
    """The convolutional layer: convolution, bias, activation, see `convlens.ops.conv2d_forward`.

    The kernel is (kh, kw, ci / groups, filters). One integer for `kernel_size` or `strides` stands for both directions.
    """

    filters: int
    kernel_size: int | Pair
    strides: int | Pair = (1, 1)
    padding: Padding = "valid"
    activation: str | None = None
    groups: int = 1
    kind: ClassVar[str] = "conv2d"

    def __post_init__(self) -> None:
        object.__setattr__(self, "kernel_size", pair("kernel_size", self.kernel_size, 1))
        object.__setattr__(self, "strides", pair("strides", self.strides, 1))
        object.__setattr__(self, "padding", as_padding(self.padding))
        check_count("filters", self.filters, 1)
        check_count("groups", self.groups, 1)
        if self.filters % self.groups:
            raise ValueError(f"filters must be divisible by groups; got {self.filters} filters, {self.groups} groups")
        object.__setattr__(self, "activation", known_activation(self.activation))

    def _conv(self, engine: Engine) -> dict[str, Any]:
        return {"padding": self.padding, "stride": self.strides, "groups": self.groups, "engine": engine}

    def output_shape(self, shape: Shape) -> Shape:
        """(h, w, ci) -> (oh, ow, filters)"""
        return (*self._spec(shape).out, self.filters)

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        """kernel (kh, kw, ci / groups, filters), bias (filters,)"""
        spec = self._spec(shape)
        return {"kernel": (*spec.kernel, spec.ci // spec.groups, spec.co), "bias": (spec.co,)}

    def _spec(self, shape: Shape) -> specs.Conv:
        expect("Conv2D", shape, "h w channels")
        h, w, ci = shape
        if ci % self.groups:
            raise ValueError(f"Conv2D needs channels divisible by groups; got {shape}, {self.groups} groups")
        kernel, stride = pair("kernel_size", self.kernel_size, 1), pair("strides", self.strides, 1)
        pads, out = plan((h, w), kernel, stride, self.padding)
        return specs.Conv((h, w), ci, out, self.filters, kernel, stride, pads, self.groups)

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...]:
        """One specification for the convolution, and one for the activation if the layer has one."""
        conv = self._spec(shape)
        return (conv, *specs.activation(self.activation, (*conv.out, conv.co)))

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = activation(conv2d(x, kernel) + bias)"""
        y, kept = activate(
            self.activation, ops.conv2d_forward(x, weights["kernel"], weights["bias"], **self._conv(engine))
        )
        return y, (x, kept)

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """Return the gradient of the input (if `need_dx`) and the gradients of kernel and bias."""
        x, kept = saved
        dz = activate_backward(self.activation, dy, kept)
        dx, dw, db = ops.conv2d_backward(dz, x, weights["kernel"], need_dx=need_dx, **self._conv(engine))
        return dx, {"kernel": dw, "bias": db}
