"""Losses by their names in Keras: `get("sparse_categorical_crossentropy")`."""

from __future__ import annotations

from collections.abc import Mapping

from convlens.nn import function_losses
from convlens.nn.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
    TrainingLoss,
)

__all__ = ["LOSSES", "get"]

_CLASSES = (SparseCategoricalCrossentropy, CategoricalCrossentropy, BinaryCrossentropy, MeanSquaredError)
LOSSES: Mapping[str, type[TrainingLoss]] = {
    **{each.own_name: each for each in _CLASSES},
    **{each.__name__: each for each in _CLASSES},
    **{short: BinaryCrossentropy for short in ("bce", "BCE")},
    **{short: MeanSquaredError for short in ("mse", "MSE")},
}


def get(identifier: object) -> TrainingLoss:
    """Return a loss by its name, such as "categorical_crossentropy"; by its class; of a function; or the object itself.

    A function (y_true, y_pred) -> loss is written with `convlens.ops`: see `convlens.nn.function_losses`.

    >>> get("binary_crossentropy").from_logits
    False
    """
    if isinstance(identifier, TrainingLoss):
        return identifier
    if callable(identifier) and getattr(identifier, "__module__", "") == function_losses.__name__:
        identifier = identifier.__name__ if identifier.__name__ in LOSSES else identifier  # type: ignore[attr-defined]
    if isinstance(identifier, str):
        if identifier in LOSSES:
            return LOSSES[identifier]()
        if (function := function_losses.known(identifier)) is not None:
            return function_losses.made_of(function)
    if isinstance(identifier, type) and issubclass(identifier, TrainingLoss):
        return identifier()
    names = ", ".join([*(each.own_name for each in _CLASSES), *function_losses.FUNCTIONS])
    module = type(identifier).__module__.split(".")[0]
    if callable(identifier) and not isinstance(identifier, type) and module not in ("keras", "tensorflow"):
        return function_losses.made_of(identifier)
    if isinstance(identifier, str):
        near = f"; the nearest one is {_NEAREST[identifier.lower()]}" if identifier.lower() in _NEAREST else ""
        raise ValueError(f"loss must be one of {names}; got {identifier!r}{near}")
    name = type(identifier).__name__
    instead = f": write convlens.losses.{name}(...)" if module in ("keras", "tensorflow") else ""
    got = f"{name}{instead}" if instead else repr(identifier)
    raise TypeError(f"loss must be one of {names}, or a function (y_true, y_pred); got {got}")


# Losses of Keras that are not here, and the nearest one that is
_NEAREST = {
    "categorical_focal_crossentropy": "categorical_crossentropy with class_weight",
    "binary_focal_crossentropy": "binary_crossentropy with class_weight",
    "ctc": "categorical_crossentropy, for one label of each image",
    "dice": "binary_crossentropy",
    "tversky": "binary_crossentropy",
}
