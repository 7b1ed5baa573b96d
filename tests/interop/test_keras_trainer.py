"""The Keras trainer takes networks with blocks and running statistics: a step gives convlens's weights."""

import subprocess
import sys

import pytest
from tests.support.small import environment

pytestmark = pytest.mark.frameworks

PROGRAM = """
import numpy as np
from convlens.interop.keras_trainer import KerasTrainer
from convlens.nn import SGD, Adam, Add, BatchNormalization, Conv2D, Dense, GlobalAveragePooling2D, ReLU, Sequential
from convlens.training.trainer import EngineTrainer

def conv(filters, strides=1, kernel=3):
    return Conv2D(filters, kernel, strides=strides, padding="same", use_bias=False)

def block(filters, strides):
    branch = (conv(filters, strides), BatchNormalization(), ReLU(), conv(filters), BatchNormalization())
    return Add(branch, (conv(filters, strides, 1), BatchNormalization()), activation="relu")

layers = [block(6, 2), GlobalAveragePooling2D(), Dense(3)]
rng = np.random.default_rng(0)
x, labels = rng.standard_normal((12, 7, 6, 2)).astype(np.float32), rng.integers(0, 3, 12)
found = []
for kind in (KerasTrainer, EngineTrainer):
    model, optimizer = Sequential(layers, (7, 6, 2), seed=1, engine="numpy"), Adam(0.01)
    for epoch in (1, 2):  # the second trainer goes on with the state of the first
        with kind(model, optimizer) as trainer:
            loss, _ = trainer.step(x, labels, (epoch, 1), None)
            trainer.end_epoch()
    found.append((loss, model.flat, model.flat_state))
(loss, flat, state), (want_loss, want, want_state) = found
assert abs(loss - want_loss) < 1e-3, (loss, want_loss)
# Adam's first steps have the size of the rate where a gradient is only rounding, so a few weights may differ
assert np.mean(np.abs(flat - want) > 1e-4) < 0.01, np.sort(np.abs(flat - want))[-10:]
assert np.abs(state - want_state).max() < 1e-4, np.abs(state - want_state).max()

for settings in ({}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}):
    found = []
    for kind in (KerasTrainer, EngineTrainer):
        model, optimizer = Sequential(layers, (7, 6, 2), seed=1, engine="numpy"), SGD(0.1, **settings)
        for epoch in (1, 2):
            with kind(model, optimizer) as trainer:
                trainer.step(x, labels, (epoch, 1), None)
                trainer.end_epoch()
        found.append((model.flat, optimizer.get_state()))
    (flat, state), (want, want_state) = found
    assert np.abs(flat - want).max() < 1e-4, (settings, np.abs(flat - want).max())
    assert state.keys() == want_state.keys(), (state, want_state)
    assert int(state["step"]) == 2

for other in (SGD(0.1, weight_decay=0.1), Adam(clipnorm=1.0)):
    try:
        KerasTrainer(model, other)
        raise AssertionError("it must be refused")
    except ValueError as error:
        assert str(error).startswith("Keras trains with plain adam or sgd; got "), error
"""


def test_a_step_of_a_network_with_blocks():
    pytest.importorskip("jax")
    pytest.importorskip("keras")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment(KERAS_BACKEND="jax", JAX_PLATFORMS="cpu"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
