"""Variants of LeNet-5, in float64: each part can be replaced by one that students use by mistake.

If a variant gives the same output as a submission, its fault is the submission's likely mistake (`output_mistakes`).
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
    """A pooling layer. mode: "max" or "avg"; size: height and width of the window."""

    mode: str = "max"
    size: int = 2
    stride: int = 2
    padding: Padding = "valid"


@dataclass(frozen=True)
class Variant:
    """The parts of a LeNet-5. The defaults are the right ones.

    paddings: padding of each convolution; pools: the pooling layer after each convolution; activations: activation of
    each of the five layers with weights, a name in ACTIVATIONS; biases: whether each of these layers adds a bias;
    flatten: the order in which feature maps are flattened, "hwc" or "chw"; head: the function after the last layer, a
    name in HEADS; depth: how many of the five layers there are
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

    z: the values of the five layers before their activations; pooled: the inputs of the pooling layers; logits: the
    last z after its activation; output: the output of the network
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

    Raise ValueError if the weights do not fit, since a padding can change the number of flattened inputs.
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
