"""The checks of tasks 0 and 2: a convolution and its gradients. Each docstring is the sentence that a student reads."""

from __future__ import annotations

from typing import Any

import numpy as np

from convlens import ops
from convlens.arrays import Array
from convlens.checker.checks import Checks, Failed
from convlens.checker.functions.cases import CONV_BACKWARD, CONV_FORWARD, Case, Size
from convlens.checker.functions.describe import gradient_error
from convlens.checker.functions.rows import CONVOLUTIONS, TOGETHER, cases
from convlens.checker.functions.under_test import FunctionUnderTest
from convlens.gradcheck import GradientError, check_vjp

__all__ = ["BACKWARD", "FORWARD", "INTEGERS", "SINGLES", "later_numpy", "loads"]

FORWARD = Checks()
BACKWARD = Checks()
# What the task leaves open gives advice, never a failure: the message's first words, what to do, and a name
INTEGERS = (
    "for images of integers, which the task leaves open",
    "make the result with np.zeros(shape), which holds decimals: np.zeros_like(A_prev) of integers cannot",
    "wrong_dtype",
)
SINGLES = (
    "for arrays of type float32, which the task leaves open",
    "let the result have NumPy's usual type float64: np.zeros(shape)",
    "wrong_float32",
)

_MIXED = Size(2, 5, 6, 2, 3, 3, 3, 2, 1)
_PLAIN = (Size(1, 3, 4, 1, 1, 2, 3), Size(2, 5, 4, 1, 1, 3, 2))


def _forward(*checks: str) -> list[Case]:
    return cases(CONVOLUTIONS, CONV_FORWARD, *checks)


def _backward(*checks: str) -> list[Case]:
    return cases(CONVOLUTIONS, CONV_BACKWARD, *checks)


def _open(task: int, how: str, *sizes: Size, **named: Any) -> list[Case]:
    """Return calls with what the task leaves open."""
    return [Case(task, size, how, **named) for size in sizes]


# ---------------------------------------------------------------- task 0


@FORWARD.add("parses")
def loads(function: FunctionUnderTest) -> None:
    """The file can be imported, and it has the function."""
    function.load()


@FORWARD.add("loads")
def valid(function: FunctionUnderTest) -> None:
    """With padding "valid", each output is the sum of a window times the kernel."""
    function.agree(*_forward("examples", "valid"))


@FORWARD.add("loads")
def strides(function: FunctionUnderTest) -> None:
    """With the stride (sh, sw), windows start every sh rows and every sw columns."""
    function.agree(*_forward("strides"))


@FORWARD.add("loads")
def leftover(function: FunctionUnderTest) -> None:
    """Rows and columns at the end are left out if no whole window fits into them."""
    function.agree(*_forward("leftover"))


@FORWARD.add("loads")
def same(function: FunctionUnderTest) -> None:
    """With padding "same", zeros are added around the input, so that the output has the same height and width."""
    function.agree(*_forward("same"))


@FORWARD.add("loads")
def same_with_strides(function: FunctionUnderTest) -> None:
    """With padding "same" and a stride, each side gets ((h_prev - 1) * sh + kh - h_prev) / 2 rows of zeros."""
    function.agree(*_forward("strides_same"))


@FORWARD.add("loads")
def odd_zeros(function: FunctionUnderTest) -> None:
    """If padding "same" needs an odd number of zeros, the extra one may be on either side, on both or on none."""
    function.agree(*_forward("odd"))


@FORWARD.add("loads")
def one_by_one(function: FunctionUnderTest) -> None:
    """A kernel of 1×1 works with both paddings, and needs no zeros if the stride is 1."""
    function.agree(*_forward("one_by_one"))


@FORWARD.add("loads")
def whole_image(function: FunctionUnderTest) -> None:
    """A kernel as large as the image gives one output."""
    function.agree(*_forward("whole_image"))


@FORWARD.add("loads")
def channels(function: FunctionUnderTest) -> None:
    """For each example, an output channel is the sum over all input channels, with its own kernel."""
    function.agree(*_forward("channels"))


@FORWARD.add("loads")
def bias(function: FunctionUnderTest) -> None:
    """The bias of the output channel is added once to each output."""
    function.agree(*_forward("bias"))


@FORWARD.add("loads")
def activation(function: FunctionUnderTest) -> None:
    """The activation is applied once, after the bias is added."""
    function.agree(*_forward("activation"))


@FORWARD.add("loads")
def defaults(function: FunctionUnderTest) -> None:
    """By default, padding is "same" and the stride is (1, 1)."""
    function.agree(*_forward("defaults"))


@FORWARD.add("loads")
def together(function: FunctionUnderTest) -> None:
    """Channels, strides, padding, bias and ReLU work together."""
    function.agree(*_forward("together"))


@FORWARD.add("together")
def float32(function: FunctionUnderTest) -> None:
    """Images of type float32 give the right numbers, within the precision of float32."""
    function.advise(*SINGLES, *_open(CONV_FORWARD, "same", _MIXED, bias=True, numbers="float32"))


@FORWARD.add("valid", "bias", "activation")
def integers(function: FunctionUnderTest) -> None:
    """Images of integers give the right numbers: no decimals are lost."""
    function.advise(
        *INTEGERS,
        *_open(CONV_FORWARD, "valid", *_PLAIN, bias=True, numbers="integers"),
        *_open(CONV_FORWARD, "valid", *_PLAIN, bias=True, activation="curve", numbers="whole"),
    )


