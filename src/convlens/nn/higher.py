"""The functions of higher floors that methods of `Sequential` call, loaded at the first call.

`model.fit` needs training, and `model.save` the writers of files; both are built on `convlens.nn`. This table is the
only place where a lower room names a higher one.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

__all__ = ["FUNCTIONS", "SAVERS", "WEIGHT_LOADERS", "WEIGHT_SAVERS", "higher"]

FUNCTIONS = {
    "compile": "training.compiling:compile_model",
    "fit": "training.fitting:fit_model",
    "evaluate": "training.fitting:evaluate_model",
    "train_on_batch": "training.fitting:train_on_batch",
    "test_on_batch": "training.fitting:test_on_batch",
    "load_model": "training.model_file:load_model",
}
SAVERS: dict[str, str] = {}  # the end of a file's name -> the function that writes a model
WEIGHT_SAVERS: dict[str, str] = {}
WEIGHT_LOADERS: dict[str, str] = {}


def higher(place: str) -> Callable[..., Any]:
    """Return the function of a place such as "training.fitting:fit_model"."""
    module, _, name = place.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(f"convlens.{module}"), name)
    return found
