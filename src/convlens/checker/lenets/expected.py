"""What a right LeNet-5 gives for weights that the checks plant in it: convlens's own network, in float64."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.checker.lenets.sketch import trace
from convlens.models.lenet5 import lenet5
from convlens.nn import Adam

__all__ = ["LAYERS", "RATE", "SHAPES", "Batch", "Expected", "adam_steps", "canonical", "expected", "fitted", "places"]

LAYERS = ("layer 1, convolution", "layer 3, convolution", "layer 5, dense", "layer 6, dense", "layer 7, dense")
RATE = 0.001
BATCHES, EXAMPLES, HITS = 2, 30, 17
MARGIN = 2e-5  # how far numbers are from where a function has a corner: float32 is on the same side in any order
SHAPES = tuple(view.shape for view in lenet5(engine="numpy").get_weights())


class Batch(NamedTuple):
    """x (n, 28, 28, 1) float32; labels (n,); y (n, 10), the labels one-hot; logits and output (n, 10) of a right
    network in float64, its loss and its accuracy"""

    x: Array
    labels: Array
    y: Array
    logits: Array
    output: Array
    loss: float
    accuracy: float


class Expected:
    """Weights and batches drawn from a seed, and what comes of them.

    Images have empty background, as digits have it, so that max pooling meets ties; 17 of 30 labels are what the
    network says: the accuracy is not that of wrong answers, nor that of ten columns. Images that put a ReLU, a maximum
    or the best class within float32's rounding of another result are left out: every right network gives the same.
    """

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 5])
        self.model = lenet5(seed=int(rng.integers(2**31)), dtype=np.float64, engine="numpy")
        self.model.flat += 0.05 * rng.standard_normal(self.model.flat.size)  # biases that are not 0
        self.model.flat[...] = self.model.flat.astype(np.float32)
        self.weights: list[Array] = self.model.get_weights()
        x = np.zeros((0, 28, 28, 1), np.float32)
        while len(x) < BATCHES * EXAMPLES:
            more = rng.random((64, 28, 28, 1), np.float32)
            more[more < 0.6] = 0
            x = np.concatenate([x, more[self._clear(more)]])
        self.batches = [self._batch(x[k * EXAMPLES : (k + 1) * EXAMPLES], rng) for k in range(BATCHES)]

    def _clear(self, x: Array) -> Array:
        """Which examples are far from every corner"""
        found = trace(self.weights, x.astype(np.float64))
        fine = np.full(len(x), True)
        for z in found.z[:-1]:
            fine &= (np.abs(z) > MARGIN).reshape(len(x), -1).all(axis=1)
        for a in found.pooled:
            n, h, w, c = a.shape
            windows = np.sort(a.reshape(n, h // 2, 2, w // 2, 2, c).swapaxes(2, 3).reshape(n, -1, 4, c), axis=2)
            gap = windows[:, :, 3] - windows[:, :, 2]
            fine &= ((gap > MARGIN) | (gap < 1e-12)).reshape(n, -1).all(axis=1)
        best = np.sort(found.logits, axis=1)
        return np.asarray(fine & (best[:, -1] - best[:, -2] > 1e-3))

    def _batch(self, x: Array, rng: np.random.Generator) -> Batch:
        found = trace(self.weights, x.astype(np.float64))
        said = found.logits.argmax(axis=1)
        labels = np.where(rng.permutation(len(x)) < HITS, said, (said + rng.integers(1, 10, len(x))) % 10)
        loss, _ = self._there_and_back(self.weights, x, labels)
        y = np.eye(10, dtype=np.float32)[labels]
        return Batch(x, labels, y, found.logits, found.output, loss, float((said == labels).mean()))

    def _there_and_back(self, weights: Sequence[Array], x: Array, labels: Array) -> tuple[float, list[Array]]:
        self.model.set_weights(weights)
        gradient = np.empty_like(self.model.flat)
        loss, _ = self.model.loss_gradient(x.astype(np.float64), labels, 1 / len(x), gradient)
        return float(loss.mean()), [view.copy() for views in self.model.views(gradient) for view in views.values()]

    def gradient(self, weights: Sequence[Array], batch: Batch) -> list[Array]:
        """Of the batch's mean loss by each of the ten weights, at those values"""
        return self._there_and_back(weights, batch.x, batch.labels)[1]


@functools.lru_cache(maxsize=4)
def expected(seed: int) -> Expected:
    """The same for each submission that is checked with that seed"""
    return Expected(seed)


def adam_steps(gradients: Sequence[Array], epsilon: float, rate: float = RATE) -> Array:
    """How far the last of these steps of Adam goes, against the gradient; all gradients (...) of one weight"""
    weights, adam, before = np.zeros(gradients[0].size), Adam(rate, epsilon=epsilon), np.zeros(0)
    for gradient in gradients:
        before = weights.copy()
        adam.update(weights, np.ravel(gradient))
    return (before - weights).reshape(gradients[0].shape)


def places(shapes: Sequence[Sequence[int]]) -> list[int] | None:
    """Which of the ten weights variables of these shapes are, or None if these are not LeNet-5's

    All ten have different sizes, so their order, their names, (1, 6) for (6,) and a transposed kernel do not matter.
    """
    sizes = [math.prod(shape) for shape in SHAPES]
    found = [math.prod(shape) for shape in shapes]
    return [sizes.index(size) for size in found] if sorted(found) == sorted(sizes) else None


def _turned(shape: Sequence[int], place: int) -> bool:
    long = [size for size in shape if size > 1]
    return len(SHAPES[place]) == 2 and long == [size for size in SHAPES[place][::-1] if size > 1]


def fitted(weights: Sequence[Array], shapes: Sequence[Sequence[int]]) -> list[Array]:
    """The ten weights in the order and shapes of those variables, float32"""
    found = []
    for place, shape in zip(places(shapes) or (), shapes, strict=True):
        value = weights[place].T if _turned(shape, place) else weights[place]
        found.append(value.reshape(tuple(shape)).astype(np.float32))
    return found


def canonical(values: Sequence[Array], shapes: Sequence[Sequence[int]]) -> list[Array]:
    """The other way round: values of those variables as the ten weights, float64. ValueError if they do not fit"""
    found: dict[int, Array] = {}
    for place, shape, value in zip(places(shapes) or (), shapes, values, strict=True):
        if value.shape != tuple(shape):
            raise ValueError(f"a variable must have the shape {tuple(shape)}; got {value.shape}")
        turned = value.T if _turned(shape, place) else value
        found[place] = turned.reshape(SHAPES[place]).astype(np.float64)
    return [found[place] for place in range(len(SHAPES))]
