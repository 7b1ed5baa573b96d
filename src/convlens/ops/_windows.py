"""Helpers that several operations share: checks of arguments, and blocks of examples that bound the memory."""

from __future__ import annotations

from collections.abc import Iterator

from convlens.arrays import FLOATS, Array, is_plain, kind
from convlens.engines.padding import crop, framed, pad

__all__ = ["blocks", "check", "check_same_dtype", "check_shape", "crop", "framed", "pad"]

_BLOCK = 1 << 24  # bytes of padded input and output handled at once


def check(op: str, array_name: str, array: Array, letters: str) -> None:
    """Raise ValueError unless `array` is a float array with one axis for each of the `letters` and no empty axis."""
    if not is_plain(array) or array.dtype not in FLOATS:
        raise _not_floats(op, array_name, array)
    axes = letters.split()
    if array.ndim != len(axes):
        raise ValueError(f"{op} needs {array_name} ({', '.join(axes)}); got {array.ndim} axes, {array.shape}")
    if array.size == 0:
        raise ValueError(f"{op} needs at least one number along each axis of {array_name}; got {array.shape}")


def _not_floats(op: str, array_name: str, array: Array) -> ValueError:
    return ValueError(f"{op} needs {array_name} as an array of float32 or float64; got {kind(array)}")


def check_same_dtype(op: str, first_name: str, first: Array, **others: Array) -> None:
    """Raise ValueError unless all arrays have the same dtype: nothing is promoted silently."""
    for name, array in others.items():
        if not is_plain(array) or array.dtype != first.dtype:
            if not is_plain(array) or array.dtype not in FLOATS:
                raise _not_floats(op, name, array)
            raise ValueError(
                f"{op} needs {first_name} and {name} of the same dtype; "
                f"got {first_name} {first.dtype}, {name} {array.dtype}"
            )


def check_shape(op: str, array_name: str, array: Array, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless `array` has exactly this shape."""
    if array.shape != shape:
        raise ValueError(f"{op} needs {array_name} {shape}; got {array.shape}")


def blocks(n: int, example_bytes: int) -> Iterator[slice]:
    """Yield the n examples in blocks of at most _BLOCK bytes, or of one example if that is larger.

    The number of examples in a block is a power of two, so two or four cores share a block evenly. The partition
    depends only on the shapes.
    """
    step = 1 << max(1, _BLOCK // example_bytes).bit_length() - 1
    return (slice(k, min(k + step, n)) for k in range(0, n, step))
