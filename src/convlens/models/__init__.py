"""The models, one file for each: the layers, the usual shape of the images, and a function that builds the model.

The function has the name of its file. A new file in this folder is found by its name, and `convlens train --model NAME`
accepts it.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
from typing import Any

from convlens.geometry import check_count
from convlens.nn import Sequential
from convlens.nn.functional import Model
from convlens.nn.saving import load_model
from convlens.nn.specification import read_specification
from convlens.nn.table import specs_of, split_end, table

__all__ = [
    "MODELS",
    "Model",
    "Sequential",
    "build_model",
    "clone_model",
    "load_model",
    "model_from_json",
    "recognise",
    "save_model",
    "usual",
]

MODELS = tuple(sorted(found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_")))


def build_model(
    name: str,
    *,
    input_shape: tuple[int, ...] | None = None,
    classes: int | None = None,
    seed: int = 0,
    engine: str = "auto",
) -> Sequential:
    """Return a new model with initial weights, by default for the model's usual images and classes.

    Raises ValueError for an unknown name, and for images that are too small for the model.
    """
    if classes is not None:
        check_count("classes", classes, 1)
    sizes = {"input_shape": input_shape, "classes": classes}
    given = {key: value for key, value in sizes.items() if value is not None}
    model: Sequential = getattr(_module(name), name)(**given, seed=seed, engine=engine)
    return model


def clone_model(model: Sequential) -> Sequential:
    """Return a new model with the same layers and new weights."""
    return Sequential(
        model.descriptions,
        model.input_shape,
        name=model.name,
        seed=model.seed,
        dtype=model.dtype,
        engine=model.engine_name,
    )


def save_model(model: Sequential, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write a model with its weights, as `model.save(filepath)` does."""
    model.save(filepath, overwrite)


def model_from_json(text: str) -> Sequential:
    """Return a new model with the layers that `model.to_json()` gave; ValueError if it is no specification."""
    found = read_specification(text, "the text")
    return Sequential(found.layers, found.input_shape, name=found.name, dtype=found.dtype)


def usual(name: str) -> tuple[tuple[int, int, int], int]:
    """Return the shape (h, w, c) of the images that a model takes by default, and its default number of classes."""
    module = _module(name)
    h, w, c = module.INPUT_SHAPE
    return (h, w, c), int(inspect.signature(getattr(module, name)).parameters["classes"].default)


def recognise(model: Sequential) -> str | None:
    """Return the name in MODELS that has the same layers as `model`, for its images and its classes, or None.

    Two models with equal layers and equal weights compute the same function. Layers that compute the same are equal,
    whatever they are called.
    """
    if len(model.output_shape) != 1:
        return None
    return next((name for name in MODELS if _same(name, model)), None)


def _same(name: str, model: Sequential) -> bool:
    try:
        layers, _ = split_end(_module(name).layers(model.output_shape[0]), model.input_shape)
        rows = tuple(table(layers, model.input_shape))
    except ValueError:  # the images are too small for it
        return False
    specs = specs_of(rows)
    if specs is None:
        return [row.layer for row in rows] == [row.layer for row in model.table]
    return specs == model.specs()


def _module(name: str) -> Any:
    if name not in MODELS:
        raise ValueError(f"model must be one of {', '.join(MODELS)}; got {name!r}")
    return importlib.import_module(f"{__name__}.{name}")
