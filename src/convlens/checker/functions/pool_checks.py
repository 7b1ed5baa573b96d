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
from convlens.checker.functions.under_test import FunctionUnderTest
from convlens.gradcheck import GradientError, check_vjp

__all__ = ["BACKWARD", "FORWARD"]

FORWARD = Checks()
BACKWARD = Checks()
FORWARD.add("parses")(loads)
BACKWARD.add("parses")(loads)

# n, h, w, c, 1 (not used), kh, kw, sh, sw. Height and width differ.
_DISJOINT = (Size(1, 4, 6, 1, 1, 2, 3, 2, 3), Size(2, 6, 4, 2, 1, 3, 2, 3, 2))
_OVERLAP = (Size(1, 3, 5, 1, 1, 2, 3, 1, 1), Size(2, 5, 6, 2, 1, 3, 2, 1, 2), Size(1, 7, 4, 1, 1, 3, 2, 2, 1))
_LEFTOVER = (Size(1, 5, 8, 1, 1, 2, 3, 2, 3), Size(2, 6, 7, 1, 1, 3, 2, 2, 4), Size(1, 7, 5, 1, 1, 2, 2, 3, 2))
_ONE = (Size(1, 3, 4, 1, 1, 1, 1), Size(2, 4, 5, 2, 1, 1, 1, 2, 3))
_WHOLE = (Size(2, 3, 4, 2, 1, 3, 4, 1, 2),)
_DIGITS = Size(4, 28, 28, 2, 1, 2, 2, 2, 2)


def _forward(how: str, *sizes: Size, **named: Any) -> list[Case]:
    return [Case(POOL_FORWARD, size, how, **named) for size in sizes]


def _backward(how: str, *sizes: Size, **named: Any) -> list[Case]:
    return [Case(POOL_BACKWARD, size, how, **named) for size in sizes]


# ---------------------------------------------------------------- task 1


@FORWARD.add("loads")
def maximum(function: FunctionUnderTest) -> None:
    """Mode "max" gives the largest number of each window, for each example and channel."""
    function.agree(*_forward("max", *_DISJOINT))


@FORWARD.add("loads")
def average(function: FunctionUnderTest) -> None:
    """Mode "avg" gives the mean of each window."""
    function.agree(*_forward("avg", *_DISJOINT))


@FORWARD.add("loads")
def overlapping(function: FunctionUnderTest) -> None:
    """Windows overlap when the stride is smaller than the kernel."""
    function.agree(*_forward("max", *_OVERLAP), *_forward("avg", *_OVERLAP))


@FORWARD.add("loads")
def leftover(function: FunctionUnderTest) -> None:
    """Rows and columns at the end are left out if no whole window fits into them."""
    function.agree(*_forward("max", *_LEFTOVER), *_forward("avg", *_LEFTOVER))


@FORWARD.add("loads")
def negative(function: FunctionUnderTest) -> None:
    """The largest of several negative numbers is negative."""
    function.agree(*_forward("max", *_DISJOINT, numbers="negative"))


@FORWARD.add("loads")
def one_by_one(function: FunctionUnderTest) -> None:
    """A window of 1×1 gives every sh-th row and every sw-th column of the image."""
    function.agree(*_forward("max", *_ONE), *_forward("avg", *_ONE))


@FORWARD.add("loads")
def whole_image(function: FunctionUnderTest) -> None:
    """A window as large as the image gives one number for each channel."""
    function.agree(*_forward("max", *_WHOLE), *_forward("avg", *_WHOLE))


@FORWARD.add("loads")
def defaults(function: FunctionUnderTest) -> None:
    """By default, the stride is (1, 1) and the mode is "max"."""
    function.agree(*_forward("max", Size(1, 3, 5, 1, 1, 2, 3), defaults=True))


@FORWARD.add("overlapping")
def float32(function: FunctionUnderTest) -> None:
    """Images of type float32 give the right numbers, within the precision of float32."""
    function.advise(
        *SINGLES, *_forward("max", _OVERLAP[1], numbers="float32"), *_forward("avg", _OVERLAP[1], numbers="float32")
    )


