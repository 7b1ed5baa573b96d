"""The table of known mistakes: each has a hint for the student, and the faults of a program with it (`faulty`)."""

from __future__ import annotations

from dataclasses import dataclass

from convlens.checker.functions.cases import CONV_BACKWARD, CONV_FORWARD, POOL_BACKWARD, POOL_FORWARD
from convlens.checker.functions.faulty_conv import DB_AXES
from convlens.checker.functions.faulty_windows import Faults

__all__ = ["HINTS", "MISTAKES", "Mistake"]


@dataclass(frozen=True)
class Mistake:
    """A known mistake.

    name: the name in reports; tasks: the tasks in which students make it; hint: a sentence for the student; variants:
    the ways to make it, each as the faults of a program
    """

    name: str
    tasks: tuple[int, ...]
    hint: str
    variants: tuple[Faults, ...]

    @property
    def may_raise(self) -> bool:
        """Whether NumPy raises an exception for some ways to make this mistake."""
        return self.name in ("wrong_dtype", "input_changed")

    @property
    def only_index_error(self) -> bool:
        """Whether every program that makes this mistake raises an IndexError."""
        return self.name == "loops_over_input"


_CONV = (CONV_FORWARD, CONV_BACKWARD)
_POOL = (POOL_FORWARD, POOL_BACKWARD)
_FORWARD = (CONV_FORWARD, POOL_FORWARD)
_BACKWARD = (CONV_BACKWARD, POOL_BACKWARD)
_ALL = _CONV + _POOL


def _mistake(name: str, tasks: tuple[int, ...], hint: str, *variants: str) -> Mistake:
    return Mistake(name, tasks, hint, tuple(frozenset(variant.split()) for variant in variants or (name,)))


def _totals(*names: str) -> list[str]:
    """Return the ways to halve these totals: half on both sides, or all of it, with the windows that follow or not."""
    ways = ("", "halved", "both", "count_of_input", "halved count_of_input", "both count_of_input")
    return [f"{name} {way}" for name in names for way in ways]


_EXTRA = ("one_more_row", "every_start")
_DEFAULTS = ("wrong_default how", "wrong_default", "wrong_default by_kernel")

