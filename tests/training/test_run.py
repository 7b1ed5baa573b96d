"""A run is a folder: its files, and resuming from them with the same bits as an uninterrupted run."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from tests.support.short_run import DIGITS, FILES, SETTINGS, entries, finish, model_bytes

import convlens
from convlens.engines import get_engine
from convlens.storage.atomic import atomic_write
from convlens.training import Epoch, Run, Settings, evaluate, load_model
from convlens.training import run as checkpoint
from convlens.training.settings import go_on

# Its validation loss falls, rises, falls to its minimum, and is higher in the next two epochs: about six epochs in all
STOPPING = Settings(data="a few", batch_size=40, learning_rate=0.003, epochs=15, early_stopping=2)

pytestmark = pytest.mark.usefixtures("without_sync")


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run with early stopping."""
    run = Run.start(tmp_path_factory.mktemp("runs") / "stopped", STOPPING, DIGITS)
    finish(run)
    return run


# The folder ----------------------------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_a_finished_run_has_its_files_and_the_keys_of_the_history(whole):
    assert entries(whole.folder) == FILES
    history = json.loads((whole.folder / "history.json").read_text())
    assert list({**history, "epochs": None}.items()) == [
        ("model", "lenet5"),
        ("engine", get_engine("auto").name),
        ("trainer", "convlens"),
        ("data", "a few"),
        ("seed", 0),
        ("batch_size", 40),
        ("optimizer", "adam"),
        ("learning_rate", 0.001),
        ("schedule", "constant"),
        ("weight_decay", None),
        ("momentum", None),
        ("augment", ""),
        ("dropout", None),
        ("class_weights", ""),
        ("size", None),
        ("skip_broken", False),
        ("transposed", None),
        ("network", "lenet5"),
        ("parameters", 61_706),
        ("input_shape", [28, 28, 1]),
        ("class_names", list("0123456789")),
        ("epochs", None),
    ]
    keys = ["epoch", "seconds", "images_per_second", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert [list(row) for row in history["epochs"]] == [keys] * 3
    assert [row["epoch"] for row in history["epochs"]] == [1, 2, 3]
    assert history["epochs"] == [asdict(epoch) for epoch in whole.epochs]


@pytest.mark.smoke
def test_a_new_run_has_all_its_files_and_untrained_weights(tmp_path):
    run = Run.start(tmp_path / "deep" / "run", SETTINGS, DIGITS)
    assert entries(run.folder) == FILES
    assert run.finished is None
    assert json.loads((run.folder / "history.json").read_text())["epochs"] == []
    np.testing.assert_array_equal(run.trained.flat, convlens.lenet5(seed=0).flat)
    with pytest.raises(ValueError, match="must hold a trained model; its run has not finished an epoch"):
        load_model(run.folder)


@pytest.mark.smoke
def test_the_saved_model_is_the_trained_one(whole):
    model = load_model(whole.folder)
    np.testing.assert_array_equal(model.flat, whole.model.flat)
    np.testing.assert_array_equal(whole.trained.flat, whole.model.flat)
    scores = evaluate(model, DIGITS.x_valid, DIGITS.y_valid)
    assert scores == (whole.epochs[-1].val_loss, whole.epochs[-1].val_accuracy)
    assert load_model(whole.folder / "model.safetensors").name == "lenet5"


def test_any_safetensors_reader_finds_the_weights_by_name(whole):
    tensors = safetensors.numpy.load_file(whole.folder / "model.safetensors")
    for name, weights in whole.model.named_weights().items():
        np.testing.assert_array_equal(tensors[name], weights, strict=True)
    assert len(tensors) == 10


@pytest.mark.smoke
def test_the_same_seed_gives_the_same_file(whole, tmp_path):
    runs = [Run.start(tmp_path / str(seed), replace(SETTINGS, seed=seed), DIGITS) for seed in (0, 1)]
    for run in runs:
        finish(run, threads=3)
    assert model_bytes(runs[0].folder) == model_bytes(whole.folder)
    assert model_bytes(runs[1].folder) != model_bytes(whole.folder)
    assert [replace(epoch, seconds=0, images_per_second=0) for epoch in runs[0].epochs] == [
        replace(epoch, seconds=0, images_per_second=0) for epoch in whole.epochs
    ]


def test_an_epoch_is_saved_before_its_event(tmp_path):
    run = Run.start(tmp_path / "run", SETTINGS, DIGITS)
    for event in run.train(DIGITS):
        saved = json.loads((run.folder / "history.json").read_text())["epochs"]
        assert len(saved) == (event.epoch if isinstance(event, Epoch) else event.epoch - 1)
        assert len(Run.open(run.folder).epochs) == len(saved)


def test_settings_may_be_numpy_numbers_and_paths(tmp_path):
    given: dict[str, Any] = {"data": Path("a few"), "seed": np.int64(0), "batch_size": np.int32(40)}
    given["learning_rate"] = np.float32(0.5)
    run = Run.start(tmp_path / "run", Settings(**given), DIGITS)
    assert Run.open(run.folder).settings == Settings(data="a few", batch_size=40, learning_rate=0.5)


# Resuming ------------------------------------------------------------------------------------------------------------


@pytest.mark.smoke
@pytest.mark.parametrize("events", range(0, 12, 2))
def test_resuming_gives_the_bits_of_an_uninterrupted_run(whole, tmp_path, events):
    run = Run.start(tmp_path / "run", SETTINGS, DIGITS)
    training = run.train(DIGITS, 2)
    for _ in range(events):
        next(training)
    training.close()
    told = finish(Run.open(run.folder))
    assert model_bytes(run.folder) == model_bytes(whole.folder)
    assert [event.epoch for event in told if isinstance(event, Epoch)] == list(range(events // 4 + 1, 4))


def test_the_same_run_object_resumes_after_its_last_epoch(whole, tmp_path):
    run = Run.start(tmp_path / "run", SETTINGS, DIGITS)
    for breaks in (2, 5):
        training = run.train(DIGITS)
        for _ in range(breaks):
            next(training)
        training.close()
    finish(run)
    assert model_bytes(run.folder) == model_bytes(whole.folder)


def test_a_finished_run_has_nothing_left_to_train(whole):
    before = model_bytes(whole.folder)
    again = Run.open(whole.folder)
    assert again.finished == "3 of 3 epochs done"
    assert finish(again) == []
    assert model_bytes(whole.folder) == before


def test_a_run_with_more_epochs_later_gives_the_bits_of_a_run_with_all_epochs(whole, tmp_path):
    short = Run.start(tmp_path / "run", replace(SETTINGS, epochs=1), DIGITS)
    finish(short)
    longer = Run.open(short.folder)
    longer.settings = go_on(longer.settings, {"epochs": 3})
    training = longer.train(DIGITS)
    next(training)
    training.close()
    last = Run.open(short.folder)  # the new number of epochs is saved when training begins
    assert last.settings.epochs == 3
    finish(last)
    assert model_bytes(short.folder) == model_bytes(whole.folder)


def test_the_other_files_are_made_from_the_checkpoint(whole, stopped, tmp_path):
    for run in (whole, stopped):
        folder = tmp_path / run.folder.name
        folder.mkdir()
        shutil.copy(run.folder / "checkpoint.safetensors", folder)
        assert finish(Run.open(folder)) == []
        assert entries(folder) == FILES
        assert model_bytes(folder) == model_bytes(run.folder)
        assert (folder / "history.json").read_bytes() == (run.folder / "history.json").read_bytes()


def test_opening_writes_nothing(whole, tmp_path):
    shutil.copy(whole.folder / "checkpoint.safetensors", tmp_path)
    (tmp_path / ".convlens-0123456789abcdef.tmp").write_bytes(b"someone is writing this")
    assert len(Run.open(tmp_path).epochs) == 3
    assert entries(tmp_path) == [".convlens-0123456789abcdef.tmp", "checkpoint.safetensors"]


def test_temporary_files_of_a_killed_process_are_removed(tmp_path):
    (tmp_path / ".convlens-0123456789abcdef.tmp").write_bytes(b"half")
    run = Run.start(tmp_path, SETTINGS, DIGITS)
    assert entries(tmp_path) == FILES
    (tmp_path / ".convlens-fedcba9876543210.tmp").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("mine")
    finish(run)
    assert entries(tmp_path) == [*FILES, "notes.txt"]


# Early stopping ------------------------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_early_stopping_keeps_the_best_epoch(stopped):
    losses = [epoch.val_loss for epoch in stopped.epochs]
    best = stopped.best
    assert losses[best - 1] == min(losses)
    assert len(losses) == best + 2 < 15
    assert stopped.finished == f"stopped early, no lower validation loss since epoch {best}, whose weights are kept"
    kept = load_model(stopped.folder)
    assert evaluate(kept, DIGITS.x_valid, DIGITS.y_valid).loss == min(losses)
    np.testing.assert_array_equal(kept.flat, stopped.trained.flat)
    assert not np.array_equal(kept.flat, stopped.model.flat)


def test_a_run_of_as_many_epochs_as_the_best_has_the_same_weights(stopped, tmp_path):
    run = Run.start(tmp_path / "run", replace(STOPPING, epochs=stopped.best, early_stopping=None), DIGITS)
    finish(run)
    assert model_bytes(run.folder) == model_bytes(stopped.folder)


@pytest.mark.parametrize("after", ["nothing", "the first epoch", "the best epoch", "a worse epoch"])
def test_resuming_with_early_stopping_gives_the_bits_of_an_uninterrupted_run(stopped, tmp_path, after):
    after = {"nothing": 0, "the first epoch": 1, "the best epoch": stopped.best}.get(after, stopped.best + 1)
    run = Run.start(tmp_path / "run", STOPPING, DIGITS)
    training = run.train(DIGITS)
    while after and not (isinstance(event := next(training), Epoch) and event.epoch == after):
        pass
    training.close()
    (run.folder / "model.safetensors").unlink()  # it is made again from the checkpoint
    finish(Run.open(run.folder))
    assert model_bytes(run.folder) == model_bytes(stopped.folder)


@pytest.mark.parametrize("name", ["model.safetensors", "history.json"])
@pytest.mark.parametrize("number", ["before the first epoch", "first", "best", "worse"])
def test_a_failure_between_the_files_of_an_epoch_loses_nothing(stopped, tmp_path, monkeypatch, name, number):
    number = {"first": 1, "best": stopped.best, "worse": stopped.best + 1}.get(number, 0)
    run = Run.start(tmp_path / "run", STOPPING, DIGITS)
    write, calls = atomic_write, []

    def fail(path):
        calls.append(path.name)
        if calls.count(name) > number:
            raise OSError(28, "No space left on device", str(path))
        return write(path)

    monkeypatch.setattr(checkpoint, "atomic_write", fail)
    monkeypatch.setattr("convlens.storage.tensors.atomic_write", fail)
    with pytest.raises(OSError, match="No space left on device"):
        finish(run)
    monkeypatch.undo()
    assert len(Run.open(run.folder).epochs) == number
    finish(Run.open(run.folder))
    assert model_bytes(run.folder) == model_bytes(stopped.folder)
    assert len(json.loads((run.folder / "history.json").read_text())["epochs"]) == len(stopped.epochs)
