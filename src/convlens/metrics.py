"""Metrics by their names in Keras: `convlens.metrics.SparseCategoricalAccuracy`."""

from __future__ import annotations

from typing import Any

import numpy as np

from convlens.nn.absent import names_of
from convlens.nn.function_losses import known
from convlens.nn.metric_names import get
from convlens.nn.metrics import (
    Accuracy,
    BinaryAccuracy,
    BinaryCrossentropy,
    CategoricalAccuracy,
    CategoricalCrossentropy,
    FunctionMetric,
    Mean,
    MeanAbsoluteError,
    MeanSquaredError,
    Metric,
    Precision,
    Recall,
    SparseCategoricalAccuracy,
    SparseCategoricalCrossentropy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from convlens.nn.threshold_metrics import (
    AUC,
    F1Score,
    FalseNegatives,
    FalsePositives,
    RootMeanSquaredError,
    TrueNegatives,
    TruePositives,
)

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "F1Score",
    "FalseNegatives",
    "FalsePositives",
    "Mean",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Precision",
    "Recall",
    "RootMeanSquaredError",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "get",
]


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """Return the part of the outputs of each example that is right (n,); also a metric for compile."""
    return _each(BinaryAccuracy(threshold=threshold), y_true, y_pred)


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Return 1 for each example (n,) whose class is right, else 0, for one-hot labels; also a metric for compile."""
    return _each(CategoricalAccuracy(), y_true, y_pred)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Return 1 for each example (n,) whose class is right, else 0, for integer labels; also a metric for compile."""
    return _each(SparseCategoricalAccuracy(), y_true, y_pred)


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """Return 1 for each example (n,) whose class is among the k largest outputs, else 0, for one-hot labels."""
    return _each(TopKCategoricalAccuracy(k), y_true, y_pred)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """Return 1 for each example (n,) whose label is among the k largest outputs, else 0, for integer labels."""
    return _each(SparseTopKCategoricalAccuracy(k), y_true, y_pred)


def _each(metric: Metric, y_true: Any, y_pred: Any) -> Any:
    return np.asarray(metric.values(np.asarray(y_true), np.asarray(y_pred)), np.float32)


_function = names_of(
    __name__,
    {
        "FBetaScore": "F1Score, Precision and Recall are here",
        "MeanIoU": "networks classify whole images",
        "R2Score": "MeanSquaredError divided by the variance of the labels is 1 minus it",
    },
)


def __getattr__(name: str) -> Any:
    if not name.startswith("_") and (function := known(name)) is not None:
        if name[0].islower() or name.isupper():
            return function
        return lambda name=function.__name__, dtype=None: FunctionMetric(function, name)
    return _function(name)
