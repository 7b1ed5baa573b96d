"""Variants of LeNet-5, in float64: its parts can be exchanged, for the parts that students put there by mistake.

If a variant gives the same numbers as a submission, its fault is the submission's likely mistake (`output_mistakes`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from convlens import ops
from convlens.arrays import Array
from convlens.geometry import Padding

__all__ = ["HEADS", "RIGHT", "ForwardValues", "PoolVariant", "Variant", "run_variant"]


class PoolVariant(NamedTuple):
    """A pooling layer. mode: "max" or "avg"; size: of the square window; stride; padding."""

    mode: str = "max"
    size: int = 2
    stride: int = 2
    padding: Padding = "valid"


@dataclass(frozen=True)
class Variant:
    """A LeNet-5, by its parts; as it stands, the right one.

    paddings: of the two convolutions; pools: after the convolutions; activations: of the five layers with weights,
    names in ACTIVATIONS; biases: whether each of the five adds one; flatten: the order in which maps are flattened,
    "hwc" or "chw"; head: the function of the last layer's numbers, a name in HEADS; depth: the number of the five
    layers that are there
    """

    paddings: tuple[Padding, Padding] = ("same", "valid")
    pools: tuple[PoolVariant, PoolVariant] = (PoolVariant(), PoolVariant())
    activations: tuple[str, ...] = ("relu", "relu", "relu", "relu", "none")
    biases: tuple[bool, ...] = (True,) * 5
    flatten: str = "hwc"
    head: str = "softmax"
    depth: int = 5


RIGHT = Variant()


class ForwardValues(NamedTuple):
    """The numbers of one forward pass.

    z: of the five layers, before their activations; pooled: the inputs of the pools; logits: the last z after its
    activation; output: what the network returns
    """

    z: list[Array]
    pooled: list[Array]
    logits: Array
    output: Array


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "none": lambda z: z,
    "relu": ops.relu_forward,
    "softmax": ops.softmax_forward,
    "sigmoid": lambda z: 0.5 * (1 + np.tanh(z / 2)),
    "tanh": lambda z: np.asarray(np.tanh(z)),
}
HEADS: dict[str, Callable[[Array], Array]] = {
    "softmax": ops.softmax_forward,
    "none": lambda logits: logits,
    "softmax twice": lambda logits: ops.softmax_forward(ops.softmax_forward(logits)),
    "softmax over examples": lambda logits: ops.softmax_forward(logits, axis=0),
    "sigmoid": ACTIVATIONS["sigmoid"],
}


def run_variant(weights: Sequence[Array], x: Array, variant: Variant = RIGHT) -> ForwardValues:
    """Return the forward values of x (n, 28, 28, 1), float64, in a variant with LeNet-5's ten weights.

    ValueError if the weights do not fit: a padding can change the number of flattened inputs.
    """
    zs, pooled = [], []
    for k in range(variant.depth):
        kernel, bias = weights[2 * k], weights[2 * k + 1]
        bias = bias if variant.biases[k] else np.zeros_like(bias)
        if k < 2:
            zs.append(ops.conv2d_forward(x, kernel, bias, padding=variant.paddings[k]))
        else:
            zs.append(ops.dense_forward(x, kernel, bias))
        x = ACTIVATIONS[variant.activations[k]](zs[-1])
        if k < 2:
            pooled.append(x)
            x = _pool(x, variant.pools[k])
        if k == 1:
            x = (x if variant.flatten == "hwc" else x.transpose(0, 3, 1, 2)).reshape(len(x), -1)
    return ForwardValues(zs, pooled, x, HEADS[variant.head](x))


def _pool(x: Array, pool: PoolVariant) -> Array:
    forward = ops.max_pool2d_forward if pool.mode == "max" else ops.avg_pool2d_forward
    return forward(x, (pool.size, pool.size), stride=(pool.stride, pool.stride), padding=pool.padding)
