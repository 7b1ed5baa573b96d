"""What all convolutional layers share: the checks of their fields, and the plan of their windows."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from convlens.arrays import Array
from convlens.geometry import Padding, Pair, Plan, as_padding, pair
from convlens.nn.initializer_texts import known_initializer
from convlens.nn.layer import Weights, known_activation
from convlens.nn.numbers import check_flag
from convlens.nn.regularizer_texts import known_regularizer
from convlens.ops.conv import plan_conv


class Convolution(Protocol):
    """The fields that every convolutional layer has"""

    @property
    def kernel_size(self) -> int | Pair:
        """Rows and columns of the kernel"""

    @property
    def strides(self) -> int | Pair:
        """Rows and columns between neighbouring windows"""

    @property
    def padding(self) -> Padding:
        """See `convlens.geometry.plan`"""

    @property
    def dilation_rate(self) -> int | Pair:
        """Rows and columns between neighbouring cells of the kernel"""

    @property
    def activation(self) -> str | None:
        """The name of the activation"""

    @property
    def use_bias(self) -> bool:
        """Whether there is a bias"""


class Planned(NamedTuple):
    """A layer's kernel, strides and dilation as pairs, and its plan for images of one size"""

    kernel: Pair
    stride: Pair
    dilation: Pair
    plan: Plan


def normal_window(layer: Convolution) -> None:
    """Give the layer's fields their normal form: pairs, padding, the activation's name. ValueError for bad ones."""
    for name in ("kernel_size", "strides", "dilation_rate"):
        object.__setattr__(layer, name, pair(name, getattr(layer, name), 1))
    object.__setattr__(layer, "padding", as_padding(layer.padding))
    object.__setattr__(layer, "activation", known_activation(layer.activation))
    check_flag("use_bias", layer.use_bias)
    normal_initializers(layer)
    strides, dilation = pair("strides", layer.strides, 1), pair("dilation_rate", layer.dilation_rate, 1)
    if max(strides) > 1 and max(dilation) > 1:
        raise ValueError(
            f"strides must be 1 where dilation_rate is above 1; got strides {strides}, dilation_rate {dilation}"
        )


def normal_initializers(layer: object) -> None:
    """Give the fields …_initializer and …_regularizer their normal form; ValueError for a name that there is not."""
    for name in list(vars(layer)):
        if name.endswith("_regularizer"):
            object.__setattr__(layer, name, known_regularizer(name, getattr(layer, name)))
        if name.endswith("_initializer"):
            object.__setattr__(layer, name, known_initializer(name, getattr(layer, name)))


def window(layer: Convolution) -> dict[str, Any]:
    """Return the arguments of an operation: padding, stride, dilation."""
    return {"padding": layer.padding, "stride": layer.strides, "dilation": layer.dilation_rate}


def planned(layer: Convolution, size: Pair) -> Planned:
    """Return the windows of the layer on images of `size` (h, w); ValueError if the kernel does not fit."""
    kernel, strides = pair("kernel_size", layer.kernel_size, 1), pair("strides", layer.strides, 1)
    dilation = pair("dilation_rate", layer.dilation_rate, 1)
    found = plan_conv(type(layer).__name__, size, kernel, strides, layer.padding, dilation)
    return Planned(kernel, strides, dilation, found)


def bias_of(weights: Weights, co: int) -> Array:
    """Return the bias (co,), or zeros for a layer without a bias."""
    bias = weights.get("bias")
    return np.zeros(co, next(iter(weights.values())).dtype) if bias is None else bias
