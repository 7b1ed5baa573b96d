"""Programs for tasks 0 to 3 as a student would write them, with known mistakes put in.

A submission that gives the same numbers as a faulty program probably has its mistake. The programs loop over windows
and cut them with slices, because the mistakes of such programs depend on how slices are cut.

Faults are a set of words; the empty set is the right program. One word names a mistake (`mistakes.MISTAKES`). Others
say how or where it is made:

    only_h, only_w                only for the height, only for the width
    only_same                     only with padding "same"
    round_down, round_up          which half of an odd number of zeros comes first
    both, split                   the same zeros before and after the image; k - 1 zeros, split in two
    size, kernel, stride          the number of the height that is used for the width
    count_of_input                "same" gives as many windows as the input has rows and columns
    own_count                     conv_backward computes the number of windows, and does not take it from dZ
    rounded_up                    the number of windows is rounded up
    start_only                    the wrong stride is used for windows, not for the padding
    by_cell                       the program loops over the kernel's cells, and cuts all windows at once
    of_gradient, of_channels      for dA and not for A_prev; over the channels and not over the examples
    of_max                        in mode "max" and not in mode "avg"
    dw_too, mean_too              also for dW; also for the mean
    outside                       after the activation
    flat                          without keepdims
    strict                        a window beyond the image is an error, as in a program that takes single numbers
"""

from __future__ import annotations

import numpy as np

from convlens.arrays import Array
from convlens.checker.functions.cases import CONV_BACKWARD, CONV_FORWARD, POOL_FORWARD, Case
from convlens.checker.functions.expected import Value
from convlens.checker.functions.faulty_conv import conv_backward, conv_forward
from convlens.checker.functions.faulty_pool import pool_backward, pool_forward
from convlens.checker.functions.faulty_windows import Faults

__all__ = ["run_faulty"]


def run_faulty(case: Case, given: dict[str, Array], faults: Faults) -> Value:
    """Return what a program with these faults returns for a call; ValueError or IndexError where it raises one."""
    given = {name: array.astype(np.float64) for name, array in given.items()}
    if "by_cell" in faults and any(s > 1 < k for s, k in zip(case.stride, case.windows(), strict=True)):
        raise ValueError("fewer rows than windows")
    if "loops_over_input" in faults and case.windows() != (case.size.h, case.size.w):
        raise IndexError(f"row or column {case.windows()} of as many")
    with np.errstate(all="ignore"):
        if case.task == CONV_FORWARD:
            value: Value = (conv_forward(case, given, faults),)
        elif case.task == CONV_BACKWARD:
            value = conv_backward(case, given, faults)
        elif case.task == POOL_FORWARD:
            value = (pool_forward(case, given, faults),)
        else:
            value = (pool_backward(case, given, faults),)
        if "whole_numbers" in faults or ("wrong_dtype" in faults and case.numbers in ("integers", "whole")):
            value = tuple(np.trunc(array) for array in value)
    return value
