"""Callbacks in a training: order and numbers of the calls, stopping, errors; the list, history and progress bar."""

import csv
import re
from typing import Any

import numpy as np
import pytest
from tests.support.small import patterns, tiny

from convlens import callbacks
from convlens.nn import SGD, Adam, ExponentialDecay
from convlens.training import Batch, Epoch, fit, train
from convlens.training.callbacks import follow, logs_of
from convlens.training.events import Event

pytestmark = pytest.mark.smoke


WRONG: Any = 0.1  # not a function


class Notes(callbacks.Callback):
    """Write down each call: its name, place and the names of its figures."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def on_train_begin(self, logs=None):
        self.calls.append("begin")

    def on_train_end(self, logs=None):
        self.calls.append("end")

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append(f"epoch {epoch}")

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append(f"epoch {epoch} done: {', '.join(logs or {})}")

    def on_train_batch_begin(self, batch, logs=None):
        self.calls.append(f"batch {batch}")

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append(f"batch {batch} done: {', '.join(logs or {})}")


def one_epoch(k, names="loss, accuracy"):
    batches = [text for b in range(3) for text in (f"batch {b}", f"batch {b} done: loss, accuracy")]
    return [f"epoch {k}", *batches, f"epoch {k} done: {names}"]


def test_the_calls_of_a_training():
    notes, (x, y) = Notes(), patterns(75)
    fit(tiny(), x, y, epochs=2, callbacks=[notes])
    assert notes.calls == ["begin", *one_epoch(0), *one_epoch(1), "end"]
    assert notes.params == {"epochs": 2, "steps": 3, "verbose": 1}
    notes = Notes()
    fit(tiny(), x, y, validation=(x[:9], y[:9]), callbacks=[notes])
    assert notes.calls == ["begin", *one_epoch(0, "loss, accuracy, val_loss, val_accuracy"), "end"]


def test_objects_and_functions_in_one_list_and_the_same_bits():
    events: list[Event] = []
    (x, y), plain, model = patterns(75), tiny(), tiny()
    fit(plain, x, y, epochs=2)
    fit(model, x, y, epochs=2, callbacks=[events.append, Notes()])
    assert plain.flat.tobytes() == model.flat.tobytes()
    assert [type(event) for event in events] == ([Batch] * 3 + [Epoch]) * 2


class StopAt(callbacks.Callback):
    def __init__(self, epoch=None, batch=None):
        super().__init__()
        self.epoch, self.batch = epoch, batch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            self.model.stop_training = True

    def on_batch_end(self, batch, logs=None):
        if batch == self.batch:
            self.model.stop_training = True


def test_a_callback_ends_the_training_after_an_epoch_or_a_batch():
    notes = Notes()
    history = fit(tiny(), *patterns(75), epochs=5, callbacks=[StopAt(epoch=1), notes])
    assert len(history.epochs) == 2 and notes.calls[-2:] == ["epoch 1 done: loss, accuracy", "end"]
    notes = Notes()
    fit(tiny(), *patterns(75), epochs=5, callbacks=[StopAt(batch=1), notes])
    assert notes.calls == ["begin", *one_epoch(0)[:5], "epoch 0 done: loss, accuracy", "end"]


def test_a_caller_that_stops_ends_the_training():
    notes = Notes()
    listed = callbacks.CallbackList([notes], model=tiny())
    events = follow(train(tiny(), *patterns(75), optimizer=Adam(), epochs=5), listed, epochs=5)
    next(events)
    events.close()
    assert notes.calls == ["begin", "epoch 0", "batch 0", "batch 0 done: loss, accuracy", "end"]


def test_the_learning_rate_of_each_epoch():
    seen, optimizer = [], SGD(1.0)
    note = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["learning_rate"]))
    scheduler = callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    fit(tiny(), *patterns(40), optimizer=optimizer, epochs=3, callbacks=[scheduler, note])
    assert seen == [0.5, 0.25, 0.125] and optimizer.learning_rate == 0.125
    with pytest.raises(TypeError, match="follows the schedule ExponentialDecay"):
        fit(tiny(), *patterns(40), optimizer=SGD(ExponentialDecay(0.1, 2, 0.5)), callbacks=[scheduler])
    with pytest.raises(ValueError, match="schedule must return a learning rate, a number; got None for epoch 0"):
        fit(tiny(), *patterns(40), callbacks=[callbacks.LearningRateScheduler(lambda epoch: None)])


def test_the_best_weights_come_back():
    model, (x, y), kept = tiny(), patterns(75), []
    keep = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(model.flat.copy()))
    stop = callbacks.EarlyStopping(monitor="loss", mode="max", patience=2, restore_best_weights=True)
    history = fit(model, x, y, epochs=9, callbacks=[keep, stop])
    assert len(history.epochs) == 3 and stop.stopped_epoch == 2 and stop.best_epoch == 0
    np.testing.assert_array_equal(model.flat, kept[0])


def test_a_loss_that_is_not_finite(capsys):
    def explode(**options):
        with np.errstate(all="ignore"):
            return fit(tiny(), *patterns(75), optimizer=SGD(1e30), epochs=3, **options)

    with pytest.raises(ArithmeticError, match="must stay finite"):
        explode(callbacks=[Notes()])
    notes = Notes()
    explode(callbacks=[callbacks.TerminateOnNaN(), notes])
    assert notes.calls[-1] == "end"
    assert re.fullmatch(r"Batch \d: Invalid loss, terminating training\n", capsys.readouterr().out)
    with pytest.raises(RuntimeError, match="the loss must be finite; got nan in batch"):
        explode(callbacks=[callbacks.TerminateOnNaN(raise_error=True)])


def test_figures_in_a_csv_file(tmp_path):
    (x, y), path = patterns(40), tmp_path / "log.csv"
    history = fit(tiny(), x, y, validation=(x, y), epochs=2, callbacks=[callbacks.CSVLogger(path)])
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert [float(row["val_loss"]) for row in rows] == history.history["val_loss"]


def test_a_list_shares_one_copy_of_the_figures():
    seen = []
    first = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(mine=1))
    second = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(dict(logs)))
    listed = callbacks.CallbackList([first, [second]], add_history=True)
    given = {"loss": 0.5}
    listed.on_epoch_end(0, given)
    assert seen == [{"loss": 0.5, "mine": 1}] and given == {"loss": 0.5}
    assert listed.history is not None and listed.history.history == {"loss": [0.5], "mine": [1]}
    assert listed.history.epoch == [0]
    alone = callbacks.CallbackList(callbacks.History(), add_history=True)
    assert len(alone.callbacks) == 1


def test_a_progress_bar_for_each_epoch(capsys):
    figures = r"\d+m?s \d+[mu]?s/step - accuracy: 0\.7500 - loss: 5\.0000e-04 - val_loss: 1\.5000\n"
    for verbose, want in ((1, r"Epoch 1/2\n2/2 ━{20} " + figures), (2, r"Epoch 1/2\n2/2 - " + figures), (0, "")):
        listed = callbacks.CallbackList(add_progbar=True, epochs=2, steps=2, verbose=verbose)
        listed.on_train_begin()
        listed.on_epoch_begin(0)
        for batch in range(2):
            listed.on_train_batch_end(batch, {"loss": 0.25})
        listed.on_epoch_end(0, {"loss": 0.0005, "val_loss": 1.5, "accuracy": 0.75})
        assert re.fullmatch(want, capsys.readouterr().out), verbose


def test_the_bar_is_drawn_again_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr("convlens.training.callbacks.progress.interactive", lambda: True)
    monkeypatch.setattr("convlens.training.callbacks.progress._EVERY", 0.0)
    listed = callbacks.CallbackList(add_progbar=True, epochs=1, steps=4, verbose="auto")
    listed.on_epoch_begin(0)
    listed.on_train_batch_end(0, {"loss": 0.25})
    listed.on_train_batch_end(1, {"loss": 0.125})
    first, second = capsys.readouterr().out.split("\r")
    assert first.startswith("Epoch 1/1\n1/4 ━━━━━  ") and second.startswith("2/4 ━━━━━━━━━━  ")


def test_what_the_monitored_figure_must_be():
    (x, y), stop = patterns(40), callbacks.EarlyStopping
    with pytest.raises(ValueError, match=r"needs validation data; epoch 1 has no val_loss, only loss, accuracy"):
        fit(tiny(), x, y, callbacks=[stop(patience=2)])
    message = "EarlyStopping needs the figure 'val_acc'; epoch 1 has loss, accuracy, val_loss, val_accuracy"
    with pytest.raises(ValueError, match=message):
        fit(tiny(), x, y, validation=(x, y), callbacks=[stop("val_acc")])
    with pytest.raises(ValueError, match="cannot tell whether less or more of 'val_speed' is better; add mode='min'"):
        stop("val_speed")
    with pytest.raises(ValueError, match="mode must be one of auto, min, max; got 'up'"):
        stop(mode="up")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: callbacks.EarlyStopping(patience=-1), "patience must be an integer of at least 0; got -1"),
        (lambda: callbacks.ReduceLROnPlateau(factor=1.0), "factor must be above 0 and below 1; got 1.0"),
        (lambda: callbacks.ReduceLROnPlateau(min_lr=-1), "min_lr must be a number of at least 0; got -1"),
        (lambda: callbacks.ModelCheckpoint("a", save_freq=0), 'save_freq, if not "epoch", must be an integer'),
        (lambda: callbacks.CSVLogger("a", separator=""), "separator must be one character; got ''"),
        (lambda: callbacks.LearningRateScheduler(WRONG), "schedule must be a function of the epoch"),
        (lambda: callbacks.LambdaCallback(on_lunch=print), "LambdaCallback has no method 'on_lunch'"),
        (lambda: callbacks.LambdaCallback(on_epoch_end=WRONG), "on_epoch_end must be a function; got 0.1"),
        (
            lambda: callbacks.CallbackList([3]),
            "must be an object of a subclass of convlens.callbacks.Callback; got int",
        ),
        (lambda: callbacks.CallbackList(callbacks.History), "got type: write History(...)"),
        (lambda: callbacks.TensorBoard("logs"), "convlens has no TensorBoard: CSVLogger writes the figures"),
        (lambda: callbacks.BackupAndRestore("place"), "convlens has no BackupAndRestore: `convlens train` writes"),
    ],
)
def test_bad_arguments_and_names_that_are_not_here(make, message):
    with pytest.raises((ValueError, TypeError)) as caught:
        make()
    assert message in str(caught.value)
    with pytest.raises(AttributeError, match=r"module 'convlens.callbacks' has no attribute 'Nothing'"):
        callbacks.Nothing  # noqa: B018


def test_a_checkpoint_names_the_figures_that_it_has():
    checkpoint = callbacks.ModelCheckpoint("{epoch:02d}-{speed:.2f}.keras")
    with pytest.raises(ValueError) as caught:
        checkpoint.path(0, {"loss": 0.5})
    assert str(caught.value).startswith("filepath must have only figures of the training in braces, loss, epoch; got")


def test_figures_of_an_event():
    epoch = Epoch(1, 0.5, 10.0, 0.25, 0.5, None, None)
    assert logs_of(epoch) == {"loss": 0.25, "accuracy": 0.5}
