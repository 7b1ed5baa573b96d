"""The checks of tasks 1 and 3: pooling and its gradient. Each docstring is the sentence that a student reads."""

from __future__ import annotations

from typing import Any

import numpy as np

from convlens import ops
from convlens.arrays import Array
from convlens.checker.checks import Checks, Failed
from convlens.checker.functions.cases import POOL_BACKWARD, POOL_FORWARD, Case, Size
from convlens.checker.functions.conv_checks import INTEGERS, SINGLES, later_numpy, loads
from convlens.checker.functions.describe import gradient_error
from convlens.checker.functions.rows import POOLINGS, cases
from convlens.checker.functions.under_test import FunctionUnderTest
from convlens.gradcheck import GradientError, check_vjp

__all__ = ["BACKWARD", "FORWARD"]

FORWARD = Checks()
BACKWARD = Checks()
FORWARD.add("parses")(loads)
BACKWARD.add("parses")(loads)

_DISJOINT = (Size(1, 4, 6, 1, 1, 2, 3, 2, 3), Size(2, 6, 4, 2, 1, 3, 2, 3, 2))
_OVERLAP = Size(2, 5, 6, 2, 1, 3, 2, 1, 2)


def _forward(check: str, *modes: str) -> list[Case]:
    return [case for case in cases(POOLINGS, POOL_FORWARD, check) if case.how in modes or not modes]


def _backward(check: str, *modes: str) -> list[Case]:
    return [case for case in cases(POOLINGS, POOL_BACKWARD, check) if case.how in modes or not modes]


def _open(task: int, *sizes: Size, numbers: str) -> list[Case]:
    """Return calls with what the task leaves open."""
    return [Case(task, size, mode, numbers=numbers) for mode in ("max", "avg") for size in sizes]


# ---------------------------------------------------------------- task 1


@FORWARD.add("loads")
def maximum(function: FunctionUnderTest) -> None:
    """Mode "max" gives the largest number of each window, for each example and channel."""
    function.agree(*_forward("disjoint", "max"))


@FORWARD.add("loads")
def average(function: FunctionUnderTest) -> None:
    """Mode "avg" gives the mean of each window."""
    function.agree(*_forward("disjoint", "avg"))


@FORWARD.add("loads")
def overlapping(function: FunctionUnderTest) -> None:
    """Windows overlap when the stride is smaller than the kernel."""
    function.agree(*_forward("overlapping"))


@FORWARD.add("loads")
def leftover(function: FunctionUnderTest) -> None:
    """Rows and columns at the end are left out if no whole window fits into them."""
    function.agree(*_forward("leftover"))


@FORWARD.add("loads")
def negative(function: FunctionUnderTest) -> None:
    """The largest of several negative numbers is negative."""
    function.agree(*_forward("negative"))


@FORWARD.add("loads")
def one_by_one(function: FunctionUnderTest) -> None:
    """A window of 1×1 gives every sh-th row and every sw-th column of the image."""
    function.agree(*_forward("one_by_one"))


@FORWARD.add("loads")
def whole_image(function: FunctionUnderTest) -> None:
    """A window as large as the image gives one number for each channel."""
    function.agree(*_forward("whole_image"))


@FORWARD.add("loads")
def defaults(function: FunctionUnderTest) -> None:
    """By default, the stride is (1, 1) and the mode is "max"."""
    function.agree(*_forward("defaults"))


@FORWARD.add("overlapping")
def float32(function: FunctionUnderTest) -> None:
    """Images of type float32 give the right numbers, within the precision of float32."""
    function.advise(*SINGLES, *_open(POOL_FORWARD, _OVERLAP, numbers="float32"))


@FORWARD.add("maximum", "average")
def integers(function: FunctionUnderTest) -> None:
    """Images of integers have averages with decimals."""
    function.advise(*INTEGERS, *_open(POOL_FORWARD, *_DISJOINT, numbers="integers"))


@FORWARD.add("loads")
def inputs_unchanged(function: FunctionUnderTest) -> None:
    """The call does not change the array that the function is given."""
    for mode in ("max", "avg"):
        function.unchanged(Case(POOL_FORWARD, _OVERLAP, mode))


@FORWARD.add("loads", "maximum")
def digits(function: FunctionUnderTest) -> None:
    """Several images as large as MNIST's digits give the right numbers."""
    function.larger(*_forward("digits"))


