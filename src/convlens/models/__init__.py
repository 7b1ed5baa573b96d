"""Models, one a file: a table of layers, the shape of its images, and a function of the file's name that builds it.

A file that is added here is found by its name: `convlens train --model NAME` takes it.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any

from convlens.engines.specs import Spec
from convlens.nn import Sequential
from convlens.nn.sequential import specs_of, table

__all__ = ["MODELS", "build_model", "recognise"]

MODELS = tuple(sorted(found.name for found in pkgutil.iter_modules(__path__)))


def build_model(name: str, *, seed: int = 0, engine: str = "auto") -> Sequential:
    """The model of that name with fresh weights, or a ValueError."""
    model: Sequential = getattr(_module(name), name)(seed=seed, engine=engine)
    return model


def recognise(model: Sequential) -> str | None:
    """The name of the model here that computes the same as this one with the same weights, or None"""
    specs = model.specs()
    return next((name for name in MODELS if specs is not None and specs == _specs(name)), None)


def _module(name: str) -> Any:
    if name not in MODELS:
        raise ValueError(f"model must be one of {', '.join(MODELS)}; got {name!r}")
    return importlib.import_module(f"{__name__}.{name}")


@cache
def _specs(name: str) -> tuple[Spec, ...] | None:
    module = _module(name)
    return specs_of(table(module.LAYERS, module.INPUT_SHAPE))
