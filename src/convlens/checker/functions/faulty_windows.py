"""The windows of the faulty programs for convolution and pooling: strides, number, start and end."""

from __future__ import annotations

import math

import numpy as np

from convlens.arrays import Array
from convlens.checker.functions.cases import Case

__all__ = [
    "Faults",
    "affects",
    "all_slices",
    "cut",
    "strides",
    "whole_windows",
    "window_count",
    "window_slices",
]

Faults = frozenset[str]  # the mistakes of a program and how they are made, see `faulty`

_PLACES = {"in_pads", "in_counts", "in_windows"}


def affects(axis: int, faults: Faults) -> bool:
    """Return whether the mistake is made on this axis. "only_h" and "only_w" limit it to one axis."""
    return "only_w" not in faults if axis == 0 else "only_h" not in faults


def strides(case: Case, faults: Faults, place: str = "in_windows") -> tuple[int, int]:
    """Return the strides that the program uses in a place: "in_pads", "in_counts" or "in_windows".

    The faults with these names limit a wrong stride to these places.
    """
    sh, sw = case.stride
    if faults & _PLACES and place not in faults:
        return sh, sw
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
    if "strict" in faults and (ends[0] - starts[0], ends[1] - starts[1]) != kernel:
        raise ValueError(f"a window from {starts} to {ends} does not have the kernel's size {kernel}")
    return slice(starts[0], ends[0]), slice(starts[1], ends[1])


def all_slices(
    counts: tuple[int, ...], shape: tuple[int, ...], kernel: tuple[int, int], stride: tuple[int, int], faults: Faults
) -> tuple[list[slice], list[slice]]:
    """Return the slices of all windows, of rows and of columns. counts: the number of windows, down and across"""
    oh, ow = counts
    if not oh or not ow:
        return [], []
    rows = [window_slices(i, 0, shape, kernel, stride, faults)[0] for i in range(oh)]
    return rows, [window_slices(0, j, shape, kernel, stride, faults)[1] for j in range(ow)]


def whole_windows(
    slices: tuple[list[slice], list[slice]], size: tuple[int, ...], kernel: tuple[int, int]
) -> tuple[Array, Array] | None:
    """Return the starts of the windows, down and across, None unless each window is whole and has the kernel's size."""
    for one, length, k in zip(slices, size, kernel, strict=True):
        starts = [cells.start for cells in one]
        if not one or any(cells.stop - cells.start != k or cells.stop > length for cells in one):
            return None
        if len(set(starts)) < len(starts):
            return None
    return np.array([one.start for one in slices[0]]), np.array([one.start for one in slices[1]])


def cut(x: Array, starts: tuple[Array, Array], kernel: tuple[int, int]) -> Array:
    """Return the whole windows of an array (n, h, w, c), as an array (n, oh, ow, kh, kw, c)."""
    rows, columns = (start[:, None] + np.arange(k) for start, k in zip(starts, kernel, strict=True))
    return x[:, rows[:, None, :, None], columns[None, :, None, :]]
