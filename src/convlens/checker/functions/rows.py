"""The inputs of tasks 0 to 3, row by row. Each row is there for one reason: without it, a wrong program passes.

In tasks 0 and 2, "same" needs T = (h - 1) * sh + kh - h rows of zeros, and columns likewise. A program may go wrong for
T even or odd, for an even or odd kernel, for stride 1, 2 or more, down or across. The rows of `CONVOLUTIONS` meet each
of these once for the height and once for the width. At most one of the two totals is odd, so that a program which
splits an odd total one way down and another way across is right. A test removes each row, and a wrong program passes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from convlens.checker.functions.cases import CONV_BACKWARD, CONV_FORWARD, POOL_BACKWARD, POOL_FORWARD, Case, Size

__all__ = ["CONVOLUTIONS", "POOLINGS", "TOGETHER", "Row", "cases"]

TOGETHER = Size(2, 5, 6, 2, 1, 3, 3, 2, 1)
_FORWARD, _CONVS, _POOLS = (CONV_FORWARD,), (CONV_FORWARD, CONV_BACKWARD), (POOL_FORWARD, POOL_BACKWARD)
_CURVE, _RELU = {"bias": True, "activation": "curve"}, {"activation": "relu"}
_TIES = {"numbers": "ties"}
_ONE = Size(1, 6, 4, 2, 1, 3, 2, 3, 2)


class Row(NamedTuple):
    """One row.

    name: a name for the row; check: a name for the rows of one check; how: the padding, or the mode; why: a wrong
    program that no other row finds; named: other attributes of `Case`; tasks: the tasks that use the row
    """

    name: str
    check: str
    how: str
    size: Size
    why: str
    named: dict[str, Any] = {}  # noqa: RUF012 — nobody changes it
    tasks: tuple[int, ...] = _CONVS

    def case(self, task: int) -> Case:
        """Return the call of one task."""
        return Case(task, self.size, self.how, **self.named)


def cases(table: tuple[Row, ...], task: int, *checks: str) -> list[Case]:
    """Return the calls of a task for some checks, in the order of the table."""
    return [row.case(task) for row in table if row.check in checks and task in row.tasks]


# n, h, w, ci, co, kh, kw, sh, sw. Height and width differ, so that using one in place of the other is found.
CONVOLUTIONS = (
    Row("three_examples", "examples", "valid", Size(3, 3, 4, 1, 1, 2, 3), "the batch is taken in pairs"),
    Row("one_example", "valid", "valid", Size(1, 5, 4, 1, 1, 3, 2), "a batch of one loses its first axis"),
    Row("strides", "strides", "valid", Size(2, 5, 8, 1, 1, 3, 2, 2, 3), "there are (h_prev - kh + 1) // sh windows"),
    Row("leftover", "leftover", "valid", Size(2, 6, 7, 1, 1, 3, 2, 2, 3), "the number of windows is rounded up"),
    Row("rows_only", "same", "same", Size(2, 6, 3, 1, 1, 5, 1), "zeros only if the width needs zeros, or pw:-pw"),
    Row("columns_only", "same", "same", Size(2, 6, 5, 1, 1, 1, 3), "zeros only if the height needs zeros, or ph:-ph"),
    Row("stride_three", "strides_same", "same", Size(2, 4, 6, 1, 1, 3, 5, 3, 3), "w_prev * sw + kw - w_prev - 1 zeros"),
    Row("above_image", "strides_same", "same", Size(2, 3, 4, 1, 1, 3, 3, 4, 1), "a stride above the image is cut"),
    Row("odd_across_1", "odd", "same", Size(2, 4, 5, 1, 1, 3, 2), "an even width of the kernel at stride 1"),
    Row("odd_down_1", "odd", "same", Size(2, 5, 4, 1, 1, 4, 3), "an even height of the kernel at stride 1"),
    Row("odd_across_3", "odd", "same", Size(2, 5, 4, 1, 1, 3, 2, 2, 3), "an even width of the kernel at stride 3"),
    Row("odd_down_3", "odd", "same", Size(2, 4, 5, 1, 1, 2, 3, 3, 2), "an even height of the kernel at stride 3"),
    Row("even_down_2", "odd", "same", Size(2, 4, 6, 1, 1, 2, 3, 2, 2), "T / 2 + 1 zeros for an even kh"),
    Row("even_across_2", "odd", "same", Size(2, 4, 6, 1, 1, 3, 4, 2, 2), "the same for an even kw"),
    Row("odd_across_2", "odd", "same", Size(2, 4, 5, 1, 1, 3, 2, 1, 2), "an even width of the kernel at stride 2"),
    Row("odd_down_2", "odd", "same", Size(2, 5, 4, 1, 1, 2, 3, 2, 1), "an even height of the kernel at stride 2"),
    Row("one_by_one", "one_by_one", "same", Size(2, 3, 4, 1, 1, 1, 1), "at least one row and column of zeros"),
    Row("one_by_one_strides", "one_by_one", "same", Size(2, 4, 3, 1, 1, 1, 1, 3, 2), "a 1×1 kernel ignores the stride"),
    Row("whole_image", "whole_image", "valid", Size(2, 3, 4, 1, 1, 3, 4), "no window if the kernel is the image"),
    Row("more_inputs", "channels", "valid", Size(2, 4, 3, 3, 2, 3, 2), "only the first two input channels count"),
    Row("more_outputs", "channels", "valid", Size(2, 3, 4, 2, 3, 2, 3), "only two output channels, as in the example"),
    Row("bias", "bias", "valid", Size(2, 3, 4, 2, 2, 2, 3), "only the first bias counts", {"bias": True}, _FORWARD),
    Row("activation", "activation", "valid", Size(2, 4, 3, 1, 1, 3, 2), "the activation acts twice", _CURVE, _FORWARD),
    Row("defaults", "defaults", "same", Size(2, 4, 5, 1, 1, 3, 3), "another default", {"defaults": True}),
    Row("together", "together", "same", TOGETHER, "zeros are added to the first channel alone", _RELU | {"bias": True}),
    Row("digits", "digits", "valid", Size(4, 28, 28, 1, 2, 3, 3), "only ten rows of windows", _RELU),
)
# n, h, w, c, 1 (not used), kh, kw, sh, sw
_POOLINGS = (
    Row("three_examples", "disjoint", "", Size(3, 4, 6, 3, 1, 2, 3, 2, 3), "the batch is taken in pairs"),
    Row("overlapping", "overlapping", "", Size(2, 5, 6, 2, 1, 3, 2), "rows of windows are kept apart"),
    Row("strides", "overlapping", "", Size(2, 4, 7, 1, 1, 2, 3, 2, 2), "windows overlap at stride 1 only"),
    Row("leftover", "leftover", "", Size(2, 5, 8, 1, 1, 2, 3, 2, 3), "the number of windows is rounded up"),
    Row("gaps", "one_by_one", "", Size(2, 5, 7, 1, 1, 1, 1, 2, 3), "a stride above the kernel is cut"),
    Row("whole_image", "whole_image", "", Size(2, 3, 4, 2, 1, 3, 4, 1, 2), "no window if it is the image"),
)
POOLINGS = (
    *(row._replace(how=how, tasks=(POOL_FORWARD, POOL_BACKWARD)) for row in _POOLINGS for how in ("max", "avg")),
    Row("one_example", "disjoint", "avg", _ONE, "a batch of one loses its first axis", {}, _POOLS),
    Row("one_example", "negative", "max", _ONE, "a batch of one loses its first axis", {"numbers": "negative"}, _POOLS),
    Row("ties", "ties", "max", Size(2, 4, 6, 1, 1, 2, 3, 2, 1), "the first largest gets all", _TIES, (POOL_BACKWARD,)),
    Row("defaults", "defaults", "max", Size(2, 3, 5, 1, 1, 1, 2), "another default", {"defaults": True}, _POOLS),
    Row("digits", "digits", "max", Size(4, 28, 28, 2, 1, 2, 2, 2, 2), "only ten rows of windows", {}, _POOLS),
)
