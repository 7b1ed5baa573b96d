"""Keras's methods of a model that call higher floors: compile, fit, evaluate, save and their relatives."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from convlens.nn.higher import FUNCTIONS, SAVERS, WEIGHT_LOADERS, WEIGHT_SAVERS, higher
from convlens.nn.saving import by_end, may_write
from convlens.nn.symbols import Symbols

__all__ = ["KerasMethods"]


class KerasMethods(Symbols):
    """The methods that train a model and write it to files. `compiled` is what `compile` chose."""

    compiled: Any
    stop_training: bool
    history: Any  # of the last fit

    def _ensure_built(self, x: Any) -> None:
        """Build the model for the shape of the data, if it is not built."""

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Choose optimizer, loss and metrics by name or as objects, before `fit` and `evaluate`.

        loss: "sparse_categorical_crossentropy" for integer labels, "categorical_crossentropy" for one-hot labels,
        "binary_crossentropy", or an object of `convlens.losses`. run_eagerly, steps_per_execution, jit_compile and
        auto_scale_loss have no effect. Raises ValueError if the loss does not fit the end of the network.
        """
        self.compiled = higher(FUNCTIONS["compile"])(self, optimizer, loss, loss_weights, metrics, weighted_metrics)

    @property
    def optimizer(self) -> Any:
        """The optimizer of `compile`; None before it."""
        return None if self.compiled is None else self.compiled.optimizer

    @property
    def loss(self) -> Any:
        """The loss as it was given to `compile`; None before it."""
        return None if self.compiled is None else self.compiled.given_loss

    @property
    def metrics(self) -> list[Any]:
        """The metrics of `compile`, as objects."""
        return [] if self.compiled is None else list(self.compiled.metrics.values())

    def reset_metrics(self) -> None:
        """Set all metrics to their beginning; each fit and evaluate does it, too."""
        for metric in self.metrics:
            metric.reset_state()

    @property
    def metrics_names(self) -> list[str]:
        """The names of the numbers that `evaluate` returns."""
        return [] if self.compiled is None else ["loss", *self.compiled.names]

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        **ours: Any,
    ) -> Any:
        """Train and return the History, as Keras's `fit` does; its arguments are those of
        `convlens.training.fitting.fit_model`, which also takes seed, threads and augment.
        """
        if unknown := sorted(ours.keys() - {"seed", "threads", "augment"}):
            raise TypeError(f"fit has no argument {unknown[0]!r}; beside Keras's it has seed, threads and augment")
        words = {name: value for name, value in locals().items() if name not in ("self", "ours", "unknown")}
        return higher(FUNCTIONS["fit"])(self, **words, **ours)

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Return the loss, or [loss, metric, …], or with `return_dict` a dictionary, on x (n, …), y (n, …)."""
        words = {name: value for name, value in locals().items() if name != "self"}
        return higher(FUNCTIONS["evaluate"])(self, **words)

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Take one step on a batch and return the loss and the metrics, as `evaluate` does."""
        self._ensure_built(x)
        return higher(FUNCTIONS["train_on_batch"])(self, x, y, sample_weight, class_weight, return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Return the loss and the metrics on a batch."""
        return higher(FUNCTIONS["test_on_batch"])(self, x, y, sample_weight, return_dict)

    def save(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the network with its weights. The end of the name says the format: .keras, .safetensors, .onnx, .h5"""
        by_end(filepath, SAVERS)(may_write(filepath, overwrite), self)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the weights alone: .weights.h5 as Keras does, or .safetensors"""
        by_end(filepath, WEIGHT_SAVERS)(may_write(filepath, overwrite), self)

    def load_weights(self, filepath: str | os.PathLike[str]) -> None:
        """Read the weights that `save_weights` or Keras wrote; ValueError if they do not fit this network."""
        by_end(filepath, WEIGHT_LOADERS)(Path(filepath), self)
