"""Programs for tasks 0 to 3, written as a student would write them, with known mistakes.

A submission that returns the same numbers as a faulty program probably has the same mistake. The programs loop over
windows and cut them out with slices, because many mistakes show only in the slices.

Faults are a set of words, and the empty set is the right program. One word names a mistake (`mistakes.MISTAKES`). The
other words say how or where the mistake is made:

    only_h, only_w                only for the height, only for the width
    only_same                     only with padding "same"
    round_down, round_up          the smaller or larger half of an odd number of zeros is before the image
    both                          as many zeros after the image as before it
    halved                        the total // 2 on both sides
    truncated                     int(total / 2) on both sides, which is 0 for a total of -1
    whole                         the total on each side
    quartered                     the total // 2 is halved once more
    clamped                       a total below 0 counts as 0
    even_extra                    the total // 2 on both sides, and one more for an even kernel; with of_height or
                                  of_width, this kernel size decides for both axes, with of_image the image's size
    total_...                     the total of zeros is off by a term (`faulty_padding.TOTALS`)
    split                         k - 1 zeros in all, split in two halves
    size, taken, kernel, stride   this value of one axis is used for the other; taken: the size that is subtracted
    not_counted                   the numbers of windows are computed with the right zeros
    count_of_input                with padding "same" there are as many windows as rows and columns in the input
    own_count                     conv_backward computes the number of windows instead of reading it from dZ
    rounded_up                    the number of windows is rounded up
    count_of_steps                with padding "same" there are ceil(h_prev / sh) windows
    in_pads, in_counts, in_windows  the wrong stride is used in these places alone
    if_any, if_both, if_rows, if_columns  the padding is cut off only if there are zeros in one or both axes
    spread                        a loop in steps reaches window 0, s, 2 s and so on
    of_dw, of_da                  the mistake is made in this gradient alone
    sum_unpadded                  dA_prev is summed up in an array without padding
    by_cell                       the program loops over the kernel's cells, for all windows at once
    of_gradient                   the mistake is made in dA, not in A_prev
    of_channels                   over the channels, not over the examples
    of_max                        in mode "max", not in mode "avg"
    dw_too, mean_too              also for dW, also for the mean
    outside                       the return inside the loop comes after the activation
    flat                          db is summed without keepdims
    only_read, only_write         only in the window of A_prev, only in the window of dA_prev
    count_..., end_...            the number or the end of windows of pooling (`pool_windows.COUNTS`, `ENDS`)
    loops_only, array_only        the number of windows is wrong only in the loops, only in the array of the result
    by_kernel                     the sum of a wrong window is divided by kh * kw, not by the number of its cells
    by_...                        the number by which the sum of a window is divided (`faulty_pool.DIVISORS`)
    last_of_n, ..._i, ..._j, ..._c  only the last image, row or column of windows, or channel is computed
    strict                        a window that is not whole raises an error, as in a program without slices
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from convlens.arrays import Array
from convlens.checker.functions.cases import CONV_BACKWARD, CONV_FORWARD, POOL_FORWARD, Case
from convlens.checker.functions.expected import Value
from convlens.checker.functions.faulty_conv import conv_backward, conv_forward
from convlens.checker.functions.faulty_pool import pool_forward
from convlens.checker.functions.faulty_pool_backward import pool_backward
from convlens.checker.functions.faulty_windows import Faults

__all__ = ["run_faulty"]


def run_faulty(case: Case, given: dict[str, Array], faults: Faults) -> Value:
    """Return the value of a program with these faults for a call, or raise its ValueError or IndexError."""
    given = {name: array.astype(np.float64) for name, array in given.items()}
    if "by_cell" in faults and any(s > 1 < k for s, k in zip(case.stride, case.windows(), strict=True)):
        raise ValueError("fewer rows than windows")
    if "loops_over_input" in faults and case.windows() != (case.size.h, case.size.w):
        raise IndexError(f"a loop over the input leaves the {case.windows()} windows")
    if case.defaults and "wrong_default" in faults:
        other = {"same": "valid", "max": "avg"} if "how" in faults else {}
        size = case.size if "how" in faults else case.size._replace(sh=2, sw=2)
        if "by_kernel" in faults:
            size = size._replace(sh=size.kh, sw=size.kw)
        case = replace(case, how=other.get(case.how, case.how), size=size)
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
