"""What a trained network's file says about the images that the network was trained on."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from convlens.data import Digits

__all__ = ["Images", "of_digits", "read_images"]


@dataclass(frozen=True)
class Images:
    """The training images, as a prediction needs to know them.

    class_names: the name of each class, in the order of the network's outputs. scale: the factor that turns 8-bit
    pixels, from 0 to 255, into the network's input. light_ink: True for light ink on a dark ground, False for the
    opposite, None if unknown or if the images are not handwriting. size: (h, w) in pixels. colour: whether the images
    have 3 channels.
    """

    class_names: tuple[str, ...]
    scale: float = 1 / 256
    light_ink: bool | None = None
    size: tuple[int, int] = (28, 28)
    colour: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON data."""
        return {**asdict(self), "class_names": list(self.class_names), "size": list(self.size)}


def of_digits(digits: Digits) -> Images:
    """Return what a run stores about its data set."""
    h, w, c = digits.pixels_train.shape[1:]
    return Images(digits.class_names, _scale(digits), digits.light_ink, (h, w), c == 3)


def _scale(digits: Digits) -> float:
    """Return the scale for 8-bit pixels, whatever the pixels are that the network is trained on.

    With 8-bit pixels it is their own scale. Otherwise it is 1/256, as in the course, where white is that much below 1:
    with 16 bits, and with numbers below 1. It is 1/255 where white is 1: with truth values, with levels from 0 to 16,
    and with numbers up to 1.
    """
    if digits.pixels_train.dtype == np.uint8 and digits.scale not in (1, 1 / 16):
        return digits.scale
    white_is_one = digits.scale == 1 / 16 or (digits.scale == 1 and float(digits.pixels_train.max()) >= 1)
    return 1 / (255 if white_is_one else 256)


def read_images(found: object, input_shape: tuple[int, ...], classes: int) -> Images:
    """Return the images that a file describes. A file of an old version has None: its classes are 0 … classes - 1.

    Raises ValueError if `found` is damaged or does not fit the network.
    """
    if found is None:
        old = input_shape == (28, 28, 1) and classes == 10  # an old version trained on light digits
        colour = len(input_shape) == 3 and input_shape[2] == 3
        h, w = input_shape[:2] if len(input_shape) == 3 else (28, 28)
        return Images(tuple(map(str, range(classes))), 1 / 256, True if old else None, (h, w), colour)
    try:
        assert isinstance(found, dict)
        images = Images(
            tuple(map(str, found["class_names"])),
            float(found["scale"]),
            None if found["light_ink"] is None else bool(found["light_ink"]),
            (int(found["size"][0]), int(found["size"][1])),
            bool(found["colour"]),
        )
    except (KeyError, TypeError, ValueError, IndexError, AssertionError) as error:
        raise ValueError(f"the stored description of the images is damaged: {error!r}") from None
    if len(images.class_names) != classes:
        raise ValueError(f"there must be {classes} class names, one for each output; got {len(images.class_names)}")
    if not (math.isfinite(images.scale) and images.scale > 0):
        raise ValueError(f"the scale of the images must be a number above 0; got {images.scale!r}")
    fits = len(input_shape) != 3 or ((*images.size, images.colour) == (*input_shape[:2], input_shape[2] == 3))
    if not fits:
        kind = "in colour" if images.colour else "grey"
        raise ValueError(f"the images must fit the network's input {input_shape}; got {images.size}, {kind}")
    return images
