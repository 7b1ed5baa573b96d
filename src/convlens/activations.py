"""Activations by their names in Keras: `Dense(10, activation=convlens.activations.relu)`.

Each is a function of an array; a layer takes it in place of its name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.nn.layer import known_activation
from convlens.ops import ACTIVATIONS, OTHER_NAMES

__all__ = ["deserialize", "get", "linear", "serialize"]


def linear(x: Any) -> Array:
    """y = x"""
    return np.asarray(x)


def get(identifier: Any) -> Callable[[Any], Array]:
    """Return the function of a name such as "relu"; None gives `linear`; ValueError for an unknown name."""
    name = known_activation(identifier)
    return linear if name is None else _function(name)


def serialize(activation: Any) -> str:
    """Return the name of an activation."""
    return known_activation(activation) or "linear"


deserialize = get


def _function(name: str) -> Callable[[Any], Array]:
    def activation(x: Any) -> Array:
        given = np.asarray(x)
        return ACTIVATIONS[name].forward(given if given.dtype.kind == "f" else given.astype(np.float32))

    activation.__name__, activation.__doc__ = name, f"The activation {name}, see `convlens.ops.{name}_forward`."
    return activation


def __getattr__(name: str) -> Any:
    if name in ACTIVATIONS or name in OTHER_NAMES:
        return get(name)
    raise AttributeError(f"convlens has no activation {name}; it has {', '.join([*ACTIVATIONS, *OTHER_NAMES])}")
