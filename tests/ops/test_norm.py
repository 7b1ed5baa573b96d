"""Local response normalisation, compared with loops, finite differences and TensorFlow: window, blocks, errors."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.support.tolerance import Tolerance

from convlens.gradcheck import check_vjp
from convlens.ops import _windows, local_response_norm_backward, local_response_norm_forward

TOLERANCE: dict[str, Tolerance] = {"float32": {"rtol": 3e-5, "atol": 3e-5}, "float64": {"rtol": 1e-12, "atol": 1e-12}}
PAPER: dict[str, Any] = {"size": 5, "k": 2.0, "alpha": 1e-4, "beta": 0.75}

# shape, size, k, alpha, beta
CASES = {
    "the paper's numbers": ((2, 3, 2, 7), 5, 2.0, 1e-4, 0.75),
    "strong": ((2, 3, 2, 7), 5, 1.0, 0.7, 0.75),
    "one channel in the window": ((2, 2, 3, 4), 1, 0.5, 0.3, 0.75),
    "even": ((1, 3, 2, 6), 4, 1.5, 0.4, 0.5),
    "two": ((2, 1, 3, 5), 2, 1.0, 1.0, 1.0),
    "wider than the channels": ((1, 2, 3, 4), 9, 2.0, 0.2, 0.6),
    "one channel": ((3, 2, 1, 1), 5, 1.0, 0.5, 0.75),
    "no power": ((1, 2, 3, 4), 3, 1.0, 0.5, 0.0),
    "no neighbours counted": ((1, 2, 3, 4), 3, 3.0, 0.0, 0.75),
}
named = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
dtypes = pytest.mark.parametrize("dtype", TOLERANCE)


def window(i, size, channels):
    """The channels in the window of channel i, by the definition of ONNX."""
    first, last = i - math.floor((size - 1) / 2), i + math.ceil((size - 1) / 2)
    return [j for j in range(channels) if first <= j <= last]


def by_hand(dy, x, size, k, alpha, beta):
    """Compute y and dx pixel by pixel in float64: each dx_i is the sum over j of dy_j times the derivative of y_j."""
    y, dx, channels = np.zeros(x.shape), np.zeros(x.shape), x.shape[3]
    for place in np.ndindex(x.shape[:3]):
        a, d = [float(v) for v in x[place]], [float(v) for v in dy[place]]
        for j in range(channels):
            near = window(j, size, channels)
            s = k + alpha * sum(a[i] ** 2 for i in near)
            y[place][j] = a[j] / s**beta
            for i in near:
                slope = -beta * a[j] * s ** (-beta - 1) * 2 * alpha * a[i]
                dx[place][i] += d[j] * (slope + (s**-beta if i == j else 0))
    return y, dx


def arrays(case, seed, dtype="float64"):
    rng = np.random.default_rng(seed)
    found = [rng.standard_normal(case[0]).astype(dtype) for _ in "ab"]
    for a in found:
        a.flags.writeable = False
    return *found, dict(zip(("size", "k", "alpha", "beta"), case[1:], strict=True))


def check(case, seed, dtype):
    dy, x, numbers = arrays(case, seed, dtype)
    got = local_response_norm_forward(x, **numbers), local_response_norm_backward(dy, x, **numbers)
    for array, expected in zip(got, by_hand(dy, x, **numbers), strict=True):
        assert array.dtype == dtype and array.shape == x.shape
        assert_allclose(array, expected, **TOLERANCE[dtype])


@pytest.mark.smoke
@dtypes
@named
def test_forward_and_backward(case, dtype):
    check(case, 0, dtype)


@given(
    case=st.tuples(
        st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(1, 3), st.integers(1, 8)),
        st.integers(1, 10),
        st.floats(0.5, 3),
        st.floats(0, 2),
        st.sampled_from([0, 0.5, 0.75, 1, 1.3]),
    ),
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from(list(TOLERANCE)),
)
def test_forward_and_backward_on_any_case(case, seed, dtype):
    check(case, seed, dtype)


@pytest.mark.smoke
@named
def test_backward_is_the_gradient_of_forward(case):
    _, x, numbers = arrays(case, 1)
    check_vjp(
        lambda x: local_response_norm_forward(x, **numbers),
        lambda dy, x: local_response_norm_backward(dy, x, **numbers),
        (x,),
        rng=np.random.default_rng(2),
    )


@pytest.mark.smoke
def test_the_defaults_are_those_of_the_paper():
    dy, x, _ = arrays(CASES["strong"], 3)
    x = 100 * x  # so large that alpha matters
    assert_array_equal(local_response_norm_forward(x), local_response_norm_forward(x, **PAPER))
    assert_array_equal(local_response_norm_backward(dy, x), local_response_norm_backward(dy, x, **PAPER))
    want, _ = by_hand(dy, x, **PAPER)
    assert_allclose(local_response_norm_forward(x), want, rtol=1e-12)
    assert np.abs(want / x - 2**-0.75).max() > 0.1


def test_an_even_window_has_one_more_channel_after_than_before():
    x = np.zeros((1, 1, 2, 5))
    x[..., 2] = 3
    y = local_response_norm_forward(x + np.array([1, 1, 0, 1, 1]), size=2, k=1, alpha=1, beta=1)
    assert_allclose(y[0, 0, 0], [1 / 3, 1 / 11, 3 / 11, 1 / 3, 1 / 2], rtol=1e-15)


@pytest.mark.parametrize("block", [1, 400, 3000])
def test_small_blocks_give_the_same(monkeypatch, block):
    case = ((7, 3, 2, 6), 4, 1.0, 0.3, 0.75)
    dy, x, numbers = arrays(case, 4)
    want = local_response_norm_forward(x, **numbers), local_response_norm_backward(dy, x, **numbers)
    monkeypatch.setattr(_windows, "_BLOCK", block)
    assert_array_equal(local_response_norm_forward(x, **numbers), want[0])
    assert_array_equal(local_response_norm_backward(dy, x, **numbers), want[1])


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda a: a[::-1].copy()[::-1]])
def test_any_layout_in_memory(layout):
    dy, x, numbers = arrays(CASES["even"], 5)
    assert_array_equal(local_response_norm_forward(layout(x), **numbers), local_response_norm_forward(x, **numbers))
    assert_array_equal(
        local_response_norm_backward(layout(dy), layout(x), **numbers), local_response_norm_backward(dy, x, **numbers)
    )


X = np.ones((2, 3, 4, 5))
ILLEGAL = {
    "x of three axes": ({"x": X[0]}, "local_response_norm needs x (n, h, w, c); got 3 axes, (3, 4, 5)"),
    "no channels": (
        {"x": X[..., :0]},
        "local_response_norm needs at least one number along each axis of x; got (2, 3, 4, 0)",
    ),
    "integers": (
        {"x": X.astype(int)},
        "local_response_norm needs x as an array of float32 or float64; got int64",
    ),
    "size 0": ({"size": 0}, "size must be an integer of at least 1; got 0"),
    "size 2.0": ({"size": 2.0}, "size must be an integer of at least 1; got 2.0"),
    "k 0": ({"k": 0.0}, "k must be a number above 0; got 0.0"),
    "k infinite": ({"k": math.inf}, "k must be a number above 0; got inf"),
    "alpha below 0": ({"alpha": -1e-4}, "alpha must be a number of at least 0; got -0.0001"),
    "beta NaN": ({"beta": math.nan}, "beta must be a number of at least 0; got nan"),
}


@pytest.mark.smoke
@pytest.mark.parametrize(("change", "message"), ILLEGAL.values(), ids=ILLEGAL)
def test_bad_arguments_are_refused(change, message):
    with pytest.raises(ValueError) as caught:
        local_response_norm_forward(**{"x": X} | change)
    assert str(caught.value) == message
    with pytest.raises(ValueError) as caught:
        local_response_norm_backward(X, **{"x": X} | change)
    assert str(caught.value) == message.replace("local_response_norm ", "local_response_norm_backward ", 1)


@pytest.mark.parametrize(
    ("dy", "message"),
    [
        (X[:1], "local_response_norm_backward needs dy (2, 3, 4, 5); got (1, 3, 4, 5)"),
        (X.astype("f4"), "local_response_norm_backward needs x and dy of the same dtype; got x float64, dy float32"),
    ],
)
def test_backward_refuses_another_dy(dy, message):
    with pytest.raises(ValueError) as caught:
        local_response_norm_backward(dy, X)
    assert str(caught.value) == message


@pytest.mark.frameworks
@pytest.mark.parametrize("beta", [0.75, 0.5, 1.2])
@pytest.mark.parametrize("radius", [0, 1, 2, 6])
def test_tensorflow_agrees(tf, radius, beta):
    dy, x, _ = arrays(((3, 4, 2, 9), 1, 1, 1, 1), 6, "float32")
    given = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(given)
        y = tf.nn.local_response_normalization(given, depth_radius=radius, bias=1.5, alpha=0.3, beta=beta)
    want = tape.gradient(y, given, output_gradients=tf.constant(dy))
    numbers: dict[str, Any] = {"size": 2 * radius + 1, "k": 1.5, "alpha": 0.3, "beta": beta}
    assert_allclose(local_response_norm_forward(x, **numbers), y.numpy(), **TOLERANCE["float32"])
    assert_allclose(local_response_norm_backward(dy, x, **numbers), want.numpy(), **TOLERANCE["float32"])
