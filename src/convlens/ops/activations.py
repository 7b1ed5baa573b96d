"""Activations, each with its gradient. They take arrays of any shape; the result has the input's dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from convlens.arrays import Array

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "relu_backward",
    "relu_forward",
    "sigmoid_backward",
    "sigmoid_forward",
    "softmax_backward",
    "softmax_forward",
    "tanh_backward",
    "tanh_forward",
]


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


class Activation(NamedTuple):
    """A function of each number or of the last axis: forward(x) -> y, and backward(dy, y) -> dx from the output y"""

    forward: Callable[[Array], Array]
    backward: Callable[[Array, Array], Array]


# The keys are the names in Keras. `convlens.interop.layers` maps the same names to Keras and ONNX.
ACTIVATIONS = {
    "relu": Activation(relu_forward, relu_backward),
    "tanh": Activation(tanh_forward, tanh_backward),
    "sigmoid": Activation(sigmoid_forward, sigmoid_backward),
    "softmax": Activation(softmax_forward, softmax_backward),
}
