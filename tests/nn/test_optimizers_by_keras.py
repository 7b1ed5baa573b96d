"""Every optimizer takes Keras's steps: three variables, in float64, with clipping, decay and schedules."""

import inspect
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from convlens.nn import optimizers, schedules

pytestmark = pytest.mark.frameworks

SHAPES = {"first/kernel": (3, 4), "first/bias": (4,), "second/kernel": (4, 2)}
SIZES = {name: int(np.prod(shape)) for name, shape in SHAPES.items()}

# Keras on TensorFlow rounds numbers such as 0.9 to float32 even when it computes in float64. These numbers are sums of
# few powers of two, so no rounding happens and the steps agree to the last digits of float64.
EPS = 2.0**-12
CASES = {
    "SGD": ("SGD", {"learning_rate": 0.0625}),
    "SGD, momentum": ("SGD", {"learning_rate": 0.0625, "momentum": 0.875}),
    "SGD, nesterov": ("SGD", {"learning_rate": 0.0625, "momentum": 0.75, "nesterov": True}),
    "SGD, nesterov without momentum": ("SGD", {"learning_rate": 0.0625, "nesterov": True}),
    "SGD, decay": ("SGD", {"learning_rate": 0.0625, "momentum": 0.75, "weight_decay": 0.125}),
    "SGD, clipnorm": ("SGD", {"learning_rate": 0.0625, "momentum": 0.75, "clipnorm": 0.75}),
    "SGD, clipvalue": ("SGD", {"learning_rate": 0.0625, "clipvalue": 0.25}),
    "SGD, global_clipnorm": ("SGD", {"learning_rate": 0.0625, "global_clipnorm": 0.875}),
    "Adam": ("Adam", {"learning_rate": 0.03125, "beta_1": 0.75, "beta_2": 0.96875, "epsilon": EPS}),
    "Adam, amsgrad": ("Adam", {"beta_1": 0.75, "beta_2": 0.625, "amsgrad": True, "epsilon": EPS}),
    "Adam, clipnorm": ("Adam", {"beta_1": 0.5, "beta_2": 0.75, "epsilon": EPS, "clipnorm": 0.125}),
    "AdamW": ("AdamW", {"weight_decay": 0.25, "beta_1": 0.5, "beta_2": 0.75, "epsilon": EPS}),
    "RMSprop": ("RMSprop", {"learning_rate": 0.03125, "rho": 0.75, "epsilon": EPS}),
    "RMSprop, momentum": ("RMSprop", {"rho": 0.75, "momentum": 0.625, "weight_decay": 0.125, "epsilon": EPS}),
    "RMSprop, centered": ("RMSprop", {"rho": 0.75, "centered": True, "epsilon": EPS}),
    "RMSprop, both": ("RMSprop", {"rho": 0.75, "centered": True, "momentum": 0.5, "epsilon": EPS}),
    "Adadelta": ("Adadelta", {"learning_rate": 1.0, "rho": 0.875, "epsilon": EPS}),
    "Adagrad": ("Adagrad", {"learning_rate": 0.125, "initial_accumulator_value": 0.5, "epsilon": EPS}),
    "Adamax": ("Adamax", {"learning_rate": 0.125, "beta_1": 0.75, "beta_2": 0.875, "epsilon": EPS}),
}
DEFAULTS = ("SGD", "Adam", "AdamW", "RMSprop", "Adadelta", "Adagrad", "Adamax", "Nadam")


@pytest.fixture
def keras64(keras):
    """Keras in float64."""
    before = keras.backend.floatx()
    keras.backend.set_floatx("float64")
    yield keras
    keras.backend.set_floatx(before)


def gradients(steps):
    """Gradients of the three variables, of very different sizes, some of them zero."""
    rng = np.random.default_rng(1)
    for _ in range(steps):
        yield {k: rng.standard_normal(s) * 10.0 ** rng.integers(-3, 1, s) for k, s in SHAPES.items()}


