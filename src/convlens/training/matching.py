"""Data as a trained network needs them: its classes in its order, its scale, its channels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.data import Digits, Pixels
from convlens.data.pixels import COURSE_SCALE
from convlens.ops.losses import Labels
from convlens.training.stored_images import Images

__all__ = ["as_trained"]

_LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as Pillow converts colour to grey
_NAMED = 12  # the most classes that an error lists


def as_trained(
    digits: Digits, parts: Sequence[str], images: Images, input_shape: tuple[int, ...]
) -> tuple[Pixels, Labels, list[str]]:
    """Return the images (n, *input_shape) and labels (n,) of parts as the trained network knows them, and notes.

    parts: one or more of "train", "valid", "test", which follow each other. images: what the network was trained on.
    Labels are matched by the names of the classes, so data may lack some of the network's classes or have another
    order. Pixels of 8 bits get the scale of the training images. Grey images are repeated in three channels for a
    network of colour images; colour images become grey for a network of grey ones.
    A note is a sentence about such a change.

    Raises ValueError that names both if a class of the data is not the network's, or if the sizes differ.
    """
    if len(input_shape) != 3:
        raise ValueError(f"the network must take images (height, width, channels); it takes {input_shape}")
    raw, y = (_joined([getattr(digits, f"{kind}_{part}") for part in parts]) for kind in ("pixels", "y"))
    notes: list[str] = []
    labels = _labels(digits, y, images.class_names)
    if raw.shape[1:3] != tuple(input_shape[:2]):
        raise ValueError(
            f"the images must have the size of the network's, {_size(input_shape)} (width x height); "
            f"those of {digits.source} are {_size(raw.shape[1:])}"
        )
    if raw.shape[3] != input_shape[2]:
        raw = _channels(raw, input_shape, digits.source)
        have, need = ("grey", "colour") if input_shape[2] == 3 else ("in colour", "grey")
        notes.append(
            f"the images of {digits.source} are {have}; the network takes {need} images, so they were converted"
        )
    scale = digits.scale
    if raw.dtype == np.uint8 and scale == COURSE_SCALE:  # 8 bits, and not truth values or levels from 0 to 16
        scale = images.scale
    if None not in (images.light_ink, digits.light_ink) and images.light_ink != digits.light_ink:
        light, dark = "light on dark", "dark on light"
        now, then = (light, dark) if digits.light_ink else (dark, light)
        notes.append(f"the images of {digits.source} are {now}; the network was trained on {then}")
    return Pixels(raw, scale), labels, notes


def _joined(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _labels(digits: Digits, y: Labels, names: tuple[str, ...]) -> Labels:
    """Return the labels as the network numbers them."""
    if digits.class_names == names:
        return y
    order = {name: k for k, name in enumerate(names)}
    present = np.unique(y).tolist()
    if any(digits.class_names[k] not in order for k in present):
        raise ValueError(
            f"the classes of the data must be the network's, {_listed(names)}; "
            f"{digits.source} has {_listed(digits.class_names)}"
        )
    numbers = np.zeros(digits.classes, np.int64)
    numbers[present] = [order[digits.class_names[k]] for k in present]
    matched: Labels = numbers[y]
    return matched


def _channels(raw: NDArray[Any], input_shape: tuple[int, ...], source: str) -> NDArray[Any]:
    have, need = raw.shape[3], input_shape[2]
    if (have, need) == (1, 3):
        return np.repeat(raw, 3, axis=3)
    if (have, need) == (3, 1):
        parts = [raw[k : k + 1000] @ _LUMINANCE for k in range(0, len(raw), 1000)]
        grey = [np.rint(part) if raw.dtype == np.uint8 else part for part in parts]
        return np.concatenate([part.astype(raw.dtype) for part in grey])[..., np.newaxis]
    raise ValueError(f"the images must have {need} channels, as the network's; those of {source} have {have}")


def _size(shape: Iterable[int]) -> str:
    return "x".join(map(str, reversed(tuple(shape)[:2])))


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
