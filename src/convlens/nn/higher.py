"""The functions of higher floors that methods of `Sequential` call, loaded at the first call.

`model.fit` needs training, and `model.save` the writers of files; both are built on `convlens.nn`. This table is the
only place where a lower room names a higher one.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

__all__ = ["FUNCTIONS", "LOADERS", "SAVERS", "WEIGHT_LOADERS", "WEIGHT_SAVERS", "higher"]

FUNCTIONS = {
    "compile": "training.compiling:compile_model",
    "fit": "training.fitting:fit_model",
    "evaluate": "training.fitting:evaluate_model",
    "train_on_batch": "training.fitting:train_on_batch",
    "predict": "training.fitting:predict_model",
    "test_on_batch": "training.fitting:test_on_batch",
}

# The end of a file's name, and the function that writes a network, reads it, writes or reads its weights
SAVERS = {
    ".keras": "interop.keras_compiled:save_keras",
    ".h5": "interop.keras_compiled:save_keras",
    ".safetensors": "training.model_file:save_model",
    ".onnx": "interop.onnx_model:save_onnx",
}
LOADERS = {
    ".keras": "interop.keras_file:read_keras",
    ".h5": "interop.keras_file:read_keras",
    ".safetensors": "training.model_file:load_model",
}
WEIGHT_SAVERS = {
    ".weights.h5": "interop.keras_weights:save_weights",
    ".safetensors": "training.weights_file:save_weights",
}
WEIGHT_LOADERS = {
    ".weights.h5": "interop.keras_weights:load_weights",
    ".safetensors": "training.weights_file:load_weights",
}


def higher(place: str) -> Callable[..., Any]:
    """Return the function of a place such as "training.fitting:fit_model"."""
    module, _, name = place.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(f"convlens.{module}"), name)
    return found
