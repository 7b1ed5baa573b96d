"""Pooling as students write it, with the faults of `faulty`. Its gradient is in `faulty_pool_backward`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convlens.arrays import Array
from convlens.checker.functions.cases import Case
from convlens.checker.functions.faulty_windows import Faults
from convlens.checker.functions.pool_windows import pool_counts, pool_slices

__all__ = ["DIVISORS", "LAST", "divisor", "mode_of", "pool_forward"]

# The number by which the sum of a window is divided
DIVISORS: dict[str, Callable[[Case], float]] = {
    "average_square": lambda case: case.kernel[0] ** 2,
    "by_width_squared": lambda case: case.kernel[1] ** 2,
    "by_both_sides": lambda case: case.kernel[0] + case.kernel[1],
    "by_height": lambda case: case.kernel[0],
    "by_width": lambda case: case.kernel[1],
    "by_strides": lambda case: case.stride[0] * case.stride[1],
    "by_windows": lambda case: case.windows()[0] * case.windows()[1],
    "by_image": lambda case: case.size.h * case.size.w,
    "by_examples": lambda case: case.size.n * case.kernel[0] * case.kernel[1],
    "by_channels": lambda case: case.size.ci * case.kernel[0] * case.kernel[1],
    "average_divided_twice": lambda case: (case.kernel[0] * case.kernel[1]) ** 2,
    "average_not_divided": lambda case: 1,
}
# Only the last image, row or column of windows, or channel is computed
LAST = ("last_of_n", "last_of_i", "last_of_j", "last_of_c")


def mode_of(case: Case, faults: Faults) -> str:
    """Return the mode in which the program works: "max" or "avg"."""
    if "modes_swapped" in faults:
        return "avg" if case.how == "max" else "max"
    return "max" if "always_max" in faults else "avg" if "always_avg" in faults else case.how


def divisor(case: Case, faults: Faults) -> float:
    """Return the number by which the sum of a window is divided: kh * kw, unless a fault says another."""
    found = next((DIVISORS[word] for word in faults & DIVISORS.keys()), None)
    return found(case) if found else case.kernel[0] * case.kernel[1]


def _axes(faults: Faults) -> tuple[int, ...]:
    """Return the axes over which a window's maximum or average is taken."""
    examples = (0,) if faults & {"maximum_of_all", "max_over_examples"} else ()
    channels = (3,) if faults & {"maximum_of_all", "max_over_channels"} else ()
    return (*examples, 1, 2, *channels)


def _mean(window: Array, case: Case, faults: Faults) -> Array:
    """Return the means of a window, NaN if it is empty."""
    axes = _axes(faults) if "mean_too" in faults else (1, 2)
    if axes != (1, 2) or not faults & ({"by_kernel", "average_divided_whole"} | DIVISORS.keys()):
        count = np.float64(np.prod([window.shape[axis] for axis in axes]))
        return np.asarray(window.sum(axis=axes, keepdims=True)[:, 0, 0] / count)
    total = window.sum(axis=(1, 2))
    number = divisor(case, faults)
    return np.asarray(total // number if "average_divided_whole" in faults else total / number)


def _largest(window: Array, faults: Faults) -> Array:
    """Return the maxima of a window. Raise ValueError if it is empty."""
    if "minimum" in faults:
        return np.asarray(window.min(axis=_axes(faults), keepdims=True)[:, 0, 0])
    largest = window.max(axis=_axes(faults), keepdims=True)[:, 0, 0]
    return np.maximum(largest, 0) if "max_starts_at_zero" in faults else np.asarray(largest)


def _pooled(window: Array, case: Case, faults: Faults) -> Array:
    """Return the numbers that a window gives, for each example and channel."""
    if "overwritten" in faults:
        return np.asarray(window[:, -1, -1] / (1 if case.how == "max" else case.kernel[0] * case.kernel[1]))
    return _largest(window, faults) if mode_of(case, faults) == "max" else _mean(window, case, faults)


def _left_over(y: Array, case: Case, faults: Faults) -> Array:
    """Return the result with the windows that a program never computes, or all of it in another order."""
    if "mode_misspelt" in faults and ("max" if "of_max" in faults else "avg") == case.how:
        y[...] = 0
    if "never_filled" in faults:
        y[...] = 0
    if "returned_early" in faults:
        y[1:] = 0
    if "after_row" in faults or "after_window" in faults:
        y[:, 1:] = 0
    if "after_window" in faults:
        y[:, :, 1:] = 0
    for axis, word in enumerate(LAST):
        if word in faults:
            np.moveaxis(y, axis, 0)[:-1] = 0
    return y.transpose(0, 2, 1, 3) if "transposed" in faults else y


def pool_forward(case: Case, given: dict[str, Array], faults: Faults) -> Array:
    """Return A of task 1."""
    x = given["A_prev"]
    if "first_example_only" in faults:
        x = np.repeat(x[:1], len(x), axis=0)
    if "first_channel_only" in faults:
        x = np.repeat(x[..., :1], x.shape[3], axis=3)
    (oh, ow), loops = pool_counts(case, faults)
    y = np.zeros((len(x), oh, ow, x.shape[3]))
    down, across = case.stride if "skips_windows" in faults else (1, 1)
    for i in range(0, loops[0], down):
        for j in range(0, loops[1], across):
            rows, columns = pool_slices((i, j), case, x.shape, faults)
            if "row_by_column" in faults and (case.how == "avg" or "of_max" in faults):
                rows = slice(rows.start, j * case.stride[0] + case.kernel[0])
            window = x[:, rows, columns]
            if not window.size and mode_of(case, faults) == "max":
                raise ValueError("an empty window")
            to = (j, i) if "result_transposed" in faults else (i, j)
            y[:, to[0], to[1]] = _pooled(window, case, faults)
    return _left_over(y, case, faults)
