"""The windows of the faulty programs for pooling: how many there are, and where each one starts and ends."""

from __future__ import annotations

from collections.abc import Callable

from convlens.checker.functions.cases import Case
from convlens.checker.functions.faulty_windows import Faults, affects, strides, window_count, window_slices

__all__ = ["COUNTS", "ENDS", "PLACES", "pool_counts", "pool_slices"]

PLACES = ("only_read", "only_write")  # the mistake is made only in the window of A_prev, only in the one of dA_prev

# The number of windows on one axis, from the sizes of the image, the kernel and the stride there
COUNTS: dict[str, Callable[[int, int, int], int]] = {
    "count_without_kernel": lambda size, k, s: size // s,
    "count_by_kernel": lambda size, k, s: size // k,
    "count_kernel_for_stride": lambda size, k, s: (size - k) // k + 1,
    "count_kernel_divided": lambda size, k, s: size - k // s + 1,
    "count_size_divided": lambda size, k, s: size // s - k + 1,
    "count_one_divided": lambda size, k, s: (size - k + 1) // s,
    "count_swapped": lambda size, k, s: (size - s) // k + 1,
    "count_ceil": lambda size, k, s: -(-(size - k) // s),
    "count_one_in_stride": lambda size, k, s: (size - k) // (s + 1),
    "count_ceil_size": lambda size, k, s: -(-size // s),
    "count_of_size": lambda size, k, s: size,
    "count_less_kernel": lambda size, k, s: size - k,
}
# The same with one value of the other axis: which of size, kernel and stride
_OTHERS = {"count_other_size": 0, "count_other_kernel": 1, "count_other_stride": 2}

# The end of window `at` on one axis, from its start, the kernel, the stride, and the stride of the other axis
ENDS: dict[str, Callable[[int, int, int, int, int], int]] = {
    "end_right": lambda at, start, k, s, other: at * s + k,
    "end_of_stride": lambda at, start, k, s, other: start + s,
    "end_fixed": lambda at, start, k, s, other: k,
    "end_scaled": lambda at, start, k, s, other: (at + k) * s,
    "end_one_more": lambda at, start, k, s, other: start + k + 1,
    "end_one_less": lambda at, start, k, s, other: start + k - 1,
    "end_other_stride": lambda at, start, k, s, other: at * other + k,
}


def pool_counts(case: Case, faults: Faults) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the number of windows, down and across: in the output's array, and in the loops.

    "loops_only" and "array_only" say that only one of the two is wrong.
    """
    wrong, right = _counts(case, faults), case.windows()
    return right if "loops_only" in faults else wrong, right if "array_only" in faults else wrong


def _counts(case: Case, faults: Faults) -> tuple[int, int]:
    """Return the number of windows, down and across."""
    size, kernel = (case.size.h, case.size.w), case.kernel
    stride = strides(case, faults, "in_counts")
    if "count_height_for_width" in faults:
        kernel = kernel[0], kernel[0]
    if "count_ignores_stride" in faults:
        return size[0] - kernel[0] + 1, size[1] - kernel[1] + 1
    counts = [_count(axis, (size, kernel, stride), faults) for axis in (0, 1)]
    return counts[0], counts[1]


def _count(axis: int, sizes: tuple[tuple[int, int], ...], faults: Faults) -> int:
    """Return the number of windows on one axis. sizes: the sizes of the image, the kernel and the stride"""
    values = [pair[axis] for pair in sizes]
    if affects(axis, faults):
        for name, at in _OTHERS.items():
            values[at] = sizes[at][1 - axis] if name in faults else values[at]
    size, k, s = values
    count = (size - k) // s + 1
    if "one_for_even" in faults:
        count -= sizes[1][1 - axis if "swapped" in faults else axis] % 2
    if not affects(axis, faults):
        return count
    formula = next((COUNTS[word] for word in faults & COUNTS.keys()), None)
    return formula(size, k, s) if formula else window_count(count, (size - 1) // s + 1, size - k, s, faults)


def pool_slices(
    at: tuple[int, int], case: Case, shape: tuple[int, ...], faults: Faults, place: str = ""
) -> tuple[slice, slice]:
    """Return the slices of window `at`, for rows and columns.

    place: "only_read" or "only_write" for the window of A_prev or of dA_prev in the backward pass. With "strict", raise
    IndexError or ValueError with the size of a window that is not whole, and with the number of windows.
    """
    if any(word in faults and word != place for word in PLACES):
        faults &= {"strict"}
    if "of_other_index" in faults:
        at = at[1] if affects(0, faults) else at[0], at[0] if affects(1, faults) else at[1]
    stride = strides(case, faults)
    cut = list(window_slices(*at, shape, case.kernel, stride, faults - {"strict"}))
    for axis, one in enumerate(cut):
        for word in faults & ENDS.keys() if affects(axis, faults) else ():
            end = ENDS[word](at[axis], one.start, case.kernel[axis], stride[axis], stride[1 - axis])
            cut[axis] = slice(one.start, end)
    size = cut[0].stop - cut[0].start, cut[1].stop - cut[1].start
    if "strict" in faults and (cut[0].stop > shape[1] or cut[1].stop > shape[2]):
        left = (len(range(*one.indices(length))) for one, length in zip(cut, shape[1:3], strict=True))
        counts = [found for found in [_counts(case, faults)] if found != case.windows()]
        raise IndexError("a window ends outside of the image", size, tuple(left), *counts)
    if "strict" in faults and size != case.kernel:
        raise ValueError("a window does not have the kernel's size", size)
    return cut[0], cut[1]
