"""What a guest says of a network that it has built, read without trusting it.

It explains a failure, or is the reason for one; it never makes anything pass.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from convlens.checker.lenets.table import Row, from_graph, from_model

__all__ = ["Facts", "in_words", "read"]

_NOISY = re.compile("Dropout|Noise")
_MOST, _LARGEST, _AXES = 200, 2**31, 8  # variables; their sizes; their axes


@dataclass(frozen=True)
class Facts:
    """One network

    error: what was raised in place of it, or None; kind: the type of what was returned; items: kind ("tensor",
    "operation", "other") and type of each thing in it (task 4); model, compiled: is it a K.Model, and compiled
    (task 5); shapes and trained: of its variables; rows: its layers, none if they could not be read; regularized:
    whether a layer is; misplaced: may be by an initializer; noisy: layers that do something in training alone;
    from_logits: whether the loss is told that it gets them; optimizers: names of what trains
    """

    error: object = None
    kind: str = ""
    items: list[tuple[str, str]] = field(default_factory=list)
    model: bool = False
    compiled: bool = False
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    trained: list[bool] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    regularized: bool = False
    misplaced: bool = False
    noisy: list[str] = field(default_factory=list)
    from_logits: bool = False
    optimizers: list[str] = field(default_factory=list)


def read(told: object) -> Facts:
    """One network's facts from the guest's message; ValueError if it makes no sense"""
    if not isinstance(told, dict):
        raise ValueError(f"facts must be a dict; got {type(told).__name__}")
    if "raised" in told:
        return Facts(error=told["raised"])
    try:
        return _read(told)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"facts must be what inside/lenets.py tells; got {type(error).__name__}") from None


def in_words(kind: str) -> str:
    """What a function returned, by the name of its type

    >>> in_words("NoneType"), in_words("SymbolicTensor"), in_words("History")
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


def _read(told: Mapping[str, Any]) -> Facts:
    returned, variables = told["returned"], list(told["variables"])[:_MOST]
    shapes = [tuple(_size(size) for size in one["shape"][:_AXES]) for one in variables]
    layers, operations = told.get("layers"), told.get("operations")
    rows: list[Row] = []
    with contextlib.suppress(KeyError, TypeError, ValueError, IndexError, AttributeError):
        rows = from_graph(operations, shapes) if operations is not None else from_model(layers or [])
    return Facts(
        kind=str(returned["kind"])[:80],
        items=[(str(item["kind"])[:80], str(item["type"])[:80]) for item in returned.get("items", [])],
        model=bool(returned.get("model")),
        compiled=bool(told.get("compiled")),
        shapes=shapes,
        trained=[bool(one.get("trainable", True)) for one in variables],
        rows=rows,
        regularized=bool(told.get("regularizers")) or any(bool(layer["regularizer"]) for layer in layers or []),
        misplaced=bool(told.get("regularizers")) or any(bool(layer["initializer"]) for layer in layers or []),
        noisy=[kind for kind in (str(layer["type"])[:80] for layer in layers or []) if _NOISY.search(kind)],
        from_logits=bool(told.get("from_logits")),
        optimizers=[str(name)[:80] for name in told.get("optimizers", [])][:10],
    )


def _size(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value < _LARGEST:
        raise ValueError(f"a size must be an int from 0 to {_LARGEST - 1}; got {type(value).__name__}")
    return value
