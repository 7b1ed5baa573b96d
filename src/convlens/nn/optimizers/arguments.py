"""Checks of the arguments of optimizers, and sentences for arguments of Keras that convlens does not have."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

# An argument of Keras, the values that mean "off", and what to use in its place
_NOT_HERE: dict[str, tuple[tuple[Any, ...], str]] = {
    "use_ema": ((False, None), "EarlyStopping(restore_best_weights=True) keeps the best weights"),
    "ema_momentum": ((0.99, None), "EarlyStopping(restore_best_weights=True) keeps the best weights"),
    "ema_overwrite_frequency": ((None,), "EarlyStopping(restore_best_weights=True) keeps the best weights"),
    "loss_scale_factor": ((None,), "training in float32 needs no loss scale"),
    "gradient_accumulation_steps": ((None, 1), "a larger batch_size gives the same step"),
    "jit_compile": ((True, False, None), "the engine of the model decides what is compiled"),
    "lr": ((), "the argument is called learning_rate"),
    "decay": ((None, 0, 0.0), "learning_rate=InverseTimeDecay(...) is that schedule"),
}


# What Keras's `get_config` says of the settings that are not here
OFF: dict[str, Any] = {
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}


def refuse(optimizer: str, others: Mapping[str, Any]) -> None:
    """Raise TypeError for an argument that no optimizer of convlens has; the sentence names the nearest one."""
    for name, value in others.items():
        off, instead = _NOT_HERE.get(name, ((), "see its docstring for the arguments"))
        if not any(value is each or (type(value) is type(each) and value == each) for each in off):
            raise TypeError(f"{optimizer} has no argument {name}; {instead}; got {name}={value!r}")


def check_weight_decay(name: str, value: float | None) -> float:
    """Return the weight decay, 0 for None; ValueError unless it is a finite number of at least 0."""
    if value is None:
        return 0.0
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name} must be a number of at least 0; got {value!r}")
    return float(value)


def check_fraction(name: str, value: float) -> float:
    """Return the value; ValueError unless it is from 0 to below 1."""
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be from 0 to below 1; got {value!r}")
    return float(value)


def check_epsilon(value: float) -> float:
    """Return epsilon; ValueError unless it is a finite number of at least 0."""
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"epsilon must be a number of at least 0; got {value!r}")
    return float(value)
