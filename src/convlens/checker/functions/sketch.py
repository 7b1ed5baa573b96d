"""The functions of tasks 0 to 3 as a student would write them, with mistakes that can be put in.

A mistake that gives just what a submission gave is the likely one. Loops over windows with slices, since the mistakes
of such programs depend on how slices are cut. `has` names the mistakes; the empty set is right. With "strict" a window
that reaches beyond the image is an error, as in a program that takes number by number; a slice just ends there.
"""

from __future__ import annotations

import numpy as np

from convlens.arrays import Array
from convlens.checker.functions.cases import CONV_BACKWARD, CONV_FORWARD, POOL_FORWARD, Case
from convlens.checker.functions.expected import Value
from convlens.checker.functions.sketch_conv import conv_backward, conv_forward
from convlens.checker.functions.sketch_pool import pool_backward, pool_forward
from convlens.checker.functions.sketch_windows import Has

__all__ = ["sketch"]


def sketch(case: Case, given: dict[str, Array], has: Has) -> Value:
    """What a program with these mistakes returns for that call; it may raise, as the program would."""
    given = {name: array.astype(np.float64) for name, array in given.items()}
    if "by_cell" in has and any(s > 1 < k for s, k in zip(case.stride, case.windows(), strict=True)):
        raise ValueError("fewer rows than windows")
    if "loops_over_input" in has and case.windows() != (case.size.h, case.size.w):
        raise IndexError(f"row or column {case.windows()} of as many")
    with np.errstate(all="ignore"):
        if case.task == CONV_FORWARD:
            value: Value = (conv_forward(case, given, has),)
        elif case.task == CONV_BACKWARD:
            value = conv_backward(case, given, has)
        elif case.task == POOL_FORWARD:
            value = (pool_forward(case, given, has),)
        else:
            value = (pool_backward(case, given, has),)
        if "whole_numbers" in has or ("wrong_dtype" in has and case.numbers in ("integers", "whole")):
            value = tuple(np.trunc(array) for array in value)
    return value
