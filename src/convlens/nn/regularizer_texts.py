"""Penalties of weights as texts: "l2(0.0001)" adds 0.0001 sum(w²) to the loss. A layer's field holds such a text.

`RegularizerText` can be called, as Keras's regularizers can: `L2(0.01)(w)` is a number.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from convlens.arrays import Array

__all__ = ["Penalty", "RegularizerText", "known_regularizer", "penalty_of", "regularizer_config", "text_of"]

_DEFAULTS = {"l1": {"l1": 0.01}, "l2": {"l2": 0.01}, "l1_l2": {"l1": 0.0, "l2": 0.0}}  # Keras's
_CLASSES = {"L1": "l1", "L2": "l2", "L1L2": "l1_l2"}


class Penalty(NamedTuple):
    """The numbers of a penalty: l1 sum|w| + l2 sum(w²)"""

    l1: float
    l2: float

    def value(self, w: Array) -> float:
        """Return the penalty of the weights w, summed in float64."""
        found = self.l1 * float(np.abs(w).sum(dtype=np.float64)) if self.l1 else 0.0
        return found + (self.l2 * float(np.square(w, dtype=np.float64).sum()) if self.l2 else 0.0)

    def gradient(self, w: Array) -> Array:
        """Return l1 sign(w) + 2 l2 w."""
        found: Array = w * w.dtype.type(2 * self.l2)
        return found + np.sign(w) * w.dtype.type(self.l1) if self.l1 else found


class RegularizerText(str):
    """The text of a penalty, which is a function of an array, too"""

    __slots__ = ()

    def __call__(self, x: Any) -> float:
        """Return the penalty of an array."""
        return penalty_of(self).value(np.asarray(x))

    def get_config(self) -> dict[str, Any]:
        """Return the numbers by name, as Keras's `get_config` does."""
        config: dict[str, Any] = regularizer_config(self)["config"]
        return config


def text_of(name: str, numbers: Mapping[str, Any]) -> RegularizerText:
    """Return the text of a penalty; ValueError for a number that is not finite and at least 0."""
    found = {**_DEFAULTS[name], **{key: value for key, value in numbers.items() if value is not None}}
    words = []
    for key, value in found.items():
        value = value.item() if isinstance(value, np.generic | np.ndarray) and np.ndim(value) == 0 else value
        if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{key} must be a number of at least 0; got {value!r}")
        words.append(f"{key}={float(value)!r}")
    return RegularizerText(f"{name}({', '.join(words)})")


def known_regularizer(field: str, value: Any) -> RegularizerText | None:
    """Return the text of a penalty, or None for none.

    Keras's names "l1", "l2" and "l1_l2" mean its default numbers. Texts with numbers and Keras's own serialized form
    are known, too. Raises ValueError, which calls the field by its name, for anything else.

    >>> known_regularizer("kernel_regularizer", "l2")
    'l2(l2=0.01)'
    """
    if value is None:
        return None
    if isinstance(value, Mapping) and value.get("class_name") in (*_CLASSES, *_DEFAULTS):
        name = _CLASSES.get(str(value["class_name"]), str(value["class_name"]))
        numbers = value.get("config") or {}
        return _named(field, name, {key: _short(numbers[key]) for key in ("l1", "l2") if key in numbers})
    if isinstance(value, str):
        name, numbers = _parse(value)
        if name in _DEFAULTS and numbers is not None and numbers.keys() <= _DEFAULTS[name].keys():
            return _named(field, name, numbers)
    more = ""
    if callable(value) and not isinstance(value, str):
        more = ": a function of one's own has no gradient here"
    raise ValueError(f"{field} must be None, 'l1', 'l2', 'l1_l2' or one of convlens.regularizers; got {value!r}{more}")


def _short(value: Any) -> Any:
    """Return 0.01 where Keras wrote its float32, 0.009999999776482582."""
    return float(str(np.float32(value))) if isinstance(value, float) else value


def _named(field: str, name: str, numbers: Mapping[str, Any]) -> RegularizerText:
    try:
        return text_of(name, numbers)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None


def _parse(text: str) -> tuple[str, dict[str, Any] | None]:
    """ "l2(l2=0.01)" -> ("l2", {"l2": 0.01}); None for a text that is not written so"""
    head, _, _ = text.partition("(")
    name = _CLASSES.get(head, head)
    if head == text:
        return name, {}
    try:
        call = ast.parse(text, mode="eval").body
        if not isinstance(call, ast.Call):
            return name, None
        numbers = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
        return name, numbers | dict(zip(_DEFAULTS.get(name, {}), map(ast.literal_eval, call.args), strict=False))
    except (SyntaxError, ValueError):
        return name, None


def penalty_of(text: str) -> Penalty:
    """Return the numbers of a text that `known_regularizer` gave."""
    numbers = _parse(text)[1] or {}
    return Penalty(float(numbers.get("l1", 0.0)), float(numbers.get("l2", 0.0)))


def regularizer_config(text: str) -> dict[str, Any]:
    """Return a penalty in Keras's serialized form."""
    name, numbers = _parse(text)
    classes = {own: theirs for theirs, own in _CLASSES.items()}
    return {"module": "keras.regularizers", "class_name": classes[name], "config": numbers, "registered_name": None}
