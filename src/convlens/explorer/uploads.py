"""Pictures that the page sends: decoded by the readers of `convlens predict`, to the inputs of the network."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.data.handwriting import read_digits
from convlens.data.handwriting.inputs import inputs_of_digits, read_whole
from convlens.explorer.packed import pack
from convlens.training.stored_images import Images

__all__ = ["picture_reader"]


def picture_reader(images: Images, input_shape: tuple[int, ...]) -> Callable[[bytes], dict[str, Any]] | None:
    """Return the function that reads the bytes of a picture, or None for a network that takes no pictures.

    It returns {"images": the inputs (n, h, w, c), "remarks"}: for a network of digits one input for each digit found,
    else the whole picture, stretched to the network's size. It raises ValueError for bytes that are no picture.
    """
    if input_shape not in ((*images.size, 1), (*images.size, 3)):
        return None
    digits = images.class_names == tuple("0123456789") and not images.colour
    return partial(_read, _digits if digits else _whole, images)


def _read(inputs: Callable[[Path, Images], tuple[Array, list[str]]], images: Images, content: bytes) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture")
        path.write_bytes(content)
        try:
            found, remarks = inputs(path, images)
        except ValueError as error:
            raise ValueError(str(error).replace(str(path), "the picture")) from None
    return {"images": pack(found), "remarks": remarks}


def _digits(path: Path, images: Images) -> tuple[Array, list[str]]:
    found = read_digits(path)
    remarks = dict.fromkeys(remark for digit in found for remark in digit.remarks)
    stack = np.stack([digit.image for digit in found])
    return inputs_of_digits(stack, images.size, images.scale, images.light_ink), list(remarks)


def _whole(path: Path, images: Images) -> tuple[Array, list[str]]:
    image, remarks = read_whole(path, images.size, images.colour, images.scale, images.light_ink)
    return image[None], list(remarks)
