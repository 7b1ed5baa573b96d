"""The table of how each layer is written in Keras. The writer and the reader use it; ONNX has its own, `onnx_layers`.

Keras sees a layer as its class and its fields, which have the same names in Keras. A layer or field that the writer or
Keras does not know is refused by name. This holds for additions too. So no file loses anything silently.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from convlens import nn
from convlens.nn.layer import Layer

__all__ = ["ACTIVATIONS", "TRAINING_ONLY", "KerasWords", "in_keras", "in_words", "keras_words"]


# The function in `keras.activations` for each activation in `convlens.ops.ACTIVATIONS`
ACTIVATIONS = {
    "relu": "relu",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "softmax": "softmax",
    "elu": "elu",
    "exponential": "exponential",
    "gelu": "gelu",
    "hard_sigmoid": "hard_sigmoid",
    "hard_silu": "hard_silu",
    "leaky_relu": "leaky_relu",
    "relu6": "relu6",
    "selu": "selu",
    "silu": "silu",
    "softplus": "softplus",
    "softsign": "softsign",
}

# Arguments of a Keras layer that matter only for training, not for what the network computes
TRAINING_ONLY = frozenset(
    {
        "activity_regularizer",
        "bias_constraint",
        "bias_initializer",
        "bias_regularizer",
        "dtype",
        "kernel_constraint",
        "kernel_initializer",
        "kernel_regularizer",
        "name",
        "seed",
        "trainable",
    }
)


def in_keras(module: Any) -> dict[str, type[Layer]]:
    """Return the layers of convlens, by name, for which `module` (`keras.layers`) has a layer of the same name."""
    ours = (getattr(nn, name) for name in nn.__all__)
    kinds = [kind for kind in ours if isinstance(kind, type) and issubclass(kind, Layer) and kind is not Layer]
    return {kind.__name__: kind for kind in kinds if hasattr(module, kind.__name__)}


def in_words(names: Iterable[str]) -> str:
    """Return names as words: "A, B and C", or "A" alone."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


class KerasWords(NamedTuple):
    """How a layer is written in Keras

    fields: the fields of convlens's layer, which have the same names in Keras. fixed: the arguments that only Keras
    has, with the value that convlens's layer needs
    """

    fields: tuple[str, ...]
    fixed: Mapping[str, Any]


def keras_words(module: Any, kind: type[Layer]) -> KerasWords:
    """Return how a kind of layer is written in Keras; ValueError for a field that Keras does not have.

    Layers of convlens and their fields have Keras's names (docs/decisions/06-specifications.md). A layer of convlens
    computes what Keras's layer computes by default, so every argument that only Keras has keeps its default.
    """
    theirs = inspect.signature(getattr(module, kind.__name__)).parameters
    ours = [field.name for field in dataclasses.fields(kind)]
    fields = tuple(name for name in ours if name != "name" and not name.endswith(("_initializer", "_regularizer")))
    for name in fields:
        if name not in theirs:
            raise ValueError(f"{name} cannot be exported to Keras: its {kind.__name__} has no such argument")
    fixed = {
        name: setting.default
        for name, setting in theirs.items()
        if setting.kind is setting.POSITIONAL_OR_KEYWORD and name not in {*fields, *TRAINING_ONLY}
    }
    if "data_format" in fixed:
        fixed["data_format"] = "channels_last"  # Keras's default None means the value in the user's keras.json
    return KerasWords(fields, fixed)
