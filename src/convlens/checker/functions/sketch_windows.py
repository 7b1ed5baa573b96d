"""Where windows stand, with the mistakes that are made there: what the sketches of convolution and pooling share."""

from __future__ import annotations

import math

from convlens.checker.functions.cases import Case

__all__ = ["Has", "cut", "more", "on", "strides"]

Has = frozenset[str]  # the mistakes that are made, and how


def on(axis: int, has: Has) -> bool:
    """Is a mistake made on this axis? "only_h" and "only_w" keep it to one."""
    return "only_w" not in has if axis == 0 else "only_h" not in has


def strides(case: Case, has: Has) -> tuple[int, int]:
    """The strides that are used"""
    sh, sw = case.stride
    if "stride_is_kernel" in has:
        return case.kernel
    if "stride_swapped" in has:
        return sw, sh
    return (sh, sh) if "stride_height_for_width" in has else (sh, sw)


def more(count: int, room: int, stride: int, has: Has) -> int:
    """How many windows there are said to be, where `count` is right"""
    if "output_one_too_many" not in has:
        return count
    return math.ceil(room / stride) + 1 if "rounded_up" in has else count + 1


def cut(
    i: int, j: int, shape: tuple[int, ...], kernel: tuple[int, int], stride: tuple[int, int], has: Has
) -> tuple[slice, slice]:
    """Where the window (i, j) is cut out"""
    kh, kw = kernel
    if "kernel_swapped" in has:
        kh, kw = kw, kh
    if "height_for_width" in has:
        kw = kh
    if "width_for_height" in has:
        kh = kw
    starts = []
    for axis, k in enumerate((i, j)):
        starts.append(k if "stride_forgotten" in has and on(axis, has) else k * stride[axis])
    ends = [starts[0] + kh, starts[1] + kw]
    for axis, end in enumerate((i + kh, j + kw)):
        if "window_end_without_stride" in has and on(axis, has):
            ends[axis] = end
    if "strict" in has and (ends[0] > shape[1] or ends[1] > shape[2]):
        raise IndexError(f"window to {ends} of {shape}")
    return slice(starts[0], ends[0]), slice(starts[1], ends[1])
