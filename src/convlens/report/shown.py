"""A data set as a report shows it: its pictures on one scale of brightness, and the names of its classes."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from convlens.arrays import Array
from convlens.data import Digits, Pixels
from convlens.report.page import name, picture

__all__ = ["Shown"]


class Shown:
    """The pictures and class names of a data set, for the sections of a report.

    classes: the number of the network's outputs. Classes that the data do not name are called by their number.
    """

    def __init__(self, digits: Digits, classes: int) -> None:
        self.digits = digits
        self.names = (*digits.class_names, *map(str, range(digits.classes, classes)))

    def html(self, label: int) -> str:
        """Return the name of a class as HTML."""
        return name(self.names[label])

    def images(self, part: str) -> Pixels:
        """Return the images of a part ("train" or "valid")."""
        return self.digits.images(part)

    def image(self, part: str, place: int) -> Array:
        """Return one image (h, w, c) as the network gets it."""
        found: Array = self.images(part)[place : place + 1][0]
        return found

    def picture(self, part: str, place: int, longest: int, alt: str) -> str:
        """Return one image as an <img> element whose longer side is about `longest` screen pixels."""
        return picture(self.image(part, place), longest, alt, self._limits)

    @cached_property
    def _limits(self) -> tuple[float, float]:
        """The numbers that are black and white: 0 and 1, or the limits of the validation images if these go beyond."""
        raw = self.digits.pixels_valid
        if raw.dtype == np.uint8:
            return 0.0, max(1.0, 255 * self.digits.scale)
        return min(0.0, float(raw.min())), max(1.0, float(raw.max()))
