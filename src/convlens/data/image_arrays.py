"""Arrays of images as people keep them: any number type, flat or channels first, 0 … 1 or 0 … 255."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convlens.data.pixels import COURSE_SCALE, as_float

__all__ = ["ScaledImages", "is_light_ink", "understand_images"]

_SOME = 1024  # images that are looked at together
_CHANNELS = (1, 3, 4)
_DARK = 128  # 8-bit images without a brighter pixel than this are named
_UNLIKE = 8  # parts whose brightest pixels differ by this factor are named


class ScaledImages(NamedTuple):
    """Images of each part (n, h, w, c), all uint8 or all float32; a network sees images · scale; sentences."""

    parts: dict[str, NDArray[Any]]
    scale: float
    notes: list[str]


def understand_images(parts: Mapping[str, Any], called: Mapping[str, str]) -> ScaledImages:
    """Convert the images of all parts to (n, h, w, c), uint8 or float32, and choose their scale.

    Accepted: (n, h, w), (n, h, w, c), (n, c, h, w) with 1, 3 or 4 channels, and (n, h·w) for square images; uint8,
    truth values, other integers from 0 to 65535, and finite floating-point numbers.

    The scale: uint8 pixels are divided by 256, as in the course. Pixels that are 0 and 1, and floating-point numbers up
    to 2, are kept. Whole numbers from 0 to 16 are divided by 16, numbers from 0 to 255 by 256, whole numbers up to
    65535 by 65536. Other numbers are kept. A note says what is done to pixels that are not 0 … 255 or 0 … 1.

    Raises ValueError with the name, the rule and what was found.
    """
    notes: dict[str, None] = {}
    found = {part: _shaped(_numbers(array, called[part]), called[part], notes) for part, array in parts.items()}
    found, scale = _scaled(found, notes)
    return ScaledImages(found, scale, list(notes))


def _numbers(given: Any, name: str) -> NDArray[Any]:
    """Return an array as uint8 or float32. Raises ValueError for numbers that cannot be pixels."""
    array = np.asarray(given)
    if array.dtype.kind == "b":
        return np.where(array, np.uint8(1), np.uint8(0))  # Pillow's truth values are the bytes 0 and 255
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name} must hold images as uint8 or floating-point numbers; got {array.dtype}")
    if array.dtype == np.uint8 or not array.size:
        return array
    if array.dtype.kind in "iu":
        low, high = int(array.min()), int(array.max())
        if low < 0 or high > 65535:
            raise ValueError(f"{name} must hold images of 8 or 16 bits, 0 to 65535; got {low} to {high}")
        return array.astype(np.uint8 if high < 256 else np.float32)
    with np.errstate(over="ignore"):
        x = array.astype(np.float32, copy=False)
    finite = np.isfinite(x)
    if not finite.all():
        first = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ValueError(f"{name} must be finite in float32; got {array[first]!s} at {first}")
    return x


def _shaped(x: NDArray[Any], name: str, notes: dict[str, None]) -> NDArray[Any]:
    """Return images as (n, h, w, c)."""
    if x.ndim == 2 and x.size and (side := math.isqrt(x.shape[1])) > 1 and side * side == x.shape[1]:
        notes[f"the images are rows of {x.shape[1]} numbers: they are read as {side} × {side} pixels"] = None
        x = x.reshape(len(x), side, side)
    if x.ndim not in (3, 4):
        raise ValueError(f"{name} must hold images as (n, h, w) or (n, h, w, c); got {x.shape}")
    if x.size == 0:
        raise ValueError(f"{name} must hold at least one image with at least one pixel; got {x.shape}")
    if x.ndim == 3:
        return x[..., np.newaxis]
    _, c, h, w = x.shape
    if c in _CHANNELS and h > 4 and w > 4:
        note = f"the images are (n, {c}, {h}, {w}), channels first: they are turned to (n, {h}, {w}, {c})"
        notes[note] = None
        return np.ascontiguousarray(np.moveaxis(x, 1, 3))
    return x


def _scaled(parts: dict[str, NDArray[Any]], notes: dict[str, None]) -> tuple[dict[str, NDArray[Any]], float]:
    """Return the images, all of one type, and the scale that brings their pixels to 0 … 1."""
    tops = {part: float(x.max()) for part, x in parts.items()}
    low, top = min(float(x.min()) for x in parts.values()), max(tops.values())
    floats = [x for x in parts.values() if x.dtype != np.uint8]
    if len(floats) in (0, len(parts)):
        notes |= dict.fromkeys(_unlike(tops))
    told = f"the pixels are numbers from {low:g} to {top:g}"
    if not floats or (low >= 0 and 2 < top <= 255 and all(map(_whole, floats))):
        parts = {part: x.astype(np.uint8, copy=False) for part, x in parts.items()}
        if top <= 1:
            return parts, 1.0
        scale = 1 / 16 if top <= 16 else COURSE_SCALE
        if floats or top <= 16:
            notes[f"{told}: they are divided by {1 / scale:.0f}"] = None
        elif top < _DARK:
            notes[f"{told}: white is taken to be 255, and they are divided by 256"] = None
        return parts, scale
    if len(floats) < len(parts):
        parts = {part: as_float(x, COURSE_SCALE) if x.dtype == np.uint8 else x for part, x in parts.items()}
        return parts, 1.0
    if low >= 0 and (16 < top <= 256 or (256 < top <= 65535 and all(map(_whole, floats)))):
        scale = COURSE_SCALE if top <= 256 else 1 / (4096 if top < 4096 else 65536)
        notes[f"{told}: they are divided by {1 / scale:.0f}"] = None
        return parts, scale
    if low < 0 or top > 1:
        notes[f"{told}: they are kept, but pictures to predict are taken as numbers from 0 to 1"] = None
    return parts, 1.0


def _unlike(tops: dict[str, float]) -> Iterator[str]:
    """Say which parts are much brighter or darker than the training part. tops: their brightest pixels."""
    for part, word in (("valid", "validation"), ("test", "test")):
        if part in tops and not tops["train"] / _UNLIKE < tops[part] < tops["train"] * _UNLIKE:
            yield f"training pixels go up to {tops['train']:g}, {word} pixels up to {tops[part]:g}: scale them alike"


def _whole(x: NDArray[Any]) -> bool:
    return all(bool((some == np.floor(some)).all()) for some in _cut(x))


def _cut(x: NDArray[Any]) -> Iterator[NDArray[Any]]:
    return (x[start : start + _SOME] for start in range(0, len(x), _SOME))


def is_light_ink(pixels: NDArray[Any]) -> bool | None:
    """Return whether images (n, h, w, c) show light ink on dark paper; None if they do not look like handwriting.

    They look like it if they are grey, and at least 80 % of the pixels at their border are within a tenth of the
    darkest level (light ink) or of the lightest level (dark ink). The first 1,024 images count.
    """
    x = np.asarray(pixels[:_SOME], np.float32)
    if x.shape[3] != 1 or min(x.shape[1:3]) < 5:
        return None
    low, high = float(x.min()), float(x.max())
    if low == high:
        return None
    level = (x[..., 0] - low) / (high - low)
    inner = np.zeros(level.shape[1:], bool)
    inner[1:-1, 1:-1] = True
    border, centre = level[:, ~inner], level[:, inner]
    if (border < 0.1).mean() >= 0.8 and centre.mean() > border.mean():
        return True
    if (border > 0.9).mean() >= 0.8 and centre.mean() < border.mean():
        return False
    return None