# If several mistakes explain all calls equally well, the first one in this table is named
MISTAKES = (
    _mistake(
        "pad_one_too_much",
        _CONV,
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
    _mistake(
        "odd_total_halved",
        _CONV,
        "half of an odd number of zeros is rounded down on both sides, but there are as many windows as input rows: "
        "the last window does not fit",
        "halved count_of_input",
        "halved own_count count_of_input",
    ),
    _mistake(
        "even_extra",
        _CONV,
        'an even kernel gets one row or column of zeros too many: with "same", the output must have the input\'s size',
        "even_extra",
        "even_extra count_of_input",
        "even_extra round_up",
    ),
    _mistake(
        "parity_of_other_axis",
        _CONV,
        "one axis gets its extra zeros by the kernel size of the other axis: use kh for the rows, kw for the columns",
        "even_extra of_height",
        "even_extra of_width",
    ),
    _mistake(
        "crop_zero",
        (CONV_BACKWARD,),
        "the padding is cut off with the slice ph:-ph, which is empty when ph is 0: use ph:ph + h_prev",
        *(
            f"crop_zero{when}{written}{how}"
            for how in ("", " halved", " by_end")
            for written in ("", " written")
            for when in (" only_same", "")
        ),
    ),
    _mistake("not_cropped", (CONV_BACKWARD,), "the padding is not cut off: dA_prev must have the shape of A_prev"),
    _mistake(
        "same_not_padded",
        _CONV,
        'no zeros are added when padding is "same"',
        "same_not_padded",
        "same_not_padded own_count",
    ),
    _mistake(
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
    _mistake(
        "unpadded_input",
        _CONV,
        "the windows are cut from A_prev: cut them from the padded copy of A_prev",
    ),
    _mistake("pad_swapped", _CONV, "the padding of the rows and the padding of the columns are swapped"),
    _mistake(
        "cropped_from_corner",
        (CONV_BACKWARD,),
        "the padding is cut off only at the bottom and right: in the padded array the image starts at [ph, pw]",
    ),
    _mistake(
        "pad_ignores_stride",
        _CONV,
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
    _mistake(
        "valid_padded",
        _CONV,
        'zeros are added although padding is "valid"',
        "valid_padded",
        "valid_padded both",
        "valid_padded both round_down",
        "valid_padded pad_ignores_stride",
        "valid_padded pad_ignores_stride round_down",
    ),
    _mistake(
        "total_off_by_term",
        _CONV,
        "with a stride above 1, the total number of zeros is off by a term: (h_prev - 1) * sh + kh - h_prev is needed",
        *_totals("total_times_stride", "total_of_size_times_stride", "total_of_size_less_stride"),
        *_totals("total_without_kernel", "total_less_one"),
    ),
    _mistake(
        "padding_from_dz",
        (CONV_BACKWARD,),
        "the padding is computed from the size of dZ: compute it from A_prev, the kernel and the stride, as in the "
        "forward pass",
        *_totals("total_from_dz", "total_of_dz", "total_from_dz_times_stride"),
    ),
    _mistake(
        "pad_height_for_width",
        _CONV,
        "the padding of the width is computed with a value of the height: use w_prev, kw and sw",
        "pad_height_for_width",
        *(f"pad_width_by {what}" for what in ("size", "kernel", "stride")),
        *(f"pad_width_by {what} both" for what in ("size", "kernel", "stride")),
        *(f"pad_width_by {what} both round_down" for what in ("size", "kernel", "stride")),
        "pad_width_for_height",
    ),
    _mistake(
        "tensorflow_same",
        _CONV,
        'this is TensorFlow\'s padding "same", which gives ceil(h_prev / sh) rows: '
        'the course\'s "same" gives h_prev rows for every stride',
        "tensorflow_same",
        "tensorflow_same round_up",
        "tensorflow_same both",
        "tensorflow_same round_up both",
        "tensorflow_same own_count",
        "tensorflow_same round_up both own_count",
    ),
    _mistake(
        "stride_swapped",
        _ALL,
        "the strides of height and width are swapped: the argument stride is (sh, sw)",
        "stride_swapped",
        "stride_swapped both",
        "stride_swapped both round_down",
        "stride_swapped start_only",
    ),
    _mistake(
        "stride_height_for_width",
        _ALL,
        "the stride sh of the height is also used for the width: use sw",
        "stride_height_for_width",
        "stride_height_for_width both",
        "stride_height_for_width both round_down",
        "stride_height_for_width start_only",
    ),
    _mistake(
        "stride_width_for_height",
        _ALL,
        "the stride sw of the width is also used for the height: use sh",
        "stride_width_for_height",
        "stride_width_for_height both",
        "stride_width_for_height start_only",
    ),
    _mistake(
        "direct_copy",
        (POOL_BACKWARD,),
        "dA is copied to the top left corner: each of its numbers belongs to a whole window of A_prev",
        "direct_copy",
        "direct_copy over_examples",
    ),
    _mistake(
        "index_for_slice",
        (POOL_BACKWARD,),
        "a window is cut out with an index where a slice belongs, for example x + kw in place of x:x + kw",
        "column_index",
        "column_index of_start",
        "row_index",
        "row_index of_start",
    ),
    _mistake("stride_is_kernel", _POOL, "the kernel's size is used as the stride: use the argument stride"),
    _mistake(
        "height_for_width",
        _ALL,
        "the height kh of the kernel is used as its width, or the width kw as its height",
        "height_for_width",
        "width_for_height",
        "height_for_width count_height_for_width",
        "count_height_for_width",
        "kernel_swapped",
        "square_kernel",
    ),
    _mistake(
        "stride_forgotten",
        _ALL,
        "the start of a window ignores the stride: it must be row i * sh and column j * sw, not row i and column j",
        "stride_forgotten",
        "stride_forgotten only_h",
        "stride_forgotten only_w",
    ),
    _mistake(
        "window_end_without_stride",
        _ALL,
        "the end of a window ignores the stride: a window goes from row i * sh to row i * sh + kh",
        "window_end_without_stride",
        "window_end_without_stride only_h",
        "window_end_without_stride only_w",
        "window_end_without_stride by_cell",
    ),
    _mistake(
        "output_size_without_stride",
        _FORWARD,
        "the size of the output ignores the stride: it must be (h_prev + padding - kh) // sh + 1",
        "count_ignores_stride",
        "count_ignores_stride stride_forgotten",
    ),
    _mistake(
        "output_one_too_many",
        _FORWARD,
        "the output has one row or column too many: (h_prev + padding - kh) // sh + 1 windows fit, and // rounds down",
        "output_one_too_many",
        "output_one_too_many rounded_up",
        "output_one_too_many only_h",
        "output_one_too_many only_w",
        "output_one_too_many rounded_up only_h",
        "output_one_too_many rounded_up only_w",
        *(f"output_one_too_many {how}{axis}" for how in _EXTRA for axis in ("", " only_h", " only_w")),
    ),
    _mistake(
        "one_for_even",
        (POOL_FORWARD,),
        "the number of windows depends on whether the kernel is even: it is (h_prev - kh) // sh + 1 for every kernel",
        "one_for_even",
        "one_for_even swapped",
    ),
    _mistake(
        "output_one_too_few",
        _FORWARD,
        "the output has one row or column too few: (h_prev + padding - kh) // sh + 1 windows fit",
        "output_one_too_few",
        "output_one_too_few only_h",
        "output_one_too_few only_w",
    ),
    _mistake(
        "loops_over_input",
        _ALL,
        "the loops run over the rows and columns of the input: they must run over the windows, which are fewer",
    ),
    _mistake(
        "wrong_default",
        _CONV,
        'only the call without padding and stride is wrong: their defaults must be padding="same" and stride=(1, 1)',
        *_DEFAULTS,
    ),
    _mistake(
        "wrong_default",
        _POOL,
        "only the call without stride and mode is wrong: their defaults must be stride=(1, 1) and mode='max'",
        *_DEFAULTS,
    ),
    _mistake("bias_missing", (CONV_FORWARD,), "the bias b is not added"),
    _mistake("bias_doubled", (CONV_FORWARD,), "the bias b is added twice"),
    _mistake(
        "bias_repeated",
        (CONV_FORWARD,),
        "the bias b is added once for each cell of the kernel: add it once for each output",
    ),
    _mistake("first_bias_only", (CONV_FORWARD,), "the bias of the first channel is used for all channels"),
    _mistake(
        "activation_missing",
        (CONV_FORWARD,),
        "the activation is not applied",
        "activation_missing",
        "activation_missing bias_missing",
    ),
    _mistake("activation_doubled", (CONV_FORWARD,), "the activation is applied twice"),
    _mistake(
        "activation_before_bias",
        (CONV_FORWARD,),
        "the bias is added after the activation: A must be activation(sum + b)",
    ),
    _mistake(
        "kernel_flipped",
        _CONV,
        "the kernel is rotated by 180 degrees: the course's convolution does not rotate it",
        "kernel_flipped",
        "kernel_flipped dw_too",
    ),
    _mistake(
        "first_channel_only",
        _ALL,
        "one channel is used for all channels: use each channel's own, and sum over channels where the task says so",
        "first_channel_only",
        "first_filter_only",
        "first_channel_only of_gradient",
    ),
    _mistake(
        "first_example_only",
        _ALL,
        "the first example is used for all examples",
        "first_example_only",
        "first_example_only of_gradient",
    ),
    _mistake("over_examples", (CONV_FORWARD,), "the sum runs over the examples too: each example has its own output"),
    _mistake(
        "row_by_column",
        (POOL_FORWARD,),
        "the end of a window's rows is computed from the column: it must be i * sh + kh",
        "row_by_column",
        "row_by_column of_max",
    ),
    _mistake(
        "returned_early",
        _ALL,
        "only the first example is computed: the return statement is inside the loop",
        "returned_early",
        "returned_early outside",
    ),
    _mistake("transposed", _FORWARD, "rows and columns of the result are swapped"),
    _mistake(
        "divided_by_m",
        _BACKWARD,
        "the gradients are divided by the number of examples: in this task they are sums, not means",
    ),
    _mistake(
        "divided_by_all",
        (CONV_BACKWARD,),
        "the gradients are divided by the total number of windows: in this task they are sums, not means",
    ),
    _mistake(
        "db_shape", (CONV_BACKWARD,), "db must have the shape of b, (1, 1, 1, c_new): sum with keepdims=True", "flat"
    ),
    _mistake(
        "db_axes",
        (CONV_BACKWARD,),
        "db is summed over the wrong axes: sum over the axes 0, 1 and 2 (examples, rows and columns)",
        *DB_AXES,
        *(f"{axes} flat" for axes in DB_AXES),
    ),
    _mistake(
        "overwritten",
        _ALL,
        "a new value overwrites the old one (=): add it to the old one (+=), or for a maximum compare the two",
        "overwritten",
        "dw_overwritten",
        "dw_overwritten all_examples",
        "overwritten dw_overwritten",
        "overwritten_by_cell",
        "db_last",
        "last_cell",
    ),
    _mistake(
        "ties_first", (POOL_BACKWARD,), "only one of several equal maxima gets the gradient: each of them must get it"
    ),
    _mistake(
        "ties_shared", (POOL_BACKWARD,), "equal maxima share the gradient: each of them must get the whole gradient"
    ),
    _mistake("max_starts_at_zero", _POOL, "the search for the maximum starts at 0: a maximum below 0 is never found"),
    _mistake(
        "maximum_of_all",
        _POOL,
        "the maximum is taken over several examples or channels: each example and each channel has its own maximum",
        "max_over_channels",
        "maximum_of_all",
        "maximum_of_all mean_too",
        "maximum_of_all of_channels",
    ),
    _mistake("mask_value", (POOL_BACKWARD,), "the gradient is multiplied by the value of the maximum"),
    _mistake(
        "average_square",
        _POOL,
        "the sum of a window is divided by the wrong number, for example kh * kh: divide it by kh * kw",
    ),
    _mistake("average_not_divided", _POOL, "the sum of a window is used as its average: divide it by kh * kw"),
    _mistake("average_divided_whole", _POOL, "the average is rounded down: divide with /, not with //"),
    _mistake(
        "mode_misspelt",
        _POOL,
        'one mode gives only zeros: the modes are called "max" and "avg"',
        "mode_misspelt",
        "mode_misspelt of_max",
    ),
    _mistake(
        "never_filled",
        (CONV_FORWARD, POOL_FORWARD),
        "the result never gets a value: it is zeros, however the input is chosen",
        "never_filled",
        "never_filled but_bias",
    ),
    _mistake(
        "never_filled",
        (POOL_BACKWARD,),
        "dA_prev is all zeros: it is never filled, or what was summed up elsewhere is never copied into it",
    ),
    _mistake(
        "never_filled",
        (CONV_BACKWARD,),
        "a gradient is all zeros: it is never filled, or what was summed up elsewhere is never copied into it",
        *(f"never_filled {names}" for names in ("dA_prev", "dW", "db", "dA_prev dW", "dW db", "dA_prev dW db")),
    ),
    _mistake("mode_ignored", _POOL, "the argument mode is ignored", "always_max", "always_avg"),
    _mistake(
        "wrong_dtype",
        _ALL,
        "the result has the integer type of the images, so decimals are lost: create it as an array of floats",
    ),
    _mistake(
        "whole_numbers",
        _ALL,
        "the result is created as an array of integers, so decimals are lost: create it as an array of floats",
    ),
)

HINTS = {mistake.name: mistake.hint for mistake in MISTAKES}
