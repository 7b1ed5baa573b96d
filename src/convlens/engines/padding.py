"""The frame around images: `pad` adds it, `crop` leaves it out."""

from __future__ import annotations

import numpy as np

from convlens.arrays import Array
from convlens.geometry import Pads

NO_PADS: Pads = ((0, 0), (0, 0))


def pad(x: Array, pads: Pads, value: float = 0.0) -> Array:
    """Return x (n, h, w, c) with a frame of `value` around each image, or x itself if the frame is empty."""
    if pads == NO_PADS:
        return x
    (top, bottom), (left, right) = pads
    n, h, w, c = x.shape
    xp = np.full((n, top + h + bottom, left + w + right, c), value, x.dtype)
    xp[:, top : top + h, left : left + w] = x
    return xp


def framed(x: Array, pads: Pads) -> Array:
    """Return an uninitialized array of the shape of x with its frame, or x itself if the frame is empty."""
    if pads == NO_PADS:
        return x
    (top, bottom), (left, right) = pads
    n, h, w, c = x.shape
    return np.empty((n, top + h + bottom, left + w + right, c), x.dtype)


def crop(xp: Array, pads: Pads, h: int, w: int) -> Array:
    """Return the view of xp inside the frame. This is the transpose of `pad`."""
    top, left = pads[0][0], pads[1][0]
    return xp[:, top : top + h, left : left + w]


def put_inside(xp: Array, pads: Pads, x: Array) -> None:
    """Copy what is inside the frame of xp into x (n, h, w, c), unless xp is x itself."""
    if xp is not x:
        x[...] = crop(xp, pads, *x.shape[1:3])