@FORWARD.add("maximum", "average")
def integers(function: FunctionUnderTest) -> None:
    """Images of integers have averages with decimals."""
    function.advise(
        *INTEGERS, *_forward("max", *_DISJOINT, numbers="integers"), *_forward("avg", *_DISJOINT, numbers="integers")
    )


@FORWARD.add("loads")
def inputs_unchanged(function: FunctionUnderTest) -> None:
    """The call does not change the array that the function is given."""
    for mode in ("max", "avg"):
        function.unchanged(Case(POOL_FORWARD, _OVERLAP[1], mode))


@FORWARD.add("loads", "maximum")
def digits(function: FunctionUnderTest) -> None:
    """Several images as large as MNIST's digits give the right numbers."""
    function.larger(Case(POOL_FORWARD, _DIGITS, "max"))


FORWARD.add("loads")(later_numpy)

# ---------------------------------------------------------------- task 3


@BACKWARD.add("loads")
def maximum_gets_all(function: FunctionUnderTest) -> None:
    """In mode "max", the largest number of a window gets the window's gradient, and all others get 0."""
    function.agree(*_backward("max", *_DISJOINT))


@BACKWARD.add("loads")
def average_shares(function: FunctionUnderTest) -> None:
    """In mode "avg", each cell of a window gets the window's gradient divided by kh * kw."""
    function.agree(*_backward("avg", *_DISJOINT))


@BACKWARD.add("loads")
def overlapping_gradients(function: FunctionUnderTest) -> None:
    """Where windows overlap, a cell gets the sum of the gradients from all of them."""
    function.agree(*_backward("max", *_OVERLAP), *_backward("avg", *_OVERLAP))


@BACKWARD.add("loads")
def leftover_gradients(function: FunctionUnderTest) -> None:
    """Rows and columns that no window covers have a gradient of 0."""
    function.agree(*_backward("max", *_LEFTOVER), *_backward("avg", *_LEFTOVER))


@BACKWARD.add("loads")
def ties(function: FunctionUnderTest) -> None:
    """If the largest number of a window occurs several times, each of these cells gets the whole gradient."""
    function.agree(*_backward("max", *_DISJOINT, *_OVERLAP, numbers="ties"))


@BACKWARD.add("loads")
def negative_images(function: FunctionUnderTest) -> None:
    """The largest of several negative numbers also gets the gradient."""
    function.agree(*_backward("max", *_DISJOINT, numbers="negative"))


@BACKWARD.add("loads")
def one_by_one_gradients(function: FunctionUnderTest) -> None:
    """Windows of 1×1 give their gradient to every sh-th row and every sw-th column."""
    function.agree(*_backward("max", *_ONE), *_backward("avg", *_ONE))


@BACKWARD.add("loads")
def whole_image_gradients(function: FunctionUnderTest) -> None:
    """A window may be as large as the image."""
    function.agree(*_backward("max", *_WHOLE), *_backward("avg", *_WHOLE))


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
    function.agree(*_backward("max", Size(1, 3, 5, 1, 1, 2, 3), defaults=True))


@BACKWARD.add("overlapping_gradients")
def float32_gradients(function: FunctionUnderTest) -> None:
    """Arrays of type float32 give the right numbers, within the precision of float32."""
    function.advise(
        *SINGLES, *_backward("max", _OVERLAP[1], numbers="float32"), *_backward("avg", _OVERLAP[1], numbers="float32")
    )


@BACKWARD.add("maximum_gets_all", "average_shares")
def integer_images(function: FunctionUnderTest) -> None:
    """Images of integers give the right gradients: no decimals are lost."""
    function.advise(
        *INTEGERS, *_backward("max", *_DISJOINT, numbers="integers"), *_backward("avg", *_DISJOINT, numbers="integers")
    )


@BACKWARD.add("loads")
def arrays_unchanged(function: FunctionUnderTest) -> None:
    """The call does not change the arrays that the function is given."""
    for mode in ("max", "avg"):
        function.unchanged(Case(POOL_BACKWARD, _OVERLAP[1], mode))


@BACKWARD.add("loads", "maximum_gets_all")
def digits_backward(function: FunctionUnderTest) -> None:
    """Several images as large as MNIST's digits give the right numbers."""
    function.larger(Case(POOL_BACKWARD, _DIGITS, "max"))


BACKWARD.add("loads")(later_numpy)
