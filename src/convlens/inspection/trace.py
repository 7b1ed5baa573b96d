"""One pass there and back as plain data: what every layer saw, made, and was told to change.

The report, the explorer and the command line show these numbers; none of them computes its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convlens import ops
from convlens.arrays import Array
from convlens.nn import Sequential
from convlens.ops.losses import Labels


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
    """All layers in order; logits and probabilities (n, classes), loss (n,). Gradients are those of the mean loss."""

    layers: tuple[LayerTrace, ...]
    logits: Array
    probabilities: Array
    loss: Array


def trace(model: Sequential, x: Array, labels: Labels) -> Trace:
    """x (n, *input_shape) of the model's dtype, labels (n,) -> what happened in each layer, forward and backward"""
    model.check_images("x", x)
    inputs, outputs, saved = [], [], []
    y = x
    for layer, weights in zip(model.layers, model.weights, strict=True):
        inputs.append(y)
        y, kept = layer.forward(y, weights, model.engine)
        outputs.append(y)
        saved.append(kept)
    loss = ops.softmax_cross_entropy_forward(y, labels)
    dy = ops.softmax_cross_entropy_backward(np.full_like(loss, 1 / len(x)), y, labels)
    layers: list[LayerTrace] = []
    for k in reversed(range(len(model.layers))):
        row, weights = model.table[k], model.weights[k]
        dx, d_weights = row.layer.backward(dy, saved[k], weights, model.engine)
        assert dx is not None
        kind = type(row.layer).__name__
        layers.insert(0, LayerTrace(row.name, kind, inputs[k], outputs[k], dx, dy, weights, d_weights))
        dy = dx
    return Trace(tuple(layers), y, ops.softmax_forward(y), loss)
