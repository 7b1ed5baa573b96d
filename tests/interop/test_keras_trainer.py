"""The Keras trainer takes networks with blocks and running statistics: a step gives convlens's weights."""

import json
import subprocess
import sys

import pytest
from tests.support.small import framework_environment

pytestmark = pytest.mark.frameworks

BEGIN = """
import numpy as np
from convlens.interop.keras_trainer import KerasTrainer
from convlens.nn import *
from convlens.nn import Adam, Nadam, SGD
from convlens.nn.optimizers import get
from convlens.nn.schedules import over
from convlens.training.trainer import EngineTrainer

rng = np.random.default_rng(0)

def train(kinds, layers, shape, optimizer, x, labels, steps=1, seed=0, augment=None, frozen=()):
    # Train an epoch with each trainer of `kinds`; each goes on with the state of the one before
    model = Sequential(layers, shape, seed=1, engine="numpy")
    model.frozen = frozenset(frozen)
    for epoch, kind in enumerate(kinds, 1):
        with kind(model, optimizer, seed=seed, augment=augment) as trainer:
            for step in range(steps):
                loss, _ = trainer.step(x, labels, (epoch, step + 1), None)
            trainer.end_epoch()
    return loss, model.flat, model.flat_state
"""

BLOCKS = """
def conv(filters, strides=1, kernel=3):
    return Conv2D(filters, kernel, strides=strides, padding="same", use_bias=False)

def block(filters, strides):
    branch = (conv(filters, strides), BatchNormalization(), ReLU(), conv(filters), BatchNormalization())
    return Add(branch, (conv(filters, strides, 1), BatchNormalization()), activation="relu")

layers = [block(6, 2), DepthwiseConv2D(3, activation="relu"), GlobalAveragePooling2D(), Dense(3)]
x, labels = rng.standard_normal((12, 7, 6, 2)).astype(np.float32), rng.integers(0, 3, 12)
(loss, flat, state), (want_loss, want, want_state) = (
    train([kind] * 2, layers, (7, 6, 2), Adam(0.01), x, labels) for kind in (KerasTrainer, EngineTrainer)
)
assert abs(loss - want_loss) < 1e-3, (loss, want_loss)
# Adam's first steps have the size of the rate where a gradient is only rounding, so a few weights may differ
assert np.mean(np.abs(flat - want) > 1e-4) < 0.01, np.sort(np.abs(flat - want))[-10:]
assert np.abs(state - want_state).max() < 1e-4, np.abs(state - want_state).max()
"""

OPTIMIZERS = """
layers = [Flatten(), Dense(4, activation="tanh"), Dense(3)]
data = rng.standard_normal((10, 3, 2, 1)).astype(np.float32), rng.integers(0, 3, 10), 2
KINDS = {
    "sgd": {"momentum": 0.9, "nesterov": True}, "adam": {"amsgrad": True}, "adamw": {"weight_decay": 0.1},
    "rmsprop": {"momentum": 0.5, "centered": True, "clipnorm": 0.01}, "adadelta": {}, "adagrad": {"weight_decay": 0.2},
    "adamax": {}, "nadam": {"global_clipnorm": 0.1},
}
for name, more in KINDS.items():
    rate = over("cosine", 0.01, 6) if len(name) == 4 else 0.01
    flat, want = (
        train([EngineTrainer, kind, EngineTrainer], layers, (3, 2, 1), get(name, learning_rate=rate, **more), *data)[1]
        for kind in (KerasTrainer, EngineTrainer)
    )
    assert np.abs(flat - want).max() < 2e-6, (name, rate, np.abs(flat - want).max())
"""

