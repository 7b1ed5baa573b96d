"""A call with what came of it, and how near two results must be to count as equal."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.checker.functions.cases import Case
from convlens.checker.functions.expected import Value

__all__ = ["SIZE_ERRORS", "Answer", "close", "wrong_cells"]

SIZE_ERRORS = ("IndexError", "ValueError")  # NumPy raises these where shapes or indices do not fit

_TOLERANCE = 1e-5  # of the largest number: float32 keeps 7 digits, and a sum of a hundred terms loses one or two
_TOLERANCE_FLOAT32 = 1e-4  # where the inputs are float32: order of summation counts for more


class Answer(NamedTuple):
    """A call and what came of it.

    value: the arrays that were returned, None after an exception or for a result of another kind; raised: the type of
    the exception, "" if there was none
    """

    case: Case
    given: dict[str, Array]
    value: Value | None
    raised: str = ""


def close(got: Value, want: Value, numbers: str = "float64") -> bool:
    """Return whether the shapes are equal and no number differs by more than the tolerance.

    The tolerance is 1e-5 of the largest number (or of 1), for float32 inputs 1e-4. numbers: see `Case`.
    """
    if [a.shape for a in got] != [a.shape for a in want]:
        return False
    return all(not wrong_cells(a, b, numbers).any() for a, b in zip(got, want, strict=True))


def wrong_cells(got: Array, want: Array, numbers: str) -> Array:
    """Return which cells differ by more than the tolerance of `close`; both arrays have one shape."""
    scale = max(1.0, float(np.max(np.abs(want), initial=0.0, where=np.isfinite(want))))
    tolerance = (_TOLERANCE_FLOAT32 if numbers == "float32" else _TOLERANCE) * scale
    with np.errstate(all="ignore"):
        right: Array = np.abs(got.astype(np.float64) - want) <= tolerance
    return ~right
