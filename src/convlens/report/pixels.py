"""Numbers as pixels, and pixels laid out: for the report and the figures."""

from __future__ import annotations

import base64
import io
import math

import numpy as np
from numpy.typing import NDArray

from convlens.arrays import Array

__all__ = ["Pixels", "channels_first", "data_uri", "fold", "grey", "mosaic", "zoom"]

Pixels = NDArray[np.uint8]

_FRAME = (190, 190, 190, 255)


def grey(x: Array) -> Pixels:
    """An image (h, w, c) -> uint8 (h, w), or (h, w, 3) if c is 3. Black is 0 or its lowest, white 1 or its highest."""
    low, high = min(0.0, float(x.min())), max(1.0, float(x.max()))
    levels = np.rint((x - low) / (high - low) * 255).astype(np.uint8)
    return levels if x.shape[-1] == 3 else np.rint(levels.mean(axis=-1)).astype(np.uint8)


def channels_first(values: Array) -> Array:
    """Feature maps (h, w, c) -> (c, h, w); kernels (kh, kw, ci, co) -> (co * ci, kh, kw), a filter's ci together"""
    if values.ndim == 4:
        values = values.transpose(3, 2, 0, 1)
        return values.reshape(-1, *values.shape[2:])
    return values.transpose(2, 0, 1)


def fold(values: Pixels, longest: int) -> Pixels:
    """A strip (n, 4) -> rows of at most `longest` cells, as even as can be; what is left over is transparent."""
    rows = -(-len(values) // longest)
    columns = -(-len(values) // rows)
    cells = np.zeros((rows * columns, values.shape[-1]), np.uint8)
    cells[: len(values)] = values
    return cells.reshape(rows, columns, -1)


def zoom(side: int, scale: float = 13.6) -> int:
    """How many pixels of the screen a pixel gets, so that of two maps the smaller one stays the smaller one.

    >>> [side * zoom(side) for side in (28, 14, 10, 5)]
    [112, 70, 50, 35]
    """
    return max(1, round(scale / math.pow(side, 0.4)))


def mosaic(tiles: Pixels, columns: int, size: int, gap: int) -> Pixels:
    """(n, h, w, 4) -> one picture, row after row, each pixel `size` wide and high, each tile in a thin grey frame."""
    n, h, w, _ = tiles.shape
    h, w = h * size + 2, w * size + 2
    rows = -(-n // columns)
    whole = np.zeros((rows * (h + gap) - gap, columns * (w + gap) - gap, 4), np.uint8)
    for k, tile in enumerate(tiles):
        top, left = k // columns * (h + gap), k % columns * (w + gap)
        whole[top : top + h, left : left + w] = _FRAME
        whole[top + 1 : top + h - 1, left + 1 : left + w - 1] = tile.repeat(size, axis=0).repeat(size, axis=1)
    return whole


def data_uri(pixels: Pixels) -> str:
    """uint8 (h, w), (h, w, 3) or (h, w, 4) -> a PNG of just these pixels as a data URI."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
