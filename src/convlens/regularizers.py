"""Penalties of weights in Keras's spelling: `Dense(10, kernel_regularizer=convlens.regularizers.L2(1e-4))`.

A class of Keras is a function here: it returns a text that a layer takes, such as "l2(l2=0.0001)".
"""

# ruff: noqa: N802  # the names are those of classes in Keras
from __future__ import annotations

from typing import Any

from convlens.nn.absent import names_of
from convlens.nn.regularizer_texts import RegularizerText, known_regularizer, text_of

__all__ = ["L1", "L1L2", "L2", "get", "l1", "l1_l2", "l2"]


def get(identifier: Any) -> RegularizerText | None:
    """Return a penalty by its name in Keras, such as "l2"."""
    return known_regularizer("regularizer", identifier)


def L1(l1: float = 0.01) -> RegularizerText:
    """l1 sum|w|"""
    return text_of("l1", {"l1": l1})


def L2(l2: float = 0.01) -> RegularizerText:
    """l2 sum(w²)"""
    return text_of("l2", {"l2": l2})


def L1L2(l1: float = 0.0, l2: float = 0.0) -> RegularizerText:
    """l1 sum|w| + l2 sum(w²)"""
    return text_of("l1_l2", {"l1": l1, "l2": l2})


l1, l2, l1_l2 = L1, L2, L1L2

__getattr__ = names_of(
    __name__,
    {
        "OrthogonalRegularizer": "L1, L2 and L1L2 are here",
        "Regularizer": "a penalty of one's own has no gradient here; L1, L2 and L1L2 are here",
    },
)
