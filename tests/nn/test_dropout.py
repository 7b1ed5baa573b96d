"""Dropout: which numbers are dropped and how often, the scale, the gradient, and predictions without dropout."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.support.small import patterns

from convlens import ops
from convlens.engines import numpy_engine
from convlens.gradcheck import check_vjp
from convlens.inspection.trace import trace
from convlens.nn import SGD, Conv2D, Dense, Dropout, Flatten, Sequential
from convlens.training import evaluate, fit

pytestmark = pytest.mark.smoke

shapes = st.lists(st.integers(1, 5), min_size=2, max_size=4).map(tuple)
rates = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.8, 0.999])


def forward(layer, x, seed=None):
    rng = None if seed is None else np.random.default_rng(seed)
    return layer.forward(x, {}, numpy_engine, rng)


@given(rate=rates, shape=shapes, seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from(["float32", "float64"]))
def test_each_number_and_its_gradient_are_dropped_or_scaled(rate, shape, seed, dtype):
    rng = np.random.default_rng(seed)
    x, dy = (rng.uniform(0.5, 2, shape).astype(dtype) for _ in "ab")
    x.flags.writeable = dy.flags.writeable = False
    y, saved = forward(Dropout(rate), x, seed)
    dx, none = Dropout(rate).backward(dy, saved, {}, numpy_engine)
    assert dx is not None
    assert none == {} and y.dtype == dx.dtype == dtype and y.shape == dx.shape == shape
    kept = y != 0
    assert kept.all() or rate > 0
    rounding = 1e-6 if dtype == "float32" else 1e-15
    assert_allclose(y, np.where(kept, x.astype(float) / (1 - rate), 0), rtol=rounding)
    assert_allclose(dx, np.where(kept, dy.astype(float) / (1 - rate), 0), rtol=rounding)
    again, _ = forward(Dropout(rate), x, seed)
    assert_array_equal(again, y, "the same generator gives the same bits")


@given(rate=rates, shape=shapes)
def test_without_a_generator_it_does_nothing(rate, shape):
    x = np.random.default_rng(0).standard_normal(shape)
    y, saved = forward(Dropout(rate), x)
    assert y is x
    assert Dropout(rate).backward(x, saved, {}, numpy_engine)[0] is x
    assert Dropout(rate).output_shape(shape) == shape and Dropout(rate).weight_shapes(shape) == {}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_the_dropped_fraction_is_the_rate_and_the_mean_is_kept(rate, dtype):
    n, h, c = 40, 50, 30
    y, _ = forward(Dropout(rate), np.ones((n, h, c), dtype), 1)
    deviation = math.sqrt(rate * (1 - rate) / y.size)  # the standard deviation of the fraction
    out = y == 0
    assert abs(out.mean() - rate) < 5 * deviation
    assert abs(y.mean(dtype=float) - 1) < 5 * deviation / (1 - rate)
    for axis, others in ((0, (1, 2)), (1, (0, 2)), (2, (0, 1))):  # no axis has a pattern
        share = out.mean(axis=others)
        assert np.abs(share - rate).max() < 6 * deviation * math.sqrt(y.shape[axis])
    together = (out[1:] & out[:-1]).mean(), (out[:, 1:] & out[:, :-1]).mean(), (out[..., 1:] & out[..., :-1]).mean()
    assert_allclose(together, rate**2, atol=6 * deviation)


def test_another_call_drops_other_numbers():
    rng, x = np.random.default_rng(2), np.ones((3, 50))
    first, second = (Dropout(0.5).forward(x, {}, numpy_engine, rng)[0] for _ in "ab")
    assert (first != second).any()
    assert (first[0] != first[1]).any()


@pytest.mark.parametrize("shape", [(3, 5), (2, 4, 3, 2)])
def test_backward_is_the_gradient_of_forward(shape):
    layer = Dropout(0.4)
    check_vjp(
        lambda x: forward(layer, x, 3)[0],
        lambda dy, x: layer.backward(dy, forward(layer, x, 3)[1], {}, numpy_engine)[0],
        (np.random.default_rng(4).standard_normal(shape),),
        rng=np.random.default_rng(5),
    )


@pytest.mark.parametrize("rate", [-0.1, 1, 1.0, 2, math.nan, math.inf, "0.5", None, True])
def test_bad_arguments_are_refused(rate):
    with pytest.raises(ValueError) as caught:
        Dropout(rate)
    assert str(caught.value) == f"rate must be from 0 to below 1; got {rate!r}"


# In a network --------------------------------------------------------------------------------------------------------


def network(rate=0.5, engine="auto", dtype=np.float32):
    layers = (Conv2D(4, (2, 3), activation="relu"), Dropout(rate), Flatten(), Dense(6, activation="relu"))
    return Sequential((*layers, Dropout(rate), Dense(3)), (5, 4, 1), engine=engine, dtype=dtype)


def without(model):
    """A network with the same weights, without dropout layers."""
    layers = [layer for layer in model.layers if not isinstance(layer, Dropout)]
    plain = Sequential(layers, model.input_shape, engine=model.engine.name, dtype=model.dtype)
    plain.set_weights(model.get_weights())
    return plain


def test_predicting_has_no_dropout(quick_engine):
    x, y = patterns(80)
    model = network(engine=quick_engine.name)
    fit(model, x, y, optimizer=SGD(0.05), epochs=2)
    plain = without(model)
    assert_allclose(model.predict(x), plain.predict(x), rtol=1e-4, atol=1e-6)
    assert_array_equal(model.predict(x), model.predict(x))
    assert_allclose(evaluate(model, x, y), evaluate(plain, x, y), rtol=1e-4)
    assert_allclose(model.logits(x), model.forward(x)[0], rtol=0, atol=1e-6)
    gradient, wanted = np.empty_like(model.flat), np.empty_like(model.flat)
    model.loss_gradient(x, y, 1 / 80, gradient)
    plain.loss_gradient(x, y, 1 / 80, wanted)
    assert_allclose(gradient, wanted, rtol=1e-3, atol=1e-5)
    assert_allclose(trace(model, x, y).logits, model.logits(x), rtol=0, atol=1e-6)


def test_training_has_dropout(quick_engine):
    x, y = patterns(80)
    model = network(engine=quick_engine.name)
    losses = set()
    for k in range(3):
        loss, _ = model.loss_gradient(x, y, 1 / 80, np.empty_like(model.flat), 1, np.random.default_rng(k))
        losses.add(float(loss.sum()))
    assert len(losses) == 3

    def trained(rate, **how):
        model = network(rate, quick_engine.name)
        fit(model, x, y, optimizer=SGD(0.05), **how)
        return model.flat.tobytes()

    assert len({trained(0.0), trained(0.5), trained(0.2), trained(0.5, seed=1)}) == 4
    assert trained(0.5) == trained(0.5, threads=1) == trained(0.5, threads=3)


def test_with_dropout_the_gradient_is_that_of_the_drawn_network():
    """Check all layers at once. The generator has the same state each time."""
    x, labels = patterns(4, np.float64)
    model = network(0.3, dtype=np.float64)

    def loss(flat):
        model.flat[...] = flat
        return ops.softmax_cross_entropy_forward(model.forward(x, np.random.default_rng(6))[0], labels)

    def backward(dy, flat):
        model.flat[...] = flat
        logits, saved = model.forward(x, np.random.default_rng(6))
        gradient = np.full_like(flat, np.nan)
        model.backward(ops.softmax_cross_entropy_backward(dy, logits, labels), saved, gradient)
        return gradient

    check_vjp(loss, backward, [model.flat.copy()], rng=np.random.default_rng(7), step=1e-5, directions=5)
