"""A data set of labelled images in three parts (`Digits`), and the function that checks arrays and makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.pixels import COURSE_SCALE, Pixels, as_float

__all__ = ["Digits", "Images", "Labels", "Pixels", "as_float", "from_arrays"]

Images = NDArray[np.float32]
Labels = NDArray[np.int64]

MAX_CLASSES = 100_000
_CHUNK = 1024  # images that are converted at a time

FIELDS = ("x_train", "y_train", "x_valid", "y_valid", "x_test", "y_test")


@dataclass(frozen=True, eq=False)
class Digits:
    """A data set in three parts: training, validation, test. `load` and `from_arrays` make it and check the arrays.

    pixels_train, pixels_valid, pixels_test: images (n, h, w, c) as they are kept, all uint8 or all float32. All parts
    have the same h, w and c. The test part may be empty: (0, h, w, c) and (0,).
    y_train, y_valid, y_test: labels int64 (n,), from 0 to classes - 1.
    source: where the data came from.
    scale: a network computes with pixels · scale. It is 1/256 for uint8, as in the course (0 … 0.99609375).
    class_names: the name of each class, in the order of the labels; without them, the labels are the names.
    light_ink: whether the images show light ink on dark paper; None if they do not look like handwriting.
    notes: sentences about what a reader noticed and changed; the command line prints them.

    `x_train`, `x_valid` and `x_test` are the images as float32. Each is computed when it is first used and then kept.
    """

    pixels_train: NDArray[Any]
    y_train: Labels
    pixels_valid: NDArray[Any]
    y_valid: Labels
    pixels_test: NDArray[Any]
    y_test: Labels
    source: str
    scale: float = 1.0
    class_names: tuple[str, ...] = ()
    light_ink: bool | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.class_names:
            count = 1 + max(int(y.max()) for y in (self.y_train, self.y_valid, self.y_test) if y.size)
            if count > MAX_CLASSES:
                raise ValueError(f"a data set has at most {MAX_CLASSES:,} classes; {self.source} has label {count - 1}")
            object.__setattr__(self, "class_names", tuple(map(str, range(count))))

    @cached_property
    def x_train(self) -> Images:
        """The training images as float32 (n, h, w, c): pixels_train · scale"""
        return as_float(self.pixels_train, self.scale)

    @cached_property
    def x_valid(self) -> Images:
        """The validation images as float32 (n, h, w, c): pixels_valid · scale"""
        return as_float(self.pixels_valid, self.scale)

    @cached_property
    def x_test(self) -> Images:
        """The test images as float32 (n, h, w, c): pixels_test · scale"""
        return as_float(self.pixels_test, self.scale)

    def images(self, part: str) -> Pixels:
        """Return the images of a part ("train", "valid" or "test"), converted to float32 when they are indexed."""
        return Pixels(getattr(self, f"pixels_{part}"), self.scale)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    @cached_property
    def fingerprint(self) -> str:
        """The sha256, in hex, of the names, types, shapes and little-endian bytes of x_train, y_train … y_test.

        The class names are part of it where they are not the labels themselves.
        """
        import hashlib

        digest = hashlib.sha256()
        for name in FIELDS:
            kind, part = name.split("_")
            array: NDArray[Any] | Pixels = self.images(part) if kind == "x" else getattr(self, name)
            digest.update(f"{name} {array.dtype.name} {array.shape}\n".encode())
            for start in range(0, len(array), _CHUNK):
                some = array[start : start + _CHUNK]
                digest.update(np.ascontiguousarray(some, dtype=some.dtype.newbyteorder("<")).data)
        if self.class_names != tuple(map(str, range(self.classes))):
            digest.update(repr(self.class_names).encode())
        return digest.hexdigest()


def from_arrays(
    x_train: NDArray[Any],
    y_train: NDArray[Any],
    x_valid: NDArray[Any],
    y_valid: NDArray[Any],
    x_test: NDArray[Any] | None = None,
    y_test: NDArray[Any] | None = None,
    *,
    source: str = "arrays",
    names: Mapping[str, str] | None = None,
) -> Digits:
    """Check and convert arrays in memory and return them as Digits. Every reader of this package calls it.

    Images (n, h, w) or (n, h, w, c): finite floating-point numbers (values are kept) or uint8 (divided by 256).
    Labels (n,): integers >= 0. `names` maps an argument to the name that errors use for it, for example a file. The
    arrays are not changed. An array that already has the right type is used without a copy.

    Raises ValueError with the name, the rule and what was found.
    """
    called = {name: name for name in FIELDS} | dict(names or {})

    def part(kind: str, images: NDArray[Any], labels: NDArray[Any]) -> tuple[NDArray[Any], Labels]:
        x_name, y_name = called[f"x_{kind}"], called[f"y_{kind}"]
        x, y = _images(images, x_name), _labels(labels, y_name)
        same_count(x, y, x_name, y_name)
        return x, y

    train, valid = part("train", x_train, y_train), part("valid", x_valid, y_valid)
    if (x_test is None) != (y_test is None):
        given, missing = ("x_test", "y_test") if y_test is None else ("y_test", "x_test")
        raise ValueError(f"test images and labels come together; got {called[given]} but no {called[missing]}")
    if x_test is None or y_test is None:
        test = np.empty((0, *train[0].shape[1:]), train[0].dtype), np.empty(0, np.int64)
    else:
        test = part("test", x_test, y_test)
    for name, x in (("x_valid", valid[0]), ("x_test", test[0])):
        if x.shape[1:] != train[0].shape[1:]:
            raise ValueError(
                f"every part needs images of one (h, w, c); got {called['x_train']} {train[0].shape[1:]}, "
                f"{called[name]} {x.shape[1:]}"
            )
    pixels = [train[0], valid[0], test[0]]
    scale = COURSE_SCALE
    if any(x.dtype != np.uint8 for x in pixels):
        pixels = [as_float(x, COURSE_SCALE if x.dtype == np.uint8 else 1) for x in pixels]
        scale = 1.0
    return Digits(pixels[0], train[1], pixels[1], valid[1], pixels[2], test[1], source=source, scale=scale)


def same_count(x: NDArray[Any], y: NDArray[Any], x_name: str, y_name: str) -> None:
    """Raise ValueError unless there is one label for every image."""
    if len(x) != len(y):
        raise ValueError(f"there must be one label for every image; got {x_name} {len(x)}, {y_name} {len(y)}")


def _images(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Return images as uint8 or float32 (n, h, w, c). Raises ValueError for images that are not accepted."""
    array = np.asarray(array)
    if array.dtype != np.uint8 and not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"{name} must hold images as uint8 or floating-point numbers; got {array.dtype}")
    if array.ndim not in (3, 4):
        raise ValueError(f"{name} must hold images as (n, h, w) or (n, h, w, c); got {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} must hold at least one image with at least one pixel; got {array.shape}")
    x = array
    if array.dtype != np.uint8:
        with np.errstate(over="ignore"):
            x = array.astype(np.float32, copy=False)
        finite = np.isfinite(x)
        if not finite.all():
            first = tuple(int(i) for i in np.argwhere(~finite)[0])
            raise ValueError(f"{name} must be finite in float32; got {array[first]!s} at {first}")
    return x[..., np.newaxis] if x.ndim == 3 else x


def _labels(array: NDArray[Any], name: str) -> Labels:
    """Return labels as int64 (n,). Raises ValueError for labels that are not accepted."""
    array = np.asarray(array)
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} must hold labels as integers; got {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"{name} must hold labels as (n,), one class number each; got {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} must hold at least one label; got {array.shape}")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > np.iinfo(np.int64).max:
        raise ValueError(f"{name} must hold labels >= 0 that fit int64; got {low} to {high}")
    return array.astype(np.int64, copy=False)
