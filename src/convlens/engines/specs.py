"""Specifications: a network as plain numbers, one specification for each operation, with all sizes computed.

`Layer.specs` returns a layer's specifications. Engines run fused passes of them and exporters write them. Two networks
with equal specifications and equal weights compute the same function. The weights of an operation are its kernel, then
its bias.
"""

from __future__ import annotations

from typing import NamedTuple

from convlens.geometry import Pads, Pair


class Conv(NamedTuple):
    """A convolution with bias, (h, w, ci) -> (oh, ow, co); kernel (kh, kw, ci / groups, co)"""

    size: Pair
    ci: int
    out: Pair
    co: int
    kernel: Pair
    stride: Pair
    pads: Pads
    groups: int = 1


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
    """A matrix product with bias, (inputs,) -> (units,); kernel (inputs, units)"""

    inputs: int
    units: int


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
    """Dropout: random zeros with this rate during training, no effect at prediction"""

    shape: tuple[int, ...]
    rate: float


Spec = Conv | Pool | Flatten | Dense | Activation | LocalResponseNorm | Dropout


def activation(function: str | None, shape: tuple[int, ...]) -> tuple[Activation, ...]:
    """Return the specification of a layer's activation: a tuple with one, or an empty tuple without an activation."""
    return (Activation(shape, function),) if function else ()
