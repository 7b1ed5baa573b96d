"""Convert colours to grey levels, so that ink and paper differ: also when both are equally bright."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convlens.data.handwriting.decode import Colours

__all__ = ["Grey", "grey_levels", "resized"]

Grey = NDArray[np.uint8]

_SMALL = 128  # the longest side of the picture in which colours are compared
_RATHER = 3.0  # the contrast in colour must be this many times the contrast in brightness
_CLEAR = 48  # brightness is used if its contrast is at least this, in grey levels


def grey_levels(pixels: Colours) -> Grey:
    """Return grey levels (h, w): the brightness, or the direction of colour in which most pixels are alike and few not.

    Grey pictures are returned as they are. The direction is used only when brightness hardly separates ink and paper.
    """
    red = pixels[..., 0]
    if np.array_equal(red, pixels[..., 1]) and np.array_equal(red, pixels[..., 2]):
        return red.copy()
    from PIL import Image

    grey = np.asarray(Image.fromarray(pixels).convert("L"))
    scale = min(1.0, _SMALL / max(red.shape))
    small = resized(pixels, scale).astype(np.float64)
    rest = small.reshape(-1, 3) - np.median(small.reshape(-1, 3), axis=0)
    far = np.linalg.norm(rest, axis=1)
    outlying = rest[far >= np.percentile(far, 97)]
    direction = outlying[0] if not outlying.any() else np.linalg.svd(outlying, full_matrices=False)[2][0]
    length = np.linalg.norm(direction)
    contrast = float(np.percentile(far, 99))
    bright = resized(grey, scale).astype(np.float64)
    brightness = float(np.percentile(np.abs(bright - np.median(bright)), 99))
    if not length or brightness >= _CLEAR or contrast < _RATHER * brightness:
        return grey
    level = pixels @ (direction / length)
    low, high = float(level.min()), float(level.max())
    scaled: Grey = np.rint((level - low) * (255 / max(high - low, 255.0))).astype(np.uint8)
    return scaled


def resized(pixels: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """Scale a picture (h, w) or (h, w, 3): the mean of the pixels that a new one replaces, or cubic to enlarge."""
    from PIL import Image

    h, w = (max(1, round(length * scale)) for length in pixels.shape[:2])
    if (h, w) == pixels.shape[:2]:
        return pixels
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(pixels).resize((w, h), method))
