"""Activations, each with its gradient. They take arrays of any shape; the result has the input's dtype."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.engines.normal import normal_cdf, normal_density

__all__ = [
    "ACTIVATIONS",
    "OTHER_NAMES",
    "Activation",
    "elu_backward",
    "elu_forward",
    "exponential_backward",
    "exponential_forward",
    "gelu_backward",
    "gelu_forward",
    "hard_sigmoid_backward",
    "hard_sigmoid_forward",
    "hard_silu_backward",
    "hard_silu_forward",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "relu6_backward",
    "relu6_forward",
    "relu_backward",
    "relu_forward",
    "selu_backward",
    "selu_forward",
    "sigmoid_backward",
    "sigmoid_forward",
    "silu_backward",
    "silu_forward",
    "softmax_backward",
    "softmax_forward",
    "softplus_backward",
    "softplus_forward",
    "softsign_backward",
    "softsign_forward",
    "tanh_backward",
    "tanh_forward",
    "threshold_relu_backward",
    "threshold_relu_forward",
]

# Klambauer et al. 2017, "Self-normalizing neural networks": with these numbers a normal distribution keeps mean 0 and
# variance 1
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def relu_forward(x: Array) -> Array:
    """y = max(x, 0); NaN stays NaN"""
    zeros = np.zeros(x.shape[1:], x.dtype)  # np.maximum is faster with two arrays than with an array and a number
    y: Array = np.maximum(x, zeros)
    return y


def relu_backward(dy: Array, x: Array) -> Array:
    """dx = dy where x > 0, else 0

    x may also be the output y = relu_forward(x): x and y are above 0 at the same places.
    """
    dx: Array = dy * (x > 0)
    return dx


def tanh_forward(x: Array) -> Array:
    """y = tanh(x)"""
    y: Array = np.tanh(x)
    return y


def tanh_backward(dy: Array, y: Array) -> Array:
    """dx = dy (1 - y²), from the output y = tanh_forward(x)"""
    dx: Array = dy * (1 - y * y)
    return dx


def sigmoid_forward(x: Array) -> Array:
    """y = 1 / (1 + exp(-x)), computed as (1 + tanh(x / 2)) / 2, which does not overflow"""
    y: Array = np.tanh(x / 2)
    y += 1
    y /= 2
    return y


def sigmoid_backward(dy: Array, y: Array) -> Array:
    """dx = dy y (1 - y), from the output y = sigmoid_forward(x)"""
    dx: Array = dy * y * (1 - y)
    return dx


def softmax_forward(x: Array, axis: int = -1) -> Array:
    """y_i = exp(x_i) / sum_j exp(x_j) along `axis`; the largest x is subtracted first, so nothing overflows"""
    y: Array = x - x.max(axis=axis, keepdims=True)
    np.exp(y, out=y)
    y /= y.sum(axis=axis, keepdims=True)
    return y


def softmax_backward(dy: Array, y: Array, axis: int = -1) -> Array:
    """dx_i = y_i (dy_i - sum_j dy_j y_j), from the output y = softmax_forward(x)"""
    dx: Array = y * (dy - (dy * y).sum(axis=axis, keepdims=True))
    return dx


def relu6_forward(x: Array) -> Array:
    """y = min(max(x, 0), 6)"""
    y: Array = np.clip(x, 0, 6)
    return y


def relu6_backward(dy: Array, y: Array) -> Array:
    """dx = dy where 0 < y < 6, else 0; from the output y = relu6_forward(x), or from x"""
    dx: Array = dy * ((y > 0) & (y < 6))
    return dx


def leaky_relu_forward(x: Array, negative_slope: float = 0.2) -> Array:
    """y = x where x > 0, else negative_slope x; negative_slope at least 0"""
    return np.where(x > 0, x, negative_slope * x)


def leaky_relu_backward(dy: Array, y: Array, negative_slope: float = 0.2) -> Array:
    """dx = dy where y > 0, else negative_slope dy; from the output y = leaky_relu_forward(x), or from x"""
    return np.where(y > 0, dy, negative_slope * dy)


def threshold_relu_forward(
    x: Array, *, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0
) -> Array:
    """y = max_value where x >= max_value; x where threshold < x < max_value; else negative_slope (x - threshold)

    max_value: None for no bound. threshold, negative_slope: at least 0. This is the function of Keras's layer ReLU.
    """
    y: Array = np.where(x > threshold, x, negative_slope * (x - threshold))
    return y if max_value is None else np.minimum(y, max_value, out=y)


def threshold_relu_backward(
    dy: Array, x: Array, *, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0
) -> Array:
    """dx = 0 where x >= max_value; dy where threshold < x < max_value; else negative_slope dy"""
    dx = np.where(x > threshold, dy, negative_slope * dy)
    return dx if max_value is None else dx * (x < max_value)


def elu_forward(x: Array, alpha: float = 1.0) -> Array:
    """y = x where x > 0, else alpha (exp(x) - 1); alpha at least 0. Clevert et al. 2015"""
    y: Array = np.expm1(np.minimum(x, 0))
    y *= alpha
    y += np.maximum(x, 0)
    return y


def elu_backward(dy: Array, y: Array, alpha: float = 1.0) -> Array:
    """dx = dy (y + alpha) where y < 0, else dy; from the output y = elu_forward(x)"""
    dx: Array = dy * np.where(y < 0, y + alpha, 1)
    return dx


def selu_forward(x: Array) -> Array:
    """y = 1.0507… elu(x, alpha = 1.6733…); Klambauer et al. 2017"""
    y = elu_forward(x, _SELU_ALPHA)
    y *= _SELU_SCALE
    return y


def selu_backward(dy: Array, y: Array) -> Array:
    """dx = dy (y + 1.7581…) where y < 0, else 1.0507… dy; from the output y = selu_forward(x)"""
    dx: Array = dy * np.where(y < 0, y + _SELU_SCALE * _SELU_ALPHA, _SELU_SCALE)
    return dx


def silu_forward(x: Array) -> Array:
    """y = x sigmoid(x), also called swish"""
    y = sigmoid_forward(x)
    y *= x
    return y


def silu_backward(dy: Array, x: Array) -> Array:
    """dx = dy s (1 + x (1 - s)) with s = sigmoid(x); from the input x"""
    s = sigmoid_forward(x)
    dx: Array = dy * s * (1 + x * (1 - s))
    return dx


def gelu_forward(x: Array, *, approximate: bool = False) -> Array:
    """y = x Phi(x), where Phi is the standard normal cumulative distribution function; Hendrycks and Gimpel 2016

    approximate: replace Phi(x) by (1 + tanh(sqrt(2 / pi) (x + 0.044715 x³))) / 2.
    """
    y = _gelu_tanh(x) if approximate else normal_cdf(x)
    y *= x
    return y


def gelu_backward(dy: Array, x: Array, *, approximate: bool = False) -> Array:
    """dx = dy (Phi(x) + x phi(x)), where phi is the normal density, the derivative of Phi; from the input x"""
    if approximate:
        phi = _gelu_tanh(x)
        slope: Array = 2 * math.sqrt(2 / math.pi) * phi * (1 - phi) * (1 + 3 * 0.044715 * x * x)
    else:
        phi, slope = normal_cdf(x), normal_density(x)
    slope *= x
    slope += phi
    slope *= dy
    return slope


def _gelu_tanh(x: Array) -> Array:
    """(1 + tanh(t)) / 2 with t = sqrt(2 / pi) (x + 0.044715 x³), which equals sigmoid(2 t)"""
    return sigmoid_forward(2 * math.sqrt(2 / math.pi) * x * (1 + 0.044715 * x * x))


def softplus_forward(x: Array) -> Array:
    """y = log(1 + exp(x)), computed as max(x, 0) + log(1 + exp(-|x|)), which does not overflow"""
    y: Array = np.exp(-np.abs(x))
    np.log1p(y, out=y)
    y += np.maximum(x, 0)
    return y


def softplus_backward(dy: Array, y: Array) -> Array:
    """dx = dy (1 - exp(-y)), from the output y = softplus_forward(x)"""
    dx: Array = -dy * np.expm1(-y)
    return dx


def softsign_forward(x: Array) -> Array:
    """y = x / (1 + |x|)"""
    y: Array = x / (1 + np.abs(x))
    return y


def softsign_backward(dy: Array, y: Array) -> Array:
    """dx = dy (1 - |y|)², from the output y = softsign_forward(x)"""
    dx: Array = dy * np.square(1 - np.abs(y))
    return dx


def exponential_forward(x: Array) -> Array:
    """y = exp(x)"""
    y: Array = np.exp(x)
    return y


def exponential_backward(dy: Array, y: Array) -> Array:
    """dx = dy y, from the output y = exponential_forward(x)"""
    dx: Array = dy * y
    return dx


def hard_sigmoid_forward(x: Array) -> Array:
    """y = min(max(x / 6 + 1 / 2, 0), 1)"""
    y: Array = x / 6
    y += 0.5
    np.clip(y, 0, 1, out=y)
    return y


def hard_sigmoid_backward(dy: Array, y: Array) -> Array:
    """dx = dy / 6 where 0 < y < 1, else 0; from the output y = hard_sigmoid_forward(x)"""
    dx: Array = dy / 6 * ((y > 0) & (y < 1))
    return dx


def hard_silu_forward(x: Array) -> Array:
    """y = x hard_sigmoid(x), also called hard swish; Howard et al. 2019"""
    y = hard_sigmoid_forward(x)
    y *= x
    return y


def hard_silu_backward(dy: Array, x: Array) -> Array:
    """dx = 0 where x <= -3, dy where x >= 3, else dy (x / 3 + 1 / 2); from the input x"""
    dx: Array = dy * np.where(np.abs(x) < 3, x / 3 + 0.5, x > 0)
    return dx


class Activation(NamedTuple):
    """A function, forward(x) -> y of the same shape, and its gradient, backward(dy, kept) -> dx

    `kept` is the output y, or the input x if `from_input`: for these functions y does not determine the gradient.
    """

    forward: Callable[[Array], Array]
    backward: Callable[[Array, Array], Array]
    from_input: bool = False


# The keys are the names in Keras. `convlens.interop.layers` maps the same names to Keras and ONNX. All are elementwise
# but softmax, which goes over the last axis.
ACTIVATIONS = {
    "relu": Activation(relu_forward, relu_backward),
    "tanh": Activation(tanh_forward, tanh_backward),
    "sigmoid": Activation(sigmoid_forward, sigmoid_backward),
    "softmax": Activation(softmax_forward, softmax_backward),
    "elu": Activation(elu_forward, elu_backward),
    "exponential": Activation(exponential_forward, exponential_backward),
    "gelu": Activation(gelu_forward, gelu_backward, from_input=True),
    "hard_sigmoid": Activation(hard_sigmoid_forward, hard_sigmoid_backward),
    "hard_silu": Activation(hard_silu_forward, hard_silu_backward, from_input=True),
    "leaky_relu": Activation(leaky_relu_forward, leaky_relu_backward),
    "relu6": Activation(relu6_forward, relu6_backward),
    "selu": Activation(selu_forward, selu_backward),
    "silu": Activation(silu_forward, silu_backward, from_input=True),
    "softplus": Activation(softplus_forward, softplus_backward),
    "softsign": Activation(softsign_forward, softsign_backward),
}
# Other names that Keras has for these functions; "linear" is no function at all
OTHER_NAMES = {"linear": None, "swish": "silu", "hard_swish": "hard_silu"}
