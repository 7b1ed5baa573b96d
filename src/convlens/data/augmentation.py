"""Images changed at random while a network trains, and ten cuts of each to predict from.

Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural Networks", section 4.1. Each change is
called as change(images, rng), which is what `augment` in `convlens.fit` takes. What goes in stays as it is, the dtype
is kept, and generators in the same state give the same bits.
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

_PIXELS = 1 << 16  # summed up at once


def _check(name: str, images: Images) -> None:
    """A ValueError unless images are a non-empty array (n, h, w, c)."""
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
    """images (n, h, w, c) -> (n, *size, c): each image cut at a place of its own, all places being equally likely

    padding: before, so many rows of zeros above and below, and columns left and right; with the images' own size the
    cuts are the images shifted by at most so much. The paper cuts (224, 224) from (256, 256).
    """

    size: int | tuple[int, int]
    padding: int | tuple[int, int] = 0

    def __post_init__(self) -> None:
        pair("size", self.size, 1)
        pair("padding", self.padding, 0)

    def __call__(self, images: Images, rng: np.random.Generator) -> Images:
        """ValueError for a size that does not fit into the padded images"""
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
    """images (n, h, w, c) -> the same, each mirrored left to right with probability 1/2. Not for digits, of course."""

    def __call__(self, images: Images, rng: np.random.Generator) -> Images:
        """An image of one row of numbers (w = 1) stays as it is."""
        _check("RandomFlip", images)
        _check_rng(rng)
        mirrored = rng.random(len(images)) < 0.5
        found: Images = np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
        return found


@dataclass(frozen=True, eq=False)
class ColourShift:
    """images (n, h, w, c) -> images + [p1 … pc] [a1 l1 … ac lc]^T, with a ~ N(0, scale) drawn once for each image

    vectors (c, c): p1 … pc, its columns, the eigenvectors of the covariance of the channels over all pixels; values
    (c,): l1 … lc, its eigenvalues. So the light and its colour change, the object does not. The eigenvalues, taken as
    the paper has them, are variances: they suit pixels from 0 to 1; of pixels up to 255 nothing would be left.
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
        """The principal colours of training images (n, h, w, c), the strongest first; summed in float64

        Each vector's largest number is above 0, so that equal images give the same bits.
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
            covariance += np.einsum("pi,pj->ij", apart, apart)  # not by BLAS, whose sums may depend on its threads
        values, vectors = np.linalg.eigh(covariance / len(pixels))
        values, vectors = np.maximum(values, 0)[::-1], vectors[:, ::-1]
        largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(c)]
        return cls(vectors * np.sign(largest), values, scale)

    def __call__(self, images: Images, rng: np.random.Generator) -> Images:
        """ValueError for another number of channels. Nothing is cut off at 0 or 1."""
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
    """Several changes one after the other: images -> changes[-1](… changes[0](images, rng) …, rng)"""

    changes: tuple[Change, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.changes, tuple) or not all(map(callable, self.changes)):
            raise ValueError(f"changes must be a tuple of functions of images and rng; got {self.changes!r}")

    def __call__(self, images: Images, rng: np.random.Generator) -> Images:
        """Without changes the images themselves"""
        for change in self.changes:
            images = change(images, rng)
        return images


def _fit(name: str, images: Images, size: int | tuple[int, int]) -> tuple[int, int]:
    """size as (h, w), or a ValueError unless it fits into the images"""
    h, w = pair("size", size, 1)
    if h > images.shape[1] or w > images.shape[2]:
        raise ValueError(f"{name} needs a size that fits into the images; got {(h, w)}, images {images.shape[1:3]}")
    return h, w


def center_crop(images: Images, size: int | tuple[int, int]) -> Images:
    """images (n, h, w, c) -> (n, *size, c), the middle; of two middles the one nearer to the top or the left"""
    return crop_views(images, size, "center_crop")[4].copy()


def crop_views(images: Images, size: int | tuple[int, int], name: str = "ten_crops") -> list[Images]:
    """The ten of `ten_crops` one by one, each (n, *size, c): views of the images, no copies. Errors say `name`."""
    _check(name, images)
    h, w = _fit(name, images, size)
    down, right = images.shape[1] - h, images.shape[2] - w
    places = ((0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2))
    views = [images[:, i : i + h, j : j + w] for i, j in places]
    return views + [view[:, :, ::-1] for view in views]


def ten_crops(images: Images, size: int | tuple[int, int]) -> Images:
    """images (n, h, w, c) -> (n, 10, *size, c): the four corners in reading order, the centre, then all five mirrored

    `convlens.nn.predict_ten_crops` averages a network's answers to them.
    """
    return np.stack(crop_views(images, size), axis=1)
