"""Losses that are functions: Keras's smaller ones by name, and a function of one's own, with its gradient."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from convlens import losses, ops
from convlens.gradcheck import check_vjp
from convlens.nn import Dense, Input, Sequential
from convlens.nn.function_losses import FUNCTIONS

RNG = np.random.default_rng(7)
P = RNG.dirichlet(np.ones(4), 5)
HOT = np.eye(4)[RNG.integers(0, 4, 5)]
WORDS = ("sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy", "mean_squared_error")


@pytest.mark.frameworks
@pytest.mark.parametrize("name", [*FUNCTIONS, *WORDS])
def test_the_values_are_keras(keras, name):
    labels = HOT.argmax(axis=1) if name.startswith("sparse") else HOT
    want = np.asarray(getattr(keras.losses, name)(labels, P))
    assert_allclose(getattr(losses, name)(labels, P), want, rtol=1e-5, atol=1e-6)
    if name in FUNCTIONS:
        assert_allclose(losses.get(name)(labels, P), want.mean(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("end", [None, "softmax", "sigmoid"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_gradient_of_the_logits(name, end):
    loss = losses.get(name).for_end(end, 4)
    logits = RNG.normal(3, 0.5, (5, 4))
    targets = loss.targets(HOT, 4, np.dtype(np.float64))
    rng = np.random.default_rng(1)
    check_vjp(lambda z: loss.forward(z, targets), lambda dy, z: loss.backward(dy, z, targets), (logits,), rng=rng)


def test_a_function_of_ones_own_for_each_example_or_for_the_batch():
    def each(y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), axis=-1)

    def whole(y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred))

    x = RNG.normal(size=(12, 3)).astype(np.float32)
    found = []
    for loss in ("mse", each, whole):
        model = Sequential([Input((3,)), Dense(1)], seed=4)
        model.compile("sgd", loss)
        found.append(model.fit(x, x[:, 0], epochs=2, batch_size=5, verbose=0).history["loss"])
    assert_allclose(found[1:], [found[0]] * 2, rtol=1e-5)
    with pytest.raises(ValueError, match=r"wrong must give one number for each of the 12 examples, or one; got \(1,\)"):
        wrong(x)


def wrong(x):
    def wrong(y_true, y_pred):
        return ops.sum(ops.square(y_true - y_pred), axis=0)

    model = Sequential([Input((3,)), Dense(1)])
    model.compile("sgd", wrong)
    model.evaluate(x, x[:, 0], verbose=0)


def test_names_and_classes():
    assert losses.get("mae").name == "mean_absolute_error" and losses.MAE is losses.mean_absolute_error
    assert losses.MeanAbsoluteError().name == "mean_absolute_error" and losses.get("KLDivergence").name
    assert_allclose(losses.Huber(2.0)(HOT, P), losses.huber(HOT, P, 2.0).mean())
    with pytest.raises(AttributeError, match=r"convlens\.losses has no Dice: it has BinaryCrossentropy, "):
        losses.Dice  # noqa: B018
