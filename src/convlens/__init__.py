"""convlens: convolutional networks you can see through.

>>> import convlens
>>> digits = convlens.load("embedded")
>>> model = convlens.lenet5(seed=0)
>>> model.count_params()
61706

`convlens.fit`, `evaluate` and the model's `predict` and `summary` work like the functions of the same name in Keras.
The subpackages are `convlens.ops`, `nn`, `models`, `data`, `training`, `inspection`, `interop` and `report`;
docs/architecture.md describes each of them. A name is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from convlens.version import VERSION

if TYPE_CHECKING:
    from convlens.data import load
    from convlens.gradcheck import check_vjp
    from convlens.models.lenet5 import lenet5
    from convlens.training import EarlyStopping, History, Run, Settings, evaluate, fit, load_model

__version__ = VERSION

_MODULES = {
    "EarlyStopping": "training",
    "History": "training",
    "Run": "training",
    "Settings": "training",
    "check_vjp": "gradcheck",
    "evaluate": "training",
    "fit": "training",
    "lenet5": "models.lenet5",
    "load": "data",
    "load_model": "training",
}

__all__ = [
    "EarlyStopping",
    "History",
    "Run",
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
    "callbacks",
    "data",
    "engines",
    "inspection",
    "interop",
    "losses",
    "models",
    "nn",
    "ops",
    "optimizers",
    "report",
    "training",
)


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return importlib.import_module(f"convlens.{name}")
    if name not in _MODULES:
        raise AttributeError(f"module 'convlens' has no attribute {name!r}")
    return getattr(importlib.import_module(f"convlens.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, *_SUBPACKAGES]
