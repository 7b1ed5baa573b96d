"""Which column of a CSV file is the label, and what size the images have that the other columns hold."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.file_kinds import ROUND

__all__ = ["Columns", "label_by_content", "understand_columns"]

_LABELS = {"label", "labels", "class", "classes", "target", "targets", "y", "digit", "category", "character"}
_INDEX = {"", "unnamed: 0", "index", "id", "imageid"}
_PIXEL = re.compile(r"^\D*\d+(\D\d+)?\D*$")
_PLACE = re.compile(r"(\d+)\D(\d+)$")
_NUMBER = re.compile(r"(\d+)$")


@dataclass(frozen=True)
class Columns:
    """The columns of a CSV file.

    count: how many there are. header: whether the first row holds their names. label: the place of the label, or None
    if it is the first or last and only the numbers can tell. left_out: places that hold no pixels. named: whether the
    header says that all other columns are pixels. shape: (h, w) of an image. order: the places of the pixels in the
    order of their names, if the file has another order. names: the cells of the header, or nothing without one.
    """

    count: int
    header: bool
    label: int | None
    named: bool
    left_out: list[int] = field(default_factory=list)
    shape: tuple[int, int] = (0, 0)
    order: list[int] | None = None
    notes: list[str] = field(default_factory=list)
    names: tuple[str, ...] = ()

    def with_label(self, last: bool, name: str) -> Columns:
        """Return the columns after the first or the last one beside an index was found to be the label."""
        label = self.count - 1 if last else len(self.left_out)
        shape = _square(self.count - len(self.left_out) - 1, name)
        return replace(self, label=label, left_out=sorted([*self.left_out, label]), shape=shape)

    def called(self, place: int) -> str:
        """Return the number of a column from 1, and its name, as an error has them."""
        return f"column {place + 1}" + (f" ({self.names[place].strip()})" if self.names else "")

    def numbers(self) -> list[int]:
        """Return the places of the columns of numbers, from 0: all that are not left out."""
        return [k for k in range(self.count) if k not in self.left_out]


def understand_columns(cells: list[list[str]], name: str) -> Columns:
    """Return the columns of the CSV file `name` from the cells of its first two rows.

    Raises ValueError if the columns cannot be a label and the pixels of an image.
    """
    if not cells or len(cells[0]) < 5:
        got = len(cells[0]) if cells else 0
        raise ValueError(
            f"{name} must have a column for the label and one for each pixel; got {got} columns{_names(cells)}"
        )
    first, count = [cell.strip() for cell in cells[0]], len(cells[0])
    header = _is_header(first)
    if not header:
        text = [k for k, cell in enumerate(first) if not _is_number(cell)]
        if len(text) > 1 or (text and text[0] not in (0, count - 1)):
            place = text[-1]
            raise ValueError(
                f"{name}: row 1 must hold numbers and one label, first or last; got {first[place]!r} at {place + 1}"
            )
        if text:
            return Columns(count, False, text[0], False, text, _square(count - 1, name))
        return Columns(count, False, None, False)
    low = [cell.lower() for cell in first]
    index = [0] if low[0] in _INDEX and not _PIXEL.match(low[0]) else []
    notes = [f"the column {first[0] or 'without a name'} is an index and is left out"] if index else []
    if _is_numbered_anew(first):
        notes.append("the first row holds an image whose numbers became names (0, 0.1, 0.2): it is left out")
    label = [k for k, cell in enumerate(low) if cell in _LABELS]
    others = [k for k, cell in enumerate(low) if not _PIXEL.match(cell) and k not in index]
    found = label if len(label) == 1 else others
    if len(found) > 1:
        told = ", ".join(first[k] for k in found[:5])
        raise ValueError(
            f"{name} must have one column for the label, called label; got {len(found)} that may be it: {told}"
        )
    if not found:
        plain = [cell for k, cell in enumerate(low) if k not in index]
        named = any(re.match(r"\D", cell) for cell in plain)  # pandas counts all columns, the label among them, from 0
        return Columns(count, True, None, named, index, notes=notes, names=tuple(first))
    left_out = sorted({*index, *found})
    pixels = [cell for k, cell in enumerate(first) if k not in left_out]
    shape, order = _by_names(pixels, name)
    return Columns(count, True, found[0], True, left_out, shape, order, notes, tuple(first))


def _is_header(first: list[str]) -> bool:
    words = sum(not _is_number(cell) for cell in first)
    if words > len(first) / 2:
        return True
    numbers = [cell for cell in first if _is_number(cell)]
    start = numbers[0] if numbers else ""
    counted = start in ("0", "1") and numbers == [str(int(start) + k) for k in range(len(numbers))]
    return counted or _is_numbered_anew(first)


def _is_numbered_anew(first: list[str]) -> bool:
    """Return whether these are names such as 5, 0, 0.1, 0.2: pandas makes them of a first row that it takes as names.

    It adds .1, .2 … where a value occurs again, so that no two names are equal.
    """
    seen: Counter[str] = Counter()
    for cell in first:
        value, _, again = cell.partition(".")
        if again != (str(seen[value]) if seen[value] else ""):
            return False
        seen[value] += 1
    return seen.total() > len(seen)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _names(cells: list[list[str]]) -> str:
    if not cells:
        return ""
    return f": {', '.join(cells[0])}. Pictures in files need no CSV: put them into a folder for each class"


def _square(pixels: int, name: str) -> tuple[int, int]:
    side = math.isqrt(max(pixels, 0))
    if side * side != pixels or not side:
        raise ValueError(
            f"{name} must have a label and a square number of pixels, h = w; got {pixels} pixels{_colours(pixels)}"
        )
    return side, side


def _colours(pixels: int) -> str:
    """Say how to go on with the pixels of a colour image; "" for another number of pixels."""
    side = math.isqrt(max(pixels, 0) // 3)
    if not side or 3 * side * side != pixels:
        return ""
    return (
        f", as colour images of {side} x {side} have: a CSV file does not say whether they are (n, 3, {side}, {side}), "
        f"one colour after the other, or (n, {side}, {side}, 3); reshape them as they are, and {ROUND}"
    )


def _by_names(pixels: list[str], name: str) -> tuple[tuple[int, int], list[int] | None]:
    """Return (h, w) and the order of pixel columns from their names, such as 1x1 … 28x20 or pixel0 … pixel783."""
    places = [_PLACE.search(cell) for cell in pixels]
    if all(places):
        pairs = [(int(place[1]), int(place[2])) for place in places if place]
        rows, across = ({pair[k] for pair in pairs} for k in (0, 1))
        shape = len(rows), len(across)
        if len(set(pairs)) == len(pairs) == shape[0] * shape[1]:
            order = sorted(range(len(pairs)), key=pairs.__getitem__)
            return shape, None if order == list(range(len(pairs))) else order
    shape = _square(len(pixels), name)
    numbers = [_NUMBER.search(cell) for cell in pixels]
    values = [int(number[1]) for number in numbers if number]
    if len(set(values)) == len(pixels) and values != sorted(values):
        return shape, sorted(range(len(values)), key=values.__getitem__)
    return shape, None


def label_by_content(numbers: NDArray[Any], name: str) -> int:
    """Return 0 if the first column of numbers (n, k) holds the labels, or k - 1 if the last does.

    A label takes the whole numbers from 0 or 1 up to the number of classes, none of them in most rows. A pixel in the
    corner of an image is nearly always paper, or takes other numbers.

    Raises ValueError if both columns or neither look like labels.
    """
    last = numbers.shape[1] - 1
    found = [k for k in (0, last) if _looks_like_labels(numbers[:, k])]
    if len(found) != 1:
        which = "both do" if found else "neither does"
        raise ValueError(
            f"{name} must have its labels in the first or last column; {which}: add a header that says label"
        )
    return found[0]


def _looks_like_labels(column: NDArray[Any]) -> bool:
    values, counts = np.unique(column, return_counts=True)
    start = values[0]
    counted = start in (0, 1) and np.array_equal(values, np.arange(start, start + len(values)))
    return bool(counted and len(values) > 1 and counts.max() <= 0.6 * len(column))
