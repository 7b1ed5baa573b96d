"""Losses of float targets: soft cross-entropy, sigmoid cross-entropy, squared error; definition, gradient, errors."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from convlens import ops
from convlens.gradcheck import check_vjp

pytestmark = pytest.mark.smoke

KINDS = ("soft_cross_entropy", "sigmoid_cross_entropy", "squared_error")
each = pytest.mark.parametrize("kind", KINDS)
SHAPES = [(4, 3), (1, 5), (3, 1), (2, 7)]


def pair(kind):
    return getattr(ops, f"{kind}_forward"), getattr(ops, f"{kind}_backward")


def arrays(n, classes, *, dtype="float64"):
    rng = np.random.default_rng(n * 100 + classes)
    logits, targets = rng.standard_normal((n, classes)) * 3, rng.random((n, classes))
    return logits.astype(dtype), targets.astype(dtype), rng.standard_normal(n).astype(dtype)


def by_hand(kind, z, t):
    if kind == "squared_error":
        return math.fsum((a - b) ** 2 for a, b in zip(z, t, strict=True)) / len(z)
    if kind == "soft_cross_entropy":
        total = math.fsum(math.exp(v) for v in z)
        return math.fsum(-b * math.log(math.exp(a) / total) for a, b in zip(z, t, strict=True))
    p = [1 / (1 + math.exp(-v)) for v in z]
    return math.fsum(-b * math.log(a) - (1 - b) * math.log(1 - a) for a, b in zip(p, t, strict=True)) / len(z)


@each
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_forward_is_the_definition(kind, shape, dtype):
    logits, targets, _ = arrays(*shape, dtype=dtype)
    loss = pair(kind)[0](logits, targets)
    assert loss.dtype == dtype and loss.shape == shape[:1]
    want = [by_hand(kind, row.tolist(), t.tolist()) for row, t in zip(logits, targets, strict=True)]
    assert_allclose(loss, want, rtol=1e-4 if dtype == "float32" else 1e-12, atol=1e-6 if dtype == "float32" else 1e-14)


@each
@pytest.mark.parametrize("shape", SHAPES)
def test_backward_is_the_gradient_of_forward(kind, shape):
    logits, targets, _ = arrays(*shape)
    forward, backward = pair(kind)
    check_vjp(
        lambda logits: forward(logits, targets),
        lambda dy, logits: backward(dy, logits, targets),
        (logits,),
        rng=np.random.default_rng(1),
    )
    dlogits = backward(np.ones(shape[0], "f4"), logits.astype("f4"), targets.astype("f4"))
    assert dlogits.dtype == np.float32


@pytest.mark.parametrize("kind", KINDS[:2])
def test_large_logits_stay_finite(kind):
    logits, targets = np.array([[1000.0, -1000.0], [-800.0, 800.0]]), np.array([[1.0, 0.0], [1.0, 0.0]])
    forward, backward = pair(kind)
    assert_allclose(forward(logits, targets), [0, 1600 if kind == "soft_cross_entropy" else 800])
    assert np.isfinite(backward(np.ones(2), logits, targets)).all()


def test_one_hot_targets_give_the_loss_of_labels():
    logits, _, dy = arrays(5, 4)
    labels = np.array([0, 3, 1, 1, 2])
    rows = np.eye(4)[labels]
    want = ops.softmax_cross_entropy_forward(logits, labels)
    assert_allclose(ops.soft_cross_entropy_forward(logits, rows), want, rtol=1e-13)
    want = ops.softmax_cross_entropy_backward(dy, logits, labels)
    assert_allclose(ops.soft_cross_entropy_backward(dy, logits, rows), want, rtol=1e-12, atol=1e-15)


@each
@pytest.mark.parametrize(
    ("logits", "targets", "dy", "message"),
    [
        (np.zeros(4), np.zeros(4), np.zeros(1), "needs logits (n, classes); got 1 axes, (4,)"),
        (np.zeros((3, 4)), np.zeros((3, 5)), np.zeros(3), "needs targets (3, 4); got (3, 5)"),
        (
            np.zeros((3, 4)),
            np.zeros((3, 4), "f4"),
            np.zeros(3),
            "needs logits and targets of the same dtype; got logits float64, targets float32",
        ),
        (np.zeros((3, 4)), np.zeros((3, 4)), np.zeros(2), "needs dy (3,); got (2,)"),
    ],
)
def test_bad_arrays_are_refused(kind, logits, targets, dy, message):
    forward, backward = pair(kind)
    with pytest.raises(ValueError) as caught:
        backward(dy, logits, targets)
    assert str(caught.value) == f"{kind}_backward {message}"
    if "dy" not in message:
        with pytest.raises(ValueError) as caught:
            forward(logits, targets)
        assert str(caught.value) == f"{kind} {message}"
