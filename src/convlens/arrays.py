"""What an array is here: plain numbers in memory. `Array` is its type; `is_plain` tells it from its subclasses."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["FLOATS", "Array", "contiguous", "is_plain", "kind"]

Array: TypeAlias = NDArray[Any]
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def contiguous(x: Array) -> Array:
    """x with its numbers one after the other in memory, the last axis fastest, and aligned: a copy unless it is so

    >>> contiguous(np.zeros((3, 5)).T).strides
    (24, 8)
    """
    return x if x.flags.c_contiguous and x.flags.aligned else np.require(x, requirements=("C", "A"))


def is_plain(value: object) -> bool:
    """Whether value is an array and no more: not a masked array, whose hidden numbers would count, nor a matrix

    A file that is mapped into memory is one.

    >>> is_plain(np.zeros(3)), is_plain(np.ma.masked_array([1.0])), is_plain([1.0])
    (True, False, False)
    """
    return type(value) in (np.ndarray, np.memmap)


def kind(value: object) -> str:
    """What a value is, for an error: the dtype of a plain array, else the name of its type

    >>> kind(np.zeros(3, np.float32)), kind([1.0]), kind(np.ma.masked_array([1.0]))
    ('float32', 'list', 'MaskedArray')
    """
    return str(value.dtype) if isinstance(value, np.ndarray) and is_plain(value) else type(value).__name__
