"""Optimizers by their names in Keras: `convlens.optimizers.Adam`, `convlens.optimizers.schedules.CosineDecay`."""

import sys

from convlens.nn import schedules
from convlens.nn.optimizers import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Nadam, Optimizer, RMSprop, get

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "get",
    "schedules",
]

sys.modules[f"{__name__}.schedules"] = (
    schedules  # so that `from convlens.optimizers.schedules import CosineDecay` works
)