@FORWARD.add("loads")
def inputs_unchanged(function: FunctionUnderTest) -> None:
    """The call does not change the arrays that the function is given."""
    for how in ("same", "valid"):
        function.unchanged(Case(CONV_FORWARD, _MIXED, how, bias=True, activation="relu"))


@FORWARD.add("loads", "valid", "bias", "activation")
def digits(function: FunctionUnderTest) -> None:
    """Several images as large as MNIST's digits give the right numbers."""
    function.larger(*_forward("digits"))


@FORWARD.add("loads")
def later_numpy(function: FunctionUnderTest) -> None:
    """The file runs on later releases of NumPy too."""
    function.runs_later()


# ---------------------------------------------------------------- task 2

BACKWARD.add("parses")(loads)


@BACKWARD.add("loads")
def three_gradients(function: FunctionUnderTest) -> None:
    """The function returns three arrays: dA_prev, dW and db."""
    function.returns(Case(CONV_BACKWARD, Size(1, 3, 4, 1, 2, 2, 3), "valid"))


@BACKWARD.add("loads")
def valid_gradients(function: FunctionUnderTest) -> None:
    """With padding "valid", dA_prev, dW and db are sums over all windows."""
    function.agree(*_backward("valid", "channels", "whole_image"))


@BACKWARD.add("loads")
def strided_gradients(function: FunctionUnderTest) -> None:
    """With the stride (sh, sw), gradients go to windows that start every sh rows and every sw columns."""
    function.agree(*_backward("strides"))


@BACKWARD.add("loads")
def leftover_gradients(function: FunctionUnderTest) -> None:
    """Rows and columns that no window covers have a gradient of 0."""
    function.agree(*_backward("leftover"))


@BACKWARD.add("loads")
def same_gradients(function: FunctionUnderTest) -> None:
    """With padding "same", dA_prev is the gradient of the image only, without the zeros around it."""
    function.agree(*_backward("same"))


@BACKWARD.add("loads")
def same_gradients_with_strides(function: FunctionUnderTest) -> None:
    """With padding "same" and a stride, each side gets ((h_prev - 1) * sh + kh - h_prev) / 2 rows of zeros."""
    function.agree(*_backward("strides_same"))


@BACKWARD.add("loads")
def odd_zeros_gradients(function: FunctionUnderTest) -> None:
    """If padding "same" needs an odd number of zeros, half of them, rounded up or down, come before the image."""
    function.agree(*_backward("odd"))


@BACKWARD.add("loads")
def one_by_one_gradients(function: FunctionUnderTest) -> None:
    """A kernel of 1×1 with padding "same" needs no zeros, and nothing is cut off."""
    function.agree(*_backward("one_by_one"))


@BACKWARD.add("loads")
def examples(function: FunctionUnderTest) -> None:
    """The gradients dW and db are sums over the examples, and each example has its own dA_prev."""
    function.agree(*_backward("examples"))


@BACKWARD.add("loads", "valid_gradients")
def finite_differences(function: FunctionUnderTest) -> None:
    """The gradients agree with finite differences, the change of the output when an input changes a little."""
    for how in ("valid", "same"):
        _check_vjp(function, Case(CONV_BACKWARD, TOGETHER, how))


def _check_vjp(function: FunctionUnderTest, case: Case) -> None:
    rng = np.random.default_rng(function.options.seed)
    pads = case.pads()

    def forward(x: Array, w: Array, b: Array) -> Array:
        return ops.conv2d_forward(x, w, b.ravel(), padding=pads, stride=case.stride)

    def backward(dz: Array, x: Array, w: Array, b: Array) -> tuple[Array, ...]:
        given = {"dZ": dz, "A_prev": x, "W": w, "b": b}
        return function.value(case, given)

    size = case.size
    x = rng.standard_normal((size.n, size.h, size.w, size.ci))
    w = rng.standard_normal((size.kh, size.kw, size.ci, size.co))
    try:
        check_vjp(forward, backward, (x, w, rng.standard_normal((1, 1, 1, size.co))), rng=rng, rtol=1e-3, directions=1)
    except GradientError as error:
        raise Failed(
            f"stride {case.stride}, padding {case.how!r}: {gradient_error(error, reveal=function.options.reveal)}"
        ) from None


@BACKWARD.add("loads")
def default_arguments(function: FunctionUnderTest) -> None:
    """By default, padding is "same" and the stride is (1, 1)."""
    function.agree(*_backward("defaults"))


@BACKWARD.add("valid_gradients", "strided_gradients")
def float32_gradients(function: FunctionUnderTest) -> None:
    """Arrays of type float32 give the right numbers, within the precision of float32."""
    function.advise(*SINGLES, *_open(CONV_BACKWARD, "valid", _MIXED, numbers="float32"))


@BACKWARD.add("valid_gradients")
def integer_images(function: FunctionUnderTest) -> None:
    """Images of integers give the right numbers: no decimals are lost."""
    function.advise(*INTEGERS, *_open(CONV_BACKWARD, "valid", *_PLAIN, numbers="integers"))


@BACKWARD.add("loads")
def arrays_unchanged(function: FunctionUnderTest) -> None:
    """The call does not change the arrays that the function is given."""
    for how in ("same", "valid"):
        function.unchanged(Case(CONV_BACKWARD, _MIXED, how, bias=True))


@BACKWARD.add("loads", "valid_gradients")
def digits_backward(function: FunctionUnderTest) -> None:
    """Several images as large as MNIST's digits give the right numbers."""
    function.larger(*_backward("digits"))


BACKWARD.add("loads")(later_numpy)
