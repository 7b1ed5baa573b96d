"""The convolutional layer: convolution, bias, activation."""

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
class Conv2D(Layer):
    """The convolutional layer: convolution, bias, activation, see `convlens.ops.conv2d_forward`.

    The kernel is (kh, kw, ci / groups, filters). One integer for `kernel_size`, `strides` or `dilation_rate` stands for
    both directions. kernel_initializer, bias_initializer: names in `convlens.nn.initializers`; None: the model's own,
    and zeros. kernel_regularizer, bias_regularizer: penalties that training adds to the loss, see
    `convlens.regularizers`. As in Keras, only one of `strides` and `dilation_rate` may be above 1.
    """

    filters: int
    kernel_size: int | Pair
    strides: int | Pair = (1, 1)
    padding: Padding = "valid"
    activation: str | None = None
    groups: int = 1
    dilation_rate: int | Pair = (1, 1)
    use_bias: bool = True
    kernel_initializer: str | None = None
    bias_initializer: str | None = None
    kernel_regularizer: str | None = None
    bias_regularizer: str | None = None
    kind: ClassVar[str] = "conv2d"

    def __post_init__(self) -> None:
        normal_window(self)
        check_count("filters", self.filters, 1)
        check_count("groups", self.groups, 1)
        if self.filters % self.groups:
            raise ValueError(f"filters must be divisible by groups; got {self.filters} filters, {self.groups} groups")

    def _conv(self, engine: Engine) -> dict[str, Any]:
        return {**window(self), "groups": self.groups, "engine": engine}

    def output_shape(self, shape: Shape) -> Shape:
        """(h, w, ci) -> (oh, ow, filters)"""
        return (*self._spec(shape).out, self.filters)

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        """kernel (kh, kw, ci / groups, filters), bias (filters,) if `use_bias`"""
        spec = self._spec(shape)
        found: dict[str, Shape] = {"kernel": (*spec.kernel, spec.ci // spec.groups, spec.co)}
        return found | {"bias": (spec.co,)} if self.use_bias else found

    def _spec(self, shape: Shape) -> specs.Conv:
        expect("Conv2D", shape, "h w channels")
        h, w, ci = shape
        if ci % self.groups:
            raise ValueError(f"Conv2D needs channels divisible by groups; got {shape}, {self.groups} groups")
        kernel, stride, dilation, (pads, out) = planned(self, (h, w))
        return specs.Conv(
            (h, w), ci, out, self.filters, kernel, stride, pads, self.groups, dilation=dilation, bias=self.use_bias
        )

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...]:
        """One specification for the convolution, and one for the activation if the layer has one."""
        conv = self._spec(shape)
        return (conv, *specs.activation(self.activation, (*conv.out, conv.co)))

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = activation(conv2d(x, kernel) + bias)"""
        bias = bias_of(weights, self.filters)
        y, kept = activate(self.activation, ops.conv2d_forward(x, weights["kernel"], bias, **self._conv(engine)))
        return y, (x, kept)

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """Return the gradient of the input (if `need_dx`) and the gradients of kernel and bias."""
        x, kept = saved
        dz = activate_backward(self.activation, dy, kept)
        dx, dw, db = ops.conv2d_backward(dz, x, weights["kernel"], need_dx=need_dx, **self._conv(engine))
        return dx, {"kernel": dw, "bias": db} if self.use_bias else {"kernel": dw}
