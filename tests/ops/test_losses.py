"""Softmax cross-entropy, compared with its definition, finite differences and TensorFlow; extremes; bad labels."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.support.tolerance import Tolerance

from convlens.gradcheck import check_vjp
from convlens.ops import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from convlens.ops.losses import check_labels

DTYPES = ("float32", "float64")


def arrays(seed, n, classes, dtype="float64", scale=3):
    rng = np.random.default_rng(seed)
    logits, dy = (rng.standard_normal((n, classes)) * scale).astype(dtype), rng.standard_normal(n).astype(dtype)
    labels = rng.integers(0, classes, n)
    for a in (logits, dy, labels):
        a.flags.writeable = False
    return logits, labels, dy


@pytest.mark.smoke
@given(
    n=st.integers(1, 6),
    classes=st.integers(1, 12),
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from(DTYPES),
    scale=st.sampled_from([0.1, 3, 100]),
)
def test_forward_and_backward_number_by_number(n, classes, seed, dtype, scale):
    logits, labels, dy = arrays(seed, n, classes, dtype, scale)
    loss = softmax_cross_entropy_forward(logits, labels)
    dlogits = softmax_cross_entropy_backward(dy, logits, labels)
    assert loss.dtype == dlogits.dtype == dtype and loss.shape == (n,) and dlogits.shape == logits.shape
    tolerance = {"rtol": 1e-4, "atol": 1e-5 * scale} if dtype == "float32" else {"rtol": 1e-12, "atol": 1e-13 * scale}
    for k in range(n):
        row = [float(v) for v in logits[k]]
        largest = max(row)
        total = math.fsum(math.exp(v - largest) for v in row)
        assert_allclose(loss[k], math.log(total) + largest - row[labels[k]], **tolerance)
        want = [float(dy[k]) * (math.exp(v - largest) / total - (c == labels[k])) for c, v in enumerate(row)]
        assert_allclose(dlogits[k], want, **tolerance)


@pytest.mark.smoke
@pytest.mark.parametrize("shape", [(4, 3), (1, 10), (3, 1), (2, 7)])
def test_backward_is_the_gradient_of_forward(shape):
    logits, labels, _ = arrays(0, *shape)
    check_vjp(
        lambda logits: softmax_cross_entropy_forward(logits, labels),
        lambda dy, logits: softmax_cross_entropy_backward(dy, logits, labels),
        (logits,),
        rng=np.random.default_rng(1),
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_logits_give_a_large_and_finite_loss(dtype):
    logits = np.array([[1e4, 0, -1e4], [0, 1e30, 0]], dtype)
    loss = softmax_cross_entropy_forward(logits, np.array([2, 1]))
    assert_allclose(loss, [2e4, 0])
    dlogits = softmax_cross_entropy_backward(np.ones(2, dtype), logits, np.array([2, 1]))
    assert_array_equal(dlogits, [[1, 0, -1], [0, 0, 0]])


@pytest.mark.parametrize("dtype", ["u1", "i1", "u8", "i8", ">i4"])
def test_labels_of_any_integer_type(dtype):
    logits, labels, dy = arrays(2, 5, 4)
    for function, arguments in (
        (softmax_cross_entropy_forward, (logits,)),
        (softmax_cross_entropy_backward, (dy, logits)),
    ):
        narrow, plain = (*arguments, labels.astype(dtype)), (*arguments, labels)
        assert_array_equal(function(*narrow), function(*plain))


LABELS = {
    "too large": (np.array([0, 4, 1]), "labels must be from 0 to 3; got 0 to 4"),
    "below 0": (np.array([0, -1, 3]), "labels must be from 0 to 3; got -1 to 3"),
    "too few": (np.array([0, 1]), "labels must be 3 integers, one for each example; got int64 (2,)"),
    "too many": (np.array([0, 1, 2, 3]), "labels must be 3 integers, one for each example; got int64 (4,)"),
    "none": (np.zeros(0, int), "labels must be 3 integers, one for each example; got int64 (0,)"),
    "one-hot": (np.eye(4, dtype=int)[:3], "labels must be 3 integers, one for each example; got int64 (3, 4)"),
    "a column": (np.zeros((3, 1), int), "labels must be 3 integers, one for each example; got int64 (3, 1)"),
    "floats": (np.zeros(3), "labels must be 3 integers, one for each example; got float64 (3,)"),
    "booleans": (np.zeros(3, bool), "labels must be 3 integers, one for each example; got bool (3,)"),
    "objects": (np.array([0, 1, 2], object), "labels must be 3 integers, one for each example; got object (3,)"),
    "a list": ([0, 1, 2], "labels must be 3 integers, one for each example; got list"),
}


@pytest.mark.smoke
@pytest.mark.parametrize(("labels", "message"), LABELS.values(), ids=LABELS)
def test_bad_labels_are_refused(labels, message):
    logits = np.zeros((3, 4))
    for call in (
        lambda: check_labels(labels, 3, 4),
        lambda: softmax_cross_entropy_forward(logits, labels),
        lambda: softmax_cross_entropy_backward(np.zeros(3), logits, labels),
    ):
        with pytest.raises(ValueError) as caught:
            call()
        assert str(caught.value) == message


LOGITS = {
    "one axis": (np.zeros(4), "needs logits (n, classes); got 1 axes, (4,)"),
    "four axes": (np.zeros((3, 1, 1, 4)), "needs logits (n, classes); got 4 axes, (3, 1, 1, 4)"),
    "no examples": (np.zeros((0, 4)), "needs at least one number along each axis of logits; got (0, 4)"),
    "no classes": (np.zeros((3, 0)), "needs at least one number along each axis of logits; got (3, 0)"),
    "integers": (np.zeros((3, 4), int), "needs logits as an array of float32 or float64; got int64"),
    "object": (np.zeros((3, 4), object), "needs logits as an array of float32 or float64; got object"),
    "complex": (np.zeros((3, 4), complex), "needs logits as an array of float32 or float64; got complex128"),
}


@pytest.mark.parametrize(("logits", "message"), LOGITS.values(), ids=LOGITS)
def test_bad_logits_are_refused(logits, message):
    labels = np.zeros(3, int)
    for name, call in {
        "softmax_cross_entropy": lambda: softmax_cross_entropy_forward(logits, labels),
        "softmax_cross_entropy_backward": lambda: softmax_cross_entropy_backward(np.zeros(3), logits, labels),
    }.items():
        with pytest.raises(ValueError) as caught:
            call()
        assert str(caught.value) == f"{name} {message}"


@pytest.mark.parametrize(
    ("dy", "message"),
    [
        (np.zeros(2), "needs dy (3,); got (2,)"),
        (np.zeros((3, 4)), "needs dy (3,); got (3, 4)"),
        (np.zeros((3, 1)), "needs dy (3,); got (3, 1)"),
        (np.zeros(3, "f4"), "needs logits and dy of the same dtype; got logits float64, dy float32"),
    ],
)
def test_backward_refuses_another_dy(dy, message):
    with pytest.raises(ValueError) as caught:
        softmax_cross_entropy_backward(dy, np.zeros((3, 4)), np.zeros(3, int))
    assert str(caught.value) == f"softmax_cross_entropy_backward {message}"


@pytest.mark.frameworks
@pytest.mark.parametrize("dtype", DTYPES)
def test_tensorflow_agrees(tf, dtype):
    logits, labels, dy = arrays(3, 9, 10, dtype)
    given = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(given)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, given)
    tolerance: Tolerance = {"rtol": 1e-5, "atol": 1e-6} if dtype == "float32" else {"rtol": 1e-12, "atol": 1e-13}
    assert_allclose(softmax_cross_entropy_forward(logits, labels), loss.numpy(), **tolerance)
    want = tape.gradient(loss, given, output_gradients=tf.constant(dy))
    assert_allclose(softmax_cross_entropy_backward(dy, logits, labels), want.numpy(), **tolerance)
