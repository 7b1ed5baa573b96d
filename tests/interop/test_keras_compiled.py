"""A saved network keeps what `compile` chose: it trains on after loading, in convlens and in Keras."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import convlens
from convlens import layers, losses, metrics, optimizers

RNG = np.random.default_rng(9)
X, Y = RNG.random((20, 6, 5, 1)).astype("float32"), RNG.integers(0, 3, 20)

CHOICES: dict[str, dict[str, Any]] = {
    "names": {"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]},
    "objects": {
        "optimizer": optimizers.SGD(0.1, momentum=0.9, clipnorm=1.0),
        "loss": losses.SparseCategoricalCrossentropy(),
        "metrics": [metrics.SparseTopKCategoricalAccuracy(k=2, name="top2"), "acc"],
        "weighted_metrics": ["sparse_categorical_accuracy"],
    },
    "a schedule": {
        "optimizer": optimizers.RMSprop(optimizers.schedules.ExponentialDecay(0.01, 2, 0.5)),
        "loss": "sparse_categorical_crossentropy",
    },
    "a loss that is a function": {"optimizer": "adamw", "loss": "mae", "metrics": ["mse", metrics.AUC(20)]},
}


def network():
    return convlens.Sequential(
        [
            convlens.Input((6, 5, 1)),
            layers.Conv2D(3, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ],
        seed=2,
    )


def further(model, y):
    return model.fit(X, y, batch_size=8, epochs=2, shuffle=False, verbose=0).history


@pytest.mark.frameworks
@pytest.mark.parametrize("end", [".safetensors", ".keras"])
@pytest.mark.parametrize("choice", CHOICES)
def test_a_loaded_network_trains_on(keras, tmp_path, end, choice):
    y = np.eye(3, dtype="float32")[Y] if "function" in choice else Y
    model, path = network(), tmp_path / f"model{end}"
    model.compile(**CHOICES[choice])
    further(model, y)
    model.save(path)
    again = convlens.models.load_model(path)
    assert repr(again.optimizer) == repr(model.optimizer) and again.optimizer.step == model.optimizer.step
    theirs = keras.models.load_model(path) if end == ".keras" else None
    want = further(model, y)
    found = further(again, y)
    assert found.keys() == want.keys()
    for name in want:
        assert_allclose(found[name], want[name], rtol=1e-5)
    if theirs is not None:
        history = further(theirs, y)
        assert sorted(history) == sorted(want)
        for name in want:
            assert_allclose(history[name], want[name], rtol=2e-4, atol=1e-5)


KERAS_SAVES = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@KERAS_SAVES
@pytest.mark.frameworks
@pytest.mark.parametrize("choice", CHOICES)
def test_a_network_that_keras_compiled(keras, tmp_path, choice):
    y = np.eye(3, dtype="float32")[Y] if "function" in choice else Y
    theirs = keras.Sequential(
        [keras.Input((6, 5, 1)), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax", name="out")]
    )
    words = {
        "names": {"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]},
        "objects": {
            "optimizer": keras.optimizers.SGD(0.1, momentum=0.9, clipnorm=1.0),
            "loss": keras.losses.SparseCategoricalCrossentropy(),
            "metrics": [keras.metrics.SparseTopKCategoricalAccuracy(k=2, name="top2"), "acc"],
        },
        "a schedule": {
            "optimizer": keras.optimizers.RMSprop(keras.optimizers.schedules.ExponentialDecay(0.01, 2, 0.5)),
            "loss": "sparse_categorical_crossentropy",
        },
        "a loss that is a function": {
            "optimizer": "adamw",
            "loss": keras.losses.MeanAbsoluteError(),
            "metrics": ["mse", keras.metrics.AUC(20)],
        },
    }
    theirs.compile(**words[choice])
    further(theirs, y)
    theirs.save(tmp_path / "theirs.keras")
    ours = convlens.models.load_model(tmp_path / "theirs.keras")
    want, found = further(theirs, y), further(ours, y)
    assert sorted(found) == sorted(want)
    for name in want:
        assert_allclose(found[name], want[name], rtol=2e-4, atol=1e-5)


def test_what_no_file_holds_is_left_out(tmp_path):
    model = network()
    model.compile("sgd", lambda y_true, y_pred: convlens.ops.mean(y_pred, axis=-1))
    model.save(tmp_path / "own.safetensors")
    assert convlens.models.load_model(tmp_path / "own.safetensors").compiled is None
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.save(tmp_path / "model.safetensors")
    assert convlens.models.load_model(tmp_path / "model.safetensors", compile=False).compiled is None
    assert convlens.load_model(tmp_path / "model.safetensors").optimizer.learning_rate == 0.01


@KERAS_SAVES
@pytest.mark.frameworks
def test_a_loss_that_is_not_here_is_said(keras, tmp_path, caplog):
    theirs = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    theirs.compile("adam", keras.losses.CategoricalFocalCrossentropy())
    theirs.save(tmp_path / "focal.keras")
    assert convlens.models.load_model(tmp_path / "focal.keras").compiled is None
    assert "without what its compile chose: the loss must be one of convlens.losses" in caplog.text
