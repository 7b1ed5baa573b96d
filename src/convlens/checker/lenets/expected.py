"""The right numbers of LeNet-5 with the weights that the checks set in it, from convlens's own network in float64."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.checker.lenets.variant import run_variant
from convlens.models.lenet5 import lenet5
from convlens.nn import Adam

__all__ = ["RATE", "Expected", "PlantedBatch", "adam_steps", "expected", "near"]

RATE = 0.001  # the default learning rate of Adam, in TensorFlow and in Keras
# Two batches, one for each training step. The number of examples, 30, differs from 10, the number of classes, and from
# 32, the usual batch size, so that a mean over the wrong axis shows. 17 right answers differ from 13 wrong ones.
BATCHES, EXAMPLES, HITS = 2, 30, 17
# MARGIN is the smallest distance from 0 before a ReLU, and between the two largest numbers of a pooling window.
# CLASS_MARGIN is the smallest distance between the two best classes. In float32 the error is at most 6e-6, so every
# right network makes the same decisions.
MARGIN, CLASS_MARGIN = 2e-5, 1e-3
_TIED = 1e-12  # numbers of a window that differ by less are equal in any arithmetic: they are empty background
_BACKGROUND = 0.6  # the share of empty pixels in an image
_NOISE = 0.05  # standard deviation of the noise that is added to the initial weights, so that biases are not 0


class PlantedBatch(NamedTuple):
    """A batch, and the results of a right network with the weights that the checks set ("plant"), in float64.

    x (n, 28, 28, 1) float32; labels (n,); y (n, 10), the one-hot labels; logits and output (n, 10); loss, accuracy
    """

    x: Array
    labels: Array
    y: Array
    logits: Array
    output: Array
    loss: float
    accuracy: float


class Expected:
    """Random weights and batches, and the right numbers for them.

    The images have an empty background, like digits, so that max pooling has ties. An image is left out if rounding in
    float32 could switch a ReLU, the maximum of a window or the best class.
    """

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 5])
        self.model = lenet5(seed=int(rng.integers(2**31)), dtype=np.float64, engine="numpy")
        self.model.flat += _NOISE * rng.standard_normal(self.model.flat.size)
        self.model.flat[...] = self.model.flat.astype(np.float32)
        self.weights: list[Array] = self.model.get_weights()
        x = np.zeros((0, 28, 28, 1), np.float32)
        while len(x) < BATCHES * EXAMPLES:
            more = rng.random((64, 28, 28, 1), np.float32)
            more[more < _BACKGROUND] = 0
            x = np.concatenate([x, more[self._clear(more)]])
        self.batches = [self._batch(x[k * EXAMPLES : (k + 1) * EXAMPLES], rng) for k in range(BATCHES)]

    def _clear(self, x: Array) -> Array:
        """Return which examples are so clear that rounding in float32 switches nothing."""
        found = run_variant(self.weights, x.astype(np.float64))
        fine = np.full(len(x), True)
        for z in found.z[:-1]:
            fine &= (np.abs(z) > MARGIN).reshape(len(x), -1).all(axis=1)
        for a in found.pooled:
            n, h, w, c = a.shape
            windows = np.sort(a.reshape(n, h // 2, 2, w // 2, 2, c).swapaxes(2, 3).reshape(n, -1, 4, c), axis=2)
            gap = windows[:, :, 3] - windows[:, :, 2]
            fine &= ((gap > MARGIN) | (gap < _TIED)).reshape(n, -1).all(axis=1)
        best = np.sort(found.logits, axis=1)
        return np.asarray(fine & (best[:, -1] - best[:, -2] > CLASS_MARGIN))

    def _batch(self, x: Array, rng: np.random.Generator) -> PlantedBatch:
        found = run_variant(self.weights, x.astype(np.float64))
        predicted = found.logits.argmax(axis=1)
        labels = np.where(rng.permutation(len(x)) < HITS, predicted, (predicted + rng.integers(1, 10, len(x))) % 10)
        loss, _ = self._loss_and_gradient(self.weights, x, labels)
        y = np.eye(10, dtype=np.float32)[labels]
        return PlantedBatch(x, labels, y, found.logits, found.output, loss, float((predicted == labels).mean()))

    def _loss_and_gradient(self, weights: Sequence[Array], x: Array, labels: Array) -> tuple[float, list[Array]]:
        self.model.set_weights(weights)
        gradient = np.empty_like(self.model.flat)
        loss, _ = self.model.loss_gradient(x.astype(np.float64), labels, 1 / len(x), gradient)
        return float(loss.mean()), [view.copy() for views in self.model.views(gradient) for view in views.values()]

    def gradient(self, weights: Sequence[Array], batch: PlantedBatch) -> list[Array]:
        """Return the gradient of the batch's mean loss with respect to the ten weights, at these weights."""
        return self._loss_and_gradient(weights, batch.x, batch.labels)[1]


@functools.lru_cache(maxsize=4)
def expected(seed: int) -> Expected:
    """Return the expected numbers for a seed. They are computed once for all submissions."""
    return Expected(seed)


def near(got: Array, want: Array | float, tolerance: float = 1e-5) -> bool:
    """Return whether the shapes are equal and no error is larger than `tolerance` times the largest number (or 1).

    The error of outputs in float32 is less than 1e-6.
    """
    right = np.asarray(want)
    with np.errstate(all="ignore"):
        scale = max(1.0, float(np.abs(right).max(initial=0)))
        return got.shape == right.shape and bool((np.abs(got - right) <= tolerance * scale).all())


def adam_steps(gradients: Sequence[Array], epsilon: float, rate: float = RATE) -> Array:
    """Return by how much the last of several steps of Adam reduces a weight.

    gradients: the gradient of each step, all for the same weight
    """
    weights, adam, before = np.zeros(gradients[0].size), Adam(rate, epsilon=epsilon), np.zeros(0)
    for gradient in gradients:
        before = weights.copy()
        adam.update(weights, np.ravel(gradient))
    return (before - weights).reshape(gradients[0].shape)
