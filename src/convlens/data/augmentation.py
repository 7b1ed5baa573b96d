"""Random changes of images during training, and ten crops of each image for prediction.

Source: Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural Networks", section 4.1.

Each change is a function change(images, rng) -> images, as the argument `augment` of `convlens.fit` expects. It returns
images of the same dtype and does not change its input. Generators in the same state give the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.arrays import is_plain, kind
from convlens.geometry import pair

__all__ = ["ColourShift", "Compose", "RandomCrop", "RandomFlip", "center_crop", "crop_views", "ten_crops"]

Images = NDArray[Any]
Change = Callable[[Images, "np.random.Generator"], Images]

_PIXELS = 1 << 16  # the number of pixels in one partial sum


def _check(name: str, images: Images) -> None:
    """Raise ValueError unless images are a non-empty array (n, h, w, c)."""
    if not is_plain(images) or images.ndim != 4 or not images.size:
        got = images.shape if is_plain(images) else kind(images)
        raise ValueError(f"{name} needs images as an array (n, h, w, c) that is not empty; got {got}")


def _check_floats(name: str, images: Images) -> None:
    _check(name, images)
    if images.dtype not in (np.float32, np.float64):
        raise ValueError(f"{name} needs images of float32 or float64; got {images.dtype}")


def _check_rng(rng: np.random.Generator) -> None:
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator; got {rng!r}")


@dataclass(frozen=True)
class RandomCrop:
    """Random crops: images (n, h, w, c) -> (n, *size, c). Each image gets its own position; all are equally likely.

    size: (rows, columns) of the crops, or one integer for both.
    padding: (rows, columns) of zeros that are first added on each side, or one integer for both. If `size` is the size
    of the images, the result is the images shifted by at most `padding`.

    The paper crops (224, 224) from (256, 256).
    """

    size: int | tuple[int, int]
    padding: int | tuple[int, int] = 0

    def __post_init__(self) -> None:
        pair("size", self.size, 1)
        pair("padding", self.padding, 0)

    def __call__(self, images: Images, rng: np.random.Generator) -> Images:
        """Return the crops. Raises ValueError if `size` does not fit into the padded images."""
        _check("RandomCrop", images)
        _check_rng(rng)
        rows, columns = pair("padding", self.padding, 0)
        around = ((0, 0), (rows, rows), (columns, columns), (0, 0))
        padded = np.pad(images, around) if rows or columns else images
        h, w = _fit("RandomCrop", padded, self.size)
        n, padded_h, padded_w, c = padded.shape
        tops = rng.integers(0, padded_h - h, n, endpoint=True)
        lefts = rng.integers(0, padded_w - w, n, endpoint=True)
        found = np.empty((n, h, w, c), images.dtype)
        for image, whole, top, left in zip(found, padded, tops, lefts, strict=True):
            image[...] = whole[top : top + h, left : left + w]
        return found


@dataclass(frozen=True)
class RandomFlip:
    """Random mirroring: each image of images (n, h, w, c) is mirrored left to right with probability 1/2.

    Do not use it for digits: a mirrored digit is not the same digit.
    """

    def __call__(self, images: Images, rng: np.random.Generator) -> Images:
        """Return the images, some of them mirrored. An image with one column (w = 1) does not change."""
        _check("RandomFlip", images)
        _check_rng(rng)
        mirrored = rng.random(len(images)) < 0.5
        found: Images = np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
        return found


@dataclass(frozen=True, eq=False)
class ColourShift:
    """A random shift of colours: images (n, h, w, c) -> images + [p1 … pc] [a1 l1 … ac lc]^T.

    a1 … ac ~ N(0, scale) are drawn once for each image.
    vectors (c, c): its columns p1 … pc are the eigenvectors of the covariance of the channels over all pixels.
    values (c,): l1 … lc, the eigenvalues of the same covariance.

    The shift changes the brightness and the colour of the light, but not the object. As in the paper, the eigenvalues
    are variances. They suit pixels from 0 to 1; for pixels from 0 to 255 the shifts would be far too large.
    """

    vectors: NDArray[np.float64]
    values: NDArray[np.float64]
    scale: float = 0.1

    def __post_init__(self) -> None:
        c = len(self.values)
        if self.values.shape != (c,) or self.vectors.shape != (c, c):
            raise ValueError(
                f"ColourShift needs vectors (c, c) and values (c,); got {self.vectors.shape}, {self.values.shape}"
            )
        if not (math.isfinite(self.scale) and self.scale >= 0):
            raise ValueError(f"scale must be a number of at least 0; got {self.scale!r}")

    @classmethod
    def from_images(cls, images: Images, scale: float = 0.1) -> ColourShift:
        """Compute vectors and values from training images (n, h, w, c), the largest value first. Sums are in float64.

        The sign of each vector makes its largest number positive, so equal images give the same bits.

        Raises ValueError if the images are not finite float32 or float64 numbers.
        """
        _check_floats("ColourShift", images)
        if not np.isfinite(images).all():
            found = np.count_nonzero(~np.isfinite(images))
            raise ValueError(f"ColourShift needs finite images; got {found} NaN or infinite numbers")
        c = images.shape[3]
        pixels = images.reshape(-1, c)
        mean = pixels.mean(axis=0, dtype=np.float64)
        covariance = np.zeros((c, c))
        for start in range(0, len(pixels), _PIXELS):
            apart = pixels[start : start + _PIXELS] - mean
            covariance += np.einsum("pi,pj->ij", apart, apart)  # not BLAS: its sums may depend on the number of threads
        values, vectors = np.linalg.eigh(covariance / len(pixels))
        values, vectors = np.maximum(values, 0)[::-1], vectors[:, ::-1]
        largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(c)]
        return cls(vectors * np.sign(largest), values, scale)

    def __call__(self, images: Images, rng: np.random.Generator) -> Images:
        """Return the shifted images. Results below 0 and above 1 are kept.

        Raises ValueError if the images have another number of channels.
        """
        _check_floats("ColourShift", images)
        _check_rng(rng)
        if images.shape[3] != len(self.values):
            raise ValueError(f"ColourShift needs images of {len(self.values)} channels; got {images.shape}")
        strength = rng.normal(0, self.scale, (len(images), len(self.values))) * self.values
        shift = (self.vectors * strength[:, None, :]).sum(axis=2)
        found: Images = images + shift[:, None, None, :].astype(images.dtype)
        return found


@dataclass(frozen=True)
class Compose:
    """Several changes, one after the other: images -> changes[-1](… changes[0](images, rng) …, rng)."""

    changes: tuple[Change, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.changes, tuple) or not all(map(callable, self.changes)):
            raise ValueError(f"changes must be a tuple of functions of images and rng; got {self.changes!r}")

    def __call__(self, images: Images, rng: np.random.Generator) -> Images:
        """Return the changed images. If `changes` is empty, return `images` itself."""
        for change in self.changes:
            images = change(images, rng)
        return images


def _fit(name: str, images: Images, size: int | tuple[int, int]) -> tuple[int, int]:
    """Return size as (h, w). Raises ValueError unless it fits into the images."""
    h, w = pair("size", size, 1)
    if h > images.shape[1] or w > images.shape[2]:
        raise ValueError(f"{name} needs a size that fits into the images; got {(h, w)}, images {images.shape[1:3]}")
    return h, w


def center_crop(images: Images, size: int | tuple[int, int]) -> Images:
    """Return the centre of each image: images (n, h, w, c) -> (n, *size, c).

    If no crop lies exactly in the middle, the one nearer to the top or the left is taken.
    """
    return crop_views(images, size, "center_crop")[4].copy()


def crop_views(images: Images, size: int | tuple[int, int], name: str = "ten_crops") -> list[Images]:
    """Return the ten crops of `ten_crops` as a list of views (n, *size, c), without copying. Errors call it `name`."""
    _check(name, images)
    h, w = _fit(name, images, size)
    down, right = images.shape[1] - h, images.shape[2] - w
    places = ((0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2))
    views = [images[:, i : i + h, j : j + w] for i, j in places]
    return views + [view[:, :, ::-1] for view in views]


def ten_crops(images: Images, size: int | tuple[int, int]) -> Images:
    """Return ten crops of each image: images (n, h, w, c) -> (n, 10, *size, c).

    The order: the four corners (top left, top right, bottom left, bottom right), the centre, and then all five
    mirrored. `convlens.nn.predict_ten_crops` averages a network's predictions for them.
    """
    return np.stack(crop_views(images, size), axis=1)
