"""The known mistakes with the windows, maxima, averages and gradients of pooling."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from convlens.checker.functions.cases import POOL_BACKWARD, POOL_FORWARD
from convlens.checker.functions.faulty_pool import DIVISORS
from convlens.checker.functions.mistake import POOL, Mistake, mistake
from convlens.checker.functions.pool_windows import COUNTS, ENDS, PLACES

__all__ = ["POOLING_MISTAKES", "in_one_place"]

_LAST = ("last_of_c", "last_of_j", "last_of_i", "last_of_n")
_AXES = ("", " only_h", " only_w")
_COUNTS = (*COUNTS, "count_other_size", "count_other_kernel", "count_other_stride")
_STRIDES = ("stride_swapped", "stride_height_for_width", "stride_width_for_height", "stride_is_kernel")
# Mistakes with windows that a program may make in one of two places, see `in_one_place`
_WINDOWS = (
    *_STRIDES,
    "height_for_width",
    "stride_forgotten",
    "window_end_without_stride",
    "window_of_stride",
    "window_end",
    "index_of_other_axis",
)
_CHANNEL = (
    "the number of the channel is missing in a window: use A_prev[n, rows, columns, c] and dA_prev[n, rows, columns, c]"
)


def _each(words: Iterable[str], *ways: str) -> list[str]:
    """Return each word in each of these ways, on both axes or on one."""
    return [f"{word}{way}{axis}" for word in words for way in ways or ("",) for axis in _AXES]


POOLING_MISTAKES = (
    mistake(
        "window_of_stride",
        POOL,
        "a window has the stride's size: it must have the kernel's, from row i * sh to row i * sh + kh",
        *_each(["end_of_stride"]),
    ),
    mistake(
        "stride_forgotten",
        POOL,
        "the start of a window ignores the stride: it must be row i * sh and column j * sw, not row i and column j",
        *_each(["stride_forgotten end_right"]),
    ),
    mistake(
        "window_end",
        POOL,
        "a window ends at the wrong row or column: it must go from row i * sh to row i * sh + kh, and from column "
        "j * sw to column j * sw + kw",
        *_each(word for word in ENDS if word not in ("end_right", "end_of_stride")),
        *(f"{word} end_right" for word in _STRIDES),
    ),
    mistake(
        "after_loop",
        POOL,
        "only the last window, channel or image is computed: the lines that use it must stand inside the loop",
        *(" ".join(_LAST[start:end]) for start in range(4) for end in range(start + 1, 5)),
    ),
    mistake(
        "result_transposed",
        (POOL_FORWARD,),
        "row and column are swapped where a window's number is stored: window (i, j) belongs to A[:, i, j]",
        "result_transposed",
    ),
    mistake(
        "gradient_transposed",
        (POOL_BACKWARD,),
        "row and column of dA are swapped: window (i, j) has the gradient dA[:, i, j]",
    ),
    mistake(
        "index_of_other_axis",
        POOL,
        "the row of a window is computed from j, or its column from i: window (i, j) starts at row i * sh and column "
        "j * sw",
        *_each(["of_other_index"]),
    ),
    mistake(
        "index_of_example",
        (POOL_BACKWARD,),
        "a window's place is computed from the number of the image: window (i, j) starts at row i * sh and column "
        "j * sw",
        "of_outer_loops",
        *_each(["of_example"]),
    ),
    mistake(
        "square_only",
        POOL,
        "a value of the height is used for the width: the columns need the width of the image and of the kernel, and "
        "the stride sw",
        "stride_height_for_width height_for_width count_other_kernel count_other_size only_w",
        "stride_height_for_width height_for_width count_other_kernel only_w",
        "height_for_width count_other_kernel count_other_size only_w",
    ),
    mistake(
        "number_of_windows",
        (POOL_FORWARD,),
        "the number of windows is computed in the wrong way: (h_prev - kh) // sh + 1 fit down, and "
        "(w_prev - kw) // sw + 1 across",
        *_each(_COUNTS, "", " by_kernel", " loops_only", " array_only"),
        *_each(["output_one_too_few"], " array_only"),
        *_each(["output_one_too_many"], " array_only", " by_kernel", " rounded_up by_kernel"),
    ),
    mistake(
        "windows_left_out",
        (POOL_FORWARD,),
        "the loops leave windows out: they must run over all (h_prev - kh) // sh + 1 rows of windows, and "
        "(w_prev - kw) // sw + 1 columns",
        *_each(["output_one_too_few loops_only"]),
        "skips_windows",
        "skips_windows stride_forgotten",
    ),
    mistake(
        "windows_left_out",
        (POOL_BACKWARD,),
        "the loops leave windows out: they must run over all rows and columns of dA",
        *_each(["output_one_too_few", *_COUNTS]),
        "skips_windows",
        "skips_windows stride_forgotten",
    ),
    mistake(
        "returned_early",
        POOL,
        "only the first windows are computed: the return statement is inside the loop",
        *(f"{where}{first}" for where in ("after_row", "after_window") for first in (" returned_early", "")),
    ),
    mistake(
        "gradient_ignored",
        (POOL_BACKWARD,),
        "dA is not used: the cells of window (i, j) get shares of dA[:, i, j]",
        "gradient_ignored",
        "gradient_ignored average_not_divided",
    ),
    mistake(
        "gradient_total",
        (POOL_BACKWARD,),
        "a window gets the gradients of other windows or channels too: only dA[n, i, j, c] belongs to "
        "dA_prev[n, rows, columns, c]",
        *(f"gradient_total{of}" for of in ("", " of_channels", " of_all")),
    ),
    mistake(
        "to_all",
        (POOL_BACKWARD,),
        "the gradient of one image or channel is given to all of them: write to dA_prev[n, rows, columns, c] only",
        *(f"to_all{of}{way}" for of in ("", " of_channels") for way in ("", " overwritten")),
    ),
    mistake(
        "channel_forgotten",
        (POOL_BACKWARD,),
        _CHANNEL,
        "gradient_total maximum_of_all of_channels",
    ),
    mistake(
        "mask_missing",
        (POOL_BACKWARD,),
        'in mode "max" all cells of a window get its gradient: only the maximum gets it',
        "mask_missing",
        "mask_missing overwritten",
    ),
    mistake(
        "minimum",
        POOL,
        "the minimum is taken in place of the maximum",
        "minimum",
        "minimum ties_first",
    ),
    mistake("mask_inverted", (POOL_BACKWARD,), "all cells but the maximum get the gradient: only the maximum gets it"),
    mistake("modes_swapped", POOL, 'the modes are exchanged: "max" takes the maximum, and "avg" the average'),
    mistake(
        "maximum_of_all",
        POOL,
        "the maximum or average is taken over several examples or channels: each example and each channel has its own",
        "max_over_channels",
        "max_over_examples",
        "maximum_of_all",
        "max_over_channels mean_too",
        "max_over_examples mean_too",
        "maximum_of_all mean_too",
        "maximum_of_all of_channels",
        "maximum_of_all of_both",
    ),
    mistake(
        "max_of_image",
        (POOL_BACKWARD,),
        "the mask compares with the maximum of the whole image: compare with the maximum of the window",
        "max_of_image",
        "max_of_image of_channels",
    ),
    mistake(
        "ties_first",
        (POOL_BACKWARD,),
        "only one of several equal maxima gets the gradient: each of them must get it",
        "ties_first",
        "ties_last",
    ),
    mistake("average_not_divided", POOL, "the sum of a window is used as its average: divide it by kh * kw"),
    mistake("average_divided_whole", POOL, "the average is rounded down: divide with /, not with //"),
    mistake("average_divided_twice", POOL, "the average is divided by kh * kw twice"),
    mistake(
        "average_square",
        POOL,
        "the sum of a window is divided by the wrong number, for example kh * kh: divide it by kh * kw",
        *(word for word in DIVISORS if word not in ("average_not_divided", "average_divided_twice")),
    ),
    # Two mistakes at once, one of them named
    mistake(
        "channel_forgotten",
        (POOL_BACKWARD,),
        _CHANNEL,
        *(f"gradient_total maximum_of_all of_channels average_not_divided{way}" for way in ("", " overwritten")),
    ),
)


def in_one_place(mistakes: Iterable[Mistake]) -> Iterator[Mistake]:
    """Yield the mistakes with windows once more, as programs make them in one place of pooling.

    In task 3 a program cuts out two windows, one of A_prev and one of dA_prev. In task 1 it may divide the sum of a
    wrong window by kh * kw, in place of the number of its cells.
    """
    for one in mistakes:
        if one.name not in _WINDOWS:
            continue
        if POOL_FORWARD in one.tasks:
            variants = tuple(faults | {"by_kernel"} for faults in one.variants)
            yield replace(one, tasks=(POOL_FORWARD,), variants=variants)
        if POOL_BACKWARD in one.tasks:
            variants = tuple(faults | {place} for place in PLACES for faults in one.variants)
            yield replace(one, tasks=(POOL_BACKWARD,), variants=variants)
