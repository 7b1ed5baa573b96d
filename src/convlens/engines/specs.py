"""Specifications: a network as plain numbers, one specification for each operation, with all sizes computed.

`Layer.specs` returns a layer's specifications. Engines run fused passes of them and exporters write them. Two networks
with equal specifications and equal weights compute the same function. The weights of an operation are its kernel, then
its bias if it has one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from convlens.geometry import Pads, Pair


class Conv(NamedTuple):
    """A convolution, (h, w, ci) -> (oh, ow, co); kernel (kh, kw, ci / groups, co). dilation: as in `conv2d_forward`"""

    size: Pair
    ci: int
    out: Pair
    co: int
    kernel: Pair
    stride: Pair
    pads: Pads
    groups: int = 1
    dilation: Pair = (1, 1)
    bias: bool = True


class Depthwise(NamedTuple):
    """A convolution of each channel alone, (h, w, c) -> (oh, ow, c * multiplier); kernel (kh, kw, c, multiplier)"""

    size: Pair
    c: int
    out: Pair
    multiplier: int
    kernel: Pair
    stride: Pair
    pads: Pads
    dilation: Pair
    bias: bool


class Pool(NamedTuple):
    """Pooling, (h, w, c) -> (oh, ow, c): the maximum of each window, or if `average` the mean of its cells in x"""

    size: Pair
    c: int
    out: Pair
    kernel: Pair
    stride: Pair
    pads: Pads
    average: bool


class Flatten(NamedTuple):
    """A change of shape, (h, w, c) -> (h * w * c,), the last axis fastest"""

    shape: tuple[int, ...]


class Dense(NamedTuple):
    """A matrix product, (inputs,) -> (units,); kernel (inputs, units)"""

    inputs: int
    units: int
    bias: bool = True


class Activation(NamedTuple):
    """An elementwise function, by its name in `convlens.ops.ACTIVATIONS`"""

    shape: tuple[int, ...]
    function: str


class LocalResponseNorm(NamedTuple):
    """Local response normalisation, (h, w, c) -> (h, w, c); see `convlens.ops.local_response_norm_forward`"""

    shape: tuple[int, ...]
    size: int
    k: float
    alpha: float
    beta: float


class Dropout(NamedTuple):
    """Dropout: random zeros with this rate during training, no effect at prediction

    channels: whether a whole channel of an example is dropped, or each number by itself
    """

    shape: tuple[int, ...]
    rate: float
    channels: bool = False


class Random(NamedTuple):
    """A random change of images (h, w, c) during training, no effect at prediction

    layer: a layer without weights that draws, see `convlens.nn.Layer`
    """

    shape: tuple[int, ...]
    layer: Any


class GlobalPool(NamedTuple):
    """The mean (`average`) or maximum of each channel, (h, w, c) -> (c,), or with `keepdims` (1, 1, c)"""

    shape: tuple[int, ...]
    average: bool
    keepdims: bool


class BatchNorm(NamedTuple):
    """Batch normalisation of the last axis with running statistics; `scale`: has gamma, `center`: has beta

    Its weights are gamma, beta, moving_mean, moving_variance. fixed: whether training uses the running statistics too
    """

    shape: tuple[int, ...]
    epsilon: float
    center: bool
    scale: bool
    fixed: bool = False


class ThresholdRelu(NamedTuple):
    """See `convlens.ops.threshold_relu_forward`"""

    shape: tuple[int, ...]
    max_value: float | None
    negative_slope: float
    threshold: float


class Elu(NamedTuple):
    """See `convlens.ops.elu_forward`"""

    shape: tuple[int, ...]
    alpha: float


class Affine(NamedTuple):
    """y = factor x + offset with fixed numbers: one, or one for each channel (the last axis)"""

    shape: tuple[int, ...]
    factor: tuple[float, ...]
    offset: tuple[float, ...]


class Pad(NamedTuple):
    """Zeros around each image (h, w, c)"""

    shape: tuple[int, ...]
    pads: Pads


class Reshape(NamedTuple):
    """A change of shape, shape -> target, the last axis fastest"""

    shape: tuple[int, ...]
    target: tuple[int, ...]


class Residual(NamedTuple):
    """The sum of two chains with the same input: for each layer of a chain its specifications, in order

    An empty shortcut is the input itself. The weights of the k-th layer are called branch_k/… or shortcut_k/….
    """

    shape: tuple[int, ...]
    out: tuple[int, ...]
    branch: tuple[tuple[Any, ...], ...]
    shortcut: tuple[tuple[Any, ...], ...]


Spec = (
    Conv
    | Depthwise
    | Pool
    | GlobalPool
    | Flatten
    | Reshape
    | Pad
    | Dense
    | Activation
    | ThresholdRelu
    | Elu
    | Affine
    | BatchNorm
    | LocalResponseNorm
    | Dropout
    | Random
    | Residual
)


def activation(function: str | None, shape: tuple[int, ...]) -> tuple[Activation, ...]:
    """Return the specification of a layer's activation: a tuple with one, or an empty tuple without an activation."""
    return (Activation(shape, function),) if function else ()


def fixed(found: Iterable[Spec]) -> tuple[Spec, ...]:
    """Return the operations of a layer that training leaves as it is: nothing random, running statistics."""
    kept: list[Spec] = []
    for spec in found:
        if isinstance(spec, Residual):
            branch, shortcut = (tuple(fixed(layer) for layer in chain) for chain in (spec.branch, spec.shortcut))
            kept.append(spec._replace(branch=branch, shortcut=shortcut))
        elif isinstance(spec, BatchNorm):
            kept.append(spec._replace(fixed=True))
        elif not isinstance(spec, Dropout | Random):
            kept.append(spec)
    return tuple(kept)


def input_shape(spec: Spec) -> tuple[int, ...]:
    """Return the shape of one example that an operation takes."""
    if isinstance(spec, Dense):
        return (spec.inputs,)
    if isinstance(spec, Conv):
        return (*spec.size, spec.ci)
    return (*spec.size, spec.c) if isinstance(spec, Depthwise | Pool) else spec.shape


def output_shape(spec: Spec) -> tuple[int, ...]:
    """Return the shape that an operation gives for one example."""
    if isinstance(spec, Dense):
        return (spec.units,)
    if isinstance(spec, Conv):
        return (*spec.out, spec.co)
    if isinstance(spec, Depthwise):
        return (*spec.out, spec.c * spec.multiplier)
    if isinstance(spec, Pool):
        return (*spec.out, spec.c)
    if isinstance(spec, Flatten):
        return (math.prod(spec.shape),)
    if isinstance(spec, Reshape):
        return spec.target
    if isinstance(spec, GlobalPool):
        return (1, 1, spec.shape[2]) if spec.keepdims else (spec.shape[2],)
    if isinstance(spec, Pad):
        return (*(size + sum(side) for size, side in zip(spec.shape[:2], spec.pads, strict=True)), spec.shape[2])
    return spec.out if isinstance(spec, Residual) else spec.shape
