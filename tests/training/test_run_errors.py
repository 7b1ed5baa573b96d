"""The errors of a run: bad settings, other data, a folder in use, damaged files. Each is one line; nothing is lost."""

import re
import shutil
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support import small
from tests.support.short_run import DIGITS, FILES, SETTINGS, entries, finish, model_bytes

import convlens
from convlens.data import from_arrays
from convlens.engines import ENGINES
from convlens.models import MODELS
from convlens.nn.optimizers import OPTIMIZERS
from convlens.nn.schedules import SCHEDULES
from convlens.storage.tensors import write_tensors
from convlens.training import Batch, Run, Settings, load_model
from convlens.training.settings import go_on

pytestmark = pytest.mark.usefixtures("without_sync")


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs must be an integer of at least 1; got 0"),
        ({"epochs": 2.0}, "epochs must be an integer of at least 1; got 2.0"),
        ({"batch_size": 0}, "batch_size must be an integer of at least 1; got 0"),
        ({"batch_size": True}, "batch_size must be an integer of at least 1; got True"),
        ({"seed": -1}, "seed must be an integer of at least 0; got -1"),
        ({"seed": "x"}, "seed must be an integer of at least 0; got 'x'"),
        ({"early_stopping": 0}, "early_stopping must be an integer of at least 1; got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be a number above 0; got 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate must be a number above 0; got nan"),
        ({"model": "vgg"}, f"model must be one of {', '.join(MODELS)}, FILE.py:FUNCTION or FILE.json; got 'vgg'"),
        (
            {"optimizer": "ftrl"},
            f"optimizer must be one of {', '.join(OPTIMIZERS)}; got 'ftrl'; the nearest one to ftrl is adagrad",
        ),
        ({"schedule": "cosin"}, f"schedule must be one of {', '.join(SCHEDULES)}; got 'cosin'"),
        ({"weight_decay": -1}, "weight_decay must be a number of at least 0; got -1.0"),
        ({"momentum": 0.9}, "momentum is for sgd and rmsprop; got optimizer adam"),
        ({"momentum": 1, "optimizer": "sgd"}, "momentum must be from 0 to below 1; got 1.0"),
        (
            {"augment": "shift,rotate"},
            "augment must be some of shift, crop, flip, colour, with commas between; got 'rotate'",
        ),
        ({"dropout": 1}, "dropout must be a rate from 0 to below 1; got 1.0"),
        ({"size": 0}, "size must be an integer of at least 1, or two of them; got 0"),
        ({"trainer": "torch"}, "trainer must be one of convlens, keras; got 'torch'"),
        ({"engine": "cuda"}, f"engine must be one of auto, {', '.join(ENGINES)}; got 'cuda'"),
    ],
)
def test_bad_settings_leave_no_folder(tmp_path, settings, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Run.start(tmp_path / "run", Settings(**settings), DIGITS)
    assert entries(tmp_path) == []


def test_images_that_are_too_small_leave_no_folder(tmp_path):
    small_ones = from_arrays(DIGITS.x_train[:, :11], DIGITS.y_train, DIGITS.x_valid[:, :11], DIGITS.y_valid)
    with pytest.raises(ValueError, match=r"^lenet5 needs larger images; with 11 × 28 pixels, layer max_pooling2d_1: "):
        Run.start(tmp_path / "run", SETTINGS, small_ones)
    assert entries(tmp_path) == []


def test_a_network_that_does_not_fit_the_data_leaves_no_folder(tmp_path):
    for model, message in (
        (small.tiny(), "the network must take images (28, 28, 1), as the data have them; it takes (5, 4, 1)"),
        (
            convlens.lenet5(classes=7),
            "the network's output must be (10,), one number for each class; it is (7,)",
        ),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(f'model: {message}')}$"):
            Run.start(tmp_path / "run", SETTINGS, DIGITS, model)
    assert entries(tmp_path) == []


@pytest.mark.parametrize("held", [*FILES, "report.html"])
def test_a_folder_that_holds_a_run_is_refused_and_not_changed(tmp_path, held):
    (tmp_path / held).write_bytes(b"years of work")
    with pytest.raises(FileExistsError, match=f"the output folder must not hold another run; .* holds {held}"):
        Run.start(tmp_path, SETTINGS, DIGITS)
    assert (tmp_path / held).read_bytes() == b"years of work"
    assert entries(tmp_path) == [held]


def test_an_output_folder_that_is_a_file_is_refused(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"")
    with pytest.raises(NotADirectoryError, match=re.escape(f"the output folder must be a folder; {file} is a file")):
        Run.start(file, SETTINGS, DIGITS)
    with pytest.raises(NotADirectoryError):
        Run.start(file / "below", SETTINGS, DIGITS)


def test_other_data_are_refused(whole):
    other = small.digits(97)
    before = (whole.folder / "checkpoint.safetensors").read_bytes()
    rule = r"a resumed run needs the data that it started with, sha256 \w{12}…; arrays has \w{12}…"
    with pytest.raises(ValueError, match=rule):
        finish(Run.open(whole.folder), other)
    assert (whole.folder / "checkpoint.safetensors").read_bytes() == before


@pytest.mark.parametrize("threads", [0, 1.5])
def test_after_a_bad_number_of_threads_the_run_can_still_be_trained(whole, tmp_path, threads):
    run = Run.start(tmp_path / "run", SETTINGS, DIGITS)
    with pytest.raises(ValueError, match="threads must be an integer of at least 1"):
        finish(run, threads=threads)
    finish(run)
    assert model_bytes(run.folder) == model_bytes(whole.folder)


@pytest.mark.smoke
def test_only_epochs_and_the_place_of_the_data_may_change():
    assert go_on(SETTINGS, {}) == SETTINGS
    assert go_on(SETTINGS, {"seed": 0, "epochs": 7, "data": "moved"}) == replace(SETTINGS, epochs=7, data="moved")
    changes = {
        "model": "alexnet",
        "engine": "numpy" if SETTINGS.engine == "numba" else "numba",
        "seed": 1,
        "batch_size": 8,
        "learning_rate": 0.1,
        "early_stopping": 3,
    }
    for name, value in changes.items():
        was = getattr(SETTINGS, name)
        with pytest.raises(ValueError, match=re.escape(f"{name} must be the run's value, {was!r}; got {value!r}")):
            go_on(SETTINGS, {name: value})
    with pytest.raises(ValueError, match="epochs must be an integer of at least 1; got 0"):
        go_on(SETTINGS, {"epochs": 0})


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no locks on folders")
def test_only_one_process_at_a_time_trains_in_a_folder(whole, tmp_path):
    run, other = Run.start(tmp_path / "run", SETTINGS, DIGITS), Run.open(tmp_path / "run")
    training = run.train(DIGITS)
    assert isinstance(next(training), Batch)
    rule = r"only one process at a time may train in a folder; another one is training in .*run"
    with pytest.raises(BlockingIOError, match=rule):
        finish(other)
    with pytest.raises(BlockingIOError, match="one process at a time"):
        Run.start(tmp_path / "run", SETTINGS, DIGITS)
    list(training)
    assert finish(other) == []  # it reads what the first one wrote in the meantime
    assert len(other.epochs) == 3
    assert model_bytes(run.folder) == model_bytes(whole.folder)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no locks on folders")
def test_a_run_can_be_trained_on_a_file_system_without_locks(whole, tmp_path, monkeypatch):
    def fail(handle, operation):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", fail)
    run = Run.start(tmp_path / "run", SETTINGS, DIGITS)
    finish(run)
    assert model_bytes(run.folder) == model_bytes(whole.folder)


def test_no_file_is_left_open(tmp_path):
    open_files = Path("/proc/self/fd")
    if not open_files.exists():
        pytest.skip("needs /proc")
    before = len(list(open_files.iterdir()))
    run = Run.start(tmp_path / "run", SETTINGS, DIGITS)
    finish(run)
    Run.open(run.folder)
    assert len(list(open_files.iterdir())) == before


def test_a_run_whose_folder_was_replaced_or_removed_is_refused(tmp_path):
    run = Run.start(tmp_path / "run", SETTINGS, DIGITS)
    shutil.rmtree(run.folder)
    Run.start(run.folder, replace(SETTINGS, seed=1), DIGITS)
    with pytest.raises(ValueError, match="seed must be the run's value, 1; got 0"):
        finish(run)
    shutil.rmtree(run.folder)
    with pytest.raises(FileNotFoundError):
        finish(run)


# Damage --------------------------------------------------------------------------------------------------------------


def test_damaged_files_are_named(whole, tmp_path):
    for name, read in (("checkpoint.safetensors", Run.open), ("model.safetensors", load_model)):
        path = tmp_path / name
        with pytest.raises(FileNotFoundError, match=re.escape(f"there must be a file {path}; there is none")):
            read(tmp_path)
        content = (whole.folder / name).read_bytes()
        for damaged in (content[:-1], content[:100], b"", content[:-1] + bytes([content[-1] ^ 1])):
            path.write_bytes(damaged)
            with pytest.raises(ValueError, match=re.escape(str(path))):
                read(tmp_path)


def test_a_model_is_refused_as_a_checkpoint_and_a_checkpoint_as_a_model(whole, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    shutil.copy(whole.folder / "model.safetensors", path)
    with pytest.raises(
        ValueError, match=re.escape(f"{path} must be a checkpoint of this version of convlens; it is not")
    ):
        Run.open(tmp_path)
    path = whole.folder / "checkpoint.safetensors"
    with pytest.raises(ValueError, match=rf"^{re.escape(str(path))} must be a model's file; it is a run's checkpoint"):
        load_model(path)


def test_weights_with_wrong_names_or_shapes_are_named(tmp_path):
    path = tmp_path / "model.safetensors"
    weights = convlens.lenet5().named_weights()
    write_tensors(path, {**weights, "more": np.ones(1)}, {"model": "lenet5"})
    with pytest.raises(ValueError, match=re.escape(f"{path} must hold the weights conv2d/kernel, conv2d/bias,")):
        load_model(tmp_path)
    write_tensors(path, {**weights, "conv2d/bias": np.ones(5)}, {"model": "lenet5"})
    with pytest.raises(ValueError, match=re.escape(f"{path}: lenet5 needs conv2d/bias (6,); got (5,)")):
        load_model(tmp_path)


BAD_METADATA: dict[str, dict[str, Any]] = {
    "other settings": {"settings": {"depth": 3}, "data_sha256": "", "epochs": []},
    "no settings": {"settings": None, "data_sha256": "", "epochs": []},
    "an unknown model": {"settings": {"model": "vgg"}, "data_sha256": "", "epochs": []},
    "other figures of an epoch": {"settings": {}, "data_sha256": "", "epochs": [{"epoch": 1}]},
    "nothing": {},
}


@pytest.mark.parametrize("case", BAD_METADATA)
def test_a_checkpoint_of_another_version_is_named(tmp_path, case):
    path = tmp_path / "checkpoint.safetensors"
    model = convlens.lenet5()
    write_tensors(path, {"weights": model.flat, "step": np.array(0)}, BAD_METADATA[case])
    with pytest.raises(
        ValueError, match=re.escape(f"{path} must be a checkpoint of this version of convlens; it is not")
    ):
        Run.open(tmp_path)


def test_a_checkpoint_with_another_number_of_weights_is_named(tmp_path):
    metadata = {"settings": asdict(SETTINGS), "data_sha256": "", "epochs": []}
    for size in (1, 61_705):
        write_tensors(
            tmp_path / "checkpoint.safetensors", {"weights": np.ones(size, np.float32), "step": np.array(0)}, metadata
        )
        with pytest.raises(ValueError, match="must be a checkpoint of this version of convlens; it is not"):
            Run.open(tmp_path)
