"""What `Sequential.compile` chooses: optimizer, loss and metrics. The loss is checked against the network's end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.nn import Sequential, loss_names, metric_names, optimizers
from convlens.nn.metrics import Metric, named

__all__ = ["Compiled", "compile_model", "compiled"]


class Compiled:
    """Optimizer, loss and metrics of a model.

    given_loss: as the user gave it. loss: the same as an object, or None. metrics: by name; `weighted` are the names of
    the metrics that take the examples' weights. epochs: the number of epochs trained since `compile`, steps: of single
    steps.
    """

    def __init__(self, optimizer: Any, loss: Any, given: Any, found: dict[str, Metric], weighted: set[str]) -> None:
        self.optimizer, self.given_loss, self.metrics, self.weighted = optimizer, given, found, weighted
        self.loss, self.epochs, self.steps = loss, 0, 0
        self.said: set[str] = set()  # the notes that were said, each of them once
        self._for_end: Any = None

    @property
    def names(self) -> list[str]:
        """The names of the metrics in order"""
        return list(self.metrics)

    def training_loss(self, model: Sequential) -> Any:
        """Return the loss of logits for the model's end; ValueError if it does not fit."""
        if self._for_end is None:
            if len(model.output_shape) != 1:
                raise ValueError(
                    "the network must end in one row of numbers for each image, such as Dense(10); its output has the "
                    f"shape {model.output_shape}: Flatten() or GlobalAveragePooling2D() before the last Dense is "
                    "missing"
                )
            for_end = getattr(self.loss, "for_end", None)
            self._for_end = self.loss if for_end is None else for_end(model.end, model.output_shape[0])
        return self._for_end

    def targets(self, model: Sequential, y: object, name: str) -> Array:
        """Return what the loss takes for the labels y; ValueError if they do not fit the loss or the network."""
        loss, classes = self.training_loss(model), model.output_shape[0]
        try:
            make = getattr(loss, "targets", None)
            given: Any = y if isinstance(y, np.ndarray) else np.asarray(y)
            found: Array = given if make is None else make(given, classes, model.dtype)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        return found


def compile_model(
    model: Sequential, optimizer: Any, loss: Any, loss_weights: Any, listed: Any, weighted_metrics: Any
) -> Compiled:
    """Return what `Sequential.compile` keeps: see there"""
    if loss_weights not in (None, 1, 1.0, [1], [1.0]):
        raise ValueError(f"a network has one output, so loss_weights has nothing to weigh; got {loss_weights!r}")
    for name, value in (("loss", loss), ("metrics", listed)):
        if isinstance(value, Mapping):
            raise TypeError(f"a network has one output, so {name} takes no dictionary; got {value!r}")
    one = loss[0] if isinstance(loss, list | tuple) and len(loss) == 1 else loss
    found = Compiled(
        optimizers.get(optimizer),
        None if one is None else _loss(one),
        loss,
        named([*_metrics(listed), *_metrics(weighted_metrics)]),
        set(),
    )
    found.weighted = set(list(found.metrics)[len(_metrics(listed)) :])
    if model.compiled is not None and not listed and not weighted_metrics:  # as in Keras, the metrics stay
        found.metrics, found.weighted = model.compiled.metrics, model.compiled.weighted
    if model.built and found.loss is not None:
        found.training_loss(model)
    return found


def _loss(given: Any) -> Any:
    return (
        given
        if hasattr(given, "forward") and hasattr(given, "backward") and not isinstance(given, type)
        else loss_names.get(given)
    )


def _metrics(given: Any) -> list[Metric]:
    if given is None:
        return []
    if isinstance(given, list | tuple) and len(given) == 1 and isinstance(given[0], list | tuple):
        given = given[0]
    return [metric_names.get(each) for each in (given if isinstance(given, list | tuple) else [given])]


def compiled(model: Sequential, method: str) -> Compiled:
    """Return what `compile` chose; ValueError if it was not called, or has no loss."""
    found: Compiled | None = model.compiled
    if found is None:
        raise ValueError(
            f"{method} needs compile first: model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', "
            "metrics=['accuracy'])"
        )
    if found.loss is None:
        raise ValueError(f"{method} needs a loss: model.compile(loss='sparse_categorical_crossentropy')")
    return found
