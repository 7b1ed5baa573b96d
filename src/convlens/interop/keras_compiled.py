"""What `compile` chose, in Keras's files: optimizer with its state, loss and metrics, in both directions."""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from convlens.interop.frameworks import load_keras
from convlens.interop.keras_model import SUFFIXES, keras_weights, to_keras
from convlens.interop.keras_optimizers import KerasOptimizer
from convlens.nn import Sequential
from convlens.nn.optimizers import FlatOptimizer
from convlens.storage.atomic import atomic_write
from convlens.training.compile_config import apply_config, compile_config

__all__ = ["compile_as", "compiled_keras", "save_keras"]


def compiled_keras(keras: Any, model: Sequential) -> Any:
    """Return `to_keras(model)`, compiled as the model is, with the optimizer's state.

    It is not compiled if the model is not, or if a part of it is the user's own, which no file can hold.
    """
    found, config = to_keras(model), compile_config(model)
    if config is None or not _has_keras_optimizer(model.optimizer):
        return found
    found.compile(
        optimizer=keras.optimizers.deserialize(config["optimizer"]),
        loss=_loss(keras, config["loss"]),
        metrics=_metrics(keras, config["metrics"]),
        weighted_metrics=_metrics(keras, config["weighted_metrics"]),
    )
    _follow(keras, model, found)
    return found


def _has_keras_optimizer(optimizer: Any) -> bool:
    return isinstance(optimizer, FlatOptimizer) and not getattr(optimizer, "coupled_weight_decay", 0)


def _loss(keras: Any, found: Any) -> Any:
    return keras.losses.deserialize(found) if isinstance(found, Mapping) else found


def _metrics(keras: Any, found: list[Any] | None) -> list[Any] | None:
    return found and [keras.metrics.deserialize(each) if isinstance(each, Mapping) else each for each in found]


def _follow(keras: Any, model: Sequential, found: Any) -> KerasOptimizer:
    """Copy the state of the model's optimizer into that of `found`, a compiled Keras model."""
    updates = KerasOptimizer(keras, model.optimizer)
    updates.made = found.optimizer
    variables = found.trainable_variables
    known = {id(variable) for variable in variables}
    theirs = keras_weights(model, found)
    updates.begin(model, variables, {name: each for name, each in theirs.items() if id(each) in known})
    return updates


def _short_rate(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with the learning rate 0.1 where Keras wrote its float32, 0.10000000149011612."""
    found = dict(config)
    if isinstance(found.get("optimizer"), Mapping) and isinstance(found["optimizer"].get("config"), Mapping):
        words = dict(found["optimizer"]["config"])
        if isinstance(words.get("learning_rate"), float):
            words["learning_rate"] = float(str(np.float32(words["learning_rate"])))
        found["optimizer"] = {**found["optimizer"], "config": words}
    return found


def compile_as(keras: Any, model: Sequential, config: Any, weights: Any) -> None:
    """Compile the model as a Keras file says. weights: the file's HDF5 group, with the optimizer's state

    A part that convlens does not have leaves the model as it is, and a warning says which.
    """
    if not isinstance(config, Mapping) or config.get("optimizer") is None:
        return
    try:
        apply_config(model, _short_rate(config))
    except (ValueError, TypeError, KeyError) as error:
        model.compiled = None
        logging.getLogger("convlens").warning("The network is loaded without what its compile chose: %s", error)
        return
    if "optimizer" not in weights or "vars" not in weights["optimizer"] or not _has_keras_optimizer(model.optimizer):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns of a state of another length, which is left out
        found = to_keras(model)
        found.compile(optimizer=keras.optimizers.deserialize(config["optimizer"]))
        updates = _follow(keras, model, found)
        stored = weights["optimizer"]["vars"]
        if len(stored) == len(found.optimizer.variables):
            found.optimizer.load_own_variables(stored)
            updates.end_epoch()


def save_keras(path: str | os.PathLike[str], model: Sequential) -> None:
    """Write the network as a .keras or .h5 file, whole or not at all. The model gives what `model.predict` gives."""
    suffix = Path(path).suffix
    if suffix not in SUFFIXES:
        raise ValueError(f"a Keras model must be a .keras or .h5 file; got {path}")
    found = compiled_keras(load_keras("tensorflow", "a Keras model"), model)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / f"model{suffix}"
        log = logging.getLogger("absl")
        level = log.level
        try:
            log.setLevel(logging.ERROR)  # Keras advises against .h5
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Keras converts its arrays in NumPy's old way
                found.save(whole)
        finally:
            log.setLevel(level)
        with atomic_write(path) as file:
            file.write(whole.read_bytes())
