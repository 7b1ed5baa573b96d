"""Optimizers: each updates one flat vector of weights in place. Its state can be saved and restored.

The names, arguments and results are Keras's. `get("adam")` returns the optimizer of that name.
"""

from __future__ import annotations

from typing import Any

from convlens.nn.optimizers.adadelta import Adadelta
from convlens.nn.optimizers.adagrad import Adagrad
from convlens.nn.optimizers.adam import Adam, AdamW
from convlens.nn.optimizers.adamax import Adamax
from convlens.nn.optimizers.base import FlatOptimizer, Optimizer
from convlens.nn.optimizers.nadam import Nadam
from convlens.nn.optimizers.rmsprop import RMSprop
from convlens.nn.optimizers.sgd import SGD

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "FlatOptimizer",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "get",
]

OPTIMIZERS: dict[str, type[FlatOptimizer]] = {
    each.__name__.lower(): each for each in (SGD, Adam, AdamW, RMSprop, Adadelta, Adagrad, Adamax, Nadam)
}

# Optimizers of Keras that are not here, and the nearest one that is
_NEAREST = {"ftrl": "adagrad", "lion": "adamw", "lamb": "adamw", "adafactor": "adam", "muon": "sgd"}


def get(identifier: str | type[FlatOptimizer] | Optimizer, **options: Any) -> Optimizer:
    """Return an optimizer by its name, in any case, such as "adam"; by its class; or the object itself.

    options: arguments of the optimizer, for example learning_rate. An object takes none.

    >>> get("sgd", momentum=0.9)
    SGD(learning_rate=0.01)
    """
    if isinstance(identifier, str):
        name = identifier.lower()
        if name in OPTIMIZERS:
            return OPTIMIZERS[name](**options)
        near = f"; the nearest one to {name} is {_NEAREST[name]}" if name in _NEAREST else ""
        raise ValueError(f"optimizer must be one of {', '.join(OPTIMIZERS)}; got {identifier!r}{near}")
    if isinstance(identifier, type) and issubclass(identifier, FlatOptimizer):
        return identifier(**options)
    if all(callable(getattr(identifier, name, None)) for name in ("update", "get_state", "set_state")):
        if options:
            raise ValueError(f"options are for an optimizer's name, not for an object; got {', '.join(options)}")
        return identifier
    module = type(identifier).__module__.split(".")[0]
    instead = f": write convlens.{type(identifier).__name__}(...)" if module in ("keras", "tensorflow") else ""
    raise TypeError(f"optimizer must be a name or an optimizer of convlens; got {type(identifier).__name__}{instead}")
