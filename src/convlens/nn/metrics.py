"""Metrics as objects, with Keras's names and results; `convlens.nn.metric_names.get` finds them by name.

A metric collects over the batches of an epoch: `reset_state`, then `update_state(y_true, y_pred)` for each batch, then
`result()`. y_pred is what the network predicts, as the last layer gives it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

import numpy as np

from convlens.arrays import Array
from convlens.nn import losses
from convlens.nn.losses import TrainingLoss

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "FunctionMetric",
    "Mean",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Precision",
    "Recall",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "named",
]


def _rows(y: object) -> Array:
    """y (n,) -> (n, 1), all else as it is"""
    found = np.asarray(y)
    return found[:, None] if found.ndim == 1 else found


def _classes(y: object) -> Array:
    """Integer labels (n,), (n, 1) -> (n,)"""
    found = np.asarray(y)
    return found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found


class Metric:
    """The base class of metrics: a mean over examples. A subclass overrides `values`, or `update_state` and `result`.

    name: the name in the history. dtype has no effect: sums are float64.
    """

    own_name = "metric"
    _given: dict[str, Any]

    def __new__(cls, *args: Any, **words: Any) -> Self:
        """Keep the arguments, for `get_config`."""
        made = super().__new__(cls)
        found = inspect.signature(cls.__init__).bind(made, *args, **words).arguments
        made._given = {name: value for name, value in found.items() if value is not made and value is not None}
        return made

    def get_config(self) -> dict[str, Any]:
        """Return the arguments by name, from which `from_config` makes an equal metric."""
        return {**self._given, "name": self.name}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return a new metric with the arguments that `get_config` gave."""
        return cls(**config)

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        self.name = self.own_name if name is None else name
        self.reset_state()

    def reset_state(self) -> None:
        """Forget all batches."""
        self.total, self.count = 0.0, 0.0

    def values(self, y_true: Array, y_pred: Array) -> Any:
        """y_true, y_pred (n, …) -> one number for each example (n,)"""
        raise TypeError(f"{type(self).__name__} needs a method values(y_true, y_pred), or update_state and result")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: object = None) -> None:
        """Take a batch. sample_weight (n,): a weight for each example in the mean"""
        values = np.asarray(self.values(np.asarray(y_true), np.asarray(y_pred)), np.float64)
        if sample_weight is None:
            self.total, self.count = self.total + float(values.sum()), self.count + values.size
        else:
            weight = np.broadcast_to(np.asarray(sample_weight, np.float64).reshape(-1), values.shape)
            self.total, self.count = self.total + float((values * weight).sum()), self.count + float(weight.sum())

    def result(self) -> float:
        """Return the figure over all batches; 0 before the first."""
        return self.total / self.count if self.count else 0.0

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: object = None) -> float:
        """Take a batch and return the figure over all batches."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class Mean(Metric):
    """The mean of numbers: update_state(values)"""

    own_name = "mean"

    def update_state(self, y_true: Any, y_pred: Any = None, sample_weight: object = None) -> None:
        """Take numbers. sample_weight: a weight for each of them; it may be the second argument, as in Keras"""
        weight = y_pred if sample_weight is None else sample_weight
        values = np.asarray(y_true, np.float64)
        weights = np.ones_like(values) if weight is None else np.broadcast_to(np.asarray(weight, float), values.shape)
        self.total, self.count = self.total + float((values * weights).sum()), self.count + float(weights.sum())

    def __call__(self, y_true: Any, y_pred: Any = None, sample_weight: object = None) -> float:
        """Take numbers and return the mean of all of them."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()


class SparseCategoricalAccuracy(Metric):
    """The part of examples whose class is right; y_true are integer labels (n,) or (n, 1)."""

    own_name = "sparse_categorical_accuracy"

    def values(self, y_true: Array, y_pred: Array) -> Any:
        """1 where the largest output is that of the label, else 0"""
        return y_pred.argmax(axis=-1) == _classes(y_true)


class CategoricalAccuracy(Metric):
    """The part of examples whose class is right; y_true are one-hot rows (n, classes)."""

    own_name = "categorical_accuracy"

    def values(self, y_true: Array, y_pred: Array) -> Any:
        """1 where the largest output is that of the largest target, else 0"""
        return y_pred.argmax(axis=-1) == y_true.argmax(axis=-1)


class BinaryAccuracy(Metric):
    """The part of outputs on the right side of the threshold; y_true are 0 or 1, (n,) or (n, outputs)."""

    own_name = "binary_accuracy"

    def __init__(self, name: str | None = None, dtype: Any = None, threshold: float = 0.5) -> None:
        super().__init__(name, dtype)
        self.threshold = threshold

    def values(self, y_true: Array, y_pred: Array) -> Any:
        """The part of the outputs of each example that is right"""
        return (_rows(y_true) == (_rows(y_pred) > self.threshold)).mean(axis=-1)


class Accuracy(Metric):
    """What "accuracy" means for the labels and outputs: sparse categorical, categorical or binary, as in Keras."""

    own_name = "accuracy"

    def values(self, y_true: Array, y_pred: Array) -> Any:
        """The values of the accuracy that fits the shapes"""
        if y_pred.ndim < 2 or y_pred.shape[-1] == 1:
            return BinaryAccuracy().values(y_true, y_pred)
        sparse = y_true.ndim < y_pred.ndim or y_true.shape[-1] == 1
        return (SparseCategoricalAccuracy() if sparse else CategoricalAccuracy()).values(y_true, y_pred)


