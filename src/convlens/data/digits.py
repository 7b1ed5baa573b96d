"""A data set of labelled images in three parts (`Digits`), and the function that checks arrays and makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Digits", "Images", "Labels", "from_arrays"]

Images = NDArray[np.float32]
Labels = NDArray[np.int64]

FIELDS = ("x_train", "y_train", "x_valid", "y_valid", "x_test", "y_test")


@dataclass(frozen=True, eq=False)
class Digits:
    """A data set in three parts: training, validation, test. `load` and `from_arrays` make it and check the arrays.

    Images: float32 (n, h, w, c). Images given as uint8 are divided by 256, as in the course (0 … 0.99609375);
    floating-point values are kept. Labels: int64 (n,). All parts have the same h, w and c. The test part may be empty:
    (0, h, w, c) and (0,). `source` says where the data came from.
    """

    x_train: Images
    y_train: Labels
    x_valid: Images
    y_valid: Labels
    x_test: Images
    y_test: Labels
    source: str

    @property
    def classes(self) -> int:
        """The largest label of all parts, plus 1."""
        return 1 + max(int(y.max()) for y in (self.y_train, self.y_valid, self.y_test) if y.size)

    @cached_property
    def fingerprint(self) -> str:
        """The sha256, in hex, of the names, types, shapes and little-endian bytes of the six arrays."""
        import hashlib

        digest = hashlib.sha256()
        for name in FIELDS:
            array: NDArray[Any] = getattr(self, name)
            array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
            digest.update(f"{name} {array.dtype.name} {array.shape}\n".encode())
            digest.update(array.data)
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

    def part(kind: str, images: NDArray[Any], labels: NDArray[Any]) -> tuple[Images, Labels]:
        x_name, y_name = called[f"x_{kind}"], called[f"y_{kind}"]
        x, y = _images(images, x_name), _labels(labels, y_name)
        same_count(x, y, x_name, y_name)
        return x, y

    train, valid = part("train", x_train, y_train), part("valid", x_valid, y_valid)
    if (x_test is None) != (y_test is None):
        given, missing = ("x_test", "y_test") if y_test is None else ("y_test", "x_test")
        raise ValueError(f"test images and labels come together; got {called[given]} but no {called[missing]}")
    if x_test is None or y_test is None:
        test = np.empty((0, *train[0].shape[1:]), np.float32), np.empty(0, np.int64)
    else:
        test = part("test", x_test, y_test)
    for name, x in (("x_valid", valid[0]), ("x_test", test[0])):
        if x.shape[1:] != train[0].shape[1:]:
            raise ValueError(
                f"every part needs images of one (h, w, c); got {called['x_train']} {train[0].shape[1:]}, "
                f"{called[name]} {x.shape[1:]}"
            )
    return Digits(*train, *valid, *test, source=source)


def same_count(x: NDArray[Any], y: NDArray[Any], x_name: str, y_name: str) -> None:
    """Raise ValueError unless there is one label for every image."""
    if len(x) != len(y):
        raise ValueError(f"there must be one label for every image; got {x_name} {len(x)}, {y_name} {len(y)}")


def _images(array: NDArray[Any], name: str) -> Images:
    """Return images as float32 (n, h, w, c). Raises ValueError for images that are not accepted."""
    array = np.asarray(array)
    if array.dtype != np.uint8 and not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"{name} must hold images as uint8 or floating-point numbers; got {array.dtype}")
    if array.ndim not in (3, 4):
        raise ValueError(f"{name} must hold images as (n, h, w) or (n, h, w, c); got {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} must hold at least one image with at least one pixel; got {array.shape}")
    x: Images
    if array.dtype == np.uint8:
        x = np.divide(array, 256, dtype=np.float32)
    else:
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
