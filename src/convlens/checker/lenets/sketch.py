"""LeNet-5 in float64 with parts that can be exchanged: right as it stands, or with a mistake that students make.

A mistake whose numbers are just those of a submission is the likely one (`lenet_mistakes`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from convlens import ops
from convlens.arrays import Array
from convlens.geometry import Padding

__all__ = ["HEADS", "RIGHT", "Pool", "Sketch", "Trace", "trace"]


class Pool(NamedTuple):
    """mode: "max" or "avg"; size of the square window; its stride; padding"""

    mode: str = "max"
    size: int = 2
    stride: int = 2
    padding: Padding = "valid"


@dataclass(frozen=True)
class Sketch:
    """A LeNet-5, by its parts

    paddings of the two convolutions; pools after them; activations: of the five layers with weights, names in
    ACTIVATIONS; biases: whether these five add one; flatten: in which order maps are flattened, "hwc" or "chw"; head:
    what is done to the last layer's numbers, a name in HEADS; depth: how many of the five layers there are
    """

    paddings: tuple[Padding, Padding] = ("same", "valid")
    pools: tuple[Pool, Pool] = (Pool(), Pool())
    activations: tuple[str, ...] = ("relu", "relu", "relu", "relu", "none")
    biases: tuple[bool, ...] = (True,) * 5
    flatten: str = "hwc"
    head: str = "softmax"
    depth: int = 5


RIGHT = Sketch()


class Trace(NamedTuple):
    """What a pass gives

    z: the five layers before their activations; pooled: what goes into the pools; logits: the last z with its
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


def trace(weights: Sequence[Array], x: Array, sketch: Sketch = RIGHT) -> Trace:
    """One pass of x (n, 28, 28, 1), float64, through that network with the reference's ten weights

    ValueError if the weights do not fit, as they do not where a padding changes how many numbers are flattened.
    """
    zs, pooled = [], []
    for k in range(sketch.depth):
        kernel, bias = weights[2 * k], weights[2 * k + 1]
        bias = bias if sketch.biases[k] else np.zeros_like(bias)
        if k < 2:
            zs.append(ops.conv2d_forward(x, kernel, bias, padding=sketch.paddings[k]))
        else:
            zs.append(ops.dense_forward(x, kernel, bias))
        x = ACTIVATIONS[sketch.activations[k]](zs[-1])
        if k < 2:
            pooled.append(x)
            x = _pool(x, sketch.pools[k])
        if k == 1:
            x = (x if sketch.flatten == "hwc" else x.transpose(0, 3, 1, 2)).reshape(len(x), -1)
    return Trace(zs, pooled, x, HEADS[sketch.head](x))


def _pool(x: Array, pool: Pool) -> Array:
    forward = ops.max_pool2d_forward if pool.mode == "max" else ops.avg_pool2d_forward
    return forward(x, (pool.size, pool.size), stride=(pool.stride, pool.stride), padding=pool.padding)
