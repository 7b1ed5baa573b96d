"""Padding and output sizes, compared with their definitions by counting one window at a time."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import oracle

from convlens.geometry import RULES, Plan, course_pads, out_size, pair, plan, same_pads

pytestmark = pytest.mark.smoke

sizes = st.integers(1, 40)
kernels = st.integers(1, 12)
strides = st.integers(1, 12)
pads = st.tuples(st.integers(0, 6), st.integers(0, 6))


def windows(size, kernel, stride):
    """The number of windows that fit, counted by moving one window until it no longer fits."""
    count = 0
    while count * stride + kernel <= size:
        count += 1
    return count


@given(sizes, kernels, strides, pads)
def test_out_size_counts_the_windows_that_fit(size, kernel, stride, pad):
    padded = pad[0] + size + pad[1]
    if kernel <= padded:
        assert out_size(size, kernel, stride, *pad) == windows(padded, kernel, stride)


@given(sizes, kernels, strides)
def test_same_is_the_smallest_padding_for_ceil_windows_and_an_odd_row_is_last(size, kernel, stride):
    before, after = same_pads(size, kernel, stride)
    wanted = -(-size // stride)
    assert min(before, after) >= 0 and after - before in (0, 1)
    if before + after:
        assert windows(size + before + after, kernel, stride) == wanted
        assert windows(size + before + after - 1, kernel, stride) == wanted - 1
    else:
        assert out_size(size, kernel, stride) == wanted


@given(sizes, kernels, strides)
def test_course_is_the_smallest_padding_for_size_windows_and_an_odd_row_is_first(size, kernel, stride):
    before, after = course_pads(size, kernel, stride)
    assert min(before, after) >= 0 and before - after in (0, 1)
    assert windows(size + before + after, kernel, stride) == size
    assert before + after == 0 or windows(size + before + after - 1, kernel, stride) == size - 1
    shape = (1, size, size, 1)
    assert oracle.course_pads(shape, (kernel, kernel), (stride, stride), "same")[0] == (before, after)


@given(sizes, kernels)
def test_at_stride_1_and_an_odd_kernel_the_two_rules_agree(size, kernel):
    if kernel % 2:
        assert same_pads(size, kernel, 1) == course_pads(size, kernel, 1) == (kernel // 2, kernel // 2)


@given(st.tuples(sizes, sizes), st.tuples(kernels, kernels), st.tuples(strides, strides), st.tuples(pads, pads))
def test_plan_treats_rows_and_columns_independently(size, kernel, stride, explicit):
    paddings: tuple[Any, ...] = (*RULES, explicit, [list(explicit[0]), list(explicit[1])])
    for padding in paddings:
        try:
            found = plan(size, kernel, stride, padding)
        except ValueError as error:
            assert "the kernel must fit into the padded input" in str(error)
            assert padding not in ("same", "course")
            continue
        rows = plan((size[0], 40), (kernel[0], 1), (stride[0], 1), _axis(padding, 0))
        columns = plan((40, size[1]), (1, kernel[1]), (1, stride[1]), _axis(padding, 1))
        assert found == Plan((rows.pads[0], columns.pads[1]), (rows.out[0], columns.out[1]))
        shape = (1, *size, 1)
        assert found.out == oracle.output_size(shape, kernel, stride, found.pads)


def _axis(padding, axis):
    """Explicit padding with the other axis set to 0; a named rule unchanged."""
    if isinstance(padding, str):
        return padding
    return tuple(padding[a] if a == axis else (0, 0) for a in (0, 1))


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "expected"),
    [
        ((28, 28), (5, 5), (1, 1), "same", Plan(((2, 2), (2, 2)), (28, 28))),
        ((7, 6), (3, 3), (2, 2), "same", Plan(((1, 1), (0, 1)), (4, 3))),
        ((4, 5), (2, 2), (1, 1), "course", Plan(((1, 0), (1, 0)), (4, 5))),
        ((4, 5), (3, 2), (2, 3), "course", Plan(((3, 2), (5, 4)), (4, 5))),
        ((5, 4), (5, 4), (3, 1), "valid", Plan(((0, 0), (0, 0)), (1, 1))),
        ((5, 7), (1, 1), (2, 9), "same", Plan(((0, 0), (0, 0)), (3, 1))),
        ((1, 1), (3, 4), (1, 1), ((2, 0), (1, 2)), Plan(((2, 0), (1, 2)), (1, 1))),
    ],
)
def test_plans_worked_by_hand(size, kernel, stride, padding, expected):
    assert plan(size, kernel, stride, padding) == expected


def test_pair_takes_numpy_integers_and_lists_and_gives_python_integers():
    for value in (np.int64(3), [3, 3], (np.int8(3), 3)):
        got = pair("stride", value, 1)
        assert got == (3, 3) and all(type(v) is int for v in got)


@pytest.mark.parametrize(
    "value",
    [0, -1, 1.0, "2", None, True, (True, 2), (1, False), (1,), (1, 2, 3), (1, 0), (2, 1.5), (None, 1), np.float32(2)],
)
def test_pair_names_the_rule_and_what_it_got(value):
    with pytest.raises(ValueError) as caught:
        pair("stride", value, 1)
    assert str(caught.value) == f"stride must be an integer of at least 1, or two of them; got {value!r}"


@pytest.mark.parametrize(
    "padding",
    [
        "SAME",
        "full",
        "",
        "ab",
        None,
        1,
        (1, 2),
        ((1, 2),),
        ((1, 2), 3),
        ((1, 2), (0,)),
        ((0, 0), (0, -1)),
        ((-1, 0), (0, 0)),
        ((0, 1.0), (0, 0)),
        ((True, 0), (0, 0)),
        ((1, 2, 3), (0, 0)),
        ((0, 0), (0, 0), (0, 0)),
        {"top": 1, "left": 2},
    ],
)
def test_plan_refuses_a_padding_it_does_not_know(padding):
    with pytest.raises(ValueError) as caught:
        plan((5, 6), (2, 3), (1, 1), padding)
    assert str(caught.value) == (
        "padding must be 'valid', 'same', 'course' or ((top, bottom), (left, right)) of integers of at least 0; "
        f"got {padding!r}"
    )


@pytest.mark.parametrize(
    ("kernel", "padding", "padded"),
    [((6, 1), "valid", "(5, 4)"), ((1, 5), "valid", "(5, 4)"), ((1, 8), ((0, 0), (1, 2)), "(5, 7)")],
)
def test_plan_refuses_a_kernel_larger_than_the_padded_input(kernel, padding, padded):
    with pytest.raises(ValueError) as caught:
        plan((5, 4), kernel, (1, 1), padding)
    assert str(caught.value) == (
        f"the kernel must fit into the padded input; got kernel {kernel}, padded input {padded}"
    )


def test_plan_checks_kernel_and_stride_by_name():
    with pytest.raises(ValueError, match=r"^kernel must be an integer of at least 1, or two of them; got \(0, 1\)"):
        plan((5, 4), (0, 1), (1, 1), "valid")
    with pytest.raises(ValueError, match=r"^stride must be an integer of at least 1, or two of them; got \(1, 0\)"):
        plan((5, 4), (1, 1), (1, 0), "valid")


def test_plan_refuses_a_padding_given_as_an_array():
    with pytest.raises(ValueError, match=r"^padding must be 'valid'"):
        plan((5, 4), (1, 1), (1, 1), np.zeros((2, 2), int))  # type: ignore[arg-type]  # on purpose
