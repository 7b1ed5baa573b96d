"""The dense layer, compared with sums in loops, finite differences and TensorFlow; errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from tests.support.tolerance import Tolerance

from convlens.gradcheck import check_vjp
from convlens.ops import dense_backward, dense_forward

TOLERANCE: dict[str, Tolerance] = {"float32": {"rtol": 1e-4, "atol": 1e-4}, "float64": {"rtol": 1e-12, "atol": 1e-12}}


def arrays(seed, n, inputs, units, dtype="float64"):
    rng = np.random.default_rng(seed)
    found = [rng.standard_normal(shape).astype(dtype) for shape in ((n, inputs), (inputs, units), (units,), (n, units))]
    for a in found:
        a.flags.writeable = False
    return found


@pytest.mark.smoke
@given(
    n=st.integers(1, 5),
    inputs=st.integers(1, 6),
    units=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from(list(TOLERANCE)),
)
def test_forward_and_backward_equal_sums_in_loops(n, inputs, units, seed, dtype):
    x, w, b, dy = arrays(seed, n, inputs, units, dtype)
    y = [[b[o] + sum(x[k, i] * w[i, o] for i in range(inputs)) for o in range(units)] for k in range(n)]
    dx = [[sum(dy[k, o] * w[i, o] for o in range(units)) for i in range(inputs)] for k in range(n)]
    dw = [[sum(x[k, i] * dy[k, o] for k in range(n)) for o in range(units)] for i in range(inputs)]
    db = [sum(dy[k, o] for k in range(n)) for o in range(units)]
    got = (dense_forward(x, w, b), *dense_backward(dy, x, w))
    for array, want in zip(got, (y, dx, dw, db), strict=True):
        assert array.dtype == dtype
        assert_allclose(array, want, **TOLERANCE[dtype])


@pytest.mark.smoke
@pytest.mark.parametrize("shape", [(3, 5, 4), (1, 1, 1), (2, 1, 7), (4, 6, 1)])
def test_backward_is_the_gradient_of_forward(shape):
    x, w, b, _ = arrays(0, *shape)
    check_vjp(dense_forward, lambda dy, x, w, b: dense_backward(dy, x, w), (x, w, b), rng=np.random.default_rng(1))


def test_views_of_any_layout():
    x, w, b, dy = arrays(2, 4, 5, 3)
    want = (dense_forward(x, w, b), *dense_backward(dy, x, w))
    x, w, dy = np.asfortranarray(x), w[::-1].copy()[::-1], np.repeat(dy, 2, axis=1)[:, ::2]
    for got, contiguous in zip((dense_forward(x, w, b), *dense_backward(dy, x, w)), want, strict=True):
        assert_allclose(got, contiguous, rtol=1e-13, atol=1e-13)


X, W, B = np.zeros((2, 3)), np.zeros((3, 4)), np.zeros(4)
ILLEGAL = {
    "x of one axis": ({"x": X[0]}, "dense needs x (n, in); got 1 axes, (3,)"),
    "x of four axes": ({"x": X.reshape(2, 1, 1, 3)}, "dense needs x (n, in); got 4 axes, (2, 1, 1, 3)"),
    "w of one axis": ({"w": W[0]}, "dense needs w (in, out); got 1 axes, (4,)"),
    "w transposed": ({"w": W.T}, "dense needs equal in; got x (2, 3), w (4, 3)"),
    "no examples": ({"x": X[:0]}, "dense needs at least one number along each axis of x; got (0, 3)"),
    "integers": ({"x": X.astype(int)}, "dense needs x as an array of float32 or float64; got int64"),
    "object": ({"w": W.astype(object)}, "dense needs w as an array of float32 or float64; got object"),
    "complex": ({"w": W.astype(complex)}, "dense needs w as an array of float32 or float64; got complex128"),
    "a list": ({"x": X.tolist()}, "dense needs x as an array of float32 or float64; got list"),
    "w of another dtype": ({"w": W.astype("f4")}, "dense needs x and w of the same dtype; got x float64, w float32"),
    "b of another dtype": ({"b": B.astype("f4")}, "dense needs x and b of the same dtype; got x float64, b float32"),
    "b of two axes": ({"b": B[None]}, "dense needs b (4,); got (1, 4)"),
    "one number for b": ({"b": B[:1]}, "dense needs b (4,); got (1,)"),
}


@pytest.mark.smoke
@pytest.mark.parametrize(("change", "message"), ILLEGAL.values(), ids=ILLEGAL)
def test_bad_arguments_are_refused(change, message):
    with pytest.raises(ValueError) as caught:
        dense_forward(**({"x": X, "w": W, "b": B} | change))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("dy", "message"),
    [
        (np.zeros((2, 3)), "dense_backward needs dy (2, 4); got (2, 3)"),
        (np.zeros((1, 4)), "dense_backward needs dy (2, 4); got (1, 4)"),
        (np.zeros(4), "dense_backward needs dy (2, 4); got (4,)"),
        (np.zeros((2, 4), "f4"), "dense_backward needs x and dy of the same dtype; got x float64, dy float32"),
    ],
)
def test_backward_refuses_another_dy(dy, message):
    with pytest.raises(ValueError) as caught:
        dense_backward(dy, X, W)
    assert str(caught.value) == message


@pytest.mark.frameworks
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_tensorflow_agrees(tf, dtype):
    x, w, b, dy = arrays(3, 7, 30, 11, dtype)
    given = [tf.constant(a) for a in (x, w, b)]
    with tf.GradientTape() as tape:
        tape.watch(given)
        y = tf.matmul(given[0], given[1]) + given[2]
    want = (y, *tape.gradient(y, given, output_gradients=tf.constant(dy)))
    for got, expected in zip((dense_forward(x, w, b), *dense_backward(dy, x, w)), want, strict=True):
        assert_allclose(got, expected.numpy(), **TOLERANCE[dtype])
