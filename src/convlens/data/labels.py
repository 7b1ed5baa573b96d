"""Labels as people write them: integers, floats, truth values, text, one column or one-hot. They count from 0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Labels", "NamedLabels", "understand_labels"]

Labels = NDArray[np.int64]

_DENSE = 1000  # with more classes than this, labels that leave most numbers out are numbered anew


class NamedLabels(NamedTuple):
    """Labels of each part, int64 (n,), from 0; the name of each class; sentences about what was changed."""

    parts: dict[str, Labels]
    names: tuple[str, ...]
    notes: list[str]


def understand_labels(parts: Mapping[str, Any], called: Mapping[str, str]) -> NamedLabels:
    """Convert the labels of all parts to class numbers from 0 and class names.

    Accepted: (n,) or (n, 1) of integers >= 0, whole floats, truth values or text, and one-hot rows (n, classes). Text
    is sorted; text that holds only integers counts as integers. Labels from 1 to k become 0 to k - 1 with the names
    "1" … "k". `called` gives the name of each part for errors.

    Raises ValueError with the name, the rule and what was found.
    """
    plain = {part: _plain(array, called[part]) for part, array in parts.items()}
    if any(isinstance(y, _Text) for y in plain.values()):
        return _from_text({part: y.texts if isinstance(y, _Text) else y.astype(str) for part, y in plain.items()})
    numbers: dict[str, Labels] = {part: y for part, y in plain.items() if not isinstance(y, _Text)}
    return _numbered(numbers)


class _Text(NamedTuple):
    texts: NDArray[np.str_]


def _plain(given: Any, name: str) -> Labels | _Text:
    """Return labels as int64 (n,) or as text. Raises ValueError for labels that are not accepted."""
    array = np.asarray(given)
    if array.dtype.kind == "O" and array.size and all(isinstance(each, str) for each in array.flat):
        array = array.astype(str)
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind not in "biufU":
        raise ValueError(f"{name} must hold labels as integers; got {array.dtype}")
    array = _one_column(array)
    if array.ndim != 1:
        raise ValueError(f"{name} must hold labels as (n,), one class number each; got {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} must hold at least one label; got {array.shape}")
    if array.dtype.kind == "U":
        return _Text(array)
    if array.dtype.kind == "f":
        wrong = ~(np.isfinite(array) & (array == np.floor(array)))
        if wrong.any():
            raise ValueError(f"{name} must hold labels as integers; got {array[wrong][0]} at {int(wrong.argmax())}")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > np.iinfo(np.int64).max:
        raise ValueError(f"{name} must hold labels >= 0 that fit int64; got {low} to {high}")
    return array.astype(np.int64, copy=False)


def _one_column(array: NDArray[Any]) -> NDArray[Any]:
    """Return (n, 1) as (n,), and one-hot rows (n, k) as their class numbers. Other arrays are returned as they are."""
    if array.ndim != 2 or not array.size:
        return array
    if array.shape[1] == 1:
        return array[:, 0]
    if array.dtype.kind != "U" and ((array == 0) | (array == 1)).all() and (array.sum(axis=1) == 1).all():
        numbers: NDArray[Any] = array.argmax(axis=1)
        return numbers
    return array


def _from_text(parts: Mapping[str, NDArray[np.str_]]) -> NamedLabels:
    everything = np.unique(np.concatenate(list(parts.values())))
    if all(text.isascii() and text.isdigit() and str(int(text)) == text for text in everything.tolist()):
        return _numbered({part: y.astype(np.int64) for part, y in parts.items()})
    found = {part: np.searchsorted(everything, y).astype(np.int64) for part, y in parts.items()}
    return NamedLabels(found, tuple(everything.tolist()), [])


def _numbered(parts: dict[str, Labels]) -> NamedLabels:
    values = np.unique(np.concatenate(list(parts.values())))
    count = int(values[-1]) + 1
    names = tuple(map(str, values.tolist()))
    if len(values) > 1 and values[0] == 1 and len(values) == count - 1:
        note = f"the labels go from 1 to {count - 1}: they become the classes 0 to {count - 2}, which keep their names"
        return NamedLabels({part: y - 1 for part, y in parts.items()}, names, [note])
    if count > _DENSE and 2 * len(values) < count:
        note = f"the labels are {len(values)} numbers up to {count - 1}: they become classes that keep their names"
        found = {part: np.searchsorted(values, y).astype(np.int64) for part, y in parts.items()}
        return NamedLabels(found, names, [note])
    return NamedLabels(parts, (), [])