class SparseTopKCategoricalAccuracy(Metric):
    """The part of examples whose label is among the k largest outputs; y_true are integer labels."""

    own_name = "sparse_top_k_categorical_accuracy"

    def __init__(self, k: int = 5, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.k = k

    def values(self, y_true: Array, y_pred: Array) -> Any:
        """1 where fewer than k outputs are larger than that of the label, else 0"""
        labels = _classes(y_true).astype(np.int64)
        own = np.take_along_axis(y_pred, labels[:, None], axis=1)
        return (y_pred > own).sum(axis=1) < self.k


class TopKCategoricalAccuracy(SparseTopKCategoricalAccuracy):
    """The same for one-hot rows (n, classes)"""

    own_name = "top_k_categorical_accuracy"

    def values(self, y_true: Array, y_pred: Array) -> Any:
        """1 where fewer than k outputs are larger than that of the class, else 0"""
        return super().values(y_true.argmax(axis=-1), y_pred)


class _Counts(Metric):
    """Precision and recall of outputs above a threshold (default 0.5)"""

    def __init__(
        self,
        thresholds: float | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        if top_k is not None or isinstance(thresholds, list | tuple):
            raise ValueError(f"{type(self).__name__} takes one threshold and no top_k; got {thresholds!r}, {top_k!r}")
        super().__init__(name, dtype)
        self.threshold, self.class_id = 0.5 if thresholds is None else thresholds, class_id

    def reset_state(self) -> None:
        """Forget all batches."""
        self.right = self.said = self.true = 0.0

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: object = None) -> None:
        """Take a batch: y_true of 0 and 1 and y_pred, both (n,) or (n, outputs)"""
        true, said = _rows(y_true) > 0.5, _rows(y_pred) > self.threshold
        if self.class_id is not None:
            true, said = true[:, [self.class_id]], said[:, [self.class_id]]
        if true.shape != said.shape:
            raise ValueError(f"{self.name} needs labels and outputs of one shape; got {true.shape}, {said.shape}")
        weight = np.ones(len(true)) if sample_weight is None else np.asarray(sample_weight, np.float64).reshape(-1)
        sums = [float((found * weight[:, None]).sum()) for found in (true & said, said, true)]
        self.right, self.said, self.true = self.right + sums[0], self.said + sums[1], self.true + sums[2]


class Precision(_Counts):
    """The part of the outputs above the threshold that are true"""

    own_name = "precision"

    def result(self) -> float:
        """Return the precision; 0 if no output is above the threshold."""
        return self.right / self.said if self.said else 0.0


class Recall(_Counts):
    """The part of the true outputs that are above the threshold"""

    own_name = "recall"

    def result(self) -> float:
        """Return the recall; 0 if none is true."""
        return self.right / self.true if self.true else 0.0


class FunctionMetric(Metric):
    """A function (y_true, y_pred) -> number, or one number for each example, as a metric of the function's name"""

    def __init__(self, function: Callable[[Array, Array], Any], name: str | None = None) -> None:
        self.function = function
        super().__init__(name or getattr(function, "__name__", type(function).__name__))

    def values(self, y_true: Array, y_pred: Array) -> Any:
        """What the function gives"""
        return self.function(y_true, y_pred)


class MeanSquaredError(Metric):
    """The mean of (y_pred - y_true)²"""

    own_name = "mean_squared_error"

    def values(self, y_true: Array, y_pred: Array) -> Any:
        """The mean over the outputs of each example"""
        return np.square(_rows(y_pred).astype(np.float64) - _rows(y_true)).mean(axis=-1)


class MeanAbsoluteError(Metric):
    """The mean of |y_pred - y_true|"""

    own_name = "mean_absolute_error"

    def values(self, y_true: Array, y_pred: Array) -> Any:
        """The mean over the outputs of each example"""
        return np.abs(_rows(y_pred).astype(np.float64) - _rows(y_true)).mean(axis=-1)


class _LossMetric(Metric):
    """A loss, averaged over the examples"""

    loss: TrainingLoss

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: object = None) -> None:
        """Take a batch."""
        n = len(np.asarray(y_pred))
        weight = np.ones(n) if sample_weight is None else np.asarray(sample_weight, np.float64).reshape(-1)
        self.total += self.loss(y_true, np.asarray(y_pred), sample_weight) * n
        self.count += float(weight.sum())


class SparseCategoricalCrossentropy(_LossMetric):
    """Softmax cross-entropy of integer labels"""

    own_name = "sparse_categorical_crossentropy"

    def __init__(self, name: str | None = None, dtype: Any = None, from_logits: bool = False) -> None:
        super().__init__(name, dtype)
        self.loss = losses.SparseCategoricalCrossentropy(from_logits=from_logits)


class CategoricalCrossentropy(_LossMetric):
    """Softmax cross-entropy of one-hot labels"""

    own_name = "categorical_crossentropy"

    def __init__(
        self, name: str | None = None, dtype: Any = None, from_logits: bool = False, label_smoothing: float = 0
    ) -> None:
        super().__init__(name, dtype)
        self.loss = losses.CategoricalCrossentropy(from_logits=from_logits, label_smoothing=label_smoothing)


class BinaryCrossentropy(_LossMetric):
    """Sigmoid cross-entropy"""

    own_name = "binary_crossentropy"

    def __init__(
        self, name: str | None = None, dtype: Any = None, from_logits: bool = False, label_smoothing: float = 0
    ) -> None:
        super().__init__(name, dtype)
        self.loss = losses.BinaryCrossentropy(from_logits=from_logits, label_smoothing=label_smoothing)


def named(metrics: Iterable[Metric]) -> dict[str, Metric]:
    """Return metrics by name; a name that comes again gets a number, as in Keras."""
    found: dict[str, Metric] = {}
    for metric in metrics:
        name, k = metric.name, 0
        while name in found:
            k += 1
            name = f"{metric.name}_{k}"
        found[name] = metric
    return found
