"""The table of known mistakes. The padding of convolutions has its own part, `padding_mistakes`."""

from __future__ import annotations

from convlens.checker.functions.cases import CONV_BACKWARD, CONV_FORWARD, POOL_BACKWARD, POOL_FORWARD
from convlens.checker.functions.conv_mistakes import CONV_MISTAKES
from convlens.checker.functions.faulty_conv import DB_AXES
from convlens.checker.functions.mistake import BACKWARD, CONV, EVERY, FORWARD, POOL, mistake
from convlens.checker.functions.padding_mistakes import PADDING_MISTAKES
from convlens.checker.functions.pooling_mistakes import POOLING_MISTAKES, in_one_place

__all__ = ["HINTS", "MISTAKES"]

_EXTRA = ("one_more_row", "every_start")
_DEFAULTS = ("wrong_default how", "wrong_default", "wrong_default by_kernel")

# If several mistakes explain all calls equally well, the first one in this table is named
_MISTAKES = (
    *PADDING_MISTAKES,
    *CONV_MISTAKES,
    mistake(
        "stride_swapped",
        EVERY,
        "the strides of height and width are swapped: the argument stride is (sh, sw)",
        "stride_swapped",
        "stride_swapped both",
        "stride_swapped both round_down",
        "stride_swapped in_windows",
    ),
    mistake(
        "stride_height_for_width",
        EVERY,
        "the stride sh of the height is also used for the width: use sw",
        "stride_height_for_width",
        "stride_height_for_width both",
        "stride_height_for_width both round_down",
        "stride_height_for_width in_windows",
    ),
    mistake(
        "stride_width_for_height",
        EVERY,
        "the stride sw of the width is also used for the height: use sh",
        "stride_width_for_height",
        "stride_width_for_height both",
        "stride_width_for_height in_windows",
    ),
    mistake(
        "direct_copy",
        (POOL_BACKWARD,),
        "dA is copied to the top left corner: each of its numbers belongs to a whole window of A_prev",
        "direct_copy",
        "direct_copy over_examples",
    ),
    mistake(
        "index_for_slice",
        (POOL_BACKWARD,),
        "a window is cut out with an index where a slice belongs, for example x + kw in place of x:x + kw",
        "column_index",
        "column_index of_start",
        "row_index",
        "row_index of_start",
    ),
    mistake("stride_is_kernel", POOL, "the kernel's size is used as the stride: use the argument stride"),
    mistake(
        "height_for_width",
        EVERY,
        "the height kh of the kernel is used as its width, or the width kw as its height",
        "height_for_width",
        "width_for_height",
        "height_for_width count_height_for_width",
        "count_height_for_width",
        "kernel_swapped",
        "square_kernel",
    ),
    mistake(
        "stride_forgotten",
        EVERY,
        "the start of a window ignores the stride: it must be row i * sh and column j * sw, not row i and column j",
        "stride_forgotten",
        "stride_forgotten only_h",
        "stride_forgotten only_w",
    ),
    mistake(
        "window_end_without_stride",
        EVERY,
        "the end of a window ignores the stride: a window goes from row i * sh to row i * sh + kh",
        "window_end_without_stride",
        "window_end_without_stride only_h",
        "window_end_without_stride only_w",
        "window_end_without_stride by_cell",
    ),
    mistake(
        "output_size_without_stride",
        FORWARD,
        "the size of the output ignores the stride: it must be (h_prev + padding - kh) // sh + 1",
        "count_ignores_stride",
        "count_ignores_stride stride_forgotten",
    ),
    mistake(
        "output_one_too_many",
        FORWARD,
        "the output has one row or column too many: (h_prev + padding - kh) // sh + 1 windows fit, and // rounds down",
        "output_one_too_many",
        "output_one_too_many rounded_up",
        "output_one_too_many only_h",
        "output_one_too_many only_w",
        "output_one_too_many rounded_up only_h",
        "output_one_too_many rounded_up only_w",
        *(f"output_one_too_many {how}{axis}" for how in _EXTRA for axis in ("", " only_h", " only_w")),
    ),
    mistake(
        "one_for_even",
        (POOL_FORWARD,),
        "the number of windows depends on whether the kernel is even: it is (h_prev - kh) // sh + 1 for every kernel",
        "one_for_even",
        "one_for_even swapped",
    ),
    mistake(
        "output_one_too_few",
        FORWARD,
        "the output has one row or column too few: (h_prev + padding - kh) // sh + 1 windows fit",
        "output_one_too_few",
        "output_one_too_few only_h",
        "output_one_too_few only_w",
    ),
    mistake(
        "loops_over_input",
        EVERY,
        "the loops run over the rows and columns of the input: they must run over the windows, which are fewer",
    ),
    mistake(
        "wrong_default",
        CONV,
        'only the call without padding and stride is wrong: their defaults must be padding="same" and stride=(1, 1)',
        *_DEFAULTS,
    ),
    mistake(
        "wrong_default",
        POOL,
        "only the call without stride and mode is wrong: their defaults must be stride=(1, 1) and mode='max'",
        *_DEFAULTS,
    ),
    mistake("bias_missing", (CONV_FORWARD,), "the bias b is not added"),
    mistake("bias_doubled", (CONV_FORWARD,), "the bias b is added twice"),
    mistake(
        "bias_repeated",
        (CONV_FORWARD,),
        "the bias b is added once for each cell of the kernel: add it once for each output",
        "bias_repeated",
        "bias_repeated all_channels",
    ),
    mistake("first_bias_only", (CONV_FORWARD,), "the bias of the first channel is used for all channels"),
    mistake(
        "activation_missing",
        (CONV_FORWARD,),
        "the activation is not applied",
        "activation_missing",
        "activation_missing bias_missing",
    ),
    mistake("activation_doubled", (CONV_FORWARD,), "the activation is applied twice"),
    mistake(
        "activation_before_bias",
        (CONV_FORWARD,),
        "the bias is added after the activation: A must be activation(sum + b)",
    ),
    mistake(
        "kernel_flipped",
        CONV,
        "the kernel is rotated by 180 degrees: the course's convolution does not rotate it",
        "kernel_flipped",
        "kernel_flipped dw_too",
    ),
    mistake(
        "first_channel_only",
        EVERY,
        "one channel is used for all channels: use each channel's own, and sum over channels where the task says so",
        "first_channel_only",
        "first_filter_only",
        "first_channel_only of_gradient",
    ),
    mistake(
        "first_example_only",
        EVERY,
        "the first example is used for all examples",
        "first_example_only",
        "first_example_only of_gradient",
    ),
    mistake("over_examples", (CONV_FORWARD,), "the sum runs over the examples too: each example has its own output"),
    mistake(
        "row_by_column",
        (POOL_FORWARD,),
        "the end of a window's rows is computed from the column: it must be i * sh + kh",
        "row_by_column",
        "row_by_column of_max",
    ),
    mistake(
        "returned_early",
        EVERY,
        "only the first example is computed: the return statement is inside the loop",
        "returned_early",
        "returned_early outside",
    ),
    mistake("transposed", FORWARD, "rows and columns of the result are swapped"),
    mistake(
        "divided_by_m",
        BACKWARD,
        "the gradients are divided by the number of examples: in this task they are sums, not means",
    ),
    mistake(
        "divided_by_all",
        (CONV_BACKWARD,),
        "the gradients are divided by the total number of windows: in this task they are sums, not means",
    ),
    mistake(
        "db_shape", (CONV_BACKWARD,), "db must have the shape of b, (1, 1, 1, c_new): sum with keepdims=True", "flat"
    ),
    mistake(
        "db_axes",
        (CONV_BACKWARD,),
        "db is summed over the wrong axes: sum over the axes 0, 1 and 2 (examples, rows and columns)",
        *DB_AXES,
        *(f"{axes} flat" for axes in DB_AXES),
    ),
    mistake(
        "overwritten",
        EVERY,
        "a new value overwrites the old one (=): add it to the old one (+=), or for a maximum compare the two",
        "overwritten",
        "dw_overwritten",
        "dw_overwritten all_examples",
        "overwritten dw_overwritten",
        "overwritten_by_cell",
        "db_last",
        "last_cell",
    ),
    mistake(
        "ties_shared", (POOL_BACKWARD,), "equal maxima share the gradient: each of them must get the whole gradient"
    ),
    mistake("max_starts_at_zero", POOL, "the search for the maximum starts at 0: a maximum below 0 is never found"),
    mistake("mask_value", (POOL_BACKWARD,), "the gradient is multiplied by the value of the maximum"),
    mistake(
        "mode_misspelt",
        POOL,
        'one mode gives only zeros: the modes are called "max" and "avg"',
        "mode_misspelt",
        "mode_misspelt of_max",
    ),
    mistake(
        "never_filled",
        (CONV_FORWARD, POOL_FORWARD),
        "the result never gets a value: it is zeros, however the input is chosen",
        "never_filled",
        "never_filled activated",
        "never_filled activated but_bias",
    ),
    mistake(
        "never_filled",
        (POOL_BACKWARD,),
        "dA_prev is all zeros: it is never filled, or what was summed up elsewhere is never copied into it",
    ),
    mistake(
        "never_filled",
        (CONV_BACKWARD,),
        "a gradient is all zeros: it is never filled, or what was summed up elsewhere is never copied into it",
        *(f"never_filled {names}" for names in ("dA_prev", "dW", "db", "dA_prev dW", "dW db", "dA_prev dW db")),
    ),
    mistake("mode_ignored", POOL, "the argument mode is ignored", "always_max", "always_avg"),
    *POOLING_MISTAKES,
    mistake(
        "wrong_dtype",
        EVERY,
        "the result has the integer type of the images, so decimals are lost: create it as an array of floats",
    ),
    mistake(
        "whole_numbers",
        EVERY,
        "the result is created as an array of integers, so decimals are lost: create it as an array of floats",
    ),
)

MISTAKES = (*_MISTAKES, *in_one_place(_MISTAKES))
HINTS = {one.name: one.hint for one in MISTAKES}
