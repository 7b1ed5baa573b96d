"""A guest's description of a network that it has built. It is not trusted.

A description can explain or cause a failure. It never makes a check pass.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from convlens.checker.lenets.layer_table import LayerFacts, from_graph, from_model, kind_in_words

__all__ = ["Description", "read_description", "returned_in_words"]

_NOISY = re.compile("Dropout|Noise")  # Keras's layers with these words in their names act only in training
# Limits for an untrusted description: the number of variables (LeNet-5 has ten), the size of an axis, the number of
# axes, the length of a name, the number of optimizers
_MOST, _LARGEST, _AXES, _LONGEST, _MOST_OPTIMIZERS = 200, 2**31, 8, 80, 10


@dataclass(frozen=True)
class Description:
    """The guest's description of one network.

    error: the exception if the network could not be built, else None; kind: the type of the result of lenet5; items:
    for task 4, the kind ("tensor", "operation", "other") and the type of each item in the result; model, compiled: for
    task 5, whether the result is a K.Model and whether it is compiled; shapes, trained: shape of each variable, and
    whether it is trained; layers: [] if they could not be read; unused: the kinds of layers that
    take the images but never reach the output; regularized: whether a layer has a regularizer;
    misplaced: whether an initializer may have been passed as this regularizer; noisy: layers that act only in training;
    from_logits: whether the loss expects logits; optimizers: names of the optimizers
    """

    error: object = None
    kind: str = ""
    items: list[tuple[str, str]] = field(default_factory=list)
    model: bool = False
    compiled: bool = False
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    trained: list[bool] = field(default_factory=list)
    layers: list[LayerFacts] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    regularized: bool = False
    misplaced: bool = False
    noisy: list[str] = field(default_factory=list)
    from_logits: bool = False
    optimizers: list[str] = field(default_factory=list)


def read_description(told: object) -> Description:
    """Return the description of one network in a guest's answer. Raise ValueError if it makes no sense."""
    if not isinstance(told, dict):
        raise ValueError(f"a description must be a dict; got {type(told).__name__}")
    if "raised" in told:
        return Description(error=told["raised"])
    try:
        return _read(told)
    except (KeyError, TypeError, AttributeError) as error:
        kind = type(error).__name__
        raise ValueError(
            f"a description must have the form that lenet_graph.py or lenet_models.py states; got {kind}"
        ) from None


def returned_in_words(kind: str) -> str:
    """Return words for the result of a function, given the name of its type.

    >>> returned_in_words("NoneType"), returned_in_words("SymbolicTensor"), returned_in_words("History")
    ('None', 'a tensor', 'something of type History')
    """
    if kind.endswith("Tensor"):
        return "a tensor"
    return {
        "NoneType": "None",
        "Operation": "an operation",
        "tuple": "a tuple",
        "list": "a list",
        "dict": "a dict",
    }.get(kind, f"something of type {kind}")


def _read(told: Mapping[str, Any]) -> Description:
    returned, variables = told["returned"], list(told["variables"])[:_MOST]
    shapes = [tuple(_size(size) for size in one["shape"][:_AXES]) for one in variables]
    told_layers, operations = told.get("layers"), told.get("operations")
    layers: list[LayerFacts] = []
    with contextlib.suppress(KeyError, TypeError, ValueError, IndexError, AttributeError):
        layers = from_graph(operations, shapes) if operations is not None else from_model(told_layers or [])
    return Description(
        kind=_name(returned["kind"]),
        items=[(_name(item["kind"]), _name(item["type"])) for item in returned.get("items", [])],
        model=bool(returned.get("model")),
        compiled=bool(told.get("compiled")),
        shapes=shapes,
        trained=[bool(one.get("trainable", True)) for one in variables],
        layers=layers,
        unused=[kind_in_words(_name(name)) for name in told.get("unused", [])][:_MOST],
        regularized=bool(told.get("regularizers")) or any(bool(layer["regularizer"]) for layer in told_layers or []),
        misplaced=bool(told.get("regularizers")) or any(bool(layer["initializer"]) for layer in told_layers or []),
        noisy=[kind for kind in (_name(layer["type"]) for layer in told_layers or []) if _NOISY.search(kind)],
        from_logits=bool(told.get("from_logits")),
        optimizers=[_name(name) for name in told.get("optimizers", [])][:_MOST_OPTIMIZERS],
    )


def _name(value: object) -> str:
    return str(value)[:_LONGEST]


def _size(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value < _LARGEST:
        raise ValueError(f"a size must be an int from 0 to {_LARGEST - 1}; got {type(value).__name__}")
    return value