FORWARD.add("loads")(later_numpy)

# ---------------------------------------------------------------- task 3


@BACKWARD.add("loads")
def maximum_gets_all(function: FunctionUnderTest) -> None:
    """In mode "max", the largest number of a window gets the window's gradient, and all others get 0."""
    function.agree(*_backward("disjoint", "max"))


@BACKWARD.add("loads")
def average_shares(function: FunctionUnderTest) -> None:
    """In mode "avg", each cell of a window gets the window's gradient divided by kh * kw."""
    function.agree(*_backward("disjoint", "avg"))


@BACKWARD.add("loads")
def overlapping_gradients(function: FunctionUnderTest) -> None:
    """Where windows overlap, a cell gets the sum of the gradients from all of them."""
    function.agree(*_backward("overlapping"))


@BACKWARD.add("loads")
def leftover_gradients(function: FunctionUnderTest) -> None:
    """Rows and columns that no window covers have a gradient of 0."""
    function.agree(*_backward("leftover"))


@BACKWARD.add("loads")
def ties(function: FunctionUnderTest) -> None:
    """If the largest number of a window occurs several times, each of these cells gets the whole gradient."""
    function.agree(*_backward("ties"))


@BACKWARD.add("loads")
def negative_images(function: FunctionUnderTest) -> None:
    """The largest of several negative numbers also gets the gradient."""
    function.agree(*_backward("negative"))


@BACKWARD.add("loads")
def one_by_one_gradients(function: FunctionUnderTest) -> None:
    """Windows of 1×1 give their gradient to every sh-th row and every sw-th column."""
    function.agree(*_backward("one_by_one"))


@BACKWARD.add("loads")
def whole_image_gradients(function: FunctionUnderTest) -> None:
    """A window may be as large as the image."""
    function.agree(*_backward("whole_image"))


@BACKWARD.add("loads", "maximum_gets_all", "average_shares")
def finite_differences(function: FunctionUnderTest) -> None:
    """The gradient agrees with finite differences, the change of the output when the input changes a little."""
    rng = np.random.default_rng(function.options.seed)
    for mode, pool in (("max", ops.max_pool2d_forward), ("avg", ops.avg_pool2d_forward)):
        case = Case(POOL_BACKWARD, Size(2, 5, 7, 2, 1, 3, 2, 2, 1), mode)

        def backward(da: Array, x: Array, case: Case = case) -> Array:
            return function.value(case, {"dA": da, "A_prev": x})[0]

        def forward(x: Array, case: Case = case, pool: Any = pool) -> Array:
            y: Array = pool(x, case.kernel, stride=case.stride)
            return y

        try:
            check_vjp(forward, backward, (case.arrays(function.options.seed)["A_prev"],), rng=rng, rtol=1e-3)
        except GradientError as error:
            found = gradient_error(error, reveal=function.options.reveal)
            raise Failed(f"kernel {case.kernel}, stride {case.stride}, mode {mode!r}: {found}") from None


@BACKWARD.add("loads")
def default_arguments(function: FunctionUnderTest) -> None:
    """By default, the stride is (1, 1) and the mode is "max"."""
    function.agree(*_backward("defaults"))


@BACKWARD.add("overlapping_gradients")
def float32_gradients(function: FunctionUnderTest) -> None:
    """Arrays of type float32 give the right numbers, within the precision of float32."""
    function.advise(*SINGLES, *_open(POOL_BACKWARD, _OVERLAP, numbers="float32"))


@BACKWARD.add("maximum_gets_all", "average_shares")
def integer_images(function: FunctionUnderTest) -> None:
    """Images of integers give the right gradients: no decimals are lost."""
    function.advise(*INTEGERS, *_open(POOL_BACKWARD, *_DISJOINT, numbers="integers"))


@BACKWARD.add("loads")
def arrays_unchanged(function: FunctionUnderTest) -> None:
    """The call does not change the arrays that the function is given."""
    for mode in ("max", "avg"):
        function.unchanged(Case(POOL_BACKWARD, _OVERLAP, mode))


@BACKWARD.add("loads", "maximum_gets_all")
def digits_backward(function: FunctionUnderTest) -> None:
    """Several images as large as MNIST's digits give the right numbers."""
    function.larger(*_backward("digits"))


BACKWARD.add("loads")(later_numpy)