def compare(keras, theirs, ours, steps=12, rtol=1e-11, atol=1e-14):
    """Both optimizers take the same steps from the same weights."""
    rng = np.random.default_rng(0)
    start = {name: rng.standard_normal(shape) for name, shape in SHAPES.items()}
    variables = [keras.Variable(value, dtype="float64", name=name.split("/")[1]) for name, value in start.items()]
    flat = np.concatenate([value.ravel() for value in start.values()])
    first = flat.copy()
    ours.build(SIZES)
    for found in gradients(steps):
        theirs.apply([keras.ops.convert_to_tensor(g) for g in found.values()], variables)
        ours.update(flat, np.concatenate([g.ravel() for g in found.values()]))
        want = np.concatenate([np.asarray(v).ravel() for v in variables])
        assert_allclose(flat, want, rtol=rtol, atol=atol)
        assert float(theirs.learning_rate) == pytest.approx(ours.learning_rate, rel=1e-12, abs=1e-15)
    assert np.abs(flat - first).max() > 5e-6


@pytest.mark.parametrize(("name", "options"), CASES.values(), ids=CASES)
def test_the_same_steps(keras64, name, options):
    compare(keras64, getattr(keras64.optimizers, name)(**options), optimizers.get(name, **options))


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_same_defaults(keras64, name):
    theirs, ours = getattr(keras64.optimizers, name), getattr(optimizers, name)
    found = inspect.signature(ours).parameters
    for key, parameter in inspect.signature(theirs).parameters.items():
        if key in found and key != "name":
            assert found[key].default == parameter.default, key
    compare(keras64, theirs(), ours(), rtol=1e-6, atol=1e-8)


def test_nadam_with_other_numbers(keras64):
    options = {"learning_rate": 0.125, "beta_1": 0.75, "beta_2": 0.875, "epsilon": EPS}  # but Keras rounds its own 0.96
    ours = optimizers.Nadam(**options)
    compare(keras64, keras64.optimizers.Nadam(**options), ours, rtol=1e-6, atol=1e-8)


def test_no_decay_for_the_biases(keras64):
    theirs, ours = (
        keras64.optimizers.AdamW(0.125, 0.5, 0.75, 0.875, EPS),
        optimizers.AdamW(0.125, 0.5, 0.75, 0.875, EPS),
    )
    theirs.exclude_from_weight_decay(var_names=["bias"])
    ours.exclude_from_weight_decay(var_names=["bias"])
    compare(keras64, theirs, ours)


SCHEDULES: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    "exponential": ("ExponentialDecay", (0.125, 7, 0.625), {}),
    "exponential, staircase": ("ExponentialDecay", (0.125, 7, 0.625), {"staircase": True}),
    "inverse time": ("InverseTimeDecay", (0.125, 5, 0.5), {}),
    "inverse time, staircase": ("InverseTimeDecay", (0.125, 5, 0.5), {"staircase": True}),
    "polynomial": ("PolynomialDecay", (0.125, 9), {"power": 2.0, "end_learning_rate": 0.0078125}),
    "polynomial, cycle": ("PolynomialDecay", (0.125, 9), {"cycle": True, "end_learning_rate": 0.015625}),
    "cosine": ("CosineDecay", (0.125, 20), {}),
    "cosine, alpha": ("CosineDecay", (0.125, 20), {"alpha": 0.25}),
    "cosine, warm": ("CosineDecay", (0.015625, 20), {"warmup_target": 0.375, "warmup_steps": 6}),
    "restarts": ("CosineDecayRestarts", (0.125, 5), {"alpha": 0.125, "m_mul": 0.75}),
    "restarts of one length": ("CosineDecayRestarts", (0.125, 5), {"t_mul": 1.0, "m_mul": 0.75}),
    "piecewise": ("PiecewiseConstantDecay", ([4, 11], [0.125, 0.03125, 0.0078125]), {}),
}


@pytest.mark.parametrize(("name", "values", "options"), SCHEDULES.values(), ids=SCHEDULES)
def test_the_same_schedule(keras64, name, values, options):
    first, *rest = values  # Keras computes in the dtype of the rates
    double = (
        [first, [np.float64(value) for value in rest[0]]] if isinstance(first, list) else [np.float64(first), *rest]
    )
    theirs = getattr(keras64.optimizers.schedules, name)(*double, **options)
    ours = getattr(schedules, name)(*values, **options)
    for step in range(34):
        assert ours(step) == pytest.approx(float(theirs(step)), rel=1e-9, abs=1e-12), step
        assert type(ours(step)) is float


def test_an_optimizer_follows_a_schedule_as_in_keras(keras64):
    rate = keras64.optimizers.schedules.ExponentialDecay(np.float64(0.125), 3, 0.5)
    theirs = keras64.optimizers.SGD(rate, momentum=0.875)
    compare(keras64, theirs, optimizers.SGD(schedules.ExponentialDecay(0.125, 3, 0.5), momentum=0.875))
