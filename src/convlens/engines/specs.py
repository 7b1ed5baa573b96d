"""What a network computes, as plain numbers: one specification an operation, with every size worked out.

Layers give their specifications (`Layer.specs`); engines run fused passes of them, exporters write them, and two
networks with equal specifications compute the same. The weights of an operation are its kernel, then its bias.
"""

from __future__ import annotations

from typing import NamedTuple

from convlens.geometry import Pads, Pair


class Conv(NamedTuple):
    """(h, w, ci) -> (oh, ow, co): a convolution with bias; kernel (kh, kw, ci / groups, co)"""

    size: Pair
    ci: int
    out: Pair
    co: int
    kernel: Pair
    stride: Pair
    pads: Pads
    groups: int = 1


class Pool(NamedTuple):
    """(h, w, c) -> (oh, ow, c): the largest of each window, or the mean of its cells inside the image if `average`"""

    size: Pair
    c: int
    out: Pair
    kernel: Pair
    stride: Pair
    pads: Pads
    average: bool


class Flatten(NamedTuple):
    """(h, w, c) -> (h * w * c,), the last axis fastest"""

    shape: tuple[int, ...]


class Dense(NamedTuple):
    """(inputs,) -> (units,): a product with bias; kernel (inputs, units)"""

    inputs: int
    units: int


class Activation(NamedTuple):
    """A function of each number: a name in `convlens.ops.ACTIVATIONS`"""

    shape: tuple[int, ...]
    function: str


class LocalResponseNorm(NamedTuple):
    """(h, w, c) -> the same: see `convlens.ops.local_response_norm_forward`"""

    shape: tuple[int, ...]
    size: int
    k: float
    alpha: float
    beta: float


class Dropout(NamedTuple):
    """Zeros at random while training, with this rate; nothing at prediction"""

    shape: tuple[int, ...]
    rate: float


Spec = Conv | Pool | Flatten | Dense | Activation | LocalResponseNorm | Dropout


def activation(function: str | None, shape: tuple[int, ...]) -> tuple[Activation, ...]:
    """The activation that ends a layer: none of them, or one"""
    return (Activation(shape, function),) if function else ()
