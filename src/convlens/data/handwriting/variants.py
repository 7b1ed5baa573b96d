"""The same digit drawn a little differently: an answer that changes with it is not to be trusted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["variants"]

_MOVED = ((0.9, 0.0, 0.0), (1.1, 0.0, 0.0), (1.0, 0.15, 0.0), (1.0, -0.15, 0.0), (1.0, 0.0, 0.14), (1.0, 0.0, -0.14))


def variants(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the image (28, 28, 1) as it is; moved; scaled, slanted, turned; wider and thinner: (13, 28, 28, 1)."""
    from PIL import Image

    level = image[..., 0]
    out = [level, *(np.roll(level, s, axis) for axis in (0, 1) for s in (-1, 1))]
    grey = Image.fromarray(np.ascontiguousarray(level, dtype=np.float32))
    for scale, slant, turn in _MOVED:
        c, s = np.cos(turn) / scale, np.sin(turn) / scale
        a, b, d, e = c, s + slant / scale, -s, c
        matrix = (a, b, 13.5 - a * 13.5 - b * 13.5, d, e, 13.5 - d * 13.5 - e * 13.5)
        moved = grey.transform((28, 28), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
        out.append(np.asarray(moved, dtype=np.float32))
    wide = np.maximum.reduce([level, *(0.7 * np.roll(level, s, axis) for axis in (0, 1) for s in (-1, 1))])
    thin = np.minimum.reduce([level, *(0.3 + np.roll(level, s, axis) for axis in (0, 1) for s in (-1, 1))])
    out += [wide, thin]
    return np.stack(out).astype(np.float32)[..., np.newaxis]
