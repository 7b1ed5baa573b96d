"""The dense (fully connected) layer: matrix product, bias, activation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from convlens import ops
from convlens.arrays import Array
from convlens.engines import Engine, specs
from convlens.geometry import check_count
from convlens.nn.convolution import bias_of, normal_initializers
from convlens.nn.layer import ENDS, Layer, Rng, Shape, Weights, activate, activate_backward, expect, known_activation
from convlens.nn.numbers import check_flag


@dataclass(frozen=True)
class Dense(Layer):
    """The dense layer: matrix product, bias, activation, see `convlens.ops.dense_forward`. Kernel (in, units).

    kernel_initializer, bias_initializer: names in `convlens.nn.initializers`; None: the model's own, and zeros.
    kernel_regularizer, bias_regularizer: penalties that training adds to the loss, see `convlens.regularizers`
    """

    units: int
    activation: str | None = None
    use_bias: bool = True
    kernel_initializer: str | None = None
    bias_initializer: str | None = None
    kernel_regularizer: str | None = None
    bias_regularizer: str | None = None
    kind: ClassVar[str] = "dense"

    def __post_init__(self) -> None:
        check_count("units", self.units, 1)
        check_flag("use_bias", self.use_bias)
        normal_initializers(self)
        object.__setattr__(self, "activation", known_activation(self.activation))

    def output_shape(self, shape: Shape) -> Shape:
        """(in,) -> (units,)"""
        expect("Dense", shape, "in")
        return (self.units,)

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        """kernel (in, units), bias (units,) if `use_bias`"""
        found: dict[str, Shape] = {"kernel": (shape[0], self.units)}
        return found | {"bias": (self.units,)} if self.use_bias else found

    def split_end(self) -> tuple[Layer, str | None]:
        """Return the layer without a softmax or sigmoid, and the name of that activation."""
        return (replace(self, activation=None), self.activation) if self.activation in ENDS else (self, None)

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...]:
        """One specification for the dense layer, and one for the activation if the layer has one."""
        return (specs.Dense(shape[0], self.units, self.use_bias), *specs.activation(self.activation, (self.units,)))

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = activation(x kernel + bias)"""
        y, kept = activate(self.activation, ops.dense_forward(x, weights["kernel"], bias_of(weights, self.units)))
        return y, (x, kept)

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """Return the gradients of the input, the kernel and the bias."""
        x, kept = saved
        dz = activate_backward(self.activation, dy, kept)
        dx, dw, db = ops.dense_backward(dz, x, weights["kernel"])
        return dx, {"kernel": dw, "bias": db} if self.use_bias else {"kernel": dw}
