"""Each callback does what Keras's does, for the same figures: when it stops, saves, reduces, and what it writes."""

from types import SimpleNamespace

import numpy as np
import pytest

from convlens import callbacks

FALLING = [0.9, 0.7, 0.71, 0.6995, 0.72, 0.69, 0.8, 0.81, 0.82, 0.5, 0.51, 0.52, 0.53]
RISING = [round(1 - value, 4) for value in FALLING]
RANDOM = np.random.default_rng(3).random(13).round(3).tolist()


class Model:
    """A model whose weights are the number of the epoch, with the attributes that callbacks use."""

    def __init__(self):
        self.weights, self.stop_training, self.saved = -1, False, []
        self.optimizer = SimpleNamespace(learning_rate=0.1)
        self.metrics = []

    def get_weights(self):
        return [self.weights]

    def set_weights(self, weights):
        (self.weights,) = weights

    def save(self, path, overwrite=True):
        self.saved.append((str(path), self.weights))

    save_weights = save


def drive(callback, figures, batches=3, **more):
    """Train the model with a callback for the given figures: (model, learning rate of each epoch, logs of each)."""
    model, rates, seen = Model(), [], []
    callback.set_model(model)
    callback.on_train_begin({})
    for epoch, value in enumerate(figures):
        callback.on_epoch_begin(epoch, {})
        rates.append(round(model.optimizer.learning_rate, 12))
        for batch in range(batches):
            callback.on_train_batch_begin(batch, {})
            callback.on_train_batch_end(batch, {"loss": value})
        model.weights = epoch
        logs = {"loss": value / 2, "accuracy": 0.5, "val_loss": value, "val_accuracy": 1 - value, **more}
        callback.on_epoch_end(epoch, logs)
        seen.append(logs)
        if model.stop_training:
            break
    callback.on_train_end({})
    return model, rates, seen


OPTIONS = {
    "EarlyStopping": [
        {"patience": 0},
        {"patience": 1},
        {"patience": 3},
        {"patience": 2, "min_delta": 0.05},
        {"patience": 3, "restore_best_weights": True},
        {"patience": 2, "baseline": 0.6, "restore_best_weights": True},
        {"patience": 1, "start_from_epoch": 4},
        {"monitor": "val_accuracy", "mode": "max", "patience": 2},
        {"monitor": "val_loss", "mode": "max", "patience": 2},
    ],
    "ReduceLROnPlateau": [
        {"patience": 1},
        {"patience": 2, "factor": 0.5, "cooldown": 2},
        {"patience": 1, "min_delta": 0.05, "min_lr": 0.002},
        {"patience": 0, "factor": 0.9},
    ],
    "LearningRateScheduler": [
        {"schedule": lambda epoch, rate: rate * 0.9 if epoch > 2 else rate},
        {"schedule": lambda epoch: 0.1 / (epoch + 1)},
    ],
    "ModelCheckpoint": [
        {"filepath": "{epoch:02d}-{val_loss:.2f}.keras"},
        {"filepath": "best.keras", "save_best_only": True},
        {"filepath": "{epoch}.weights.h5", "save_weights_only": True, "save_best_only": True},
        {"filepath": "best.keras", "save_best_only": True, "monitor": "val_accuracy", "mode": "max"},
        {"filepath": "best.keras", "save_best_only": True, "initial_value_threshold": 0.65},
        {"filepath": "{epoch}-{batch}.keras", "save_freq": 4},
    ],
}
CASES = [(name, options) for name, each in OPTIONS.items() for options in each]


@pytest.mark.frameworks
@pytest.mark.parametrize("figures", [FALLING, RISING, RANDOM], ids=["falling", "rising", "random"])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_the_same_decisions(keras, tmp_path, monkeypatch, name, options, figures):
    monkeypatch.chdir(tmp_path)
    theirs = drive(getattr(keras.callbacks, name)(**options), figures)
    ours = drive(getattr(callbacks, name)(**options), figures)
    for one, other in zip(theirs, ours, strict=True):
        if isinstance(one, Model):
            assert vars(other).keys() == vars(one).keys()
            assert (other.weights, other.stop_training, other.saved) == (one.weights, one.stop_training, one.saved)
        else:
            assert other == one


@pytest.mark.frameworks
@pytest.mark.parametrize("options", [{}, {"separator": ";"}, {"append": True}])
@pytest.mark.parametrize("validation", [True, False])
def test_the_same_csv_file(keras, tmp_path, options, validation):
    written = []
    for module in (keras.callbacks, callbacks):
        path = tmp_path / f"{module.__name__}.csv"
        for _ in range(2):
            callback = module.CSVLogger(path, **options)
            callback.on_train_begin()
            for epoch in range(3):
                logs = {"loss": 1 / (epoch + 3), "accuracy": 0.5}
                callback.on_epoch_end(epoch, logs | ({"val_loss": 0.25} if validation else {}))
            callback.on_train_end()
        written.append(path.read_bytes())
    assert written[0].replace(b"\r\n", b"\n") == written[1].replace(b"\r\n", b"\n")
    assert written[1].count(b"\n") == (7 if options.get("append") else 4)


@pytest.mark.frameworks
def test_the_same_arguments(keras):
    import inspect

    for name in ("EarlyStopping", "ModelCheckpoint", "ReduceLROnPlateau", "LearningRateScheduler", "CSVLogger"):
        theirs = inspect.signature(getattr(keras.callbacks, name)).parameters
        ours = inspect.signature(getattr(callbacks, name)).parameters
        wanted = {key: value.default for key, value in theirs.items() if value.kind is not value.VAR_KEYWORD}
        assert {key: value.default for key, value in ours.items()} == wanted, name
        assert list(ours) == list(wanted), name


@pytest.mark.smoke
def test_stopping_and_restoring_without_keras():
    model, _, seen = drive(callbacks.EarlyStopping(patience=3, restore_best_weights=True), FALLING)
    assert model.stop_training and len(seen) == 9 and model.weights == 5
    model, rates, _ = drive(callbacks.ReduceLROnPlateau(patience=2, factor=0.5), [1.0, 1.0, 1.0, 1.0, 1.0])
    assert rates == [0.1, 0.1, 0.1, 0.05, 0.05]
