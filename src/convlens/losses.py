"""Losses by their names in Keras: `convlens.losses.SparseCategoricalCrossentropy`, `convlens.losses.huber`.

A loss of one's own is a function (y_true, y_pred) -> loss, written with `convlens.ops`; or a subclass of `Loss` with
`forward(logits, targets)` and `backward(dy, logits, targets)`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from convlens.nn.function_losses import (
    FunctionLoss,
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    cosine_similarity,
    hinge,
    huber,
    kl_divergence,
    known,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from convlens.nn.loss_names import get
from convlens.nn.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from convlens.nn.losses import TrainingLoss as Loss

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Huber",
    "Loss",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "sparse_categorical_crossentropy",
    "squared_hinge",
]


def Huber(delta: float = 1.0, reduction: str = "sum_over_batch_size", name: str = "huber") -> FunctionLoss:  # noqa: N802
    """Return the loss `huber` with its bound delta."""
    return FunctionLoss(reduction=reduction, name=name, function=partial(huber, delta=delta))


def __getattr__(name: str) -> Any:
    function = known(name) if not name.startswith("_") else None
    if function is None:
        raise AttributeError(f"convlens.losses has no {name}: it has {', '.join(__all__)}")
    if name[0].isupper() and not name.isupper():  # a class in Keras: MeanAbsoluteError()

        def make(reduction: str = "sum_over_batch_size", name: str = function.__name__) -> FunctionLoss:
            return FunctionLoss(reduction=reduction, name=name, function=function)

        return make
    return function
