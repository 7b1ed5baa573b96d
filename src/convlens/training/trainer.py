"""Trainers compute the training steps, with convlens's engines or with a framework. All use the same loop.

`EngineTrainer` cuts a batch into parts (`convlens.engines.partition`). Each part goes through the whole network,
forward and backward, on one of `threads` threads; then the gradients of the parts are added in order. The partition
depends only on the batch, so the same seed gives the same bits for any number of threads. An engine with a fused pass
gets the whole batch as one part; it cuts the batch by the same rule and shares the work among the threads itself. A
network with statistics over the batch, such as BatchNormalization, gets each batch as one part on any engine.
"""

from __future__ import annotations

import math
from functools import partial
from types import TracebackType
from typing import Protocol

import numpy as np

from convlens import ops
from convlens.arrays import Array
from convlens.data.pixels import Pixels
from convlens.engines.partition import partition
from convlens.geometry import check_count
from convlens.machine.memory import aligned, keep_memory
from convlens.machine.threads import Workers, usable_threads, workers
from convlens.nn import Optimizer, Sequential
from convlens.nn.losses import CROSS_ENTROPY, Loss
from convlens.nn.optimizers import FlatOptimizer
from convlens.ops.losses import Labels
from convlens.training.checks import Augment
from convlens.training.events import Scores

__all__ = ["EngineTrainer", "Trainer", "score"]

# Images that a thread evaluates at a time: four threads share the usual 1,000, and a layer's output stays below 8 MB.
# The number is fixed, because it decides how the losses are summed.
_EVALUATE_BATCH = 250


class Trainer(Protocol):
    """An object that trains a model batch by batch. It is a context manager that starts and ends its threads."""

    def __enter__(self) -> Trainer: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def goes_on(self, wanted: bool) -> bool:
        """Return whether another epoch begins: `wanted`, or with several processes the `wanted` of the leading one."""

    def step(self, x: Array, labels: Labels, place: tuple[int, int], learning_rate: float | None) -> tuple[float, int]:
        """Train on a batch -> the sum of its losses before the step, the number of correctly classified examples

        place: (epoch, batch), both counted from 1; it seeds the random numbers. learning_rate: the rate of this step,
        or None for the optimizer's own. If the sum is not finite, the weights have not changed.
        """

    def end_epoch(self) -> None:
        """Make sure that the model and the optimizer hold the trained weights and state."""

    def evaluate(self, x: Array | Pixels, labels: Labels) -> Scores:
        """Return mean loss and accuracy."""


_FIRST = 32  # examples of the first pass: an engine may compute fewer in another way, or in smaller blocks


