"""Convert pictures to the input of a network, by what its run says about the images that it was trained on."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convlens.data.decode import BrokenPictureError, decode
from convlens.data.handwriting.colours import Grey
from convlens.data.handwriting.decode import Colours, read_picture
from convlens.data.handwriting.like_mnist import inverted

__all__ = ["inputs_of_digits", "read_whole"]


def inputs_of_digits(
    digits: NDArray[np.float32], size: tuple[int, int], scale: float, light_ink: bool | None
) -> NDArray[np.float32]:
    """Convert digits (n, 28, 28, 1), uint8 / 256, light on dark, to a network's input (n, h, w, 1).

    size: (h, w). scale: the factor of the training pixels. light_ink: False if the network was trained on dark ink.
    """
    from PIL import Image

    pixels = np.rint(digits[..., 0] * np.float32(256))
    if light_ink is False:
        pixels = 255 - pixels
    if size != (28, 28):
        h, w = size
        levels = (Image.fromarray(level) for level in pixels.astype(np.uint8))
        pixels = np.stack([np.asarray(level.resize((w, h), Image.Resampling.BILINEAR)) for level in levels])
    inputs: NDArray[np.float32] = (pixels * np.float32(scale)).astype(np.float32)[..., np.newaxis]
    return inputs


def read_whole(
    path: str | os.PathLike[str], size: tuple[int, int], colour: bool, scale: float, light_ink: bool | None
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Read the whole picture at `path` as a network's input float32 (h, w, 3), or (h, w, 1) if `colour` is false.

    The picture is decoded as those of a data set are, so that a training picture gives its training pixels, and
    stretched to size = (h, w). A JPEG that is cut off is decoded as a photograph. With light_ink given, the picture is
    inverted if its ground is dark instead of light, or light instead of dark. Returns the input and remarks about the
    file. Raises as `read_digits` does.
    """
    h, w = size
    pixels, remarks = _whole(Path(path), size, colour)
    if light_ink is not None and not colour:
        pixels = inverted(pixels) if light_ink else 255 - inverted(pixels)
    return (pixels * np.float32(scale)).astype(np.float32).reshape(h, w, 3 if colour else 1), remarks


def _whole(path: Path, size: tuple[int, int], colour: bool) -> tuple[Colours | Grey, tuple[str, ...]]:
    from PIL import Image

    try:
        pixels = decode(path.read_bytes(), size, colour=colour, resize=True) if path.is_file() else None
    except BrokenPictureError:
        pixels = None
    if pixels is not None:
        return (pixels if colour else pixels[..., 0]), ()
    picture = read_picture(path)  # it says what is wrong, or reads what is there of a JPEG
    image = Image.fromarray(picture.pixels).convert("RGB" if colour else "L")
    return np.asarray(image.resize(size[::-1], Image.Resampling.BILINEAR)), picture.remarks
