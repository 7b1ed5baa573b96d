"""A data set of labelled images in three parts (`Digits`), and the function that checks arrays and makes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from convlens.data.image_arrays import is_light_ink, understand_images
from convlens.data.labels import Labels, understand_labels
from convlens.data.pixels import Pixels, as_float
from convlens.data.split import split_by_class

__all__ = [
    "FIELDS",
    "PARTS",
    "Digits",
    "Images",
    "Labels",
    "Pixels",
    "as_float",
    "check_classes",
    "from_arrays",
    "noticed",
    "same_count",
    "turned",
]

Images = NDArray[np.float32]

MAX_CLASSES = 100_000
_CHUNK = 1024  # images that are converted at a time

PARTS = ("train", "valid", "test")
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

    def images(self, part: str, dtype: DTypeLike = np.float32) -> Pixels:
        """Return the images of a part ("train", "valid" or "test"), converted to `dtype` when they are indexed."""
        return Pixels(getattr(self, f"pixels_{part}"), self.scale, dtype)

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
    x_train: Any,
    y_train: Any,
    x_valid: Any = None,
    y_valid: Any = None,
    x_test: Any = None,
    y_test: Any = None,
    *,
    source: str = "arrays",
    names: Mapping[str, str] | None = None,
    class_names: Sequence[str] = (),
    notes: Sequence[str] = (),
    seed: int = 0,
) -> Digits:
    """Check and convert arrays in memory and return them as Digits. Every reader of arrays calls it.

    Images and labels as `understand_images` and `understand_labels` accept them. Without x_valid and y_valid, a fifth
    of each class is held back to validate, drawn with `seed`. `names` maps an argument to the name that errors use for
    it, for example a file. class_names: the names of the classes 0, 1 …, if the labels are numbers. `notes` come before
    the sentences about what is noticed here. The arrays are not changed. An array that already has the right type is
    used without a copy.

    Raises ValueError with the name, the rule and what was found.
    """
    called = {name: name for name in FIELDS} | dict(names or {})
    given = dict(zip(FIELDS, (x_train, y_train, x_valid, y_valid, x_test, y_test), strict=True))
    for part in ("valid", "test"):
        x, y = f"x_{part}", f"y_{part}"
        if (given[x] is None) != (given[y] is None):
            has, lacks = (x, y) if given[y] is None else (y, x)
            word = {"valid": "validation", "test": "test"}[part]
            raise ValueError(f"{word} images and labels come together; got {called[has]} but no {called[lacks]}")
    parts = [part for part in PARTS if given[f"x_{part}"] is not None]
    images = understand_images({part: given[f"x_{part}"] for part in parts}, {p: called[f"x_{p}"] for p in PARTS})
    labels = understand_labels({part: given[f"y_{part}"] for part in parts}, {p: called[f"y_{p}"] for p in PARTS})
    pixels, numbers = images.parts, labels.parts
    for part in parts:
        same_count(pixels[part], numbers[part], called[f"x_{part}"], called[f"y_{part}"])
        if pixels[part].shape[1:] != pixels["train"].shape[1:]:
            raise ValueError(
                f"every part needs images of one (h, w, c); got {called['x_train']} {pixels['train'].shape[1:]}, "
                f"{called[f'x_{part}']} {pixels[part].shape[1:]}"
            )
    said = [*notes, *images.notes, *labels.notes]
    if "valid" not in parts:
        held = split_by_class(numbers["train"], seed, called["x_train"])
        for arrays in (pixels, numbers):
            arrays["train"], arrays["valid"] = arrays["train"][~held], arrays["train"][held]
        said.append(
            f"{held.sum():,} of {len(held):,} images are held back to validate, drawn by class with seed {seed}"
        )
    pixels.setdefault("test", np.empty((0, *pixels["train"].shape[1:]), pixels["train"].dtype))
    numbers.setdefault("test", np.empty(0, np.int64))
    return noticed(
        Digits(
            pixels["train"],
            numbers["train"],
            pixels["valid"],
            numbers["valid"],
            pixels["test"],
            numbers["test"],
            source=source,
            scale=images.scale,
            class_names=_class_names(labels.names, tuple(class_names), numbers),
            notes=tuple(said),
        )
    )


def _class_names(found: tuple[str, ...], given: tuple[str, ...], parts: Mapping[str, Labels]) -> tuple[str, ...]:
    """Return the names of the classes: `given` if there are any, and else those `found` with the labels."""
    if not given:
        return found
    if len(set(given)) < len(given):
        raise ValueError(f"class_names must differ; got {given}")
    most = max(len(found), 1 + max(int(y.max()) for y in parts.values() if y.size))
    if len(given) < most:
        raise ValueError(f"class_names must name {most} classes; got {len(given)}: {given}")
    return given


def same_count(x: Any, y: Any, x_name: str, y_name: str) -> None:
    """Raise ValueError unless there is one label for every image."""
    if len(x) != len(y):
        raise ValueError(f"there must be one label for every image; got {x_name} {len(x)}, {y_name} {len(y)}")


def noticed(digits: Digits) -> Digits:
    """Return `digits` with `light_ink` and with notes about what makes training on it worth less than it looks."""
    light = is_light_ink(digits.pixels_train)
    notes = list(digits.notes)
    if light is False:
        notes.append("the images show dark ink on light paper: they are kept as they are")
    counts = np.bincount(digits.y_train, minlength=digits.classes)
    used = np.flatnonzero(counts)
    for part, word in (("valid", "validation"), ("test", "test")):
        y = getattr(digits, f"y_{part}")
        if len(unknown := np.setdiff1d(y, used)):
            names = ", ".join(digits.class_names[label] for label in unknown[:5])
            notes.append(f"the {word} part has {len(unknown)} classes that the training part lacks: {names}")
    notes += _shared(digits)
    return replace(digits, light_ink=light, notes=tuple(notes))


def check_classes(digits: Digits) -> None:
    """Raise ValueError if all training images are of one class."""
    used = np.unique(digits.y_train)
    if len(used) == 1:
        others = any(y.size and (y != used[0]).any() for y in (digits.y_valid, digits.y_test))
        part = "the training part of " if others else ""
        name = digits.class_names[used[0]]
        raise ValueError(f"{part}{digits.source} must hold at least two classes; it holds one: {name}")


def turned(digits: Digits, why: str) -> Digits:
    """Return `digits` with rows and columns of each image exchanged, and a note that says so and `why`."""
    found = {f"pixels_{part}": np.ascontiguousarray(getattr(digits, f"pixels_{part}").swapaxes(1, 2)) for part in PARTS}
    note = f"the images are transposed (rows and columns are exchanged){why}"
    return replace(digits, **found, notes=(*digits.notes, note))  # type: ignore[arg-type]


def _shared(digits: Digits) -> Iterator[str]:
    """Say how many validation and test images are also training images."""
    train = {hash(image.tobytes()) for image in digits.pixels_train}
    for part, word in (("valid", "validation"), ("test", "test")):
        pixels = getattr(digits, f"pixels_{part}")
        if shared := sum(hash(image.tobytes()) in train for image in pixels):
            yield f"{shared:,} of {len(pixels):,} {word} images are training images, too: their accuracy says too much"
