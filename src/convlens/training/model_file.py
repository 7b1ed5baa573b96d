"""A trained network in one file. The file holds the weights by name; it is written atomically and checked when read."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from convlens.models import MODELS, build_model, recognise
from convlens.nn import Sequential
from convlens.storage.tensors import read_tensors, write_tensors

__all__ = ["MODEL", "load_model", "save_model"]

MODEL = "model.safetensors"  # in a run's folder


def save_model(path: str | os.PathLike[str], model: Sequential, *, untrained: bool = False) -> None:
    """Write the model's weights by name, as safetensors. `load_model` refuses a file that is marked `untrained`.

    Raises ValueError, and writes nothing, if `load_model` could not rebuild the model from its name.
    """
    if recognise(model) != model.name or model.dtype != np.float32:
        raise ValueError(
            f"a saved model must be one of {', '.join(MODELS)}, in float32; got {model.name} in {model.dtype}"
        )
    write_tensors(Path(path), model.named_weights(), {"model": model.name, "untrained": untrained})


def load_model(path: str | os.PathLike[str], engine: str = "auto") -> Sequential:
    """Return the trained model of a run's folder or of a model.safetensors file; ValueError for any other file."""
    path = Path(path)
    if path.is_dir():
        path = path / MODEL
    tensors, about = read_tensors(path)
    name = about.get("model")
    if about.get("untrained"):
        raise ValueError(f"{path} must hold a trained model; its run has not finished an epoch")
    if name not in MODELS:
        raise ValueError(f"{path} must hold the weights of one of {', '.join(MODELS)}; its model is {name!r}")
    model = build_model(name, engine=engine)
    own = model.named_weights()
    if own.keys() != tensors.keys():
        raise ValueError(f"{path} must hold the weights {', '.join(own)}; it holds {', '.join(tensors)}")
    try:
        model.set_weights([tensors[name] for name in own])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return model
