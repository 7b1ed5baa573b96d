"""The wrong losses and accuracies that known mistakes give."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from convlens import ops
from convlens.arrays import Array
from convlens.checker.lenets.expected import PlantedBatch
from convlens.checker.lenets.mistakes import Likely

__all__ = ["accuracies", "losses"]


def losses(batch: PlantedBatch, logits: Array) -> Iterator[tuple[Likely, float]]:
    """Yield known mistakes, each with the loss that it gives for a network with these logits (m, 10)."""
    m, y = len(batch.y), batch.y.astype(np.float64)
    p = ops.softmax_forward(logits)
    each = _cross_entropy(logits, y)
    mean, twice = float(each.mean()), _cross_entropy(p, y)
    yield Likely("loss_summed"), float(each.sum())
    yield Likely("softmax_twice"), float(twice.mean())
    yield Likely("softmax_twice", "and summed"), float(twice.sum())
    yield Likely("loss_sign"), -mean
    yield Likely("loss_other", "the mean over examples and classes"), mean / 10
    yield Likely("loss_other", "labels smoothed"), float(_cross_entropy(logits, 0.9 * y + 0.01).mean())
    yield Likely("loss_other", "the mean squared error"), float(((p - y) ** 2).mean())
    yield Likely("loss_other", "the squared error of the logits"), float(((logits - y) ** 2).mean())
    yield Likely("loss_other", "the mean absolute error"), float(np.abs(p - y).mean())
    clipped = np.clip(p, 1e-7, 1 - 1e-7)
    yield (
        Likely("loss_other", "binary cross-entropy"),
        float(-(y * np.log(clipped) + (1 - y) * np.log(1 - clipped)).mean()),
    )
    sigmoid = np.maximum(logits, 0) - logits * y + np.log1p(np.exp(-np.abs(logits)))
    yield Likely("loss_other", "binary cross-entropy"), float(sigmoid.mean())
    yield Likely("loss_swapped"), float(_cross_entropy(y, logits).mean())
    yield Likely("loss_swapped"), float(_cross_entropy(y, p).mean())
    yield Likely("loss_other", "divided by 32, for a batch of any size"), mean * m / 32


def _cross_entropy(logits: Array, y: Array) -> Array:
    """The softmax cross-entropy of each example."""
    top = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(-(y * (top - np.log(np.exp(top).sum(axis=1, keepdims=True)))).sum(axis=1))


def accuracies(batch: PlantedBatch, output: Array) -> Iterator[tuple[Likely, float]]:
    """Yield known mistakes, each with the accuracy that it gives for a network with this output (m, 10)."""
    hits = output.argmax(axis=1) == batch.labels
    yield Likely("accuracy_summed"), float(hits.sum())
    yield Likely("accuracy_axis"), float((output.argmax(axis=0) == batch.y.argmax(axis=0)).mean())
    yield Likely("accuracy_axis", "and counted"), float((output.argmax(axis=0) == batch.y.argmax(axis=0)).sum())
    yield Likely("accuracy_other", "in percent"), float(100 * hits.mean())
    yield Likely("accuracy_other", "the share of wrong answers"), float(1 - hits.mean())
    yield (
        Likely("accuracy_other", "the share of right outputs"),
        float(((output > 0.5) == (batch.y > 0.5)).mean()),
    )
