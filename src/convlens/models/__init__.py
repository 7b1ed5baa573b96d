"""Models: a table of layers each."""

from __future__ import annotations

from collections.abc import Callable

from convlens.models.lenet5 import lenet5
from convlens.nn import Sequential

MODELS: dict[str, Callable[..., Sequential]] = {"lenet5": lenet5}


def build_model(name: str, *, seed: int = 0, engine: str = "auto") -> Sequential:
    """The model of that name with fresh weights, or a ValueError."""
    if name not in MODELS:
        raise ValueError(f"model must be one of {', '.join(MODELS)}; got {name!r}")
    return MODELS[name](seed=seed, engine=engine)


__all__ = ["MODELS", "build_model", "lenet5"]
