"""The answer to a call, and the tolerance within which two results count as equal."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.checker.functions.cases import Case
from convlens.checker.functions.expected import Value

__all__ = ["SIZE_ERRORS", "Answer", "close", "wrong_cells"]

SIZE_ERRORS = ("IndexError", "ValueError")  # NumPy raises these exceptions if shapes or indices do not fit

_TOLERANCE = 1e-5  # relative to the largest number: float32 has 7 digits, and a sum of 100 terms loses one or two
_TOLERANCE_FLOAT32 = 1e-4  # for inputs in float32: the order of summation has a larger effect


class Answer(NamedTuple):
    """A call and its outcome.

    case, given: the call and its arrays; value: the arrays that were returned, None after an exception or if the result
    is not arrays; raised, text, line: the type of the exception, its text and its line, "" if there was none
    """

    case: Case
    given: dict[str, Array]
    value: Value | None
    raised: str = ""
    text: str = ""
    line: int | None = None


def close(got: Value, want: Value, numbers: str = "float64") -> bool:
    """Return whether the shapes are equal and no number differs by more than the tolerance.

    The tolerance is 1e-5 times the largest number (or 1 if that is larger), and 1e-4 times for float32 inputs.
    numbers: see `Case`.
    """
    if [a.shape for a in got] != [a.shape for a in want]:
        return False
    return all(not wrong_cells(a, b, numbers).any() for a, b in zip(got, want, strict=True))


def wrong_cells(got: Array, want: Array, numbers: str) -> Array:
    """Return which cells differ by more than the tolerance of `close`. Both arrays must have the same shape."""
    largest = float(np.max(np.abs(want), initial=0.0))
    if not np.isfinite(largest):
        largest = float(np.max(np.abs(want), initial=0.0, where=np.isfinite(want)))
    scale = max(1.0, largest)
    tolerance = (_TOLERANCE_FLOAT32 if numbers == "float32" else _TOLERANCE) * scale
    with np.errstate(all="ignore"):
        right: Array = np.abs(got.astype(np.float64) - want) <= tolerance
    return ~right
