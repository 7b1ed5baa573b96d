"""The weights of a network alone, by name, as safetensors."""

from __future__ import annotations

import os
from pathlib import Path

from convlens.nn import Sequential
from convlens.storage.tensors import read_tensors, write_tensors

__all__ = ["load_weights", "save_weights"]


def save_weights(path: str | os.PathLike[str], model: Sequential) -> None:
    """Write the weights by name."""
    write_tensors(Path(path), model.named_weights(), {"weights of": model.name})


def load_weights(path: str | os.PathLike[str], model: Sequential) -> None:
    """Copy the weights of a file into the model. Files of `save_model` are taken too.

    Raises ValueError, and changes nothing, if a name or a shape differs.
    """
    tensors, _ = read_tensors(Path(path))
    own = model.named_weights()
    if own.keys() != tensors.keys():
        raise ValueError(f"{path} must hold the weights {', '.join(own)}; it holds {', '.join(tensors)}")
    try:
        model.set_weights([tensors[name] for name in own])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
