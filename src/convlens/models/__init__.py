"""The models, one file for each: a table of layers, the shape of the images, and a function that builds the model.

The function has the name of its file. A new file in this folder is found by its name, and `convlens train --model NAME`
accepts it.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any

from convlens.engines.specs import Spec
from convlens.nn import Sequential
from convlens.nn.sequential import specs_of, split_end, table

__all__ = ["MODELS", "build_model", "recognise"]

MODELS = tuple(sorted(found.name for found in pkgutil.iter_modules(__path__)))


def build_model(name: str, *, seed: int = 0, engine: str = "auto") -> Sequential:
    """Return a new model with initial weights; ValueError for an unknown name."""
    model: Sequential = getattr(_module(name), name)(seed=seed, engine=engine)
    return model


def recognise(model: Sequential) -> str | None:
    """Return the name in MODELS whose specifications equal those of `model`, or None.

    Two models with equal specifications and equal weights compute the same function.
    """
    specs = model.specs()
    return next((name for name in MODELS if specs is not None and specs == _specs(name)), None)


def _module(name: str) -> Any:
    if name not in MODELS:
        raise ValueError(f"model must be one of {', '.join(MODELS)}; got {name!r}")
    return importlib.import_module(f"{__name__}.{name}")


@cache
def _specs(name: str) -> tuple[Spec, ...] | None:
    module = _module(name)
    layers, _ = split_end(module.LAYERS, module.INPUT_SHAPE)
    return specs_of(table(layers, module.INPUT_SHAPE))
