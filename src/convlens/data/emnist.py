"""What is known of EMNIST: the names of its sets, the names of their classes, and that its images lie on their side."""

from __future__ import annotations

import string
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["TURNED", "named", "set_of"]

TURNED = ", as EMNIST's lie on their side; --no-transposed keeps them"

_IMAGES = {"byclass": 697_932, "bymerge": 697_932, "balanced": 112_800, "letters": 124_800, "digits": 240_000}
_MERGED = string.digits + string.ascii_uppercase + "abdefghnqrt"
_NAMES = {
    "byclass": string.digits + string.ascii_uppercase + string.ascii_lowercase,
    "bymerge": _MERGED,
    "balanced": _MERGED,
}


def set_of(file: str, folder: str = "", shape: tuple[int, ...] = ()) -> str | None:
    """Return which set of EMNIST a file is, by its name or its number of images; None if it is another data set.

    file, folder: the names of the training file and of its folder. shape: of the training images.
    """
    for name, count in _IMAGES.items():
        if f"emnist-{name}" in file.lower() or shape == (count, 28, 28):
            return name
    return "mnist" if "emnist" in (folder + file).lower() else None


def named(known: str | None, labels: dict[str, NDArray[Any]]) -> tuple[dict[str, NDArray[Any]], tuple[str, ...], str]:
    """Return the labels from 0, the names of the classes, and a note, as EMNIST's set `known` has them.

    labels: the labels of each part, numbers or text. The set "letters" counts from 1. Labels that do not fit the set
    are returned as they are, without names.
    """
    names = tuple(string.ascii_uppercase if known == "letters" else _NAMES.get(known or "", ""))
    if not names:
        return labels, (), ""
    try:
        numbers = {part: y.astype(np.int64) for part, y in labels.items()}
    except ValueError:
        return labels, (), ""
    first = min(int(y.min(initial=len(names))) for y in numbers.values())
    shift = int(known == "letters" and first > 0)
    if first < 0 or max(int(y.max(initial=0)) for y in numbers.values()) - shift >= len(names):
        return labels, (), ""
    note = "the labels go from 1 to 26: they become the classes 0 to 25, named A to Z" if shift else ""
    return {part: y - shift for part, y in numbers.items()}, names, note
