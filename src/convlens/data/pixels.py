"""Pixels as they are kept, uint8 or float32, and their conversion to the numbers that a network computes with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["COURSE_SCALE", "Pixels", "as_float"]

COURSE_SCALE = 1 / 256  # uint8 pixels are divided by 256, as in the course


def as_float(pixels: NDArray[Any], scale: float, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Return pixels · scale in `dtype`, computed in `dtype`. If nothing would change, return `pixels` itself.

    >>> as_float(np.array([0, 64], np.uint8), 1 / 256)
    array([0.  , 0.25], dtype=float32)
    """
    wanted = np.dtype(dtype)
    if scale == 1:
        return pixels.astype(wanted, copy=False)
    found: NDArray[Any] = np.multiply(pixels, np.asarray(scale, wanted), dtype=wanted)
    return found


class Pixels:
    """Images (n, h, w, c) that are converted when they are indexed: Pixels(raw, scale)[chosen] is float32, or `dtype`.

    The pixels are kept once, in `raw`; an index converts only the images that it chooses. The training loop takes it in
    place of an array.
    """

    def __init__(self, raw: NDArray[Any], scale: float, dtype: DTypeLike = np.float32) -> None:
        self.raw, self.scale = raw, scale
        self.shape, self.ndim, self.dtype = raw.shape, raw.ndim, np.dtype(dtype)

    def __len__(self) -> int:
        return len(self.raw)

    def __getitem__(self, chosen: Any) -> NDArray[Any]:
        """Return the chosen images in `self.dtype`: raw[chosen] · scale"""
        return as_float(self.raw[chosen], self.scale, self.dtype)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all images in `self.dtype`, or in `dtype`."""
        return as_float(self.raw, self.scale, self.dtype if dtype is None else dtype)
