"""Losses as objects, with Keras's names and results; `convlens.nn.loss_names.get` finds them by name.

Training computes a loss from the logits, which is exact where probabilities are near 0 or 1. `for_end` says what the
loss needs from the network's last layer. Called as a function, a loss takes what the network predicts, as in Keras.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import numpy as np

from convlens import ops
from convlens.arrays import Array
from convlens.nn.targets import check_given, labels_of, one_hot
from convlens.ops.losses import Labels, check_labels

__all__ = [
    "CROSS_ENTROPY",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Loss",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "TrainingLoss",
]

_SMALL = 1e-7  # Keras's epsilon: probabilities are moved into _SMALL … 1 - _SMALL


class Loss(Protocol):
    """A loss of logits: `forward` gives one loss for each example, `backward` its gradient."""

    def forward(self, logits: Array, targets: Array) -> Array:
        """logits (n, classes), targets (n, …) -> loss (n,)"""

    def backward(self, dy: Array, logits: Array, targets: Array) -> Array:
        """dy (n,), logits (n, classes), targets (n, …) -> dlogits (n, classes)"""


@dataclass(frozen=True)
class TrainingLoss:
    """The base class of the losses by name.

    from_logits: whether the network's predictions are logits; False if its last layer is a softmax or sigmoid.
    reduction: "sum_over_batch_size", the mean over the batch; no other one is used in training.
    name: a name of the user's own
    """

    from_logits: bool = False
    reduction: str = "sum_over_batch_size"
    name: str = ""

    own_name: ClassVar[str] = ""
    accuracy: ClassVar[str] = "categorical_accuracy"  # the metric that "accuracy" means with this loss

    def __post_init__(self) -> None:
        if self.reduction not in ("sum_over_batch_size", "mean"):
            raise ValueError(
                f"reduction must be 'sum_over_batch_size', the mean over the batch; got {self.reduction!r}"
            )
        if not isinstance(self.from_logits, bool | np.bool):
            raise TypeError(f"from_logits must be True or False; got {self.from_logits!r}")
        if not self.name:
            object.__setattr__(self, "name", self.own_name)

    def for_end(self, end: str | None, classes: int) -> TrainingLoss:
        """Return the loss of logits for a network whose last layer ends in `end`: None, "softmax" or "sigmoid".

        Raises ValueError when `from_logits` does not fit that end: the sentence says both ways to put it right.
        """
        return self._for_end(end, "softmax", classes)

    def _for_end(self, end: str | None, own: str, classes: int) -> TrainingLoss:
        name = type(self).__name__
        if self.from_logits and end is not None:
            raise ValueError(
                f"{name}(from_logits=True) needs logits, but the network ends in a {end}: leave out from_logits=True, "
                f"or the {end}; the loss is computed from the logits in both cases"
            )
        if not self.from_logits and end != own:
            last = "gives logits" if end is None else f"ends in a {end}"
            raise ValueError(
                f"{name} needs probabilities from a {own}, but the network {last}: write {name}(from_logits=True) "
                f'without an activation, or Dense({classes}, activation="{own}") as the last layer'
            )
        return self

    def targets(self, y: object, classes: int, dtype: np.dtype[Any]) -> Array:
        """Return the targets that `forward` takes, from integer labels (n,) or (n, 1), or one-hot (n, classes)."""
        return one_hot(y, classes, dtype)

    def forward(self, logits: Array, targets: Array) -> Array:
        """logits (n, classes), targets as `targets` returns them -> loss (n,)"""
        return ops.soft_cross_entropy_forward(logits, targets)

    def backward(self, dy: Array, logits: Array, targets: Array) -> Array:
        """dy (n,), logits (n, classes), targets -> dlogits (n, classes)"""
        return ops.soft_cross_entropy_backward(dy, logits, targets)

    def right(self, logits: Array, targets: Array) -> Array:
        """logits (n, classes), targets -> 1 for each example (n,) whose class is right, else 0; the mean is accuracy"""
        found: Array = (logits.argmax(axis=1) == targets.argmax(axis=1)).astype(np.float64)
        return found

    def _from_probabilities(self, p: Array, targets: Array) -> Array:
        """p (n, classes), targets -> loss (n,), as Keras has it: p is divided by its sum and moved off 0 and 1"""
        p = np.clip(p / p.sum(axis=1, keepdims=True), _SMALL, 1 - _SMALL)
        found: Array = -(targets * np.log(p)).sum(axis=1)
        return found

    def __call__(self, y_true: object, y_pred: Array, sample_weight: object = None) -> float:
        """Return the mean loss of predictions y_pred (n, classes): logits if `from_logits`, else probabilities.

        sample_weight (n,): the loss of each example is multiplied with its weight; the sum is divided by n, as in Keras
        """
        y_pred = np.asarray(y_pred)
        y_pred = y_pred if y_pred.dtype in (np.float32, np.float64) else y_pred.astype(np.float32)
        y_pred = y_pred[:, None] if y_pred.ndim == 1 else y_pred
        targets = self.targets(y_true, y_pred.shape[-1], y_pred.dtype)
        each = self.forward(y_pred, targets) if self.from_logits else self._from_probabilities(y_pred, targets)
        if sample_weight is not None:
            each = each * np.asarray(sample_weight, each.dtype).reshape(len(each))
        return float(each.mean())


@dataclass(frozen=True)
class SparseCategoricalCrossentropy(TrainingLoss):
    """Softmax cross-entropy of integer labels: loss[n] = -log(softmax(logits)[n, labels[n]])

    ignore_class: not here; leave the examples of that class out of the data, or give them the weight 0.
    """

    from_logits: bool = False
    ignore_class: int | None = None
    reduction: str = "sum_over_batch_size"
    name: str = ""

    own_name: ClassVar[str] = "sparse_categorical_crossentropy"
    accuracy: ClassVar[str] = "sparse_categorical_accuracy"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ignore_class is not None:
            raise ValueError(
                f"ignore_class is not here; leave class {self.ignore_class!r} out of the data, or give its examples "
                "the weight 0 with class_weight"
            )

    def for_end(self, end: str | None, classes: int) -> TrainingLoss:
        """Return `CROSS_ENTROPY`, for which an engine may have a fused pass: see `TrainingLoss.for_end`."""
        self._for_end(end, "softmax", classes)
        return CROSS_ENTROPY

    def targets(self, y: object, classes: int, dtype: np.dtype[Any]) -> Array:
        """Return integer labels (n,), from integers (n,) or (n, 1), or one-hot (n, classes)."""
        return labels_of(y, classes)

    def forward(self, logits: Array, targets: Labels) -> Array:
        """logits (n, classes), targets (n,) integers -> loss (n,)"""
        return ops.softmax_cross_entropy_forward(logits, targets)

    def backward(self, dy: Array, logits: Array, targets: Labels) -> Array:
        """dy (n,), logits (n, classes), targets (n,) integers -> dlogits (n, classes)"""
        return ops.softmax_cross_entropy_backward(dy, logits, targets)

    def right(self, logits: Array, targets: Labels) -> Array:
        """logits (n, classes), targets (n,) -> 1 for each example (n,) whose class is right, else 0"""
        found: Array = (logits.argmax(axis=1) == targets).astype(np.float64)
        return found

    def _from_probabilities(self, p: Array, targets: Labels) -> Array:
        check_labels(targets, *p.shape)
        return super()._from_probabilities(p, np.eye(p.shape[1], dtype=p.dtype)[targets])


CROSS_ENTROPY = SparseCategoricalCrossentropy(from_logits=True)


@dataclass(frozen=True)
class CategoricalCrossentropy(TrainingLoss):
    """Softmax cross-entropy of distributions: loss[n] = -sum_k t[n,k] log(softmax(logits)[n,k])

    label_smoothing s: t = one_hot * (1 - s) + s / classes. Szegedy et al. 2016, "Rethinking the Inception
    Architecture", section 7. Integer labels are taken too.
    """

    from_logits: bool = False
    label_smoothing: float = 0.0
    reduction: str = "sum_over_batch_size"
    name: str = ""

    own_name: ClassVar[str] = "categorical_crossentropy"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_smoothing(self.label_smoothing)

    def targets(self, y: object, classes: int, dtype: np.dtype[Any]) -> Array:
        """Return smoothed one-hot targets (n, classes): see `TrainingLoss.targets`."""
        found = super().targets(y, classes, dtype)
        return found * (1 - self.label_smoothing) + self.label_smoothing / classes if self.label_smoothing else found


@dataclass(frozen=True)
class BinaryCrossentropy(TrainingLoss):
    """Sigmoid cross-entropy: loss[n] = mean_k -(t log(p) + (1 - t) log(1 - p)) with p = sigmoid(logits)[n,k]

    For two classes with one output, Dense(1, activation="sigmoid"), and for classes that can be true together.
    label_smoothing s: t = target * (1 - s) + s / 2
    """

    from_logits: bool = False
    label_smoothing: float = 0.0
    reduction: str = "sum_over_batch_size"
    name: str = ""

    own_name: ClassVar[str] = "binary_crossentropy"
    accuracy: ClassVar[str] = "binary_accuracy"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_smoothing(self.label_smoothing)

    def for_end(self, end: str | None, classes: int) -> TrainingLoss:
        """Return the loss of logits: see `TrainingLoss.for_end`. The last layer ends in a sigmoid."""
        return self._for_end(end, "sigmoid", classes)

    def targets(self, y: object, classes: int, dtype: np.dtype[Any]) -> Array:
        """Return targets (n, classes) from 0 to 1, smoothed; (n,) is taken as (n, 1) when there is one output."""
        given = check_given(y)
        given = given[:, None] if given.ndim == 1 and classes == 1 else given
        if given.ndim != 2 or given.shape[1] != classes:
            raise ValueError(
                f"binary_crossentropy needs targets (n, {classes}), one for each output; got {given.shape}: for one of "
                "several classes use categorical_crossentropy"
            )
        if given.min() < 0 or given.max() > 1:
            raise ValueError(f"targets of binary_crossentropy must be from 0 to 1; got {given.min()} to {given.max()}")
        found = given.astype(dtype)
        return found * (1 - self.label_smoothing) + 0.5 * self.label_smoothing if self.label_smoothing else found

    def forward(self, logits: Array, targets: Array) -> Array:
        """logits, targets (n, classes) -> loss (n,)"""
        return ops.sigmoid_cross_entropy_forward(logits, targets)

    def backward(self, dy: Array, logits: Array, targets: Array) -> Array:
        """dy (n,), logits, targets (n, classes) -> dlogits (n, classes)"""
        return ops.sigmoid_cross_entropy_backward(dy, logits, targets)

    def right(self, logits: Array, targets: Array) -> Array:
        """logits, targets (n, classes) -> the part of each example (n,) that is right; above 1/2 is 1"""
        found: Array = ((logits > 0) == (targets > 0.5)).mean(axis=1, dtype=np.float64)
        return found

    def _from_probabilities(self, p: Array, targets: Array) -> Array:
        p = np.clip(p, _SMALL, 1 - _SMALL)
        found: Array = -(targets * np.log(p) + (1 - targets) * np.log(1 - p)).mean(axis=1)
        return found


@dataclass(frozen=True)
class MeanSquaredError(TrainingLoss):
    """loss[n] = mean_k (y[n,k] - targets[n,k])² of the predictions y, whatever the last layer is.

    end: the activation after the logits, which `for_end` sets.
    """

    from_logits: bool = True
    reduction: str = "sum_over_batch_size"
    name: str = ""
    end: str | None = None

    own_name: ClassVar[str] = "mean_squared_error"

    def for_end(self, end: str | None, classes: int) -> TrainingLoss:
        """Return the loss of logits for a network whose last layer ends in `end`."""
        return replace(self, end=end)

    def targets(self, y: object, classes: int, dtype: np.dtype[Any]) -> Array:
        """Return targets (n, classes); numbers (n,) or (n, 1) are taken as they are when there is one output."""
        if classes == 1:
            given = check_given(y)
            if given.shape not in ((len(given),), (len(given), 1)):
                raise ValueError(f"targets must be numbers (n,) or (n, 1) for one output; got {given.shape}")
            return given.reshape(-1, 1).astype(dtype)
        return super().targets(y, classes, dtype)

    def forward(self, logits: Array, targets: Array) -> Array:
        """logits, targets (n, classes) -> loss (n,)"""
        return ops.squared_error_forward(self._end(logits), targets)

    def backward(self, dy: Array, logits: Array, targets: Array) -> Array:
        """dy (n,), logits, targets (n, classes) -> dlogits (n, classes)"""
        y = self._end(logits)
        found = ops.squared_error_backward(dy, y, targets)
        if self.end is None:
            return found
        return ops.softmax_backward(found, y) if self.end == "softmax" else ops.sigmoid_backward(found, y)

    def _end(self, logits: Array) -> Array:
        if self.end is None:
            return logits
        return ops.softmax_forward(logits) if self.end == "softmax" else ops.sigmoid_forward(logits)


def _check_smoothing(value: float) -> None:
    if not (math.isfinite(value) and 0 <= value <= 1):
        raise ValueError(f"label_smoothing must be from 0 to 1; got {value!r}")
