"""SGD and Adam against their papers' formulas, number by number, and against Keras; their state."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from convlens.nn import SGD, Adam

MAKE = {
    "SGD": lambda: SGD(0.05),
    "SGD, momentum": lambda: SGD(0.05, momentum=0.9),
    "Adam": lambda: Adam(),
    "Adam, other numbers": lambda: Adam(0.02, beta_1=0.8, beta_2=0.95, epsilon=1e-4),
}
every = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)


def gradients(steps, size, dtype="float64"):
    """Of very different sizes, some of them zero."""
    rng = np.random.default_rng(0)
    scale = 10.0 ** rng.integers(-4, 2, size)
    return [(rng.standard_normal(size) * scale * rng.integers(0, 2, size)).astype(dtype) for _ in range(steps)]


def walk(optimizer, steps, start):
    weights = start.copy()
    for gradient in steps:
        optimizer.update(weights, gradient)
    return weights


def sgd_by_hand(w, steps, rate, momentum):
    v = 0.0
    for g in steps:
        v = momentum * v - rate * g
        w += v
    return w


def adam_by_hand(w, steps, rate, beta_1, beta_2, epsilon):
    """Algorithm 1 with the reordering of the note at the end of section 2."""
    m = v = 0.0
    for t, g in enumerate(steps, 1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        w -= rate * math.sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (math.sqrt(v) + epsilon)
    return w


BY_HAND = {
    "SGD": lambda w, steps: sgd_by_hand(w, steps, 0.05, 0),
    "SGD, momentum": lambda w, steps: sgd_by_hand(w, steps, 0.05, 0.9),
    "Adam": lambda w, steps: adam_by_hand(w, steps, 0.001, 0.9, 0.999, 1e-7),
    "Adam, other numbers": lambda w, steps: adam_by_hand(w, steps, 0.02, 0.8, 0.95, 1e-4),
}


@pytest.mark.smoke
@pytest.mark.parametrize("name", MAKE)
def test_thirty_steps_worked_number_by_number(name):
    steps, start = gradients(30, 12), np.linspace(-1, 1, 12)
    want = [BY_HAND[name](float(start[k]), [float(g[k]) for g in steps]) for k in range(12)]
    assert_allclose(walk(MAKE[name](), steps, start), want, rtol=1e-12, atol=1e-14)


@pytest.mark.smoke
@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_move_in_place_and_gradients_stay(make, dtype):
    weights, optimizer = np.ones(7, dtype), make()
    for gradient in gradients(3, 7, dtype):
        gradient.flags.writeable = False
        optimizer.update(weights, gradient)
    assert weights.dtype == dtype and not np.array_equal(weights, np.ones(7))
    for name, value in optimizer.get_state().items():
        assert value.dtype == (np.int64 if name == "step" else dtype)


@pytest.mark.smoke
@every
@pytest.mark.parametrize("stop", [0, 1, 7])
def test_state_taken_over_goes_on_bit_by_bit(make, stop):
    steps, start = gradients(15, 9, "float32"), np.linspace(-1, 1, 9).astype("float32")
    whole = walk(make(), steps, start)
    first = make()
    half = walk(first, steps[:stop], start)
    state = first.get_state()
    walk(first, steps, start)  # the state is a copy: what happens here must not show
    second = make()
    second.set_state(state)
    assert second.step == stop
    assert_array_equal(walk(second, steps[stop:], half), whole)
    again = make()
    again.set_state(state)
    assert_array_equal(walk(again, steps[stop:], half), whole, "set_state must copy, too")


@every
def test_a_state_from_before_the_first_step_forgets_what_came_since(make):
    steps, start = gradients(6, 5), np.zeros(5)
    optimizer = make()
    fresh = optimizer.get_state()
    want = walk(optimizer, steps, start)
    optimizer.set_state(fresh)
    assert_array_equal(walk(optimizer, steps, start), want)


@pytest.mark.smoke
@every
def test_it_walks_downhill(make):
    target, weights, optimizer = np.array([3.0, -2.0, 0.5]), np.zeros(3), make()
    for _ in range(6000):
        optimizer.update(weights, 2 * (weights - target))
    assert_allclose(weights, target, atol=0.01)


ILLEGAL = {
    "no rate": (lambda: SGD(0), "learning_rate must be a number above 0; got 0"),
    "uphill": (lambda: Adam(-0.1), "learning_rate must be a number above 0; got -0.1"),
    "rate NaN": (lambda: SGD(math.nan), "learning_rate must be a number above 0; got nan"),
    "rate infinite": (lambda: Adam(math.inf), "learning_rate must be a number above 0; got inf"),
    "momentum 1": (lambda: SGD(0.1, 1), "momentum must be from 0 to below 1; got 1"),
    "momentum below 0": (lambda: SGD(0.1, -0.5), "momentum must be from 0 to below 1; got -0.5"),
    "momentum NaN": (lambda: SGD(0.1, math.nan), "momentum must be from 0 to below 1; got nan"),
    "beta_1": (lambda: Adam(beta_1=1.0), "beta_1 must be from 0 to below 1; got 1.0"),
    "beta_2": (lambda: Adam(beta_2=-0.1), "beta_2 must be from 0 to below 1; got -0.1"),
}


@pytest.mark.parametrize(("make", "message"), ILLEGAL.values(), ids=ILLEGAL)
def test_what_it_refuses(make, message):
    with pytest.raises(ValueError) as caught:
        make()
    assert str(caught.value) == message


@pytest.mark.frameworks
@pytest.mark.parametrize("name", MAKE)
def test_keras_goes_the_same_way(keras, name):
    theirs = {
        "SGD": lambda: keras.optimizers.SGD(0.05),
        "SGD, momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9),
        "Adam": lambda: keras.optimizers.Adam(),
        "Adam, other numbers": lambda: keras.optimizers.Adam(0.02, beta_1=0.8, beta_2=0.95, epsilon=1e-4),
    }[name]()
    start = np.linspace(-1, 1, 40).astype("float32")
    variable, ours, weights = keras.Variable(start), MAKE[name](), start.copy()
    for gradient in gradients(20, 40, "float32"):
        theirs.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        ours.update(weights, gradient)
        assert_allclose(weights, np.asarray(variable), rtol=1e-6, atol=1e-6)
    assert np.abs(weights - start).max() > 0.01
