"""What a network does, as plain numbers: for an engine that runs a whole pass by itself."""

from __future__ import annotations

from typing import NamedTuple

from convlens.geometry import Pads, Pair


class Conv(NamedTuple):
    """(h, w, ci) -> (oh, ow, co): a convolution with bias, and a ReLU if `relu`"""

    size: Pair
    ci: int
    out: Pair
    co: int
    kernel: Pair
    stride: Pair
    pads: Pads
    relu: bool


class Pool(NamedTuple):
    """(h, w, c) -> (oh, ow, c): the largest of each window, or their mean if `average`"""

    size: Pair
    c: int
    out: Pair
    kernel: Pair
    stride: Pair
    pads: Pads
    average: bool


class Flatten(NamedTuple):
    """(h, w, c) -> (h * w * c,)"""

    size: Pair
    c: int


class Dense(NamedTuple):
    """(inputs,) -> (units,): a product with bias, and a ReLU if `relu`"""

    inputs: int
    units: int
    relu: bool


Step = Conv | Pool | Flatten | Dense
