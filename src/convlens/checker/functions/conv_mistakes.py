"""The known mistakes of convolutions that have nothing to do with the amount of padding."""

from __future__ import annotations

from convlens.checker.functions.cases import CONV_BACKWARD, CONV_FORWARD
from convlens.checker.functions.mistake import CONV, mistake

__all__ = ["CONV_MISTAKES"]


def _in_places(name: str) -> list[str]:
    """Return the ways to use a wrong stride in some places only. `padding_mistakes` has those of the padding alone."""
    return [f"{name} {places}" for places in ("in_counts", "in_counts in_windows", "in_pads in_counts")]


CONV_MISTAKES = (
    mistake(
        "output_without_padding",
        (CONV_FORWARD,),
        "the size of the output is computed without the padding: it must be (h_prev + 2 * ph - kh) // sh + 1",
        "count_unpadded",
        "count_unpadded halved",
    ),
    mistake(
        "stride_swapped",
        CONV,
        "the strides of height and width are swapped in one place: the argument stride is (sh, sw)",
        *_in_places("stride_swapped"),
        *(f"stride_swapped in_pads{how}" for how in ("", " both", " both round_down")),
    ),
    mistake(
        "stride_height_for_width",
        CONV,
        "in one place the stride sh of the height is also used for the width: use sw",
        *_in_places("stride_height_for_width"),
    ),
    mistake(
        "stride_width_for_height",
        CONV,
        "in one place the stride sw of the width is also used for the height: use sh",
        *_in_places("stride_width_for_height"),
    ),
    mistake(
        "output_one_too_many",
        (CONV_FORWARD,),
        "the output has a last row or column that no window fills: (h_prev + padding - kh) // sh + 1 windows fit",
        "blank",
        "blank only_h",
        "blank only_w",
    ),
    mistake(
        "loop_in_steps",
        CONV,
        "the loop over the windows goes in steps of the stride, so it leaves windows out: loop over range(h_new), and "
        "start each window at row i * sh",
        *(f"loop_in_steps{which}" for which in ("", " spread", " spread stride_forgotten")),
        *(f"loop_in_steps bias_inside{which}" for which in ("", " spread", " spread stride_forgotten")),
    ),
    mistake(
        "filters_by_input",
        CONV,
        "the loop over the filters runs over the input's channels: there are c_new filters, W.shape[3]",
        "filters_by_input",
        "filters_by_input inside",
    ),
    mistake(
        "last_filter_only",
        CONV,
        "only the last filter counts: a statement is outside of the loop over the filters that it belongs to",
        "last_filter_only",
        "last_filter_only of_dw",
        "last_filter_only of_da",
    ),
    mistake(
        "from_input",
        (CONV_BACKWARD,),
        "the sum for dA_prev starts with the numbers of A_prev: start with zeros",
        "from_input",
        "from_input halved",
        "from_input not_cropped",
    ),
    mistake(
        "carried_over",
        (CONV_BACKWARD,),
        "dA_prev of an example keeps the sums of the examples before it: start each example with zeros",
    ),
)
