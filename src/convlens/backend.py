"""What people still take from Keras's backend: `convlens.backend.clear_session()`, `epsilon()`, `floatx()`."""

from __future__ import annotations

from typing import Any

import numpy as np

from convlens.nn.absent import names_of
from convlens.utils import clear_session

__all__ = ["backend", "clear_session", "epsilon", "floatx", "get_value", "image_data_format", "set_value"]


def backend() -> str:
    """Return "numpy": arrays are NumPy's. The engine of a model is `model.engine.name`."""
    return "numpy"


def epsilon() -> float:
    """Return the small number by which losses keep probabilities from 0 and 1."""
    return 1e-7


def floatx() -> str:
    """Return the type of a model's numbers, unless Sequential(..., dtype="float64") says another."""
    return "float32"


def image_data_format() -> str:
    """Return the order of the axes of images: (n, h, w, channels)."""
    return "channels_last"


def get_value(x: Any) -> Any:
    """Return the numbers of an array, or the learning rate of an optimizer, as NumPy has them."""
    return x.numpy() if hasattr(x, "numpy") else np.asarray(x)


def set_value(x: Any, value: Any) -> None:
    """Set a learning rate, or the numbers of a weight, in place."""
    if hasattr(x, "assign"):
        x.assign(value)
    else:
        x[...] = value


_ENGINE = "the functions of arrays are in convlens.ops, and np has all others"
__getattr__ = names_of(
    __name__,
    {
        "set_floatx": "a model's dtype is an argument: Sequential(..., dtype='float64')",
        "set_image_data_format": "images are (n, h, w, channels): x.transpose(0, 2, 3, 1) turns the others",
        **dict.fromkeys(("mean", "sum", "square", "sqrt", "exp", "log", "abs", "clip", "max", "cast"), _ENGINE),
    },
)