RANDOM = """
layers = [Flatten(), Dense(20, activation="relu"), Dropout(0.5), Dense(3)]
x, labels = rng.standard_normal((10, 3, 2, 1)).astype(np.float32), rng.integers(0, 3, 10)
same = [train([KerasTrainer], layers, (3, 2, 1), SGD(0.1), x, labels, 2, seed)[1] for seed in (5, 5, 6)]
assert (same[0] == same[1]).all()
assert (same[0] != same[2]).any()

def noise(images, rng):
    return images + rng.standard_normal(images.shape, np.float32)

layers = [Flatten(), Dense(4), BatchNormalization(), Dense(3)]  # a batch in one part, so both trainers change it alike
for frozen in ((), (1, 2)):
    one, two = (
        train([kind], layers, (3, 2, 1), SGD(0.1), x, labels, 2, 7, noise, frozen)[1:]
        for kind in (KerasTrainer, EngineTrainer)
    )
    for found, want in zip(one, two, strict=True):
        assert np.abs(found - want).max() < 1e-5, (frozen, np.abs(found - want).max())

layers = [Conv2D(7, 1), LocalResponseNormalization(size=4, alpha=0.1), Flatten(), Dense(3)]
one, two = (train([kind], layers, (3, 2, 1), SGD(0.5), x, labels, 2)[1] for kind in (KerasTrainer, EngineTrainer))
assert np.abs(one - two).max() < 1e-5, np.abs(one - two).max()

class Own:
    learning_rate = 0.1

for optimizer, words in ((Own(), "got Own"), (SGD(0.1, coupled_weight_decay=0.1), "only weight_decay; got 0.1")):
    try:
        KerasTrainer(Sequential(layers, (3, 2, 1), engine="numpy"), optimizer)
    except (TypeError, ValueError) as error:
        assert words in str(error), error
    else:
        raise AssertionError("it must be refused")
"""

RESUMED = """
import pathlib, sys
from convlens.data import from_arrays
from convlens.interop.keras_run import lead
from convlens.training import Epoch, Run, Settings

x, labels = rng.integers(0, 255, (30, 6, 5, 1), np.uint8), rng.integers(0, 3, 30)
digits = from_arrays(x[:22], labels[:22], x[22:], labels[22:], class_names=("one", "two", "three"))
layers = [Conv2D(4, 3, use_bias=False), BatchNormalization(momentum=0.8), ReLU(), Dropout(0.3), Flatten(), Dense(3)]
settings = Settings(
    trainer="keras", optimizer="rmsprop", learning_rate=0.01, momentum=0.5, schedule="cosine", augment="shift",
    weight_decay=0.01, epochs=2, batch_size=8, seed=4, engine="numpy",
)
folder = pathlib.Path(sys.argv[1])
for name in ("whole", "parts"):
    run = Run.start(folder / name, settings, digits, Sequential(layers, (6, 5, 1), seed=2))
    if name == "whole":
        list(run.train(digits, trainer=lead(run, digits)))
for _ in range(2):
    again = Run.open(folder / "parts")  # each epoch in an object of its own, as in a process of its own
    for event in again.train(digits, trainer=lead(again, digits)):
        if isinstance(event, Epoch):
            break
one, two = (Run.open(folder / name) for name in ("whole", "parts"))
assert len(one.epochs) == len(two.epochs) == 2
assert np.abs(one.model.flat - two.model.flat).max() < 1e-6
assert np.abs(one.model.flat_state - two.model.flat_state).max() < 1e-6
assert one.optimizer.get_state().keys() == two.optimizer.get_state().keys() == {"step", "v", "momentum"}
assert two.history()["class_names"] == ["one", "two", "three"]
assert abs(two.epochs[-1].val_loss - one.epochs[-1].val_loss) < 1e-6
"""


PROGRAMS = {"blocks": BLOCKS, "optimizers": OPTIMIZERS, "random": RANDOM, "resumed": RESUMED}
ALL = """
import json, sys, traceback

begin, programs = json.load(sys.stdin)
errors = {}
for name, program in programs.items():
    try:
        exec(begin + program, {"__name__": name})
        errors[name] = ""
    except Exception:
        errors[name] = traceback.format_exc()
json.dump(errors, sys.stdout)
"""


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    """The traceback of each program, or an empty text. All run in one process, since to import Keras takes long."""
    pytest.importorskip("jax")
    pytest.importorskip("keras")
    done = subprocess.run(
        [sys.executable, "-c", ALL, str(tmp_path_factory.mktemp("runs"))],
        env=framework_environment(KERAS_BACKEND="jax", JAX_PLATFORMS="cpu"),
        input=json.dumps([BEGIN, PROGRAMS]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_keras_trains_is_what_convlens_trains(errors, name):
    assert errors[name] == ""
