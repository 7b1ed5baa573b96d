"""One forward and backward pass as plain data: every layer's input, output, weights and gradients.

The report shows these numbers and does not compute its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convlens.arrays import Array
from convlens.nn import Sequential
from convlens.nn.losses import CROSS_ENTROPY, Loss
from convlens.ops import ACTIVATIONS


@dataclass(frozen=True)
class LayerTrace:
    """One layer: input and output (n, …), their gradients, the weights and the weights' gradients by name."""

    name: str
    kind: str
    input: Array
    output: Array
    d_input: Array
    d_output: Array
    weights: dict[str, Array]
    d_weights: dict[str, Array]


@dataclass(frozen=True)
class Trace:
    """All layers in order; logits and probabilities (n, classes), loss (n,). All gradients are of the mean loss."""

    layers: tuple[LayerTrace, ...]
    logits: Array
    probabilities: Array
    loss: Array


def trace(model: Sequential, x: Array, labels: Array, *, loss: Loss = CROSS_ENTROPY) -> Trace:
    """Run one forward and backward pass: x (n, *input_shape) of the model's dtype, labels (n,) -> Trace

    The pass is one of prediction: dropout does nothing, and a normalisation uses its running statistics. loss: a loss
    of logits; with another one than the usual, labels are its targets
    """
    model.check_images("x", x)
    logits, passes = model.forward(x)
    losses = loss.forward(logits, labels)
    dlogits = loss.backward(np.full_like(losses, 1 / len(x)), logits, labels)
    layers: list[LayerTrace] = []
    gradients = model.walk_back(dlogits, passes, need_dx=True)
    for (row, weights, x_, y, _), (_, dy, dx, d_weights) in zip(reversed(passes), gradients, strict=True):
        assert dx is not None
        layers.insert(0, LayerTrace(row.name, type(row.layer).__name__, x_, y, dx, dy, weights, d_weights))
    return Trace(tuple(layers), logits, ACTIVATIONS[model.to_probabilities].forward(logits), losses)
