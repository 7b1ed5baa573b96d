"""The rules of each task for the form of its file: the function's name, its arguments, the only allowed import."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RULES", "Rules"]


@dataclass(frozen=True)
class Rules:
    """The rules of one task.

    function: the name of the function; arguments: name and default of each argument, the default as text or None;
    allowed: the only allowed import; keras: the only allowed use of tf.keras, "" if the task has no rule for tf.keras;
    editions: the import of other editions of the course, accepted too
    """

    function: str
    arguments: tuple[tuple[str, str | None], ...]
    allowed: str
    keras: str = ""
    editions: tuple[str, ...] = ()

    @property
    def signature(self) -> str:
        """The name and the arguments of the function, as the file must have them."""
        given = (name if default is None else f"{name}={default}" for name, default in self.arguments)
        return f"{self.function}({', '.join(given)})"


_NUMPY = "import numpy as np"
_PAIR = "(1, 1)"
RULES = (
    Rules(
        "conv_forward",
        (("A_prev", None), ("W", None), ("b", None), ("activation", None), ("padding", "'same'"), ("stride", _PAIR)),
        _NUMPY,
    ),
    Rules("pool_forward", (("A_prev", None), ("kernel_shape", None), ("stride", _PAIR), ("mode", "'max'")), _NUMPY),
    Rules(
        "conv_backward",
        (("dZ", None), ("A_prev", None), ("W", None), ("b", None), ("padding", "'same'"), ("stride", _PAIR)),
        _NUMPY,
    ),
    Rules(
        "pool_backward",
        (("dA", None), ("A_prev", None), ("kernel_shape", None), ("stride", _PAIR), ("mode", "'max'")),
        _NUMPY,
    ),
    Rules(
        "lenet5",
        (("x", None), ("y", None)),
        "import tensorflow.compat.v1 as tf",
        "tf.keras.initializers.VarianceScaling",
        ("import tensorflow as tf",),
    ),
    Rules("lenet5", (("X", None),), "import tensorflow.keras as K", "", ("from tensorflow import keras as K",)),
)
