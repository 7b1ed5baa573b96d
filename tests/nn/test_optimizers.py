"""SGD and Adam, compared number by number with the formulas of their papers; the state of every optimizer."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from convlens.engines import get_engine
from convlens.nn import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Nadam, RMSprop, optimizers
from convlens.nn.optimizers import FlatOptimizer, base

MAKE: dict[str, Callable[[], SGD | Adam]] = {
    "SGD": lambda: SGD(0.05),
    "SGD, momentum": lambda: SGD(0.05, momentum=0.9),
    "SGD, weight decay": lambda: SGD(0.05, coupled_weight_decay=0.1),
    "SGD, as in AlexNet": lambda: SGD(0.01, momentum=0.9, coupled_weight_decay=0.0005),
    "Adam": lambda: Adam(),
    "Adam, other numbers": lambda: Adam(0.02, beta_1=0.8, beta_2=0.95, epsilon=1e-4),
}
ALL: dict[str, Callable[[], FlatOptimizer]] = {
    **MAKE,
    "SGD, nesterov": lambda: SGD(0.05, 0.9, nesterov=True),
    "SGD, clipped": lambda: SGD(0.05, 0.9, weight_decay=0.01, global_clipnorm=0.5),
    "AdamW, amsgrad": lambda: AdamW(0.01, amsgrad=True),
    "RMSprop": lambda: RMSprop(0.01),
    "RMSprop, all": lambda: RMSprop(0.01, momentum=0.8, centered=True),
    "Adadelta": lambda: Adadelta(1.0),
    "Adagrad": lambda: Adagrad(0.1),
    "Adamax": lambda: Adamax(0.01),
    "Nadam": lambda: Nadam(0.01),
}
every = pytest.mark.parametrize("make", ALL.values(), ids=ALL)


def gradients(steps, size, dtype="float64"):
    """Gradients of very different sizes, some of them zero."""
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


def alexnet_by_hand(w, steps, rate, momentum, decay):
    """Krizhevsky et al. 2012, section 5. On every right side, v and w are the values of the step before."""
    v = 0.0
    for g in steps:
        v, w_before = momentum * v - decay * rate * w - rate * g, w
        w = w_before + v
    return w


def adam_by_hand(w, steps, rate, beta_1, beta_2, epsilon):
    """Algorithm 1 of the Adam paper, reordered as in the note at the end of section 2."""
    m = v = 0.0
    for t, g in enumerate(steps, 1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        w -= rate * math.sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (math.sqrt(v) + epsilon)
    return w


BY_HAND = {
    "SGD": lambda w, steps: sgd_by_hand(w, steps, 0.05, 0),
    "SGD, momentum": lambda w, steps: sgd_by_hand(w, steps, 0.05, 0.9),
    "SGD, weight decay": lambda w, steps: alexnet_by_hand(w, steps, 0.05, 0, 0.1),
    "SGD, as in AlexNet": lambda w, steps: alexnet_by_hand(w, steps, 0.01, 0.9, 0.0005),
    "Adam": lambda w, steps: adam_by_hand(w, steps, 0.001, 0.9, 0.999, 1e-7),
    "Adam, other numbers": lambda w, steps: adam_by_hand(w, steps, 0.02, 0.8, 0.95, 1e-4),
}


@pytest.mark.smoke
@pytest.mark.parametrize("name", MAKE)
def test_thirty_steps_follow_the_formula(name):
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
def test_a_restored_state_continues_with_the_same_bits(make, stop):
    steps, start = gradients(15, 9, "float32"), np.linspace(-1, 1, 9).astype("float32")
    whole = walk(make(), steps, start)
    first = make()
    half = walk(first, steps[:stop], start)
    state = first.get_state()
    walk(first, steps, start)  # the saved state is a copy, so these steps must not change it
    second = make()
    second.set_state(state)
    assert second.step == stop
    assert_array_equal(walk(second, steps[stop:], half), whole)
    again = make()
    again.set_state(state)
    assert_array_equal(walk(again, steps[stop:], half), whole, "set_state must copy, too")


@every
def test_a_state_from_before_the_first_step_resets_the_optimizer(make):
    steps, start = gradients(6, 5), np.zeros(5)
    optimizer = make()
    fresh = optimizer.get_state()
    want = walk(optimizer, steps, start)
    optimizer.set_state(fresh)
    assert_array_equal(walk(optimizer, steps, start), want)


@pytest.mark.smoke
@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_it_finds_the_minimum(make):
    target, weights, optimizer = np.array([3.0, -2.0, 0.5]), np.zeros(3), make()
    for _ in range(6000):
        optimizer.update(weights, 2 * (weights - target))
    decay = getattr(optimizer, "coupled_weight_decay", 0)  # the minimum of |w - target|² + decay / 2 |w|²
    assert_allclose(weights, target * 2 / (2 + decay), atol=0.01)


@every
@pytest.mark.parametrize("size", [1, 5, 6, 12, 17])
def test_blocks_give_the_same_bits_as_one_piece(monkeypatch, make, size):
    start, steps = np.linspace(-1, 1, size), gradients(3, size)
    whole = walk(make(), steps, start)
    monkeypatch.setattr(base, "_BLOCK", 6)
    assert_array_equal(walk(make(), steps, start), whole)


@pytest.mark.parametrize("kind", ["weight_decay", "coupled_weight_decay"])
def test_weight_decay_without_gradients_shrinks_the_weights_by_the_rate(kind):
    start = np.array([2.0, -1.0, 0.0])
    for rate in (0.1, 0.5):
        got = walk(optimizers.get("sgd", learning_rate=rate, **{kind: 0.2}), [np.zeros(3)] * 3, start)
        assert_allclose(got, start * (1 - 0.2 * rate) ** 3, rtol=1e-14)


def test_a_changed_rate_applies_from_the_next_step():
    optimizer, weights = SGD(0.5, momentum=0.5, coupled_weight_decay=0.1), np.array([1.0])
    optimizer.update(weights, np.array([1.0]))
    assert_allclose(weights, 1 - 0.55, rtol=1e-15)
    optimizer.learning_rate = 0.05
    optimizer.update(weights, np.array([2.0]))
    assert_allclose(weights, 0.45 + 0.5 * -0.55 - 0.1 * 0.05 * 0.45 - 0.05 * 2, rtol=1e-14)


ILLEGAL = {
    "no rate": (lambda: SGD(0), "learning_rate must be a number above 0; got 0"),
    "uphill": (lambda: Adam(-0.1), "learning_rate must be a number above 0; got -0.1"),
    "rate NaN": (lambda: SGD(math.nan), "learning_rate must be a number above 0; got nan"),
    "rate infinite": (lambda: Adam(math.inf), "learning_rate must be a number above 0; got inf"),
    "momentum 1": (lambda: SGD(0.1, 1), "momentum must be from 0 to below 1; got 1"),
    "momentum below 0": (lambda: SGD(0.1, -0.5), "momentum must be from 0 to below 1; got -0.5"),
    "momentum NaN": (lambda: SGD(0.1, math.nan), "momentum must be from 0 to below 1; got nan"),
    "weight decay": (lambda: SGD(0.1, weight_decay=-1e-4), "weight_decay must be a number of at least 0; got -0.0001"),
    "weight decay NaN": (
        lambda: SGD(0.1, weight_decay=math.nan),
        "weight_decay must be a number of at least 0; got nan",
    ),
    "coupled weight decay": (
        lambda: SGD(coupled_weight_decay=math.inf),
        "coupled_weight_decay must be a number of at least 0; got inf",
    ),
    "text": (
        lambda: SGD("fast"),  # type: ignore[arg-type]  # on purpose
        "learning_rate must be a number above 0; got 'fast'",
    ),
    "rho": (lambda: RMSprop(rho=1), "rho must be from 0 to below 1; got 1"),
    "epsilon": (lambda: Adadelta(epsilon=-1), "epsilon must be a number of at least 0; got -1"),
    "accumulator": (
        lambda: Adagrad(initial_accumulator_value=-0.1),
        "initial_accumulator_value must be a number of at least 0; got -0.1",
    ),
    "no decay": (
        lambda: AdamW(weight_decay=None),  # type: ignore[arg-type]  # on purpose
        "weight_decay must be a number of at least 0; got None: Adam is AdamW without it",
    ),
    "beta_1": (lambda: Adam(beta_1=1.0), "beta_1 must be from 0 to below 1; got 1.0"),
    "beta_2": (lambda: Adam(beta_2=-0.1), "beta_2 must be from 0 to below 1; got -0.1"),
}


@pytest.mark.parametrize(("make", "message"), ILLEGAL.values(), ids=ILLEGAL)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError) as caught:
        make()
    assert str(caught.value) == message


@pytest.mark.parametrize("engine", ["numpy", "auto"])
def test_vectors_that_do_not_fit_are_refused_before_an_engine_reads_them(engine):
    weights, fixed = np.ones(5, np.float32), np.broadcast_to(np.float32(1), 5)
    optimizer = Adam(engine=get_engine(engine))
    for w, g, message in (
        (weights, np.ones(3, np.float32), "gradient must have 5 numbers, one for each weight; got 3"),
        (weights, np.ones((5, 1), np.float32), r"gradient must be a vector \(size,\); got float32 \(5, 1\)"),
        (weights, np.ma.masked_array(weights), r"gradient must be a vector \(size,\); got MaskedArray"),
        (fixed, weights, "weights must be a vector that can be written; got one that is read only"),
    ):
        with pytest.raises(ValueError, match=f"^{message}$"):
            optimizer.update(w, g)
    assert_array_equal(weights, 1)
    optimizer.update(weights, np.ones(5, np.float32))
    with pytest.raises(ValueError, match=r"^Adam was built for 5 weights; got 9$"):
        optimizer.update(np.ones(9, np.float32), np.ones(9, np.float32))
