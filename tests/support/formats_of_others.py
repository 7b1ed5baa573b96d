"""Writes the 5,000 digits, and scikit-learn's, as other tools write data: sixteen formats, three files of each."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from convlens.data import load

TEN = tuple("0123456789")
PIECES = (
    "T-shirt",
    "Hose à pli",
    "プルオーバー",
    "dress.v2",
    "5. coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "boot",
)
LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
BALANCED = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt")
Parts = dict[str, tuple[Any, Any]]


class Made(NamedTuple):
    """What was written: the path to load, and what must be read.

    parts: (images, labels) of each part as a network sees them; without "valid", the training part is held whole and
    the reader may hold some of it back. class_names: the names of the classes in order.
    """

    path: Path
    parts: Parts
    class_names: tuple[str, ...] = TEN


MAKERS: dict[tuple[str, str], Callable[[Path], Made]] = {}


def made(kind: str, how: str) -> Callable[[Callable[[Path], Made]], None]:
    """Register a function that writes a format in one way into a folder."""

    def register(function: Callable[[Path], Made]) -> None:
        assert (kind, how) not in MAKERS
        MAKERS[kind, how] = function

    return register


def pil() -> Any:
    """Return Pillow's module Image."""
    return pytest.importorskip("PIL.Image")


@cache
def digits(classes: int = 10) -> Parts:
    """Return 260, 70 and 80 digits of 28 x 28, uint8; of the classes above 9, the images are those of label % 10."""
    found = load("embedded")
    x, y = found.pixels_train[..., 0], found.y_train
    if classes > 10:
        order = np.concatenate([np.flatnonzero(y == label % 10)[label // 10 :: 5][:9] for label in range(classes)])
        order = order.reshape(classes, 9).T.ravel()
        x, y = x[order], np.tile(np.arange(classes), 9)
        cut = [0, 6 * classes, 7 * classes, 9 * classes]
    else:
        cut = [0, 260, 330, 410]
    names = ("train", "valid", "test")
    return {name: (x[a:b], y[a:b].astype(np.uint8)) for name, a, b in zip(names, cut, cut[1:], strict=False)}


def some(*names: str, image: Callable[[Any], Any] = lambda x: x, label: Callable[[Any], Any] = lambda y: y) -> Parts:
    """Return parts of the digits with each array changed by a function."""
    return {name: (image(x), label(y)) for name, (x, y) in digits().items() if name in names}


def seen(parts: Parts, divide: float = 256) -> Parts:
    """Return parts as a network sees them."""
    return {name: (np.asarray(x, np.float32) / np.float32(divide), y) for name, (x, y) in parts.items()}


def save(path: Path, parts: Parts, names: dict[str, tuple[str, str]], *, packed: bool = True, **more: Any) -> Path:
    """Write parts with numpy; `names` gives the names of the arrays of each part."""
    arrays = {name: array for part, pair in parts.items() for name, array in zip(names[part], pair, strict=True)}
    (np.savez_compressed if packed else np.savez)(path, **arrays, **more)
    return path


COURSE = {"train": ("X_train", "Y_train"), "valid": ("X_valid", "Y_valid"), "test": ("X_test", "Y_test")}
KERAS = {"train": ("x_train", "y_train"), "valid": ("x_test", "y_test")}
SKLEARN = {"train": ("X_train", "y_train"), "valid": ("X_val", "y_val"), "test": ("X_test", "y_test")}
MEDMNIST = {
    "train": ("train_images", "train_labels"),
    "valid": ("val_images", "val_labels"),
    "test": ("test_images", "test_labels"),
}


def course(folder: Path, image: Callable[[Any], Any], expect: Callable[[Any], Any], divide: float = 256) -> Made:
    """Write changed images in the layout of the course, and expect them changed in another way."""
    path = save(folder / "set.npz", some("train", "valid", image=image), COURSE)
    return Made(path, seen(some("train", "valid", image=expect), divide))


def labelled(folder: Path, label: Callable[[Any], Any]) -> Made:
    """Write changed labels in the layout of the course."""
    path = save(folder / "set.npz", some("train", "valid", "test", label=label), COURSE)
    return Made(path, seen(digits()))


def idx(array: Any) -> bytes:
    """Return the bytes of an IDX file."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + np.ascontiguousarray(array).tobytes()


def write_idx(folder: Path, stem: str, images: Any, labels: Any, *, packed: bool) -> None:
    """Write the images and labels of one part as IDX files."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
        path = folder / f"{stem}-{kind}-ubyte{'.gz' * packed}"
        path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))


def frame(part: str, columns: Callable[[int], str] = "pixel{}".format) -> Any:
    """Return a part as a pandas table with the label first."""
    pandas = pytest.importorskip("pandas")
    x, y = digits()[part]
    table = pandas.DataFrame(x.reshape(len(x), -1), columns=[columns(k) for k in range(784)])
    table.insert(0, "label", y)
    return table


def joined(*parts: str) -> Parts:
    """Return parts of the digits joined as one training part, as a network sees them."""
    pairs = [digits()[part] for part in parts]
    x, y = (np.concatenate([pair[k] for pair in pairs]) for k in (0, 1))
    return seen({"train": (x, y)})


def pictures(folder: Path, x: Any, y: Any, names: tuple[str, ...], write: Callable[[Any, Path], None]) -> None:
    """Write each image as NAME OF ITS CLASS/NUMBER, with the function `write`."""
    for k, (image, label) in enumerate(zip(x, y, strict=True)):
        place = folder / names[label]
        place.mkdir(parents=True, exist_ok=True)
        write(image, place / f"img {k:04}")