class EngineTrainer:
    """A trainer that uses the model's engine, on `threads` threads (by default one for each core).

    class_weights (classes,): `step` follows the gradient of the loss sum(class_weights[label] * loss) / n, and returns
    the sum.
    """

    def __init__(
        self,
        model: Sequential,
        optimizer: Optimizer,
        *,
        threads: int | None = None,
        seed: int = 0,
        augment: Augment | None = None,
        loss: Loss = CROSS_ENTROPY,
        class_weights: Array | None = None,
    ) -> None:
        self._model, self._optimizer, self._augment, self._seed = model, optimizer, augment, seed
        self._loss = loss
        self._class_weights = None if class_weights is None else class_weights.astype(model.dtype)
        self._threads = usable_threads() if threads is None else threads
        check_count("threads", self._threads, 1)
        layers = [row.layer for row in model.table]
        self._whole = any(layer.whole_batch for layer in layers)
        self._draws = augment is not None or self._whole or any(layer.draws for layer in layers)
        self._gradients: list[Array] = []
        self._state = model.flat_state.copy()

    def __enter__(self) -> EngineTrainer:
        keep_memory()
        model = self._model
        build(self._optimizer, model)
        with np.errstate(all="ignore"):  # a first pass, so that an engine compiles its kernels before the clock starts
            x, labels = np.zeros((_FIRST, *model.input_shape), model.dtype), np.zeros(_FIRST, np.int64)
            rng = np.random.default_rng(0) if self._draws else None
            model.loss_gradient(x, labels, 1.0, self._gradient(0), self._threads, rng)
        self._context = workers(self._threads)
        self._workers = self._context.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context.__exit__(kind, error, trace)

    def goes_on(self, wanted: bool) -> bool:
        """Return `wanted`."""
        return wanted

    def _gradient(self, part: int) -> Array:
        while len(self._gradients) <= part:
            self._gradients.append(aligned(self._model.flat.size, self._model.dtype))
        return self._gradients[part]

    def step(self, x: Array, labels: Labels, place: tuple[int, int], learning_rate: float | None) -> tuple[float, int]:
        """Train on a batch: see `Trainer`"""
        weights = None if self._class_weights is None else self._class_weights[labels]
        found = self.parts(x, labels, place, learning_rate, weights)
        hits = at = 0
        loss = 0.0
        for losses, logits in found:
            part = slice(at, at + len(logits))
            hits += int((logits.argmax(axis=1) == labels[part]).sum())
            weighted = losses if weights is None else losses * weights[part]
            loss += float(weighted.sum(dtype=np.float64))
            at += len(logits)
        return loss, hits

    def parts(
        self,
        x: Array,
        targets: Array,
        place: tuple[int, int],
        learning_rate: float | None = None,
        weights: Array | None = None,
    ) -> list[tuple[Array, Array]]:
        """Train on a batch -> the losses (n,) before the step and the logits (n, classes) of each part, in order

        targets (n, …): what the loss takes. weights (n,): a weight for each example, by default 1; the step follows the
        gradient of sum(weights * losses) / n. place, learning_rate: see `Trainer.step`. If the sum of the losses is not
        finite, the weights of the model have not changed.
        """
        cuts = [slice(0, len(x))] if self._whole else partition(len(x), self._model.engine.least_part)
        gradients = [self._gradient(k) for k in range(len(cuts))]
        found = self._workers.map(partial(self._part, x, targets, place, cuts, weights), len(cuts))
        if math.isfinite(_sum(found)):
            with np.errstate(all="ignore"):
                for other in gradients[1:]:
                    gradients[0] += other
                self._model.add_penalty_gradient(gradients[0])
                if learning_rate is not None:
                    self._optimizer.learning_rate = learning_rate
                with self._model.kept_frozen(gradients[0]):
                    self._optimizer.update(self._model.flat, gradients[0])
                self._model.flat_state[...] = self._state
        return found

    def _part(
        self, x: Array, targets: Array, place: tuple[int, int], cuts: list[slice], weights: Array | None, k: int
    ) -> tuple[Array, Array]:
        images = x[cuts[k]]
        rng = np.random.default_rng([self._seed, *place, k]) if self._draws else None
        if self._augment is not None:
            assert rng is not None
            images = self._augment(images, rng)
        with np.errstate(all="ignore"):
            return self._model.loss_gradient(
                images,
                targets[cuts[k]],
                1 / len(x) if weights is None else weights[cuts[k]] / len(x),
                self._gradients[k],
                self._threads,
                rng,
                loss=self._loss,
                state=self._state if self._whole else None,
            )

    def end_epoch(self) -> None:
        """Do nothing: each step updates the model itself."""

    def evaluate(self, x: Array | Pixels, labels: Labels) -> Scores:
        """Return mean loss and accuracy."""
        return score(self._model, x, labels, self._workers)


def _sum(parts: list[tuple[Array, Array]]) -> float:
    """Return the sum of the losses of all parts of a batch."""
    return sum(float(losses.sum(dtype=np.float64)) for losses, _ in parts)


def build(optimizer: Optimizer, model: Sequential) -> None:
    """Tell an optimizer of `convlens.nn.optimizers` the sizes of the model's trained weights, and the engine."""
    if isinstance(optimizer, FlatOptimizer):
        sizes = {}
        for row in model.table:
            for name, shape in row.layer.weight_shapes(row.input_shape).items():
                sizes[f"{row.name}/{name}"] = math.prod(shape)
        optimizer.build(sizes, model.engine)


def score(
    model: Sequential, x: Array | Pixels, labels: Labels, threads: Workers, predicted: Labels | None = None
) -> Scores:
    """Return mean loss and accuracy on x (n, h, w, c), labels (n,). The bits are the same for any number of threads.

    predicted: a vector int64 (n,), which gets the predicted labels
    """

    def part(k: int) -> tuple[float, int]:
        mine = slice(k * _EVALUATE_BATCH, (k + 1) * _EVALUATE_BATCH)
        with np.errstate(all="ignore"):
            logits = model.logits(x[mine].astype(model.dtype, copy=False))
            loss = ops.softmax_cross_entropy_forward(logits, labels[mine])
        found = logits.argmax(axis=1)
        if predicted is not None:
            predicted[mine] = found
        return float(loss.sum(dtype=np.float64)), int((found == labels[mine]).sum())

    losses, hits = zip(*threads.map(part, -(-len(x) // _EVALUATE_BATCH)), strict=True)
    return Scores(sum(losses) / len(x), sum(hits) / len(x))
