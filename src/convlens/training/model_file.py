"""A trained network in one file. The file holds the weights by name; it is written atomically and checked when read.

Its header also holds the network's specification (`convlens.nn.specification`), from which `load_model` builds any
network without the code that made it, and what the network's images were (`Images`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.models import MODELS, build_model
from convlens.nn import Sequential
from convlens.nn.specification import from_specification, to_specification
from convlens.storage.tensors import read_tensors, write_tensors
from convlens.training.compile_config import apply_config, compile_config
from convlens.training.stored_images import Images, read_images

__all__ = ["MODEL", "Images", "about_model", "build", "describe", "load_model", "save_model", "stored_images"]

MODEL = "model.safetensors"  # in a run's folder
_STATE = "optimizer/"  # before the names of the optimizer's arrays


def describe(model: Sequential) -> dict[str, Any]:
    """Return the model's specification. Raises ValueError if the model could not be built again from it."""
    if not type(model).__module__.startswith("convlens."):
        raise ValueError(
            f"a saved model must be a convlens Sequential; got {type(model).__qualname__}, a class of its own"
        )
    return to_specification(model.descriptions, model.input_shape, model.name, model.dtype)


def build(specification: object, engine: str = "auto") -> Sequential:
    """Return a model whose weights are still to be set; ValueError if the specification is wrong."""
    found = from_specification(specification)
    return Sequential(
        found.layers, found.input_shape, name=found.name, dtype=found.dtype, engine=engine, initial=_zeros
    )


def _zeros(shape: tuple[int, ...], rng: np.random.Generator, dtype: np.dtype[Any]) -> Array:
    return np.zeros(shape, dtype)


def save_model(
    path: str | os.PathLike[str], model: Sequential, *, untrained: bool = False, images: Images | None = None
) -> None:
    """Write the model's weights by name, as safetensors, with its specification and what its images are.

    `load_model` refuses a file that is marked `untrained`. Raises ValueError, and writes nothing, if `load_model` could
    not build the model again: if a layer is not convlens's own, a weight is not finite, or the images do not fit.
    """
    if images is not None:
        read_images(images.to_json(), model.input_shape, model.output_shape[-1])
    weights = model.named_weights()
    about = about_model(model, images, untrained=untrained)
    config = compile_config(model)
    if config is not None:
        about["compile"] = config
    for name, w in weights.items():
        _check_finite("a saved model", name, w)
    if config is not None:
        weights |= {_STATE + name: value for name, value in model.optimizer.get_state().items()}
    write_tensors(Path(path), weights, about)


def about_model(model: Sequential, images: Images | None, *, untrained: bool = False) -> dict[str, Any]:
    """Return what a model's file says beside its weights, as JSON data."""
    return {
        "model": model.name,
        "untrained": untrained,
        "specification": describe(model),
        "images": None if images is None else images.to_json(),
    }


def load_model(path: str | os.PathLike[str], engine: str = "auto", *, compile: bool = True) -> Sequential:
    """Return the trained model of a run's folder or of a model.safetensors file; ValueError for any other file.

    compile: whether it is compiled as it was when it was saved, with the optimizer's state
    """
    path = _file(path)
    tensors, about = read_tensors(path)
    if about.get("untrained"):
        raise ValueError(f"{path} must hold a trained model; its run has not finished an epoch")
    model = _model(path, about, engine)
    state = {name.removeprefix(_STATE): tensors.pop(name) for name in list(tensors) if name.startswith(_STATE)}
    own = model.named_weights()
    if own.keys() != tensors.keys():
        raise ValueError(f"{path} must hold the weights {', '.join(own)}; it holds {', '.join(tensors)}")
    try:
        model.set_weights([tensors[name] for name in own])
        for name in own:
            _check_finite("a model", name, own[name])
        if compile and "compile" in about:
            apply_config(model, about["compile"])
            model.optimizer.set_state(state)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path}: {error}") from None
    return model


def stored_images(path: str | os.PathLike[str]) -> Images:
    """Return what a run's folder or a model.safetensors file says about the images that its model was trained on.

    A file without these words, such as one of an old version, has the class names 0, 1, … and the course's scale.
    """
    path = _file(path)
    _, about = read_tensors(path)
    model = _model(path, about, "numpy")
    try:
        return read_images(about.get("images"), model.input_shape, model.output_shape[-1])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _file(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    return path / MODEL if path.is_dir() else path


def _model(path: Path, about: dict[str, Any], engine: str) -> Sequential:
    """Return the model of a file's header, with weights still to be set."""
    if "settings" in about:
        raise ValueError(f"{path} must be a model's file; it is a run's checkpoint, and {MODEL} beside it is the model")
    name = about.get("model")
    if "specification" in about:
        try:
            return build(about["specification"], engine)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    if name not in MODELS:  # an old version stored only the name
        raise ValueError(
            f"{path} must hold a specification or the weights of one of {', '.join(MODELS)}; its model is {name!r}"
        )
    return build_model(name, engine=engine)


def _check_finite(what: str, name: str, weights: Array) -> None:
    if not np.isfinite(weights).all():
        bad = np.count_nonzero(~np.isfinite(weights))
        raise ValueError(f"{what} must have finite weights; {name} has {bad} NaN or infinite numbers")
