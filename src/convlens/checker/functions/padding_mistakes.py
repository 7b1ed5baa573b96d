"""The known mistakes with the padding of convolutions."""

from __future__ import annotations

from convlens.checker.functions.cases import CONV_BACKWARD
from convlens.checker.functions.faulty_crop import ENDS
from convlens.checker.functions.mistake import CONV, mistake

__all__ = ["PADDING_MISTAKES"]


def _totals(*names: str) -> list[str]:
    """Return the ways to halve these totals: half on both sides, or all of it, with the windows that follow or not."""
    ways = ("", "halved", "both", "count_of_input", "halved count_of_input", "both count_of_input")
    return [f"{name} {way}" for name in names for way in ways]


def _by(axis: str, *values: str) -> list[str]:
    """Return the ways to compute this axis's padding with these values of the other axis."""
    return [
        f"pad_{axis}_by {what}{how}" for how in ("", " both", " both round_down", " both truncated") for what in values
    ]


PADDING_MISTAKES = (
    mistake(
        "pad_one_too_much",
        CONV,
        'each side has one row or column of zeros too many: if "same" needs T of them, each side gets T / 2',
        "pad_one_too_much",
        "pad_one_too_much count_of_input",
        "pad_one_too_much only_h",
        "pad_one_too_much only_w",
        "pad_one_too_much own_count",
        "pad_one_too_much total_of_dz",
        "pad_one_too_much as_read",
        "pad_one_too_much as_read only_h",
        "pad_one_too_much as_read only_w",
    ),
    mistake(
        "odd_total_halved",
        CONV,
        "half of an odd number of zeros is rounded down on both sides, but there are as many windows as input rows: "
        "the last window does not fit",
        "halved count_of_input",
        "halved own_count count_of_input",
    ),
    mistake(
        "even_extra",
        CONV,
        'an even kernel gets one row or column of zeros too many: with "same", the output must have the input\'s size',
        "even_extra",
        "even_extra count_of_input",
        "even_extra round_up",
    ),
    mistake(
        "parity_of_other_axis",
        CONV,
        "one axis gets its extra zeros by the kernel size of the other axis: use kh for the rows, kw for the columns",
        "even_extra of_height",
        "even_extra of_width",
    ),
    mistake(
        "parity_of_image",
        CONV,
        "whether a row or column of zeros is added depends on whether the image is even: the kernel and the stride "
        "decide, (h_prev - 1) * sh + kh - h_prev rows are needed",
        "even_extra of_image",
        "even_extra of_image odd",
    ),
    mistake(
        "crop_zero",
        (CONV_BACKWARD,),
        "the padding is cut off with the slice ph:-ph, which is empty when ph is 0: use ph:ph + h_prev",
        *(
            f"crop_zero{when}{written}{how}"
            for how in ("", " halved", " by_end")
            for written in ("", " written")
            for when in (" only_same", "", " if_any", " if_rows", " if_columns")
        ),
    ),
    mistake(
        "crop_guarded",
        (CONV_BACKWARD,),
        "the padding is cut off only under a condition, but ph may be 0 where pw is not, or pw where ph is not: cut "
        "ph:ph + h_prev in every case",
        *(
            f"{condition}{written}{how}"
            for how in ("", " halved")
            for written in ("", " written")
            for condition in ("if_both", "if_rows", "if_columns")
        ),
    ),
    mistake(
        "crop_end",
        (CONV_BACKWARD,),
        "the slice that cuts the padding off ends in the wrong place: in the padded array the image goes from ph to "
        "ph + h_prev",
        *(f"{end}{how}" for end in ENDS for how in ("", " halved")),
    ),
    mistake("not_cropped", (CONV_BACKWARD,), "the padding is not cut off: dA_prev must have the shape of A_prev"),
    mistake(
        "cut_if_valid",
        (CONV_BACKWARD,),
        'the padding is cut off with padding "valid", which has none, and not with "same": exchange the two',
        "cut_if_valid",
        "cut_if_valid halved",
    ),
    mistake(
        "same_not_padded",
        CONV,
        'no zeros are added when padding is "same"',
        "same_not_padded",
        "same_not_padded own_count",
    ),
    mistake(
        "sum_unpadded",
        (CONV_BACKWARD,),
        "dA_prev is summed up in an array without padding: sum in an array as large as the padded A_prev, then cut",
        "sum_unpadded",
        "sum_unpadded crop_zero only_same",
        "sum_unpadded crop_zero",
        "sum_unpadded crop_by_size",
        *(
            f"sum_unpadded pad_one_too_much{crop}{count}"
            for crop in ("", " crop_zero only_same", " crop_by_size")
            for count in ("", " total_of_dz")
        ),
        *(f"sum_unpadded halved{crop}" for crop in ("", " crop_zero only_same", " crop_by_size")),
    ),
    mistake(
        "unpadded_input",
        CONV,
        "the windows are cut from A_prev: cut them from the padded copy of A_prev",
    ),
    mistake(
        "pad_swapped",
        CONV,
        "the padding of the rows and the padding of the columns are swapped",
        "pad_swapped",
        "pad_swapped not_counted",
        "pad_swapped count_of_input",
    ),
    mistake(
        "not_halved",
        CONV,
        'all zeros that "same" needs are added before the image and once more after it: each side gets half of them',
        "whole",
        "whole count_of_input",
    ),
    mistake(
        "cropped_from_corner",
        (CONV_BACKWARD,),
        "dA_prev begins at the corner of the padded array, but the image starts at [ph, pw] there: sum up in an array "
        "as large as the padded A_prev, then cut ph:ph + h_prev",
        "cropped_from_corner",
        "cropped_from_corner halved",
    ),
    mistake(
        "pad_ignores_stride",
        CONV,
        'the padding for "same" ignores the stride: in all, (h_prev - 1) * sh + kh - h_prev rows of zeros are needed',
        "pad_ignores_stride",
        "pad_ignores_stride round_down",
        "pad_ignores_stride count_of_input",
        "pad_ignores_stride round_down count_of_input",
        "pad_ignores_stride only_h",
        "pad_ignores_stride only_w",
        "pad_ignores_stride round_down split",
        "pad_ignores_stride split",
        "pad_ignores_stride own_count",
        "pad_ignores_stride round_down own_count",
    ),
    mistake(
        "valid_padded",
        CONV,
        'zeros are added although padding is "valid"',
        "valid_padded",
        "valid_padded both",
        "valid_padded both round_down",
        "valid_padded pad_ignores_stride",
        "valid_padded pad_ignores_stride round_down",
    ),
    mistake(
        "total_off_by_term",
        CONV,
        "with a stride above 1, the total number of zeros is off by a term: (h_prev - 1) * sh + kh - h_prev is needed",
        *_totals("total_times_stride", "total_of_size_times_stride", "total_of_size_less_stride"),
        *_totals("total_without_kernel", "total_less_one"),
    ),
    mistake(
        "halved_twice",
        CONV,
        "the zeros are halved twice, so each side gets a quarter: half of (h_prev - 1) * sh + kh - h_prev is needed",
        "quartered",
        "quartered both",
    ),
    mistake(
        "total_wrong",
        CONV,
        "the formula of the zeros is wrong: (h_prev - 1) * sh + kh - h_prev are needed, half of them on each side",
        *_totals("total_of_kernel_times_stride", "total_of_kernel_less_stride", "total_of_kernel_less_stride clamped"),
        "total_less_half_size whole",
    ),
    mistake(
        "padding_from_dz",
        (CONV_BACKWARD,),
        "the padding is computed from the size of dZ: compute it from A_prev, the kernel and the stride, as in the "
        "forward pass",
        *_totals("total_from_dz", "total_of_dz", "total_from_dz_times_stride"),
    ),
    mistake(
        "pad_height_for_width",
        CONV,
        "the padding of the width is computed with a value of the height: use w_prev, kw and sw",
        "pad_height_for_width",
        "pad_height_for_width not_counted",
        *_by("width", "size", "taken", "size taken", "kernel", "stride"),
    ),
    mistake(
        "pad_width_for_height",
        CONV,
        "the padding of the height is computed with a value of the width: use h_prev, kh and sh",
        "pad_width_for_height",
        "pad_width_for_height not_counted",
        *_by("height", "size", "taken", "size taken", "kernel", "stride"),
    ),
    mistake(
        "tensorflow_same",
        CONV,
        'this is TensorFlow\'s padding "same", which gives ceil(h_prev / sh) rows: '
        'the course\'s "same" gives h_prev rows for every stride',
        "tensorflow_same",
        "tensorflow_same round_up",
        "tensorflow_same both",
        "tensorflow_same round_up both",
        "tensorflow_same own_count",
        "tensorflow_same round_up both own_count",
        "count_of_steps",
        "halved count_of_steps",
    ),
)
