"""Layers: descriptions without state. Weights are passed in, what the backward needs is passed out.

`forward(x, weights, engine, rng)` gives (y, saved); `backward(dy, saved, weights, engine)` gives (dx, gradients by
name). So several threads can run one model at once, and a picture can be drawn from what a pass has saved.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np

from convlens import ops
from convlens.arrays import Array
from convlens.engines import Engine
from convlens.engines import specs as steps
from convlens.geometry import Padding, check_count, pair, plan
from convlens.nn.initializers import Initializer, he_normal
from convlens.ops.pool import plan_pool

Shape = tuple[int, ...]
Weights = dict[str, Array]
Rng: TypeAlias = "np.random.Generator"  # not looked up before it is used: NumPy loads numpy.random late

# Each with its gradient, from the output
_ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]] = {
    "relu": (ops.relu_forward, ops.relu_backward),
    "tanh": (ops.tanh_forward, ops.tanh_backward),
    "sigmoid": (ops.sigmoid_forward, ops.sigmoid_backward),
}
ACTIVATIONS = (None, *_ACTIVATIONS)
_COMPILED = (None, "relu")  # those that an engine's own passes know


@dataclass(frozen=True)
class Layer:
    """What all layers have. Shapes are those of one example, without the batch axis."""

    kind: ClassVar[str]
    draws: ClassVar[bool] = False  # random numbers, while training

    def output_shape(self, shape: Shape) -> Shape:
        """The shape that comes out when `shape` goes in, or a ValueError if it does not fit."""
        raise TypeError(f"{type(self).__name__} is no layer of its own")

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        """The weights by name, for an input of `shape`; a kernel comes before its bias."""
        return {}

    def step(self, shape: Shape) -> steps.Step | None:
        """The layer as plain numbers for an engine that runs whole passes, or None if it cannot be said so."""
        return None

    def forward(
        self, x: Array, weights: Weights, engine: Engine, rng: np.random.Generator | None = None
    ) -> tuple[Array, Any]:
        """x (n, *shape) -> y (n, *output_shape(shape)), and what `backward` needs

        rng: while training, for a layer that draws numbers; None when it is the network's answer that counts
        """
        raise TypeError(f"{type(self).__name__} is no layer of its own")

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """dy as y -> dx as x (None is allowed unless `need_dx`), and the gradients of the weights by name"""
        raise TypeError(f"{type(self).__name__} is no layer of its own")


def _expect(layer: str, shape: Shape, letters: str) -> None:
    axes = letters.split()
    if len(shape) != len(axes):
        raise ValueError(f"{layer} needs an input of shape ({', '.join(axes)}); got {shape}")


def _activate(activation: str | None, z: Array) -> Array:
    return _ACTIVATIONS[activation][0](z) if activation else z


def _activate_back(activation: str | None, dy: Array, y: Array) -> Array:
    return _ACTIVATIONS[activation][1](dy, y) if activation else dy


def _check_activation(activation: str | None) -> None:
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(map(str, ACTIVATIONS))}; got {activation!r}")


@dataclass(frozen=True)
class Conv2D(Layer):
    """Convolution with bias, then the activation: `convlens.ops.conv2d_forward`.

    Kernel (kh, kw, ci / groups, filters).
    """

    filters: int
    kernel_size: int | tuple[int, int]
    strides: int | tuple[int, int] = (1, 1)
    padding: Padding = "valid"
    activation: str | None = None
    groups: int = 1
    kind: ClassVar[str] = "conv2d"

    def __post_init__(self) -> None:
        pair("kernel_size", self.kernel_size, 1)
        pair("strides", self.strides, 1)
        check_count("filters", self.filters, 1)
        check_count("groups", self.groups, 1)
        if self.filters % self.groups:
            raise ValueError(f"filters must be divided by groups; got {self.filters} filters, {self.groups} groups")
        _check_activation(self.activation)

    def _conv(self, engine: Engine) -> dict[str, Any]:
        return {"padding": self.padding, "stride": self.strides, "groups": self.groups, "engine": engine}

    def output_shape(self, shape: Shape) -> Shape:
        """(h, w, ci) -> (oh, ow, filters)"""
        _expect("Conv2D", shape, "h w channels")
        if shape[2] % self.groups:
            raise ValueError(f"Conv2D needs channels to be divided by groups; got {shape}, {self.groups} groups")
        kernel, strides = pair("kernel_size", self.kernel_size, 1), pair("strides", self.strides, 1)
        return (*plan((shape[0], shape[1]), kernel, strides, self.padding).out, self.filters)

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        """kernel (kh, kw, ci / groups, filters), bias (filters,)"""
        kernel = pair("kernel_size", self.kernel_size, 1)
        return {"kernel": (*kernel, shape[2] // self.groups, self.filters), "bias": (self.filters,)}

    def step(self, shape: Shape) -> steps.Step | None:
        """A convolution, with or without ReLU"""
        if self.groups > 1 or self.activation not in _COMPILED:
            return None
        size, kernel, strides = (
            (shape[0], shape[1]),
            pair("kernel_size", self.kernel_size, 1),
            pair("strides", self.strides, 1),
        )
        found = plan(size, kernel, strides, self.padding)
        strides = strides[0] if found.out[0] > 1 else 1, strides[1] if found.out[1] > 1 else 1  # one window: no step
        return steps.Conv(
            size, shape[2], found.out, self.filters, kernel, strides, found.pads, self.activation == "relu"
        )

    def forward(
        self, x: Array, weights: Weights, engine: Engine, rng: np.random.Generator | None = None
    ) -> tuple[Array, Any]:
        """y = activation(conv2d(x, kernel) + bias)"""
        y = _activate(self.activation, ops.conv2d_forward(x, weights["kernel"], weights["bias"], **self._conv(engine)))
        return y, (x, y)

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """The gradients of kernel and bias, and of the input if it is needed"""
        x, y = saved
        dz = _activate_back(self.activation, dy, y)
        dx, dw, db = ops.conv2d_backward(dz, x, weights["kernel"], need_dx=need_dx, **self._conv(engine))
        return dx, {"kernel": dw, "bias": db}


@dataclass(frozen=True)
class _Pooling2D(Layer):
    pool_size: int | tuple[int, int] = (2, 2)
    strides: int | tuple[int, int] | None = None
    padding: Padding = "valid"

    def __post_init__(self) -> None:
        pair("pool_size", self.pool_size, 1)
        if self.strides is not None:
            pair("strides", self.strides, 1)

    def _pool(self, engine: Engine) -> dict[str, Any]:
        return {"kernel": self.pool_size, "stride": self.strides, "padding": self.padding, "engine": engine}

    def output_shape(self, shape: Shape) -> Shape:
        """(h, w, c) -> (oh, ow, c)"""
        _expect(type(self).__name__, shape, "h w channels")
        name = type(self).__name__
        return (*plan_pool(name, (shape[0], shape[1]), self.pool_size, self.strides, self.padding)[0].out, shape[2])

    def step(self, shape: Shape) -> steps.Step | None:
        """A pooling, of maxima or of means"""
        size = (shape[0], shape[1])
        found, kernel, stride = plan_pool(type(self).__name__, size, self.pool_size, self.strides, self.padding)
        return steps.Pool(size, shape[2], found.out, kernel, stride, found.pads, isinstance(self, AveragePooling2D))


@dataclass(frozen=True)
class MaxPooling2D(_Pooling2D):
    """The largest of each window: `convlens.ops.max_pool2d_forward`. Strides are the pool size unless given."""

    kind: ClassVar[str] = "max_pooling2d"

    def forward(
        self, x: Array, weights: Weights, engine: Engine, rng: np.random.Generator | None = None
    ) -> tuple[Array, Any]:
        """y = max over each window"""
        y = ops.max_pool2d_forward(x, **self._pool(engine))
        return y, (x, y)

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """dy goes to the first maximum of its window"""
        return ops.max_pool2d_backward(dy, *saved, **self._pool(engine)), {}


@dataclass(frozen=True)
class AveragePooling2D(_Pooling2D):
    """The mean of each window: `convlens.ops.avg_pool2d_forward`. Strides are the pool size unless given."""

    kind: ClassVar[str] = "average_pooling2d"

    def forward(
        self, x: Array, weights: Weights, engine: Engine, rng: np.random.Generator | None = None
    ) -> tuple[Array, Any]:
        """y = mean over each window"""
        return ops.avg_pool2d_forward(x, **self._pool(engine)), x

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """dy is shared out equally over its window"""
        return ops.avg_pool2d_backward(dy, saved, **self._pool(engine)), {}


@dataclass(frozen=True)
class Flatten(Layer):
    """All axes of an example in one, the last one fastest: (h, w, c) -> (h * w * c,)"""

    kind: ClassVar[str] = "flatten"

    def output_shape(self, shape: Shape) -> Shape:
        """(h, w, c) -> (h * w * c,)"""
        return (math.prod(shape),)

    def step(self, shape: Shape) -> steps.Step | None:
        """Images in one row"""
        return steps.Flatten((shape[0], shape[1]), shape[2]) if len(shape) == 3 else None

    def forward(
        self, x: Array, weights: Weights, engine: Engine, rng: np.random.Generator | None = None
    ) -> tuple[Array, Any]:
        """y = x, reshaped"""
        return x.reshape(len(x), -1), x.shape

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """dx = dy, reshaped"""
        return dy.reshape(saved), {}


@dataclass(frozen=True)
class Dense(Layer):
    """Every input with every unit, then the activation: `convlens.ops.dense_forward`. Kernel (in, units)."""

    units: int
    activation: str | None = None
    kind: ClassVar[str] = "dense"

    def __post_init__(self) -> None:
        check_count("units", self.units, 1)
        _check_activation(self.activation)

    def output_shape(self, shape: Shape) -> Shape:
        """(in,) -> (units,)"""
        _expect("Dense", shape, "in")
        return (self.units,)

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        """kernel (in, units), bias (units,)"""
        return {"kernel": (shape[0], self.units), "bias": (self.units,)}

    def step(self, shape: Shape) -> steps.Step | None:
        """A dense layer, with or without ReLU"""
        if self.activation not in _COMPILED:
            return None
        return steps.Dense(shape[0], self.units, self.activation == "relu")

    def forward(
        self, x: Array, weights: Weights, engine: Engine, rng: np.random.Generator | None = None
    ) -> tuple[Array, Any]:
        """y = activation(x kernel + bias)"""
        y = _activate(self.activation, ops.dense_forward(x, weights["kernel"], weights["bias"]))
        return y, (x, y)

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """The gradients of the input, kernel and bias"""
        x, y = saved
        dz = _activate_back(self.activation, dy, y)
        dx, dw, db = ops.dense_backward(dz, x, weights["kernel"])
        return dx, {"kernel": dw, "bias": db}


def initial_weights(
    layer: Layer, shape: Shape, rng: np.random.Generator, dtype: np.dtype, initial: Initializer = he_normal
) -> Weights:
    """What `initial` draws for each kernel, zeros for each bias."""
    return {
        name: np.zeros(size, dtype) if name == "bias" else initial(size, rng, dtype)
        for name, size in layer.weight_shapes(shape).items()
    }
