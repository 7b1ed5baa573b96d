"""Metrics by their names in Keras: `get("sparse_categorical_accuracy")`."""

from __future__ import annotations

from collections.abc import Callable

from convlens.nn.function_losses import known
from convlens.nn.losses import TrainingLoss
from convlens.nn.metrics import (
    Accuracy,
    BinaryAccuracy,
    BinaryCrossentropy,
    CategoricalAccuracy,
    CategoricalCrossentropy,
    FunctionMetric,
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
from convlens.nn.threshold_metrics import MORE

__all__ = ["METRICS", "get"]

_KINDS = (
    Accuracy,
    BinaryAccuracy,
    BinaryCrossentropy,
    CategoricalAccuracy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanSquaredError,
    Precision,
    Recall,
    SparseCategoricalAccuracy,
    SparseCategoricalCrossentropy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
METRICS: dict[str, Callable[..., Metric]] = {
    **{kind.own_name: kind for kind in _KINDS},
    **{kind.__name__: kind for kind in _KINDS},
    **dict.fromkeys(("acc",), Accuracy),
    **dict.fromkeys(("mse", "MSE"), MeanSquaredError),
    **dict.fromkeys(("mae", "MAE"), MeanAbsoluteError),
    **dict.fromkeys(("bce", "BCE"), BinaryCrossentropy),
}
_NEAREST = {
    "f1_score": 'metrics.F1Score(average="macro"), which is one number',
    "mean_io_u": "accuracy; networks classify whole images",
    "r2_score": "mean_squared_error",
}


def get(identifier: object) -> Metric:
    """Return a metric by its name, such as "accuracy"; by its class; of a function; or the object itself.

    >>> get("acc").name
    'acc'
    """
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, str):
        if identifier in METRICS or identifier in MORE:
            made = (METRICS.get(identifier) or MORE[identifier])()
            made.name = identifier if identifier.islower() else made.name
            return made
        if (function := known(identifier)) is not None:
            return FunctionMetric(function, identifier if identifier.islower() else None)
        near = f"; the nearest: {_NEAREST[identifier.lower()]}" if identifier.lower() in _NEAREST else ""
        raise ValueError(
            f"a metric must be one of {', '.join(kind.own_name for kind in _KINDS)}; got {identifier!r}{near}"
        )
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if isinstance(identifier, TrainingLoss):
        return FunctionMetric(identifier, identifier.name)
    module = type(identifier).__module__.split(".")[0]
    if callable(identifier) and module not in ("keras", "tensorflow"):
        return FunctionMetric(identifier)
    name = type(identifier).__name__
    instead = f": write convlens.metrics.{name}(...)" if module in ("keras", "tensorflow") else ""
    raise TypeError(f"a metric must be a name, a function or an object of convlens.metrics; got {name}{instead}")
