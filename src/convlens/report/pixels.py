"""Convert arrays to pixels and arrange pixels in pictures, for the report and the figures."""

from __future__ import annotations

import base64
import io
import math

import numpy as np
from numpy.typing import NDArray

from convlens.arrays import Array

__all__ = ["Pixels", "channels_first", "data_uri", "fold", "grey", "in_colour", "mosaic", "shrink", "zoom"]

Pixels = NDArray[np.uint8]

_FRAME = (190, 190, 190, 255)
SCALE = 13.6  # `zoom` draws one pixel SCALE / side^0.4 wide: 4 for a side of 28, 112 in all


def grey(x: Array, low: float = 0.0, high: float = 1.0) -> Pixels:
    """Convert an image (h, w, c) to uint8 (h, w), or to (h, w, 3) if c is 3.

    Black is the smaller of `low` and the smallest number; white is the larger of `high` and the largest number.
    """
    low, high = min(low, float(x.min())), max(high, float(x.max()))
    levels = np.rint((x - low) / (high - low) * 255).astype(np.uint8)
    return levels if x.shape[-1] == 3 else np.rint(levels.mean(axis=-1)).astype(np.uint8)


def in_colour(kernel: Array) -> Pixels:
    """Convert kernels (kh, kw, 3, co) of a colour image to pixels (co, kh, kw, 4), on one scale.

    Grey is 0. A kernel that looks for red is red: each channel's weight is the brightness of its colour.
    """
    largest = float(np.abs(kernel).max()) or 1.0
    levels = np.rint((kernel / largest + 1) * 127.5).astype(np.uint8).transpose(3, 0, 1, 2)
    return np.concatenate([levels, np.full((*levels.shape[:3], 1), 255, np.uint8)], axis=3)


def shrink(painted: Pixels, longest: int) -> Pixels:
    """Average pixels (h, w) or (h, w, channels) over equal squares, so that no side is longer than `longest`.

    >>> shrink(np.zeros((30, 50, 3), np.uint8), 20).shape
    (10, 17, 3)
    """
    from PIL import Image

    factor = -(-max(painted.shape[:2]) // longest)
    if factor == 1:
        return painted
    return np.asarray(Image.fromarray(painted).reduce(factor))


def channels_first(values: Array) -> Array:
    """Move channels to the front: maps (h, w, c) -> (c, h, w), kernels (kh, kw, ci, co) -> (co * ci, kh, kw).

    The ci channels of one filter stay together.
    """
    if values.ndim == 4:
        values = values.transpose(3, 2, 0, 1)
        return values.reshape(-1, *values.shape[2:])
    return values.transpose(2, 0, 1)


def fold(values: Pixels, longest: int) -> Pixels:
    """Fold a strip (n, 4) into equal rows of at most `longest` cells. Unused cells of the last row are transparent."""
    rows = -(-len(values) // longest)
    columns = -(-len(values) // rows)
    cells = np.zeros((rows * columns, values.shape[-1]), np.uint8)
    cells[: len(values)] = values
    return cells.reshape(rows, columns, -1)


def zoom(side: int, scale: float = SCALE) -> int:
    """Return how many screen pixels wide one pixel is drawn. A smaller map is also drawn smaller.

    >>> [side * zoom(side) for side in (28, 14, 10, 5)]
    [112, 70, 50, 35]
    """
    return max(1, round(scale / math.pow(side, 0.4)))


def mosaic(tiles: Pixels, columns: int, size: int, gap: int) -> Pixels:
    """Arrange tiles (n, h, w, 4) in one picture, row after row. Each pixel becomes `size` x `size` pixels.

    Each tile gets a thin grey frame. gap: transparent pixels between tiles.
    """
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
    """Return the pixels, uint8 (h, w), (h, w, 3) or (h, w, 4), as a PNG file in a data URI."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
