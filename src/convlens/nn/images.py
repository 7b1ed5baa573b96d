"""Images as people give them to a network: lists, uint8, float64, without the axis of channels."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from convlens.arrays import Array
from convlens.data.pixels import Pixels

__all__ = ["Images", "as_array", "as_dtype", "as_images"]

Images: TypeAlias = "Pixels | NDArray[Any]"


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


def as_images(name: str, x: object, input_shape: tuple[int, ...]) -> Images:
    """Return x (n, *input_shape) without a copy where that is possible; its numbers keep their type.

    As in Keras, an axis of one channel may be missing, or be there once too often. Raises ValueError if the shape does
    not fit, or if a number is NaN or infinite.
    """
    if isinstance(x, list | tuple) and len(x) == 1 and np.ndim(x[0]) > len(input_shape):
        x = x[0]  # Keras's list of inputs, with one of them
    found: Images = x if isinstance(x, Pixels) else as_array(name, x)
    if isinstance(found, np.ndarray):
        if (*found.shape[1:], 1) == input_shape:
            found = found[..., None]
        elif found.shape[1:] == (*input_shape, 1):
            found = found[..., 0]
    if found.shape[1:] != input_shape or len(found) == 0:
        shape = "".join(f", {size}" for size in input_shape)
        raise ValueError(f"{name} must be (n{shape}) with n of at least 1; got {found.shape}")
    raw = found.raw if isinstance(found, Pixels) else found
    if raw.dtype.kind == "f" and not np.isfinite(raw).all():
        raise ValueError(f"{name} must be finite; got {np.count_nonzero(~np.isfinite(raw))} NaN or infinite numbers")
    return found


def as_dtype(x: NDArray[Any], dtype: np.dtype[Any]) -> Array:
    """Return x in the dtype; the array itself if it has it."""
    return x.astype(dtype, copy=False)
