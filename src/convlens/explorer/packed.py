"""Arrays as JSON data, {"shape", "dtype", "data"}: the bytes are little-endian, in C order, in base64."""

from __future__ import annotations

import base64
import binascii
import math
from typing import Any

import numpy as np

from convlens.arrays import Array

__all__ = ["from_base64", "pack", "to_base64", "unpack"]

_DTYPES = ("uint8", "float32", "float64")
_MOST_AXES = 4


def to_base64(content: bytes) -> str:
    """Return bytes as text."""
    return base64.b64encode(content).decode("ascii")


def from_base64(name: str, text: object) -> bytes:
    """Return the bytes of base64; ValueError, which calls the text `name`, for anything else."""
    try:
        if not isinstance(text, str):
            raise TypeError
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise ValueError(f"{name} must be bytes in base64") from None


def pack(array: Array) -> dict[str, Any]:
    """Return an array of uint8, float32 or float64 as JSON data; other numbers become float64.

    >>> pack(np.array([[1, 2]], np.uint8))
    {'shape': [1, 2], 'dtype': 'uint8', 'data': 'AQI='}
    """
    dtype = array.dtype.name if array.dtype.name in _DTYPES else "float64"
    little = np.ascontiguousarray(array, np.dtype(dtype).newbyteorder("<"))
    return {"shape": list(array.shape), "dtype": dtype, "data": to_base64(little.tobytes())}


def unpack(name: str, found: object, most: int) -> Array:
    """Return the array of JSON data, of finite numbers, with at most `most` of them; ValueError for anything else."""
    if not isinstance(found, dict) or found.get("dtype") not in _DTYPES:
        raise ValueError(f"{name} must be an array, {{shape, dtype, data}}, of dtype {', '.join(_DTYPES)}")
    shape = found.get("shape")
    if not isinstance(shape, list) or len(shape) > _MOST_AXES or not all(_is_size(size, most) for size in shape):
        raise ValueError(f"{name} must have a shape of at most {_MOST_AXES} sizes, each from 1 to {most:,}")
    if math.prod(shape) > most:
        raise ValueError(f"{name} must have at most {most:,} numbers; got {math.prod(shape):,}")
    dtype = np.dtype(str(found["dtype"]))
    content = from_base64(name, found.get("data"))
    if len(content) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{name} of shape {tuple(shape)} must have {math.prod(shape) * dtype.itemsize:,} bytes")
    array = np.frombuffer(content, dtype.newbyteorder("<")).reshape(shape).astype(dtype)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must have finite numbers")
    return array


def _is_size(size: object, most: int) -> bool:
    return isinstance(size, int) and not isinstance(size, bool) and 1 <= size <= most
