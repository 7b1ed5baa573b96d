"""Activations as layers of their own: Activation by name, ReLU, LeakyReLU, ELU, Softmax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from convlens import ops
from convlens.arrays import Array
from convlens.engines import Engine, specs
from convlens.nn.layer import ENDS, Layer, Rng, Shape, Weights, activate, activate_backward, known_activation
from convlens.nn.numbers import check_axis, check_number


@dataclass(frozen=True)
class _Elementwise(Layer):
    """The base class of these layers: the output has the shape of the input."""

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of the input"""
        return shape


@dataclass(frozen=True)
class Activation(_Elementwise):
    """y = activation(x): one of `convlens.ops.ACTIVATIONS` by its name in Keras, for example Activation("gelu")"""

    activation: str | None
    kind: ClassVar[str] = "activation"

    def __post_init__(self) -> None:
        object.__setattr__(self, "activation", known_activation(self.activation))

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...]:
        """One specification; none for "linear"."""
        return specs.activation(self.activation, shape)

    def split_end(self) -> tuple[Layer | None, str | None]:
        """A softmax or sigmoid belongs to the loss: nothing is left of the layer."""
        return (None, self.activation) if self.activation in ENDS else (self, None)

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = activation(x)"""
        return activate(self.activation, x)

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """Return the gradient of the input."""
        return activate_backward(self.activation, dy, saved), {}


@dataclass(frozen=True)
class Softmax(_Elementwise):
    """y_i = exp(x_i) / sum_j exp(x_j) over the last axis, the only one that `axis` may name"""

    axis: int = -1
    kind: ClassVar[str] = "softmax"

    def __post_init__(self) -> None:
        check_axis("Softmax", self.axis)

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of the input"""
        check_axis("Softmax", self.axis, shape)
        return shape

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...]:
        """One specification, the activation softmax"""
        return specs.activation("softmax", shape)

    def split_end(self) -> tuple[Layer | None, str | None]:
        """A softmax at the end belongs to the loss: nothing is left of the layer."""
        return None, "softmax"

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = softmax(x)"""
        return activate("softmax", x)

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """Return the gradient of the input."""
        return activate_backward("softmax", dy, saved), {}


@dataclass(frozen=True)
class ReLU(_Elementwise):
    """y = max(x, 0), with Keras's three variants: see `convlens.ops.threshold_relu_forward`

    max_value: the largest output, or None. negative_slope: the slope below the threshold. threshold: where y = x begins
    """

    max_value: float | None = None
    negative_slope: float = 0.0
    threshold: float = 0.0
    kind: ClassVar[str] = "re_lu"

    def __post_init__(self) -> None:
        if self.max_value is not None:
            check_number("max_value", self.max_value, 0)
        check_number("negative_slope", self.negative_slope, 0)
        check_number("threshold", self.threshold, 0)

    def _numbers(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "negative_slope": self.negative_slope, "threshold": self.threshold}

    @property
    def _plain(self) -> bool:
        return self.max_value is None and not self.negative_slope and not self.threshold

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...]:
        """One specification; without variants it is the activation relu."""
        if self._plain:
            return specs.activation("relu", shape)
        return (specs.ThresholdRelu(shape, **self._numbers()),)

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = max_value where x >= max_value, x above the threshold, else negative_slope (x - threshold)"""
        return activate("relu", x) if self._plain else (ops.threshold_relu_forward(x, **self._numbers()), x)

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """Return the gradient of the input."""
        if self._plain:
            return activate_backward("relu", dy, saved), {}
        return ops.threshold_relu_backward(dy, saved, **self._numbers()), {}


@dataclass(frozen=True)
class LeakyReLU(_Elementwise):
    """y = x where x > 0, else negative_slope x. The default slope is that of Keras's layer; its function has 0.2."""

    negative_slope: float = 0.3
    kind: ClassVar[str] = "leaky_re_lu"

    def __post_init__(self) -> None:
        check_number("negative_slope", self.negative_slope, 0)

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...]:
        """One specification"""
        return (specs.ThresholdRelu(shape, None, self.negative_slope, 0.0),)

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = x where x > 0, else negative_slope x"""
        return ops.leaky_relu_forward(x, self.negative_slope), x

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """dx = dy where x > 0, else negative_slope dy"""
        return ops.leaky_relu_backward(dy, saved, self.negative_slope), {}


@dataclass(frozen=True)
class ELU(_Elementwise):
    """y = x where x > 0, else alpha (exp(x) - 1)"""

    alpha: float = 1.0
    kind: ClassVar[str] = "elu"

    def __post_init__(self) -> None:
        check_number("alpha", self.alpha, 0)

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...]:
        """One specification"""
        return (specs.Elu(shape, float(self.alpha)),)

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = x where x > 0, else alpha (exp(x) - 1)"""
        y = ops.elu_forward(x, self.alpha)
        return y, y

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """dx = dy where x > 0, else dy (y + alpha)"""
        return ops.elu_backward(dy, saved, self.alpha), {}
