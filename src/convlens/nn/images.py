"""Images as people give them to a network: lists, uint8, float64, without the axis of channels."""

from __future__ import annotations

import math
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from convlens.arrays import FLOATS, Array
from convlens.data.pixels import Pixels

__all__ = ["Images", "as_array", "as_dtype", "as_images"]

Images: TypeAlias = "Pixels | NDArray[Any]"
_LISTS: Any = list | tuple
_FEW = 8_192  # numbers; more are not faster by their squares, which BLAS would add on several threads


def as_array(name: str, value: object) -> NDArray[Any]:
    """Return an array of numbers: the array itself, or what a list or another library's array holds."""
    if isinstance(value, np.ma.MaskedArray | np.matrix):
        raise ValueError(f"{name} must be a plain array of numbers; got {type(value).__name__}")
    try:
        found = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} must be an array of numbers; got {type(value).__name__}: {error}") from None
    if found.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be an array of numbers; got {type(value).__name__} of {found.dtype}")
    return found


def _is_finite(x: NDArray[Any]) -> bool:
    """Return whether all numbers are finite. For a few, the sum of their squares tells it faster, if it is finite."""
    if x.size <= _FEW and x.dtype in FLOATS and math.isfinite(np.vdot(x, x)):
        return True
    return bool(np.isfinite(x).all())


def as_images(name: str, x: object, input_shape: tuple[int, ...]) -> Images:
    """Return x (n, *input_shape) without a copy where that is possible; its numbers keep their type.

    As in Keras, an axis of one channel may be missing, or be there once too often. Raises ValueError if the shape does
    not fit, or if a number is NaN or infinite.
    """
    if isinstance(x, _LISTS) and len(x) == 1 and np.ndim(x[0]) > len(input_shape):
        x = x[0]  # Keras's list of inputs, with one of them
    plain = isinstance(x, Pixels) or (type(x) is np.ndarray and x.dtype in FLOATS)
    found: Images = cast(Images, x) if plain else as_array(name, x)
    if isinstance(found, np.ndarray) and found.shape[1:] != input_shape:
        if (*found.shape[1:], 1) == input_shape:
            found = found[..., None]
        elif found.shape[1:] == (*input_shape, 1):
            found = found[..., 0]
    if found.shape[1:] != input_shape or len(found) == 0:
        shape = "".join(f", {size}" for size in input_shape)
        raise ValueError(f"{name} must be (n{shape}) with n of at least 1; got {found.shape}")
    raw = found.raw if isinstance(found, Pixels) else found
    if raw.dtype.kind == "f" and not _is_finite(raw):
        raise ValueError(f"{name} must be finite; got {np.count_nonzero(~np.isfinite(raw))} NaN or infinite numbers")
    return found


def as_dtype(x: NDArray[Any], dtype: np.dtype[Any]) -> Array:
    """Return x in the dtype; the array itself if it has it."""
    return x if x.dtype == dtype else x.astype(dtype, copy=False)
