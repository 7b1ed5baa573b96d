"""Keep what the page has trained: weights and history become a run that `train --resume` and `evaluate` take."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.data import Digits
from convlens.explorer.packed import from_base64
from convlens.nn import Sequential
from convlens.nn.optimizers.base import FlatOptimizer
from convlens.storage.tensors import tensors_from_bytes
from convlens.training.events import Epoch
from convlens.training.model_file import build, describe
from convlens.training.options import make_optimizer
from convlens.training.run import Run
from convlens.training.settings import Settings

__all__ = ["Saver"]

_STATE = "optimizer/"  # before the names of the optimizer's arrays
_CHOSEN = {"optimizer", "learning_rate", "batch_size", "seed", "momentum", "weight_decay"}  # settings of the page
_MOST_EPOCHS = 10_000


@dataclass(frozen=True)
class Saver:
    """What a run needs beside the page's weights. Call it with the page's message.

    model: the network, of which only the layers count. digits, settings: the data and how they were read. folder: a
    function that makes a new folder for a run.
    """

    model: Sequential
    digits: Digits
    settings: Settings
    folder: Callable[[], Path]

    def __call__(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Write a new run and return {"run": its folder}.

        found: weights, a safetensors file in base64 with the weights by name and, to go on exactly, the optimizer's
        state as optimizer/step, optimizer/m …; epochs, the figures of each epoch (`training.events.Epoch`); settings,
        the optimizer, learning_rate, batch_size, seed, momentum and weight_decay. Raises ValueError, and writes
        nothing, if something is wrong or missing.
        """
        if found.keys() - {"weights", "epochs", "settings"}:
            raise ValueError("a saved network must have only weights, epochs and settings")
        epochs = _epochs(found.get("epochs"))
        settings = self._settings(found.get("settings", {}), len(epochs))
        tensors, _ = tensors_from_bytes(from_base64("weights", found.get("weights")), "weights")
        state = {name.removeprefix(_STATE): tensors.pop(name) for name in list(tensors) if name.startswith(_STATE)}
        model = build(describe(self.model), settings.engine)
        model.frozen = self.model.frozen
        _set_weights(model, tensors)
        _check_state(state, model, settings)
        run = Run.start(self.folder, settings, self.digits, model)
        if state:
            run.optimizer.set_state(state)
        run.record(epochs)
        return {"run": str(run.folder)}

    def _settings(self, found: object, epochs: int) -> Settings:
        if not isinstance(found, dict) or found.keys() - _CHOSEN:
            raise ValueError(f"settings must have only {', '.join(sorted(_CHOSEN))}")
        for name, value in found.items():
            number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53
            if not (isinstance(value, str) if name == "optimizer" else number):
                raise ValueError(f"{name} must be {'a name' if name == 'optimizer' else 'a number'}")
        try:
            return replace(self.settings, **{**_RESET, **found}, epochs=max(epochs, self.settings.epochs))
        except TypeError as error:
            raise ValueError(str(error)) from None


# What a run may have had that the page does not do
_RESET: dict[str, Any] = {
    "learning_rate": None,
    "momentum": None,
    "weight_decay": None,
    "schedule": "constant",
    "augment": "",
    "class_weights": "",
    "early_stopping": None,
    "dropout": None,
    "trainer": "convlens",
}


def _epochs(found: object) -> list[Epoch]:
    """Return the figures of the epochs; ValueError unless there is one at least and all are finite numbers."""
    names = [field.name for field in dataclasses.fields(Epoch)]
    if not isinstance(found, list) or not 1 <= len(found) <= _MOST_EPOCHS:
        raise ValueError(f"epochs must be a list of 1 to {_MOST_EPOCHS:,} epochs: train one at least before you save")
    rows = []
    for number, row in enumerate(found, 1):
        if not isinstance(row, dict) or row.keys() != set(names):
            raise ValueError(f"an epoch must have {', '.join(names)}")
        if any(type(value) not in (int, float) or not math.isfinite(value) for value in row.values()):
            raise ValueError(f"the figures of epoch {number} must be finite numbers")
        if row["epoch"] != number:
            raise ValueError(f"epochs must be numbered 1, 2, …; epoch {number} has the number {row['epoch']}")
        rows.append(Epoch(number, *(float(row[name]) for name in names[1:])))
    return rows


def _set_weights(model: Sequential, tensors: dict[str, Array]) -> None:
    own = model.named_weights()
    if own.keys() != tensors.keys():
        raise ValueError(f"the weights must be {', '.join(own)}; got {', '.join(tensors)[:200]}")
    for name, w in own.items():
        if tensors[name].shape != w.shape or tensors[name].dtype.kind != "f" or not np.isfinite(tensors[name]).all():
            raise ValueError(f"{name} must be {w.shape}, finite numbers; got {tensors[name].shape}")
    model.set_weights([tensors[name] for name in own])


def _check_state(state: dict[str, Array], model: Sequential, settings: Settings) -> None:
    """Raise ValueError unless the state is empty or the whole state of the optimizer."""
    if not state:
        return
    optimizer = make_optimizer(settings.optimizer, settings.rate, settings.weight_decay, settings.momentum)
    slots = optimizer.slots if isinstance(optimizer, FlatOptimizer) else ()
    if state.keys() != {"step", *slots}:
        raise ValueError(f"the optimizer's state must be {', '.join(('step', *slots))}; got {', '.join(state)[:200]}")
    if state["step"].size != 1 or state["step"].dtype.kind not in "iu" or int(state["step"].ravel()[0]) < 0:
        raise ValueError("the optimizer's step must be one integer of at least 0")
    state["step"] = state["step"].reshape(())
    for name in slots:
        if state[name].shape != model.flat.shape or not np.isfinite(state[name]).all():
            raise ValueError(f"the optimizer's {name} must be {model.flat.shape}, finite numbers")
