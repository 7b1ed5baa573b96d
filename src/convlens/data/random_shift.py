"""Random shifts of images during training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.augmentation import RandomCrop
from convlens.geometry import pair

__all__ = ["RandomShift"]


@dataclass(frozen=True)
class RandomShift:
    """Random shifts: images (n, h, w, c) -> (n, h, w, c). Each image gets its own shift; all shifts are equally likely.

    most: (rows, columns) by which an image is shifted at most, or one integer for both. The pixels at the edge are
    repeated, so that the ground stays light or dark.
    """

    most: int | tuple[int, int]

    def __post_init__(self) -> None:
        pair("most", self.most, 0)

    def __call__(self, images: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        """Return the shifted images."""
        rows, columns = pair("most", self.most, 0)
        if not isinstance(images, np.ndarray) or images.ndim != 4 or not images.size:
            got = getattr(images, "shape", type(images).__name__)
            raise ValueError(f"RandomShift needs images as an array (n, h, w, c) that is not empty; got {got}")
        padded = np.pad(images, ((0, 0), (rows, rows), (columns, columns), (0, 0)), mode="edge")
        return RandomCrop((images.shape[1], images.shape[2]))(padded, rng)
