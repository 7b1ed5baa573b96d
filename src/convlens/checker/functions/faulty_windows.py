"""The windows of the faulty programs for convolution and pooling: strides, number, start and end."""

from __future__ import annotations

import math

from convlens.checker.functions.cases import Case

__all__ = ["Faults", "affects", "strides", "window_count", "window_slices"]

Faults = frozenset[str]  # the mistakes of a program and how they are made, see `faulty`


def affects(axis: int, faults: Faults) -> bool:
    """Return whether the mistake is made on this axis. "only_h" and "only_w" limit it to one axis."""
    return "only_w" not in faults if axis == 0 else "only_h" not in faults


def strides(case: Case, faults: Faults) -> tuple[int, int]:
    """Return the strides that the program uses."""
    sh, sw = case.stride
    if "stride_is_kernel" in faults:
        return case.kernel
    if "stride_swapped" in faults:
        return sw, sh
    if "stride_width_for_height" in faults:
        return sw, sw
    return (sh, sh) if "stride_height_for_width" in faults else (sh, sw)


def window_count(count: int, size: int, room: int, stride: int, faults: Faults) -> int:
    """Return the number of windows in a program with these faults.

    count: the right number; size: the number of possible starts in the padded image; room: the number of cells beyond
    the first window, which "rounded_up" divides by the stride and rounds up
    """
    if "output_one_too_few" in faults:
        return count - 1
    if "output_one_too_many" not in faults:
        return count
    if "one_more_row" in faults:  # the image seems to have one row more
        return (room + 1) // stride + 1
    if "every_start" in faults:  # a window for every start in the image
        return size
    return math.ceil(room / stride) + 1 if "rounded_up" in faults else count + 1


def window_slices(
    i: int, j: int, shape: tuple[int, ...], kernel: tuple[int, int], stride: tuple[int, int], faults: Faults
) -> tuple[slice, slice]:
    """Return the slices of window (i, j), for rows and columns."""
    kh, kw = kernel
    if "kernel_swapped" in faults:
        kh, kw = kw, kh
    if "height_for_width" in faults:
        kw = kh
    if "width_for_height" in faults:
        kh = kw
    starts = []
    for axis, k in enumerate((i, j)):
        starts.append(k if "stride_forgotten" in faults and affects(axis, faults) else k * stride[axis])
    ends = [starts[0] + kh, starts[1] + kw]
    for axis, end in enumerate((i + kh, j + kw)):
        if "window_end_without_stride" in faults and affects(axis, faults):
            ends[axis] = end
    if "strict" in faults and (ends[0] > shape[1] or ends[1] > shape[2]):
        raise IndexError(f"a window ends at {ends}, outside of {shape}")
    return slice(starts[0], ends[0]), slice(starts[1], ends[1])
