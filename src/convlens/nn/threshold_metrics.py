"""Metrics of counts: true and false positives and negatives, the area under a curve, F1; and the root of an error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.geometry import check_count
from convlens.nn.metrics import MeanSquaredError, Metric

__all__ = [
    "AUC",
    "MORE",
    "F1Score",
    "FalseNegatives",
    "FalsePositives",
    "RootMeanSquaredError",
    "TrueNegatives",
    "TruePositives",
]


def _pair(name: str, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
    """Return labels and outputs (n, outputs) of one shape; ValueError if the shapes differ."""
    true, given = np.asarray(y_true), np.asarray(y_pred)
    true, given = (x[:, None] if x.ndim == 1 else x for x in (true, given))
    if true.shape != given.shape:
        raise ValueError(f"{name} needs labels and outputs of one shape; got {true.shape}, {given.shape}")
    return true, given


def _weights(sample_weight: Any, shape: tuple[int, ...]) -> Array:
    given = 1.0 if sample_weight is None else np.asarray(sample_weight, np.float64).reshape(-1, 1)
    return np.broadcast_to(given, shape)


class _Count(Metric):
    """The number of outputs above (or not above) the threshold whose label is true (or false)"""

    is_true, above = True, True

    def __init__(self, thresholds: float | None = None, name: str | None = None, dtype: Any = None) -> None:
        if isinstance(thresholds, list | tuple):
            raise ValueError(f"{type(self).__name__} takes one threshold; got {thresholds!r}")
        super().__init__(name, dtype)
        self.threshold = 0.5 if thresholds is None else thresholds

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: object = None) -> None:
        """Take a batch: y_true of 0 and 1 and y_pred, both (n,) or (n, outputs)."""
        true, given = _pair(self.name, y_true, y_pred)
        found = ((true > 0.5) == self.is_true) & ((given > self.threshold) == self.above)
        self.total += float((found * _weights(sample_weight, found.shape)).sum())
        self.count = 1.0


class TruePositives(_Count):
    """The number of true outputs above the threshold"""

    own_name = "true_positives"


class FalsePositives(_Count):
    """The number of false outputs above the threshold"""

    own_name, is_true = "false_positives", False


class TrueNegatives(_Count):
    """The number of false outputs that are not above the threshold"""

    own_name, is_true, above = "true_negatives", False, False


class FalseNegatives(_Count):
    """The number of true outputs that are not above the threshold"""

    own_name, above = "false_negatives", False


class AUC(Metric):
    """The area under the curve of true against false positive rate (ROC), or of precision against recall (PR).

    num_thresholds: thresholds in equal steps from 0 to 1; between them the curve is interpolated: the ROC by straight
    lines, the PR as in Davis and Goadrich 2006, "The relationship between precision-recall and ROC curves".
    All outputs count together, as with Keras's multi_label=False.
    """

    own_name = "auc"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Any = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        check_count("num_thresholds", num_thresholds, 2)
        if curve not in ("ROC", "PR"):
            raise ValueError(f"curve must be 'ROC' or 'PR'; got {curve!r}")
        if summation_method != "interpolation":
            raise ValueError(f"summation_method must be 'interpolation'; got {summation_method!r}")
        if thresholds is not None or multi_label or label_weights is not None:
            raise ValueError(
                "AUC has equal steps between its thresholds and takes all outputs together: num_thresholds= sets their "
                "number, and one AUC for each column of the labels gives those of several labels"
            )
        self.num_thresholds, self.curve, self.from_logits = num_thresholds, curve, from_logits
        super().__init__(name, dtype)

    def reset_state(self) -> None:
        """Forget all batches."""
        self._counts = np.zeros((2, self.num_thresholds))  # false and true labels by the highest threshold below

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: object = None) -> None:
        """Take a batch: y_true of 0 and 1 and y_pred from 0 to 1, both (n,) or (n, outputs)."""
        true, given = _pair(self.name, y_true, y_pred)
        if self.from_logits:
            given = 1 / (1 + np.exp(-given))
        if not self.from_logits and (given.min(initial=0) < 0 or given.max(initial=0) > 1):
            raise ValueError(f"AUC needs outputs from 0 to 1, or from_logits=True; got {given.min()} to {given.max()}")
        weights = _weights(sample_weight, true.shape)
        place = np.ceil(given.astype(np.float32) * (self.num_thresholds - 1)).astype(np.int64) - 1
        place = np.clip(place, 0, self.num_thresholds - 1)
        for k in (0, 1):
            mine = (true > 0.5) == bool(k)
            self._counts[k] += np.bincount(place[mine], weights[mine], self.num_thresholds)

    def result(self) -> float:
        """Return the area; 0 before the first batch."""
        fp, tp = (np.cumsum(found[::-1])[::-1] for found in self._counts)
        fp, tp = (np.append(found[:-1], 0.0) for found in (fp, tp))  # nothing is above the last threshold
        fn, negatives = self._counts[1].sum() - tp, self._counts[0].sum()
        if self.curve == "ROC":
            x, y = fp / max(negatives, 1e-300), tp / np.maximum(tp + fn, 1e-300)
            return float(((x[:-1] - x[1:]) * (y[:-1] + y[1:]) / 2).sum())
        p = tp + fp
        dtp, dp = tp[:-1] - tp[1:], np.maximum(p[:-1] - p[1:], 0)
        slope = np.divide(dtp, dp, out=np.zeros_like(dp), where=dp > 0)
        both = (p[:-1] > 0) & (p[1:] > 0)
        ratio = np.where(both, p[:-1] / np.where(both, p[1:], 1), 1)
        area = slope * (dtp + (tp[1:] - slope * p[1:]) * np.log(ratio))
        return float((area / np.maximum(tp[1:] + fn[1:], 1e-300)).sum())


class F1Score(Metric):
    """2 precision recall / (precision + recall) of each class, and their mean

    average: "macro", the mean over classes; "weighted", by the number of labels of each class; "micro", all classes
    together. threshold: outputs above it are taken; None takes the largest output of each example. y_true are one-hot
    rows, or 0 and 1.
    """

    own_name = "f1_score"

    def __init__(
        self, average: str | None = None, threshold: float | None = None, name: str = "f1_score", dtype: Any = None
    ) -> None:
        if average not in ("macro", "micro", "weighted"):
            raise ValueError(
                f"average must be 'macro', 'micro' or 'weighted', since a figure is one number; got {average!r}"
            )
        self.average, self.threshold = average, threshold
        super().__init__(name, dtype)

    def reset_state(self) -> None:
        """Forget all batches."""
        self._sums: Any = np.zeros((3, 1))  # right, said and true, for each class

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: object = None) -> None:
        """Take a batch: y_true and y_pred (n, classes)."""
        true, given = _pair(self.name, y_true, y_pred)
        true = true > 0.5
        said = given == given.max(axis=1, keepdims=True) if self.threshold is None else given > self.threshold
        weights = _weights(sample_weight, true.shape)
        self._sums = self._sums + np.stack([(x * weights).sum(axis=0) for x in (true & said, said, true)])

    def result(self) -> float:
        """Return the figure over all batches; 0 before the first."""
        right, said, true = self._sums.sum(axis=1, keepdims=True) if self.average == "micro" else self._sums
        f1 = 2 * right / np.maximum(said + true, 1e-7)
        if self.average == "weighted":
            return float((f1 * true).sum() / max(true.sum(), 1e-7))
        return float(f1.mean())


class RootMeanSquaredError(MeanSquaredError):
    """The square root of the mean of (y_pred - y_true)²"""

    own_name = "root_mean_squared_error"

    def result(self) -> float:
        """Return the figure over all batches; 0 before the first."""
        return math.sqrt(super().result())


_KINDS = (AUC, FalseNegatives, FalsePositives, RootMeanSquaredError, TrueNegatives, TruePositives)
MORE: dict[str, type[Metric]] = {**{k.own_name: k for k in _KINDS}, **{k.__name__: k for k in _KINDS}}
MORE |= {"rmse": RootMeanSquaredError, "RMSE": RootMeanSquaredError}
