"""The array type of convlens, `Array`: plain NumPy arrays. `is_plain` tells a plain array from its subclasses."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["FLOATS", "Array", "contiguous", "is_plain", "kind"]

Array: TypeAlias = NDArray[Any]
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_PLAIN = (np.ndarray, np.memmap)


def contiguous(x: Array) -> Array:
    """Return x in C order (the last axis changes fastest), contiguous and aligned. Copies x only if it is not so yet.

    >>> contiguous(np.zeros((3, 5)).T).strides
    (24, 8)
    """
    return x if x.flags.c_contiguous and x.flags.aligned else np.require(x, requirements=("C", "A"))


def is_plain(value: object) -> bool:
    """Return whether value is a plain NumPy array. A memory-mapped array (`np.memmap`) counts as plain.

    A masked array is not plain: its hidden numbers would enter the computation. A matrix is not plain either.

    >>> is_plain(np.zeros(3)), is_plain(np.ma.masked_array([1.0])), is_plain([1.0])
    (True, False, False)
    """
    return type(value) in _PLAIN


def kind(value: object) -> str:
    """Name what a value is, for an error message: the dtype of a plain array, otherwise the name of its type.

    >>> kind(np.zeros(3, np.float32)), kind([1.0]), kind(np.ma.masked_array([1.0]))
    ('float32', 'list', 'MaskedArray')
    """
    return str(value.dtype) if isinstance(value, np.ndarray) and is_plain(value) else type(value).__name__
