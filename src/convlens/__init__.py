"""convlens: convolutional networks you can see through.

>>> import convlens
>>> digits = convlens.load("embedded")
>>> model = convlens.lenet5(seed=0)
>>> model.count_params()
61706

The names are Keras's: `convlens.Sequential`, `convlens.layers.Conv2D`, `convlens.optimizers.Adam`, `model.compile`,
`model.fit`, `model.summary`. `convlens.load` reads data, `convlens.load_model` reads a trained network. A name of Keras
that is not here raises AttributeError or TypeError with what to write instead; docs/networks.md lists what differs.

The subpackages are `convlens.ops`, `nn`, `models`, `data`, `training`, `inspection`, `interop` and `report`;
docs/architecture.md describes each of them. A name is imported when it is first used.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from convlens.version import VERSION

if TYPE_CHECKING:
    from convlens.data import load
    from convlens.gradcheck import check_vjp
    from convlens.models.lenet5 import lenet5
    from convlens.nn import Input, Sequential
    from convlens.nn.functional import Model
    from convlens.nn.saving import load_model
    from convlens.training import EarlyStopping, History, Run, Settings, evaluate, fit

__version__ = VERSION

_MODULES = {
    "EarlyStopping": "training",
    "History": "training",
    "Input": "nn",
    "Model": "nn.functional",
    "Run": "training",
    "Sequential": "nn",
    "Settings": "training",
    "check_vjp": "gradcheck",
    "evaluate": "training",
    "fit": "training",
    "lenet5": "models.lenet5",
    "load": "data",
    "load_model": "nn.saving",
}

__all__ = [
    "EarlyStopping",
    "History",
    "Input",
    "Model",
    "Run",
    "Sequential",
    "Settings",
    "__version__",
    "check_vjp",
    "evaluate",
    "fit",
    "lenet5",
    "load",
    "load_model",
]


_SUBPACKAGES = (
    "activations",
    "backend",
    "callbacks",
    "data",
    "datasets",
    "engines",
    "initializers",
    "inspection",
    "interop",
    "layers",
    "losses",
    "metrics",
    "models",
    "nn",
    "ops",
    "optimizers",
    "regularizers",
    "report",
    "training",
    "utils",
)

# The rooms whose names are at the top, too: convlens.Conv2D is convlens.layers.Conv2D.
_AT_THE_TOP = ("layers", "optimizers", "callbacks")

_INSTEAD = {
    "Variable": "weights are NumPy arrays: model.weights, layer.kernel",
    "applications": "convlens.models has the networks, and `convlens import` takes a Keras model over",
    "config": "a model's dtype and engine are arguments: Sequential(..., dtype='float64', engine='numpy')",
    "constraints": "clipnorm= of an optimizer limits the step",
    "mixed_precision": "weights are float32 or float64: Sequential(..., dtype='float64')",
    "preprocessing": "convlens.load(FOLDER, size=(32, 32)) reads a folder of pictures",
    "random": "numpy.random draws the numbers",
    "device": "convlens computes on the processor, with the engine of Sequential(..., engine='numba')",
}


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES and importlib.util.find_spec(f"convlens.{name}"):
        return importlib.import_module(f"convlens.{name}")
    if name in _MODULES:
        return getattr(importlib.import_module(f"convlens.{_MODULES[name]}"), name)
    if name == "saving":
        return importlib.import_module("convlens.models")
    if name in _INSTEAD:
        raise AttributeError(f"convlens has no {name}: {_INSTEAD[name]}")
    if name[:1].isupper():
        for room in _AT_THE_TOP:
            module = importlib.import_module(f"convlens.{room}")
            if name in module.__all__:
                return getattr(module, name)
    raise AttributeError(f"module 'convlens' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, *_SUBPACKAGES]
