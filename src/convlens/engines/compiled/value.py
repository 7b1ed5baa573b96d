"""The values of a fused pass while it is built: the numbers between two layers and their gradient, each an image."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled.image import Image

__all__ = ["Places", "Value", "as_image", "places"]


class Value(NamedTuple):
    """An image and the image of its gradient

    shape: of one example, in the network. channels: whether channels are in lanes; else examples are. A flattened image
    may keep its planes, rows and columns: then its shape has one axis.
    """

    x: Image
    dx: Image
    shape: tuple[int, ...]
    channels: bool

    def per(self, n: int) -> int:
        """The number of planes after which the channels begin again, for n examples"""
        return self.x.planes // n if self.channels else self.x.planes

    @property
    def is_row(self) -> bool:
        """Whether each number of an example is a plane of one pixel, as a dense layer gives it."""
        return not self.channels and all(image.plane == image.lanes for image in (self.x, self.dx))


class Places(NamedTuple):
    """Where the numbers of an example stand in an image, the last axis fastest, and how far the next example is"""

    table: Array
    example: int


def as_image(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return a shape as rows, columns and channels.

    >>> as_image((7,)), as_image((2, 3)), as_image((5, 4, 2, 3))
    ((1, 1, 7), (1, 2, 3), (20, 2, 3))
    """
    w, c = (1, *shape)[-2:]
    return math.prod(shape) // (w * c), w, c


def places(value: Value, image: Image, n: int) -> Places:
    """Return the places in one of the images of a value, for n examples."""
    c = value.shape[-1] if value.channels else image.planes
    i, j, k = np.indices((image.rows, image.columns, c)).reshape(3, -1)
    start = i * image.pitch + j * image.lanes
    if not value.channels:
        return Places(start + k * image.plane, 1)
    return Places(start + k // image.lanes * image.plane + k % image.lanes, image.planes // n * image.plane)
